"""Charts of up to about 500 marks that change on a click. What moves is a canvas component's.

    chart = charts.line("model", steps, losses, charts.Axis("Step"), charts.Axis("Loss", log=True))
    chart = charts.curves([charts.Curve("exact", xs, ys, "Theory"), charts.Curve("model", xs2, ys2, "DDIM")], x, y)
    charts.show(chart, key="diffusion_model.samplers.quality")

Axes are named, with a unit; domains are fixed by the caller or by the data, since any change of a chart's shape resets
it. A role gives a curve its colour and its dash (ui/colours.py); marked curves each have a shape of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ui import colours, presenter

MOST = 500  # marks of one chart; longer curves are thinned evenly
HEIGHT = 300  # pixels
ROOT = "clamp(min(0.01464 * windowSize()[0], 0.02604 * windowSize()[1]), 20, 40)"  # what style.css makes a rem
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


@dataclass(frozen=True)
class Curve:
    """A named curve: `role` for its colour, x and y of equal length, `points` to mark each value.

    `low` and `high`, where given, are the ends of a vertical bar at each value, such as a spread over seeds.
    """

    role: str
    x: Sequence[float]
    y: Sequence[float]
    name: str
    points: bool = False
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True)
class Axis:
    """An axis: its name with its unit, its ends (None: those of the data), and whether it is logarithmic.

    symlog: logarithmic far from zero and linear near it, for what may be zero or negative.
    """

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    ticks: int = 5
    symlog: bool = False


def curves(lines: Sequence[Curve], x: Axis, y: Axis, *, height: int = HEIGHT) -> dict[str, Any]:
    """A Vega-Lite chart of the curves; values that are not finite are left out. Empty curves give empty axes."""
    most = max(1, MOST // max(1, len(lines)))
    rows = [row for line in lines for row in _rows(line, most)]
    looks = tuple((line.name, line.role, line.points, line.low is not None) for line in lines)
    frame = _frame(looks, x, y, height, presenter.presenting(), colours.theme())
    return {**frame, "data": {"values": rows}}


@lru_cache(maxsize=256)
def _frame(
    looks: tuple[tuple[str, str, bool, bool], ...], x: Axis, y: Axis, height: int, presenting: bool, theme: str
) -> dict[str, Any]:
    """The chart without its rows, made once for all that differ in their numbers alone: Altair takes its time.

    looks: of each curve its name, its role, whether its values are marked and whether they have bars. `presenting` and
    `theme` are this session's, which decide on sizes and colours.
    """
    import altair as alt

    names = [name for name, *_ in looks]
    legend = None
    if len(looks) > 1:  # one for colour and shape together
        legend = alt.Legend(title=None, orient="top", symbolStrokeWidth=0, symbolDash=[1, 0])
    colour = alt.Color(
        "name:N", scale=alt.Scale(domain=names, range=[colours.mark(role) for _, role, *_ in looks]), legend=legend
    )
    seen: dict[str, int] = {}
    dashes, shapes = [], []
    for _, role, *_ in looks:
        place = seen[role] = seen.get(role, -1) + 1
        dashes.append(list(colours.ROLES[role].dash) if place == 0 else [4 + 3 * place, 3])
        shapes.append(SHAPES[len(shapes) % len(SHAPES)])
    dash = alt.StrokeDash("name:N", scale=alt.Scale(domain=names, range=[d or [1, 0] for d in dashes]), legend=None)
    shape = alt.Shape("name:N", scale=alt.Scale(domain=names, range=shapes), legend=legend)
    base = alt.Chart(alt.Data(values=[])).encode(
        x=alt.X("x:Q", title=x.name, scale=_scale(alt, x), axis=_axis(alt, x)),
        color=colour,
        tooltip=[
            alt.Tooltip("name:N", title=" "),
            alt.Tooltip("x:Q", title=x.name, format=".4~g"),
            alt.Tooltip("y:Q", title=y.name, format=".4~g"),
        ],
    )
    up = alt.Y("y:Q", title=y.name, scale=_scale(alt, y), axis=_axis(alt, y))
    thick = 1.5 if presenting else 1.0
    layers = [base.mark_line(strokeWidth=2.5 * thick, clip=True).encode(y=up, strokeDash=dash)]
    if any(marked for _, _, marked, _ in looks):
        marked = base.transform_filter("datum.marked").mark_point(size=70 * thick, filled=True, opacity=1, clip=True)
        layers.append(marked.encode(y=up, shape=shape))
    if any(barred for *_, barred in looks):
        bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.5 * thick, clip=True)
        layers.append(bars.encode(y=alt.Y("low:Q", scale=_scale(alt, y), title=y.name), y2="high:Q"))
    return _dressed(alt.layer(*layers), height).to_dict()


def line(
    role: str, x_values: Sequence[float], y_values: Sequence[float], x: Axis, y: Axis, **options: Any
) -> dict[str, Any]:
    """A chart of one curve."""
    return curves([Curve(role, x_values, y_values, y.name)], x, y, **options)


def show(chart: dict[str, Any], *, key: str) -> None:
    """Draw a chart across the width of where it stands."""
    import streamlit as st

    st.vega_lite_chart(spec=chart, width="stretch", theme=None, key=key)


def thin(count: int, most: int = MOST) -> np.ndarray:
    """Indices of at most `most` of `count` values, evenly spread, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)) if count else np.arange(0)


def _rows(line: Curve, most: int) -> list[dict[str, object]]:
    x, y = np.asarray(line.x, float), np.asarray(line.y, float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"the curve {line.name!r} needs as many x as y; they have {x.shape} and {y.shape}")
    keep = thin(len(x), most)
    keep = keep[np.isfinite(x[keep]) & np.isfinite(y[keep])]
    rows = [{"name": line.name, "x": x[i], "y": y[i], "marked": line.points} for i in keep]
    if line.low is not None and line.high is not None:
        for row, i in zip(rows, keep, strict=True):
            row |= {"low": float(line.low[i]), "high": float(line.high[i])}
    return rows


def _scale(alt: Any, axis: Axis) -> Any:
    kind = {"type": "log"} if axis.log else {"type": "symlog"} if axis.symlog else {"zero": False}
    if axis.low is None or axis.high is None:
        return alt.Scale(nice=True, **kind)
    return alt.Scale(domain=[axis.low, axis.high], nice=False, **kind)


def _axis(alt: Any, axis: Axis) -> Any:
    large = not axis.log and (axis.high is None or axis.high >= 10_000)  # "~s" would write 200 of 1,000 as 0.2k
    # of a tick at 10 among 2, 4, 6, 8 "~g" would write 1e+1: where steps are even it is told of one digit only
    return alt.Axis(tickCount=axis.ticks, format="~s" if large else "~g" if axis.log else "~r", labelFlush=True)


def _dressed(chart: Any, height: int) -> Any:
    """The same sizes and colours for every chart, in this session's theme; larger while it presents."""
    import altair as alt

    ink, muted, presenting = colours.surface("ink"), colours.surface("muted"), presenter.presenting()
    strong = 1.6 if presenting else 1.0  # this and `size` as ui/shared.js has it on a projector

    def size(usual: float) -> Any:
        return {"expr": f"{0.075 * usual:.4g} * {ROOT}"} if presenting else usual

    font = "system-ui, -apple-system, 'Apple SD Gothic Neo', 'Malgun Gothic', 'Noto Sans KR', sans-serif"
    dressed = (
        chart.properties(height=height, background="transparent")
        .configure(font=font, padding={"left": 4, "right": 12, "top": 4, "bottom": 4})
        .configure_view(stroke=None, fill=colours.surface("canvas"))
        .configure_axis(
            labelColor=muted, titleColor=muted, labelFontSize=size(12), titleFontSize=size(13),
            titleFontWeight="normal", gridColor=ink, gridOpacity=0.08 * strong,
            domainColor=ink, domainOpacity=0.28 * strong, tickColor=ink, tickOpacity=0.28 * strong,
        )
        .configure_legend(labelColor=ink, labelFontSize=size(13), labelLimit=0, symbolSize=size(120))
    )  # fmt: skip
    if not presenting:
        return dressed
    # upright letters of this size would be longer than the axis: the name stands above it, as on every plane
    above = {"titleAngle": 0, "titleAnchor": "end", "titleAlign": "left", "titleBaseline": "bottom"}
    dressed.config.legend.offset = size(24)
    dressed = dressed.configure_axisY(**above, titleX=size(-20), titleY=-8)
    tall = alt.param(name="height", expr=size(height * 1.15 / 1.5)["expr"])  # in place of the number
    return dressed.add_params(tall)
