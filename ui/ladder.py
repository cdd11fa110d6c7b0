"""Rungs of a ladder, one below the other: a name, facts, samples, and on one common axis how far they are from real.

    ladder.show([Row(3, "3 · One normal", "multivariate_normal", ("307,720 numbers",), images, (52.1, 51.8))], …)

Samples are drawn as masks, so that ink takes the colour of its role in either theme. All texts are our own.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

EDGE = 0.06  # of the axis' width, kept free at either end
CLOUD = 192  # pixels across the square that points are drawn in
REACH = 2.4  # the square shows points within this distance of the middle, both ways


@dataclass(frozen=True, eq=False)
class Row:
    """One rung. samples: images (n, 28, 28) uint8, 255 the ink, or points (n, 2); distances: one a seed."""

    number: int
    title: str
    href: str  # a page's address, "" for none
    facts: Sequence[str]
    samples: np.ndarray
    distances: Sequence[float]
    role: str = "model"


def show(
    rows: Sequence[Row], *, floor: Sequence[float], key: str, axis: str, floor_name: str, log: bool = True
) -> None:
    """Draw the rungs. floor: distances of real data to real data, drawn as a band; axis: its name and unit.

    log: a logarithmic axis, for distances that are all above 0; else an even one, which shows what lies below 0 too.
    """
    scale = (_Powers if log else _Even)([d for row in rows for d in row.distances] + list(floor))
    band = (min(floor), max(floor)) if floor else None
    lines = "".join(_line(row, scale, band) for row in rows)
    ticks = "".join(_at(scale(v), "tick", html.escape(_written(v))) for v in scale.ticks)
    foot = (
        f'<div class="rung foot"><div></div><div></div><div><div class="axis ticks">{ticks}</div>'
        f"<small>{html.escape(axis)} · <i></i>{html.escape(floor_name)}</small></div></div>"
    )
    with st.container(key=key):
        st.html(f'<div class="ladder">{lines}{foot}</div>')


class _Powers:
    """A logarithmic axis."""

    def __init__(self, values: Sequence[float]):
        above = [v for v in values if v > 0] or [1.0]
        self.low, self.high = math.floor(math.log10(min(above))), math.ceil(math.log10(max(above)))
        self.high = max(self.high, self.low + 1)
        self.ticks = [10.0**k for k in range(self.low, self.high + 1)]

    def __call__(self, value: float) -> float:
        return _placed((math.log10(value) - self.low) / (self.high - self.low)) if value > 0 else _placed(0)


class _Even:
    """An axis whose units are all of one length, 0 among them."""

    def __init__(self, values: Sequence[float]):
        low, high = min(0.0, *values), max(0.0, *values)
        span = high - low or 1.0
        step = 10.0 ** math.floor(math.log10(span))
        step *= next(m for m in (0.2, 0.5, 1, 2) if span / (step * m) <= 5.001)
        self.low, self.high = math.floor(low / step), math.ceil(high / step)
        self.step, self.ticks = step, [k * step for k in range(self.low, self.high + 1)]

    def __call__(self, value: float) -> float:
        return _placed((value / self.step - self.low) / (self.high - self.low))


def _placed(share: float) -> float:
    return EDGE + (1 - 2 * EDGE) * min(max(share, 0), 1)


def _at(place: float, kind: str, inside: str = "", look: str = "", value: float | str = "") -> str:
    """A mark at a share of the axis; `value` is the number it stands for, which a saved table of the ladder says."""
    return f'<span class="{kind}" data-value="{value}" style="left:{100 * place:.2f}%;{look}">{inside}</span>'


def _line(row: Row, scale: _Powers | _Even, band: tuple[float, float] | None) -> str:
    title = html.escape(row.title)
    name = f'<a href="{html.escape(row.href)}" target="_self">{title}</a>' if row.href else title
    facts = "".join(f"<small>{html.escape(fact)}</small>" for fact in row.facts)
    images = row.samples.ndim == 3
    look = f"--mask:url({_strip(row.samples) if images else _cloud(row.samples)});background:var(--{row.role})"
    picture = f'<div class="{"strip" if images else "cloud"}" role="img" aria-label="{title}" style="{look}"></div>'
    return f'<div class="rung"><div><b>{name}</b>{facts}</div>{picture}<div>{_axis(row, scale, band)}</div></div>'


def _axis(row: Row, scale: _Powers | _Even, band: tuple[float, float] | None) -> str:
    """Dots on the common axis, the mean as a number above them, real against real as a band."""
    drawn = "".join(_at(scale(v), "grid") for v in scale.ticks)
    if band:
        left, right = scale(band[0]), scale(band[1])
        drawn += _at(left, "floor", look=f"width:{100 * (right - left):.2f}%")
    drawn += "".join(_at(scale(d), "dot", look=f"background:var(--{row.role})", value=d) for d in row.distances)
    if row.distances:
        mean = sum(row.distances) / len(row.distances)
        drawn += _at(scale(mean), "mean", html.escape(_written(mean)))
    return f'<div class="axis">{drawn}</div>'


def _written(value: float) -> str:
    """Two significant digits, never as a power."""
    if value == 0:
        return "0"
    decimals = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}".replace("-", "−")


def _strip(images: np.ndarray) -> str:
    """Images side by side in two rows, their ink as opacity."""
    half = -(-len(images) // 2)
    padded = np.pad(images, ((0, 2 * half - len(images)), (1, 1), (1, 1)))
    return _mask(np.concatenate([np.concatenate(list(part), axis=1) for part in (padded[:half], padded[half:])]))


def _cloud(points: np.ndarray) -> str:
    """Points as dots of two pixels, y upwards; where they lie close, darker."""
    cells = np.floor((points * [1, -1] / REACH + 1) / 2 * (CLOUD - 1)).astype(int)
    inside = ((cells >= 0) & (cells < CLOUD - 1)).all(axis=1)
    ink = np.zeros((CLOUD, CLOUD))
    for across, down in ((0, 0), (0, 1), (1, 0), (1, 1)):
        np.add.at(ink, (cells[inside, 1] + down, cells[inside, 0] + across), 0.45)
    return _mask((255 * (1 - np.exp(-ink))).astype(np.uint8))


def _mask(opacity: np.ndarray) -> str:
    """(H, W) uint8 as the alpha of a black picture, as a data address."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.stack([np.zeros_like(opacity), opacity], axis=-1), "LA").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
