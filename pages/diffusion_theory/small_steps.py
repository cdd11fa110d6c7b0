"""diffusion_theory.small_steps: the exact q(x_s | x_t) of one step back, and the one normal that is nearest to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.diffusion_theory_back import NAMES, REACH, SCHEDULES, OneStep
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Curve, Dot, Panel, Rule, plane

ID = "diffusion_theory.small_steps"
SHAPE = links.choice(f"{ID}.data", "humps", NAMES)
LEVEL = links.whole(f"{ID}.t", 600, low=1, high=1000)
SIZE = links.whole(f"{ID}.size", 300, low=1, high=1000)
X = links.real(f"{ID}.x", 0.4, low=-4.0, high=4.0, step=0.05)
SCHEDULE = links.choice(f"{ID}.schedule", "cosine", SCHEDULES)
SETTINGS = (SHAPE, LEVEL, SIZE, X, SCHEDULE)
LEAST = 1e-9  # nats: a smaller KL is drawn there, since a logarithmic axis has no zero


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as shown:
        if not shown.open:
            return
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            data = controls.select(SHAPE)
            with st.container(width=160):
                level = int(controls.slider(LEVEL))
            with st.container(width=170):
                size = int(controls.slider(SIZE, high=level))
            with st.container(width=150):
                x = float(controls.slider(X))
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                schedule = controls.select(SCHEDULE)
        size = min(size, level)
        step = OneStep(data, schedule, level, level - size, x)
        a = scene.shown(step)
        _picture(step, a)
        _sentences(step, a)
        controls.presets(
            ID,
            {
                "one": {LEVEL: 600, SIZE: 1, X: 0.4, SHAPE: "humps"},
                "fifty": {LEVEL: 600, SIZE: 50, X: 0.4, SHAPE: "humps"},
                "jump": {LEVEL: 1000, SIZE: 1000, X: 0.4, SHAPE: "humps"},
                "gaussian": {LEVEL: 1000, SIZE: 1000, X: 0.4, SHAPE: "one"},
            },
        )
        page.derivation("diffusion_theory.one_step_back")
        page.code("core/diffusion/reverse.py", "reverse_posterior", "Posterior", "kl_to_best_normal")


def _picture(step: OneStep, a: Mapping[str, np.ndarray]) -> None:
    """Where x_t lies, where x_s may have lain, and what one normal loses at every size of a step."""
    t, reach = text.current(), REACH[1]
    mean, std = float(a["mean"]), float(a["std"])
    near = (max(-reach, mean - 5 * std), min(reach, mean + 5 * std))
    shown = (a["line"] >= near[0]) & (a["line"] <= near[1])
    top = 1.15 * float(max(a["exact"][shown].max(), a["normal"][shown].max()))
    marginals = 1.2 * float(max(a["p_t"].max(), a["p_s"].max()))
    kl_here, kl_mean = (np.maximum(a[name], LEAST) for name in ("kl_here", "kl_mean"))
    sizes = a["sizes"].astype(float)
    plane(
        [
            Panel(
                name="marginals",
                title=t.words(f"{ID}.panel.marginals"),
                x=Axis(t.words(f"{ID}.axis.x"), -reach, reach),
                y=Axis(t.words(f"{ID}.axis.density"), 0, marginals),
                layers=[
                    Curve(name="p_s", x=a["wide"], y=a["p_s"], role="data", fill=True, label=f"s = {step.s}"),
                    Curve(name="p_t", x=a["wide"], y=a["p_t"], role="noise", dashed=True, label=f"t = {step.t}"),
                    Rule(name="x", x="x", role="noise", label=t.words(f"{ID}.x")),
                ],
                handles=[Dot(name="x", x="x", y=0.0, label=t.words(f"{ID}.x"), role="noise", jump=True)],
            ),
            Panel(
                name="back",
                title=t.words(f"{ID}.panel.back"),
                x=Axis(t.words(f"{ID}.axis.x_s"), *near),
                y=Axis(t.words(f"{ID}.axis.density"), 0, top),
                layers=[
                    Curve(
                        name="normal", x=a["line"], y=a["normal"], role="model", fill=True,
                        label=t.words(f"{ID}.normal"),
                    ),
                    Curve(name="exact", x=a["line"], y=a["exact"], role="exact", label=t.words(f"{ID}.exact")),
                ],
                note=f"KL = {text.number(float(a['kl']), 3)}",
            ),
            Panel(
                name="sizes",
                title=t.words(f"{ID}.panel.sizes"),
                x=Axis(t.words(f"{ID}.axis.size"), 0.9, max(10.0, 1.15 * step.t), log=True),
                y=Axis(t.words(f"{ID}.axis.kl"), LEAST, 10.0, log=True),
                layers=[
                    Curve(name="mean", x=sizes, y=kl_mean, role="data", label=t.words(f"{ID}.kl_mean")),
                    Curve(name="here", x=sizes, y=kl_here, role="model", label=t.words(f"{ID}.kl_here")),
                    Cloud(
                        name="now", at=np.array([[step.t - step.s, max(float(a["kl"]), LEAST)]]), role="model", size=6
                    ),
                ],
            ),
        ],
        key=f"{ID}.plane",
        values={"x": X},
        height=300,
        invite=t.words(f"{ID}.invite"),
    )  # fmt: skip


def _sentences(step: OneStep, a: Mapping[str, np.ndarray]) -> None:
    """How much of x_t is taken back at once, and what one normal loses by it."""
    t = text.current()
    said = {"t": step.t, "s": step.s, "x": text.number(step.x, 3), "beta": text.number(float(a["beta_now"]), 3)}
    said |= {"kl": text.number(float(a["kl"]), 3), "mean": text.number(float(a["mean"]), 3)}
    text.prose(t.words(f"{ID}.caption", std=text.number(float(a["std"]), 3), **said))
    if step.data == "one":
        text.prose(t.words(f"{ID}.caption.one"), small=True)
    elif step.t - step.s == 1:
        text.prose(t.words(f"{ID}.caption.small"), small=True)
    elif step.t == 1000 and step.s == 0:
        text.prose(t.words(f"{ID}.caption.jump"), small=True)
