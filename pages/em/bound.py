"""em.bound: one parameter, its log-likelihood and the lower bound that touches it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.em import PHASES, RANGES, Bound
from pages.em import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Curve, Dot, Panel, Rule, plane

ID = "em.bound"
PARAMETER = links.choice(f"{ID}.parameter", "mean", ("mean", "std", "weight"))
STARTS = {
    "mean": links.real(f"{ID}.mean", 76.0, low=31.0, high=109.0, step=0.5),
    "std": links.real(f"{ID}.std", 35.0, low=1.0, high=39.0, step=0.5),
    "weight": links.real(f"{ID}.weight", 0.95, low=0.01, high=0.99, step=0.01),
}
FIRST_FRAME = 2  # after the first M: the parameter is at the top of the bound, and the gap is open


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(PARAMETER, *STARTS.values())):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            parameter = controls.select(PARAMETER)
            with st.container(width=320):
                start = controls.slider(STARTS[parameter])
        a = scene.shown(Bound(parameter, float(start)))
        frame = _picture(a, parameter)
        _sentence(a, parameter, frame)
        controls.presets(
            ID,
            {
                "far": {PARAMETER: "mean", STARTS["mean"]: 100.0},
                "near": {PARAMETER: "mean", STARTS["mean"]: 40.0},
                "spread": {PARAMETER: "std", STARTS["std"]: 2.0},
                "weight": {PARAMETER: "weight", STARTS["weight"]: 0.95},
            },
        )


def _picture(a: dict[str, np.ndarray], parameter: str) -> int:
    """The data with the mixture, and the curve with its bound. Returns the frame at which the picture rests."""
    t, x = text.current(), a["x"]
    value, likelihood, bound = a["value"], a["log_likelihood"], a["lower_bound"]
    low, high = RANGES[parameter]
    bottom, top = float(a["curve"].min()), float(a["curve"].max())
    room = top - bottom
    edges = np.arange(40, 101, 3.0)
    heights = np.histogram(x, edges, density=True)[0]
    touching = np.stack([value, np.where(np.isnan(bound), likelihood, bound)], axis=1)[:, None]  # (F, 1, 2)
    on_curve = np.stack([value, likelihood], axis=1)[:, None]
    wait = Axis(t.words("em.axis.faithful.y"), 38, 104)
    highest = max(float(heights.max()), float(np.quantile(a["density"].max(axis=1), 0.5))) * 1.25
    layers = [
        Bars(name="waits", edges=edges, heights=heights, label=t.words("em.waits")),
        Curve(name="first", x=a["wait"], y=a["parts"][0], role="model", faint=True, fill=True),
        Curve(name="second", x=a["wait"], y=a["parts"][1], role="noise", faint=True, fill=True),
        Curve(name="mixture", x=a["wait"], y=a["density"], label=t.words("em.mixture")),
    ]
    if parameter == "mean":
        layers.append(Rule(name="now", x=[float(v) for v in value], label="μ₁"))
    state = plane(
        [
            Panel(
                name="data",
                title=t.words(f"{ID}.panel.data"),
                x=wait,
                y=Axis(t.words("em.axis.density"), 0, highest),
                layers=layers,
                weight=0.8,
            ),
            Panel(
                name="curves",
                title=t.words(f"{ID}.panel.curves"),
                x=Axis(t.words(f"{ID}.axis.{parameter}"), low, high),
                y=Axis(t.words("em.axis.nats"), bottom - 0.12 * room, top + 0.22 * room),
                layers=[
                    Curve(name="log_likelihood", x=a["grid"], y=a["curve"], label=t.words("em.log_likelihood")),
                    Curve(
                        name="lower_bound", x=a["grid"], y=a["bounds"], role="latent", dashed=True,
                        label=t.words("em.lower_bound"),
                    ),
                    Curve(
                        name="gap", x=np.stack([value, value], axis=1), y=np.stack([bound, likelihood], axis=1),
                        role="condition", label=t.words("em.gap"),
                    ),
                    Curve(name="climb", x=value, y=likelihood, grow=True, points=True, faint=True),
                    Cloud(name="bottom", at=touching, role="latent", size=5),
                    Cloud(name="top", at=on_curve, role="model", size=5),
                ],
                handles=[
                    Dot(
                        name="start", x="start", y=bottom - 0.06 * room, label=t.words(f"{ID}.start"), role="latent",
                        jump=True,
                    )
                ],
                note=[_numbers(parameter, *three) for three in zip(value, likelihood, bound, strict=True)],
            ),
        ],
        key=f"{ID}.plane",
        values={"start": STARTS[parameter]},
        frames=[_moment(i, p) for i, p in zip(a["iteration"], a["phase"], strict=True)],
        moves=[PHASES[p] for p in a["phase"]],
        height=330,
        start=FIRST_FRAME,
        glide=True,
        invite=t.words(f"{ID}.invite"),
        scene=parameter,
    )  # fmt: skip
    return min(state.frame, len(value) - 1)


def _sentence(a: dict[str, np.ndarray], parameter: str, frame: int) -> None:
    """What the last half step did, and where all of them end."""
    t, phase = text.current(), PHASES[a["phase"][frame]]
    value, likelihood, bound = a["value"], a["log_likelihood"], a["lower_bound"]
    name = t.words(f"{ID}.symbol.{parameter}")
    numbers = {"name": name, "value": _short(value[frame]), "log_likelihood": common.nats(likelihood[frame])}
    if phase == "M":
        del numbers["log_likelihood"]
        risen, rose, opened = common.together(
            likelihood[frame] - likelihood[frame - 1],
            bound[frame] - bound[frame - 1],
            likelihood[frame] - bound[frame],
        )
        numbers |= {"before": _short(value[frame - 1]), "risen": risen, "bound": rose, "gap": opened}
    text.prose(t.words(f"{ID}.caption.{phase.lower()}", **numbers))
    end = {"end": _short(value[-1]), "best": _short(float(a["best"])), "iterations": int(a["iteration"][-1])}
    text.prose(t.words(f"{ID}.caption.end", name=name, **end), small=True)


def _short(value: float) -> str:
    return text.number(value, 4)


def _moment(iteration: int, phase: int) -> str:
    t, name = text.current(), PHASES[int(phase)].lower()
    return t.words(f"{ID}.moment.{name}", i=int(iteration)) if name != "start" else t.words(f"{ID}.moment.start")


def _numbers(parameter: str, value: float, likelihood: float, bound: float) -> str:
    t = text.current()
    said = {
        "name": t.words(f"{ID}.symbol.{parameter}"),
        "value": _short(value),
        "log_likelihood": common.nats(likelihood, 3),
    }
    if np.isnan(bound):
        return t.words(f"{ID}.note.start", **said)
    return t.words(f"{ID}.note.both", gap=common.gap(likelihood - bound), **said)
