"""Charts: colours by role, axes with names, never more marks than a browser draws gladly."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ui import charts, colours, presenter

X, Y = charts.Axis("Step"), charts.Axis("Loss", log=True)


def spec(*lines: charts.Curve, x: charts.Axis = X, y: charts.Axis = Y) -> dict:
    return charts.curves(list(lines), x, y)


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    steps = np.arange(100_000.0)
    rows = spec(charts.Curve("model", steps, steps + 1, "Loss"))["data"]["values"]
    assert len(rows) <= charts.MOST
    assert (rows[0]["x"], rows[-1]["x"]) == (0, 99_999)


def test_values_that_are_not_finite_are_left_out():
    rows = spec(charts.Curve("model", [1, 2, 3], [1, float("nan"), float("inf")], "Loss"))["data"]["values"]
    assert [row["x"] for row in rows] == [1]


def test_curves_take_their_role_s_colour_and_differ_by_more_than_colour():
    made = spec(charts.Curve("model", [1, 2], [1, 2], "a", points=True), charts.Curve("model", [1, 2], [2, 3], "b"))
    line = made["layer"][0]["encoding"]
    assert line["color"]["scale"]["range"] == [colours.mark("model"), colours.mark("model")]
    dashes = line["strokeDash"]["scale"]["range"]
    assert dashes[0] != dashes[1]


def test_axes_are_named_and_their_ends_fixed():
    made = spec(charts.Curve("exact", [1, 2], [1, 2], "a"), x=charts.Axis("Calls", 1, 100, log=True))
    assert made["layer"][0]["encoding"]["x"]["title"] == "Calls"
    assert made["layer"][0]["encoding"]["x"]["scale"]["domain"] == [1, 100]


def test_bars_of_spread_are_drawn():
    made = spec(charts.Curve("model", [1, 2], [3, 4], "a", low=[2, 3], high=[4, 5]))
    assert made["layer"][-1]["encoding"]["y2"]["field"] == "high"


def test_no_curves_and_unequal_ones():
    assert spec(charts.Curve("model", [], [], "a"))["data"]["values"] == []
    with pytest.raises(ValueError, match="as many x as y"):
        spec(charts.Curve("model", [1], [1, 2], "a"))


@pytest.mark.parametrize(("screen", "rem"), [((1366, 768), 20.0), ((1920, 1080), 28.1), ((3840, 2160), 40.0)])
def test_on_a_projector_a_chart_grows_with_the_screen_as_all_type_does(monkeypatch, screen, rem):
    monkeypatch.setattr(presenter, "presenting", lambda: True)
    made = spec(charts.Curve("model", [1, 2], [1, 2], "a"), charts.Curve("data", [1, 2], [2, 3], "b"))
    ends = {"windowSize": lambda: screen, "clamp": lambda v, low, high: min(max(v, low), high), "min": min}
    worth = lambda size: eval(size["expr"], ends)  # noqa: E731
    axis, legend = made["config"]["axis"], made["config"]["legend"]
    assert worth(axis["labelFontSize"]) == pytest.approx(0.9 * rem, abs=0.01)
    assert worth(axis["titleFontSize"]) == worth(legend["labelFontSize"]) == pytest.approx(0.975 * rem, abs=0.01)
    assert [worth(p) for p in made["params"] if p["name"] == "height"] == [pytest.approx(345 * rem / 20, rel=1e-3)]
    style = (Path(charts.__file__).parent / "style.css").read_text("utf-8")
    least, wide, high, most = map(
        float, re.search(r"presenting { font-size: clamp\((.*?)px, min\((.*?)vw, (.*?)vh\), (.*?)px", style).groups()
    )
    assert rem == pytest.approx(min(max(min(wide * screen[0], high * screen[1]) / 100, least), most), abs=0.02)
