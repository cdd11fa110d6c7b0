"""The page of step 4 without a browser: what it says and computes, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from core import data
from core.scenes import gaussian_mixture as scenes
from pages.gaussian_mixture import common, no_closed_form, question, sampling
from tests.pages.apptest import layer, message, numbers, press, said, sound, visitor
from ui import text

visit = visitor("gaussian_mixture")
ID = "gaussian_mixture"
DESIGN, SAMPLING, POSTERIOR, GEYSER, CLOSED = (
    f"{ID}.{name}" for name in ("design", "sampling", "posterior", "geyser", "no_closed_form")
)


# ---- the first paint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    header, _ = message(at, f"{DESIGN}.plane")
    assert header["values"]["parts"]["now"] == [list(row) for row in scenes.THREE]
    header, _ = message(at, f"{SAMPLING}.plane")
    assert len(header["frames"]) == len(sampling.timeline(1000))


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize("view", ["shrink", "collapse", "labels"])
def test_everything_opens_in_every_language(language, view):
    at = visit(language=language, geyser__normals=2, no_closed_form__view=view, no_closed_form__order="321")
    assert "{{" not in said(at)
    at = visit(language=language, posterior__world="geyser", geyser__normals=0, no_closed_form__view=view)
    assert "{{" not in said(at)


# ---- design ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "preset, count, peaks", [("one_peak", 2, 1), ("three_peaks", 2, 3), ("same_mean", 2, 1), ("ring", 8, 8)]
)
def test_presets_have_the_peaks_that_they_promise(preset, count, peaks):
    at = press(visit(), f"{DESIGN}.preset.{preset}")
    assert numbers(r"Components (\d+), (?:but )?peaks (?:only )?(\d+)", at) == (count, peaks)
    _, arrays = layer(at, f"{DESIGN}.plane", 0, "peaks")
    assert arrays["at"].shape == (peaks, 2)


def test_components_are_added_weighed_and_taken_away():
    at = press(visit(), f"{DESIGN}.add")
    rows = message(at, f"{DESIGN}.plane")[0]["values"]["parts"]["now"]
    assert len(rows) == 4 and at.segmented_control(key=f"{DESIGN}.chosen").value == 4
    sound(at.slider(key=f"{DESIGN}.weight").set_value(1.0).run())
    rows = message(at, f"{DESIGN}.plane")[0]["values"]["parts"]["now"]
    assert rows[3][0] == 1.0
    assert numbers(r"φ₁ = ([\d.]+\d) .* φ₄ = ([\d.]+\d)", at) == (0.15, 0.5)
    sound(at.slider(key=f"{DESIGN}.std_x").set_value(2.5).run())
    sound(at.slider(key=f"{DESIGN}.correlation").set_value(-0.9).run())
    rows = message(at, f"{DESIGN}.plane")[0]["values"]["parts"]["now"]
    assert rows[3][3:] == [2.5, 0.8, -0.9]
    for _ in range(4):
        at = press(at, f"{DESIGN}.remove")
    assert message(at, f"{DESIGN}.plane")[0]["values"]["parts"]["now"] == []
    assert "There is no component" in said(at)
    at = press(at, f"{DESIGN}.add")
    assert numbers(r"Components (\d+), peaks (\d+)", at) == (1, 1)


def test_no_more_than_eight_components():
    at = visit()
    for _ in range(5):
        at = press(at, f"{DESIGN}.add")
    assert at.button(key=f"{DESIGN}.add").disabled
    assert len(message(at, f"{DESIGN}.plane")[0]["values"]["parts"]["now"]) == 8


HOSTILE = {
    "nonsense": ("<script>", "could not be used"),
    "wrong columns": ("1_2_3", "could not be used"),
    "not a number": ("nan_0_0_1_1_0", "could not be used"),
    "nothing": ("", ""),
    "no weight": ("0_0_0_1_1_0~0_1_1_1_1_0", "out of bounds"),
    "tiny": ("1_0_0_0_0_0", "out of bounds"),
    "huge": ("1e300_1e300_-1e300_1e300_1e300_7", "out of bounds"),
    "too many": ("~".join(["0.5_0_0_1_1_0"] * 50), "more than 8"),
    "equal": ("0.5_1_1_1_1_0~0.5_1_1_1_1_0", ""),
    "needles": ("~".join(f"0.01_{x}_0_0.15_3_0.98" for x in (-6, 0, 6)), ""),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("experiment", [DESIGN, SAMPLING, POSTERIOR])
def test_a_hostile_mixture_gives_a_picture_or_a_sentence(experiment, name):
    asked, sentence = HOSTILE[name]
    at = visit(**{f"{experiment.split('.')[1]}__parts": asked})
    assert sentence in said(at)
    if experiment == DESIGN:
        rows = message(at, f"{DESIGN}.plane")[0]["values"]["parts"]["now"]
        assert len(rows) <= common.MOST and all(r[0] > 0 and r[3] > 0 and abs(r[5]) < 1 for r in rows)
    assert "nan" not in said(at).lower().replace("nand", "")


# ---- sampling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [100, 1000, 3000])
def test_the_timeline_is_slow_first_and_ends_with_everything(draws):
    moments = sampling.timeline(draws)
    assert moments[:4] == [(0, 0), (0, 1), (1, 0), (1, 1)] or moments[:3] == [(0, 0), (0, 1), (1, 0)]
    landed = [n for n, _ in moments]
    assert landed == sorted(landed) and landed[-1] == draws and len(moments) <= 33


def test_each_frame_shows_what_has_landed():
    at = visit(sampling__draws=100)
    header, _ = message(at, f"{SAMPLING}.plane")
    moments = sampling.timeline(100)
    _, arrays = layer(at, f"{SAMPLING}.plane", 1, "points")
    landed = np.isfinite(arrays["at"][..., 0]).sum(axis=1)
    assert landed.tolist() == [n for n, _ in moments]
    assert arrays["shares"].sum(axis=1).tolist() == [1.0] * 100
    counts = np.array([[int(c) for c in re.findall(r"\d+", note)] for note in header["panels"][0]["note"]])
    assert counts.sum(axis=1).tolist() == [n for n, _ in moments]
    heights = np.stack([layer(at, f"{SAMPLING}.plane", 0, f"share{k}")[1]["heights"][-1, 0] for k in range(3)])
    np.testing.assert_allclose(heights, counts[-1] / 100, rtol=1e-6)
    assert header["frames"][1].startswith("point 1 · first throw") and "second throw" in header["frames"][2]
    _, lit = layer(at, f"{SAMPLING}.plane", 1, "parts")
    assert sorted(lit["weights"][1].tolist()) == [0, 0, 1]


def test_the_table_counts_the_points_of_the_picture():
    at = visit()
    shares = layer(at, f"{SAMPLING}.plane", 1, "points")[1]["shares"]
    for k, count in enumerate(shares.sum(axis=0).astype(int)):
        assert re.search(rf"{k + 1} \| 0\.\d+ \| {count} \| {count / 1000:.3f} ", said(at))


def test_seeds_and_the_mixture_above():
    at = visit()
    before = layer(at, f"{SAMPLING}.plane", 1, "points")[1]["at"]
    at = press(at, f"{SAMPLING}.seed.next")
    after = layer(at, f"{SAMPLING}.plane", 1, "points")[1]["at"]
    assert not np.array_equal(before, after, equal_nan=True)
    at = press(at, f"{DESIGN}.preset.ring")
    at = press(press(at, f"{SAMPLING}.designed"), f"{POSTERIOR}.designed")
    assert layer(at, f"{SAMPLING}.plane", 1, "points")[1]["shares"].shape[1] == 8
    assert layer(at, f"{POSTERIOR}.plane", 0, "winners")[1]["shares"].shape[1] == 8


# ---- posterior ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x, y", [(0.0, 0.5), (8.0, 7.0), (-12.0, -8.0), (12.0, 8.0)])
def test_bayes_rule_is_in_the_table(x, y):
    at = visit(posterior__x=x, posterior__y=y)
    logs = []
    for weight, mx, my, sx, sy, rho in scenes.THREE:
        cov = [[sx * sx, rho * sx * sy], [rho * sx * sy, sy * sy]]
        logs.append((math.log(weight), multivariate_normal([mx, my], cov).logpdf([x, y])))
    joint = np.array([a + b for a, b in logs])
    total = joint.max() + math.log(np.exp(joint - joint.max()).sum())
    for k, (prior, likelihood) in enumerate(logs):
        share = common.responsibility(joint[k] - total, 3)
        numbers_shown = (
            f"{math.exp(prior):.3f}",
            common.from_log(likelihood),
            common.from_log(joint[k]),
            f"**{share}**",
        )
        assert f"{k + 1} | {' | '.join(numbers_shown)}".replace("\u00a0", " ") in said(at)
    assert f"**{common.from_log(total)}**".replace("\u00a0", " ") in said(at)
    assert f"density p(x) is {common.from_log(total)},".replace("\u00a0", " ") in said(at)


def test_the_map_says_how_sure_it_is():
    at = visit()
    shares = layer(at, f"{POSTERIOR}.plane", 0, "winners")[1]["shares"]
    (sure,) = numbers(r"On ([\d.]+)% of this map", at)
    assert sure == pytest.approx(100 * (shares.max(axis=1) > 0.99).mean(), abs=0.1)


def test_the_geysers_world_has_its_own_axes_and_point():
    at = visit(posterior__world="geyser", posterior__eruption=-5, posterior__waiting=0)
    header, _ = message(at, f"{POSTERIOR}.plane")
    assert header["values"]["x"]["now"] == -5 and header["panels"][0]["y"]["high"] == scenes.GEYSER_BOX[3]
    assert re.search(r"largest responsibility is that of ■ component 2 \(\S* 99\.999%\)", said(at))
    assert "The centre of ● component 1 is nearer" in said(at)


# ---- numbers too small to write -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log_value, shown",
    [
        (0.0, "1"),
        (math.log(0.00215), "0.00215"),
        (math.log(10) * -300, "1.00\u00a0×\u00a010⁻³⁰⁰"),
        (math.log(10) * -5000.25, "5.62\u00a0×\u00a010⁻⁵⁰⁰¹"),
        (math.log(9.999) - 20 * math.log(10), "1.00\u00a0×\u00a010⁻¹⁹"),
        (-math.inf, "0"),
        (math.nan, "–"),
    ],
)
def test_from_log(log_value, shown):
    assert common.from_log(log_value) == shown


@pytest.mark.parametrize(
    "share, shown",
    [(0.0, "0.0%"), (1.0, "100.0%"), (0.5, "50.0%"), (1e-9, "1.0\u00a0×\u00a010⁻⁷%"), (1 - 1e-9, "> 99.999%")],
)
def test_percent(share, shown):
    assert common.percent(share) == shown


# ---- the geyser -----------------------------------------------------------------------------------------------------


def test_one_normal_then_two_over_the_geyser():
    x = data.old_faithful().values.numpy()
    reference = multivariate_normal(x.mean(axis=0), np.cov(x.T, bias=True)).logpdf(x).sum()
    at = visit(geyser__normals=2)
    for total in (reference, -1130.264):
        assert f"−{-total:,.2f}" in said(at)
    gain, _, factor = numbers(r"grows by ([\d.]+) nats: over the (\d+) eruptions.* is ([\d.]+) times", at)
    assert gain == pytest.approx(-1130.264 - reference, abs=0.1)
    assert factor == pytest.approx(math.exp(gain / 272), abs=0.01)
    sound(at.segmented_control(key=f"{GEYSER}.normals").set_value(1).run())
    low, high, seen, expected = numbers(r"Waits from ([\d.]+) to ([\d.]+) minutes came (\d+) times; .* (\d+)\.", at)
    assert seen == ((x[:, 1] > low) & (x[:, 1] <= high)).sum() < expected


# ---- no closed form -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [1, 12])
@pytest.mark.parametrize("exponent", [-12, 0.5])
@pytest.mark.parametrize("view", ["shrink", "collapse"])
@pytest.mark.parametrize("floor", no_closed_form.FLOORS)
def test_the_extremes_say_something(point, exponent, view, floor):
    at = visit(
        no_closed_form__view=view,
        no_closed_form__point=point,
        no_closed_form__exponent=exponent,
        no_closed_form__floor=floor,
    )
    assert re.search(r"without end|collapsed at|the floor holds|No collapse", said(at))
    assert "iteration 0 " not in said(at)


def test_the_needle_grows_without_end():
    at = visit(no_closed_form__point=6, no_closed_form__exponent=-6)
    now, gain, limit, copies = numbers(
        r"log-likelihood is (−?[\d.]+)\. A tenth of that σ changes it by (−?[\d.]+);.* adds ([\d.]+),.*: (\d+), times",
        at,
    )
    x = data.old_faithful().eruptions[:12].numpy()
    spike = 0.1 * np.exp(-0.5 * ((x - x[5]) / 1e-6) ** 2) / (1e-6 * math.sqrt(2 * math.pi))
    wide = 0.9 * np.exp(-0.5 * ((x - x.mean()) / x.std()) ** 2) / (x.std() * math.sqrt(2 * math.pi))
    assert now == pytest.approx(np.log(spike + wide).sum(), abs=2e-3)
    assert gain == pytest.approx(math.log(10), abs=2e-3) and (limit, copies) == (2.303, 1)


def test_em_collapses_and_the_floor_prevents_it():
    at = press(visit(no_closed_form__view="collapse"), f"{CLOSED}.preset.collapse")
    assert numbers(r"collapsed at iteration (\d+): ● component 1", at) == (10,)
    header, _ = message(at, f"{CLOSED}.collapse")
    assert len(header["frames"]) == 10 and header["panels"][1]["y"]["log"] is True
    at = press(at, f"{CLOSED}.preset.floor")
    assert "the floor holds ● component 1 at σ = 0.001 min" in said(at)
    at = press(at, f"{CLOSED}.preset.wider")
    assert "No collapse" in said(at)


def test_six_names_for_one_fit():
    at = visit(no_closed_form__view="labels", no_closed_form__order="312")
    rows = re.findall(r"\| ([123] [123] [123]) \| −(\d+\.\d{9}) \|", said(at))
    assert len(rows) == 6 and len({value for _, value in rows}) == 1
    before = layer(at, f"{CLOSED}.labels", 0, "points")[1]["shares"]
    after = layer(at, f"{CLOSED}.labels", 1, "points")[1]["shares"]
    np.testing.assert_array_equal(after, before[:, [2, 0, 1]])


# ---- the question ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "option, verdict", [("long", "Right."), ("short", "The answer is this."), ("half", "The answer")]
)
def test_the_prediction_reveals_what_was_computed(option, verdict):
    at = visit()
    sound(at.radio(key=f"{ID}.prediction.pick").set_value(option).run())
    at = press(at, f"{ID}.prediction.lock")
    assert verdict in said(at) and "the long group's, almost surely" in said(at)
    right, values = question.answer()
    assert right == "long" and values["share"].replace("\u00a0", " ") in said(at)
    assert values["away_short"] == "54.9" and values["squared_long"] == "535"
