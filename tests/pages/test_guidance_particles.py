"""guidance.particles, classifier and mix, and the prediction, without a browser."""

from __future__ import annotations

import re

import numpy as np
import pytest

from core import scene
from core.diffusion import noisy_classifier
from core.scenes.guidance_particles import Blend, Clouds, Variances
from core.scenes.guidance_pulled import Lost, Mixed, Pair
from core.shipped import named
from pages.guidance import classifier, mix, particles
from tests.pages.apptest import finished, fits, layer, message, number, press, said, visitor
from ui import text

visit = visitor("guidance")
PARTICLES, CLASSIFIER, MIX = (f"guidance.{name}" for name in ("particles", "classifier", "mix"))


@pytest.mark.parametrize("language", text.languages())
def test_what_is_said_is_what_is_drawn(language):
    at = visit(language=language, particles__gamma=0.5, classifier__length="medium", mix__top=0.25)
    assert "{{" not in said(at)
    # the Gaussian case, from the closed forms
    found = fits(f"{PARTICLES}.gaussian.caption", at, language)
    assert number(found["ode"]) == pytest.approx(2**0.5, rel=1e-3)
    assert number(found["sde"]) == pytest.approx(2 * np.log(2), rel=1e-3)
    a = scene.shown(Variances(0.5))
    for name, k in (("ode", 0), ("sde", 1)):
        assert number(found[f"{name}_measured"]) == pytest.approx(a["own_measured"][k], rel=5e-3)
        assert number(found[f"{name}_walked"]) == pytest.approx(a["own_walked"][k], rel=1e-3)
    assert number(fits(f"{PARTICLES}.gaussian.tilted", at, language)["tilted"]) == pytest.approx(2 / 1.5, rel=1e-3)
    assert "2 log 2" in said(at)
    drawn = layer(at, f"{PARTICLES}.gaussian_plane", "against", "sde")[1]
    half = np.abs(drawn["x"] - 0.5).argmin()
    assert drawn["y"][half] == pytest.approx(2 * np.log(2), rel=1e-6)
    seen = layer(at, f"{PARTICLES}.gaussian_plane", "against", "ode_measured")[1]["at"]
    np.testing.assert_allclose(seen, np.stack([a["gammas"], a["measured"][0]], axis=1), rtol=1e-6)
    # the clouds
    clouds = scene.shown(Clouds())
    said_of = fits(f"{PARTICLES}.caption", at, language)
    ends = layer(at, f"{PARTICLES}.plane", "cloud2", "cloud")[1]["at"][-1]
    assert number(said_of["after"]) == pytest.approx(np.trace(np.cov(ends.T)), abs=0.006)
    assert number(said_of["away"]) == pytest.approx(clouds["away"][2], abs=0.006)
    assert len(message(at, f"{PARTICLES}.plane")[0]["panels"]) == 4
    # digits by a classifier and without one
    pair = scene.shown(Pair(named("diffusion", "digits"), named("noisy_classifier", "digits")))
    found = fits(f"{CLASSIFIER}.caption", at, language)
    right = (pair["named"] == pair["labels"]).sum(axis=1)
    assert [int(found[name]) for name in ("by_classifier", "by_difference")] == right.tolist()
    assert "420,612" in said(at) and "181,066" in said(at)
    assert number(fits(f"{CLASSIFIER}.same", at, language)["gap"]) < 1e-12
    lost = scene.shown(Lost(named("classifier", "digits")))
    blind = int(lost["levels"][np.argmax(lost["accuracies"] < 0.5)])
    assert int(fits(f"{CLASSIFIER}.accuracy.lost", at, language)["half"]) == blind
    # conditions composed
    mixed = scene.shown(Mixed(named("diffusion", "digits")))["named"][0]
    found = fits(f"{MIX}.caption", at, language)
    assert re.fullmatch(r"1\.5 × .3. \+ 1\.5 × .8.", found["mix"])  # a digit in quotes is no number
    assert (int(found["as_first"]), int(found["as_second"])) == ((mixed == 3).sum(), (mixed == 8).sum())
    blend = scene.shown(Blend((1.0, 1.0, 0.25)))
    found = fits(f"{MIX}.points", at, language)
    assert [int(found[name]) for name in ("left", "right", "top")] == blend["most"].tolist()


@pytest.mark.parametrize("language", text.languages())
def test_extremes_have_an_answer(language):
    at = visit(
        {f"{PARTICLES}.{k}": v for k, v in {"fourth": 50, "gamma": -5, "steps": 2, "way": "sde", "label": 2}.items()}
        | {f"{CLASSIFIER}.level": 1, f"{CLASSIFIER}.gamma": 0}
        | {f"{MIX}.{k}": v for k, v in {"first": 3, "second": 3, "first_weight": 20, "second_weight": -5}.items()}
        | {f"{MIX}.{k}": v for k, v in {"left": -5, "right": 10, "top": -5}.items()},
        language=language,
    )
    at = finished(at, "scene")
    everything = said(at)
    assert "{{" not in everything and not re.search(r"\b(nan|inf)\b", everything)
    assert number(fits(f"{PARTICLES}.gaussian.caption", at, language)["ode"]) == 64
    t = text.Words(language)
    for section in ("particles.gaussian.no_tilted", "particles.gaussian.negative", "mix.points.away"):
        assert re.sub(r":\w+\[([^\]]*)\]", r"\1", t.words(f"guidance.{section}")) in everything
    assert fits(f"{CLASSIFIER}.caption.none", at, language)["count"] == "20"
    assert number(fits(f"{CLASSIFIER}.same.none", at, language)["longest"]) > 1
    assert number(fits(f"{MIX}.caption.same", at, language)["weight"]) == 15


def test_between_is_said_only_where_the_points_are():
    between = text.Words("en").words(f"{MIX}.points.several")
    assert between in said(visit(mix__left=1, mix__right=1, mix__top=0.25))
    assert between not in said(visit(mix__left=10, mix__right=0.25))


def test_a_measured_number_is_told_as_far_as_it_is_known():
    assert particles._measured(0.3790, 0.01198) == ("0.379", "0.012")
    assert particles._measured(0.2430, 0.00768) == ("0.2430", "0.0077")
    assert particles._measured(372.4, 11.78) == ("372", "12")
    assert particles._measured(1.22e-15, 3.86e-17) == ("1.22 × 10⁻¹⁵".replace(" ", "\u00a0"), "3.9\u00a0×\u00a010⁻¹⁷")


def test_what_is_seen_fits_under_a_track():
    assert mix._seen(np.array([3, 3, 8])) == "3 (2), 8 (1)"
    assert mix._seen(np.array([0, 0, 0, 2, 2, 8, 8, 1, 4])) == "0 (3), 2 (2), …"


def test_nonsense_in_a_link_is_put_right_and_said():
    at = visit(particles__gamma="1e9", particles__steps=77, particles__fourth="x", mix__first=12, mix__left=-99)
    assert number(fits(f"{PARTICLES}.gaussian.caption", at)["gamma"]) == 50
    assert "between" in said(at)
    assert number(fits(f"{PARTICLES}.gaussian.caption", at)["ode"]) == pytest.approx(2.0**-49, rel=1e-3)


def test_without_models_the_page_still_opens(monkeypatch):
    for module in ("classifier", "mix"):
        monkeypatch.setattr(f"pages.guidance.{module}.named", lambda kind, name: "")
    monkeypatch.setattr(classifier, "_classifiers", dict)
    at = visit(classifier__level=30, mix__left=2)
    assert said(at).count(text.Words("en").words("guidance.no_digits")) == 2
    assert fits(f"{CLASSIFIER}.same", at) and fits(f"{MIX}.points", at)


def test_a_classifier_is_trained_and_can_be_chosen(monkeypatch, home):
    monkeypatch.setitem(classifier.EXAMPLES, "short", 384)
    monkeypatch.setattr(noisy_classifier, "LOOKED_AT", 20)
    monkeypatch.setattr(noisy_classifier, "TESTED", 20)
    at = press(visit(classifier__level=61), f"{CLASSIFIER}.start")
    at = finished(at, "noisy_classifier", 200)
    charted = [c.proto.spec for c in at.get("vega_lite_chart")]
    assert any("trained here" in spec for spec in charted)
    assert any("384" in option for option in at.selectbox(key=f"{CLASSIFIER}.which").options)


def test_the_prediction_is_answered_by_the_numbers():
    at = visit()
    at.radio(key="guidance.prediction.pick").set_value("no").run()
    at = press(at, "guidance.prediction.lock")
    found = fits("guidance.prediction.answer", at)
    assert [float(found[name]) for name in ("ode", "sde", "tilted")] == [0.25, 0.3875, 0.5]
    measured = [float(found[f"{name}_measured"]) for name in ("ode", "sde")]
    np.testing.assert_allclose(measured, [0.25, 0.3875], rtol=0.13)
