"""normal.moments: expectation and variance in closed form, by integral and by sampling."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.normal import MomentsScene
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Curve, Panel, Rule, plane

ID = "normal.moments"
SOURCE = links.choice(f"{ID}.source", "uniform", ("uniform", "normal", "exponential", "coin", "humps", "cauchy"))
CELLS = links.whole(f"{ID}.cells", 200, low=2, high=1000)
COUNT = links.whole(f"{ID}.count", 10_000, low=10, high=100_000, step=10)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
VISIBLE = 60  # rectangles: more of them cannot be told apart


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(SOURCE, CELLS, COUNT, SEED)) as shown:
        if not shown.open:
            return
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            with st.container(width=230):
                source = controls.select(SOURCE, look="select")
            cells = controls.slider(CELLS)
            count = controls.number(COUNT)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                seed = controls.seed(SEED)
        arrays = scene.shown(MomentsScene(source, cells, count, seed))
        plane(
            [_density(arrays), *_integrands(arrays)],
            key=f"{ID}.plane",
            height=280,
            scene=source,
        )
        _table(arrays, source, cells, count)
        controls.presets(
            ID,
            {
                "twelfth": {SOURCE: "uniform", CELLS: 200},
                "rough": {SOURCE: "uniform", CELLS: 4, COUNT: 10},
                "endless": {SOURCE: "cauchy", COUNT: 100_000},
            },
        )
        page.derivation("normal.uniform")
        page.code("core/sources.py", "moments_by_integral", "moments_by_sampling")


def _density(arrays) -> Panel:
    t, curve = text.current(), arrays["source"]
    mean = float(arrays["exact"][0])
    lattice, edges, heights = bool(arrays["lattice"]), arrays["edges"], arrays["heights"]
    if lattice:
        edges, heights = _columns((edges[:-1] + edges[1:]) / 2, heights * np.diff(edges))
    layers = [Bars(name="samples", edges=edges, heights=heights, role="data", label=t.words(f"{ID}.samples"))]
    if not lattice:
        layers.append(
            Curve(name="density", x=curve[:, 0], y=curve[:, 1], role="latent", label=t.words(f"{ID}.density"))
        )
    if np.isfinite(mean):
        layers.append(Rule(name="mean", x=mean, role="exact", label="E[x]"))
    top = 1.25 * max(float(heights.max()), float(curve[:, 1].max()))
    return Panel(
        name="density",
        x=_x_axis(arrays),
        y=Axis(t.words("normal.clt.axis.probability" if lattice else "normal.axis.density"), 0, top),
        layers=layers,
        title="p(x)",
    )


def _columns(at: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(edges, heights) of a narrow bar at each value of a lattice: a probability is a height there, not an area."""
    between = np.zeros(len(at) - 1)
    return (at[:, None] + [-0.12, 0.12]).ravel(), np.insert(between, range(len(at)), heights)


def _integrands(arrays) -> list[Panel]:
    """x p(x), whose area is the expectation, and (x − μ)² p(x), whose area is the variance."""
    t = text.current()
    panels = []
    for name, title, role in (("first", "x · p(x)", "score"), ("second", "(x − μ)² · p(x)", "condition")):
        if name == "second" and len(arrays["ranges"]):
            panels.append(_growth(arrays))
            continue
        curve = arrays[name]
        low, high = float(min(curve[:, 1].min(), 0.0)), float(max(curve[:, 1].max(), 0.0))
        room = 0.15 * (high - low)
        if arrays["lattice"]:
            edges, heights = _columns(curve[:, 0], curve[:, 1])
            layers = [Bars(name=name, edges=edges, heights=heights, role=role)]
        else:
            few = 0 < len(arrays[f"{name}_cells"]) <= VISIBLE
            layers = [Curve(name=name, x=curve[:, 0], y=curve[:, 1], fill=not few, role=role)]
            if few:
                layers.insert(0, _stairs(arrays["cells"], arrays[f"{name}_cells"]))
        panels.append(
            Panel(
                name=name,
                x=_x_axis(arrays),
                y=Axis(t.words(f"{ID}.axis.{name}"), low - (room if low < 0 else 0), high + room),
                layers=layers,
                title=title,
            )
        )
    return panels


def _stairs(edges: np.ndarray, heights: np.ndarray) -> Curve:
    """Rectangles side by side, those below zero too."""
    x = np.stack([edges[:-1], edges[:-1], edges[1:], edges[1:]], axis=1)
    y = np.stack([np.zeros_like(heights), heights, heights, np.zeros_like(heights)], axis=1)
    return Curve(name="rectangles", x=x.ravel(), y=y.ravel(), fill=True, role="noise")


def _growth(arrays) -> Panel:
    """How the integral of |x| p(x) grows with its ends, where it has no limit."""
    t = text.current()
    return Panel(
        name="growth",
        x=Axis(t.words(f"{ID}.axis.reach"), float(arrays["ranges"][0]), float(arrays["ranges"][-1]), log=True),
        y=Axis(t.words(f"{ID}.axis.growth"), 0, 1.15 * float(arrays["reached"][-1, 0])),
        layers=[Curve(name="growth", x=arrays["ranges"], y=arrays["reached"][:, 0], points=True, role="score")],
        title=t.words(f"{ID}.panel.growth"),
    )


def _x_axis(arrays) -> Axis:
    return Axis(text.current().words("normal.axis.x"), *(float(v) for v in arrays["shown"]))


def _table(arrays, source: str, cells: int, count: int) -> None:
    t = text.current()
    shared = {"count": f"{count:,}"}
    sampled = {
        "sampled_mean": text.number(arrays["sampled"][0], 4),
        "sampled_variance": text.number(arrays["sampled"][1], 4),
    }
    if len(arrays["ranges"]):
        reached = arrays["reached"]
        growth = {
            "near": text.number(arrays["ranges"][0]),
            "far": text.number(arrays["ranges"][-1]),
            "near_first": text.number(reached[0, 0]),
            "far_first": text.number(reached[-1, 0]),
            "near_second": text.number(reached[0, 1]),
            "far_second": text.number(reached[-1, 1]),
        }
        text.prose(t.words(f"{ID}.endless", **shared, **sampled, **growth))
        return
    text.prose(t.words(f"{ID}.closed.{source}"))
    numbers = {
        "exact_mean": text.number(arrays["exact"][0], 5),
        "exact_variance": text.number(arrays["exact"][1], 5),
        "integral_mean": text.number(arrays["integral"][0] if abs(arrays["integral"][0]) > 1e-12 else 0.0, 5),
        "integral_variance": text.number(arrays["integral"][1], 5),
        "error_mean": text.number(arrays["error"][0], 2),
        "error_variance": text.number(arrays["error"][1], 2),
    }
    kind = "sum" if arrays["lattice"] else "integral"
    cells_said = {} if arrays["lattice"] else {"cells": cells}
    text.prose(t.words(f"{ID}.table.{kind}", **shared, **sampled, **numbers, **cells_said))
