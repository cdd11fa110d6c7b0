"""neural_network.descent: three ways of walking downhill race from one start."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.neural_network import RULES, SURFACES, DescentScene
from pages.neural_network.common import size, until_gone
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Contours, Curve, Dot, Heat, Panel, plane

ID = "neural_network.descent"
FIRST = DescentScene()
RATES = (0.0003, 0.001, 0.002, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.5)
SURFACE = links.choice(f"{ID}.surface", FIRST.surface, tuple(SURFACES))
SGD, MOMENTUM, ADAM = (links.choice(f"{ID}.{rule}", rate, RATES) for rule, rate in zip(RULES, FIRST.rates, strict=True))
START = {  # a start of its own for each surface, so that a change of surface never leaves the window
    name: tuple(
        links.real(f"{ID}.{name}_{axis}", start[i], low=window[2 * i], high=window[2 * i + 1], step=0.01)
        for i, axis in enumerate("xy")
    )
    for name, (window, start) in SURFACES.items()
}
STEPS = links.whole(f"{ID}.steps", FIRST.steps, low=10, high=390, step=10)
SETTINGS = (SURFACE, SGD, MOMENTUM, ADAM, STEPS, *(s for pair in START.values() for s in pair))
ROLES = {"sgd": "score", "momentum": "model", "adam": "latent"}
LOWEST = 1e-12  # of the axis of heights
FAR = 1e4  # from where on a walk is no longer drawn


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width=200):
                surface = str(controls.select(SURFACE, look="select"))
            for setting in (SGD, MOMENTUM, ADAM):
                with st.container(width=150):
                    controls.select(setting, look="select", names=lambda rate: f"{rate:g}")
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.slider(STEPS)
                for setting in START[surface]:
                    controls.slider(setting)
        x, y = (round(float(links.value(setting)), 6) for setting in START[surface])
        rates = tuple(float(links.value(setting)) for setting in (SGD, MOMENTUM, ADAM))
        settings = DescentScene(surface, x, y, rates, int(links.value(STEPS)))
        arrays = scene.shown(settings)
        _picture(settings, arrays)
        with st.container(key=f"{ID}.said", gap=None):
            for sentence in sentences(settings, arrays):
                text.prose(sentence)
        controls.presets(
            ID,
            {
                "ravine": _preset("ravine", 0.03, 0.03, 0.1),
                "runaway": _preset("ravine", 0.1, 0.1, 1.0) | {START["ravine"][1]: 0.4},
                "saddle": _preset("saddle", 0.1, 0.03, 0.1) | {START["saddle"][1]: 0.0},
                "same": _preset("bowl", 0.1, 0.1, 0.1),
                "rosenbrock": _preset("rosenbrock", 0.003, 0.001, 0.1),
            },
        )


def _preset(surface: str, sgd: float, momentum: float, adam: float) -> dict[links.Setting, object]:
    first = {setting: setting.default for setting in START[surface]}
    return {SURFACE: surface, SGD: sgd, MOMENTUM: momentum, ADAM: adam, STEPS: STEPS.default} | first


def _picture(settings: DescentScene, arrays: Mapping[str, np.ndarray]) -> None:
    t = text.current()
    low_x, high_x, low_y, high_y = SURFACES[settings.surface][0]
    box = {"values": arrays["map"], "x": (low_x, high_x), "y": (low_y, high_y)}
    top = float(arrays["map"].max())
    walks, heights = [], []
    steps = np.arange(settings.steps + 1, dtype=float)
    above = arrays["height"] - _bottom(settings)
    with np.errstate(invalid="ignore"):
        above = np.where(np.isfinite(above), np.maximum(above, LOWEST), np.nan)
    for k, rule in enumerate(RULES):
        look = {"role": ROLES[rule], "label": t.words(f"{ID}.rule.{rule}"), "dashed": rule == "momentum", "grow": True}
        x, y = until_gone(arrays["x"][k], arrays["y"][k], FAR)
        walks.append(Curve(name=rule, x=x, y=y, **look))
        heights.append(Curve(name=rule, x=steps, y=above[k], **look))
    finite = above[np.isfinite(above)]
    plane(
        [
            Panel(
                name="map",
                title=t.words(f"{ID}.map"),
                x=Axis("x", low_x, high_x),
                y=Axis("y", low_y, high_y),
                layers=[
                    Heat(name="heat", **box, low=0.0, high=2.2 * top, palette="density", role="noise"),
                    Contours(name="levels", **box, at=arrays["levels"], role="noise"),
                    Cloud(name="minimum", at=arrays["minimum"], role="exact", size=5, label=t.words(f"{ID}.minimum")),
                    *reversed(walks),  # the slowest, whose path is the shortest, lies on top
                ],
                handles=[Dot(name="start", x="x", y="y", jump=True, role="data", label=t.words(f"{ID}.start"))],
                pointer="x = {x}, y = {y}",
                weight=1.15,
            ),
            Panel(
                name="heights",
                title=t.words(f"{ID}.heights"),
                x=Axis(t.words("neural_network.axis.step"), 0.0, float(settings.steps)),
                y=Axis(
                    t.words(f"{ID}.axis.height"),
                    float(max(LOWEST, 10 ** np.floor(np.log10(finite.min())))),
                    float(10 ** np.ceil(np.log10(max(min(finite.max(), 1e8), 10 * LOWEST)))),
                    log=True,
                ),
                layers=heights,
                seek=True,
            ),
        ],
        key=f"{ID}.plane",
        values=dict(zip("xy", START[settings.surface], strict=True)),
        frames=[t.words("neural_network.frame.step", step=k) for k in range(settings.steps + 1)],
        height=312,
        invite=t.words(f"{ID}.invite"),
        scene=settings.key,
    )


def _bottom(settings: DescentScene) -> float:
    """The height of the minimum: −1 for the saddle's two, else 0."""
    return -1.0 if settings.surface == "saddle" else 0.0


def sentences(settings: DescentScene, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """How each walk ended, and what the rate has to do with it."""
    t, ends = text.current(), []
    for k, rule in enumerate(RULES):
        gone = int(arrays["diverged"][k])
        if gone >= 0:
            ends.append(t.words(f"{ID}.diverged.{rule}", rate=f"{settings.rates[k]:g}", step=gone))
            continue
        end = np.array([arrays["x"][k, -1], arrays["y"][k, -1]])
        away = float(np.linalg.norm(arrays["minimum"] - end, axis=1).min())
        gap = float(arrays["height"][k, -1]) - _bottom(settings)
        said = t.words(f"{ID}.ended.{rule}", away=size(away), height=size(gap))
        if int(arrays["left"][k]) >= 0:
            said += " " + t.words(f"{ID}.outside", step=int(arrays["left"][k]))
        ends.append(said)
    walks = [t.words(f"{ID}.ended", steps=settings.steps) + " " + ", ".join(ends) + "."]
    if settings.surface == "saddle" and settings.y == 0:
        walks.append(t.words(f"{ID}.ridge"))
    return [*walks, _limit(settings, arrays)]


def _limit(settings: DescentScene, arrays: Mapping[str, np.ndarray]) -> str:
    low, high = (float(v) for v in arrays["curvature"])
    values = {
        "limit": text.number(float(arrays["limit"]), 4),  # 0.002, a rate one can choose, is above 0.001997
        "condition": text.number(high / low, 3),
        "largest": text.number(high, 3),
    }
    return text.current().words(f"{ID}.limit.{'exact' if settings.surface in ('bowl', 'ravine') else 'near'}", **values)
