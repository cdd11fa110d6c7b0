"""What the experiments of step 5 share: data sets with their axes, words for numbers, and the way out of trouble."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core import scene
from ui import links, text
from ui.plane import Axis

ROUNDING = 1e-13  # nats per point: a gap below it is none
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PROPER = ("faithful", "bodies", "blobs", "moons")
DATA = (*PROPER, "own")
# low and high of the two axes of each data set
BOXES = {
    "faithful": ((-0.8, 6.2), (38.0, 118.0)),
    "bodies": ((142.0, 204.0), (36.0, 122.0)),
    "blobs": ((-2.4, 2.4), (-2.4, 2.4)),
    "moons": ((-2.4, 2.4), (-2.4, 2.4)),
    "own": ((-3.0, 3.0), (-3.0, 3.0)),
}


def axes(data: str) -> tuple[Axis, Axis]:
    """The two axes of a data set, named with their units."""
    t = text.current()
    kind = data if data in ("faithful", "bodies") else "plain"
    (left, right), (bottom, top) = BOXES[data]
    return Axis(t.words(f"em.axis.{kind}.x"), left, right), Axis(t.words(f"em.axis.{kind}.y"), bottom, top)


def inside(data: str, point: tuple[float, float]) -> bool:
    """Whether a point lies in the picture of a data set."""
    return all(low <= value <= high for value, (low, high) in zip(point, BOXES[data], strict=True))


@dataclass(frozen=True)
class Shown:
    """What an experiment shows: a scene and its arrays; `refused` says why it is not the one that was asked for."""

    scene: scene.Scene | None
    arrays: Mapping[str, np.ndarray]
    refused: str = ""


def last_good(experiment: str, wanted: scene.Scene, *, key: str = "good") -> Shown:
    """The arrays of a scene, or where it has none those of the last one that had."""
    arrays = scene.shown(wanted)
    place = f"{experiment}.{key}"
    if "refused" not in arrays:
        st.session_state[place] = wanted
        return Shown(wanted, arrays)
    before = st.session_state.get(place)
    if before is None:
        return Shown(None, arrays, str(arrays["refused"]))
    return Shown(before, scene.shown(before), str(arrays["refused"]))


def trouble(experiment: str, code: str, way_out: Mapping[links.Setting, object], **values: object) -> None:
    """One sentence about what happened, and a button that leads out."""
    t = text.current()
    with st.container(key=f"{experiment}.trouble", gap="small"):
        text.prose(f":material/info: {t.words(f'em.trouble.{code}', **values)}")
        if way_out:
            st.button(
                t.words(f"em.trouble.{code}.out"),
                key=f"{experiment}.way_out",
                icon=":material/undo:",
                on_click=links.put_all,
                args=(dict(way_out),),
            )


def nats(value: float, places: int = 4) -> str:
    """A log-likelihood for a sentence: so many decimals, a true minus sign."""
    return f"{value:.{places}f}".replace("-", "−")


def gap(value: float) -> str:
    """A gap for a sentence: 0 where only rounding is left of it, small ones as 2.57 × 10⁻⁶."""
    if abs(value) < ROUNDING:
        return "0"
    if abs(value) >= 1e-4:
        return text.number(value, 3)
    power = math.floor(math.log10(abs(value)))
    return _scaled(value, power, 2)


def together(*values: float) -> tuple[str, ...]:
    """Numbers of one sum, to the same decimals, so that it can be checked; three digits of the smallest."""
    sizes = [abs(value) for value in values if abs(value) >= ROUNDING]
    if not sizes:
        return ("0",) * len(values)
    first, last = (math.floor(math.log10(size)) for size in (max(sizes), min(sizes)))
    power = first if first < -3 else 0
    places = min(max(2, power - last + 2), 6)
    said = []
    for value in values:
        lost = abs(value) < ROUNDING or round(value / 10.0**power, places) == 0
        said.append(gap(value) if lost else _scaled(value, power, places))
    return tuple(said)


def _scaled(value: float, power: int, places: int) -> str:
    mantissa = f"{value / 10.0**power:.{places}f}".replace("-", "−")
    if not power:
        return mantissa
    return f"{mantissa}\u202f×\u202f10{str(power).translate(RAISED)}"  # no line may end inside


def names(components: np.ndarray) -> str:
    """The numbers of components as people count."""
    return ", ".join(str(int(k) + 1) for k in components)
