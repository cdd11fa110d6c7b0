"""The scenes of step 8's way in, step back and losses, against NumPy and the closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from core import shapes
from core.scenes.diffusion_theory_forward import BINS, SUBJECTS, Levels, OneNumber, Ways, clean, kind, shown_levels
from core.scenes.diffusion_theory_losses import End, Losses
from core.scenes.diffusion_theory_posterior import StepBack


def linear(T: int) -> np.ndarray:
    """ᾱ_0 … ᾱ_T of the book's schedule."""
    return np.concatenate([[1.0], np.cumprod(1 - np.linspace(1e-4, 0.02, T))])


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("T", [2, 60])
def test_every_subject_goes_both_ways(subject, T):
    x0, a = clean(subject).numpy(), Ways(subject, "cosine", T).compute()
    for way in (a["steps"], a["jump"]):
        assert a["t"][0] == 0 and a["t"][-1] == T and len(way) == len(a["t"]) <= T + 1
        if kind(subject) == "points":
            np.testing.assert_array_equal(way[0], x0)
            assert way.shape[1:] == (600, 2)
            continue
        first = way[0] / 127.5 - 1
        shown = first.transpose(2, 0, 1)[None] if kind(subject) == "photograph" else first[:, None]
        np.testing.assert_allclose(shown, x0, atol=1e-6)
        cut = (way[-1] == 0).mean(), (way[-1] == 255).mean()  # the end is noise: P(x < −1) on either side
        assert np.allclose(cut, 0.16, atol=0.02)


def test_the_runs_of_the_way_in_tell_how_far_they_are():
    for run in (Ways("moons", "linear", 50), OneNumber(0.5, "moons", "linear", 50)):
        *before, last = run.steps()
        shares = [state.progress for state in (*before, last)]
        assert shares == sorted(shares) and shares[-1] == 1 and last.arrays is not None
        assert all(state.arrays is None for state in before)


def test_levels_are_those_of_the_schedule_and_kl_is_the_formula():
    a, x0 = Levels("coffee", "linear", 300).compute(), clean("coffee").double().numpy()
    left = linear(300)
    np.testing.assert_allclose(a["alpha_bar"], left, rtol=1e-12)
    np.testing.assert_allclose(a["snr"][1:], left[1:] / (1 - left[1:]), rtol=1e-9)
    size = x0.size
    expected = 0.5 * (left[1:] * (x0**2).sum() - size * left[1:] - size * np.log(1 - left[1:]))
    np.testing.assert_allclose(a["kl"][1:], expected, rtol=1e-6)
    assert (int(a["size"]), int(a["count"])) == (27_648, 1) and math.isinf(a["kl"][0])
    points = Levels("moons", "linear", 10).compute()
    x0 = clean("moons").double().numpy()
    last = linear(10)[-1]
    mean = 0.5 * (last * (x0**2).sum(axis=1).mean() - 2 * last - 2 * math.log(1 - last))
    assert float(points["kl"][-1]) == pytest.approx(mean, rel=1e-6)


def test_a_painting_that_rises_is_told():
    a = Levels("moons", "own", 100, (0.5, 0.7, 0.1, 0.05)).compute()
    assert a["rise"].tolist() == [0.25, 0.5] and float(a["added"]) == pytest.approx(0.2)
    assert np.isnan(Levels("moons", "own", 100, (0.5, 0.3)).compute()["rise"]).all()


@pytest.mark.parametrize("T", [2, 200])
def test_one_number_is_spread_as_the_normal_says(T):
    a = OneNumber(0.8, "moons", "linear", T, seed=3).compute()
    left = linear(T)[a["t"]]
    np.testing.assert_allclose(a["mean"], np.sqrt(left) * 0.8)
    np.testing.assert_allclose(a["std"], np.sqrt(1 - left))
    assert (a["paths"][:, 0] == np.float32(0.8)).all() and np.isnan(a["steps"][0]).all()
    for way in ("steps", "jump"):
        np.testing.assert_allclose(a[f"{way}_mean"], a["mean"], atol=5 / 4000**0.5)
        np.testing.assert_allclose(a[f"{way}_std"], a["std"], rtol=5 / 8000**0.5, atol=1e-12)
        width = 8 / BINS * a["std"][1:]
        np.testing.assert_allclose(a[way][1:].sum(axis=1) * width, 1, atol=2e-3)
    np.testing.assert_allclose(a["apart"], math.sqrt(2) * a["std"], rtol=5 / 8000**0.5)
    np.testing.assert_array_equal(a["t"], shown_levels("moons", T))


def test_the_step_back_is_that_of_ho_et_al():
    a, left = StepBack("linear", 50).compute(), linear(50)
    beta = np.linspace(1e-4, 0.02, 50)
    np.testing.assert_allclose(a["of_x0"][1:], np.sqrt(left[:-1]) * beta / (1 - left[1:]), rtol=1e-9)
    np.testing.assert_allclose(a["of_x"][1:], np.sqrt(1 - beta) * (1 - left[:-1]) / (1 - left[1:]), atol=1e-12)
    np.testing.assert_allclose(a["variance"][1:], beta * (1 - left[:-1]) / (1 - left[1:]), atol=1e-12)


def test_the_losses_are_a_bound_of_log_p():
    a = Losses("linear", 10, seed=1).compute()
    assert np.isnan(a["own"]).all() and len(a["error"]) == 10
    left, beta = linear(10), np.linspace(1e-4, 0.02, 10)
    np.testing.assert_allclose(a["alpha_bar"], left[1:], rtol=1e-12)
    tilde = beta * (1 - left[:-1]) / (1 - left[1:])
    for name, sigma2 in (("posterior", np.append(beta[0], tilde[1:])), ("step", beta)):
        weight, constant = a[name].T
        np.testing.assert_allclose(weight, beta**2 / (2 * sigma2 * (1 - beta) * (1 - left[1:])), rtol=1e-9)
        ratio = tilde[1:] / sigma2[1:]
        np.testing.assert_allclose(constant[1:], ratio - 1 - np.log(ratio), atol=1e-9)
        assert constant[0] == pytest.approx(math.log(2 * math.pi * beta[0]))
        bound = -(float(a["prior"]) + (weight * a["error"] + constant).sum())
        assert bound < float(a["log_p"]) - 0.3
    # two coordinates whose variance is 1 on average
    last = left[-1]
    assert float(a["prior"]) == pytest.approx(0.5 * (2 * last - 2 * last - 2 * math.log(1 - last)), rel=1e-6)
    np.testing.assert_allclose(a["x0"], (1 - left[1:]) / left[1:])
    np.testing.assert_allclose(a["v"], 1 / left[1:])


@pytest.mark.parametrize("T", [10, 100])
def test_the_end_is_as_far_from_noise_as_points_of_it_say(T):
    a = linear(T)[-1]
    weights, means, covs = (part.numpy() for part in shapes.blobs_mixture())
    rng = np.random.default_rng(0)
    which = rng.choice(len(weights), 20_000, p=weights)
    noise = rng.standard_normal((2, 20_000, 2))
    x0 = means[which] + np.einsum("nij,nj->ni", np.linalg.cholesky(covs)[which], noise[0])
    x = np.sqrt(a) * x0 + np.sqrt(1 - a) * noise[1]
    parts = zip(weights, np.sqrt(a) * means, a * covs + (1 - a) * np.eye(2), strict=True)
    density = sum(w * stats.multivariate_normal(m, c).pdf(x) for w, m, c in parts)
    apart = np.log(density) - stats.multivariate_normal(np.zeros(2)).logpdf(x)
    assert float(End("linear", T).compute()["kl"]) == pytest.approx(apart.mean(), abs=4 * apart.std() / len(x) ** 0.5)
    assert float(End().compute()["kl"]) < 1e-9
