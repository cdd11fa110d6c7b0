"""neural_network.curve: a network learns a curve through points, live, and shows what each of its units adds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from core import scene
from core.scenes.neural_network import CurveScene, fits_as_arrays
from pages.neural_network.common import size
from ui import chapter, controls, links, live, text
from ui.plane import Axis, Cloud, Curve, Editor, Panel, Paths, Rule, plane

ID = "neural_network.curve"
FIRST = CurveScene()
REACH, HEIGHT = 3.0, 2.5
DEAD = 1e-6  # range of the shares below which nothing depends on x
FEW, STRONG = 4, 16  # lines of a layer that are drawn strongly; units up to which they are drawn so
POINTS = links.points(f"{ID}.points", FIRST.points, low=-REACH, high=REACH, most=60)
WIDTH = links.whole(f"{ID}.width", FIRST.width, low=1, high=32)
DEPTH = links.whole(f"{ID}.depth", FIRST.depth, low=1, high=4)
ACTIVATION = links.choice(f"{ID}.activation", FIRST.activation, ("tanh", "relu", "sigmoid", "identity"))
RATE = links.choice(f"{ID}.rate", FIRST.rate, (0.001, 0.003, 0.01, 0.03, 0.1, 1.0, 10.0))
STEPS = links.choice(f"{ID}.steps", FIRST.steps, (1000, 4000, 16_000))
SEED = links.whole(f"{ID}.seed", FIRST.seed, low=0, high=9999)
SETTINGS = (POINTS, WIDTH, DEPTH, ACTIVATION, RATE, STEPS, SEED)
STEP_POINTS = tuple(
    (x, -0.8 if x < 0 else 0.8) for x in (-2.5, -2.0, -1.5, -1.0, -0.5, -0.1, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5)
)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            with st.container(width=170):
                controls.slider(WIDTH)
            with st.container(width=120):
                controls.slider(DEPTH)
            controls.select(ACTIVATION)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.select(RATE, names=lambda rate: f"{rate:g}")
                controls.select(STEPS, names=lambda steps: f"{steps:,}")
                controls.seed(SEED)
        if links.value(POINTS):
            live.watch(ID, config, _run, config_key=_known_key(), every=1.0)
        else:
            _picture(None, {}, wanted())
            text.prose(t.words(f"{ID}.no_points"))
        home = {s: s.default for s in SETTINGS}
        controls.presets(
            ID,
            {
                "corners": home | {ACTIVATION: "relu", WIDTH: 6},
                "step": home | {POINTS: STEP_POINTS, WIDTH: 1},
                "lines": home | {ACTIVATION: "identity", WIDTH: 16, DEPTH: 3},
                "one": home | {POINTS: ((0.5, 1.0),)},
                "runaway": home | {RATE: 10.0},
            },
        )


def wanted() -> CurveScene:
    """What the settings ask for, as plain data."""
    return CurveScene(
        points=tuple((round(float(x), 4), round(float(y), 4)) for x, y in links.value(POINTS)),
        width=int(links.value(WIDTH)),
        depth=int(links.value(DEPTH)),
        activation=str(links.value(ACTIVATION)),
        rate=float(links.value(RATE)),
        steps=int(links.value(STEPS)),
        seed=int(links.value(SEED)),
    )


def config() -> Any:
    """The run that the settings ask for. Imports torch, so it is called when one is started."""
    from core.curve import CurveConfig, CurveRun

    w = wanted()
    return CurveRun(w.points, CurveConfig(w.width, w.depth, w.activation), w.rate, w.steps, w.seed)


def _known_key() -> str | None:
    """The key of that run, once torch is there anyway; before that no run can be going on in this process."""
    return config().key if "torch" in sys.modules else None


def _again() -> None:
    """Start again from other first weights: the next seed."""
    from core import jobs

    old = config().key
    jobs.runner().stop(old, live.watcher())
    links.put_all({SEED: (int(links.value(SEED)) + 1) % (int(SEED.high) + 1)})
    live.start(ID, config)


def _run(shot: Any) -> None:
    """Draws a run, or what there is before one."""
    t, asked = text.current(), wanted()
    with st.container(key=f"{ID}.picture", gap="small"):
        if shot is None or shot.state is None:
            first = CurveScene(trained=True)
            at_home = asked == FIRST
            settings = first if at_home else asked
            arrays = scene.shown(settings)
            _picture(settings, arrays, asked)
            name = "recorded" if at_home else "untrained"
            text.prose(t.words(f"{ID}.caption.{name}", **_numbers(settings, arrays)))
            return
        run, training = shot.state.config, shot.state.training
        settings = CurveScene(
            run.points, run.network.width, run.network.depth, run.network.activation, run.rate, run.steps, run.seed
        )
        arrays = fits_as_arrays(shot.state.fits, training.losses.numpy())
        _picture(settings, arrays, asked)
        numbers = _numbers(settings, arrays)
        if shot.status == "failed" and shot.message == "diverged":
            shown = int(arrays["step"][-1])
            text.prose(t.words(f"{ID}.diverged", step=shot.detail, rate=f"{run.rate:g}", shown=shown))
        else:
            text.prose(t.words(f"{ID}.caption", **numbers))
            if float(np.ptp(arrays["shares"][-1], axis=1).max()) < DEAD:
                text.prose(t.words(f"{ID}.dead"), small=True)
        if asked != settings and shot.status not in live.ACTIVE:
            text.prose(t.words(f"{ID}.other"), small=True)
        else:
            st.button(t.words(f"{ID}.again"), key=f"{ID}.again", icon=":material/restart_alt:", on_click=_again)


def _numbers(settings: CurveScene, arrays: Mapping[str, np.ndarray]) -> dict[str, object]:
    """What the sentence says of the last look."""
    shares = arrays["shares"][-1]
    weights = settings.width * settings.width * (settings.depth - 1) + settings.width * (settings.depth + 2) + 1
    largest = int(np.ptp(shares, axis=1).argmax())
    return {
        "step": f"{int(arrays['step'][-1]):,}",
        "loss": size(float(arrays["loss"][-1]), 3),
        "units": len(shares),
        "weights": f"{weights:,}",
        "points": len(settings.points),
        "gap": size(float(np.abs(shares.sum(axis=0) + arrays["bias"][-1] - arrays["curve"][-1]).max()), 1),
        "largest": largest + 1,
        "range": text.number(float(np.ptp(shares[largest])), 2),
    }


def _picture(settings: CurveScene | None, arrays: Mapping[str, np.ndarray], asked: CurveScene) -> None:
    panels, frames = parts(settings, arrays, asked)
    plane(
        panels,
        key=f"{ID}.plane",
        values={"points": POINTS},
        frames=frames,
        height=282,
        invite=text.current().words(f"{ID}.invite"),
        scene="" if settings is None else settings.key,
    )


def parts(
    settings: CurveScene | None, arrays: Mapping[str, np.ndarray], asked: CurveScene
) -> tuple[list[Panel], list[str]]:
    """The panels, and a text for each frame. settings: of the network that is shown; None: there is none."""
    t, layers, frames, loss = text.current(), [], [], []
    if settings is not None:
        frames = [t.words("neural_network.frame.update", step=f"{int(s):,}") for s in arrays["step"]]
        curves = arrays["curve"]  # (F, G)
        layers = [
            *_shares(arrays),
            Rule(name="bias", role="noise", y=[float(b) for b in arrays["bias"]], label="b"),
            Curve(
                name="curve", role="model", label=t.words(f"{ID}.fit"),
                x=np.broadcast_to(arrays["grid"], curves.shape), y=np.clip(curves, -1e4, 1e4),
            ),
        ]  # fmt: skip
        if settings.points != asked.points:
            learnt = np.array(settings.points)
            layers.insert(0, Cloud(name="learnt", at=learnt, faint=True, label=t.words(f"{ID}.learnt")))
        loss = _loss(settings, arrays)
    points = Panel(
        name="points",
        title=t.words(f"{ID}.panel"),
        x=Axis("x", -REACH, REACH),
        y=Axis("y", -HEIGHT, HEIGHT),
        layers=layers,
        handles=[Editor(name="points", points="points", most=POINTS.most, label=t.words(f"{ID}.points"))],
        weight=1.9,
    )
    return [points, *loss], frames


def _shares(arrays: Mapping[str, np.ndarray]) -> list[Paths]:
    """The shares of the units. Four to a layer where they are few: a layer of many lines draws each of them pale."""
    shares = arrays["shares"]  # (F, W, G)
    at = np.clip(np.stack([np.broadcast_to(arrays["grid"], shares.shape), shares], axis=-1), -1e4, 1e4)
    units = at.shape[1]
    each = FEW if units <= STRONG else units
    return [
        Paths(
            name=f"shares{first}",
            role="latent",
            label="" if first else text.current().words(f"{ID}.shares"),
            at=at[:, first : first + each],
        )
        for first in range(0, units, each)
    ]


def _loss(settings: CurveScene, arrays: Mapping[str, np.ndarray]) -> list[Panel]:
    """The loss of every update, and where the frame that is shown lies on it."""
    t = text.current()
    seen = np.concatenate([arrays["loss"], arrays["losses"]])
    seen = np.clip(seen[np.isfinite(seen) & (seen > 0)], 1e-12, 1e8)
    if not seen.size:
        return []
    low, high = 10.0 ** np.floor(np.log10(seen.min())), 10.0 ** np.ceil(np.log10(seen.max()) + 1e-9)
    floored = {name: np.clip(arrays[name], 1e-12, 1e8) for name in ("loss", "losses")}
    return [
        Panel(
            name="loss",
            title=t.words(f"{ID}.loss"),
            x=Axis(t.words("neural_network.axis.update"), 0.0, float(settings.steps)),
            y=Axis(t.words(f"{ID}.axis.loss"), float(low), float(max(high, 10 * low)), log=True),
            layers=[
                Curve(name="losses", role="model", faint=True, x=arrays["at"] + 0.0, y=floored["losses"]),
                Curve(name="loss", role="model", grow=True, x=arrays["step"] + 0.0, y=floored["loss"]),
            ],
            seek=True,
        )
    ]
