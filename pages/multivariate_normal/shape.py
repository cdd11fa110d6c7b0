"""multivariate_normal.shape: an ellipse to pull, the surface above it, and Σ in numbers."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.multivariate_normal import ShapeScene
from pages.multivariate_normal import common
from ui import chapter, controls, links, text
from ui.plane import Density, Ellipse, Gaussian, Panel, plane

ID = "multivariate_normal.shape"
STD_X = links.real(f"{ID}.std_x", 1.5, low=0.1, high=3.0, step=0.01)
STD_Y = links.real(f"{ID}.std_y", 1.0, low=0.1, high=3.0, step=0.01)
CORRELATION = links.real(f"{ID}.correlation", 0.6, low=-1.0, high=1.0, step=0.01)
MEAN_X = links.real(f"{ID}.mean_x", 0.0, low=-3.0, high=3.0, step=0.1)
MEAN_Y = links.real(f"{ID}.mean_y", 0.0, low=-3.0, high=3.0, step=0.1)
SETTINGS = (STD_X, STD_Y, CORRELATION, MEAN_X, MEAN_Y)
WIDE, HIGH = 5.0, 4.0  # of the axes, from the middle
MODEL = Gaussian("mean_x", "mean_y", "std_x", "std_y", "correlation")


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            for setting in (STD_X, STD_Y, CORRELATION):
                controls.slider(setting)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.slider(MEAN_X)
                controls.slider(MEAN_Y)
        shown = scene.shown(
            ShapeScene(links.value(STD_X), links.value(STD_Y), links.value(CORRELATION))  # Σ knows nothing of the mean
        )
        x, y = common.axes(WIDE, HIGH)
        plane(
            [
                Panel(
                    name="contours", title=t.words(f"{ID}.contours"), x=x, y=y, equal=True, model=MODEL,
                    layers=[Density(name="density", model=MODEL, show="contours")],
                    handles=[Ellipse(
                        name="ellipse", label=t.words(f"{ID}.ellipse"),
                        mean_x="mean_x", mean_y="mean_y", std_x="std_x", std_y="std_y", correlation="correlation",
                    )],
                    note="σx = {std_x:2}  σy = {std_y:2}  ρ = {correlation:2}",
                    pointer=t.template(f"{ID}.pointer"),
                ),
                Panel(
                    name="surface", title=t.words(f"{ID}.surface"), kind="surface", x=x, y=y,
                    layers=[Density(name="surface", model=MODEL, show="surface")],
                ),
            ],
            key=f"{ID}.plane",
            values={
                "std_x": STD_X, "std_y": STD_Y, "correlation": CORRELATION, "mean_x": MEAN_X, "mean_y": MEAN_Y,
            },
            height=330,
            invite=t.words(f"{ID}.invite"),
        )  # fmt: skip
        _sentence(shown)
        controls.presets(
            ID,
            {
                "round": {STD_X: 1.0, STD_Y: 1.0, CORRELATION: 0.0},
                "upright": {STD_X: 2.0, STD_Y: 0.7, CORRELATION: 0.0},
                "tilted": {STD_X: 1.5, STD_Y: 1.5, CORRELATION: 0.9},
                "falling": {STD_X: 1.5, STD_Y: 1.0, CORRELATION: -0.7},
                "flat": {STD_X: 1.5, STD_Y: 1.0, CORRELATION: 1.0},
            },
        )
        _numbers(shown)


def _sentence(shown: dict[str, np.ndarray]) -> None:
    t, flat = text.current(), not len(shown["inverse"])
    long, short = np.sqrt(shown["variances"])
    numbers = {"long": text.number(long), "short": text.number(short)}
    if flat:
        text.prose(t.words(f"{ID}.flat", long=text.number(long)))
        return
    angle = np.degrees(np.arctan2(shown["axes"][1, 0], shown["axes"][0, 0]))
    angle = (angle + 90) % 180 - 90  # an axis has no direction
    if np.isclose(long, short, rtol=1e-6):
        text.prose(t.words(f"{ID}.round", peak=text.number(shown["peak"]), long=numbers["long"]))
        return
    peak = text.number(shown["peak"])
    text.prose(t.words(f"{ID}.caption", **numbers, angle=f"{angle:.0f}".replace("-", "−"), peak=peak))


def _numbers(shown: dict[str, np.ndarray]) -> None:
    """Σ, its determinant, inverse and eigenvectors as they are."""
    t, decimal, matrix = text.current(), common.decimal, common.matrix
    variances, axes = shown["variances"], shown["axes"]
    inverse = matrix(shown["inverse"]) if len(shown["inverse"]) else rf"\text{{{t.words(f'{ID}.no_inverse')}}}"
    common.formula(
        rf"\role{{model}}{{\Sigma}} = {matrix(shown['cov'])}",
        rf"\det \role{{model}}{{\Sigma}} = {decimal(shown['det'])}",
        rf"\role{{model}}{{\Sigma}}^{{-1}} = {inverse}",
    )
    common.formula(
        rf"\lambda_1 = {decimal(variances[0])},\ v_1 = {matrix(axes[:, 0])}",
        rf"\lambda_2 = {decimal(variances[1])},\ v_2 = {matrix(axes[:, 1])}",
    )
    text.prose(t.words(f"{ID}.numbers"), small=True)
