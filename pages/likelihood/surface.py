"""likelihood.surface: every normal distribution is a point of a map, and one can walk uphill on it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.likelihood import MAP, OUTCOMES, SurfaceScene
from core.scenes.likelihood import POINTS as FIRST_POINTS
from pages.likelihood import fit_together
from pages.likelihood.common import ENDS, number, places, power, row
from ui import chapter, controls, links, room, text
from ui.plane import Axis, Cloud, Contours, Curve, Density, Dot, Editor, Heat, LogLikelihood, Normal, Panel, plane

ID = "likelihood.surface"
FIRST = SurfaceScene()
POINTS = links.points(f"{ID}.points", row(*FIRST_POINTS), low=ENDS[0], high=ENDS[1], most=60)
MEAN = links.real(f"{ID}.mean", FIRST.mean, low=ENDS[0], high=ENDS[1], step=0.01)
STD = links.real(f"{ID}.std", FIRST.std, low=0.15, high=7.5, step=0.01)
RATE = links.choice(f"{ID}.rate", FIRST.rate, (0.03, 0.1, 0.3, 1.0, 3.0, 10.0))
STEPS = links.whole(f"{ID}.steps", FIRST.steps, low=10, high=300, step=10)
COORDINATES = links.choice(f"{ID}.coordinates", FIRST.coordinates, ("std", "log_std"))
FAR = 1e5  # so far off the map that a line which ends there might as well go on
HOME = {s: s.default for s in (POINTS, MEAN, STD, RATE, STEPS, COORDINATES)}
PRESETS = {
    "slow": HOME | {RATE: 0.03},
    "fast": HOME | {RATE: 10.0},
    "low": HOME | {STD: 0.5},
    "log": HOME | {COORDINATES: "log_std"},
    "same": HOME | {POINTS: row(1.0, 1.0, 1.0), MEAN: 1.0, STD: 5.0, RATE: 0.1, COORDINATES: "log_std"},
}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(POINTS, MEAN, STD, RATE, STEPS, COORDINATES)):
        t, joined = text.current(), room.here()
        if room.secret(joined, fit_together.ID):  # the top of the map is what the class looks for
            with st.container(key=f"{ID}.said", gap=None):
                text.prose(t.label("room.held", title=t.words(f"{fit_together.ID}.title")))
                room.ear(fit_together.ID, joined, place=ID)
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            controls.select(COORDINATES)
            controls.select(RATE, names=lambda rate: f"{rate:g}")
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.slider(STEPS)
                controls.slider(MEAN, format="%.2f")
                controls.slider(STD, format="%.2f")
        xs = places(links.value(POINTS))
        settings = SurfaceScene(
            points=xs,
            mean=round(links.value(MEAN), 6),
            std=round(links.value(STD), 6),
            rate=float(links.value(RATE)),
            steps=links.value(STEPS),
            coordinates=str(links.value(COORDINATES)),
        )
        shown = scene.shown(settings)
        _picture(settings, shown)
        with st.container(key=f"{ID}.said", gap=None):
            for sentence in sentences(settings, shown):
                text.prose(sentence)
            if joined is not None:
                room.ear(fit_together.ID, joined, place=ID)
        controls.presets(ID, PRESETS)


def _picture(settings: SurfaceScene, shown) -> None:
    """The map with the walk, and the curve of each of its steps over the data."""
    t = text.current()
    start = Normal("mean", "std")
    count = len(shown["means"])
    frames = [t.words(f"{ID}.frame", step=k, log=number(v)) for k, v in enumerate(shown["log_likelihoods"])]
    on_map, over_data = [], []
    if count:
        levels = shown["levels"]
        box = {"values": shown["map"], "x": MAP["mean"], "y": MAP["std"]}
        means, stds = shown["means"], shown["stds"]
        on_map = [
            Heat(name="heat", **box, low=float(levels[0]), high=float(levels[-1]), palette="cividis"),
            Contours(name="levels", **box, at=levels, role="noise"),
            Curve(
                name="walk",
                x=means.clip(-FAR, FAR),
                y=stds.clip(max=FAR),
                grow=True,
                role="score",
                label=t.words(f"{ID}.mark.walk"),
            ),
        ]
        walking = Normal([float(v) for v in means], [float(v) for v in stds])
        over_data.append(Density(name="step", model=walking, role="score", label=t.words(f"{ID}.mark.step")))
        if shown["best_std"] > 0:
            top = np.array([[shown["best_mean"], shown["best_std"]]])
            on_map.append(Cloud(name="top", at=top, role="exact", size=6, label=t.words(f"{ID}.mark.top")))
            best = Normal(float(shown["best_mean"]), float(shown["best_std"]))
            over_data.append(Density(name="best", model=best, role="exact", label=t.words(f"{ID}.mark.top")))
    over_data.append(Density(name="start", model=start, role="model", dashed=True, label=t.words(f"{ID}.mark.start")))
    plane(
        [
            Panel(
                name="map",
                x=Axis("μ", *ENDS),
                y=Axis("σ", 0.0, MAP["std"][1]),
                layers=on_map,
                handles=[Dot(name="start", x="mean", y="std", jump=True, label=t.words(f"{ID}.mark.start"))],
                title=t.words(f"{ID}.map"),
                pointer="μ = {x}, σ = {y}",
            ),
            Panel(
                name="data",
                x=Axis(t.words("likelihood.axis.x"), *ENDS),
                y=Axis(t.words("likelihood.axis.density"), 0.0, 0.6),
                layers=over_data,
                handles=[
                    Editor(name="points", points="points", line=True, most=POINTS.most, label=t.words(f"{ID}.points"))
                ],
                measures={"log": LogLikelihood(start, "points")},
                note=t.template(f"{ID}.note"),
            ),
        ],
        key=f"{ID}.plane",
        values={"points": POINTS, "mean": MEAN, "std": STD},
        frames=frames,
        height=330,
        scene=settings.key,
        invite=t.words(f"{ID}.invite"),
    )


def sentences(settings: SurfaceScene, shown) -> list[str]:
    """How the walk ended, and what the rate has to do with it."""
    t, last = text.current(), len(shown["means"]) - 1
    if last < 0:
        return [t.words(f"{ID}.empty")]
    outcome, best_std, fell = OUTCOMES[int(shown["outcome"])], float(shown["best_std"]), int(shown["fell"])
    at = {"mean": number(float(shown["means"][-1])), "std": power(float(shown["stds"][-1]))}
    if outcome == "broken":
        where = float(shown["broken_std"])
        kind = "below" if where <= 0 else "far"
        said = [t.words(f"{ID}.caption.{kind}", step=last + 1, std=power(where))]
    elif outcome == "arrived":
        said = [t.words(f"{ID}.caption.arrived", steps=last, **at)]
    elif best_std == 0:
        said = []
    else:
        gap = float(shown["best_log_likelihood"] - shown["log_likelihoods"][-1])
        said = [t.words(f"{ID}.caption.going", steps=last, gap=power(gap), **at)]
    if best_std == 0:
        return [*said, t.words(f"{ID}.caption.same", steps=last, std=at["std"])]
    left = np.flatnonzero((shown["stds"] > MAP["std"][1]) | (np.abs(shown["means"]) > ENDS[1]))
    if len(left):
        high = power(float(shown["stds"].max()))
        said.append(t.words(f"{ID}.caption.left", step=int(left[0]), std=high))
    if fell > 0:
        said.append(t.words(f"{ID}.caption.fell", step=fell))
    limit = float(shown["largest_rate"])
    comparison = "above" if settings.rate > limit else "within"
    said.append(
        t.words(
            f"{ID}.caption.{settings.coordinates}.{comparison}",
            rate=text.number(settings.rate),
            limit=power(limit),
        )
    )
    return said
