"""guidance.scale, edit, conditional and latent without a browser: first paint, extremes, nothing to begin with."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from streamlit.testing.v1 import AppTest

from core import first_paint, scene
from core.diffusion import makers
from core.diffusion.guidance_quality import SCALES, AtScale, GuidanceState
from core.diffusion.point_network import PointNetwork, PointNetworkConfig
from core.diffusion.prediction import from_v
from core.diffusion.unet import UNet, UNetConfig
from core.scenes.guidance_edit import Redraw, Turning
from core.scenes.guidance_scale import FIXED, Sweep
from core.shipped import named
from core.vae import VAE, VAEConfig
from pages.guidance import conditional, edit, latent
from tests.core.test_guidance_quality import SCHEDULE, small  # noqa: F401
from tests.pages.apptest import (
    array,
    filled,
    finished,
    fits,
    layers,
    message,
    number,
    press,
    run,
    said,
    tables,
    visitor,
)
from ui import packing, text

visit = visitor("guidance")
SCALE, EDIT, ASKED, LATENT = (f"guidance.{name}" for name in ("scale", "edit", "conditional", "latent"))
MODEL = named("diffusion", "digits")


@pytest.fixture(autouse=True)
def afresh(home, small, monkeypatch):  # noqa: F811
    """A toy in the models' place, and nothing in memory that another test's toy made."""
    monkeypatch.setattr(scene, "_remembered", scene.Memory())
    monkeypatch.setattr(first_paint, "guidance", lambda config: None)


def done(at: AppTest) -> AppTest:
    return finished(at, "scene")


def told(section: str, at: AppTest, language: str = "en") -> dict[str, float]:
    """The numbers in a sentence of which a part is a list."""
    found = fits(section, at, language)
    return {name: number(shown) for name, shown in found.items() if name != "seen"}


def state(scales: tuple[float, ...] = SCALES, seeds: int = 2) -> GuidanceState:
    """A made-up table, not the same for any two numbers."""
    rows = []
    for seed in range(seeds):
        for k, scale in enumerate(scales):
            right = 100 - abs(k - 6) - seed
            named_as = tuple(
                tuple(right if i == j else (120 - right) * (j == (i + 1) % 10) for j in range(10)) for i in range(10)
            )
            rows.append(AtScale(scale, seed, 1.0 + abs(scale - 1.3) + 0.1 * seed, 1 / (1 + 0.1 * k), named_as))
    return GuidanceState(tuple(rows), (0.31, 0.35)[:seeds], 1, 1)


# ---- first paint ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_there_at_once_and_its_numbers_are_the_scenes(language):
    at = visit(language=language)
    sweep, redrawn = Sweep(MODEL).compute, scene.at_hand(Redraw(MODEL))
    kept = scene.at_hand(Sweep(MODEL))
    assert sweep is not None and kept is not None and redrawn is not None
    sent = message(at, f"{SCALE}.plane")
    images = array(sent, "sheet", "digits", "images")
    np.testing.assert_array_equal(images.reshape(6, 10, 28, 28), np.rint((kept["images"].clip(-1, 1) + 1) * 127.5))
    right = (kept["named"] == kept["labels"]).sum(axis=1)
    numbers = filled(f"{SCALE}.caption", at, language)
    assert (numbers["none"], numbers["plain"], numbers["own"]) == (right[0], right[1], right[5])
    wrong = [name for _, name in layers(sent[0]) if name.startswith("wrong")]
    assert len(wrong) == 60 - right.sum()
    header, _ = message(at, f"{EDIT}.player")
    assert len(header["levels"]) == 14 and [track["items"] for track in header["tracks"]] == [6, 6]
    numbers = told(f"{EDIT}.caption", at, language)
    assert numbers["became"] == (redrawn["named"] == 8).sum() and numbers["drawn"] == 3 and numbers["t"] == 700
    assert numbers["nats"] == pytest.approx(float(redrawn["apart"].mean()), rel=0.01)
    turning = scene.at_hand(Turning(MODEL))
    np.testing.assert_allclose(array(message(at, f"{EDIT}.plane"), "levels", "asked", "y"), turning["asked"], atol=1e-6)
    assert f"{LATENT}.plane" not in str([c.proto.id for c in at.get("bidi_component")])  # folded ones wait


# ---- scale ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gamma", "language"), [(-20.0, "ko"), (50.0, "en"), (0.0, "en")])
def test_every_scale_gives_its_row(gamma, language):
    at = done(visit(scale__gamma=gamma, scale__digits="2-7", language=language))
    numbers = filled(f"{SCALE}.caption", at, language)
    assert numbers["gamma"] == gamma and numbers["count"] == 10
    images = array(message(at, f"{SCALE}.plane"), "sheet", "digits", "images")
    expected = Sweep(MODEL, (2, 7), (*FIXED, gamma)).compute()["images"]
    np.testing.assert_allclose(images.reshape(6, 10, 28, 28), np.rint((expected + 1) * 127.5), atol=1)


def test_no_digit_gets_one_sentence_and_bounds_are_said():
    at = visit(scale__digits="", scale__gamma=1e9)
    assert "No digit is asked for" in said(at) and "goes from −20 to 50; it is now 50" in said(at)


def test_the_recorded_table_is_told_as_it_is(monkeypatch):
    table = state()
    monkeypatch.setattr(first_paint, "guidance", lambda config: table)
    for language in text.languages():
        numbers = told(f"{SCALE}.measured", visit(language=language), language)
        assert (numbers["best"], numbers["last"], numbers["seeds"], numbers["count"]) == (1.3, 10, 2, 1200)
        assert numbers["distance"] == pytest.approx(1.05, abs=0.06) and numbers["floor"] == 0.33
        each = np.array([99, 98]) / 120
        assert numbers["agreement"] == pytest.approx(100 * each.mean(), abs=0.06)
        assert numbers["least"] == 10 and numbers["least_spread"] == pytest.approx(100 / 2.2, abs=0.06)
        assert numbers["last_distance"] == pytest.approx(9.75, abs=0.06)


def test_a_quick_measurement_of_ones_own_scale():
    at = press(visit(scale__gamma=1), f"{SCALE}.quality.start")
    at = finished(at, "guidance")
    numbers = filled(f"{SCALE}.mine", at)
    assert (numbers["count"], numbers["gamma"], numbers["agreement"]) == (200, 1, 100)
    assert len(at.get("vega_lite_chart")) == 2
    for chart in at.get("vega_lite_chart"):
        low, high = json.loads(chart.proto.spec)["layer"][0]["encoding"]["x"]["scale"]["domain"]
        assert low < 0 and high > 10, "the marks at γ = 0 and 10 would be halves"


# ---- edit -----------------------------------------------------------------------------------------------------------


def test_an_empty_pad_an_unpainted_gap_and_one_over_everything():
    assert "The pad is empty" in said(visit(edit__ink=""))
    assert "nothing is missing" in said(visit(edit__mode="fill", edit__half="painted", edit__label="none"))
    rows = tuple(tuple((x, y) for x in (0.0, 1.0)) for y in np.linspace(0, 1, 12))
    hole = packing.pack_strokes(rows)
    at = done(visit({f"{EDIT}.hole": hole}, edit__mode="fill", edit__half="painted", edit__label="none"))
    assert told(f"{EDIT}.filled.everything", at)["pixels"] == 784


@pytest.mark.parametrize("language", text.languages())
def test_a_half_is_filled_and_what_is_known_stays(language):
    at = done(
        visit(edit__mode="fill", edit__half="top", edit__label=5, edit__gamma=1, edit__looks=2, language=language)
    )
    numbers = told(f"{EDIT}.filled", at, language)
    assert (numbers["known"], numbers["pixels"], numbers["calls"]) == (392, 784, 39)
    header, parts = message(at, f"{EDIT}.player")
    assert len(header["levels"]) == 22
    frames = parts["values0"].reshape(22, 6, 28, 28)
    np.testing.assert_array_equal(frames[-1][:, 14:], frames[0][:, 14:])  # the lower half, from first to last


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"level": 0}, "At t = 0 no noise is added"),
        ({"level": 1000, "label": "none", "gamma": -20}, "taken back without a label"),
        ({"level": 10, "label": 2, "gamma": 50}, "asked to become 2"),
    ],
)
def test_extremes_of_redrawing_are_answered(settings, says):
    at = done(visit({f"{EDIT}.{name}": value for name, value in settings.items()}))
    assert says in said(at) and message(at, f"{EDIT}.player")[0]["levels"]


@pytest.mark.parametrize(
    ("shares", "found"),
    [
        ([0, 0.5, 1], ("caption", {"t": 200})),
        ([0.6, 1, 0.5], ("caption", {"t": 100})),
        ([0.5, 0.9, 0.4], ("some", {"t": 100})),
        ([0, 0, 0.4], ("never", {})),
    ],
)
def test_half_of_the_ends_from_a_level_on_means_at_every_level_above(shares, found):
    assert edit._turn(np.array([100, 200, 300]), np.array(shares)) == found


@pytest.mark.parametrize("language", text.languages())
def test_a_weak_label_that_holds_now_and_then_is_told(language, monkeypatch):
    monkeypatch.setattr(edit, "_turn", lambda levels, shares: ("some", {"t": 900}))
    assert told(f"{EDIT}.turning.some", done(visit(language=language)), language)["t"] == 900


def test_presets_lead_to_their_moments():
    at = done(press(visit(), f"{EDIT}.preset.half"))
    assert told(f"{EDIT}.filled", at)["known"] == 392
    at = done(press(at, f"{EDIT}.preset.much"))
    assert told(f"{EDIT}.caption", at)["t"] == 1000


# ---- digits by name -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_digits_come_as_they_are_typed(language, monkeypatch):
    table = state()
    monkeypatch.setattr(first_paint, "guidance", lambda config: table)
    at = done(visit(conditional__asked="3~1~4", conditional__gamma=1, language=language))
    assert at.text_input(key=conditional.FIELD).value == "314"
    numbers = filled(f"{ASKED}.caption", at, language)
    assert (numbers["right"], numbers["total"]) == (12, 12)
    exact = binomtest(12, 12).proportion_ci(method="wilson")
    assert numbers["low"] == pytest.approx(100 * exact.low, abs=0.06)
    numbers = filled(f"{ASKED}.measured", at, language)
    assert numbers["count"] == 240 and numbers["other"] == (numbers["worst"] + 1) % 10
    at.text_input(key=conditional.FIELD).set_value("x 9, 0!")
    at = done(run(at))
    assert filled(f"{ASKED}.caption", at, language)["total"] == 8
    at.text_input(key=conditional.FIELD).set_value("nine")
    assert text.Words(language).words(f"{ASKED}.nothing", most=12) in said(run(at))


@pytest.mark.parametrize(("right", "total"), [(0, 16), (5, 16), (16, 16), (399, 400), (1196, 1200)])
def test_the_interval_is_wilsons(right, total):
    exact = binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert conditional.interval(right, total) == pytest.approx((exact.low, exact.high), abs=1e-4)


def test_what_is_not_all_of_them_is_not_told_as_a_hundred():
    assert [conditional._nearly(right, 12_000) for right in (11_980, 11_999, 12_000)] == ["99.8", "99.99", "100.0"]


# ---- latent ---------------------------------------------------------------------------------------------------------


def test_without_the_latent_model_one_sentence_says_how_to_make_it(monkeypatch):
    monkeypatch.setattr(latent, "named", lambda kind, name: MODEL if kind == "diffusion" else "")
    assert "latent diffusion model is not on this machine" in said(visit(latent__seed=1))


@pytest.mark.parametrize(("language", "gamma", "steps"), [("en", "1.5", 5), ("ko", "0", 3)])
def test_both_ways_are_counted(language, gamma, steps, monkeypatch):
    vae = VAE(VAEConfig(4, (6,))).eval().requires_grad_(False)
    codes = PointNetwork(PointNetworkConfig(4, 8, 1, labels=10)).eval()
    pixels = UNet(UNetConfig(widths=(4, 8), embedding=8, heads=1)).eval()
    cpu = torch.device("cpu")

    def load(key: str) -> makers.Maker:
        if key == "latent":
            return makers.Maker(
                from_v(codes, SCHEDULE), codes, SCHEDULE, (4,), lambda z: 2 * vae.mean_image(z) - 1, vae, cpu
            )
        return makers.Maker(
            from_v(pixels, SCHEDULE), pixels, SCHEDULE, (1, 28, 28), lambda x: x.clamp(-1, 1), None, cpu
        )

    monkeypatch.setattr(makers, "load", load)
    monkeypatch.setattr(latent, "named", lambda kind, name: MODEL if kind == "diffusion" else "latent")
    at = done(visit(latent__gamma=gamma, latent__steps=steps, language=language))
    calls = steps * (1 if gamma == "0" else 2)
    per_call = 8 * 8 + 2 * 4 * 8 + 8 * 8  # time, in and out, and one layer
    total = per_call * calls + 4 * 6 + 6 * 784
    cells = re.findall(r"<td>([^<]*)</td>", tables(at))
    assert f"{per_call / 1e6:.3g}" in cells and f"{total / 1e6:.3g}" in cells  # digits enough to add them up
    assert ("/ 20" in " ".join(cells)) == (gamma != "0")
    assert filled(f"{LATENT}.caption", at, language)["count"] == 20
    assert [panel["name"] for panel in message(at, f"{LATENT}.plane")[0]["panels"]] == ["pixels", "codes", "alone"]
