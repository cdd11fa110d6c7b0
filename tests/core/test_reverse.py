"""The way back in closed form: against integrals over a grid, SciPy, and the samplers themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from core.diffusion import mixtures
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.forward import add_noise
from core.diffusion.prediction import noise_from_score, score_from_noise, v_target, x0_from_noise
from core.diffusion.reverse import (
    gaussian_way_back,
    kl_to_best_normal,
    quantiles,
    reverse_posterior,
    wasserstein,
    wasserstein_normal,
)
from core.diffusion.samplers import ddim, ddpm, heun, levels
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture

COSINE, LINEAR = NoiseSchedule.cosine(1000), NoiseSchedule.linear(1000)
HUMPS, THREE, ONE = (mixtures.on_a_line(name) for name in mixtures.NAMES)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


# ---- the score ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixture", [mixtures.on_a_plane("three"), mixtures.on_a_plane("one")], ids=["three", "one"])
def test_the_score_is_the_gradient_of_the_log_density(mixture):
    denoiser = MixtureDenoiser(mixture, COSINE)
    for t in (1, 40, 500, 1000):
        x = (2 * torch.randn(30, 2, generator=generator(t), dtype=torch.float64)).requires_grad_()
        (gradient,) = torch.autograd.grad(denoiser.marginal(t).log_prob(x).sum(), x)
        score = denoiser.score(x.detach(), torch.full((30,), t))
        torch.testing.assert_close(score, gradient, rtol=1e-8, atol=1e-8)


def test_noise_x0_v_and_score_say_the_same():
    t = torch.tensor([1, 300, 1000])
    x0, noise = (torch.randn(3, 2, generator=generator(s), dtype=torch.float64) for s in (1, 2))
    x = add_noise(LINEAR, x0, t, noise)
    score = score_from_noise(LINEAR, x, t, noise)
    torch.testing.assert_close(noise_from_score(LINEAR, x, t, score), noise)
    left = LINEAR.alpha_bar[t][:, None]
    torch.testing.assert_close((x + (1 - left) * score) / left.sqrt(), x0)  # Tweedie
    torch.testing.assert_close(x0_from_noise(LINEAR, x, t, noise_from_score(LINEAR, x, t, score)), x0)
    v = v_target(LINEAR, x0, t, noise)
    torch.testing.assert_close(score, -(x + (left / (1 - left)).sqrt() * v))  # ε = √(1−ᾱ) x + √ᾱ v


# ---- one step back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("s", "t"), [(0, 1000), (0, 1), (300, 600), (599, 600), (999, 1000)])
@pytest.mark.parametrize("mixture", [HUMPS, THREE, ONE], ids=mixtures.NAMES)
def test_one_step_back_is_bayes_rule_on_a_grid(mixture, s, t):
    """q(x_s | x_t) ∝ p_s(x_s) N(x_t | √a x_s, 1 − a), multiplied out and divided by its sum."""
    denoiser, x = MixtureDenoiser(mixture, LINEAR), column(-1.7, 0.3, 2.0)
    posterior = reverse_posterior(mixture, LINEAR, s, t, x)
    a = float(LINEAR.alpha_bar[t] / LINEAR.alpha_bar[s])
    mean, std = posterior.mean()[:, 0].numpy(), posterior.cov()[:, 0, 0].sqrt().numpy()
    for n in range(3):
        grid = np.linspace(mean[n] - 9 * std[n], mean[n] + 9 * std[n], 6001)
        prior = denoiser.marginal(s).log_prob(torch.tensor(grid)[:, None]).numpy()
        log_q = prior + stats.norm.logpdf(float(x[n]), math.sqrt(a) * grid, math.sqrt(1 - a))
        q = np.exp(log_q - log_q.max())
        q /= np.trapezoid(q, grid)
        ours = posterior.log_prob(torch.tensor(grid).expand(3, -1))[n].exp().numpy()
        np.testing.assert_allclose(ours, q, atol=1e-6 * q.max())
        assert np.trapezoid(grid * q, grid) == pytest.approx(mean[n], abs=1e-6 * (1 + abs(mean[n])))
        assert np.trapezoid((grid - mean[n]) ** 2 * q, grid) == pytest.approx(std[n] ** 2, rel=1e-5)
        normal = stats.norm.pdf(grid, mean[n], std[n])
        kl = np.trapezoid(q * (np.log(np.maximum(q, 1e-300)) - np.log(normal)), grid)
        assert float(kl_to_best_normal(posterior)[n]) == pytest.approx(kl, rel=1e-4, abs=1e-8)


def test_no_other_normal_is_nearer():
    posterior = reverse_posterior(HUMPS, COSINE, 300, 600, column(0.4))
    mean, std = float(posterior.mean()), float(posterior.cov().sqrt())
    grid = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    log_q = posterior.log_prob(grid[None])[0].numpy()

    def kl(m: float, v: float) -> float:
        return float(np.trapezoid(np.exp(log_q) * (log_q - stats.norm.logpdf(grid.numpy(), m, v)), grid.numpy()))

    best = kl(mean, std)
    assert best == pytest.approx(float(kl_to_best_normal(posterior)), rel=1e-6)
    assert all(kl(mean + dm, std * dv) > best for dm, dv in ((0.05, 1), (-0.05, 1), (0, 1.05), (0, 0.95)))


def test_in_two_dimensions_it_is_what_the_pairs_say():
    """Pairs (x_s, x_t) near one x_t: their mean and covariance, within what so few of them allow."""
    mixture, s, t, n = mixtures.on_a_plane("three"), 300, 500, 400_000
    x_s = MixtureDenoiser(mixture, COSINE).marginal(s).sample(n, generator=generator())
    a = COSINE.alpha_bar[t] / COSINE.alpha_bar[s]
    x_t = a.sqrt() * x_s + (1 - a).sqrt() * torch.randn(n, 2, generator=generator(1), dtype=torch.float64)
    at = torch.tensor([[0.2, 0.1]], dtype=torch.float64)
    near = x_s[(x_t - at).norm(dim=1) < 0.12]
    posterior = reverse_posterior(mixture, COSINE, s, t, at)
    assert len(near) > 1000
    torch.testing.assert_close(near.mean(0), posterior.mean()[0], rtol=0, atol=0.06)
    torch.testing.assert_close(near.T.cov(), posterior.cov()[0], rtol=0, atol=0.06)


def test_data_that_are_points_and_one_normal():
    points = GaussianMixture(torch.tensor([0.5, 0.5]), column(-2.0, 2.0), torch.zeros(2, 1, 1))
    posterior = reverse_posterior(points, COSINE, 0, 500, column(0.0))
    assert float(posterior.mean()) == pytest.approx(0, abs=1e-12) and float(posterior.cov()) == pytest.approx(4)
    assert float(kl_to_best_normal(reverse_posterior(ONE, COSINE, 0, 1000, column(0.5)))) < 1e-10


@pytest.mark.parametrize(("s", "t"), [(5, 5), (6, 5), (-1, 5), (0, 1001)])
def test_a_step_back_leads_back(s, t):
    with pytest.raises(ValueError, match="step back"):
        reverse_posterior(HUMPS, COSINE, s, t, column(0.0))


def test_small_steps_lose_less():
    """KL falls by more than a hundred when the step is ten times shorter."""
    kl = [float(kl_to_best_normal(reverse_posterior(HUMPS, COSINE, 600 - d, 600, column(0.4)))) for d in (100, 10, 1)]
    assert kl[0] > 100 * kl[1] > 10_000 * kl[2] > 0


# ---- the end --------------------------------------------------------------------------------------------------------


def test_quantiles_and_distances():
    shares = torch.tensor([0.001, 0.25, 0.5, 0.75, 0.999], dtype=torch.float64)
    at = quantiles(THREE, shares).numpy()
    weights, means, std = (v.flatten().numpy() for v in (THREE.weights, THREE.means, THREE.covs.sqrt()))
    np.testing.assert_allclose((weights * stats.norm.cdf(at[:, None], means, std)).sum(1), shares, atol=1e-12)
    exact = quantiles(HUMPS, (torch.arange(500, dtype=torch.float64) + 0.5) / 500)[:, None]
    assert float(wasserstein(exact, HUMPS)) == pytest.approx(0, abs=1e-12)
    assert float(wasserstein(exact.flip(0) + 0.3, HUMPS)) == pytest.approx(0.3, rel=1e-9)
    x = HUMPS.sample(3000, generator=generator())
    fine = quantiles(HUMPS, (torch.arange(60_000, dtype=torch.float64) + 0.5) / 60_000)
    theirs = stats.wasserstein_distance(x[:, 0].numpy(), fine.numpy())
    assert float(wasserstein(x, HUMPS)) == pytest.approx(theirs, abs=2e-3)
    assert wasserstein(x.reshape(3, 1000, 1), HUMPS).shape == (3,)


def test_the_sliced_distance_knows_a_shift():
    """A shift by d is |d · u| in the direction u; over all directions the mean is 2|d|/π."""
    mixture = mixtures.on_a_plane("one")
    x = mixture.sample(4000, generator=generator())
    shifted = float(wasserstein(x + torch.tensor([2.0, 0.0], dtype=torch.float64), mixture))
    assert shifted == pytest.approx(4 / math.pi, rel=0.05)


@pytest.mark.parametrize(("a", "b"), [((0, 1), (0, 0.7)), ((0.5, 1), (0, 1)), ((1.0, 0.5), (0.8, 0.3))])
def test_the_distance_of_two_normals(a, b):
    shares = (np.arange(400_000) + 0.5) / 400_000
    expected = np.abs(stats.norm(*a).ppf(shares) - stats.norm(*b).ppf(shares)).mean()
    assert wasserstein_normal(*a, *b) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("schedule", [COSINE, LINEAR], ids=["cosine", "linear"])
@pytest.mark.parametrize("steps", [1, 2, 10, 100])
def test_the_recursion_is_the_samplers_own(schedule, steps):
    """The ODE's from two starts, exactly; the SDE's from many draws, within four standard errors."""
    denoiser, visited = MixtureDenoiser(ONE, schedule), levels(1000, steps)
    m, v = gaussian_way_back(schedule, 1.0, 0.25, visited, 0.0)
    *_, end = ddim(denoiser, schedule, column(0.0, 1.0), steps=steps)
    at_zero, at_one = end.x[:, 0].tolist()
    assert (m, v) == pytest.approx((at_zero, (at_one - at_zero) ** 2), rel=1e-9, abs=1e-12)
    n = 20_000
    m, v = gaussian_way_back(schedule, 1.0, 0.25, visited, 1.0)
    start = torch.randn(n, 1, generator=generator(3), dtype=torch.float64)
    *_, end = ddim(denoiser, schedule, start, steps=steps, eta=1.0, generator=generator(4))
    assert float(end.x.mean()) == pytest.approx(m, abs=4 * math.sqrt(v / n) + 1e-9)
    assert float(end.x.var()) == pytest.approx(v, rel=4 * math.sqrt(2 / n) + 1e-9, abs=1e-9)


def test_ddpm_over_all_levels_has_that_variance_too():
    short = NoiseSchedule.linear(50, beta_start=0.002, beta_end=0.3)
    denoiser, n = MixtureDenoiser(ONE, short), 40_000
    _, v = gaussian_way_back(short, 1.0, 0.25, list(range(50, -1, -1)), 1.0)
    start = torch.randn(n, 1, generator=generator(5), dtype=torch.float64)
    *_, end = ddpm(denoiser, short, start, generator=generator(6))
    assert float(end.x.var()) == pytest.approx(v, rel=4 * math.sqrt(2 / n))
    assert abs(v - 0.25) > 0.01  # the way back is biased, though the score is exact


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_bias_falls_as_the_steps_grow(eta):
    off = [abs(gaussian_way_back(COSINE, 0.0, 0.25, levels(1000, n), eta)[1] - 0.25) for n in (1, 10, 100, 1000)]
    assert off == sorted(off, reverse=True)
    assert off[2] / off[3] == pytest.approx(10, rel=0.25)  # of first order: ten times the steps, a tenth of the bias


def test_the_way_back_with_the_exact_score_ends_nearer_with_more_steps():
    """On quantiles of N(0, 1) instead of draws, so that the ODE's distances hold no chance."""
    denoiser = MixtureDenoiser(HUMPS, COSINE)
    start = torch.special.ndtri((torch.arange(1000, dtype=torch.float64) + 0.5) / 1000)[:, None]
    for walk, most in ((ddim, 0.02), (heun, 0.003)):
        far = []
        for steps in (1, 3, 10, 50):
            *_, end = walk(denoiser, COSINE, start, steps=steps)
            far.append(float(wasserstein(end.x, HUMPS)))
        assert far == sorted(far, reverse=True) and far[-1] < most
    far = []
    for steps in (1, 3, 10, 100):
        *_, end = ddim(denoiser, COSINE, start.repeat(4, 1), steps=steps, eta=1.0, generator=generator(7))
        far.append(float(wasserstein(end.x, HUMPS)))
    assert far == sorted(far, reverse=True) and far[-1] < 0.1


def test_a_variance_must_be_above_zero():
    with pytest.raises(ValueError, match="variance"):
        gaussian_way_back(COSINE, 0.0, 0.0, [1000, 0], 0.0)


# ---- mixtures by name -----------------------------------------------------------------------------------------------


def test_rows_and_mixtures_are_the_same():
    blobs = mixtures.on_a_plane("three")
    again = mixtures.from_rows(mixtures.as_rows(blobs))
    for name in ("weights", "means", "covs"):
        torch.testing.assert_close(getattr(again, name), getattr(blobs, name))
    torch.testing.assert_close(mixtures.from_rows([(0, 0, 0, 1, 1, 0)] * 2).weights, torch.tensor([0.5, 0.5]).double())
    with pytest.raises(ValueError, match="at least one"):
        mixtures.from_rows(())
    x = blobs.sample(200_000, generator=generator())
    assert mixtures.spread(blobs) == pytest.approx(float(x.var(dim=0).mean().sqrt()), rel=0.01)
