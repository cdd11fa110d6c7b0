"""The second view of diffusion_theory.hierarchy: T levels on paper, and T levels whose encoder only adds noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.diffusion_theory_hierarchy import CHOICES, VARIANCES, LadderScene, LevelBoundScene
from ui import controls, links, text
from ui.plane import Arrows, Axis, Cloud, Curve, Panel, Rule, Words, plane

ID = "diffusion_theory.hierarchy"
LEVELS = links.choice(f"{ID}.levels", "2", tuple(str(T) for T in CHOICES))
ENCODER = links.choice(f"{ID}.encoder", "learnt", ("learnt", "fixed"))
VARIANCE = links.choice(f"{ID}.variance", "step", VARIANCES)
POINTS_SEED = links.whole(f"{ID}.points_seed", 0, low=0, high=9_999)
SETTINGS = (LEVELS, ENCODER, VARIANCE, POINTS_SEED)
WRITTEN_OUT = 6  # levels whose terms are all written
FACTORS = 5  # on a line at most, so that a tablet has room for it
WIDE, ROW, SIZE = 6.0, 0.72, 0.165  # of the ladder: columns from 0 to WIDE, rows at ±ROW, a unit of the data
LOW, HIGH = -3.4, -0.9  # of the axis of the bound, nats
SMALL = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def choose() -> None:
    """The controls of this view."""
    with st.container(width="content"):
        controls.select(LEVELS)
    with st.container(width="content"):
        fixed = controls.select(ENCODER) == "fixed"
    if fixed:
        with st.popover(text.current().label("control.more"), icon=":material/tune:"):
            controls.select(VARIANCE)
            controls.seed(POINTS_SEED)


def draw() -> None:
    """The ladder of levels; for a fixed encoder the bound against T beside it; and what has to be written down."""
    T, fixed = int(str(links.value(LEVELS))), links.value(ENCODER) == "fixed"
    if fixed:
        variance = str(links.value(VARIANCE))
        _climbed(T, variance)
        _bound_in_words(T, variance)
    else:
        plane([_graph(T)], key=f"{ID}.graph", height=130)
        count = {"networks": f"{2 * T:,}", "terms": f"{T + 1:,}"}
        text.prose(text.current().words(f"{ID}.learnt", **count))
    st.latex(text.coloured(written(T, fixed)))


# ---- on paper -------------------------------------------------------------------------------------------------------


def written(T: int, fixed: bool) -> str:
    """LaTeX of the decoders' and the encoders' densities and of the bound, for T levels."""
    lines = (_decoders(T, fixed), _encoders(T, fixed), _bound(T, fixed))
    return r"\begin{aligned}" + r" \\[6pt] ".join(lines) + r"\end{aligned}"


def _level(t: int, fixed: bool) -> str:
    """The variable of level t; level 0 is the data."""
    if t == 0:
        return r"\role{data}{x_0}" if fixed else r"\role{data}{x}"
    return f"{'x' if fixed else 'z'}_{{{t}}}"


def _some(T: int) -> list[int | None]:
    """The levels whose terms are written: 1 … T, or the first two and the last, with a gap (None) between."""
    return list(range(1, T + 1)) if T <= WRITTEN_OUT else [1, 2, None, T]


def _decoders(T: int, fixed: bool) -> str:
    prior = rf"p({_level(T, fixed)})"
    steps = [
        r"\cdots" if t is None else rf"\role{{model}}{{p_\theta}}({_level(t - 1, fixed)} \mid {_level(t, fixed)})"
        for t in _some(T)
    ]
    left = rf"p_\theta({_level(0, fixed)}, {_span(T, fixed)})"
    return rf"{left} &= " + _product([*steps, prior])


def _encoders(T: int, fixed: bool) -> str:
    role = "noise" if fixed else "latent"
    steps = [r"\cdots" if t is None else rf"\role{{{role}}}{{{_q(t, t - 1, fixed)}}}" for t in _some(T)]
    line = rf"q({_span(T, fixed)} \mid {_level(0, fixed)}) &= " + _product(steps)
    if fixed:
        line += r" \\ \role{noise}{q(x_t \mid x_{t-1})} &= \mathcal N(x_t;\, \sqrt{\alpha_t}\, x_{t-1},\, \beta_t I)"
    return line


def _product(factors: list[str]) -> str:
    """Side by side, on as many lines as it takes."""
    each = -(-len(factors) // -(-len(factors) // FACTORS))  # lines of about one length
    rows = [factors[k : k + each] for k in range(0, len(factors), each)]
    return r" \\ &\quad ".join(r"\, ".join(row) for row in rows)


def _q(above: int, below: int, fixed: bool) -> str:
    learnt = "" if fixed else r"_\phi"
    return rf"q{learnt}({_level(above, fixed)} \mid {_level(below, fixed)})"


def _span(T: int, fixed: bool) -> str:
    name = "x" if fixed else "z"
    return f"{name}_1" if T == 1 else f"{name}_{{1:{T}}}"


def _bound(T: int, fixed: bool) -> str:
    """Every term: what the lowest step draws, what lies between, and the end."""
    zero = _level(0, fixed)
    terms = [rf"\mathbb E_q \log \role{{model}}{{p_\theta}}({zero} \mid {_level(1, fixed)})"]
    for t in _some(T):
        if t is None:
            terms.append(r"-\;\cdots")
        elif t < T and not fixed:
            above = rf"\role{{latent}}{{{_q(t, t - 1, fixed)}}}"
            below = rf"\role{{model}}{{p_\theta}}({_level(t, fixed)} \mid {_level(t + 1, fixed)})"
            terms.append(rf"-\, \mathbb E_q \log \frac{{{above}}}{{{below}}}")
        elif t > 1 and fixed:
            known = rf"\role{{latent}}{{q({_level(t - 1, fixed)} \mid {_level(t, fixed)}, {zero})}}"
            terms.append(
                rf"-\, \mathbb E_q D_{{\mathrm{{KL}}}}\bigl( {known} \,\big\|\, "
                rf"\role{{model}}{{p_\theta}}({_level(t - 1, fixed)} \mid {_level(t, fixed)}) \bigr)"
            )
    role, mean = ("noise", "") if fixed else ("latent", "" if T == 1 else r"\mathbb E_q ")
    last = rf"q({_level(T, fixed)} \mid {zero})" if fixed else _q(T, T - 1, fixed)
    terms.append(
        rf"-\, {mean}D_{{\mathrm{{KL}}}}\bigl( \role{{{role}}}{{{last}}} \,\big\|\, p({_level(T, fixed)}) \bigr)"
    )
    together = 1 if fixed else 2  # terms on a line
    rows = [" ".join(terms[k : k + together]) for k in range(0, len(terms), together)]
    return rf"\log p_\theta({zero}) &\ge " + r" \\ &\quad ".join(rows)


# ---- the ladder -----------------------------------------------------------------------------------------------------


def _sub(name: str, t: int) -> str:
    return name + str(t).translate(SMALL)


def _graph(T: int) -> Panel:
    """The graph of the densities: encoders above from left to right, decoders below from right to left."""
    t = text.current()
    shown = list(range(T + 1)) if T <= WRITTEN_OUT else [0, 1, 2, None, T - 1, T]
    places = np.linspace(0, WIDE, len(shown))
    nodes = [k for k, level in enumerate(shown) if level is not None]
    at = np.stack([places[nodes], np.zeros(len(nodes))], axis=1)
    gap, step = 0.22, places[1] - places[0]
    starts = places[:-1]
    words = [
        Words(name=f"level{k}", role="exact", x=float(places[k]), y=0.42, align="center",
              text="x" if level == 0 else _sub("z", level))
        for k, level in enumerate(shown) if level is not None
    ]  # fmt: skip
    words += [
        Words(name="gap", role="exact", x=float(places[k]), y=-0.05, align="center", text="…")
        for k, level in enumerate(shown) if level is None
    ]  # fmt: skip
    along = np.stack([np.full(len(starts), step - 2 * gap), np.zeros(len(starts))], axis=1)
    up = np.stack([starts + gap, np.full(len(starts), 0.16)], axis=1)
    down = np.stack([starts + step - gap, np.full(len(starts), -0.16)], axis=1)
    return Panel(
        name="graph",
        x=Axis("", -0.7, WIDE + 0.7, shown=False),
        y=Axis("", -0.6, 0.8, shown=False),
        layers=[
            Arrows(name="encoders", role="latent", at=up, by=along, longest=None, label=t.words(f"{ID}.encoders")),
            Arrows(name="decoders", role="model", at=down, by=-along, longest=None, label=t.words(f"{ID}.decoders")),
            Cloud(name="data", role="data", at=at[:1], size=9.0),
            Cloud(name="latent", role="latent", at=at[1:], size=9.0),
            *words,
        ],
    )


def _climbed(T: int, variance: str) -> None:
    """Real points on their way up and down, and the bound of every T."""
    t = text.current()
    ladder = scene.shown(LadderScene(T, variance, int(links.value(POINTS_SEED))))
    plane([_ladder(ladder), _against(T, variance)], key=f"{ID}.plane", height=270)
    text.prose(t.words(f"{ID}.points", n=ladder["up"].shape[1]), small=True)


def _ladder(a: Mapping[str, np.ndarray]) -> Panel:
    t = text.current()
    shown = a["shown"]
    places = np.linspace(0, WIDE, len(shown))
    step = places[1] - places[0]
    across = np.stack([places, np.zeros(len(places))], axis=1)[:, None]  # (C, 1, 2)
    rise = np.array([0.0, ROW])
    up, down = (across + sign * rise + SIZE * a[name] for sign, name in ((1, "up"), (-1, "down")))
    gap = min(0.4, 0.36 * step)
    along = np.stack([np.full(len(shown) - 1, step - 2 * gap), np.zeros(len(shown) - 1)], axis=1)
    starts = np.stack([places[:-1] + gap, np.full(len(shown) - 1, ROW)], axis=1)
    ends = np.stack([places[1:] - gap, np.full(len(shown) - 1, -ROW)], axis=1)
    return Panel(
        name="ladder",
        x=Axis("", -0.6, WIDE + 0.6, shown=False),
        y=Axis("", -1.35, 1.5, shown=False),
        equal=True,
        weight=1.9,
        layers=[
            Cloud(name="data", role="data", at=up[0], size=1.3),
            Cloud(name="up", role="noise", at=up[1:].reshape(-1, 2), size=1.3, label=t.words(f"{ID}.up")),
            Cloud(name="down", role="model", at=down.reshape(-1, 2), size=1.3, label=t.words(f"{ID}.down")),
            Arrows(name="encoders", role="noise", at=starts, by=along, longest=None),
            Arrows(name="decoders", role="model", at=ends, by=-along, longest=None),
            *(
                Words(name=f"level{k}", role="exact", x=float(x), y=1.28, align="center", text=_sub("x", int(level)))
                for k, (x, level) in enumerate(zip(places, shown, strict=True))
            ),
        ],
    )  # fmt: skip


def _against(T: int, variance: str) -> Panel:
    """The bound of every number of levels, for each variance of a step, under E log p(x_0)."""
    t = text.current()
    a = scene.shown(LevelBoundScene())
    bounds = -a["terms"].sum(axis=2)  # (L, V)
    x = a["levels"].astype(float)
    layers: list = [
        Curve(
            name=name, role="latent" if name == "posterior" else "model", x=x, y=bounds[:, k], dashed=name != "step",
            points=name == variance, faint=name != variance, label=t.words(f"{ID}.variance.{name}"),
        )
        for k, name in enumerate(VARIANCES)
    ]  # fmt: skip
    layers.append(Rule(name="exact", role="exact", y=float(a["log_density"]), label=t.words(f"{ID}.log_density")))
    layers.append(Rule(name="now", role="noise", x=float(T)))
    return Panel(
        name="bound",
        title=t.words(f"{ID}.against"),
        x=Axis(t.words(f"{ID}.axis.levels"), 0.9, 1100, log=True),
        y=Axis(t.words(f"{ID}.axis.nats_point"), LOW, HIGH),
        layers=layers,
    )


def _bound_in_words(T: int, variance: str) -> None:
    """The terms of the bound of this T, and what is missing."""
    a = scene.shown(LevelBoundScene())
    row = int(np.flatnonzero(a["levels"] == T)[0])
    last, steps, first = (float(v) for v in a["terms"][row, VARIANCES.index(variance)])
    exact = float(a["log_density"])
    bound = -last - steps - first
    values = {
        "levels": f"{T:,}", "bound": _nats(bound), "exact": _nats(exact),
        "gap": _nats(round(exact, 3) - round(bound, 3)),  # of the numbers that stand beside it
        "last": text.number(last, 2), "steps": _nats(steps),
        "first": f"({_nats(first)})" if first < 0 else _nats(first),
    }  # fmt: skip
    text.prose(text.current().words(f"{ID}.caption.fixed", **values))


def _nats(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")
