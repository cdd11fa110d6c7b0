"""Step 8 without a browser: the way into noise, the step back and the losses; defaults, extremes and bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core import scene
from core.diffusion.schedule import NoiseSchedule
from core.scenes.diffusion_theory_forward import clean
from core.scenes.diffusion_theory_losses import Losses
from tests.pages.apptest import array, described, fits, layers, message, number, press, run, said, visitor
from ui import packing, text

visit = visitor("diffusion_theory")
FORWARD, BACK, LOSSES = (f"diffusion_theory.{name}" for name in ("forward", "posterior", "losses"))
every_language = pytest.mark.parametrize("language", text.languages())


def painting(*heights: float) -> dict[str, str]:
    at = tuple(((k + 1) / len(heights), y) for k, y in enumerate(heights))
    return {f"{FORWARD}.schedule": "own", f"{FORWARD}.painting": packing.pack_points(at, 0, 1)}


def numeric(found: dict[str, str]) -> dict[str, float]:
    return {name: number(value) for name, value in found.items() if name != "place" and value[0] in "−0123456789"}


# ---- the way into noise ---------------------------------------------------------------------------------------------


@every_language
def test_the_sentences_of_the_default_moment_are_true(language):
    at = visit(language=language)
    header, _ = sent = message(at, f"{FORWARD}.plane")
    assert [p["name"] for p in header["panels"]] == ["steps", "jump", "alpha_bar", "scale"]
    assert array(sent, "steps", "steps", "images").shape == (21, 1, 96, 96, 3)
    assert header["frames"][header["start"]].startswith("t = 150")
    found = numeric(fits(f"{FORWARD}.caption", at, language))
    schedule, x0 = NoiseSchedule.linear(1000), clean("chelsea").double().numpy()

    def kl(t: int) -> float:
        left = float(schedule.alpha_bar[t])
        return 0.5 * (left * (x0**2).sum() - x0.size * (left + math.log1p(-left)))

    left = float(schedule.alpha_bar[150])
    expected = {"t": 150, "T": 1000, "signal": left**0.5, "noise": (1 - left) ** 0.5, "snr": left / (1 - left)}
    expected |= {"kl": kl(150), "share": kl(150) / x0.size}
    assert found == pytest.approx(expected, rel=2e-3)
    end = numeric(fits(f"{FORWARD}.end.noise", at, language))
    assert end == pytest.approx({"kl": kl(1000), "T": 1000}, rel=2e-3)
    one = numeric(fits(f"{FORWARD}.number.caption", at, language))
    assert one["std"] == pytest.approx((1 - left) ** 0.5, rel=2e-3)
    assert one["expected"] == pytest.approx(math.sqrt(2 * (1 - left)), rel=2e-3)
    for way in ("steps", "jump"):
        assert one[f"{way}_mean"] == pytest.approx(one["mean"], abs=0.03)
        assert one[f"{way}_std"] == pytest.approx(one["std"], rel=0.06)


def test_the_curves_and_the_marks_of_the_moment_are_those_of_the_schedule():
    header, _ = sent = message(visit(), f"{FORWARD}.plane")
    left = NoiseSchedule.linear(1000).alpha_bar.numpy()
    share = array(sent, "alpha_bar", "alpha_bar", "x")
    np.testing.assert_allclose(array(sent, "alpha_bar", "alpha_bar", "y"), left[::5], rtol=1e-5)
    np.testing.assert_allclose(array(sent, "scale", "snr", "y"), left[5::5] / (1 - left[5::5]), rtol=1e-4)
    assert share[-1] == 1 and described(header, "alpha_bar", "moment")["x"][3] == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("settings", "verdict", "language"),
    [
        ({"levels": 2, "moment": 2}, "far", "ko"),
        ({"levels": 10, "moment": 10, "subject": "coffee"}, "far", "en"),
        ({"levels": 2000, "moment": 2000, "subject": "digits", "x": 3.2, "y": -3.2}, "noise", "ko"),
        ({"levels": 2, "moment": 0, "subject": "moons", "schedule": "cosine"}, "noise", "en"),
        ({"levels": 2, "moment": 2, "subject": "moons"}, "far", "ko"),  # 3.9 nats: of two numbers that is much
        ({"levels": 210, "moment": 210, "subject": "rings"}, "nearly", "en"),
        ({"levels": 300, "moment": 0, "subject": "blobs"}, "noise", "ko"),
    ],
)
def test_the_extremes_say_whether_the_end_is_noise(settings, verdict, language):
    at = visit({f"{FORWARD}.{name}": value for name, value in settings.items()}, language=language)
    end = numeric(fits(f"{FORWARD}.end.{verdict}", at, language))
    assert end["T"] == settings["levels"]
    frames = message(at, f"{FORWARD}.plane")[0]["frames"]
    assert len(frames) == min(settings["levels"] + 1, {"photograph": 21, "digits": 41}.get(_kind(settings), 61))
    if settings.get("moment") == 0:
        assert fits(f"{FORWARD}.caption.clean", at, language) and fits(f"{FORWARD}.number.clean", at, language)


def _kind(settings: dict) -> str:
    subject = settings.get("subject", "chelsea")
    return "digits" if subject == "digits" else "photograph" if subject in ("chelsea", "coffee") else "points"


@every_language
def test_a_painting_that_rises_is_put_right_and_said(language):
    heights = [*(0.9 - 0.05 * k for k in range(8)), 0.8, 0.9, *(0.4 - 0.06 * k for k in range(6))]
    at = visit(painting(*heights), language=language)
    sentence = text.Words(language).template(f"{FORWARD}.trouble.rises").partition("{{")[0]
    assert sentence in said(at)
    drawn = array(message(at, f"{FORWARD}.plane"), "alpha_bar", "alpha_bar", "y")
    assert (np.diff(drawn) <= 0).all()
    press(at, f"{FORWARD}.way_out")
    assert sentence not in said(at)
    held = message(at, f"{FORWARD}.plane")[0]["values"]["painting"]["now"]
    assert (np.diff([y for _, y in held]) <= 0).all()


def test_an_empty_painting_or_one_with_other_places_is_still_a_schedule():
    empty = visit({f"{FORWARD}.schedule": "own", f"{FORWARD}.painting": ""})
    other = visit(painting(0.5, 0.25))
    for at in (empty, other):
        held = message(at, f"{FORWARD}.plane")[0]["values"]["painting"]["now"]
        assert len(held) == 16
    drawn = array(message(other, f"{FORWARD}.plane"), "alpha_bar", "alpha_bar", "y")
    assert drawn[100] == pytest.approx(0.5, abs=0.02) and drawn[-1] == pytest.approx(0.25, abs=1e-3)


def test_presets_of_the_way_in():
    at = visit()
    for preset, verdict in (
        ("few", "far"),
        ("dinosaur", "noise"),
        ("late", "far"),
        ("rising", "far"),
        ("book", "noise"),
    ):
        press(at, f"{FORWARD}.preset.{preset}")
        assert fits(f"{FORWARD}.end.{verdict}", at), preset


# ---- the step back --------------------------------------------------------------------------------------------------


@every_language
def test_the_step_back_in_numbers(language):
    at = visit({f"{BACK}.step": 4, f"{BACK}.x0": -0.5, f"{BACK}.xt": 1.5}, language=language)
    schedule = NoiseSchedule.cosine(10)
    left, before, beta = (float(v) for v in (schedule.alpha_bar[4], schedule.alpha_bar[3], schedule.beta[4]))
    of_x0, of_x = math.sqrt(before) * beta / (1 - left), math.sqrt(1 - beta) * (1 - before) / (1 - left)
    variance = beta * (1 - before) / (1 - left)
    found = numeric(fits(f"{BACK}.caption", at, language))
    expected = {
        "t": 4,
        "of_x0": of_x0,
        "of_x": of_x,
        "xt": 1.5,
        "mean": -0.5 * of_x0 + 1.5 * of_x,
        "variance": variance,
    }
    assert found == pytest.approx(expected, rel=2e-3)
    sums = numeric(fits(f"{BACK}.precision", at, language))
    assert sums["step"] + sums["jump"] == pytest.approx(sums["sum"], abs=1e-9)  # as printed
    assert sums["sum"] == pytest.approx(1 / variance, rel=2e-3) and sums["beta"] == pytest.approx(beta, rel=2e-3)
    drawn = layers(message(at, f"{BACK}.plane")[0])
    model = drawn["densities", "posterior"]["model"]
    assert model["mean"]["kind"] == "linear" and model["std"] == pytest.approx(math.sqrt(variance))
    assert model["mean"]["terms"] == [[pytest.approx(of_x0), "x0"], [pytest.approx(of_x), "xt"]]


@every_language
def test_at_the_first_level_one_step_before_is_x_0(language):
    at = visit({f"{BACK}.step": 1, f"{BACK}.x0": 0.7}, language=language)
    assert numeric(fits(f"{BACK}.caption.first", at, language))["x0"] == 0.7
    drawn = layers(message(at, f"{BACK}.plane")[0])
    assert ("densities", "certain") in drawn and ("densities", "posterior") not in drawn


@pytest.mark.parametrize("settings", [{"levels": 2, "step": 2}, {"levels": 1000, "step": 1000, "schedule": "linear"}])
def test_the_extremes_of_the_step_back(settings):
    at = visit({f"{BACK}.{name}": value for name, value in settings.items()})
    assert fits(f"{BACK}.caption", at)
    at.number_input(key=f"{BACK}.levels").set_value(5)
    run(at)
    assert at.slider(key=f"{BACK}.step").value <= 5


# ---- the losses -----------------------------------------------------------------------------------------------------


@every_language
def test_the_bound_of_the_blobs_in_numbers(language):
    at = visit({f"{LOSSES}.target": "v"}, language=language)
    a = scene.shown(Losses())
    weight, constant = a["posterior"].T
    terms = weight * a["error"] + constant
    found = numeric(fits(f"{LOSSES}.caption", at, language))
    assert found["bound"] == pytest.approx(-(float(a["prior"]) + terms.sum()), abs=2e-3)
    assert found["gap"] == pytest.approx(found["truth"] - found["bound"], abs=1e-6) and found["gap"] > 0.5
    assert found["prior"] + found["steps"] + found["decoder"] == pytest.approx(-found["bound"], abs=1e-6)
    own = numeric(fits(f"{LOSSES}.caption.learned", at, language))
    assert own["own"] == pytest.approx((weight * a["own"]).sum(), rel=0.06) and own["own"] > 4 * own["own_error"]
    where = numeric(fits(f"{LOSSES}.where", at, language))
    assert where["bound"] < where["noise"] < where["v"] < where["x0"] < where["T"] == 1000
    sent = message(at, f"{LOSSES}.plane")
    middle = int(np.abs(a["alpha_bar"] - 0.5).argmin())
    level = array(sent, "weights", "v", "y")
    np.testing.assert_allclose(level, 1, rtol=1e-6)  # measured in v the loss on v is the same everywhere
    asks = a["x0"] / a["v"]
    np.testing.assert_allclose(array(sent, "weights", "x0", "y")[-1], asks[-1] / asks[middle], rtol=1e-5)


@pytest.mark.parametrize("settings", [{"levels": 10, "schedule": "linear", "variance": "step"}, {"levels": 100}])
def test_without_the_network_it_says_so(settings):
    at = visit({f"{LOSSES}.{name}": value for name, value in settings.items()})
    assert text.Words("en").words(f"{LOSSES}.no_network") in said(at)
    drawn = layers(message(at, f"{LOSSES}.plane")[0])
    assert ("terms", "added") not in drawn
    few = settings["levels"] == 10  # ten linear steps end far from noise, and never come near SNR = 1
    assert drawn["weights", "middle"]["label"] == f"SNR ≈ {'9.4' if few else '0.98'}"
    if few:
        assert numeric(fits(f"{LOSSES}.because.end", at))["end"] == pytest.approx(0.743, abs=1e-3)
    else:
        assert text.Words("en").template(f"{LOSSES}.because.end").partition("{{")[0] not in said(at)
