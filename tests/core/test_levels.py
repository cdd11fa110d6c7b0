"""The bound of T levels of noise with the best decoder: against closed forms, draws, and core.diffusion.bound."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from core import shapes
from core.diffusion import bound as by_draws
from core.diffusion import levels
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.forward import add_noise
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture
from core.scenes import diffusion_theory_hierarchy as scenes

BLOBS = GaussianMixture(*shapes.blobs_mixture())
SKEWED = GaussianMixture(  # one normal distribution, whose every quantity is known
    torch.ones(1, dtype=torch.float64),
    torch.tensor([[0.3, -0.5]], dtype=torch.float64),
    torch.tensor([[[0.8, 0.3], [0.3, 0.4]]], dtype=torch.float64),
)
LINE = GaussianMixture(
    torch.tensor([0.3, 0.7], dtype=torch.float64),
    torch.tensor([[-1.2], [0.5]], dtype=torch.float64),
    torch.tensor([[[0.05]], [[0.2]]], dtype=torch.float64),
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


@pytest.mark.parametrize("T", [1, 2, 9])
def test_the_error_of_the_best_guess_of_normal_data(T):
    """tr(Σ (1−ᾱ) (ᾱ Σ + (1−ᾱ) I)⁻¹): Bishop 2006, equation 2.117."""
    schedule = NoiseSchedule.cosine(T)
    found, cov, eye = levels.squared_errors(SKEWED, schedule), SKEWED.covs[0], torch.eye(2, dtype=torch.float64)
    for t in range(T + 1):
        left = schedule.alpha_bar[t]
        expected = torch.trace(cov @ torch.linalg.inv(left * cov + (1 - left) * eye)) * (1 - left)
        assert float(found[t]) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("mixture", [BLOBS, LINE], ids=["blobs", "line"])
def test_the_error_of_the_best_guess_is_that_of_draws(mixture):
    schedule = NoiseSchedule.cosine(8)
    found, denoiser = levels.squared_errors(mixture, schedule), MixtureDenoiser(mixture, schedule)
    x0 = mixture.sample(200_000, generator=generator())
    for t in (1, 4, 8):
        noise, level = torch.randn(x0.shape, generator=generator(t), dtype=x0.dtype), torch.full((len(x0),), t)
        x_t = add_noise(schedule, x0, level, noise)
        left = schedule.alpha_bar[t]
        guess = (x_t - (1 - left).sqrt() * denoiser(x_t, level)) / left.sqrt()
        square = (x0 - guess).square().sum(dim=1)
        assert float(found[t]) == pytest.approx(float(square.mean()), abs=5 * float(square.std()) / len(x0) ** 0.5)


@pytest.mark.parametrize("choice", levels.VARIANCES)
@pytest.mark.parametrize("T", [1, 2, 6])
def test_the_bound_of_draws_by_the_densities_themselves(T, choice):
    """log p(x_{0:T}) − log q(x_{1:T} | x_0) along drawn paths, with every density written out; no KL in closed form."""
    schedule = NoiseSchedule.cosine(T)
    errors = levels.squared_errors(BLOBS, schedule)
    variance = levels.reverse_variances(schedule, errors, 2, choice)
    terms = levels.bound_terms(BLOBS, schedule, errors, choice)
    path = list(levels.encoded(BLOBS.sample(100_000, generator=generator(1)), schedule, generator(2)))
    denoiser, total = MixtureDenoiser(BLOBS, schedule), _log_normal(path[-1], torch.zeros(()), 1.0)
    for t in range(1, T + 1):
        before, now, left, left_before = path[t - 1], path[t], schedule.alpha_bar[t], schedule.alpha_bar[t - 1]
        beta, alpha = schedule.beta[t], schedule.alpha[t]
        noise = denoiser(now, torch.full((len(now),), t))
        x0 = (now - (1 - left).sqrt() * noise) / left.sqrt()
        mean = (left_before.sqrt() * beta * x0 + alpha.sqrt() * (1 - left_before) * now) / (1 - left)
        total = total + _log_normal(before, mean, float(variance[t])) - _log_normal(now, alpha.sqrt() * before, beta)
    assert terms.bound == pytest.approx(float(total.mean()), abs=5 * float(total.std()) / 100_000**0.5)


def _log_normal(x: Tensor, mean: Tensor, variance: Tensor | float) -> Tensor:
    return (-0.5 * (x - mean).square() / variance - 0.5 * math.log(2 * math.pi * float(variance))).sum(dim=1)


@pytest.mark.parametrize("choice", ["step", "posterior"])
def test_it_is_the_bound_that_a_model_of_step_9_has(choice):
    schedule = NoiseSchedule.cosine(7)
    errors = levels.squared_errors(BLOBS, schedule)
    x0 = BLOBS.sample(60_000, generator=generator())
    drawn = by_draws.bound(MixtureDenoiser(BLOBS, schedule), schedule, x0, generator=generator(1), variance=choice)
    found = levels.bound_terms(BLOBS, schedule, errors, choice).bound
    assert found == pytest.approx(float(drawn.mean()), abs=5 * float(drawn.std()) / 60_000**0.5)


@pytest.mark.parametrize("choice", levels.VARIANCES)
def test_it_never_lies_above_the_truth_and_the_best_variance_is_best(choice):
    exact = {id(m): levels.mean_log_density(m) for m in (BLOBS, SKEWED, LINE)}
    for mixture in (BLOBS, SKEWED, LINE):
        for T in (1, 3, 40):
            schedule = NoiseSchedule.cosine(T)
            errors = levels.squared_errors(mixture, schedule)
            found = levels.bound_terms(mixture, schedule, errors, choice).bound
            assert found < exact[id(mixture)]
            assert found <= levels.bound_terms(mixture, schedule, errors, "best").bound + 1e-12


def test_other_variances_than_the_best_give_more_away(monkeypatch):
    schedule = NoiseSchedule.cosine(5)
    errors = levels.squared_errors(BLOBS, schedule)
    best, real = levels.bound_terms(BLOBS, schedule, errors, "best").bound, levels.reverse_variances
    for t in range(1, 6):
        for factor in (0.9, 1.1):
            scale = torch.ones(6, dtype=torch.float64)
            scale[t] = factor
            monkeypatch.setattr(levels, "reverse_variances", lambda *a, by=scale: real(*a) * by)
            assert levels.bound_terms(BLOBS, schedule, errors, "best").bound < best


def test_the_terms_of_one_level():
    """T = 1: no step between, and L_T and L_0 by torch.distributions."""
    schedule = NoiseSchedule.cosine(1)
    errors = levels.squared_errors(LINE, schedule)
    terms = levels.bound_terms(LINE, schedule, errors)
    assert terms.steps.shape == (0,)
    x0 = LINE.sample(200_000, generator=generator())
    left = schedule.alpha_bar[1]
    kl = kl_divergence(Normal(left.sqrt() * x0, (1 - left).sqrt()), Normal(0.0, 1.0))[:, 0]
    assert terms.last == pytest.approx(float(kl.mean()), abs=5 * float(kl.std()) / 200_000**0.5)
    assert terms.bound == pytest.approx(-terms.last - terms.first)


def test_many_steps_reach_the_truth_with_the_variance_of_the_step_and_not_with_the_posterior_s():
    """Near clean data β̃_t is half, two thirds, … of β_t however fine the steps are: that costs about D γ/2 for ever."""
    schedule = NoiseSchedule.cosine(400)
    errors = levels.squared_errors(BLOBS, schedule)
    gap = {
        choice: levels.mean_log_density(BLOBS) - levels.bound_terms(BLOBS, schedule, errors, choice).bound
        for choice in levels.VARIANCES
    }
    assert 0 < gap["best"] < gap["step"] < 0.03 and gap["posterior"] > 0.577


def test_the_way_down_ends_in_the_data_and_the_way_up_in_noise():
    schedule = NoiseSchedule.cosine(200)
    errors = levels.squared_errors(SKEWED, schedule)
    variance = levels.reverse_variances(schedule, errors, 2, "step")
    start = torch.randn(20_000, 2, generator=generator(), dtype=torch.float64)
    *_, end = levels.decoded(start, SKEWED, schedule, variance, generator(1))
    torch.testing.assert_close(end.mean(dim=0), SKEWED.means[0], atol=0.02, rtol=0)
    torch.testing.assert_close(end.T.cov(), SKEWED.covs[0], atol=0.03, rtol=0)
    *_, noise = levels.encoded(end, schedule, generator(2))
    torch.testing.assert_close(noise.T.cov(), torch.eye(2, dtype=torch.float64), atol=0.04, rtol=0)


def test_the_mean_log_density_of_a_normal_is_minus_its_entropy():
    expected = -MultivariateNormal(SKEWED.means[0], SKEWED.covs[0]).entropy()
    assert levels.mean_log_density(SKEWED) == pytest.approx(float(expected), abs=1e-9)


def test_what_cannot_be_is_refused():
    schedule = NoiseSchedule.cosine(2)
    three = GaussianMixture(torch.ones(1), torch.zeros(1, 3), torch.eye(3)[None])
    with pytest.raises(ValueError, match="one or two dimensions"):
        levels.squared_errors(three, schedule)
    with pytest.raises(ValueError, match="variance"):
        levels.reverse_variances(schedule, torch.zeros(3), 2, "none")


# ---- what the page draws of it ---------------------------------------------------------------------------------------


def test_the_scenes_know_the_names_and_the_levels():
    assert scenes.VARIANCES == levels.VARIANCES and set(scenes.CHOICES) <= set(scenes.LEVELS)
    assert scenes.shown_levels(1) == (0, 1) and scenes.shown_levels(6) == tuple(range(7))
    assert scenes.shown_levels(1000) == (0, 167, 333, 500, 667, 833, 1000)
    assert all(len(scenes.shown_levels(T)) <= scenes.COLUMNS for T in scenes.LEVELS)


@pytest.mark.parametrize("T, variance", [(1, "step"), (20, "best"), (7, "posterior")])
def test_the_ladder_is_drawn_by_the_chain_itself(T, variance):
    a = scenes.LadderScene(T, variance, seed=2, count=4000).compute()
    shown = scenes.shown_levels(T)
    assert a["up"].shape == a["down"].shape == (len(shown), 4000, 2) and tuple(a["shown"]) == shown
    top = torch.tensor(a["down"][-1])
    assert float(top.std()) == pytest.approx(1, abs=0.03)  # the way down begins in pure noise
    for k, t in enumerate(shown):
        expected = MixtureDenoiser(BLOBS, NoiseSchedule.cosine(T)).marginal(t)
        mean = (expected.weights[:, None] * expected.means).sum(dim=0)
        torch.testing.assert_close(torch.tensor(a["up"][k]).mean(dim=0).double(), mean, atol=0.08, rtol=0)
