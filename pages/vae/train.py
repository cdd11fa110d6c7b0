"""vae.train: a VAE learns live, its loss in two parts, its pictures as they sharpen; or one from before is opened."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core import scene
from core.scenes.vae import WATCHED, HistoryScene
from pages.vae import common
from ui import chapter, controls, links, live, text
from ui.plane import Axis, Curve, Panel, plane

ID = "vae.train"
LATENT = links.whole(f"{ID}.latent", 20, low=1, high=64)
HIDDEN = links.choice(f"{ID}.hidden", "200", ("25", "100", "200", "400"))
BETA = links.choice(f"{ID}.beta", "1", ("0", "0.25", "1", "4", "16"))
LIKELIHOOD = links.choice(f"{ID}.likelihood", "bernoulli", ("bernoulli", "gaussian"))
RATE = links.choice(f"{ID}.rate", "0.002", ("0.0005", "0.002", "0.01", "3"))
DATA = links.choice(f"{ID}.data", "mnist", ("mnist", "fashion_mnist"))
LENGTH = links.choice(f"{ID}.length", "medium", ("short", "medium", "long"))
BODY = links.choice(f"{ID}.network", "mlp", ("mlp", "convolutions"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9_999)
EPOCHS = {"short": 1, "medium": 5, "long": 25}
BATCH = 100
NEW = "new"  # of the models to look at: the run that the settings ask for
MOST_ROWS = 7
COMMAND = "python -m core.train vae --epochs 5 --latent 20 --hidden 200 --learning-rate 2e-3 --name small"


@dataclass(frozen=True)
class Picture:
    """What is drawn of a run, whether it goes on now or was kept."""

    steps: int
    at: np.ndarray  # (P,) updates
    parts: np.ndarray  # (P, 2)
    examples: np.ndarray
    previews: tuple[tuple[int, np.ndarray, np.ndarray], ...]
    losses: np.ndarray  # (P,) where nobody noted the parts, else empty


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    known = common.models()
    OPEN = common.choice(f"{ID}.open", NEW, (NEW, *known))
    with page.experiment(ID, settings=(LATENT, HIDDEN, BETA, LIKELIHOOD, RATE, DATA, LENGTH, BODY, SEED, OPEN)):
        chosen = _controls(OPEN, known)
        if chosen != NEW:
            _opened(known[chosen])
        elif links.value(DATA) == "fashion_mnist" and not _there("fashion_mnist"):
            text.prose(text.current().words(f"{ID}.fashion_missing"))
        else:
            live.watch(ID, _config, _run, config_key=_known_key())
        back = {OPEN: NEW, RATE: "0.002", BETA: "1", DATA: "mnist", LENGTH: "medium", LIKELIHOOD: "bernoulli"}
        controls.presets(
            ID,
            {
                "two": back | {LATENT: 2, LENGTH: "short"},
                "no_prior": back | {LATENT: 20, BETA: "0", LENGTH: "short"},
                "collapse": back | {LATENT: 20, BETA: "16", LENGTH: "short"},
                "grey": back | {LATENT: 20, LIKELIHOOD: "gaussian", LENGTH: "short"},
                "runaway": back | {LATENT: 20, RATE: "3", LENGTH: "short"},
            },
        )


def _controls(OPEN: links.Setting, known: dict[str, dict]) -> str:
    """The row of controls; returns the model to look at."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        with st.container(width=200):
            chosen = common.select(OPEN, known)
        if chosen == NEW:
            with st.container(width=150):
                controls.slider(LATENT)
            with st.container(width="content"):
                controls.select(BETA)
            with st.container(width="content"):
                controls.select(RATE)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.select(LIKELIHOOD)
                controls.select(HIDDEN)
                controls.select(LENGTH)
                controls.select(DATA)
                controls.select(BODY)
                controls.seed(SEED)
    return chosen


def _there(dataset: str) -> bool:
    from core import data

    if data.available(dataset):
        return True
    try:
        with st.spinner(text.current().label("data.fetching")):
            data.images(dataset, "train")
    except data.DataError:
        return False
    return True


def _config() -> Any:
    """The run that the settings ask for, as frozen plain data. Imports torch, so it is called when one is started."""
    from core.train import vae_config
    from core.vae import VAEConfig

    network = {
        "latent": int(links.value(LATENT)),
        "hidden": (int(links.value(HIDDEN)),),
        "likelihood": links.value(LIKELIHOOD),
        "body": links.value(BODY),
    }
    VAEConfig(**network)
    return vae_config(
        links.value(DATA),
        EPOCHS[links.value(LENGTH)],
        beta=float(links.value(BETA)),
        network=network,
        batch_size=BATCH,
        learning_rate=float(links.value(RATE)),
        seed=int(links.value(SEED)),
    )


def _known_key() -> str | None:
    """The key of that run, once torch is there anyway; before that no run can be going on in this process."""
    return _config().key if "torch" in sys.modules else None


def _run(shot: Any) -> None:
    """Draws a run: its loss, what it draws, and one sentence; before any run, a kept one."""
    t = text.current()
    if shot is None or shot.state is None:
        known = common.models()
        own = next((r for r in known.values() if shot is not None and r["key"] == shot.key), None)
        kept = own or known.get(WATCHED)
        if kept is None:
            common.no_model()
            return
        picture = _kept(kept)
        _panels(picture)
        if own is None and len(picture.parts):  # a run that has not begun yet is not to be taken for it
            _recorded(picture, kept)
        else:
            _test(kept)
        return
    state = shot.state
    training = state.training
    parts, losses = state.parts.numpy(), training.losses.numpy()
    previews = tuple((p.step, p.reconstructed.numpy(), p.drawn.numpy()) for p in state.previews)
    at, parts = _blocks(parts)
    _panels(Picture(training.steps, at, parts, state.examples.numpy(), previews, losses[:0]))
    reconstruction, kl = (text.number(float(v), 4) for v in parts[-1])
    words = {"reconstruction": reconstruction, "kl": kl}
    if shot.status == "failed" and shot.message == "diverged":
        rate = f"{state.config.training.learning_rate:g}"
        text.prose(t.words(f"{ID}.diverged", step=shot.detail, rate=rate, shown=f"{training.step:,}"))
    elif shot.status == "done":
        count = training.parameters
        seconds = text.number(training.seconds, 3)
        text.prose(t.words(f"{ID}.caption.done", seconds=seconds, parameters=f"{count:,}", **words))
    else:
        words |= {"step": f"{training.step:,}", "steps": f"{training.steps:,}", "device": state.device}
        text.prose(t.words(f"{ID}.caption", rate=text.number(training.rate, 3), **words))


def _recorded(picture: Picture, record: dict) -> None:
    """Where the run of the first paint came from, and where it ended."""
    numbers = {"seconds": text.number(record["seconds"])}
    for name, value in zip(("reconstruction", "kl"), picture.parts[-1], strict=True):
        numbers[name] = text.number(float(value), 4)
    text.prose(text.current().words(f"{ID}.caption.first", command=COMMAND, **numbers), small=True)


def _opened(record: dict) -> None:
    """A model that was trained before."""
    _panels(_kept(record))
    _test(record)


def _test(record: dict) -> None:
    """What a kept model reaches on test images."""
    t = text.current()
    loss, kl = (float(v) for v in scene.shown(HistoryScene(record["key"]))["test"])
    numbers = {"reconstruction": text.number(loss, 4), "kl": text.number(kl, 4), "elbo": text.number(-loss - kl, 4)}
    seconds = live.duration(float(record["seconds"]))
    text.prose(t.words(f"{ID}.caption.test", seconds=seconds, parameters=f"{record['parameters']:,}", **numbers))


def _kept(record: dict) -> Picture:
    a = scene.shown(HistoryScene(record["key"]))
    steps, parts = int(a["steps"]), a["parts"]
    curve = parts if len(parts) else a["losses"]
    at = (np.arange(len(curve)) + 0.5) * steps / max(len(curve), 1)
    previews = tuple((int(s), r, d) for s, r, d in zip(a["at"], a["reconstructed"], a["drawn"], strict=True))
    return Picture(steps, at, parts, a["examples"], previews, a["losses"] if not len(parts) else a["losses"][:0])


def _blocks(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of blocks of updates, so that there are never more than 300; (B,) and (B, 2)."""
    block = -(-len(parts) // 300) or 1  # of what there is: a run that ends early is not smeared
    means = parts[: len(parts) // block * block].reshape(-1, block, 2).mean(axis=1)
    return (np.arange(len(means)) + 0.5) * block, means


def _panels(picture: Picture) -> None:
    t = text.current()
    with st.container(horizontal=True, gap="medium"):  # one below the other where there is no room
        left, right = st.container(width=430), st.container(width=600)
    with left:
        _curves(picture)
    with right:
        chosen = picture.previews
        if len(chosen) > MOST_ROWS:
            keep = np.unique(np.linspace(0, len(chosen) - 1, MOST_ROWS).round().astype(int))
            chosen = tuple(chosen[i] for i in keep)
        body: list = [(t.words(f"{ID}.row.given"), (picture.examples, None))]
        body += [(t.words(f"{ID}.row", step=f"{s:,}"), (rebuilt, drawn)) for s, rebuilt, drawn in chosen]
        common.rows([t.words(f"{ID}.column.rebuilt"), t.words(f"{ID}.column.drawn")], body)


def _curves(picture: Picture) -> None:
    """The two parts of the loss; where only their sum was kept, that."""
    t = text.current()
    x = Axis(t.words(f"{ID}.axis.step"), 0, max(picture.steps, 1))
    if len(picture.losses):
        lines = [("exact", "loss", picture.losses)]
    else:
        lines = [("model", "reconstruction", picture.parts[:, 0]), ("latent", "kl", picture.parts[:, 1])]
    low, high = _ends(np.stack([y for _, _, y in lines], axis=1))
    plane(
        [
            Panel(
                name="loss",
                x=x,
                y=Axis(t.words(f"{ID}.axis.nats"), low, high),
                layers=[
                    Curve(
                        name=name, role=role, x=picture.at, y=np.clip(y, low - (high - low), high + (high - low)),
                        dashed=role == "latent", label=t.words(f"{ID}.curve.{name}"),
                    )
                    for role, name, y in lines
                ],
            )
        ],
        key=f"{ID}.plane",
        height=250,
    )  # fmt: skip


def _ends(parts: np.ndarray) -> tuple[float, float]:
    """The ends of the axis: from zero or below, to where all but a few updates lie or three times the first, if lower.

    parts: (P, C), a row an update. A loss that runs away leaves the picture at its top.
    """
    values = parts[np.isfinite(parts)]
    if not values.size:
        return 0.0, 250.0
    begun = 3 * max(float(np.abs(parts[0][np.isfinite(parts[0])]).max(initial=0.0)), 50.0)
    bottom = max(float(values.min()), -100 * begun)
    top = min(float(np.percentile(values, 99.5)), max(begun, bottom + 50.0))
    unit = 50.0 if top - min(bottom, 0) < 1000 else 10.0 ** np.floor(np.log10(top - min(bottom, 0)))
    return min(0.0, float(np.floor(bottom / unit) * unit)), max(unit, float(np.ceil(top / unit) * unit))
