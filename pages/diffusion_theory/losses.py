"""diffusion_theory.losses: the bound term by term, and what each simple loss asks of the network instead."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from core import scene
from core.scenes.diffusion_theory_losses import LEARNED, End, Losses
from ui import chapter, controls, links, text
from ui.plane import Axis, Curve, Panel, Rule, plane

ID = "diffusion_theory.losses"
SCHEDULE = links.choice(f"{ID}.schedule", "cosine", ("linear", "cosine"))
T = links.choice(f"{ID}.levels", 1000, (10, 100, 1000))
VARIANCE = links.choice(f"{ID}.variance", "posterior", ("posterior", "step"))
TARGET = links.choice(f"{ID}.target", "noise", ("noise", "x0", "v"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
SETTINGS = (SCHEDULE, T, VARIANCE, TARGET, SEED)
SEEN = 0.01  # nats from which on the end is worth a word
SINGLE = 12  # levels that are drawn one by one; further on, several together
ROLES = {"noise": "noise", "x0": "data", "v": "model", "bound": "latent"}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as shown:
        if not shown.open:
            return
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            schedule, count = controls.select(SCHEDULE), controls.select(T)
            variance, target = controls.select(VARIANCE), controls.select(TARGET)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                seed = controls.seed(SEED)
        a = scene.shown(Losses(schedule, int(count), seed))
        _picture(a, variance, target)
        _bound(a, variance, float(scene.shown(End(schedule, int(count)))["kl"]))
        _where(a, variance)
        if (schedule, int(count)) != LEARNED:
            text.prose(t.words(f"{ID}.no_network"), small=True)
        controls.presets(
            ID,
            {
                "network": {SCHEDULE: "cosine", T: 1000, VARIANCE: "posterior", TARGET: "noise"},
                "wide": {SCHEDULE: "cosine", T: 1000, VARIANCE: "step"},
                "few": {SCHEDULE: "linear", T: 10, VARIANCE: "posterior"},
                "clean": {SCHEDULE: "cosine", T: 1000, TARGET: "x0"},
            },
        )
        for name in ("kl_terms", "simple_loss", "conversions"):
            page.derivation(f"diffusion_theory.{name}")
        page.code("core/diffusion/bound.py", "bound", "squared_errors", "bound_weights", "bound_constants")


def _grouped(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The means of values (T,) over groups of levels."""
    return np.array([values[low:high].mean() for low, high in zip(edges[:-1], edges[1:], strict=True)])


def _edges(count: int) -> np.ndarray:
    """Where groups of levels begin and end, as places in t = 2 … T: one by one at first, ever more together after."""
    far = np.geomspace(SINGLE, count, 40).round().astype(int) if count > SINGLE else np.array([count])
    return np.unique(np.concatenate([np.arange(1, min(SINGLE, count)), far]))


def _picture(a, variance: str, target: str) -> None:
    """The terms in nats, and the weights of four losses."""
    t, count = text.current(), len(a["error"])
    weight, constant = a[variance].T
    edges, levels = _edges(count), np.arange(1, count + 1)
    x = _grouped(levels, edges)
    exact = _grouped(weight * a["error"] + constant, edges)
    added = _grouped(weight * a["own"], edges)
    lowest = min(exact.min(), added.min()) if np.isfinite(added).all() else exact.min()
    low, high = 10 ** math.floor(math.log10(max(lowest, 1e-9))), 10 ** math.ceil(math.log10(exact.max()))
    terms = [Curve(name="exact", x=x, y=exact, role="exact", label=t.words(f"{ID}.exact"), points=count <= 10)]
    if np.isfinite(added).all():
        terms.append(Curve(name="added", x=x, y=added, role="model", label=t.words(f"{ID}.added")))
    middle = int(np.abs(a["alpha_bar"] - 0.5).argmin())  # few linear steps never come near SNR = 1
    ratio = f"SNR ≈ {text.number(float(a['alpha_bar'][middle] / (1 - a['alpha_bar'][middle])), 2)}"
    keep = np.unique(np.linspace(0, count - 1, 200).round().astype(int))
    curves = []
    for name, asks in _asks(a, variance).items():
        y = asks / a[target] if target != "noise" else asks
        curves.append(
            Curve(
                name=name, x=levels[keep], y=(y / y[middle])[keep], role=ROLES[name], points=count <= 10,
                dashed=name in ("noise", "bound"), label=t.words(f"{ID}.loss.{name}"),
            )
        )  # fmt: skip
    plane(
        [
            Panel(
                name="terms",
                title=t.words(f"{ID}.panel.terms"),
                x=Axis(t.words(f"{ID}.axis.t_log"), 1.8, count * 1.05, log=True),
                y=Axis(t.words(f"{ID}.axis.nats"), low, max(high, 10 * low), log=True),
                layers=terms,
            ),
            Panel(
                name="weights",
                title=t.words(f"{ID}.panel.weights", target=t.words(f"{ID}.target.{target}")),
                x=Axis(t.words(f"{ID}.axis.t"), 0, count),
                y=Axis(t.words(f"{ID}.axis.weight"), 1e-4, 1e4, log=True),
                layers=[
                    *curves,
                    Rule(name="middle", x=float(levels[middle]), role="exact", label=ratio),
                ],
            ),
        ],
        key=f"{ID}.plane",
        height=330,
    )


def _asks(a, variance: str) -> dict[str, np.ndarray]:
    """How much each loss makes of |ε − ε̂|² at each level, (T,)."""
    return {"noise": np.ones(len(a["error"])), "x0": a["x0"], "v": a["v"], "bound": a[variance][:, 0]}


def _bound(a, variance: str, end: float) -> None:
    """The sum of the terms beside what it is a bound of, and what of the gap the end is to blame for."""
    t = text.current()
    weight, constant = a[variance].T
    terms = weight * a["error"] + constant
    # rounded before they are added: what is shown adds up, too
    prior, steps, decoder = (round(float(part), 3) for part in (a["prior"], terms[1:].sum(), terms[0]))
    total, truth = -(prior + steps + decoder), round(float(a["log_p"]), 3)
    error = float(np.sqrt(np.square(weight * a["error_se"]).sum()))
    gap_error = math.hypot(error, float(a["log_p_se"]))
    said = {
        "prior": _fixed(prior) if prior else text.number(float(a["prior"])),
        "steps": _fixed(steps),
        "decoder": _fixed(decoder),
        "bound": _fixed(total),
        "error": _fixed(error),
        "truth": _fixed(truth),
        "gap": _fixed(truth - total),
        "gap_error": _fixed(gap_error),
    }
    text.prose(t.words(f"{ID}.caption", **said))
    text.prose(t.words(f"{ID}.because.{variance}"))
    if end > SEEN:
        text.prose(t.words(f"{ID}.because.end", end=_fixed(end)))
    if np.isfinite(a["own"]).all():
        own = float((weight * a["own"]).sum())
        own_error = float(np.sqrt(np.square(weight * a["own_se"]).sum()))
        text.prose(t.words(f"{ID}.caption.learned", own=text.number(own, 2), own_error=text.number(own_error, 2)))


def _where(a, variance: str) -> None:
    """From how many of the levels, counted from the clean end, half of each loss comes."""
    t, count, half = text.current(), len(a["error"]), {}
    for name, asks in _asks(a, variance).items():
        if name == "bound":
            terms = (a[variance][:, 0] * a["error"] + a[variance][:, 1])[1:]  # L_0 is a density's logarithm: no share
            first = 2
        else:
            terms, first = asks * a["error"], 1
        half[name] = int(np.searchsorted(np.cumsum(terms), terms.sum() / 2)) + first
    text.prose(t.words(f"{ID}.where", T=count, **half))


def _fixed(value: float) -> str:
    """Numbers of one sum: three decimals."""
    return f"{value:.3f}".replace("-", "−")
