"""multivariate_normal.slices: all of y, and y where x is known."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.multivariate_normal import SlicesScene
from pages.multivariate_normal import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Conditional, Density, Gaussian, Line, Marginal, MomentOf, Panel, Words, plane

ID = "multivariate_normal.slices"
AT = links.real(f"{ID}.at", 1.5, low=-4.0, high=4.0, step=0.05)
CORRELATION = links.real(f"{ID}.correlation", 0.7, low=-1.0, high=1.0, step=0.01)
STD_X = links.real(f"{ID}.std_x", 1.5, low=0.1, high=3.0, step=0.01)
STD_Y = links.real(f"{ID}.std_y", 1.2, low=0.1, high=3.0, step=0.01)
MEAN_X = links.real(f"{ID}.mean_x", 0.0, low=-3.0, high=3.0, step=0.1)
MEAN_Y = links.real(f"{ID}.mean_y", 0.0, low=-3.0, high=3.0, step=0.1)
SETTINGS = (AT, CORRELATION, STD_X, STD_Y, MEAN_X, MEAN_Y)
WIDE, HIGH = 5.0, 4.0  # of the axes, from the middle
FLAT = 1e-12  # of the variance of y: what is left below it is rounding
LEAST_TOP = 0.5  # the density axis reaches at least so far
JOINT = Gaussian("mean_x", "mean_y", "std_x", "std_y", "correlation")
MARGINAL, CONDITIONAL = Marginal(JOINT, "y"), Conditional(JOINT, "at")


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            at = controls.slider(AT)
            controls.slider(CORRELATION)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                for setting in (STD_X, STD_Y, MEAN_X, MEAN_Y):
                    controls.slider(setting)
        shown = scene.shown(
            SlicesScene(
                **{s.key.rpartition(".")[2]: links.value(s) for s in SETTINGS},
            )
        )
        _picture(shown)
        _sentence(shown, at)
        controls.presets(
            ID,
            {
                "independent": {CORRELATION: 0.0},
                "nearly": {CORRELATION: 0.97, AT: 1.5},
                "falling": {CORRELATION: -0.7, AT: 2.0},
                "middle": {AT: links.value(MEAN_X)},
                "certain": {CORRELATION: 1.0},
            },
        )


def _picture(shown: dict[str, np.ndarray]) -> None:
    t = text.current()
    x, y = common.axes(WIDE, HIGH)
    plane(
        [
            Panel(
                name="joint", title=t.words(f"{ID}.joint"), x=x, y=y, equal=True, weight=1.2,
                model=JOINT, pointer=t.template("multivariate_normal.shape.pointer"),
                layers=[Density(name="density", model=JOINT, show="contours")],
                handles=[Line(name="at", label=t.words(f"{ID}.line"), role="condition", x="at")],
                note="x = {at:2}",
            ),
            Panel(
                name="sideways", title=t.words(f"{ID}.sideways"), y=y,
                x=Axis(t.words(f"{ID}.density"), 0.0, _top(shown)),
                layers=[
                    Density(name="marginal", label=t.words(f"{ID}.marginal"), model=MARGINAL, along="y", dashed=True),
                    Density(
                        name="conditional", label=t.words(f"{ID}.conditional"), model=CONDITIONAL, along="y",
                        role="condition",
                    ),
                    Words(
                        name="moments", role="exact", x=_top(shown) * 0.98, y=HIGH * 0.9, align="right",
                        text=t.template(f"{ID}.moments"),
                    ),
                ],
                measures={
                    "marginal_mean": MomentOf(MARGINAL, "mean"),
                    "marginal_std": MomentOf(MARGINAL, "std"),
                    "conditional_mean": MomentOf(CONDITIONAL, "mean"),
                    "conditional_std": MomentOf(CONDITIONAL, "std"),
                },
            ),
        ],
        key=f"{ID}.plane",
        values={s.key.rpartition(".")[2]: s for s in SETTINGS},
        height=360,
        invite=t.words(f"{ID}.invite"),
    )  # fmt: skip


def _top(shown: dict[str, np.ndarray]) -> float:
    """The end of the density axis: above the higher of the two curves, on a scale that does not jump at each change."""
    whole = float(shown["marginal"][1])
    variances = [v for v in (whole, *shown["conditional"][1:]) if v > FLAT * whole]
    highest = max(1 / np.sqrt(2 * np.pi * v) for v in variances)
    return max(LEAST_TOP, LEAST_TOP * 2.0 ** np.ceil(np.log2(1.05 * highest / LEAST_TOP)))


def _sentence(shown: dict[str, np.ndarray], at: float) -> None:
    t, number = text.current(), text.number
    (mean, variance), conditional = shown["marginal"], shown["conditional"]
    if not conditional[1] > FLAT * variance:
        text.prose(t.words(f"{ID}.certain", at=number(at), mean=number(conditional[0])))
        return
    drop = 1 - conditional[1] / variance
    said = {"at": number(at), "marginal_mean": number(mean), "marginal_variance": number(variance)}
    if links.value(CORRELATION) == 0:
        text.prose(t.words(f"{ID}.independent", **said))
    else:
        said |= {"mean": number(conditional[0]), "variance": number(conditional[1]), "drop": number(100 * drop, 2)}
        text.prose(t.words(f"{ID}.caption", **said))
    if float(shown["known"]) == 0:  # so far out that float64 has no number for it: nothing to divide by
        return
    text.prose(
        t.words(f"{ID}.cut", at=number(at), cut=number(float(shown["cut"])), known=number(float(shown["known"]))),
        small=True,
    )
