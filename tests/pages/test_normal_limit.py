"""The central limit theorem and the moments of step 1 without a browser, against what is known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from core.scenes.normal import SINGLES, regridded
from tests.pages.apptest import fits, layer, message, number, said, visitor
from ui import packing, text

visit = visitor("normal")
CLT, MOMENTS = "normal.clt", "normal.moments"
X = np.linspace(-0.5, 1.5, 4001)

# ---- normal.clt -----------------------------------------------------------------------------------------------------

EXACT = {
    "uniform": (0.5, 1 / 12),
    "exponential": (1.0, 1.0),
    "coin": (0.5, 0.25),
    "humps": (0.0, 4.25),
}


@pytest.mark.parametrize("statistic", ["mean", "sum"])
@pytest.mark.parametrize("n", [1, 7, 100])
@pytest.mark.parametrize("source", EXACT)
def test_measured_stands_beside_theory(source, n, statistic):
    at = visit(clt__source=source, clt__n=n, clt__statistic=statistic, clt__repetitions=5000)
    values = fits(f"normal.clt.table.{statistic}", at)
    mean, variance = EXACT[source]
    law = (mean, variance / n) if statistic == "mean" else (n * mean, n * variance)
    assert values["count"] == "5,000"
    assert number(values["law_mean"]) == pytest.approx(law[0], rel=1e-3)
    assert number(values["law_variance"]) == pytest.approx(law[1], rel=1e-3)
    assert number(values["mean"]) == pytest.approx(law[0], abs=4 * math.sqrt(law[1] / 5000))
    assert number(values["variance"]) == pytest.approx(law[1], rel=0.15)
    _, curve = layer(at, f"{CLT}.plane", "means", "law")
    np.testing.assert_allclose(curve["y"], stats.norm(law[0], math.sqrt(law[1])).pdf(curve["x"]), rtol=2e-3, atol=1e-5)
    _, bars = layer(at, f"{CLT}.plane", "means", "histogram")
    area = (bars["heights"][-1] * np.diff(bars["edges"])).sum()
    assert area == pytest.approx(1.0, abs=0.02)
    assert not bars["heights"][:SINGLES].any() and (bars["heights"][SINGLES:].sum(1) > 0).all()


def test_means_gather_one_by_one_and_then_by_thousands():
    at = visit(clt__source="exponential", clt__n=4)
    _, dots = layer(at, f"{CLT}.plane", "means", "dots")
    _, draws = layer(at, f"{CLT}.plane", "source", "draws")
    for f in range(SINGLES):
        there = np.isfinite(dots["at"][f, :, 0])
        assert there.sum() == f + 1
        assert dots["at"][f, f, 0] == pytest.approx(draws["at"][f, :, 0].mean(), abs=1e-5)
    assert np.isnan(dots["at"][SINGLES:]).all()
    rule, _ = layer(at, f"{CLT}.plane", "source", "mean")
    np.testing.assert_allclose(rule["x"], draws["at"][:, :, 0].mean(1), atol=1e-5)


def test_bars_of_a_coin_stand_on_its_values():
    at = visit(clt__source="coin", clt__n=10, clt__statistic="sum")
    _, bars = layer(at, f"{CLT}.plane", "means", "histogram")
    assert np.allclose(np.diff(bars["edges"]), 1) and np.allclose(bars["edges"] % 1, 0.5)
    k = (bars["edges"][1:] + bars["edges"][:-1]) / 2
    np.testing.assert_allclose(bars["heights"][-1], stats.binom(10, 0.5).pmf(k), atol=0.02)
    half = stats.binom(10, 0.5).pmf(5) / 2
    assert number(fits("normal.clt.verdict.coin", at)["half"]) == pytest.approx(half, abs=0.01)


def test_the_qq_plot_lies_on_the_diagonal_where_the_means_are_normal():
    at = visit(clt__source="uniform", clt__n=30)
    _, pairs = layer(at, f"{CLT}.plane", "qq", "quantiles")
    last = pairs["at"][-1]
    middle = last[np.abs(last[:, 0]) < 2]
    np.testing.assert_allclose(middle[:, 1], middle[:, 0], atol=0.12)


def test_the_distance_and_its_floor():
    at = visit(clt__source="uniform", clt__n=2, clt__repetitions=2000)
    values = fits("normal.clt.verdict.reached", at)
    expected = stats.kstwobign().mean() / math.sqrt(2000)
    assert number(values["expected"]) == pytest.approx(expected, rel=0.05)
    assert number(values["floor"]) == pytest.approx(expected, rel=0.12)
    assert number(values["high"]) == pytest.approx(stats.kstwo(2000).ppf(0.975), rel=0.2)
    assert number(values["n"]) <= 5
    _, line = layer(at, f"{CLT}.measures", "distance", "distance")
    assert line["y"][0] == pytest.approx(
        np.abs(stats.uniform().cdf(X) - stats.norm(0.5, 12**-0.5).cdf(X)).max(), abs=0.03
    )


def test_cauchys_means_never_settle_and_the_page_says_so():
    at = visit(clt__source="cauchy", clt__n=100)
    table = fits("normal.clt.table.cauchy", at)
    assert table["count"] == "10,000"
    values = fits("normal.clt.verdict.cauchy", at)
    assert number(values["last"]) == pytest.approx(number(values["first"]), abs=0.02)
    jump = fits("normal.clt.running.never", at)
    assert abs(number(jump["draw"])) / number(jump["place"]) == pytest.approx(abs(number(jump["jump"])), rel=0.2)
    _, runs = layer(at, f"{CLT}.measures", "running", "runs")
    assert runs["at"].shape[0] == 11 and np.abs(runs["at"][:, -1, 1]).max() > 1
    header, _ = message(at, f"{CLT}.measures")
    assert "band_low" not in [one["name"] for one in header["panels"][1]["layers"]]


def test_running_means_of_others_stay_within_their_range():
    at = visit(clt__source="humps")
    _, runs = layer(at, f"{CLT}.measures", "running", "runs")
    _, low = layer(at, f"{CLT}.measures", "running", "band_low")
    assert low["y"][-1] == pytest.approx(-1.959964 * math.sqrt(4.25 / 10_000), rel=1e-3)
    assert (np.abs(runs["at"][:, -1, 1]) < -2 * low["y"][-1]).all()


def drawing(*heights: float) -> str:
    grid = np.linspace(0, 1, len(heights))
    return packing.pack_points(tuple(zip(grid, heights, strict=True)), 0.0, 1.0)


def test_a_drawn_source_has_the_mean_that_was_drawn():
    heights = [1.0] * 12 + [0.0] * 13  # nearly uniform on the left half
    at = visit(clt__source="drawn", clt__n=1, clt__drawing=drawing(*heights))
    x = np.linspace(0, 1, 100_001)
    y = np.interp(x, np.linspace(0, 1, 25), heights)
    mean = (x * y).sum() / y.sum()
    values = fits("normal.clt.table.mean", at)
    assert number(values["law_mean"]) == pytest.approx(mean, abs=1e-3)
    assert number(values["mean"]) == pytest.approx(mean, abs=0.01)
    header, _ = message(at, f"{CLT}.plane")
    assert header["panels"][0]["handles"][0]["kind"] == "painter"


def test_a_drawing_with_no_area_is_a_sentence_and_paper():
    at = visit(clt__source="drawn", clt__drawing=drawing(*([0.0] * 25)))
    assert text.Words("en").words("normal.clt.no_area") in said(at)
    header, _ = message(at, f"{CLT}.plane")
    assert [p["name"] for p in header["panels"]] == ["source"]


@pytest.mark.parametrize("asked", [drawing(0.2, 0.9), drawing(0.5), drawing(*([0.3] * 60)), "nonsense", ""])
def test_a_drawing_from_a_strangers_link_is_brought_onto_the_grid(asked):
    at = visit(clt__source="drawn", clt__drawing=asked)
    header, _ = message(at, f"{CLT}.plane")
    points = header["values"]["drawing"]["now"]
    assert len(points) == 25
    assert [x for x, _ in points] == pytest.approx(list(np.linspace(0, 1, 25)), abs=1e-3)


def test_regridding():
    assert regridded(()) == ()
    assert regridded(((0.5, 0.25),)) == pytest.approx((0.25,) * 25, abs=1e-5)
    assert regridded(((1.0, 1.0), (0.0, 0.0), (0.0, 0.0)))[12] == pytest.approx(0.5, abs=1e-5)
    painted = tuple((k / 24, abs(math.sin(k))) for k in range(25))
    through_a_link = packing.unpack_points(packing.pack_points(painted, 0.0, 1.0), 0.0, 1.0)
    assert regridded(through_a_link) == regridded(painted)


# ---- normal.moments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [*EXACT, "normal"])
def test_three_ways_to_a_moment(source):
    at = visit(moments__source=source, moments__cells=1000, moments__count=100_000, moments__seed=4)
    mean, variance = EXACT.get(source, (1.0, 4.0))
    values = fits(f"normal.moments.table.{'sum' if source == 'coin' else 'integral'}", at)
    for name, exact in (("mean", mean), ("variance", variance)):
        assert number(values[f"exact_{name}"]) == pytest.approx(exact, abs=1e-4)
        assert number(values[f"integral_{name}"]) == pytest.approx(exact, abs=5e-4)
        off = abs(number(values[f"sampled_{name}"]) - exact)
        assert off <= 4 * number(values[f"error_{name}"]) + 5e-4
    if source == "uniform":
        assert values["exact_variance"] == "0.083333"


def test_a_rough_integral_says_what_it_found():
    at = visit(moments__cells=2)
    values = fits("normal.moments.table.integral", at)
    assert number(values["integral_variance"]) == pytest.approx(0.0625)  # ((¼)² + (¼)²)/2
    assert number(values["integral_mean"]) == 0.5 or values["integral_mean"] == "0.5"


def test_a_coin_has_probabilities_and_no_density():
    at = visit(moments__source="coin", moments__count=1000)
    header, _ = message(at, f"{MOMENTS}.plane")
    assert header["panels"][0]["y"]["name"] == text.Words("en").words("normal.clt.axis.probability")
    _, bars = layer(at, f"{MOMENTS}.plane", "density", "samples")
    assert bars["edges"] == pytest.approx([-0.12, 0.12, 0.88, 1.12])
    zeros, between, ones = bars["heights"]
    assert between == 0 and zeros + ones == pytest.approx(1)
    assert ones == pytest.approx(number(fits("normal.moments.table.sum", at)["sampled_mean"]), abs=1e-3)


def test_few_rectangles_are_drawn_and_are_those_of_the_integral():
    at = visit(moments__cells=4)
    values = fits("normal.moments.table.integral", at)
    for panel, said_value in (("first", "integral_mean"), ("second", "integral_variance")):
        _, arrays = layer(at, f"{MOMENTS}.plane", panel, "rectangles")
        x, y = (arrays[name].reshape(4, 4) for name in ("x", "y"))  # (cells, corners)
        area = ((x[:, 2] - x[:, 1]) * y[:, 1]).sum()
        assert area == pytest.approx(number(values[said_value]), abs=1e-4)
    names = {one["name"] for one in message(visit(moments__cells=61), f"{MOMENTS}.plane")[0]["panels"][1]["layers"]}
    assert names == {"first"}


def test_an_expectation_that_does_not_exist_is_a_sentence():
    values = fits("normal.moments.endless", visit(moments__source="cauchy"))
    assert number(values["near_first"]) == pytest.approx(math.log(101) / math.pi, rel=0.01)
    assert number(values["far_first"]) == pytest.approx(math.log1p(1e10) / math.pi, rel=0.01)
    assert number(values["far_second"]) == pytest.approx(2e5 / math.pi, rel=0.01)
