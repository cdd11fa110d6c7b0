"""What the experiments of this page share: mixtures as settings, components' names, numbers too small to write out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from core.scenes import gaussian_mixture as scenes
from ui import links, text
from ui.links import Setting
from ui.plane import COMPONENTS, Axis, Bars, Layer, Words

PAGE = "gaussian_mixture"
MOST = 8
RADII = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)  # the lowest band of a mixture's density: a ninetieth of its highest value
COLUMNS = ((0.01, 1.0), (-6.0, 6.0), (-4.0, 4.0), (0.15, 3.0), (0.15, 3.0), (-0.98, 0.98))
SHAPES = "●■▲◆▼✚⬢⬟"  # as a cloud draws them, component by component
ALMOST = 1 - 1e-12
FRESH = ((0, 0), (-4, -2), (4, 2), (-4, 2), (4, -2), (0, 3), (0, -3), (-5, 0), (5, 0))  # where a new one may go

ONE_PEAK = ((0.5, -0.9, 0.0, 1.0, 1.0, 0.0), (0.5, 0.9, 0.0, 1.0, 1.0, 0.0))
THREE_PEAKS = ((0.5, -1.5, -1.0, 2.0, 0.35, 0.0), (0.5, 1.0, 1.2, 0.35, 1.6, 0.0))
SAME_MEAN = ((0.5, 0.0, 0.0, 0.5, 0.5, 0.0), (0.5, 0.0, 0.0, 2.6, 1.7, 0.0))
RING = tuple(
    (0.125, round(3.2 * math.cos(a), 3), round(2.4 * math.sin(a), 3), 0.7, 0.6, 0.0)
    for a in (k * math.pi / 4 for k in range(8))
)
RARE = ((0.02, 3.5, 2.2, 0.5, 0.5, 0.0), (0.98, -1.0, -0.5, 1.6, 1.1, 0.4))
NARROW_AND_WIDE = ((0.5, -1.5, 0.0, 0.5, 0.5, 0.0), (0.5, 2.0, 0.0, 2.0, 2.0, 0.0))


def rows(key: str, default: scenes.Rows = scenes.THREE) -> Setting:
    """A mixture as a setting."""
    return links.rows(key, default, COLUMNS, most=MOST)


def axes(box: scenes.Box = scenes.PLANE) -> dict[str, Axis]:
    """The axes of the plane."""
    t = text.current()
    return {
        "x": Axis(t.words(f"{PAGE}.axis.first"), box[0], box[1]),
        "y": Axis(t.words(f"{PAGE}.axis.second"), box[2], box[3]),
    }


def role(k: int) -> str:
    """The role that gives component k, counted from 0, its colour."""
    return COMPONENTS[k % len(COMPONENTS)]


def name(k: int) -> str:
    """The name of component k, counted from 0, with its shape; plain text for a canvas."""
    return text.current().words(f"{PAGE}.component", mark=SHAPES[k % len(SHAPES)], k=k + 1)


def coloured(k: int) -> str:
    """The same in its colour, for a sentence."""
    return f":{role(k)}[{name(k)}]"


def short(k: int) -> str:
    """Number and shape of component k, counted from 0."""
    return f"{SHAPES[k % len(SHAPES)]} {k + 1}"


def coloured_short(k: int) -> str:
    """Number and shape in the component's colour, for a table."""
    return f":{role(k)}[{short(k)}]"


def labels(parts: Mapping[str, np.ndarray], top: float) -> list[Words]:
    """Each component's number and shape above its ellipse of distance 2, but not above `top`."""
    heights = parts["means"][:, 1] + 2.3 * np.sqrt(parts["covs"][:, 1, 1])
    return [
        Words(name=f"name{k}", role=role(k), x=float(x), y=min(float(y), top), text=short(k), align="center")
        for k, (x, y) in enumerate(zip(parts["means"][:, 0], heights, strict=True))
    ]


def bars(shares: np.ndarray, weights: np.ndarray, high: float, label: str) -> list[Layer]:
    """A bar for each component: its share, (K,) or (F, K) for frames, filled, and its weight as an outline around."""
    count, layers = len(weights), []
    for k in range(count):
        edges = np.array([k + 0.65, k + 1.35])
        layers.append(Bars(name=f"share{k}", role=role(k), edges=edges, heights=shares[..., k : k + 1]))
    for k in range(count):
        edges = np.array([k + 0.6, k + 1.4])
        outline = Bars(name=f"weight{k}", role="exact", edges=edges, heights=weights[k : k + 1], outline=True)
        layers.append(replace(outline, label=label if k == 0 else ""))
    return layers + [
        Words(name=f"bar{k}", role=role(k), x=k + 1.0, y=0.045 * high, text=short(k), align="center")
        for k in range(count)
    ]


def from_log(log_value: float, digits: int = 3) -> str:
    """exp(log_value) for a sentence, also where it is too small or too large for a floating-point number."""
    if math.isnan(log_value):
        return "–"
    if log_value == -math.inf:
        return "0"
    exponent = log_value / math.log(10)
    if -4 <= exponent < 6:
        return text.number(math.exp(log_value), digits)
    power = math.floor(exponent)
    factor = 10 ** (exponent - power)
    if round(factor, digits - 1) >= 10:
        factor, power = factor / 10, power + 1
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{factor:.{digits - 1}f}\u00a0×\u00a010{raised}"  # no line end tears it apart


def percent(share: float) -> str:
    """A share as a percentage; what is not quite all or nothing is not rounded to it."""
    if 0 < share < 0.001:
        return f"{from_log(math.log(share) + math.log(100), 2)}%"
    if 0.999 < share < 1:
        shown = f"{100 * share:.3f}"
        return f"{shown}%" if float(shown) < 100 else "> 99.999%"
    return f"{100 * share:.1f}%"


def responsibility(log_share: float, count: int) -> str:
    """A responsibility, from its logarithm, as a percentage: one of several is never quite nothing or all."""
    if count == 1:
        return "100%"
    if log_share < math.log(0.001):
        return f"{from_log(log_share + math.log(100), 2)}%"
    return percent(min(math.exp(log_share), ALMOST))


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """A small table, its words coloured. Numbers may break: a narrow screen has no room for whole ones."""
    lines = ["| " + " | ".join(head) + " |", "|" + " :-- |" + " --: |" * (len(head) - 1)]
    text.prose("\n".join(lines + ["| " + " | ".join(row) + " |" for row in body]).replace("\u00a0", " "))


def nothing(experiment: str) -> None:
    """Where no component is left."""
    st.info(text.current().words(f"{experiment}.nothing"), icon=":material/info:")
