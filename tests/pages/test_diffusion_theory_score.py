"""Step 8 without a browser: score, reverse, small_steps and the prediction, at their defaults and at their extremes."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats

from core import scene
from core.diffusion.schedule import NoiseSchedule
from core.scenes.diffusion_theory_back import Ends, OneStep, Walks
from core.scenes.diffusion_theory_score import BLOBS, LEVELS, ScoreAt, ScoreError
from tests.pages.apptest import array, filled, fits, layer, message, press, said, sound, visitor
from ui import text

visit = visitor("diffusion_theory")
SCORE, REVERSE, SMALL, ASKED = (
    f"diffusion_theory.{name}" for name in ("score", "reverse", "small_steps", "prediction")
)
ALPHA_BAR = NoiseSchedule.cosine(1000).alpha_bar.numpy()


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_and_its_sentences_are_those_of_the_scenes(language):
    at = visit(language=language)
    header, parts = message(at, f"{SCORE}.plane")
    assert [p["name"] for p in header["panels"]] == ["exact", "learned", "error"]
    assert header["frames"][header["start"]].startswith("t = 150 ·") and len(header["frames"]) == len(LEVELS)
    assert sum(v.nbytes for v in parts.values()) < 2_000_000
    k, a = LEVELS.index(150), scene.shown(ScoreAt("blobs", (), BLOBS, 0.9, 0.6))
    both = fits(f"{SCORE}.caption.both", at, language)
    shown = re.findall(r"−?\d+\.?\d*", " ".join(both[name] for name in ("score", "learned", "x0", "learned_x0")))
    true = np.concatenate([a[name][k] for name in ("exact_score", "learned_score", "exact_x0", "learned_x0")])
    assert [float(n.replace("−", "-")) for n in shown] == pytest.approx(true.tolist(), rel=5e-3)
    errors = scene.shown(ScoreError(BLOBS))
    wrong, j = filled(f"{SCORE}.caption.error", at, language), int(np.flatnonzero(errors["t"] == 150)[0])
    for name in ("mean", "error", "size", "everywhere"):
        assert wrong[name] == pytest.approx(errors[name][j], rel=0.06)
    assert wrong["share"] == pytest.approx(100 * errors["mean"][j] / errors["size"][j], rel=0.06)

    header, _ = message(at, f"{REVERSE}.plane")
    assert [p["name"] for p in header["panels"]] == ["sde", "ode", "now"]
    assert header["start"] == 40 and header["frames"][-1].startswith("t = 0 ·")
    walks = scene.shown(Walks())
    end = filled(f"{REVERSE}.caption", at, language)
    assert (end["particles"], end["steps"]) == (1000, 100)
    for name in ("sde_far", "ode_far", "floor"):
        assert end[name] == pytest.approx(float(walks[name]), rel=0.06)
    far, ends = filled(f"{REVERSE}.ends.line", at, language), scene.shown(Ends())
    assert far["ddim10"] == pytest.approx(ends["ddim"][3], rel=0.06)
    assert far["sde100"] == pytest.approx(ends["sde"][6].mean(), rel=0.06)
    assert message(at, f"{REVERSE}.ends")[1]


def test_what_the_planes_are_sent_are_the_paths_of_the_samplers():
    at, a = visit(), scene.shown(Walks())
    for name in ("sde", "ode"):
        _, arrays = layer(at, f"{REVERSE}.plane", name, "ways")
        assert arrays["at"].shape == (40, 41, 2)
        np.testing.assert_allclose(arrays["at"][:, :, 0], np.tile(a["t"], (40, 1)))
        np.testing.assert_allclose(arrays["at"][:, :, 1], a[name][:, :40, 0].T)
    shown = " ".join(fold.label for fold in at.expander)
    assert "`ddim`" in shown and "`walk`" in shown and "`ddpm`" not in shown  # the SDE is ddim with eta = 1
    sent = message(at, f"{SCORE}.plane")
    by = array(sent, "learned", "arrows", "by")
    assert by.shape == (len(LEVELS), 144, 2)
    noised = next(one for one in sent[0]["panels"][0]["layers"] if one["name"] == "arrows")["model"]
    assert noised["kind"] == "noised" and len(noised["of"]["rows"]) == 3
    np.testing.assert_allclose(noised["alpha_bar"], ALPHA_BAR[list(LEVELS)], rtol=1e-12)


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize(
    "asked",
    [
        {
            f"{SCORE}.data": "one", f"{SCORE}.t": 1, f"{SCORE}.x": -3, f"{REVERSE}.steps": 1, f"{REVERSE}.particles": 1,
            f"{SMALL}.t": 1, f"{SMALL}.size": 1000, f"{SMALL}.x": 4,
        },
        {
            f"{SCORE}.data": "own", f"{SCORE}.own": "1_0_0_0.1_0.1_0", f"{SCORE}.t": 99999, f"{REVERSE}.steps": 2,
            f"{REVERSE}.dimensions": 2, f"{REVERSE}.data": "one", f"{REVERSE}.schedule": "linear",
            f"{REVERSE}.ode": "heun", f"{SMALL}.t": 1000, f"{SMALL}.size": 1000, f"{SMALL}.data": "one",
        },
        {
            f"{SCORE}.data": "own", f"{SCORE}.own": "nonsense", f"{SCORE}.x": "x", f"{REVERSE}.steps": 3,
            f"{REVERSE}.data": "?", f"{REVERSE}.seed": -5, f"{SMALL}.t": 0, f"{SMALL}.size": "-", f"{SMALL}.x": 1e9,
        },
    ],
)  # fmt: skip
def test_the_extremes_and_nonsense(asked, language):
    at = visit(asked, language=language)
    for name in (f"{SCORE}.plane", f"{REVERSE}.plane", f"{REVERSE}.ends", f"{SMALL}.plane"):
        assert message(at, name)[0]["panels"]
    assert "nan" not in said(at)


def test_a_mixture_without_components_says_what_is_missing():
    at = visit({f"{SCORE}.data": "own", f"{SCORE}.own": ""})
    assert text.Words("en").words(f"{SCORE}.empty") in said(at)
    assert [p["name"] for p in message(at, f"{SCORE}.plane")[0]["panels"]] == ["exact", "hill"]


def test_one_step_back_in_its_sentence():
    at = visit({f"{SMALL}.t": 700, f"{SMALL}.size": 200, f"{SMALL}.x": 1.0})
    told, a = filled(f"{SMALL}.caption", at), OneStep("humps", "cosine", 700, 500, 1.0).compute()
    assert (told["t"], told["s"], told["x"]) == (700, 500, 1.0)
    assert told["beta"] == pytest.approx(1 - ALPHA_BAR[700] / ALPHA_BAR[500], rel=5e-3)
    left, ratio, grid = ALPHA_BAR[500], ALPHA_BAR[700] / ALPHA_BAR[500], np.linspace(-6, 6, 24_001)
    q = sum(stats.norm.pdf(grid, math.sqrt(left) * m, math.sqrt(left * 0.09 + 1 - left)) for m in (-2, 2))
    q = q * stats.norm.pdf(1.0, math.sqrt(ratio) * grid, math.sqrt(1 - ratio))
    q /= np.trapezoid(q, grid)
    mean = np.trapezoid(grid * q, grid)
    std = math.sqrt(np.trapezoid((grid - mean) ** 2 * q, grid))
    assert (told["mean"], told["std"]) == pytest.approx((mean, std), rel=5e-3)
    kl = np.trapezoid(q * (np.log(q) - stats.norm.logpdf(grid, mean, std)), grid)
    assert told["kl"] == pytest.approx(kl, rel=6e-3) and float(a["kl"]) == pytest.approx(kl, rel=1e-3)


@pytest.mark.parametrize(
    ("experiment", "presets"),
    [
        (SCORE, ("ridge", "clean", "empty", "noise", "one", "own")),
        (REVERSE, ("two", "ten", "plane", "gaussian")),
        (SMALL, ("one", "fifty", "jump", "gaussian")),
    ],
)
def test_presets(experiment, presets):
    at = visit({f"{SMALL}.t": 599})
    for name in presets:
        press(at, f"{experiment}.preset.{name}")
        assert message(at, f"{experiment}.plane")[0]["panels"]


@pytest.mark.parametrize("language", text.languages())
def test_the_prediction_is_answered_by_the_exact_denoiser(language):
    at = visit(language=language)
    at.radio(key=f"{ASKED}.pick").set_value("humps").run()
    sound(press(at, f"{ASKED}.lock"))
    told = fits(f"{ASKED}.answer", at, language)
    assert told["n"] == "2,000" and abs(float(told["farthest"])) < 0.01
    assert text.Words(language).words(f"{ASKED}.option.between") in said(at)
