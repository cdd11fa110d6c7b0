"""The variational bound: the posterior against a product of normals, the bound against closed forms and log p."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from core.diffusion import bound
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.forward import kl_to_noise
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture

MEAN, STD = 0.3, 0.6
GAUSSIAN = GaussianMixture(torch.ones(1), torch.tensor([[MEAN]]), torch.tensor([[[STD**2]]]))
SCHEDULES = {
    "linear": NoiseSchedule.linear(40, 0.01, 0.3),
    "cosine": NoiseSchedule.cosine(60),
    "two": NoiseSchedule.from_beta(torch.tensor([0.2, 0.7])),
}
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
both_variances = pytest.mark.parametrize("variance", bound.VARIANCES)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@every_schedule
def test_the_posterior_is_the_product_of_two_normals(schedule):
    back, grid = bound.posterior(schedule), torch.linspace(-12, 12, 40_001, dtype=torch.float64)
    x0, x = 0.9, -1.4
    for t in range(2, schedule.T + 1):
        step = Normal((1 - schedule.beta[t]).sqrt() * grid, schedule.beta[t].sqrt()).log_prob(
            torch.tensor(x, dtype=torch.float64)
        )
        left = schedule.alpha_bar[t - 1]
        density = (step + Normal(left.sqrt() * x0, (1 - left).sqrt()).log_prob(grid)).softmax(0)
        mean = density @ grid
        assert float(back.of_x0[t] * x0 + back.of_x[t] * x) == pytest.approx(float(mean), abs=1e-8)
        assert float(back.variance[t]) == pytest.approx(float(density @ (grid - mean).square()), abs=1e-8)


@every_schedule
def test_at_the_first_level_the_posterior_is_x_0_for_certain(schedule):
    back = bound.posterior(schedule)
    assert [float(v[1]) for v in (back.of_x0, back.of_x, back.variance)] == pytest.approx([1, 0, 0], abs=1e-12)
    assert all(bool(v.isfinite().all()) for v in (back.of_x0, back.of_x, back.variance))


def closed_form(schedule: NoiseSchedule, x0: Tensor, variance: str) -> Tensor:
    """The bound for each x_0 (N,) with the exact denoiser of one normal distribution, by KLs of normals alone.

    Its guess is the straight line x̂_0 = k x_t + m, so that every expectation over x_t given x_0 is one of a square.
    """
    total = kl_divergence(
        Normal(schedule.alpha_bar[-1].sqrt() * x0, (1 - schedule.alpha_bar[-1]).sqrt()), Normal(0.0, 1.0)
    )
    for t in range(1, schedule.T + 1):
        left, beta, before = schedule.alpha_bar[t], schedule.beta[t], schedule.alpha_bar[t - 1]
        k, m = guess(schedule, t)
        of_x0 = before.sqrt() * beta / (1 - left)
        tilde = beta * (1 - before) / (1 - left)
        sigma2 = beta if t == 1 or variance == "step" else tilde
        miss = (x0 - k * left.sqrt() * x0 - m).square() + k**2 * (1 - left)  # E (x_0 − x̂_0)²
        if t == 1:
            total = total + 0.5 * (miss / sigma2 + math.log(2 * math.pi) + sigma2.log())
        else:
            total = total + 0.5 * (of_x0**2 * miss / sigma2 + tilde / sigma2 - 1 - (tilde / sigma2).log())
    return -total


def guess(schedule: NoiseSchedule, t: int) -> tuple[Tensor, Tensor]:
    """k and m of E[x_0 | x_t] = k x_t + m for data from N(MEAN, STD²): Bayes' rule for normals."""
    left = schedule.alpha_bar[t]
    k = left.sqrt() * STD**2 / (left * STD**2 + 1 - left)
    return k, MEAN - k * left.sqrt() * MEAN


def log_model(schedule: NoiseSchedule, x0: Tensor, variance: str) -> Tensor:
    """log p_θ(x_0) (N,) of that model: straight lines and normal noise keep a normal distribution normal."""
    mean, spread, back = torch.zeros(()).double(), torch.ones(()).double(), bound.posterior(schedule)
    sigma2 = bound.model_variance(schedule, variance)
    for t in range(schedule.T, 0, -1):
        k, m = guess(schedule, t)
        slope = back.of_x0[t] * k + back.of_x[t]
        mean, spread = slope * mean + back.of_x0[t] * m, slope**2 * spread + sigma2[t]
    return Normal(mean, spread.sqrt()).log_prob(x0)


@every_schedule
@both_variances
def test_on_gaussian_data_the_bound_is_its_closed_form_and_below_log_p(schedule, variance):
    x0 = GAUSSIAN.sample(20_000, generator=generator(3))
    exact = MixtureDenoiser(GAUSSIAN, schedule)
    found = bound.bound(exact, schedule, x0, generator=generator(4), variance=variance)
    expected = closed_form(schedule, x0[:, 0], variance)
    standard_error = float((found - expected).std()) / math.sqrt(len(x0))
    assert abs(float((found - expected).mean())) < 3 * standard_error < 0.15
    # never above log p: neither the model's own in any x_0, nor the data's on average
    everywhere = torch.linspace(-4, 4, 400, dtype=torch.float64)
    for at in (x0[:, 0], everywhere):
        assert bool((closed_form(schedule, at, variance) <= log_model(schedule, at, variance) + 1e-9).all())
    entropy = 0.5 * math.log(2 * math.pi * math.e * STD**2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    over_data = closed_form(schedule, torch.tensor(MEAN + STD * nodes), variance).numpy() @ weights / weights.sum()
    assert over_data < -entropy


@both_variances
def test_the_closed_form_of_the_mean_error_gives_the_same_bound(variance):
    """Averaged over the data, E(ε − ε̂)² is ᾱσ²/v with v = ᾱσ² + 1 − ᾱ: weights and constants alone, no loop."""
    schedule = SCHEDULES["cosine"]
    left = schedule.alpha_bar
    error = left * STD**2 / (left * STD**2 + 1 - left)
    weights, constants = bound.bound_weights(schedule, variance), bound.bound_constants(schedule, 1, variance)
    prior = 0.5 * (left[-1] * (MEAN**2 + STD**2) - left[-1] - torch.log1p(-left[-1]))
    total = -(prior + (weights * error + constants)[1:].sum())
    nodes, share = np.polynomial.hermite_e.hermegauss(40)
    over_data = closed_form(schedule, torch.tensor(MEAN + STD * nodes), variance).numpy() @ share / share.sum()
    assert float(total) == pytest.approx(over_data, rel=1e-10)


def test_fine_steps_close_the_gap_with_the_variance_of_the_step_only():
    def missing(T: int, variance: str) -> float:
        schedule = NoiseSchedule.cosine(T)
        at = torch.tensor([MEAN + STD, MEAN - STD]).double()  # a quadratic function's mean is exact on these two
        return -0.5 * math.log(2 * math.pi * math.e * STD**2) - float(closed_form(schedule, at, variance).mean())

    assert missing(2000, "step") < 5e-4 < missing(200, "step") < 0.005 < missing(20, "step")
    assert missing(2000, "posterior") > 0.2


def test_what_nobody_can_avoid_and_what_is_ones_own_add_up():
    schedule = SCHEDULES["cosine"]
    exact = MixtureDenoiser(GAUSSIAN, schedule)

    def wrong(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return 0.8 * exact(x, t) + 0.1

    x0, levels = GAUSSIAN.sample(50_000, generator=generator()), torch.tensor([1, 20, 60])
    ask = {"generator": generator(1)}
    whole = bound.squared_errors(wrong, schedule, x0, levels, **ask)
    own = bound.squared_errors(wrong, schedule, x0, levels, against=exact, **ask)
    left = bound.squared_errors(exact, schedule, x0, levels, **ask)
    assert whole.shape == (3, 50_000)
    difference = whole - own - left
    assert bool((difference.mean(dim=1).abs() < 4 * difference.std(dim=1) / math.sqrt(50_000)).all())


def test_images_are_one_element_each():
    schedule, x0 = SCHEDULES["two"], torch.rand(3, 1, 4, 4, generator=generator()).double()
    values = bound.bound(lambda x, t, label=None: 0 * x, schedule, x0, generator=generator())
    assert values.shape == (3,) and values.dtype == torch.float64 and bool(values.isfinite().all())
    assert bool((values < -kl_to_noise(schedule, x0)[-1]).all())


def test_squared_errors_of_targets_are_proportional():
    schedule, t = SCHEDULES["linear"], 17
    x0, noise, wrong = (torch.randn(5, generator=generator(k), dtype=torch.float64) for k in range(3))
    signal, sigma = schedule.alpha_bar[t].sqrt(), (1 - schedule.alpha_bar[t]).sqrt()
    x = signal * x0 + sigma * noise
    x0_hat = (x - sigma * wrong) / signal
    for target, truth, guessed in (
        ("noise", noise, wrong),
        ("x0", x0, x0_hat),
        ("v", signal * noise - sigma * x0, signal * wrong - sigma * x0_hat),
    ):
        torch.testing.assert_close(
            (truth - guessed).square(), bound.of_error(schedule, target)[t] * (noise - wrong).square()
        )


def test_another_variance_is_refused():
    with pytest.raises(ValueError, match="posterior, step"):
        bound.bound_weights(SCHEDULES["two"], "learned")
