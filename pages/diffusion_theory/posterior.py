"""diffusion_theory.posterior: one number, where it is and where it began; where was it one step before?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.diffusion_theory_posterior import StepBack
from ui import chapter, controls, links, text
from ui.plane import Axis, Curve, Density, Line, Linear, MomentOf, Normal, Panel, Rule, Words, plane

ID = "diffusion_theory.posterior"
EDGE = 3.5
SCHEDULE = links.choice(f"{ID}.schedule", "cosine", ("linear", "cosine"))
T = links.whole(f"{ID}.levels", 10, low=2, high=1000)
STEP = links.whole(f"{ID}.step", 6, low=1, high=1000)
X0 = links.real(f"{ID}.x0", -1.2, low=-3.0, high=3.0, step=0.01)
XT = links.real(f"{ID}.xt", 1.1, low=-3.0, high=3.0, step=0.01)
SETTINGS = (SCHEDULE, T, STEP, X0, XT)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as shown:
        if not shown.open:
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            schedule = controls.select(SCHEDULE)
            with st.container(width=150):
                count = int(controls.number(T))
            with st.container(width=320):
                now = int(controls.slider(STEP, high=count))
        a = scene.shown(StepBack(schedule, count))
        _picture(a, now)
        _sentences(a, now)
        controls.presets(
            ID,
            {
                "middle": {SCHEDULE: "cosine", T: 10, STEP: 6, X0: -1.2, XT: 1.1},
                "first": {SCHEDULE: "cosine", T: 10, STEP: 1, X0: -1.2, XT: -0.6},
                "last": {SCHEDULE: "cosine", T: 10, STEP: 10, X0: -1.2, XT: 1.1},
                "fine": {SCHEDULE: "linear", T: 1000, STEP: 300, X0: -1.2, XT: 1.1},
            },
        )
        page.derivation("diffusion_theory.step_back")
        page.code("core/diffusion/bound.py", "posterior")


def _picture(a, now: int) -> None:
    """Both factors, their product, and over all levels what the product's mean is made of."""
    t, count = text.current(), len(a["beta"]) - 1
    before, alpha, beta = float(a["alpha_bar"][now - 1]), float(a["alpha"][now]), float(a["beta"][now])
    of_x0, of_x, variance = (float(a[name][now]) for name in ("of_x0", "of_x", "variance"))
    step = Normal(Linear([(alpha**-0.5, "xt")]), (beta / alpha) ** 0.5)
    layers = [Density(name="step", model=step, role="noise", dashed=True, label=t.words(f"{ID}.step_factor"))]
    deviations, measures = [step.std], {}
    if now > 1:
        jump = Normal(Linear([(before**0.5, "x0")]), (1 - before) ** 0.5)
        product = Normal(Linear([(of_x0, "x0"), (of_x, "xt")]), variance**0.5)
        layers.append(Density(name="jump", model=jump, role="data", label=t.words(f"{ID}.jump_factor")))
        layers.append(Density(name="posterior", model=product, role="latent", label=t.words(f"{ID}.product")))
        deviations += [jump.std, product.std]
        measures = {"mean": MomentOf(product, "mean")}
        said = {"text": "μ̃ = {mean:3}", "x": product.mean, "y": 0.43 / product.std, "align": "center"}
        layers.append(Words(name="mean", role="latent", **said))
    top = 1.3 * max(0.4 / s for s in deviations)
    if now == 1:  # where it began is all there is
        layers.append(Rule(name="certain", x="x0", role="latent"))
        layers.append(Words(name="sure", role="latent", x="x0", y=0.6 * top, text=f" {t.words(f'{ID}.certain')}"))
    levels = np.arange(1, count + 1)
    known = (("of_x0", "data"), ("of_x", "noise"), ("deviation", "latent"))
    curves = {"of_x0": a["of_x0"], "of_x": a["of_x"], "deviation": np.sqrt(a["variance"])}
    keep = np.unique(np.linspace(0, count - 1, 300).round().astype(int))
    plane(
        [
            Panel(
                name="densities",
                x=Axis(t.words(f"{ID}.axis.x"), -EDGE, EDGE),
                y=Axis(t.words(f"{ID}.axis.density"), 0, top),
                layers=layers,
                handles=[
                    Line(name="x0", x="x0", label=t.words(f"{ID}.x0"), role="data"),
                    Line(name="xt", x="xt", label=t.words(f"{ID}.xt"), role="noise"),
                ],
                measures=measures,
                weight=1.6,
            ),
            Panel(
                name="weights",
                title=t.words(f"{ID}.panel.weights"),
                x=Axis(t.words(f"{ID}.axis.t"), 1, count),
                y=Axis(t.words(f"{ID}.axis.weight"), 0, 1.05),
                layers=[
                    *(
                        Curve(
                            name=name, x=levels[keep], y=curves[name][1:][keep], role=role, dashed=role == "noise",
                            label=t.words(f"{ID}.{name}"), points=count <= 20,
                        )
                        for name, role in known
                    ),
                    Rule(name="now", x=float(now), role="exact", label=f"t = {now}"),
                ],
            ),
        ],
        key=f"{ID}.plane",
        values={"x0": X0, "xt": XT},
        height=330,
        invite=t.words(f"{ID}.invite"),
    )  # fmt: skip


def _sentences(a, now: int) -> None:
    """The mean and the variance with their numbers."""
    t, x0, xt = text.current(), float(links.value(X0)), float(links.value(XT))
    if now == 1:
        text.prose(t.words(f"{ID}.caption.first", x0=text.number(x0), beta=text.number(a["beta"][1])))
        return
    of_x0, of_x, variance, beta = (float(a[name][now]) for name in ("of_x0", "of_x", "variance", "beta"))
    numbers = {
        "t": now,
        "of_x0": text.number(of_x0, 4),
        "of_x": text.number(of_x, 4),
        "x0": _b(x0),
        "xt": _b(xt),
        "mean": text.number(of_x0 * x0 + of_x * xt),
        "variance": text.number(variance),
    }
    step, jump = float(a["alpha"][now]) / beta, 1 / (1 - float(a["alpha_bar"][now - 1]))
    sums = dict(zip(("step", "jump", "sum"), _sum(step, jump, 1 / variance), strict=True))
    text.prose(t.words(f"{ID}.caption", **numbers))
    text.prose(t.words(f"{ID}.precision", **sums, beta=text.number(beta)))


def _sum(one: float, other: float, both: float) -> list[str]:
    """Two numbers and their sum with as few decimals, from two on, as let the rounded numbers add up as well."""
    for decimals in range(2, 7):
        a, b, c = (round(value, decimals) for value in (one, other, both))
        if a and b and round(a + b, decimals) == c:
            break
    return [f"{value:,.{decimals}f}" for value in (one, other, both)]


def _b(value: float) -> str:
    """A number as a factor: in brackets where it is negative."""
    return f"({text.number(value)})" if value < 0 else text.number(value)
