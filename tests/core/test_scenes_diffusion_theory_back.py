"""The scenes of score, reverse and small_steps: their numbers against SciPy and plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from core import scene
from core.device import pick
from core.diffusion import mixtures
from core.diffusion.library import load
from core.diffusion.prediction import Denoiser
from core.diffusion.reverse import expected_wasserstein, wasserstein
from core.diffusion.schedule import NoiseSchedule
from core.scenes import diffusion_theory_score as score_scenes
from core.scenes.diffusion_theory_back import Ends, OneJump, OneStep, Walks
from core.scenes.diffusion_theory_score import BLOBS, LEVELS, LearnedArrows, ScoreAt, ScoreError

ALPHA_BAR = NoiseSchedule.cosine(1000).alpha_bar.numpy()
WEIGHTS, MEANS, COVS = (v.numpy() for v in (lambda m: (m.weights, m.means, m.covs))(mixtures.on_a_plane("three")))


def by_hand(x: np.ndarray, t: int) -> np.ndarray:
    """∇ log p_t of the blobs at x (N, 2), by SciPy's densities and each component's own gradient."""
    left, parts, slopes = ALPHA_BAR[t], [], []
    for weight, mean, cov in zip(WEIGHTS, MEANS, COVS, strict=True):
        m, c = math.sqrt(left) * mean, left * cov + (1 - left) * np.eye(2)
        parts.append(weight * stats.multivariate_normal(m, c).pdf(x))
        slopes.append(-(x - m) @ np.linalg.inv(c))
    parts = np.array(parts).reshape(3, -1)
    return (parts[:, :, None] * np.array(slopes).reshape(3, -1, 2)).sum(0) / parts.sum(0)[:, None]


@torch.no_grad()
def said_by(denoiser: Denoiser, x: np.ndarray, t: int) -> np.ndarray:
    """ε̂ of a network at x (N, 2), wherever it lives."""
    at = torch.tensor(x, dtype=torch.float32, device=pick())
    return denoiser(at, torch.full((len(x),), t, device=pick())).double().cpu().numpy()


# ---- score ----------------------------------------------------------------------------------------------------------


def test_the_scores_at_a_point(on_the_cpu):
    a = scene.shown(ScoreAt("blobs", (), BLOBS, *score_scenes.START))
    x = np.array([score_scenes.START])
    denoiser, schedule, _ = load(BLOBS)
    np.testing.assert_allclose(schedule.alpha_bar.numpy(), ALPHA_BAR)
    for k, t in enumerate(LEVELS):
        exact = by_hand(x, t)[0]
        np.testing.assert_allclose(a["exact_score"][k], exact, rtol=1e-7)
        left = ALPHA_BAR[t]
        np.testing.assert_allclose(
            a["exact_x0"][k], (x[0] + (1 - left) * exact) / math.sqrt(left), rtol=1e-6, atol=1e-8
        )
        noise = said_by(denoiser, x, t)[0]
        np.testing.assert_allclose(a["learned_score"][k], -noise / math.sqrt(1 - left), rtol=1e-3, atol=1e-3)
        arrow = a["learned_arrow"][k]
        r = np.linalg.norm(noise)
        np.testing.assert_allclose(arrow, -noise / r * (r / (1 + r)), rtol=1e-3, atol=1e-5)


def test_the_learned_arrows_point_where_the_network_says_and_are_shorter_than_one():
    by = scene.shown(LearnedArrows(BLOBS))["by"]
    assert by.shape == (len(LEVELS), 144, 2) and (np.linalg.norm(by, axis=2) < 1).all()
    exact = by_hand(score_scenes.grid(), 500)
    k = LEVELS.index(500)
    cosine = (by[k] * exact).sum(1) / np.linalg.norm(by[k], axis=1) / np.linalg.norm(exact, axis=1)
    assert np.quantile(cosine, 0.05) > 0.99


def test_the_error_of_the_learned_score(on_the_cpu):
    """Measured again on other draws, by other means: within five standard errors of the difference."""
    a = scene.shown(ScoreError(BLOBS))
    denoiser, _, _ = load(BLOBS)
    rng = np.random.default_rng(5)
    for t in (1, 20, 300):
        k = int(np.flatnonzero(a["t"] == t)[0])
        component = rng.choice(3, size=4000, p=WEIGHTS)
        clean = MEANS[component] + np.einsum(
            "nij,nj->ni", np.linalg.cholesky(COVS)[component], rng.normal(size=(4000, 2))
        )
        x = math.sqrt(ALPHA_BAR[t]) * clean + math.sqrt(1 - ALPHA_BAR[t]) * rng.normal(size=(4000, 2))
        noise = said_by(denoiser, x, t)
        wrong = ((-noise / math.sqrt(1 - ALPHA_BAR[t]) - by_hand(x, t)) ** 2).sum(1)
        error = math.hypot(a["error"][k], wrong.std() / math.sqrt(4000))
        assert a["mean"][k] == pytest.approx(wrong.mean(), abs=5 * error)
        assert a["low"][k] < np.median(wrong) < a["high"][k]
        assert a["size"][k] == pytest.approx((by_hand(x, t) ** 2).sum(1).mean(), rel=0.1)
    assert (np.diff(a["mean"]) < 0).all(), "the error falls as t grows"
    assert (a["everywhere"][a["t"] <= 500] > 2 * a["mean"][a["t"] <= 500]).all(), "and is larger where no data are"


@pytest.mark.parametrize("data", ["humps", "one", "own"])
def test_exact_scores_need_no_model_and_one_component_is_enough(data):
    own = ((1.0, 0.5, -0.5, 0.3, 0.6, -0.4),) if data == "own" else ()
    a = ScoreAt(data, own, "", 0.2, -0.1).compute()
    assert "learned_score" not in a
    t = LEVELS.index(100)
    rows, left, x = a["rows"], ALPHA_BAR[100], np.array([0.2, -0.1])
    total, slope = 0.0, np.zeros(2)
    for weight, mx, my, sx, sy, rho in rows:
        cov = left * np.array([[sx**2, rho * sx * sy], [rho * sx * sy, sy**2]]) + (1 - left) * np.eye(2)
        m = math.sqrt(left) * np.array([mx, my])
        part = weight * stats.multivariate_normal(m, cov).pdf(x)
        total, slope = total + part, slope - part * np.linalg.solve(cov, x - m)
    np.testing.assert_allclose(a["exact_score"][t], slope / total, rtol=1e-8)


# ---- the way back ---------------------------------------------------------------------------------------------------


def test_the_heat_is_the_exact_marginal():
    a = scene.shown(Walks())
    x = np.linspace(-4.5, 4.5, 91)
    for column in (0, 37, 100):
        left = ALPHA_BAR[10 * column]
        scale = math.sqrt(left * 0.09 + 1 - left)
        p = sum(0.5 * stats.norm.pdf(x, math.sqrt(left) * m, scale) for m in (-2, 2))
        np.testing.assert_allclose(a["heat"][:, column], p, atol=1e-6)
    assert a["heat"].shape == (91, 101)
    for k in (0, -1):
        np.testing.assert_allclose(np.trapezoid(a["exact"][k], a["line"]), 1, atol=1e-3)
        assert (a["sde_bars"][k] * np.diff(a["edges"])).sum() == pytest.approx(1, abs=0.01)


def test_both_walks_leave_from_one_noise_and_a_seed_repeats_them():
    a = Walks(sampler_steps=5, particles=50).compute()
    np.testing.assert_array_equal(a["sde"][0], a["ode"][0])
    assert a["t"].tolist() == [1000, 800, 600, 400, 200, 0] and a["sde"].shape == (6, 50, 1)
    again = Walks(sampler_steps=5, particles=50).compute()
    np.testing.assert_array_equal(a["sde"], again["sde"])
    more = Walks(sampler_steps=5, particles=50, seed=1).compute()
    assert (a["sde"][0] != more["sde"][0]).all()


def test_the_ode_keeps_the_order_of_particles_in_one_dimension():
    a = scene.shown(Walks())
    order = np.argsort(a["ode"][0][:, 0])
    assert (np.diff(a["ode"][:, order, 0], axis=1) > 0).all()
    assert not (np.diff(a["sde"][-1, order, 0]) > 0).all()


def test_the_distances_of_the_ends():
    a = Walks(sampler_steps=20, particles=400).compute()
    quantiles = np.interp((np.arange(400) + 0.5) / 400, *_cdf())
    assert a["sde_far"] == pytest.approx(np.abs(np.sort(a["sde"][-1][:, 0]) - quantiles).mean(), rel=1e-3)
    assert a["ode_std"] == pytest.approx(a["ode"][-1][:, 0].std(), rel=1e-5)
    assert a["std"] == pytest.approx(math.sqrt(4 + 0.09))


def test_what_chance_leaves_is_the_mean_over_draws_and_the_same_for_every_walk():
    generator = np.random.default_rng(0)
    for n, times in ((1, 4000), (20, 2000), (1000, 400)):
        quantiles = np.interp((np.arange(n) + 0.5) / n, *_cdf())
        humps = np.where(generator.random((times, n)) < 0.5, -2, 2) + 0.3 * generator.standard_normal((times, n))
        far = np.abs(np.sort(humps, axis=1) - quantiles).mean(axis=1)
        found = expected_wasserstein(mixtures.named("humps", 1), n)
        assert found == pytest.approx(far.mean(), abs=4 * far.std() / math.sqrt(times))
    assert float(scene.shown(Walks())["floor"]) == pytest.approx(found, rel=1e-6)
    walks = [Walks(2, "three", schedule, steps, particles=50) for schedule, steps in (("cosine", 1), ("linear", 2))]
    assert len({float(walk.compute()["floor"]) for walk in walks}) == 1
    drawn = mixtures.named("three", 2).sample(100 * 50, generator=torch.Generator().manual_seed(1)).reshape(100, 50, 2)
    far = wasserstein(drawn, mixtures.named("three", 2)).numpy()
    assert float(walks[0].compute()["floor"]) == pytest.approx(far.mean(), abs=4 * far.std() / 10)


def _cdf() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-5, 5, 200_001)
    return 0.5 * (stats.norm.cdf(x, -2, 0.3) + stats.norm.cdf(x, 2, 0.3)), x


@pytest.mark.parametrize(("steps", "particles", "dimensions"), [(1, 1, 1), (2, 1, 2), (1, 20, 2), (2, 2000, 1)])
def test_few_steps_and_few_particles(steps, particles, dimensions):
    a = Walks(dimensions, "one", "linear", steps, "heun", particles).compute()
    assert len(a["t"]) == steps + 1 and all(np.isfinite(v).all() for v in a.values())


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_end_improves_and_is_the_closed_form_where_there_is_one(schedule):
    a = scene.shown(Ends(1, "one", schedule))
    np.testing.assert_allclose(a["ddim"], a["ddim_theory"], atol=2e-3)  # 2,000 quantiles stand for a normal
    np.testing.assert_allclose(a["sde"].mean(1), a["sde_theory"], atol=0.02)
    for one in (scene.shown(Ends(1, "humps", schedule)), scene.shown(Ends(2, "three", schedule))):
        assert (np.diff(one["ddim"]) < 1e-3).all() and one["ddim"][0] > 10 * one["ddim"][-1]
        assert one["sde"].mean(1)[0] > 10 * one["sde"].mean(1)[-1]


# ---- one step -------------------------------------------------------------------------------------------------------


def test_one_step_back():
    a = OneStep(t=600, s=300, x=0.4).compute()
    line, ratio = a["line"], ALPHA_BAR[600] / ALPHA_BAR[300]
    left = ALPHA_BAR[300]
    prior = sum(0.5 * stats.norm.pdf(line, math.sqrt(left) * m, math.sqrt(left * 0.09 + 1 - left)) for m in (-2, 2))
    q = prior * stats.norm.pdf(0.4, math.sqrt(ratio) * line, math.sqrt(1 - ratio))
    q /= np.trapezoid(q, line)
    np.testing.assert_allclose(a["exact"], q, atol=2e-4)
    np.testing.assert_allclose(a["normal"], stats.norm.pdf(line, a["mean"], a["std"]), rtol=1e-6, atol=1e-12)
    kl = np.trapezoid(a["exact"] * np.log(np.maximum(a["exact"], 1e-300) / np.maximum(a["normal"], 1e-300)), line)
    assert a["kl"] == pytest.approx(kl, rel=5e-3)
    assert a["beta_now"] == pytest.approx(1 - ratio)
    assert (np.diff(a["kl_mean"]) > 0).all() and a["sizes"][0] == 1 and a["sizes"][-1] == 600
    np.testing.assert_allclose(a["beta"], 1 - ALPHA_BAR[600] / ALPHA_BAR[600 - a["sizes"]])


@pytest.mark.parametrize(("t", "s", "x"), [(1, 0, -4.0), (1000, 0, 4.0), (1000, 999, 0.0), (2, 1, 4.0)])
@pytest.mark.parametrize("data", ["humps", "one"])
def test_the_extremes_of_one_step(data, t, s, x):
    a = OneStep(data, "linear", t, s, x).compute()
    assert all(np.isfinite(v).all() for v in a.values())
    assert data != "one" or a["kl"] < 1e-8


def test_one_jump_lands_between_the_humps():
    a = scene.shown(OneJump())
    drawn = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)[:, 0].numpy()
    left = ALPHA_BAR[1000]
    # E[x_0 | x_T] of the two humps, by Bayes' rule
    scale = left * 0.09 + 1 - left
    mean = [m + math.sqrt(left) * 0.09 / scale * (drawn - math.sqrt(left) * m) for m in (-2, 2)]
    share = [stats.norm.pdf(drawn, math.sqrt(left) * m, math.sqrt(scale)) for m in (-2, 2)]
    expected = (mean[0] * share[0] + mean[1] * share[1]) / (share[0] + share[1])
    np.testing.assert_allclose(a["ends"], expected, atol=1e-6)
    assert a["ratio"] == pytest.approx(2 * math.exp(-0.5 * (2 / 0.3) ** 2), rel=1e-2)
