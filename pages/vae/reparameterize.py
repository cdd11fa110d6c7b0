"""vae.reparameterize: ε becomes z, and three ways to a gradient through it: two agree, the third loses the encoder."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.vae import MANY, WINDOW, GradientScene
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Curve, Dot, Panel, Rule, plane

ID = "vae.reparameterize"
METHODS = ("pathwise", "score", "cut")
MEAN = links.real(f"{ID}.mean", 0.4, low=-1.5, high=2.5, step=0.1)
STD = links.real(f"{ID}.std", 0.6, low=0.05, high=1.5, step=0.05)
METHOD = links.choice(f"{ID}.method", "pathwise", METHODS)
PARAMETER = links.choice(f"{ID}.parameter", "mean", ("mean", "log_std", "weight"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9_999)
DRAWS = 40
ROLES = {"pathwise": "score", "score": "condition", "cut": "noise"}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(MEAN, STD, METHOD, PARAMETER, SEED)):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width=130):
                mean = round(float(controls.slider(MEAN)), 6)
            with st.container(width=130):
                std = round(float(controls.slider(STD)), 6)
            with st.container(width="content"):
                method = str(controls.select(METHOD))
            with st.container(width="content"):
                parameter = str(controls.select(PARAMETER))
            seed = int(links.value(SEED))
            st.button(
                t.words(f"{ID}.again"),
                key=f"{ID}.again",
                icon=":material/casino:",
                on_click=links.put_all,
                args=({SEED: (seed + 1) % 10_000},),
            )
        a = scene.shown(GradientScene(mean, std, parameter, DRAWS, seed))
        frame = _picture(a, mean, std, method, parameter)
        _sentences(a, frame, mean, std, method, parameter)
        controls.presets(
            ID,
            {
                "far": {MEAN: -1.0, STD: 0.3, METHOD: "score", PARAMETER: "mean"},
                "spread": {MEAN: 0.4, STD: 0.6, METHOD: "score", PARAMETER: "log_std"},
                "lost": {MEAN: 0.4, STD: 0.6, METHOD: "cut", PARAMETER: "mean"},
                "decoder": {MEAN: 0.4, STD: 0.6, METHOD: "cut", PARAMETER: "weight"},
            },
        )


def _picture(a, mean: float, std: float, method: str, parameter: str) -> int:
    """q and the log-likelihood over z with one draw after another; the running means; all the single gradients."""
    t = text.current()
    row, exact, low = METHODS.index(method), float(a["exact"]), -9.0
    top = float(max(a["density"].max(), 0.1))
    scale = 4.5 / top  # the density stands on the floor of the picture, in its lower half
    z, value, slope = a["z"], a["value"], a["slope"]
    count = len(z)
    steps = np.arange(1, count + 1, dtype=float)
    running, every = a["running"], a["heights"]
    seen = np.concatenate([running[:2, 2:].ravel(), [exact, 0.0]])  # the first two of the score may lie anywhere
    room = 0.12 * max(float(np.ptp(seen)), 1e-3)
    span = (float(seen.min()) - room, float(seen.max()) + room)
    tangent = np.stack([z - 0.55, z, z + 0.55], axis=1)  # (F, 3)
    name = t.words(f"{ID}.parameter.{parameter}")
    state = plane(
        [
            Panel(
                name="draw",
                title=t.words(f"{ID}.panel.draw"),
                x=Axis("z", *WINDOW),
                y=Axis(t.words(f"{ID}.axis.value"), low, 3.0),
                layers=[
                    Curve(
                        name="q", role="latent", x=a["grid"], y=low + scale * a["density"],
                        dashed=True, label=t.words(f"{ID}.curve.q"),
                    ),
                    Curve(name="value", role="model", x=a["grid"], y=np.clip(a["curve"], low - 5, None),
                          label=t.words(f"{ID}.curve.value")),
                    Curve(
                        name="tangent", role="score", x=tangent,
                        y=value[:, None] + slope[:, None] * (tangent - z[:, None]), label=t.words(f"{ID}.curve.slope"),
                    ),
                    Curve(
                        name="drop", role="noise", x=np.stack([z, z], axis=1),
                        y=np.stack([np.full(count, low), value], axis=1), faint=True,
                    ),
                    Cloud(name="before", role="latent", at=np.stack([z, np.full(count, low + 0.25)], 1), grow=True),
                    Cloud(name="z", role="model", at=np.stack([z, value], axis=1)[:, None], size=5.0),
                ],
                handles=[Dot(name="mean", x="mean", y=low + scale * top, label=t.words(f"{ID}.handle"), role="latent")],
                note=[
                    t.words(f"{ID}.note", noise=_inside(e), mean=_short(mean), std=_short(std), z=_short(v))
                    for e, v in zip(a["noise"], z, strict=True)
                ],
                weight=1.25,
            ),
            Panel(
                name="running",
                title=t.words(f"{ID}.panel.running", parameter=name),
                x=Axis(t.words(f"{ID}.axis.draws"), 0, count),
                y=Axis(t.words(f"{ID}.axis.gradient"), *span),
                layers=[
                    Rule(name="exact", role="exact", y=exact, label=t.words(f"{ID}.exact")),
                    *(
                        Curve(
                            name=m, role=ROLES[m], x=steps, y=running[k], grow=True, dashed=m != "pathwise",
                            faint=m != method, label=t.words(f"{ID}.method.{m}"),
                        )
                        for k, m in enumerate(METHODS)
                    ),
                ],
            ),
            Panel(
                name="single",
                title=t.words(f"{ID}.panel.single", n=f"{MANY:,}"),
                x=Axis(t.words(f"{ID}.axis.gradient"), float(a["edges"][0]), float(a["edges"][-1])),
                y=Axis(t.words(f"{ID}.axis.count"), 0, 1.05 * _highest(every, row)),
                layers=[
                    Bars(name="single", role=ROLES[method], edges=a["edges"], heights=every[row]),
                    Rule(name="exact", role="exact", x=exact),
                ],
                weight=0.8,
            ),
        ],
        key=f"{ID}.plane",
        values={"mean": MEAN},
        frames=[t.words(f"{ID}.frame", n=k + 1) for k in range(count)],
        height=262,
        start=7,
        invite=t.words(f"{ID}.invite"),
        scene=f"{int(links.value(SEED))}",
    )  # fmt: skip
    return min(state.frame, count - 1)


def _highest(heights: np.ndarray, row: int) -> float:
    """The axis of the histogram is that of the pathwise and the score gradient; the cut one would be a single spike."""
    return float(max(heights[min(row, 1)].max(), 1.0)) if row < 2 else float(max(heights[row].max(), 1.0))


def _sentences(a, frame: int, mean: float, std: float, method: str, parameter: str) -> None:
    """What this draw says, and the mean and the variance of many."""
    t = text.current()
    exact, means, variances = float(a["exact"]), a["mean"], a["var"]
    symbol = {"mean": "μ", "log_std": "log σ", "weight": "w"}[parameter]
    values = {f"mean_{m}": text.number(float(means[k])) for k, m in enumerate(METHODS)}
    values |= {f"var_{m}": text.number(float(variances[k])) for k, m in enumerate(METHODS)}
    lost = parameter != "weight"
    if lost:
        ratio = float(variances[1] / variances[0]) if variances[0] > 1e-300 else float("inf")
        values["ratio"] = text.number(ratio)
    sentence = f"{ID}.caption.{'encoder' if lost else 'decoder'}"
    if not lost:
        values = {k: v for k, v in values.items() if k.endswith("pathwise")}
    text.prose(t.words(sentence, symbol=symbol, exact=text.number(exact), n=f"{MANY:,}", **values))
    row = METHODS.index(method)
    arithmetic = {  # factors with four decimals, so that the product of what is shown is the gradient that is shown
        "noise": _inside(float(a["noise"][frame]), 4),
        "z": _short(float(a["z"][frame])),
        "value": _short(float(a["value"][frame]), 4),
        "slope": _short(float(a["slope"][frame]), 2 if parameter == "mean" else 4),
        "gradient": _short(float(a["estimates"][row, frame])),
        "mean": _short(mean),
        "std": _short(std),
    }
    said = f"{ID}.draw.{method}.{parameter if method != 'cut' or parameter == 'weight' else 'encoder'}"
    needed = text.placeholders(t.template(said))
    text.prose(t.words(said, **{k: v for k, v in arithmetic.items() if k in needed}), small=True)


def _inside(value: float, decimals: int = 2) -> str:
    """A factor of a product: in brackets where it is negative."""
    return f"({_short(value, decimals)})" if value < 0 else _short(value, decimals)


def _short(value: float, decimals: int = 2) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")
