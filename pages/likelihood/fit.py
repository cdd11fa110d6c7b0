"""likelihood.fit: points on a line, a curve to move by hand, and the best one."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.likelihood import POINTS as FIRST_POINTS
from core.scenes.likelihood import FitScene
from pages.likelihood import fit_together as together
from pages.likelihood.common import ENDS, number, places, power, power_of_log, row
from ui import chapter, controls, links, room, text
from ui.plane import Axis, Density, Dot, Editor, Layer, Line, LogLikelihood, Normal, Panel, Sticks, plane

ID = "likelihood.fit"
FIRST = FitScene()
POINTS = links.points(f"{ID}.points", row(*FIRST_POINTS), low=ENDS[0], high=ENDS[1], most=60)
MEAN = links.real(f"{ID}.mean", FIRST.mean, low=ENDS[0], high=ENDS[1], step=0.01)
STD = links.real(f"{ID}.std", FIRST.std, low=0.05, high=6.0, step=0.01)
TOPS = (0.6, 1.2, 2.5, 5.0, 10.0)  # of the axis of densities; it grows when σ is small
FACTORS = 4  # of the product are written out
SMALLEST = np.finfo(float).tiny


PRESETS = {
    "outlier": {POINTS: row(-0.8, -0.4, -0.1, 0.0, 0.2, 0.5, 0.7, 5.5), MEAN: 0.0, STD: 0.5},
    "groups": {POINTS: row(-3.4, -3.0, -2.8, -2.5, -2.1, 2.0, 2.4, 2.7, 3.1, 3.5), MEAN: 2.7, STD: 0.8},
    "one": {POINTS: row(1.0), MEAN: 0.5, STD: 0.5},
    "same": {POINTS: row(-2.0, -2.0, -2.0), MEAN: -2.0, STD: 0.2},
    "many": {POINTS: row(*(round(-4.72 + 0.16 * k, 2) for k in range(60))), MEAN: 3.0, STD: 1.0},
}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(POINTS, MEAN, STD)):
        t, joined = text.current(), room.here()
        topic = together.settle(joined, POINTS, {MEAN: FIRST.mean, STD: FIRST.std})
        hidden = topic is not None and topic.status != "revealed"  # the best curve, from everybody
        mean, std = links.value(MEAN), links.value(STD)
        xs = places(links.value(POINTS))
        shown = scene.shown(FitScene(xs, round(mean, 6), round(std, 6)))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            controls.slider(MEAN, format="%.2f")
            controls.slider(STD, format="%.2f")
            if not hidden:
                st.button(
                    t.words(f"{ID}.best"),
                    key=f"{ID}.best",
                    type="primary" if joined is None else "secondary",
                    disabled=not xs,
                    on_click=_to_the_top,
                    args=(float(shown["best_mean"]), float(shown["best_std"])),
                )
        if joined is not None:
            asks = together.question(xs, float(shown["best_std"]), MEAN, STD)
            room.desk(ID, joined, asks, (links.value(MEAN), links.value(STD)))
        class_guesses = together.guesses(topic) if topic is not None and not hidden else {}
        _picture(topic, together.layers(topic, class_guesses) if topic is not None else [])
        with st.container(key=f"{ID}.said", gap=None):
            if topic is not None and not hidden:
                for sentence in together.sentences(topic, class_guesses):
                    text.prose(sentence)
            for sentence in sentences(shown)[: 1 if hidden else None]:
                text.prose(sentence)
        if topic is None:
            controls.presets(ID, PRESETS)


def _to_the_top(mean: float, std: float) -> None:
    """μ̂ and σ̂, or the narrowest curve that can be set where σ̂ is narrower."""
    links.put_all({MEAN: mean, STD: max(std, STD.low)})


def _picture(topic: room.Topic | None, of_the_class: list[Layer]) -> None:
    """The curve over the points, nobody's to move while the class is asked, and the dial, wide if it holds guesses."""
    t, curve = text.current(), Normal("mean", "std")
    top = next(top for top in TOPS if top > 0.46 / links.value(STD) or top == TOPS[-1])
    plane(
        [
            Panel(
                name="line",
                x=Axis(t.words("likelihood.axis.x"), *ENDS),
                y=Axis(t.words("likelihood.axis.density"), 0.0, top),
                layers=[
                    Density(name="curve", model=curve, role="model", label=t.words("likelihood.mark.normal")),
                    Sticks(
                        name="sticks", model=curve, points="points", role="data", label=t.words(f"{ID}.mark.sticks")
                    ),
                    *([] if topic is None else [together.data(topic)]),
                ],
                handles=[
                    Line(name="mean", x="mean", label=t.words(f"{ID}.mean")),
                    *([] if topic is not None else [_points(t)]),
                ],
                measures={"log": LogLikelihood(curve, "points")},
                note=t.template(f"{ID}.note"),
                weight=1.0 if of_the_class else 2.4,
            ),
            Panel(
                name="dial",
                x=Axis("μ", *ENDS),
                y=Axis("σ", 0.0, STD.high),
                layers=of_the_class,
                handles=[Dot(name="normal", x="mean", y="std", jump=True, label=t.words(f"{ID}.dial"))],
                title=t.words(f"{ID}.dial"),
            ),
        ],
        key=f"{ID}.plane",
        values={"points": POINTS, "mean": MEAN, "std": STD},
        height=330,
        invite=t.words(f"{ID}.invite") if topic is None else "",
    )


def _points(t: text.Words) -> Editor:
    return Editor(name="points", points="points", line=True, most=POINTS.most, label=t.words(f"{ID}.points"))


def sentences(shown) -> list[str]:
    """What the picture says, in numbers: the product, its logarithm, how far the top is, or why there is none."""
    t, count = text.current(), len(shown["density"])
    if not count:
        return [t.words(f"{ID}.empty")]
    now, top, best_std = (float(shown[k]) for k in ("log_likelihood", "best_log_likelihood", "best_std"))
    factors = [power_of_log(float(v)) for v in shown["log_density"][:FACTORS]]
    product = " · ".join([*factors, *(["…"] if count > FACTORS else [])])
    likelihood = float(shown["likelihood"])
    values = {"product": product, "log": number(now)}
    if likelihood < SMALLEST:
        said = [t.words(f"{ID}.caption.underflow", **values)]
    elif count == 1:
        said = [t.words(f"{ID}.caption.single", likelihood=power(likelihood), log=number(now))]
    else:
        said = [t.words(f"{ID}.caption.product", **values, likelihood=power(likelihood))]
    if best_std == 0:
        each = number(count * np.log(10.0))
        said.append(t.words(f"{ID}.caption.{'one' if count == 1 else 'same'}", each=each))
    elif top - now < 5e-3:
        best = {"mean": number(float(shown["best_mean"])), "std": number(best_std), "n": count}
        said.append(t.words(f"{ID}.caption.best", **best))
    elif best_std < STD.low:
        said.append(t.words(f"{ID}.caption.narrow", top=number(top), std=text.number(best_std), low=STD.low))
    else:
        said.append(
            t.words(f"{ID}.caption.below", top=number(top), gap=number(top - now), times=power_of_log(top - now))
        )
    return said
