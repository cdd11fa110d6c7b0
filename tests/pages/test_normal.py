"""The page of step 1 without a browser: what it says and computes, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from core.scenes.normal import counts
from tests.pages.apptest import fits, layer, message, number, said, sound, visitor
from ui import text

visit = visitor("normal")
PARAMETERS, INTERVAL, CLT, MOMENTS = (f"normal.{name}" for name in ("parameters", "interval", "clt", "moments"))
NUMBER = r"([−∞–\d.,]+(?:e[−+]?\d+)?)"


# ---- the first paint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    t = text.Words(language)
    header, _ = message(at, f"{PARAMETERS}.plane")
    assert [one["name"] for one in header["panels"][0]["layers"]] == ["pin0", "pin1", "curve"]
    header, _ = message(at, f"{CLT}.plane")
    assert [p["name"] for p in header["panels"]] == ["source", "means", "qq"]
    assert len(header["frames"]) == len(counts(10_000)) and header["start"] == len(header["frames"]) - 1
    start = t.template("normal.clt.verdict.above").partition(".")[0]
    assert said(at).count(start) == 1, "one verdict"
    fits("normal.interval.caption", at, language)
    fits("normal.parameters.caption", at, language)


# ---- normal.parameters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-5.0, 0.05), (5.0, 4.0), (1.3, 0.35)])
def test_the_formula_and_the_area_are_those_of_the_curve(mean, std):
    at = visit(parameters__mean=mean, parameters__std=std)
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
    at = visit(parameters__rectangles=3, parameters__std=2)
    edges = np.linspace(-16, 16, 4)
    heights = stats.norm(0, 2).pdf((edges[1:] + edges[:-1]) / 2)
    _, arrays = layer(at, f"{PARAMETERS}.plane", "density", "rectangles")
    np.testing.assert_allclose(arrays["heights"], heights, rtol=1e-5)
    assert number(fits("normal.parameters.caption", at)["area"]) == pytest.approx(heights.sum() * 32 / 3, abs=1e-6)


def test_no_width_is_a_sentence():
    at = visit(parameters__std=0)
    assert text.Words("en").words("normal.parameters.no_width") in said(at)
    assert at.button(key=f"{PARAMETERS}.pin").disabled
    header, _ = message(at, f"{PARAMETERS}.plane")
    assert "curve" not in [one["name"] for one in header["panels"][0]["layers"]]


def test_three_curves_are_pinned_and_let_go():
    at = visit()
    at.slider(key=f"{PARAMETERS}.mean").set_value(3.0).run()
    sound(at.button(key=f"{PARAMETERS}.pin").click().run())
    header, _ = message(at, f"{PARAMETERS}.plane")
    names = [one["name"] for one in header["panels"][0]["layers"]]
    assert names == ["pin0", "pin1", "pin2", "curve"]
    assert header["panels"][0]["layers"][2]["model"] == {"kind": "normal", "mean": 3.0, "std": 1.0}
    assert at.button(key=f"{PARAMETERS}.pin").disabled
    for _ in range(3):
        sound(at.button(key=f"{PARAMETERS}.unpin").click().run())
    assert at.button(key=f"{PARAMETERS}.unpin").disabled and not at.button(key=f"{PARAMETERS}.pin").disabled


# ---- normal.interval ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "mean", "std"), [(-1, 3, 1, 2), (-9, 11, 1, 2), (4, 11, -2, 0.1), (0.5, 0.75, 0, 1)]
)
def test_area_and_count_agree_with_scipy_and_with_each_other(low, high, mean, std):
    settings = {"low": low, "high": high, "mean": mean, "std": std, "count": 100_000}
    at = visit(**{f"interval__{name}": value for name, value in settings.items()})
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


def test_far_out_the_two_cdfs_are_told_apart():
    values = fits("normal.interval.caption", visit(interval__low=-9, interval__high=-8.9))
    assert number(values["cdf_low"]) == pytest.approx(special.ndtr(-5), rel=0.01)
    assert number(values["cdf_high"]) == pytest.approx(special.ndtr(-4.95), rel=0.01)
    high, low = (text.number(special.ndtr(-z)).replace("\u00a0", " ") for z in (5, 4.95))
    assert f"(1 − {high}) − (1 − {low})" in said(visit(interval__low=10.9, interval__high=11))


@pytest.mark.parametrize(("preset", "share"), [("sigma1", 68.27), ("sigma2", 95.45), ("sigma3", 99.73), ("tail", 2.28)])
def test_presets_are_the_shares_that_everybody_should_know(preset, share):
    at = visit(interval__mean=0.5, interval__std=1.5)
    sound(at.button(key=f"{INTERVAL}.preset.{preset}").click().run())
    assert number(fits("normal.interval.caption", at)["p"]) == pytest.approx(share, abs=0.01)


def test_a_single_point_has_no_probability():
    at = visit()
    sound(at.button(key=f"{INTERVAL}.preset.point").click().run())
    values = fits("normal.interval.point", at)
    assert values["inside"] == "0" and values["low"] == "1"


def test_ends_that_are_crossed_are_taken_in_their_order():
    at = visit(interval__low=5, interval__high=-3)
    assert (at.number_input(key=f"{INTERVAL}.low").value, at.number_input(key=f"{INTERVAL}.high").value) == (-3, 5)
    assert number(fits("normal.interval.caption", at)["p"]) == pytest.approx(95.45, abs=0.01)


# ---- extremes, hostile links, the question --------------------------------------------------------------------------

SMALLEST = {
    "parameters__mean": -5,
    "parameters__std": 1e-6,
    "parameters__pins": "",
    "parameters__rectangles": 2,
    "interval__low": -9,
    "interval__high": -9,
    "interval__std": 0.1,
    "interval__count": 10,
    "clt__n": 1,
    "clt__repetitions": 100,
    "clt__source": "coin",
    "moments__cells": 2,
    "moments__count": 10,
    "moments__source": "coin",
}
LARGEST = {
    "parameters__mean": 5,
    "parameters__std": 4,
    "parameters__pins": "5_4~5_4~-5_0.05",
    "parameters__rectangles": 400,
    "interval__low": -9,
    "interval__high": 11,
    "interval__mean": 4,
    "interval__std": 3,
    "interval__count": 100_000,
    "clt__n": 100,
    "clt__repetitions": 10_000,
    "clt__source": "cauchy",
    "clt__statistic": "sum",
    "moments__cells": 1000,
    "moments__count": 100_000,
    "moments__source": "cauchy",
}
HOSTILE = {
    "parameters__mean": "1e999",
    "parameters__std": "-3",
    "parameters__pins": "1_2_3~nan_1",
    "parameters__rectangles": "<script>",
    "interval__low": "inf",
    "interval__high": "x" * 9000,
    "interval__count": "1e12",
    "clt__n": "0",
    "clt__repetitions": "1000000",
    "clt__source": "drawn' --",
    "clt__seed": "-1",
    "moments__source": "__class__",
    "moments__count": "9e99",
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
    at = visit(clt__repetitions=1_000_000)
    assert at.slider(key=f"{CLT}.repetitions").value == 10_000
    assert any("10000" in c.value.replace(",", "") for c in at.caption if "material/info" in c.value)


@pytest.mark.parametrize("experiment", [PARAMETERS, INTERVAL, CLT])
def test_every_preset_works(experiment):
    at = visit()
    keys = [b.key for b in at.button if b.key and b.key.startswith(f"{experiment}.preset.")]
    assert len(keys) >= 3
    for key in keys:
        sound(at.button(key=key).click().run())


@pytest.mark.parametrize("pick", ["zero", "equal", "one"])
def test_the_question_is_answered_by_computation(pick):
    at = visit()
    name = "normal.prediction"
    at.radio(key=f"{name}.pick").set_value(pick).run()
    sound(at.button(key=f"{name}.lock").click().run())
    values = fits("normal.prediction.answer", at)
    assert values["peak"] == "3.99" and values["point"] == "0"
    exact = special.ndtr(0.005) - special.ndtr(-0.005)
    assert number(values["stretch"]) == pytest.approx(exact, rel=0.01)
    t = text.Words("en")
    verdict = "prediction.right" if pick == "zero" else "prediction.wrong"
    assert t.label(verdict, answer=t.words(f"{name}.option.zero")) in said(at)
