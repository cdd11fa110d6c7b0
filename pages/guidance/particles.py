"""guidance.particles: what guidance really samples, as clouds with exact scores, and where all can be worked out."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from core import scene
from core.scenes.guidance_particles import COUNT, GAMMAS, MANY, WINDOW, Clouds, Variances
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Curve, Density, Ellipses, Normal, Panel, Paths, Rule, plane

ID = "guidance.particles"
LABEL = links.choice(f"{ID}.label", "0", ("0", "1", "2"))
WAY = links.choice(f"{ID}.way", "ode", ("ode", "sde"))
FOURTH = links.real(f"{ID}.fourth", 7.0, low=-5.0, high=50.0, step=0.5)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9_999)
GAMMA = links.real(f"{ID}.gamma", 3.0, low=-5.0, high=50.0, step=0.25)
STEPS = links.choice(f"{ID}.steps", 200, (2, 10, 50, 200, 1000))
SETTINGS = (LABEL, WAY, FOURTH, SEED, GAMMA, STEPS)
ROLES = {"ode": "model", "sde": "score", "tilted": "condition"}
COARSE = 0.1  # share by which finitely many steps may miss the limit before it is said
DEEPEST = 1e-16  # the lowest variance that is drawn


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as shown:
        if not shown.open:
            return
        _clouds()
        text.prose(f"**{text.current().words(f'{ID}.gaussian')}**")
        _gaussian()
        controls.presets(
            ID,
            {
                "far": {WAY: "ode", FOURTH: 50.0},
                "away": {WAY: "ode", FOURTH: -3.0},
                "fresh": {WAY: "sde", FOURTH: 7.0},
                "half": {GAMMA: 0.5},
                "coarse": {GAMMA: 7.0, STEPS: 10},
            },
        )
        page.derivation("guidance.gaussian")
        page.code("core/diffusion/guided_gaussian.py", "ode_variance", "sde_variance", "tilted_variance", "walked")


# ---- clouds ---------------------------------------------------------------------------------------------------------


def _clouds() -> None:
    """Four clouds from one noise, and what has become of them."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
        label = int(controls.select(LABEL))
        way = str(controls.select(WAY))
        with st.container(width=200):
            fourth = float(controls.number(FOURTH))
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            seed = controls.seed(SEED)
    a = scene.shown(Clouds(label, way, fourth, seed=seed))
    gammas = (*GAMMAS, fourth)
    axis = [Axis(name, -WINDOW, WINDOW) for name in ("x₁", "x₂")]
    plane(
        [_cloud(a, k, gamma, label, axis) for k, gamma in enumerate(gammas)],
        key=f"{ID}.plane",
        frames=[t.label("player.clock", t=level, T=int(a["t"][0])) for level in a["t"].tolist()],
        scene=f"{label} {way} {fourth} {seed}",
        height=264,
        glide=True,
    )
    _table(a, gammas, label)
    out = int(a["out"][3])
    if out:
        text.prose(t.words(f"{ID}.out", out=out, count=COUNT, gamma=text.number(fourth)))


def _cloud(a, k: int, gamma: float, label: int, axis: list[Axis]) -> Panel:
    """One cloud, with the exact distribution where guidance samples it: p_t(x) at γ = 0, p_t(x | y) at γ = 1."""
    t = text.current()
    exact = {0.0: slice(None), 1.0: slice(label, label + 1)}.get(gamma)
    asked = slice(label, label + 1)
    layers: list = []
    if exact is not None:
        layers.append(
            Ellipses(name="exact", role="exact", means=a["means"][:, exact], covs=a["covs"][:, exact], fill=False,
                     label=t.words(f"{ID}.exact.{'all' if gamma == 0 else 'asked'}"))
        )  # fmt: skip
    else:
        layers.append(
            Ellipses(name="asked", role="condition", means=a["means"][:, asked], covs=a["covs"][:, asked],
                     label=t.words(f"{ID}.asked"), faint=True)
        )  # fmt: skip
    layers.append(Cloud(name="cloud", role="model", at=a["at"][k].astype(np.float32), size=1.8))
    return Panel(
        name=f"cloud{k}",
        title=f"γ = {text.number(gamma)}",
        x=axis[0],
        y=axis[1],
        layers=layers,
        note=[t.words(f"{ID}.note", share=f"{100 * share:.1f}") for share in a["inside"][k].tolist()],
        equal=True,
    )


def _table(a, gammas: tuple[float, ...], label: int) -> None:
    """What has become of the clouds, and the same of the exact distributions where there is one."""
    t = text.current()
    traces = a["cov"].trace(axis1=1, axis2=2)

    def row(name: str, values, exact, form) -> str:
        beside = [f" ({t.words(f'{ID}.exactly', value=form(v))})" for v in exact] + [""] * len(gammas)
        cells = [form(v) + more for v, more in zip(values, beside, strict=False)]
        named = t.words(f"{ID}.row.{name}").replace("|", "\\|")  # no column ends there
        return f"| {named} | {' | '.join(cells)} |"

    def percent(v) -> str:
        return f"{100 * float(v):.1f}%"

    def plain(v) -> str:
        return f"{float(v):.2f}".replace("-", "−")

    head = " | ".join(f"γ = {text.number(g)}" for g in gammas)
    rows = [
        row("inside", a["inside"][:, -1], a["exact_inside"], percent),
        row("trace", traces, a["exact_trace"], plain),
        row("away", a["away"], a["exact_away"], plain),
    ]
    text.prose("\n".join([f"| | {head} |", "|---|" + "---:|" * len(gammas), *rows]))
    numbers = {"count": COUNT, "away": plain(a["away"][2]), "before": plain(traces[1]), "after": plain(traces[2])}
    text.prose(t.words(f"{ID}.caption", name=t.words(f"{ID}.label.{label}"), **numbers))


# ---- the Gaussian case ----------------------------------------------------------------------------------------------


def _gaussian() -> None:
    """Variance against γ, and what arrives at one γ."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.gaussian_controls"):
        with st.container(width=200):
            gamma = float(controls.number(GAMMA))
        steps = int(controls.select(STEPS))
    a = scene.shown(Variances(gamma, steps))
    plane([_against(a, gamma), _at(a)], key=f"{ID}.gaussian_plane", height=290)
    ode, sde, tilted = (float(v) for v in a["own_closed"])
    error = np.sqrt(2 / MANY)
    numbers = {"gamma": text.number(gamma, 4), "steps": f"{steps:,}", "count": f"{MANY:,}"}
    for name, closed, walk, seen in zip(("ode", "sde"), (ode, sde), a["own_walked"], a["own_measured"], strict=True):
        measured, off = _measured(float(seen), float(seen * error))
        numbers |= {
            name: text.number(closed, 4), f"{name}_walked": text.number(float(walk), 4),
            f"{name}_measured": measured, f"{name}_error": off,
        }  # fmt: skip
    text.prose(t.words(f"{ID}.gaussian.caption", **numbers))
    if np.isfinite(tilted):
        agree = max(abs(ode - tilted), abs(sde - tilted)) < 1e-9
        text.prose(t.words(f"{ID}.gaussian.{'agree' if agree else 'tilted'}", tilted=text.number(tilted, 4)))
    else:
        text.prose(t.words(f"{ID}.gaussian.no_tilted"))
    if gamma == 0.5:
        text.prose(t.words(f"{ID}.gaussian.limit", sde=text.number(sde, 4)))
    if gamma < 0:
        text.prose(t.words(f"{ID}.gaussian.negative"))
    off = max(abs(float(walk) / limit - 1) for walk, limit in zip(a["own_walked"], (ode, sde), strict=True))
    if off > COARSE:
        text.prose(t.words(f"{ID}.gaussian.coarse", steps=f"{steps:,}", off=text.number(100 * off)), small=True)


def _measured(value: float, error: float) -> tuple[str, str]:
    """A measured number and its standard error: two digits of the error, and the number no further than it is known."""
    if not 1e-4 <= error < 100:
        return text.number(value), text.number(error, 2)
    places = 1 - math.floor(math.log10(error))
    return f"{value:.{places}f}", f"{error:.{places}f}"


def _against(a, gamma: float) -> Panel:
    """The closed forms, the exact variance of so many steps, and what was measured."""
    t, grid = text.current(), a["grid"]
    known = a["closed"][np.isfinite(a["closed"])]
    low, high = max(float(known.min()) / 2, DEEPEST), float(known.max()) * 2
    layers: list = []
    for name, y in zip(ROLES, a["closed"], strict=True):
        layers.append(Curve(name=name, role=ROLES[name], x=grid, y=y, label=t.words(f"{ID}.curve.{name}"),
                            dashed=name == "tilted"))  # fmt: skip
    for k, name in enumerate(("ode", "sde")):
        walked = np.where((a["walked"][k] > low / 10) & (a["walked"][k] < high * 10), a["walked"][k], np.nan)
        layers.append(Curve(name=f"{name}_walked", role=ROLES[name], x=grid, y=walked, faint=True, dashed=True))
        seen = a["measured"][k]
        drawn = (seen > low) & (seen < high)
        at = np.stack([a["gammas"][drawn], seen[drawn]], axis=1)
        error = 2 * np.sqrt(2 / MANY)
        bars = np.stack([at * (1, 1 - error), at * (1, 1 + error)], axis=1)  # (M, 2, 2)
        layers.append(Paths(name=f"{name}_error", role=ROLES[name], at=bars))
        layers.append(Cloud(name=f"{name}_measured", role=ROLES[name], at=at, size=4.0))
    layers.append(Rule(name="gamma", role="noise", x=gamma))
    return Panel(
        name="against",
        title=t.words(f"{ID}.panel.against"),
        x=Axis("γ", float(grid[0]), float(grid[-1])),
        y=Axis(t.words(f"{ID}.axis.variance"), low, high, log=True),
        layers=layers,
        weight=1.3,
    )


def _at(a) -> Panel:
    """Where the particles of one γ ended, under the three normal distributions."""
    t = text.current()
    stds = np.sqrt(a["own_closed"])
    wide = 3.5 * float(np.nanmax(stds[1:]))
    edges = np.linspace(-wide, wide, 36)
    cell = edges[1] - edges[0]
    bars = [np.histogram(x, edges)[0] / (len(x) * cell) for x in a["particles"].astype(float)]
    top = 1.15 * min(max(float(b.max()) for b in bars), 4 * 0.4 / float(stds[1]))
    layers: list = []
    for name, heights in zip(("ode", "sde"), bars, strict=True):
        layers.append(Bars(name=f"{name}_bars", role=ROLES[name], edges=edges, heights=heights, outline=name == "sde",
                           faint=name == "ode"))  # fmt: skip
    for name, std in zip(ROLES, stds, strict=True):
        if np.isfinite(std):
            layers.append(Density(name=name, model=Normal(0.0, max(float(std), wide / 1e4)), role=ROLES[name],
                                  dashed=name == "tilted"))  # fmt: skip
    return Panel(
        name="at",
        title=t.words(f"{ID}.panel.at"),
        x=Axis("x", -wide, wide),
        y=Axis(t.words(f"{ID}.axis.density"), 0, max(top, 1.1 * 0.4 / wide)),
        layers=layers,
    )
