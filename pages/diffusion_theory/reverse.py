"""diffusion_theory.reverse: the way back with the exact score, by chance (SDE) and by a fixed road (ODE)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core.scenes.diffusion_theory_back import NAMES, ODES, PATHS, REACH, SCHEDULES, STEPS, Ends, T, Walks
from pages import working
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Contours, Curve, Heat, Layer, Panel, Paths, Rule, plane

ID = "diffusion_theory.reverse"
DIMENSIONS = links.choice(f"{ID}.dimensions", 1, (1, 2))
SHAPE = links.choice(f"{ID}.data", "humps", NAMES)
COUNT = links.choice(f"{ID}.steps", 100, STEPS)
ODE = links.choice(f"{ID}.ode", "ddim", ODES)
SCHEDULE = links.choice(f"{ID}.schedule", "cosine", SCHEDULES)
PARTICLES = links.choice(f"{ID}.particles", 1000, (1, 20, 200, 1000, 2000))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
SETTINGS = (DIMENSIONS, SHAPE, COUNT, ODE, SCHEDULE, PARTICLES, SEED)
ROLES = {"sde": "model", "ode": "score"}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        wanted = _controls()
        found, shot = working.answer(wanted, ID, Walks())
        if found is not None:
            with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
                walks, a = found.scene, found.arrays
                (_line if walks.dimensions == 1 else _plane)(walks, a)
                _sentences(walks, a)
        working.waiting(wanted, shot, found)
        controls.presets(
            ID,
            {
                "two": {COUNT: 2, DIMENSIONS: 1, SHAPE: "humps", SCHEDULE: "cosine"},
                "ten": {COUNT: 10, DIMENSIONS: 1, SHAPE: "three", SCHEDULE: "cosine"},
                "all": {COUNT: 1000, DIMENSIONS: 1, SHAPE: "humps", SCHEDULE: "linear"},
                "plane": {COUNT: 100, DIMENSIONS: 2, SHAPE: "three", SCHEDULE: "cosine"},
                "gaussian": {COUNT: 5, DIMENSIONS: 1, SHAPE: "one", SCHEDULE: "cosine"},
            },
        )
        _ends(wanted)


def _controls() -> Walks:
    """The controls, and the walks that they ask for."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        dimensions = controls.select(DIMENSIONS)
        data = controls.select(SHAPE)
        with st.container(width=150):
            steps = controls.select(COUNT, look="select")
        ode = controls.select(ODE)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            schedule = controls.select(SCHEDULE)
            particles = controls.select(PARTICLES, look="select")
            seed = controls.seed(SEED)
    return Walks(int(dimensions), data, schedule, int(steps), ode, int(particles), seed)


def _moments(a: Mapping[str, np.ndarray]) -> list[str]:
    """The text of each frame."""
    t, count = text.current(), len(a["t"])
    return [t.words(f"{ID}.moment", t=int(level), frame=k, frames=count - 1) for k, level in enumerate(a["t"])]


def _line(walks: Walks, a: Mapping[str, np.ndarray]) -> None:
    """One dimension: the exact p_t over t with the particles' ways on it, and both piles beside the exact density."""
    t, reach, levels = text.current(), REACH[1], a["t"].astype(float)
    place = Axis(t.words(f"{ID}.axis.x"), -reach, reach)
    time = Axis(t.words(f"{ID}.axis.t"), 0, T)
    heat = {"x": (0.0, float(T)), "y": (-reach, reach), "low": 0.0, "high": float(a["heat"].max())}
    panels = []
    for name, role in ROLES.items():
        x = a[name][:, : PATHS[1], 0].T  # (P, F)
        ways = np.stack([np.broadcast_to(levels, x.shape), x], axis=2)
        panels.append(
            Panel(
                name=name,
                title=_name(name, walks),
                x=time,
                y=place,
                layers=[
                    Heat(name="exact", values=a["heat"], role="data", **heat),
                    Paths(name="ways", at=ways, role=role, grow=True),
                    Rule(name="now", x=levels.tolist(), role="noise"),
                ],
            )
        )
    edges = np.repeat(a["edges"], 2)[1:-1]
    highest, piled = float(a["exact"].max()), float(max(a["sde_bars"][-1].max(), a["ode_bars"][-1].max()))
    top = 1.15 * min(max(highest, piled), 4 * highest)  # all in one place would leave no room for the rest
    piles = [
        Curve(
            name=name,
            x=np.repeat(a[f"{name}_bars"], 2, axis=1),
            y=edges,
            role=role,
            dashed=name == "ode",
            label=t.words(f"{ID}.{'sde' if name == 'sde' else 'ode_curve'}"),
        )
        for name, role in ROLES.items()
    ]
    panels.append(
        Panel(
            name="now",
            title=t.words(f"{ID}.panel.now"),
            x=Axis(t.words(f"{ID}.axis.density"), 0, top),
            y=place,
            layers=[*piles, Curve(name="exact", x=a["exact"], y=a["line"], role="exact", label=t.words(f"{ID}.exact"))],
            weight=0.8,
        )
    )
    _show(walks, a, panels)


def _plane(walks: Walks, a: Mapping[str, np.ndarray]) -> None:
    """Two dimensions: particles with the ways of a few over the exact contours."""
    t, reach = text.current(), REACH[2]
    x, y = (Axis(t.words(f"{ID}.axis.{name}"), -reach, reach) for name in ("x1", "x2"))
    panels = []
    for name, role in ROLES.items():
        layers: list[Layer] = [
            Contours(
                name="exact", values=a["density"], at=a["heights"], role="data", x=(-reach, reach), y=(-reach, reach),
                label=t.words(f"{ID}.exact"),
            ),
            Cloud(name="particles", at=a[name], role=role),
            Paths(name="ways", at=a[name][:, : PATHS[2]].transpose(1, 0, 2), role=role, grow=True),
        ]  # fmt: skip
        panels.append(Panel(name=name, title=_name(name, walks), x=x, y=y, layers=layers, equal=True))
    _show(walks, a, panels)


def _name(name: str, walks: Walks) -> str:
    t = text.current()
    return t.words(f"{ID}.panel.{name}" if name == "sde" else f"{ID}.panel.{walks.ode}")


def _show(walks: Walks, a: Mapping[str, np.ndarray], panels: list[Panel]) -> None:
    plane(
        panels,
        key=f"{ID}.plane",
        frames=_moments(a),
        start=-1,
        height=330,
        glide=True,
        invite=text.current().words(f"{ID}.invite"),
        scene=walks.key,
    )


def _sentences(walks: Walks, a: Mapping[str, np.ndarray]) -> None:
    """How far both ends are from the data, and what chance alone would leave."""
    t = text.current()
    numbers = {name: text.number(float(a[name]), 2) for name in ("sde_far", "ode_far", "floor")}
    spreads = {name: text.number(float(a[name]), 3) for name in ("sde_std", "ode_std", "std")}
    said = {"steps": f"{walks.sampler_steps:,}", "particles": f"{walks.particles:,}"}
    text.prose(t.words(f"{ID}.caption", **said, **numbers))
    text.prose(t.words(f"{ID}.caption.std", **spreads), small=True)
    if walks.sampler_steps > len(a["t"]) - 1:
        text.prose(t.words(f"{ID}.thinned", steps=f"{walks.sampler_steps:,}", frames=len(a["t"])), small=True)


def _ends(walks: Walks) -> None:
    """The error of the end against how often the score was asked."""
    wanted = Ends(walks.dimensions, walks.data, walks.schedule)
    found, shot = working.answer(wanted, f"{ID}.ends", Ends())
    if found is not None:
        with st.container(key=f"{ID}.ends_stage" if found.fresh else f"{ID}.ends_stage_stale"):
            _errors(found.scene, found.arrays)
    working.waiting(wanted, shot, found)


def _errors(ends: Ends, a: Mapping[str, np.ndarray]) -> None:
    t = text.current()
    steps, sde, gaps = a["steps"].astype(float), a["sde"], np.full(len(a["steps"]), np.nan)
    bars = [np.stack(ends, axis=1).ravel() for ends in ((steps, steps, gaps), (sde.min(axis=1), sde.max(axis=1), gaps))]
    layers: list[Layer] = [
        Rule(name="floor", y=float(a["floor"]), role="noise", label=t.words(f"{ID}.floor")),
        Curve(name="bars", x=bars[0], y=bars[1]),
        Curve(name="sde", x=steps, y=sde.mean(axis=1), points=True, label=t.words(f"{ID}.sde")),
        Curve(name="ddim", x=steps, y=a["ddim"], role="score", points=True, label=t.words(f"{ID}.ddim")),
        Curve(
            name="heun", x=a["heun_calls"].astype(float), y=a["heun"], role="latent", points=True, dashed=True,
            label=t.words(f"{ID}.heun"),
        ),
    ]  # fmt: skip
    everything = np.concatenate([sde.ravel(), a["ddim"], a["heun"], a["floor"][None]])
    if "sde_theory" in a:
        for name in ("sde_theory", "ddim_theory"):
            label = t.words(f"{ID}.theory") if name == "sde_theory" else ""
            layers.append(Curve(name=name, x=steps, y=a[name], role="exact", label=label))
        everything = np.concatenate([everything, a["sde_theory"]])
    low, high = 10 ** np.floor(np.log10(max(everything.min(), 1e-4))), 10 ** np.ceil(np.log10(everything.max()))
    st.markdown(f"**{t.words(f'{ID}.ends.title')}**")
    plane(
        [
            Panel(
                name="ends",
                x=Axis(t.words(f"{ID}.axis.calls"), 0.9, 250, log=True),
                y=Axis(t.words(f"{ID}.axis.far"), float(low), float(high), log=True),
                layers=layers,
            )
        ],
        key=f"{ID}.ends",
        height=270,
    )
    at = {f"{name}{k}": float(a[name][i].mean()) for name in ("sde", "ddim") for k, i in ((10, 3), (100, 6))}
    kind = "line" if ends.dimensions == 1 else "plane"
    said = {name: text.number(value, 2) for name, value in at.items()}
    text.prose(t.words(f"{ID}.ends.{kind}", **said, floor=text.number(float(a["floor"]), 2), draws=sde.shape[1]))
    if "sde_theory" in a:
        text.prose(t.words(f"{ID}.ends.theory", sde=text.number(float(a["sde_theory"][6]), 2)), small=True)
