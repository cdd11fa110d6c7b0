"""The second picture of diffusion_theory.forward: many chains and many jumps of one number, and their distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import streamlit as st

from core.scenes.diffusion_theory_forward import BINS, CHAINS, PUPIL, OneNumber, kind
from pages import working
from ui import live, text
from ui.plane import Axis, Bars, Curve, Density, Normal, Panel, Paths, Rule, plane

ID = "diffusion_theory.forward"
NUMBER, PLACE = f"{ID}.number", f"{ID}.number.place"
HEIGHT = 250  # pixels


def chosen(subject: str, first: np.ndarray, x: float, y: float, edge: float) -> tuple[str, float]:
    """The number under the place (x, y) of the picture: its name, translated, and its value at level 0.

    first: the picture as it is sent, (96, 96, 3), (16, 28, 28) or (N, 2).
    """
    t, of = text.current(), kind(subject)
    across, down = (min(max((v + edge) / (2 * edge), 0), 1 - 1e-9) for v in (x, -y))  # shares of the picture
    if of == "points":
        nearest = int(((first - [x, y]) ** 2).sum(axis=1).argmin())
        return t.words(f"{ID}.number.points", number=nearest + 1), float(first[nearest, 0])
    if of == "photograph":
        row, column = int(down * len(first)), int(across * len(first))
        return t.words(f"{ID}.number.photograph", row=row + 1, column=column + 1), _value(first[row, column, 1])
    cell = int(down * 4) * 4 + int(across * 4)
    row, column = int(down * 4 % 1 * 28), int(across * 4 % 1 * 28)
    where = {"digit": cell + 1, "row": row + 1, "column": column + 1}
    return t.words(f"{ID}.number.digits", **where), _value(first[cell, row, column])


def _value(sent: np.uint8) -> float:
    return float(sent) / 127.5 - 1


def draw(ways: working.Answer, frame: int, x: float, y: float, edge: float) -> None:
    """The number under the place (x, y) of the picture, on its way to the level of the picture's frame."""
    place, x0 = chosen(ways.scene.subject, ways.arrays["steps"][0], x, y, edge)
    wanted = OneNumber(x0, **asdict(ways.scene))
    found, shot = working.answer(wanted, NUMBER, OneNumber(PUPIL))
    if found is not None:
        last = live.last()  # the place of the last number, as long as that is shown
        place = last[PLACE] = place if found.fresh else last.get(PLACE, place)
        with st.container(key=f"{NUMBER}_stage" if found.fresh else f"{NUMBER}_stage_stale"):
            _both(found.scene, found.arrays, float(ways.arrays["t"][frame] / ways.scene.T), place)
    working.waiting(wanted, shot, found)


def _both(number: OneNumber, a: Mapping[str, np.ndarray], part: float, place: str) -> None:
    """The paths of the chains, and what is spread at this part of the way."""
    share, x0 = a["t"] / number.T, number.x0
    frame = int(np.abs(share - part).argmin())
    t, mean, std = text.current(), float(a["mean"][frame]), float(a["std"][frame])
    reach = max(2.6, abs(x0) + 0.4)
    value = t.words(f"{ID}.axis.value")
    known = [
        Curve(name=f"mean{d:+d}", x=share, y=a["mean"] + d * a["std"], role="exact", faint=d != 0) for d in (0, -2, 2)
    ]
    known[0] = Curve(name="mean+0", x=share, y=a["mean"], role="exact", label=t.words(f"{ID}.exact"))
    paths = np.stack([np.broadcast_to(share, a["paths"].shape), a["paths"]], axis=2)
    now = float(share[frame])
    low, high = (mean - 4 * std, mean + 4 * std) if std > 0 else (x0 - 1, x0 + 1)
    top = 0.52 / std if std > 0 else 1.0
    here = []
    if std > 0:
        edges = np.linspace(low, high, BINS + 1)
        here = [
            Bars(name="steps", edges=edges, heights=a["steps"][frame], role="data", label=t.words(f"{ID}.steps")),
            Bars(
                name="jump", edges=edges, heights=a["jump"][frame], role="model", outline=True,
                label=t.words(f"{ID}.jump"),
            ),
            Density(name="exact", model=Normal(mean, std), role="exact", label=t.words(f"{ID}.normal")),
        ]  # fmt: skip
    plane(
        [
            Panel(
                name="paths",
                title=t.words(f"{ID}.panel.paths", place=place),
                x=Axis(t.words(f"{ID}.axis.share"), 0, 1),
                y=Axis(value, -reach, reach),
                layers=[
                    Paths(name="paths", at=paths, role="data", label=t.words(f"{ID}.chains")),
                    *known,
                    Rule(name="moment", x=now, role="exact"),
                ],
                weight=1.1,
            ),
            Panel(
                name="spread",
                title=t.words(f"{ID}.panel.spread", t=int(a["t"][frame])),
                x=Axis(value, low, high),
                y=Axis(t.words(f"{ID}.axis.density"), 0, top),
                layers=[*here, Rule(name="mean", x=mean, role="exact", label="" if std else "x₀")],
            ),
        ],
        key=NUMBER,
        height=HEIGHT,
    )
    if std == 0:
        text.prose(t.words(f"{ID}.number.clean", place=place, x0=text.number(x0)))
        return
    measured = ("steps_mean", "steps_std", "jump_mean", "jump_std", "apart")
    numbers = {name: text.number(float(a[name][frame])) for name in measured}
    exact = {"mean": text.number(mean), "std": text.number(std), "expected": text.number(2**0.5 * std)}
    text.prose(t.words(f"{ID}.number.caption", place=place, chains=f"{CHAINS:,}", **numbers, **exact))
