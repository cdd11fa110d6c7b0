"""What guidance.particles, classifier and mix draw, worked out again by NumPy and SciPy."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from core import scene
from core.scenes.guidance_particles import COUNT, PARTS, Blend, Clouds, SameArrow, Variances
from core.scenes.guidance_pulled import BLENDED, PAIR, Mixed, Pair
from core.shipped import named

DIGITS = named("diffusion", "digits")


def classes() -> tuple[np.ndarray, list]:
    rows = np.array(PARTS)
    normals = []
    for _, x, y, a, b, rho in rows:
        normals.append(multivariate_normal([x, y], [[a * a, rho * a * b], [rho * a * b, b * b]]))
    return rows[:, 0] / rows[:, 0].sum(), normals


def shares(points: np.ndarray) -> np.ndarray:
    weights, normals = classes()
    joint = np.stack([w * n.pdf(points) for w, n in zip(weights, normals, strict=True)], axis=-1)
    return joint / joint.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(("label", "way"), [(0, "ode"), (2, "sde")])
def test_clouds_at_γ_0_and_1_are_what_they_should_be(label, way):
    a = scene.shown(Clouds(label, way))
    weights, normals = classes()
    ends = a["at"][:, -1].astype(float)
    np.testing.assert_allclose(a["inside"][:, -1], shares(ends).mean(axis=1)[:, label], atol=2e-3)
    np.testing.assert_allclose(a["mean"], ends.mean(axis=1), atol=1e-3)
    np.testing.assert_allclose(a["cov"], [np.cov(end.T) for end in ends], rtol=5e-3, atol=1e-3)
    drawn = normals[label].rvs(200_000, random_state=np.random.default_rng(0))
    assert a["exact_inside"][1] == pytest.approx(shares(drawn)[:, label].mean(), abs=2e-3)
    assert a["exact_inside"][0] == weights[label]
    means = np.array([n.mean for n in normals])
    whole = np.einsum("k,kij->ij", weights, [n.cov for n in normals]) + np.cov(means.T, aweights=weights, bias=True)
    np.testing.assert_allclose(a["exact_trace"], [np.trace(whole), np.trace(normals[label].cov)])
    # within chance and the size of a step
    error = 4 * (np.array([0.45, 0.2]) / COUNT**0.5)
    assert (np.abs(a["inside"][:2, -1] - a["exact_inside"]) < error).all()
    traces = a["cov"].trace(axis1=1, axis2=2)
    assert (np.abs(traces[:2] / a["exact_trace"] - 1) < 0.25).all()
    assert traces[2] < traces[1] and a["away"][2] > 0.2  # sharper, and beyond
    np.testing.assert_array_equal(a["at"][0, 0], a["at"][3, 0])  # one noise
    np.testing.assert_allclose(a["covs"][-1], [n.cov for n in normals], atol=1e-12)


def test_every_class_and_way_sharpens_and_overshoots():
    for label in range(3):
        a = scene.shown(Clouds(label, "ode", seed=3))
        traces = a["cov"].trace(axis1=1, axis2=2)
        assert traces[2] < traces[1] and a["away"][2] > 0


@pytest.mark.parametrize("gamma", [50.0, -5.0])
def test_extreme_scales_stay_numbers(gamma):
    a = scene.shown(Clouds(0, "ode", gamma))
    assert np.isfinite(a["at"].astype(float)).all() and a["out"][3] > 0
    v = scene.shown(Variances(gamma, 10))
    assert np.isfinite(v["own_measured"]).all() and gamma in v["gammas"]


def test_measured_variances_lie_around_the_exact_ones_of_their_steps():
    from core.diffusion.guided_gaussian import walked
    from core.diffusion.schedule import NoiseSchedule

    for T in (200, 10):
        a = scene.shown(Variances(3.0, T))
        exact = np.stack([walked(NoiseSchedule.cosine(T), a["gammas"], noisy=noisy) for noisy in (False, True)])
        assert (np.abs(a["measured"] / exact - 1) < 4 * np.sqrt(2 / 2000)).all()
        np.testing.assert_allclose(a["own_measured"], np.square(a["particles"].astype(float)).mean(axis=1), rtol=1e-5)
        np.testing.assert_allclose(a["own_closed"], [0.25, 0.3875, 0.5])


def test_with_exact_scores_both_arrows_are_one():
    a = scene.shown(SameArrow())
    assert float(a["gap"]) < 1e-12
    np.testing.assert_allclose(a["gradient"], a["difference"], atol=1e-12)
    y, x = np.linspace(-3.6, 3.6, 61), np.linspace(-10.8, 10.8, 183)  # the shading reaches past the arrows
    clean = scene.shown(SameArrow(t=1))["posterior"]
    assert clean.shape == (61, 183) and np.isfinite(clean).all()
    rows, columns = [30, 20, 45, 5], [91, 80, 95, 20]
    exact = shares(np.stack([x[columns], y[rows]], axis=1))[:, 0]
    np.testing.assert_allclose(clean[rows, columns], exact, atol=0.01)
    fine = SameArrow(t=1)  # nearly clean: the gradient of log p(y | x) by differences of the clean shares
    b, h = scene.shown(fine), 1e-4
    for place, arrow in zip(b["at"][::20], b["gradient"][::20], strict=True):
        slope = [(np.log(shares(place + h * d)[0]) - np.log(shares(place - h * d)[0])) / (2 * h) for d in np.eye(2)]
        np.testing.assert_allclose(arrow, slope, rtol=0.05, atol=0.02)


def test_a_blend_is_named_by_its_ends():
    for weights in ((1.0, 1.0, 0.0), (2.0, -2.0, 0.0), (0.0, 0.0, 0.0)):
        a = scene.shown(Blend(weights))
        seen = shares(a["at"][-1].astype(float))
        np.testing.assert_allclose(a["shares"], seen.mean(axis=0), atol=5e-3)
        assert np.abs(a["most"] - np.bincount(seen.argmax(axis=1), minlength=3)).max() <= 3
        assert a["most"].sum() == COUNT
    assert not scene.shown(Blend((0.0, 0.0, 0.0)))["push"].any()


def test_the_digits_are_pulled_where_they_are_asked_to_go():
    pair = scene.shown(Pair(DIGITS, named("noisy_classifier", "digits")))
    right = (pair["named"] == pair["labels"]).mean(axis=1)
    assert right[1] > 0.9 and right[0] > 0.4 and pair["by_classifier"].shape == (16, PAIR, 28, 28)
    np.testing.assert_array_equal(pair["by_classifier"][0], pair["by_difference"][0])
    mixed = scene.shown(Mixed(DIGITS))
    assert (mixed["named"][1] == 3).mean() > 0.9 and (mixed["named"][2] == 8).mean() > 0.9
    assert np.isin(mixed["named"][0], (3, 8)).sum() >= 0.7 * BLENDED
    np.testing.assert_allclose(mixed["chances"].sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_array_equal(mixed["chances"].argmax(axis=2), mixed["named"])
