"""A derivation whose terms are tied to the arrows of a picture: each lights the other.

    derivation(
        key="guidance.bayes.derivation",
        values={"t": T, "gamma": GAMMA, "y": Y, "x1": X1, "x2": X2, "parts": PARTS, "line": LINE, …},
        count=3, levels=levels, alpha_bar=alpha_bar, lines=LINES, digits=Digits(…), labels={…},
    )

On the left the plane: a mixture at level t of the way into noise, a point that is dragged, and the arrows of the line
that is chosen. In the middle the lines, MathML with the value of each term below it. On the right an image at the same
level, and what a network says of it. The mixture's scores are evaluated in the browser (quantities.js; a test compares
them with core/), so that everything follows the finger; where it is let go, the settings take the values and a rerun
follows. Text in the browser is never HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from ui import component, links
from ui.links import Setting
from ui.maths import Node, call, hat, root, row, sub

__all__ = ["LABELS", "Cell", "Digits", "Line", "call", "derivation", "encode", "hat", "root", "row", "sub", "taken"]

VALUES = ("t", "gamma", "y", "x1", "x2", "parts", "line", "digit", "label")
MARKS = ("px", "pxy", "pyx", "py", "s", "sy", "g", "gg", "guided", "zero")  # what a term may light
LABELS = (
    "name", "lines", "point", "mean", "x1", "x2", "t", "gamma", "y", "invite", "level", "posterior", "ruler",
    "ruler_noise", "cut", "state_one_class", "state_negative", "state_zero", "state_between", "state_one", "state_more",
    "noisy", "clean", "noise", "implied", "none", "given", "difference", "guided", "asked_1", "asked_2",
    "digit", "label", "scale", "share",
)  # fmt: skip
"""Labels, each translated; {name} in them is filled in by the browser."""

_render = component.declare(
    "derivation", borrowed=("maths.js", "plane/axes.js", "plane/contours.js", "plane/draw.js", "plane/formulas.js")
)


@dataclass(frozen=True)
class Cell:
    """A piece of a line. lights: the mark that it is tied to; value: the quantity that is written below it."""

    maths: Node
    lights: str = ""
    role: str = ""
    value: str = ""


@dataclass(frozen=True)
class Line:
    """A line of the derivation. marks: what the picture shows while it is chosen; turned: as noise, not as scores."""

    name: str
    cells: Sequence[Cell]
    reason: str
    marks: Sequence[str]
    turned: bool = False


@dataclass(frozen=True, eq=False)
class Digits:
    """An image at every level, and the noise predicted without and with a label: (L, n, n) each; clean: (n, n)."""

    clean: np.ndarray
    x: np.ndarray
    none: np.ndarray
    given: np.ndarray


def encode(
    *,
    key: str,
    values: Mapping[str, Any],
    count: int,
    levels: Sequence[int],
    alpha_bar: Sequence[float],
    lines: Sequence[Line],
    labels: Mapping[str, str],
    names: Mapping[str, Node],
    bounds: Mapping[str, Sequence[float]],
    digits: Digits | None = None,
    reach: float = 3.6,
    height: int = 386,
    scene: str = "",
) -> bytes:
    """The message of `derivation`. Raises ValueError for a missing label or value, and for arrays that do not fit.

    values   what each of VALUES is now; parts: rows (weight, means, standard deviations, correlation) at level 0
    count    how many of the rows are there
    names    the formula of each mark, as it is written beside its arrow or its image
    bounds   low, high and step of t, gamma (and of its slider, "gamma_slider"), x1 and x2
    scene    when it changes, the browser takes `values`; else it keeps its own, which are newer
    """
    missing = [name for name in LABELS if name not in labels] + [name for name in VALUES if name not in values]
    if missing:
        raise ValueError(f"the derivation lacks {', '.join(missing)}")
    unknown = {cell.lights for line in lines for cell in line.cells if cell.lights} - set(MARKS)
    if unknown:
        raise ValueError(f"a term cannot light {', '.join(sorted(unknown))}")
    if len(levels) != len(alpha_bar) or not 1 <= count <= len(values["parts"]):
        raise ValueError("every level needs its ᾱ, and the mixture at least one row")
    parts: dict[str, np.ndarray] = {}
    if digits is not None:
        shape = (len(levels), *digits.clean.shape)
        if any(array.shape != shape for array in (digits.x, digits.none, digits.given)):
            raise ValueError("every level needs an image and its two predictions, all of one size")
        parts = {name: np.ascontiguousarray(array, np.float32).ravel() for name, array in vars(digits).items()}
    header = {
        "key": key, "values": {name: _plain(values[name]) for name in VALUES}, "count": count,
        "levels": [int(t) for t in levels], "alpha_bar": [float(a) for a in alpha_bar],
        "lines": [_line(line) for line in lines], "labels": {name: labels[name] for name in LABELS},
        "names": dict(names), "bounds": {name: list(b) for name, b in bounds.items()},
        "side": 0 if digits is None else int(digits.clean.shape[-1]), "reach": reach, "height": height, "scene": scene,
    }  # fmt: skip
    return component.encode(header, parts)


def derivation(*, key: str, values: Mapping[str, Setting], **described: Any) -> None:
    """Draw it. `values` are the settings that it moves, by the names of VALUES; the rest is as in `encode`."""
    versions = "-".join(str(links.version(values[name])) for name in VALUES)
    now = {name: links.value(values[name]) for name in VALUES}
    message = encode(key=key, values=now, scene=versions, **described)
    _render(key=key, data=message, default={"state": None}, on_state_change=partial(_take, key, dict(values)))


def taken(reported: object, values: Mapping[str, Setting]) -> dict[Setting, object]:
    """What the browser says that its values are now, each within its setting's bounds; nonsense is left out."""
    found: dict[Setting, object] = {}
    for name, setting in values.items():
        if not isinstance(reported, Mapping) or name not in reported:
            continue
        said = reported[name]
        value = said if setting.kind == "choice" and said in setting.choices else links.from_canvas(setting, said)
        if value is not None:
            found[setting] = value
    return found


def _take(key: str, values: Mapping[str, Setting]) -> None:
    """The settings take what was moved, before the rerun that follows."""
    held = st.session_state.get(key)
    reported = held.get("state") if isinstance(held, Mapping) else getattr(held, "state", None)
    new = {s: v for s, v in taken(reported, values).items() if v != links.value(s)}
    for setting, value in new.items():
        links.put(setting, value)
        links.settled(setting.experiment)


def _line(line: Line) -> dict[str, Any]:
    return asdict(line) | {"cells": [asdict(cell) for cell in line.cells], "marks": list(line.marks)}


def _plain(value: Any) -> Any:
    return [[float(v) for v in r] for r in value] if isinstance(value, tuple) else value
