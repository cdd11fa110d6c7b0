"""neural_network.line: gradient descent on a straight line, over the data and on the map of its loss."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.neural_network import LINE, LineScene
from pages.neural_network.common import size, until_gone
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Contours, Curve, Density, Dot, Heat, Normal, Panel, plane

ID = "neural_network.line"
FIRST = LineScene()
BATCH = links.choice(f"{ID}.batch", "all", ("all", "20", "5", "1"))
RATE = links.choice(f"{ID}.rate", FIRST.rate, (0.01, 0.03, 0.1, 0.3, 0.7, 0.9))
NOISE = links.choice(f"{ID}.noise", FIRST.noise, ("uniform", "normal", "none"))
COUNT = links.whole(f"{ID}.n", FIRST.n, low=1, high=500)
SLOPE = links.real(f"{ID}.slope", FIRST.slope, low=LINE["slope"][0], high=LINE["slope"][1], step=0.01)
INTERCEPT = links.real(
    f"{ID}.intercept", FIRST.intercept, low=LINE["intercept"][0], high=LINE["intercept"][1], step=0.01
)
STEPS = links.whole(f"{ID}.steps", FIRST.steps, low=10, high=390, step=10)
SEED = links.whole(f"{ID}.seed", FIRST.seed, low=0, high=9999)
SETTINGS = (BATCH, RATE, NOISE, COUNT, SLOPE, INTERCEPT, STEPS, SEED)
BINS = 15
FARTHEST = 9.0  # an error that is still in the picture of the errors
NARROWEST = 0.02  # σ of a normal that can still be drawn
FAR = 1e4  # from where on nothing is drawn


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as experiment:
        if not experiment.open:
            return
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            batch = str(controls.select(BATCH))
            with st.container(width=140):
                controls.select(RATE, look="select", names=lambda rate: f"{rate:g}")
            with st.container(width=200):
                controls.select(NOISE, look="select")
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.slider(COUNT)
                controls.slider(STEPS)
                controls.slider(SLOPE)
                controls.slider(INTERCEPT)
                controls.seed(SEED)
        settings = LineScene(
            int(links.value(COUNT)),
            str(links.value(NOISE)),
            0 if batch == "all" else int(batch),
            float(links.value(RATE)),
            round(float(links.value(SLOPE)), 6),
            round(float(links.value(INTERCEPT)), 6),
            int(links.value(STEPS)),
            int(links.value(SEED)),
        )
        arrays = scene.shown(settings)
        _picture(settings, arrays)
        with st.container(key=f"{ID}.said", gap=None):
            for sentence in sentences(settings, arrays):
                text.prose(sentence)
        home = {s: s.default for s in SETTINGS}
        controls.presets(
            ID,
            {
                "one": home | {BATCH: "1"},
                "settled": home | {BATCH: "1", RATE: 0.03, STEPS: 390},
                "fast": home | {RATE: 0.9, SLOPE: 2.3, INTERCEPT: 5.8, STEPS: 10},  # near enough to be seen leaving
                "single": home | {COUNT: 1},
            },
        )
        page.derivation("neural_network.squared_error")
        page.code("core/regression.py", "gradient", "least_squares", "descend_line")


def _picture(settings: LineScene, arrays: Mapping[str, np.ndarray]) -> None:
    t, points = text.current(), arrays["points"]
    ends = np.array([0.0, 1.0])
    across, lines = _drawn_lines(arrays["slope"], arrays["intercept"])
    walk_x, walk_y = until_gone(arrays["slope"], arrays["intercept"], FAR)
    best = arrays["best"][0] * ends + arrays["best"][1]
    batches = np.full((*arrays["batch"].shape, 2), np.nan)
    looked = arrays["batch"] >= 0
    batches[looked] = points[arrays["batch"][looked]]
    box = {"values": arrays["map"], "x": LINE["slope"], "y": LINE["intercept"]}
    top, low = float(arrays["map"].max()), float(arrays["map"].min())
    residuals = points[:, 1] - (arrays["slope"][:, None] * points[:, 0] + arrays["intercept"][:, None])  # (S, n)
    lowest = int(arrays["loss"].argmin())
    edges, heights = _histogram(residuals, lowest)
    std = np.maximum(arrays["std"], NARROWEST)
    peak = max(float(heights[lowest].max()), 0.4 / float(std[lowest])) * 1.15
    small = settings.batch and settings.batch < settings.n
    plane(
        [
            Panel(
                name="data",
                title=t.words(f"{ID}.data"),
                x=Axis("x", 0.0, 1.0),
                y=Axis("y", 0.0, 9.0),
                layers=[
                    Cloud(name="points", at=points, faint=bool(small), label=t.words(f"{ID}.points")),
                    *([Cloud(name="batch", at=batches, size=4, label=t.words(f"{ID}.looked"))] if small else []),
                    Curve(name="best", role="exact", x=ends, y=best, label=t.words(f"{ID}.best")),
                    Curve(
                        name="line", role="model", label=t.words(f"{ID}.now"),
                        x=across, y=lines,
                    ),
                ],
            ),
            Panel(
                name="map",
                title=t.words(f"{ID}.map"),
                x=Axis("W", *LINE["slope"]),
                y=Axis("b", *LINE["intercept"]),
                layers=[
                    Heat(name="heat", **box, low=low, high=low + 2.2 * (top - low), palette="density", role="noise"),
                    Contours(name="levels", **box, at=arrays["levels"], role="noise"),
                    Cloud(name="least", at=arrays["best"][None], role="exact", size=5, label=t.words(f"{ID}.best")),
                    Curve(name="walk", role="model", grow=True, x=walk_x, y=walk_y),
                ],
                handles=[Dot(name="start", x="slope", y="intercept", jump=True, label=t.words(f"{ID}.start"))],
                pointer="W = {x}, b = {y}",
            ),
            Panel(
                name="errors",
                title=t.words(f"{ID}.errors"),
                x=Axis(t.words(f"{ID}.axis.error"), float(edges[0, 0]), float(edges[0, -1])),
                y=Axis(t.words(f"{ID}.axis.density"), 0.0, peak),
                layers=[
                    Bars(name="errors", edges=edges, heights=heights),
                    Density(name="normal", model=Normal(0.0, [float(s) for s in std]), role="model", label="N(0, σ²)"),
                ],
                weight=0.8,
            ),
        ],
        key=f"{ID}.plane",
        values={"slope": SLOPE, "intercept": INTERCEPT},
        frames=[
            t.words(f"{ID}.frame", step=k, loss=size(float(v), 3)) for k, v in enumerate(arrays["loss"])
        ],
        height=290,
        invite=t.words(f"{ID}.invite"),
        scene=settings.key,
    )  # fmt: skip


def _drawn_lines(slope: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of each line over x from 0 to 1, (S, 2) and (S, 2): nearer where its heights could not be drawn."""
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.sort(np.stack([(side * FAR - intercept) / slope for side in (-1, 1)], axis=1), axis=1)
    at[slope == 0] = (0.0, 1.0)
    at = np.clip(at, 0.0, 1.0)
    heights = slope[:, None] * at + intercept[:, None]
    return at, np.where(np.abs(heights) <= FAR * 1.001, heights, np.nan)


def _histogram(residuals: np.ndarray, best: int) -> tuple[np.ndarray, np.ndarray]:
    """Densities of the errors at each step, in bins that stay where they are: around those of the best step."""
    end = residuals[best]
    reach = max(2.5 * float(np.sqrt((end**2).mean())), float(np.abs(end).max()), 0.1)
    reach = min(reach, FARTHEST)
    edges = np.linspace(-reach, reach, BINS + 1)
    counts = np.stack([np.histogram(row, edges)[0] for row in residuals])
    heights = counts / (residuals.shape[1] * (edges[1] - edges[0]))
    return np.broadcast_to(edges, (len(residuals), BINS + 1)), heights


def sentences(settings: LineScene, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Where the walk stands, where it would end, and that both readings of the loss agree."""
    t = text.current()
    slope, intercept = (float(arrays[name][-1]) for name in ("slope", "intercept"))
    values = {"rate": f"{settings.rate:g}", "limit": text.number(float(arrays["limit"]), 3)}
    if int(arrays["diverged"]) >= 0:
        said = [t.words(f"{ID}.diverged", step=int(arrays["diverged"]), **values)]
    elif settings.rate > float(arrays["limit"]) and not settings.batch:
        said = [t.words(f"{ID}.above", steps=settings.steps, loss=size(float(arrays["loss"][-1]), 3), **values)]
    else:
        values = {
            "steps": settings.steps, "slope": _two(slope), "intercept": _two(intercept),
            "best_slope": _two(float(arrays["best"][0])), "best_intercept": _two(float(arrays["best"][1])),
        }  # fmt: skip
        said = [t.words(f"{ID}.caption", **values)]
        if 0 < settings.batch < settings.n:
            late = arrays["loss"][-max(settings.steps // 4, 1) :]
            low, high, best = (size(float(v), 3) for v in (late.min(), late.max(), arrays["best_loss"]))
            said.append(t.words(f"{ID}.restless", count=len(late), low=low, high=high, best=best))
    if float(arrays["std"][-1]) < NARROWEST:
        said.append(t.words(f"{ID}.narrow", narrowest=f"{NARROWEST:g}"))
    if settings.n == 1:
        said.append(t.words(f"{ID}.single"))
    else:
        same = bool(np.allclose(arrays["likeliest"], arrays["lowest"]))
        said.append(
            t.words(
                f"{ID}.likelihood" if same else f"{ID}.likelihood.apart",
                low=f"({_two(float(arrays['lowest'][0]))}, {_two(float(arrays['lowest'][1]))})",
                high=f"({_two(float(arrays['likeliest'][0]))}, {_two(float(arrays['likeliest'][1]))})",
                std=size(float(np.sqrt(arrays["best_loss"])), 3),
            )
        )
    return said


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−") if abs(value) < 1e6 else text.number(value, 3)
