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

WIDTH, ROW = 300, 64  # of the axis, in the units of its drawing
CLOUD = 192  # pixels across the square that points are drawn in
REACH = 2.8  # the square shows points within this distance of the middle, both ways


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


def show(rows: Sequence[Row], *, floor: Sequence[float], key: str, axis: str, floor_name: str) -> None:
    """Draw the rungs. floor: distances of real data to real data, drawn as a band; axis: its name and unit."""
    scale = _Scale([d for row in rows for d in row.distances] + list(floor))
    band = (min(floor), max(floor)) if floor else None
    lines = "".join(_line(row, scale, band) for row in rows)
    ticks = "".join(
        f'<text x="{scale(v):.1f}" y="14" text-anchor="middle">{html.escape(_written(v))}</text>' for v in scale.ticks
    )
    foot = (
        f'<div class="rung foot"><div></div><div></div><div><svg viewBox="0 0 {WIDTH} 18" role="presentation">{ticks}'
        f"</svg><small>{html.escape(axis)} · <i></i>{html.escape(floor_name)}</small></div></div>"
    )
    with st.container(key=key):
        st.html(f'<div class="ladder">{lines}{foot}</div>')


class _Scale:
    """A logarithmic axis; what is 0 or less stands at its low end."""

    def __init__(self, values: Sequence[float]):
        above = [v for v in values if v > 0] or [1.0]
        self.low, self.high = math.floor(math.log10(min(above))), math.ceil(math.log10(max(above)))
        self.high = max(self.high, self.low + 1)
        self.ticks = [10.0**k for k in range(self.low, self.high + 1)]

    def __call__(self, value: float) -> float:
        place = (math.log10(value) if value > 0 else self.low) - self.low
        return 14 + (WIDTH - 28) * min(max(place / (self.high - self.low), 0), 1)


def _line(row: Row, scale: _Scale, band: tuple[float, float] | None) -> str:
    title = html.escape(row.title)
    name = f'<a href="{html.escape(row.href)}" target="_self">{title}</a>' if row.href else title
    facts = "".join(f"<small>{html.escape(fact)}</small>" for fact in row.facts)
    images = row.samples.ndim == 3
    look = f"--mask:url({_strip(row.samples) if images else _cloud(row.samples)});background:var(--{row.role})"
    picture = f'<div class="{"strip" if images else "cloud"}" role="img" aria-label="{title}" style="{look}"></div>'
    return f'<div class="rung"><div><b>{name}</b>{facts}</div>{picture}<div>{_axis(row, scale, band)}</div></div>'


def _axis(row: Row, scale: _Scale, band: tuple[float, float] | None) -> str:
    """Dots on the common axis, the mean as a number beside them, real against real as a band."""
    drawn = "".join(
        f'<line x1="{scale(v):.1f}" x2="{scale(v):.1f}" y1="0" y2="{ROW}" class="grid"/>' for v in scale.ticks
    )
    if band:
        left, right = scale(band[0]), scale(band[1])
        drawn += f'<rect x="{left - 1:.1f}" y="0" width="{right - left + 2:.1f}" height="{ROW}" class="floor"/>'
    for distance in row.distances:
        drawn += f'<circle cx="{scale(distance):.1f}" cy="{ROW / 2 + 8}" r="5" style="fill:var(--{row.role})"/>'
    said = ""
    if row.distances:
        mean = sum(row.distances) / len(row.distances)
        place = min(max(scale(mean), 26), WIDTH - 26)
        said = _written(mean)
        drawn += f'<text x="{place:.1f}" y="{ROW / 2 - 8}" text-anchor="middle">{html.escape(said)}</text>'
    return f'<svg viewBox="0 0 {WIDTH} {ROW}" role="img" aria-label="{html.escape(said)}">{drawn}</svg>'


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
