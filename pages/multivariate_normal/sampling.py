"""multivariate_normal.sampling: a round cloud is stretched, sheared and moved."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.multivariate_normal import SamplingScene
from pages.multivariate_normal import common
from ui import chapter, controls, links, text
from ui.plane import Cloud, Ellipses, Panel, Paths, plane

ID = "multivariate_normal.sampling"
STD_X = links.real(f"{ID}.std_x", 1.4, low=0.1, high=3.0, step=0.05)
STD_Y = links.real(f"{ID}.std_y", 1.1, low=0.1, high=3.0, step=0.05)
CORRELATION = links.real(f"{ID}.correlation", 0.7, low=-1.0, high=1.0, step=0.01)
MEAN_X = links.real(f"{ID}.mean_x", 1.5, low=-3.0, high=3.0, step=0.1)
MEAN_Y = links.real(f"{ID}.mean_y", 1.0, low=-3.0, high=3.0, step=0.1)
COUNT = links.whole(f"{ID}.count", 400, low=1, high=5000)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
SETTINGS = (STD_X, STD_Y, CORRELATION, MEAN_X, MEAN_Y, COUNT, SEED)
WIDE, HIGH = 6.0, 4.5  # of the axes, from the middle
TRACED = 8  # points that leave a trace
STEPS = ("z", "stretch", "shear", "shift")


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as experiment:
        if not experiment.open:
            return
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            for setting in (STD_X, STD_Y, CORRELATION):
                controls.slider(setting)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                for setting in (MEAN_X, MEAN_Y, COUNT):
                    controls.slider(setting)
                controls.seed(SEED)
        shown = scene.shown(SamplingScene(**{s.key.rpartition(".")[2]: links.value(s) for s in SETTINGS}))
        if len(shown["points"]):
            _picture(shown)
            _numbers(shown)
        else:
            text.prose(t.words(f"{ID}.flat"))
        controls.presets(
            ID,
            {
                "upright": {STD_X: 2.2, STD_Y: 0.6, CORRELATION: 0.0},
                "thin": {STD_X: 1.5, STD_Y: 1.5, CORRELATION: 0.97},
                "many": {COUNT: 5000},
            },
        )
        page.derivation("multivariate_normal.cholesky")
        page.code("core/multivariate_normal.py", "sample_by_steps")


def _picture(shown: dict[str, np.ndarray]) -> None:
    """What becomes of z, a few points of it leaving a trace; beside it z as it was drawn."""
    t, (x, y) = text.current(), common.axes(WIDE, HIGH)
    round_ones = Ellipses(
        name="round", means=shown["means"][:1], covs=shown["covs"][:1], radii=(1.0, 2.0), fill=False, role="exact"
    )
    plane(
        [
            Panel(
                name="x", title=t.words(f"{ID}.now"), x=x, y=y, equal=True, weight=1.3,
                layers=[
                    Cloud(name="x", at=shown["points"], role="model"),
                    Paths(name="traces", at=shown["points"][:, :TRACED].swapaxes(0, 1), grow=True, role="latent"),
                    Ellipses(
                        name="theory", label=t.words(f"{ID}.theory"), means=shown["means"][:, None],
                        covs=shown["covs"][:, None], radii=(1.0, 2.0), fill=False, role="exact",
                    ),
                ],
            ),
            Panel(
                name="z", title=t.words(f"{ID}.before"), x=x, y=y, equal=True,
                layers=[Cloud(name="z", at=shown["points"][0], role="latent"), round_ones],
            ),
        ],
        key=f"{ID}.plane",
        frames=[t.words(f"{ID}.frame.{name}") for name in STEPS],
        height=340,
        start=-1,
        glide=True,
    )  # fmt: skip


def _numbers(shown: dict[str, np.ndarray]) -> None:
    t, n, matrix = text.current(), shown["points"].shape[1], common.matrix
    mean = [links.value(MEAN_X), links.value(MEAN_Y)]
    common.formula(
        rf"\role{{model}}{{x}} = \role{{model}}{{\mu}} + L \role{{latent}}{{z}} = {matrix(mean)} + "
        rf"{matrix(shown['factor'])} \role{{latent}}{{z}}",
        rf"L L^\top = {matrix(shown['cov'])} = \role{{model}}{{\Sigma}}",
    )
    if n > 1:
        (x, y), cov = shown["measured_mean"], shown["measured_cov"]
        numbers = {"x": x, "y": y, "var_x": cov[0, 0], "var_y": cov[1, 1], "cov": cov[0, 1]}
        text.prose(t.words(f"{ID}.caption", n=f"{n:,}", **{k: text.number(v) for k, v in numbers.items()}))
