"""The page of step 2 without a browser: what it says and draws, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats

from core.scenes import likelihood as scenes
from pages.likelihood import common as shared
from pages.likelihood import surface
from tests.pages.apptest import ROOT, described, message, number, numbers, said, sound, visitor
from ui import links, packing, text

visit = visitor("likelihood")
FIT, SURFACE, HEIGHTS, ESTIMATORS, MISFIT = (
    f"likelihood.{name}" for name in ("fit", "surface", "heights", "estimators", "misfit")
)
X = np.array(scenes.POINTS)


def points(*xs: float) -> str:
    return packing.pack_points(tuple((x, 0.0) for x in xs), -6.0, 6.0)


# ---- the first paint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    header, _ = message(at, f"{FIT}.plane")
    assert header["values"]["points"]["now"] == [[x, 0.0] for x in scenes.POINTS]
    header, parts = message(at, f"{SURFACE}.plane")
    assert len(header["frames"]) > 100 and header["start"] == len(header["frames"]) - 1
    assert len(np.unique(parts[described(header, "map", "heat")["values"]["part"]])) > 1000
    header, parts = message(at, f"{HEIGHTS}.plane")
    for panel in ("real", "new"):
        bars = described(header, panel, panel)
        edges, heights = (parts[bars[name]["part"]] for name in ("edges", "heights"))
        assert (np.diff(edges) * heights).sum() == pytest.approx(1, abs=1e-3)


# ---- fit ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mean", "std"), [(-1.0, 2.2), (3.0, 0.7), (0.95, 1.5)])
def test_the_product_and_its_logarithm(mean, std):
    at = visit(fit__mean=mean, fit__std=std)
    density = stats.norm.pdf(X, mean, std)
    first, second, product, log = numbers(r"L = ([^·]+) · ([^·]+) · .* = \*\*(.+?)\*\*, and \*\*log L = (.+?)\*\*", at)
    assert (first, second) == (pytest.approx(density[0], rel=6e-3), pytest.approx(density[1], rel=6e-3))
    assert product == pytest.approx(density.prod(), rel=6e-3)
    assert log == pytest.approx(stats.norm.logpdf(X, mean, std).sum(), abs=6e-3)
    best = stats.norm.logpdf(X, X.mean(), X.std()).sum()
    if best - log > 0.01:
        top, gap, times = numbers(r"largest log L is \*\*(.+?)\*\*, higher by ([\d.]+): .* points (.+?) times", at)
        assert top == pytest.approx(best, abs=6e-3) and gap == pytest.approx(best - log, abs=0.011)
        assert times == pytest.approx(math.exp(best - stats.norm.logpdf(X, mean, std).sum()), rel=6e-3)


def test_the_best_is_where_the_button_leads():
    at = visit()
    at.button(key=f"{FIT}.best").click().run()
    assert sound(at).slider(key=f"{FIT}.mean").value == pytest.approx(X.mean(), abs=1e-9)
    assert at.slider(key=f"{FIT}.std").value == pytest.approx(X.std(), rel=1e-5)  # six digits: what a link holds
    assert numbers(r"μ̂ = ([\d.]+) is the mean of the (\d+) points, σ̂ = ([\d.]+)", at) == (0.95, 8, 1.47)
    header, _ = message(at, f"{FIT}.plane")
    assert header["values"]["mean"]["now"] == pytest.approx(X.mean())


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (points(), "Without points every curve"),
        (points(1.0), "A single point has σ̂ = 0"),
        (points(-2.0, -2.0, -2.0), "All points are the same, so σ̂ = 0"),
    ],
)
@pytest.mark.parametrize("std", [0.05, 6.0])
def test_where_there_is_no_best_curve_it_is_said(asked, sentence, std):
    at = visit(fit__points=asked, fit__std=std)
    if asked:
        assert sentence in said(at)
        each = numbers(r"log L grows by ([\d.]+)", at)[0]
        assert each == pytest.approx((1 if "single" in sentence else 3) * math.log(10), abs=6e-3)
        at.button(key=f"{FIT}.best").click().run()
        assert sentence in said(sound(at)) and at.slider(key=f"{FIT}.std").value == 0.05
    else:  # an empty text in a link is no drawing; a cleared canvas is, below
        assert "could not be used" in said(at) or sentence in said(at)


def test_no_points_at_all(monkeypatch):
    from pages.likelihood import fit, surface

    for module in (fit, surface):
        monkeypatch.setattr(
            module.links, "value", lambda s, value=module.links.value: () if s.kind == "points" else value(s)
        )
    at = visit()
    assert "Without points every curve is as good as any other" in said(at)
    assert "the map is flat" in said(at)
    assert at.button(key=f"{FIT}.best").disabled
    header, _ = message(at, f"{SURFACE}.plane")
    assert header["frames"] == []


def test_points_closer_than_any_curve_that_can_be_set():
    at = visit(fit__points=points(1.0, 1.01, 0.99))
    top, std, low = numbers(r"largest log L is \*\*(.+?)\*\*, at σ̂ = ([\d.]+)\. .* the ([\d.]+) that", at)
    x = np.array([x for x, _ in packing.unpack_points(points(1.0, 1.01, 0.99), -6, 6)])
    assert std == pytest.approx(x.std(), rel=6e-3) and low == 0.05
    assert top == pytest.approx(stats.norm.logpdf(x, x.mean(), x.std()).sum(), abs=6e-3)


def test_a_product_too_small_for_a_float_keeps_its_logarithm():
    xs = tuple(np.linspace(-6, 6, 60))
    at = visit(fit__points=points(*xs), fit__mean=6, fit__std=0.05)
    assert "smaller than any number" in said(at)
    x = np.array([x for x, _ in packing.unpack_points(points(*xs), -6, 6)])
    assert numbers(r"no harm: \*\*log L = (.+?)\*\*", at)[0] == pytest.approx(
        stats.norm.logpdf(x, 6, 0.05).sum(), abs=6e-3
    )


def test_more_points_than_there_may_be_are_left_out():
    at = visit(fit__points=points(*np.linspace(-5, 5, 90)))
    assert "held more than 60" in said(at)
    assert len(message(at, f"{FIT}.plane")[0]["values"]["points"]["now"]) == 60


# ---- surface --------------------------------------------------------------------------------------------------------


def test_the_map_and_the_walk_are_those_of_an_independent_computation():
    header, parts = message(visit(), f"{SURFACE}.plane")
    heat = described(header, "map", "heat")
    values = parts[heat["values"]["part"]].reshape(heat["values"]["shape"])
    means, stds = np.linspace(*heat["x"], values.shape[1]), np.linspace(*heat["y"], values.shape[0])
    for i, j in ((0, 0), (20, 72), (96, 144), (50, 10)):
        assert values[i, j] == pytest.approx(stats.norm.logpdf(X, means[j], stds[i]).sum(), rel=1e-5)
    walk = described(header, "map", "walk")
    mean, std, rate = -4.0, 3.0, 0.3
    for k in range(40):  # the gradient by finite differences
        at = parts[walk["x"]["part"]][k], parts[walk["y"]["part"]][k]
        assert at == (pytest.approx(mean, abs=1e-4), pytest.approx(std, abs=1e-4))

        def f(m: float, s: float) -> float:
            return stats.norm.logpdf(X, m, s).mean()

        slopes = (
            (f(mean + 1e-5, std) - f(mean - 1e-5, std)) / 2e-5,
            (f(mean, std + 1e-5) - f(mean, std - 1e-5)) / 2e-5,
        )
        mean, std = mean + rate * slopes[0], std + rate * slopes[1]
    step = described(header, "data", "step")["model"]
    np.testing.assert_allclose(step["mean"], parts[walk["x"]["part"]], rtol=1e-5)
    np.testing.assert_allclose(step["std"], parts[walk["y"]["part"]], rtol=1e-5)
    assert len(step["mean"]) == len(header["frames"])


def test_the_walk_arrives_where_the_formulas_lead():
    steps, mean, std = numbers(
        r"After \*\*(\d+) steps\*\* the slope is below 0.0001: μ = ([\d.]+), σ = ([\d.]+)\.", visit()
    )
    assert (mean, std) == (0.95, 1.47) and steps == len(message(visit(), f"{SURFACE}.plane")[0]["frames"]) - 1


def test_a_rate_that_diverges_is_said_with_its_step():
    at = visit(surface__rate=10.0)
    step, std = numbers(r"\*\*It diverges: step (\d+) leads to σ = (.+?)\*\*", at)
    assert std <= 0 and len(message(at, f"{SURFACE}.plane")[0]["frames"]) == step
    assert numbers(r"only if η is less than σ̂² = ([\d.]+); here it is (\d+)", at) == (2.16, 10)
    at = visit(surface__rate=10.0, surface__coordinates="log_std", surface__mean=6, surface__std=0.15)
    assert re.search(r"It diverges: step 1 leads to σ = .*beyond all bounds", said(at))
    assert "the smaller of 1 and 2σ̂², here 1; η is 10" in said(at)


@pytest.mark.parametrize("coordinates", ["std", "log_std"])
@pytest.mark.parametrize("rate", [0.03, 10.0])
@pytest.mark.parametrize("start", [(-6, 0.15), (6, 7.5)])
@pytest.mark.parametrize("xs", [scenes.POINTS, (2.0,), (-6.0, 6.0)])
def test_extreme_walks_are_pictures_or_sentences(coordinates, rate, start, xs):
    at = visit(
        surface__coordinates=coordinates, surface__rate=rate, surface__mean=start[0], surface__std=start[1],
        surface__steps=300, surface__points=points(*xs),
    )  # fmt: skip
    header, parts = message(at, f"{SURFACE}.plane")
    assert all(np.isfinite(part).all() for part in parts.values())
    assert ("All points are the same" in said(at)) == (len(xs) == 1)
    assert all(v > 0 for v in described(header, "data", "step")["model"]["std"])


@pytest.mark.parametrize("preset", ["slow", "fast", "low", "log", "same"])
def test_the_presets_of_the_walk_show_what_they_are_called(preset):
    at = visit()
    at.button(key=f"{SURFACE}.preset.{preset}").click().run()
    sign = {
        "slow": "below the top", "fast": "It diverges", "low": "Step 1 leaves the map",
        "log": "steps in (μ, log σ) settle", "same": "log L has no top",
    }  # fmt: skip
    assert sign[preset] in said(sound(at))


# ---- heights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "who", "low", "high"), [("nhefs", "all", 160, 180), ("bdims", "women", 150.5, 171)])
def test_heights_by_the_cdf_and_by_counting(source, who, low, high):
    at = visit(heights__source=source, heights__who=who, heights__low=low, heights__high=high)
    table = np.genfromtxt(ROOT / "data" / f"{source}.csv", delimiter=",", names=True)
    x = table["height"][(table["sex"] == 0) | (who == "all")]
    fitted = stats.norm(x.mean(), x.std())
    n, mean, std = numbers(r"For n = ([\d,]+) \(.*μ̂ = ([\d.]+) cm, σ̂ = ([\d.]+) cm", at)
    assert n == len(x) and mean == pytest.approx(x.mean(), abs=0.051) and std == pytest.approx(x.std(), abs=0.0051)
    for sign, bound, known in (
        ("≤", low, (fitted.cdf(low), (x <= low).mean())),
        (">", high, (fitted.sf(high), (x > high).mean())),
    ):
        cells = numbers(rf"P\(x {sign} {bound:g} cm\) \| ([\d.]+)% \| ([\d.]+)% \| ([\d.]+)%", at)
        assert cells[:2] == (pytest.approx(100 * known[0], abs=0.051), pytest.approx(100 * known[1], abs=0.051))
        assert cells[2] == pytest.approx(100 * known[0], abs=100 * 5 * math.sqrt(0.25 / len(x)))


def test_new_people_are_drawn_and_real_ones_stay():
    at = visit()
    before, parts_before = message(at, f"{HEIGHTS}.plane")
    at.button(key=f"{HEIGHTS}.again").click().run()
    after, parts_after = message(sound(at), f"{HEIGHTS}.plane")
    for panel, same in (("real", True), ("new", False)):
        one, two = (
            parts[described(h, panel, panel)["heights"]["part"]]
            for h, parts in ((before, parts_before), (after, parts_after))
        )
        assert np.array_equal(one, two) == same
    assert at.number_input(key=f"{HEIGHTS}.seed").value == 1


@pytest.mark.parametrize(
    "settings", [{"count": 2, "low": 206, "high": 136}, {"who": "men", "source": "bdims", "count": 200}]
)
@pytest.mark.parametrize("language", text.languages())
def test_extreme_heights(settings, language):
    at = visit(language=language, heights__seed=9999, **{f"heights__{k}": v for k, v in settings.items()})
    assert f"n = {settings['count']} (" in said(at)


def test_a_share_near_nothing_is_a_power_of_ten():
    assert re.search(
        r"\| P\(x > 180 cm\) \| 9\.\d × 10⁻¹⁸% \| 0\.0% \|", said(visit(heights__who="women", heights__count=2))
    )


def test_equal_heights_leave_nothing_to_draw_from(monkeypatch):
    from core import scene as room

    real = room.shown

    def level(scene):
        found = dict(real(scene))
        if isinstance(scene, scenes.HeightsScene):
            found |= {
                "std": np.float64(0),
                "new": np.zeros(0),
                "below": np.full(3, np.nan),
                "above": np.full(3, np.nan),
            }
        return found

    monkeypatch.setattr(room, "shown", level)
    assert "so σ̂ = 0 and there is no curve to draw new ones from" in said(visit())


# ---- the folded ones ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 7, 100])
def test_measured_estimates_stand_beside_theory(n):
    at = visit(estimators__n=n, estimators__std=2.0, estimators__repetitions=20_000)
    rows = {}
    for line in said(at).splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"−?[\d.]+", cells[3]):
            rows[cells[0]] = number(cells[2]), number(cells[3])
    known = {
        "mean of μ̂": 0.0,
        "standard deviation of μ̂ (standard error)": 2 / math.sqrt(n),
        "mean of σ̂²": (n - 1) / n * 4,
        "bias of σ̂²": -4 / n,
        "mean squared error, ÷ n": (2 * n - 1) / n**2 * 16,
        "mean squared error, ÷ (n − 1)": 2 / (n - 1) * 16,
    }
    assert rows.keys() == known.keys()
    for name, (theory, measured) in rows.items():
        assert theory == pytest.approx(known[name], abs=5.1e-5), name
        assert measured == pytest.approx(theory, rel=0.08, abs=0.05), name
    assert "÷n is nearer" in said(at)


def test_one_value_has_no_spread_and_a_million_repetitions_are_not_made():
    at = visit(estimators__n=1, estimators__repetitions=1_000_000)
    assert "would be 0 ÷ 0" in said(at) and "it is at the nearest one" in said(at)
    assert "| – | – |" in said(at)


@pytest.mark.parametrize("data", scenes.MIXED)
@pytest.mark.parametrize("language", text.languages())
def test_one_hump_over_two_groups(data, language):
    at = visit(language=language, misfit__data=data, misfit__gap=5.9)
    t = text.Words(language)
    peaks = "1" if data == "height" else "2"
    assert t.template(f"{MISFIT}.peaks.{peaks}").split("**")[1] in said(at)
    assert language != "en" or peaks == "1" or re.search(r"\*\*two peaks\*\*, at −?[\d.]+ and [\d.]+\. ", said(at))
    header, parts = message(at, f"{MISFIT}.plane")
    pairs = parts[described(header, "quantiles", "pairs")["at"]["part"]].reshape(-1, 2)
    assert (np.diff(pairs, axis=0) >= 0).all() and len(pairs) >= 272
    assert (t.words(f"{MISFIT}.unknown") in said(at)) == (data in ("waiting", "eruptions"))


def test_the_gap_between_girths_is_measured():
    at = visit(misfit__data="shoulder_girth")
    table = np.genfromtxt(ROOT / "data" / "bdims.csv", delimiter=",", names=True)
    x = table["shoulder_girth"]
    women, men = (x[table["sex"] == sex] for sex in (0, 1))
    apart = (men.mean() - women.mean()) / (men.std() + women.std()) * 2
    gap = stats.kstest(x, stats.norm(x.mean(), x.std()).cdf).statistic
    assert numbers(r"groups are ([\d.]+) standard deviations apart", at)[0] == pytest.approx(apart, abs=0.0051)
    assert numbers(r"differ by ([\d.]+) percentage points; chance", at)[0] == pytest.approx(100 * gap, abs=0.051)


@pytest.mark.parametrize(
    ("gap", "sentence"), [(0.0, "here one hump is enough"), (3.0, "what is missing is a second hump")]
)
def test_two_groups_in_one_place_fit_one_hump(gap, sentence):
    assert sentence in said(visit(misfit__data="made", misfit__gap=gap))


# ---- the question, and bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize("choice", ["n", "n_minus_1"])
def test_the_question_is_answered_by_trying(language, choice):
    at = visit(language=language)
    at.radio(key="likelihood.prediction.pick").set_value(choice).run()
    at.button(key="likelihood.prediction.lock").click().run()
    t = text.Words(language)
    verdict = "prediction.right" if choice == "n" else "prediction.wrong"
    assert t.label(verdict, answer=t.words("likelihood.prediction.option.n")) in said(sound(at))
    by_n, by_n1 = re.search(r"([\d.]+) σ⁴.*?([\d.]+) σ⁴", said(at)).groups()
    assert float(by_n) == pytest.approx(0.36, abs=0.02) and float(by_n1) == pytest.approx(0.5, abs=0.03)
    assert "0.36" in said(at) and "0.5" in said(at)


@pytest.mark.parametrize("language", text.languages())
def test_nonsense_in_a_link_is_put_right_with_a_sentence(language):
    wrong = {
        FIT: "points=%%% mean=banana std=-3",
        SURFACE: "points=<b> mean=1e9 std=0 rate=7 steps=1e9 coordinates=var",
        HEIGHTS: "source=../../etc who=nobody count=99999 low=nan high=1e308 seed=-1",
        ESTIMATORS: "n=1e12 repetitions=1000000 std=0 seed=x",
        MISFIT: "data=<script> gap=99",
    }
    asked = {}
    for name, pairs in wrong.items():
        for pair in pairs.split(" "):
            key, _, value = pair.partition("=")
            asked[f"{name.partition('.')[2]}__{key}"] = value
    at = visit(language=language, **asked)
    end = text.Words(language).label("links.default", name="…").split("…")[1]
    assert said(at).count(end) >= 9, "each that made no sense is named"
    assert at.slider(key=f"{FIT}.std").value == 0.05 and at.slider(key=f"{SURFACE}.steps").value == 300
    assert at.slider(key=f"{ESTIMATORS}.n").value == 100
    assert "<script>" not in said(at) and "etc" not in said(at).replace("etched", "")


@pytest.mark.parametrize("language", text.languages())
def test_every_preset_leads_somewhere(language):
    at = visit(language=language, estimators__n=4, misfit__data="wrist_girth")
    buttons = [b.key for b in at.button if ".preset." in b.key]
    assert len(buttons) == 22
    for key in buttons:
        at.button(key=key).click().run()
        sound(at)


def test_equal_points_stay_equal_through_a_link_and_so_does_the_walk():
    put = surface.PRESETS["same"][surface.POINTS]
    again, problem = links.decode(surface.POINTS, links.encode(surface.POINTS, put))
    assert problem is None and shared.places(again) == (1.0, 1.0, 1.0)


def test_what_no_float_can_hold_is_still_written_right():
    """exp(44232.95) = 10^19210.1…, and the best curve is so many times as likely, not as many as a float can say."""
    digits, _, power = shared.power_of_log(44232.95).partition("\u00a0×\u00a010")
    assert power == "¹⁹²¹⁰" and float(digits) == pytest.approx(10 ** (44232.95 / math.log(10) % 1), abs=0.006)
    assert shared.power_of_log(-2000.0).endswith("10⁻⁸⁶⁹")
    at = visit(fit__std=0.05, fit__mean=6)
    assert "L = 0 ·" not in said(at) and "× 10²⁹⁹" not in said(at)
