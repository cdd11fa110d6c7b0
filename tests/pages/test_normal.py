"""The page of step 1 without a browser: what it says and computes, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats
from streamlit.testing.v1 import AppTest

from core.scenes.normal import SINGLES, counts, regridded
from ui import component, packing, text

ROOT = Path(__file__).resolve().parents[2]
SHELL = str(ROOT / "ui" / "shell.py")
PAGE = "../pages/01_normal.py"
PARAMETERS, INTERVAL, CLT, MOMENTS = (f"normal.{name}" for name in ("parameters", "interval", "clt", "moments"))
NUMBER = r"([−∞–\d.,]+(?:e[−+]?\d+)?)"


@pytest.fixture(autouse=True)
def quiet_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest names the choices of a widget outside the session, where the fallback language is spoken."""
    monkeypatch.setattr(text, "FALLBACK", text.FALLBACK)


def visit(*, language: str = "en", **settings: object) -> AppTest:
    """The page after its first run. Settings are `clt_n=5`."""
    text.FALLBACK = language
    at = AppTest.from_file(SHELL, default_timeout=60)
    at.query_params["lang"] = language
    for name, value in settings.items():
        at.query_params["normal." + name.replace("_", ".", 1)] = str(value)
    at.switch_page(PAGE).run()
    return whole(at)


def whole(at: AppTest) -> AppTest:
    assert not at.exception, [e.message for e in at.exception]
    return at


def said(at: AppTest) -> str:
    """Every sentence on the page, the colours of words left out."""
    return re.sub(r"</?span[^>]*>", "", "\n".join([*(m.value for m in at.markdown), *(c.value for c in at.caption)]))


def message(at: AppTest, key: str) -> tuple[dict, dict[str, np.ndarray]]:
    """What a plane was sent."""
    found = next(c.proto for c in at.get("bidi_component") if c.proto.id.endswith(f"-{key}"))
    return component.decode(found.bytes)


def layer(at: AppTest, key: str, panel: str, name: str) -> tuple[dict, dict[str, np.ndarray]]:
    """A layer's description, and its arrays in their shapes."""
    header, parts = message(at, key)
    found = next(one for p in header["panels"] if p["name"] == panel for one in p["layers"] if one["name"] == name)
    arrays = {k: parts[v["part"]].reshape(v["shape"]) for k, v in found.items() if isinstance(v, dict) and "part" in v}
    return found, arrays


def fits(section: str, at: AppTest, language: str = "en") -> dict[str, str]:
    """The values that stand in the places of a section on the page."""
    body = re.sub(r":\w+\[([^\]]*)\]", r"\1", text.sections(text.CONTENT / language / "normal.md")[section])
    pattern = re.escape(body)
    for place in text.placeholders(body):
        pattern = pattern.replace(re.escape("{{" + place + "}}"), f"(?P<{place}>.+?)", 1)
        pattern = pattern.replace(re.escape("{{" + place + "}}"), f"(?P={place})")
    found = re.search(rf"^{pattern}$", said(at), re.DOTALL | re.MULTILINE)
    assert found, f"the page does not say {section}:\n{said(at)}"
    return found.groupdict()


def number(shown: str) -> float:
    return float(shown.replace(",", "").replace("−", "-").replace("%", ""))


# ---- the first paint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    t = text.Words(language)
    assert at.title[0].value == t.words("normal.page.title")
    assert {h.value for h in at.subheader} >= {t.words(f"{name}.title") for name in (PARAMETERS, INTERVAL, CLT)}
    header, _ = message(at, f"{PARAMETERS}.plane")
    assert [one["name"] for one in header["panels"][0]["layers"]] == ["pin0", "pin1", "curve"]
    header, _ = message(at, f"{CLT}.plane")
    assert [p["name"] for p in header["panels"]] == ["source", "means", "qq"]
    assert len(header["frames"]) == len(counts(10_000)) and header["start"] == len(header["frames"]) - 1
    start = t.template("normal.clt.verdict.above").partition(".")[0]
    assert said(at).count(start) == 1, "one verdict"
    fits("normal.interval.caption", at, language)
    fits("normal.parameters.caption", at, language)


def test_the_first_paint_needs_no_torch(tmp_path):
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file({SHELL!r}, default_timeout=60)
at.switch_page({PAGE!r}).run()
assert not at.exception and at.title, [e.message for e in at.exception]
assert len(at.get("bidi_component")) >= 4
print("torch" in sys.modules, "scipy" in sys.modules)
"""
    environment = os.environ | {"TEN_STEPS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["False", "False"], done.stderr[-2000:]


# ---- normal.parameters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-5.0, 0.05), (5.0, 4.0), (1.3, 0.35)])
def test_the_formula_and_the_area_are_those_of_the_curve(mean, std):
    at = visit(parameters_mean=mean, parameters_std=std)
    formula = next(m.value for m in at.get("latex") if r"\exp" in m.value)
    peak = stats.norm(mean, std).pdf(mean)
    assert f"= {peak:.4g}" in formula and f"{{{std:g}}}" in formula and f"{abs(mean):g}" in formula
    assert (" - " if mean >= 0 else " + ") in formula
    values = fits("normal.parameters.caption", at)
    assert (number(values["low"]), number(values["high"])) == pytest.approx((mean - 8 * std, mean + 8 * std), rel=1e-2)
    assert number(values["area"]) == pytest.approx(1.0, abs=1e-6)
    header, _ = message(at, f"{PARAMETERS}.plane")
    assert header["values"]["mean"]["now"] == mean and header["panels"][0]["y"]["high"] >= peak


def test_few_rectangles_are_drawn_and_added_up():
    at = visit(parameters_rectangles=3, parameters_std=2)
    edges = np.linspace(-16, 16, 4)
    heights = stats.norm(0, 2).pdf((edges[1:] + edges[:-1]) / 2)
    _, arrays = layer(at, f"{PARAMETERS}.plane", "density", "rectangles")
    np.testing.assert_allclose(arrays["heights"], heights, rtol=1e-5)
    assert number(fits("normal.parameters.caption", at)["area"]) == pytest.approx(heights.sum() * 32 / 3, abs=1e-6)


def test_no_width_is_a_sentence():
    at = visit(parameters_std=0)
    assert text.Words("en").words("normal.parameters.no_width") in said(at)
    assert at.button(key=f"{PARAMETERS}.pin").disabled
    header, _ = message(at, f"{PARAMETERS}.plane")
    assert "curve" not in [one["name"] for one in header["panels"][0]["layers"]]


def test_three_curves_are_pinned_and_let_go():
    at = visit()
    at.slider(key=f"{PARAMETERS}.mean").set_value(3.0).run()
    whole(at.button(key=f"{PARAMETERS}.pin").click().run())
    header, _ = message(at, f"{PARAMETERS}.plane")
    names = [one["name"] for one in header["panels"][0]["layers"]]
    assert names == ["pin0", "pin1", "pin2", "curve"]
    assert header["panels"][0]["layers"][2]["model"] == {"kind": "normal", "mean": 3.0, "std": 1.0}
    assert at.button(key=f"{PARAMETERS}.pin").disabled
    for _ in range(3):
        whole(at.button(key=f"{PARAMETERS}.unpin").click().run())
    assert at.button(key=f"{PARAMETERS}.unpin").disabled and not at.button(key=f"{PARAMETERS}.pin").disabled


# ---- normal.interval ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "mean", "std"), [(-1, 3, 1, 2), (-9, 11, 1, 2), (4, 11, -2, 0.1), (0.5, 0.75, 0, 1)]
)
def test_area_and_count_agree_with_scipy_and_with_each_other(low, high, mean, std):
    settings = {"low": low, "high": high, "mean": mean, "std": std, "count": 100_000}
    at = visit(**{f"interval_{name}": value for name, value in settings.items()})
    values = fits("normal.interval.caption", at)
    z = np.array([low - mean, high - mean]) / std
    p = special.ndtr(-z[0]) - special.ndtr(-z[1]) if z[0] > 0 else special.ndtr(z[1]) - special.ndtr(z[0])
    assert [number(values["z_low"]), number(values["z_high"])] == pytest.approx(list(z), abs=0.006)
    if 0.0001 < p < 0.9999:
        assert number(values["p"]) == pytest.approx(100 * p, abs=0.006)
        share = number(values["inside"]) / 100_000
        assert share == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 100_000))
        assert number(values["error"]) == pytest.approx(100 * math.sqrt(p * (1 - p) / 100_000), rel=0.05)
    _, inside = layer(at, f"{INTERVAL}.plane", "density", "inside")
    _, outside = layer(at, f"{INTERVAL}.plane", "density", "outside")
    assert len(inside["at"]) + len(outside["at"]) == 2000  # "inside" is what it says
    assert ((inside["at"][:, 0] > low - 1e-4) & (inside["at"][:, 0] <= high + 1e-4)).all()
    assert (inside["at"][:, 1] <= stats.norm(mean, std).pdf(inside["at"][:, 0]) * 1.001 + 1e-6).all()
    assert "2,000" in fits("normal.interval.thinned", at)["shown"]


@pytest.mark.parametrize(("preset", "share"), [("sigma1", 68.27), ("sigma2", 95.45), ("sigma3", 99.73), ("tail", 2.28)])
def test_presets_are_the_shares_that_everybody_should_know(preset, share):
    at = visit(interval_mean=0.5, interval_std=1.5)
    whole(at.button(key=f"{INTERVAL}.preset.{preset}").click().run())
    assert number(fits("normal.interval.caption", at)["p"]) == pytest.approx(share, abs=0.01)


def test_a_single_point_has_no_probability():
    at = visit()
    whole(at.button(key=f"{INTERVAL}.preset.point").click().run())
    values = fits("normal.interval.point", at)
    assert values["inside"] == "0" and values["low"] == "1"


def test_ends_that_are_crossed_are_taken_in_their_order():
    at = visit(interval_low=5, interval_high=-3)
    assert (at.number_input(key=f"{INTERVAL}.low").value, at.number_input(key=f"{INTERVAL}.high").value) == (-3, 5)
    assert number(fits("normal.interval.caption", at)["p"]) == pytest.approx(95.45, abs=0.01)


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
    at = visit(clt_source=source, clt_n=n, clt_statistic=statistic, clt_repetitions=5000)
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
    at = visit(clt_source="exponential", clt_n=4)
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
    at = visit(clt_source="coin", clt_n=10, clt_statistic="sum")
    _, bars = layer(at, f"{CLT}.plane", "means", "histogram")
    assert np.allclose(np.diff(bars["edges"]), 1) and np.allclose(bars["edges"] % 1, 0.5)
    k = (bars["edges"][1:] + bars["edges"][:-1]) / 2
    np.testing.assert_allclose(bars["heights"][-1], stats.binom(10, 0.5).pmf(k), atol=0.02)
    half = stats.binom(10, 0.5).pmf(5) / 2
    assert number(fits("normal.clt.verdict.coin", at)["half"]) == pytest.approx(half, abs=0.01)


def test_the_qq_plot_lies_on_the_diagonal_where_the_means_are_normal():
    at = visit(clt_source="uniform", clt_n=30)
    _, pairs = layer(at, f"{CLT}.plane", "qq", "quantiles")
    last = pairs["at"][-1]
    middle = last[np.abs(last[:, 0]) < 2]
    np.testing.assert_allclose(middle[:, 1], middle[:, 0], atol=0.12)


def test_the_distance_and_its_floor():
    at = visit(clt_source="uniform", clt_n=2, clt_repetitions=2000)
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


X = np.linspace(-0.5, 1.5, 4001)


def test_cauchys_means_never_settle_and_the_page_says_so():
    at = visit(clt_source="cauchy", clt_n=100)
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
    at = visit(clt_source="humps")
    _, runs = layer(at, f"{CLT}.measures", "running", "runs")
    _, low = layer(at, f"{CLT}.measures", "running", "band_low")
    assert low["y"][-1] == pytest.approx(-1.959964 * math.sqrt(4.25 / 10_000), rel=1e-3)
    assert (np.abs(runs["at"][:, -1, 1]) < -2 * low["y"][-1]).all()


def drawing(*heights: float) -> str:
    grid = np.linspace(0, 1, len(heights))
    return packing.pack_points(tuple(zip(grid, heights, strict=True)), 0.0, 1.0)


def test_a_drawn_source_has_the_mean_that_was_drawn():
    heights = [1.0] * 12 + [0.0] * 13  # nearly uniform on the left half
    at = visit(clt_source="drawn", clt_n=1, clt_drawing=drawing(*heights))
    x = np.linspace(0, 1, 100_001)
    y = np.interp(x, np.linspace(0, 1, 25), heights)
    mean = (x * y).sum() / y.sum()
    values = fits("normal.clt.table.mean", at)
    assert number(values["law_mean"]) == pytest.approx(mean, abs=1e-3)
    assert number(values["mean"]) == pytest.approx(mean, abs=0.01)
    header, _ = message(at, f"{CLT}.plane")
    assert header["panels"][0]["handles"][0]["kind"] == "painter"


def test_a_drawing_with_no_area_is_a_sentence_and_paper():
    at = visit(clt_source="drawn", clt_drawing=drawing(*([0.0] * 25)))
    assert text.Words("en").words("normal.clt.no_area") in said(at)
    header, _ = message(at, f"{CLT}.plane")
    assert [p["name"] for p in header["panels"]] == ["source"]


@pytest.mark.parametrize("asked", [drawing(0.2, 0.9), drawing(0.5), drawing(*([0.3] * 60)), "nonsense", ""])
def test_a_drawing_from_a_strangers_link_is_brought_onto_the_grid(asked):
    at = visit(clt_source="drawn", clt_drawing=asked)
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
    at = visit(moments_source=source, moments_cells=1000, moments_count=100_000, moments_seed=4)
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
    at = visit(moments_cells=2)
    values = fits("normal.moments.table.integral", at)
    assert number(values["integral_variance"]) == pytest.approx(0.0625)  # ((¼)² + (¼)²)/2
    assert number(values["integral_mean"]) == 0.5 or values["integral_mean"] == "0.5"


def test_few_rectangles_are_drawn_and_are_those_of_the_integral():
    at = visit(moments_cells=4)
    values = fits("normal.moments.table.integral", at)
    for panel, said_value in (("first", "integral_mean"), ("second", "integral_variance")):
        _, arrays = layer(at, f"{MOMENTS}.plane", panel, "rectangles")
        x, y = (arrays[name].reshape(4, 4) for name in ("x", "y"))  # (cells, corners)
        area = ((x[:, 2] - x[:, 1]) * y[:, 1]).sum()
        assert area == pytest.approx(number(values[said_value]), abs=1e-4)
    names = {one["name"] for one in message(visit(moments_cells=61), f"{MOMENTS}.plane")[0]["panels"][1]["layers"]}
    assert names == {"first"}


def test_an_expectation_that_does_not_exist_is_a_sentence():
    values = fits("normal.moments.endless", visit(moments_source="cauchy"))
    assert number(values["near_first"]) == pytest.approx(math.log(101) / math.pi, rel=0.01)
    assert number(values["far_first"]) == pytest.approx(math.log1p(1e10) / math.pi, rel=0.01)
    assert number(values["far_second"]) == pytest.approx(2e5 / math.pi, rel=0.01)


# ---- extremes, hostile links, the question --------------------------------------------------------------------------

SMALLEST = {
    "parameters_mean": -5,
    "parameters_std": 1e-6,
    "parameters_pins": "",
    "parameters_rectangles": 2,
    "interval_low": -9,
    "interval_high": -9,
    "interval_std": 0.1,
    "interval_count": 10,
    "clt_n": 1,
    "clt_repetitions": 100,
    "clt_source": "coin",
    "moments_cells": 2,
    "moments_count": 10,
    "moments_source": "coin",
}
LARGEST = {
    "parameters_mean": 5,
    "parameters_std": 4,
    "parameters_pins": "5_4~5_4~-5_0.05",
    "parameters_rectangles": 400,
    "interval_low": -9,
    "interval_high": 11,
    "interval_mean": 4,
    "interval_std": 3,
    "interval_count": 100_000,
    "clt_n": 100,
    "clt_repetitions": 10_000,
    "clt_source": "cauchy",
    "clt_statistic": "sum",
    "moments_cells": 1000,
    "moments_count": 100_000,
    "moments_source": "cauchy",
}
HOSTILE = {
    "parameters_mean": "1e999",
    "parameters_std": "-3",
    "parameters_pins": "1_2_3~nan_1",
    "parameters_rectangles": "<script>",
    "interval_low": "inf",
    "interval_high": "x" * 9000,
    "interval_count": "1e12",
    "clt_n": "0",
    "clt_repetitions": "1000000",
    "clt_source": "drawn' --",
    "clt_seed": "-1",
    "moments_source": "__class__",
    "moments_count": "9e99",
}


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize("settings", [SMALLEST, LARGEST, HOSTILE], ids=["smallest", "largest", "hostile"])
def test_extremes_together_are_no_error(settings, language):
    at = visit(language=language, **settings)
    everything = said(at)
    assert "nan" not in everything.lower().replace("finan", "")
    if settings is HOSTILE:
        assert len([c for c in at.caption if "material/info" in c.value]) >= 8
        assert "<script>" not in everything


def test_a_million_repetitions_are_brought_down_and_said():
    at = visit(clt_repetitions=1_000_000)
    assert at.slider(key=f"{CLT}.repetitions").value == 10_000
    assert any("10000" in c.value.replace(",", "") for c in at.caption if "material/info" in c.value)


@pytest.mark.parametrize("experiment", [PARAMETERS, INTERVAL, CLT])
def test_every_preset_works(experiment):
    at = visit()
    keys = [b.key for b in at.button if b.key and b.key.startswith(f"{experiment}.preset.")]
    assert len(keys) >= 3
    for key in keys:
        whole(at.button(key=key).click().run())


@pytest.mark.parametrize("pick", ["zero", "equal", "one"])
def test_the_question_is_answered_by_computation(pick):
    at = visit()
    name = "normal.prediction"
    at.radio(key=f"{name}.pick").set_value(pick).run()
    whole(at.button(key=f"{name}.lock").click().run())
    values = fits("normal.prediction.answer", at)
    assert values["peak"] == "3.99" and values["point"] == "0"
    exact = special.ndtr(0.005) - special.ndtr(-0.005)
    assert number(values["stretch"]) == pytest.approx(exact, rel=0.01)
    t = text.Words("en")
    verdict = "prediction.right" if pick == "zero" else "prediction.wrong"
    assert t.label(verdict, answer=t.words(f"{name}.option.zero")) in said(at)
