"""The first view of diffusion_theory.hierarchy: a VAE of two levels is opened beside one of one level, or trained."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from core import scene
from core.scenes.diffusion_theory_hierarchy import (
    COMPARED,
    IMAGES,
    SHIPPED,
    K,
    TwoLevelsScene,
    beside,
)
from core.store import StoreError
from ui import controls, links, live, strips, text
from ui.plane import Axis, Bars, Curve, Panel, plane

ID = "diffusion_theory.hierarchy"
NEW = "new"  # of the models to look at: the run that the settings ask for
LATENT = links.whole(f"{ID}.latent", 20, low=1, high=64)
UPPER = links.whole(f"{ID}.upper", 20, low=1, high=64)
HIDDEN = links.choice(f"{ID}.hidden", "200", ("25", "100", "200", "400"))
RATE = links.choice(f"{ID}.rate", "0.002", ("0.0005", "0.002", "0.01", "3"))
BETA = links.choice(f"{ID}.beta", "1", ("0", "0.25", "1", "4"))
LENGTH = links.choice(f"{ID}.length", "medium", ("short", "medium", "long"))
LIKELIHOOD = links.choice(f"{ID}.likelihood", "bernoulli", ("bernoulli", "gaussian"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9_999)
SETTINGS = (LATENT, UPPER, HIDDEN, RATE, BETA, LENGTH, LIKELIHOOD, SEED)
EPOCHS = {"short": 1, "medium": 5, "long": 25}
BATCH = 100
MOST_ROWS = 6
PARTS = ("reconstruction", "lower", "upper")
ROLES = {"reconstruction": "model", "lower": "latent", "upper": "condition"}


def choose(OPEN: links.Setting, known: dict[str, dict]) -> str:
    """The controls of this view; returns the model to look at."""
    t = text.current()
    with st.container(width=220):
        chosen = str(controls.select(OPEN, look="select", names=lambda name: _name(name, known.get(name))))
    if chosen == NEW:
        with st.container(width=150):
            controls.slider(LATENT)
        with st.container(width=150):
            controls.slider(UPPER)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            for setting in (RATE, HIDDEN, BETA, LENGTH, LIKELIHOOD):
                controls.select(setting)
            controls.seed(SEED)
    else:
        with st.container(width="content"):
            controls.seed(SEED)
    return chosen


def draw(chosen: str, known: dict[str, dict]) -> None:
    """A model that was trained before, or the run that the settings ask for."""
    if chosen == NEW:
        live.watch(ID, config, _run, config_key=config().key if "torch" in sys.modules else None)
    else:
        _opened(known[chosen])


def config() -> Any:
    """The run that the settings ask for, as frozen plain data. Imports torch, so it is called when one is started."""
    from core.train import hierarchical_config

    hidden = int(links.value(HIDDEN))
    network = {
        "latent": int(links.value(LATENT)), "upper": int(links.value(UPPER)), "hidden": (hidden,), "width": hidden,
        "likelihood": links.value(LIKELIHOOD),
    }  # fmt: skip
    return hierarchical_config(
        "mnist",
        EPOCHS[str(links.value(LENGTH))],
        beta=float(links.value(BETA)),
        network=network,
        batch_size=BATCH,
        learning_rate=float(links.value(RATE)),
        seed=int(links.value(SEED)),
    )


def _name(name: str, record: dict | None) -> str:
    """What a model is called."""
    t = text.current()
    if record is None or name == SHIPPED:
        return t.words(f"{ID}.model.{name}")
    made = record["config"]["network"]
    values = {"lower": made["lower"]["latent"], "upper": made["upper"], "epochs": _epochs(record)}
    return t.words(f"{ID}.model.own", **values)


def _epochs(record: dict) -> str:
    made = record["config"]["training"]
    return text.number(made["steps"] * made["batch_size"] / 60_000, 2)


# ---- a run ----------------------------------------------------------------------------------------------------------


def _run(shot: Any) -> None:
    """A run as it goes on, or as it ended; before any, what there is to do."""
    t = text.current()
    if shot is None or (shot.state is None and shot.status != "done"):
        if shot is None or shot.status not in live.ACTIVE:  # one that has just begun needs no advice to start it
            text.prose(t.words(f"{ID}.none_yet"), small=True)
        return
    if shot.state is None:  # it ended before this server began
        from core.scenes.diffusion_theory_hierarchy import models

        kept = next((record for record in models().values() if record["key"] == shot.key), None)
        if kept is not None:
            _opened(kept)
        return
    state, training = shot.state, shot.state.training
    at, parts = _blocks(state.parts.numpy())
    previews = tuple((p.step, p.reconstructed.numpy(), p.drawn.numpy()) for p in state.previews)
    _growing(training.steps, at, parts, state.examples.numpy(), previews)
    if not len(parts):
        return
    values = {name: text.number(float(value), 4) for name, value in zip(PARTS, parts[-1], strict=True)}
    if shot.status == "failed" and shot.message == "diverged":
        text.prose(t.words(f"{ID}.diverged", step=f"{training.step:,}", rate=links.value(RATE)))
    elif shot.status == "done":
        text.prose(t.words(f"{ID}.done", seconds=text.number(training.seconds, 3), **values))
    else:
        values |= {"step": f"{training.step:,}", "steps": f"{training.steps:,}", "device": state.device}
        text.prose(t.words(f"{ID}.going", rate=text.number(training.rate, 3), **values))


def _growing(steps: int, at: np.ndarray, parts: np.ndarray, examples: np.ndarray, previews: tuple) -> None:
    """The three parts of the loss, and pictures as they sharpen."""
    t = text.current()
    with st.container(horizontal=True, gap="medium"):
        left, right = st.container(width=410), st.container(width=590)
    finite = parts[np.isfinite(parts).all(axis=1)] if len(parts) else parts
    first = float(finite[0].max()) if len(finite) else 200.0
    top = max(50.0, min(float(np.percentile(finite, 99.5)) if len(finite) else 250.0, 3 * first))
    bottom = min(0.0, float(finite.min()) if len(finite) else 0.0)
    bottom = max(bottom, -10 * top)
    with left:
        plane(
            [
                Panel(
                    name="loss",
                    x=Axis(t.words(f"{ID}.axis.step"), 0, max(steps, 1)),
                    y=Axis(t.words(f"{ID}.axis.nats"), bottom, 1.05 * top),
                    layers=[
                        Curve(
                            name=name, role=ROLES[name], x=at, y=np.clip(parts[:, k], bottom - top, 2 * top),
                            dashed=name != "reconstruction", label=t.words(f"{ID}.part.{name}"),
                        )
                        for k, name in enumerate(PARTS)
                    ],
                )
            ],
            key=f"{ID}.loss",
            height=230,
        )  # fmt: skip
    with right:
        if len(previews) > MOST_ROWS:
            keep = np.unique(np.linspace(0, len(previews) - 1, MOST_ROWS).round().astype(int))
            previews = tuple(previews[i] for i in keep)
        body: list = [(t.words(f"{ID}.row.given"), (examples, None))]
        body += [(f"{step:,}", (rebuilt, drawn)) for step, rebuilt, drawn in previews]
        strips.rows([t.words(f"{ID}.column.rebuilt"), t.words(f"{ID}.column.drawn")], body)


def _blocks(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of blocks of updates, so that there are never more than 300; (B,) and (B, 3)."""
    block = -(-len(parts) // 300) or 1
    means = parts[: len(parts) // block * block].reshape(-1, block, len(PARTS)).mean(axis=1)
    return (np.arange(len(means)) + 0.5) * block, means


# ---- a kept model ---------------------------------------------------------------------------------------------------


def _opened(record: dict) -> None:
    """What a kept model of two levels draws and reaches, beside one of one level."""
    t = text.current()
    try:
        a = scene.shown(TwoLevelsScene(record["key"], other := beside(record), int(links.value(SEED))))
    except StoreError:
        text.prose(t.words(f"{ID}.no_model"))
        return
    _strips(a)
    _units(a)
    _measured(a, record, other)


def _units(a: Mapping[str, np.ndarray]) -> None:
    """The KL of each unit of either level; of one level, the outline over it."""
    t = text.current()
    every = [a["lower"], a["upper"], *([a["one"]] if "one" in a else [])]
    top = 1.2 * max(max(float(values.max()) for values in every), 0.05)
    low = min(0.0, 1.2 * min(float(values.min()) for values in every))
    panels = []
    for name in ("lower", "upper"):
        units = a[name]
        layers = [Bars(name=name, role=ROLES[name], edges=np.arange(len(units) + 1) + 0.5, heights=units)]
        if name == "lower" and "one" in a:
            edges = np.arange(len(a["one"]) + 1) + 0.5
            layers.append(
                Bars(name="one", role="exact", edges=edges, heights=a["one"], outline=True, label=t.words(f"{ID}.one"))
            )
        panels.append(
            Panel(
                name=name,
                title=t.words(f"{ID}.level.{name}"),
                x=Axis(t.words(f"{ID}.axis.unit"), 0.5, max(len(units), 2) + 0.5),
                y=Axis(t.words(f"{ID}.axis.kl"), low, top),
                layers=layers,
            )
        )
    plane(panels, key=f"{ID}.units", height=120)


def _strips(a: Mapping[str, np.ndarray]) -> None:
    t = text.current()
    two = len(a["drawn"]) > 1
    head = [t.words(f"{ID}.column.two"), t.words(f"{ID}.column.one" if two else f"{ID}.column.none")]
    body: list = [(t.words(f"{ID}.row.given"), (a["examples"], None))]
    for name in ("rebuilt", "drawn"):
        body.append((t.words(f"{ID}.row.{name}"), (a[name][0], a[name][1] if two else None)))
    body += [(t.words(f"{ID}.row.{name}"), (a[name], None)) for name in ("same_top", "new_top")]
    strips.rows(head, body)


def _measured(a: Mapping[str, np.ndarray], record: dict, other: str) -> None:
    """The bound by its parts and the weights of each, then what the levels are used for."""
    t = text.current()
    records = [record]
    if other:
        from core import vae_library

        records.append(vae_library.record(other))
    names = ("two", "one")[: len(records)]
    quantities = ("elbo", "reconstruction", "lower", "upper", "log_likelihood", "weights", "epochs")
    told = []  # a column a model, so that the table is narrow enough for a tablet
    for row, name in enumerate(names):
        means = [_hundredths(float(v)) for v in a["means"][row]]
        if name == "one":
            means[3] = "–"
        bound = _hundredths(float(a["log_likelihood"][row].mean()))
        told.append([*means, bound, f"{records[row]['parameters']:,}", _epochs(records[row])])
    lines = [
        "| | " + " | ".join(t.words(f"{ID}.column.{name}") for name in names) + " |",
        "|---" + "|---:" * len(names) + "|",
    ]
    for quantity, values in zip(quantities, zip(*told, strict=True), strict=True):
        lines.append("| " + " | ".join([t.words(f"{ID}.table.{quantity}"), *values]) + " |")
    text.prose("\n".join(lines))
    values = {
        "upper_active": int(a["upper_active"]), "upper_units": len(a["upper"]),
        "lower_active": int(a["lower_active"]), "lower_units": len(a["lower"]),
    }  # fmt: skip
    text.prose(t.words(f"{ID}.caption.levels", **values))
    text.prose(t.words(f"{ID}.caption.measured", images=f"{IMAGES:,}", k=K, compared=COMPARED), small=True)
    if len(records) > 1:
        gain = float(a["means"][0][0] - a["means"][1][0])
        each = (a["log_likelihood"][0] - a["log_likelihood"][1]).astype(float)
        error = float(each.std(ddof=1) / np.sqrt(len(each)))
        said = {"gain": _signed(gain), "likelihood": _signed(float(each.mean())), "error": text.number(error, 2)}
        said["compared"] = str(COMPARED)
        text.prose(t.words(f"{ID}.caption.beside", **said), small=True)


def _hundredths(value: float) -> str:
    """Numbers of a column with as many places as their neighbours."""
    return f"{value:,.2f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
