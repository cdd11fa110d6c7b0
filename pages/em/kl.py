"""em.kl: two distributions and KL both ways; KL from data to model, and maximum likelihood."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.em_more import DataToModel, Divergence
from pages.em import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Curve, Density, Dot, Normal, Panel, Rule, plane

ID = "em.kl"
SHAPE = links.choice(f"{ID}.shape", "normal", ("normal", "humps"))
MEAN = links.real(f"{ID}.mean", 1.0, low=-4.0, high=4.0, step=0.05)
STD = links.real(f"{ID}.std", 1.5, low=0.3, high=3.0, step=0.05)
MODEL = links.real(f"{ID}.model", 60.0, low=45.0, high=95.0, step=0.25)
WIDTH = links.real(f"{ID}.width", 13.6, low=4.0, high=25.0, step=0.1)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(SHAPE, MEAN, STD, MODEL, WIDTH)) as shown:
        if not shown.open:
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            shape = controls.select(SHAPE)
            with st.container(width=220):
                mean = controls.slider(MEAN)
            with st.container(width=220):
                std = controls.slider(STD)
        _both_ways(scene.shown(Divergence(shape, float(mean), float(std))))
        controls.presets(
            ID,
            {
                "equal": {SHAPE: "normal", MEAN: 0.0, STD: 1.0},
                "narrow": {SHAPE: "normal", MEAN: 0.0, STD: 0.4},
                "cover": {SHAPE: "humps", MEAN: 0.0, STD: 2.1},
                "seek": {SHAPE: "humps", MEAN: 2.0, STD: 0.7},
            },
        )
        _data_to_model()
        page.derivation("em.kl_likelihood")
        page.code("core/divergence.py", "kl_normal", "kl_integrand", "kl_numerical")


def _both_ways(a: dict[str, np.ndarray]) -> None:
    """The two densities, and what is added up for KL in each direction."""
    t, x = text.current(), a["x"]
    there, back = (float(value) for value in a["kl"])
    axis = Axis(t.words("em.axis.plain.x"), -8, 8)
    integrands = np.concatenate([a["there"], a["back"]])
    low, high = min(-0.12, 1.1 * float(integrands.min())), max(0.3, 1.25 * float(integrands.max()))
    worth = Axis(t.words(f"{ID}.axis.worth"), low, high)
    plane(
        [
            Panel(
                name="densities",
                x=axis,
                y=Axis(t.words("em.axis.plain_density"), 0, max(0.55, 1.15 * float(max(a["q"].max(), a["p"].max())))),
                layers=[
                    Curve(name="p", x=x, y=a["p"], role="data", fill=True, label="p"),
                    Density(name="q", model=Normal("mean", "std"), role="model", label="q"),
                ],
                handles=[Dot(name="mean", x="mean", y=0.0, label=t.words(f"{ID}.mean"))],
            ),
            Panel(
                name="there",
                title="KL(p ‖ q)",
                x=axis,
                y=worth,
                layers=[Curve(name="there", x=x, y=a["there"], role="data", fill=True)],
                note=t.words(f"{ID}.note", area=common.gap(there)),
            ),
            Panel(
                name="back",
                title="KL(q ‖ p)",
                x=axis,
                y=worth,
                layers=[Curve(name="back", x=x, y=a["back"], role="model", fill=True)],
                note=t.words(f"{ID}.note", area=common.gap(back)),
            ),
        ],
        key=f"{ID}.plane",
        values={"mean": MEAN, "std": STD},
        height=270,
        invite=t.words(f"{ID}.invite"),
    )
    numbers = {"there": common.gap(there), "back": common.gap(back)}
    text.prose(t.words(f"{ID}.caption.{'equal' if max(there, back) < 1e-12 else 'both'}", **numbers))


def _data_to_model() -> None:
    """KL from the waits to a normal, and the log-likelihood, as its mean moves."""
    t = text.current()
    text.prose(f"**{t.words(f'{ID}.data.title')}**")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.data_controls"):
        with st.container(width=260):
            mean = controls.slider(MODEL)
        with st.container(width=260):
            std = controls.slider(WIDTH)
    a = scene.shown(DataToModel(float(mean), float(std)))
    kl, likelihood, entropy = a["kl"], a["likelihood"], float(a["entropy"])
    now_kl, now_likelihood = (float(value) for value in a["now"])
    edges = a["edges"]
    heights = a["shares"] / np.diff(edges)
    low, high = float(likelihood.min()), float(kl.max())
    room = high - low
    plane(
        [
            Panel(
                name="data",
                x=Axis(t.words("em.axis.faithful.y"), 38, 104),
                y=Axis(t.words("em.axis.density"), 0, max(0.055, 1.2 * 0.4 / float(std))),
                layers=[
                    Bars(name="waits", edges=edges, heights=heights, label=t.words("em.waits")),
                    Density(name="model", model=Normal("model", "width"), label=t.words("em.mixture")),
                ],
                handles=[Dot(name="model", x="model", y=0.0, label=t.words(f"{ID}.model"))],
            ),
            Panel(
                name="curves",
                x=Axis(t.words(f"{ID}.axis.model"), 45, 95),
                y=Axis(t.words("em.axis.nats"), low - 0.08 * room, high + 0.12 * room),
                layers=[
                    Curve(name="kl", x=a["grid"], y=kl, role="condition", label=t.words(f"{ID}.data_kl")),
                    Curve(name="likelihood", x=a["grid"], y=likelihood, label=t.words("em.log_likelihood")),
                    Rule(name="best", x=float(a["best"][0]), role="exact", label=t.words(f"{ID}.best")),
                    Cloud(
                        name="now", at=np.array([[mean, now_kl], [mean, now_likelihood]]), role="exact", size=5
                    ),
                ],
                weight=1.2,
            ),
        ],
        key=f"{ID}.data_plane",
        values={"model": MODEL, "width": WIDTH},
        height=270,
    )  # fmt: skip
    numbers = {
        "kl": common.nats(now_kl),
        "likelihood": common.nats(now_likelihood),
        "sum": common.nats(now_kl + now_likelihood),
        "entropy": common.nats(-entropy),
        "best": text.number(float(a["best"][0]), 4),
        "same": text.number(float(a["best"][1]), 4),
    }
    text.prose(t.words(f"{ID}.data.caption", **numbers))
