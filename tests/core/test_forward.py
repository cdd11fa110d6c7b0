"""The forward process, and the posterior that a sampler draws from, against products of normal densities."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from core.diffusion.forward import add_noise, kl_to_noise, signal_and_noise, step_by_step
from core.diffusion.samplers import ddpm
from core.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule.linear(50, beta_start=0.01, beta_end=0.2)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_jump_is_all_the_small_steps_together():
    mean, variance = 1.0, 0.0  # of x_t given x_0 = 1
    for t in range(1, SCHEDULE.T + 1):
        mean = math.sqrt(1 - SCHEDULE.beta[t]) * mean  # Ho et al. 2020, eq. 2
        variance = (1 - SCHEDULE.beta[t]) * variance + SCHEDULE.beta[t]
        one = torch.ones(1, 1, dtype=torch.float64)
        level = torch.tensor([t])
        assert float(add_noise(SCHEDULE, one, level, 0 * one)) == pytest.approx(float(mean), rel=1e-12)
        assert float(add_noise(SCHEDULE, 0 * one, level, one)) ** 2 == pytest.approx(float(variance), rel=1e-12)


@pytest.mark.parametrize("shape", [(3, 2), (3, 1, 4, 4)])
def test_every_element_has_its_own_level(shape):
    x0, noise = randn(*shape), randn(*shape, seed=1)
    x = add_noise(SCHEDULE, x0, torch.tensor([0, 7, 50]), noise)
    torch.testing.assert_close(x[0], x0[0], rtol=0, atol=0)  # level 0 is clean data
    for i, t in ((1, 7), (2, 50)):
        a = float(SCHEDULE.alpha_bar[t])
        torch.testing.assert_close(x[i], math.sqrt(a) * x0[i] + math.sqrt(1 - a) * noise[i])


def test_dtype_is_kept_and_the_roots_are_taken_before_the_cast():
    schedule = NoiseSchedule.linear(1000)
    x0 = randn(2, 3).float()
    x = add_noise(schedule, x0, torch.tensor([1, 1000]), randn(2, 3, seed=1).float())
    assert x.dtype == torch.float32
    _, sigma = signal_and_noise(schedule, torch.tensor([1]), x0[:1])
    assert sigma.item() == torch.tensor(0.01, dtype=torch.float32).item()  # √β_1; 1 − ᾱ_1 in float32 is off in digit 4


@pytest.mark.parametrize("t", [-1, 51])
def test_levels_outside_the_schedule_are_refused(t):
    with pytest.raises(ValueError, match="0..50"):
        add_noise(SCHEDULE, randn(1, 2), torch.tensor([t]), randn(1, 2))


def test_the_posterior_is_the_product_of_two_normals():
    """q(x_{t-1} | x_t, x_0) ∝ q(x_t | x_{t-1}) q(x_{t-1} | x_0): multiplied on a grid, against ddpm's step."""
    T = SCHEDULE.T
    x0, x = 0.7, -1.3
    a, a_before, beta = (float(v) for v in (SCHEDULE.alpha_bar[T], SCHEDULE.alpha_bar[T - 1], SCHEDULE.beta[T]))
    grid = torch.linspace(-8, 8, 20_001, dtype=torch.float64)
    log_density = -((x - math.sqrt(1 - beta) * grid) ** 2) / (2 * beta)
    log_density -= (grid - math.sqrt(a_before) * x0) ** 2 / (2 * (1 - a_before))
    density = log_density.softmax(0)
    mean = float(density @ grid)
    variance = float(density @ (grid - mean) ** 2)

    def knowing(x, t, label=None):  # a denoiser that knows x_0
        return (x - math.sqrt(a) * x0) / math.sqrt(1 - a)

    start = torch.full((4, 3), x, dtype=torch.float64)
    states = ddpm(knowing, SCHEDULE, start, generator=torch.Generator().manual_seed(3))
    next(states)
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    torch.testing.assert_close(next(states).x, mean + math.sqrt(variance) * z, rtol=0, atol=1e-8)


# ---- step by step ---------------------------------------------------------------------------------------------------


def groups_of_ends(schedule: NoiseSchedule, x0: torch.Tensor, groups: int, size: int) -> torch.Tensor:
    """x_T (groups, size, D) of independent chains from x0 (D,), one seed for all."""
    start = x0.expand(groups * size, -1)
    *_, end = step_by_step(schedule, start, generator=torch.Generator().manual_seed(11))
    return end.x.reshape(groups, size, -1)


def rejections(values: np.ndarray, level: float = 0.05) -> tuple[int, np.ndarray]:
    """How many groups (G, n) a Kolmogorov–Smirnov test against N(0, 1) rejects, and all p-values."""
    p = stats.kstest(values, "norm", axis=1).pvalue
    return int((p < level).sum()), p


def test_small_steps_and_one_jump_are_the_same_in_distribution():
    """Chains are standardised by what one jump says. The test must be wrong as often as it says it is, and no more."""
    schedule, x0 = NoiseSchedule.linear(6, 0.05, 0.3), torch.tensor([0.7, -1.2], dtype=torch.float64)
    groups, size = 400, 250
    left = float(schedule.alpha_bar[-1])
    ends = ((groups_of_ends(schedule, x0, groups, size) - math.sqrt(left) * x0) / math.sqrt(1 - left)).numpy()
    fixed = np.array([0.6, 0.8])  # a unit vector, chosen beforehand
    for values in (ends[..., 0], ends @ fixed):
        rejected, p = rejections(values)
        low, high = stats.binom.interval(0.999, groups, 0.05)
        assert low <= rejected <= high
        assert stats.kstest(p, "uniform").pvalue > 1e-3
    wrong = float(schedule.alpha_bar[-2])  # one level off is noticed
    off = (groups_of_ends(schedule, x0, groups, size) - math.sqrt(wrong) * x0) / math.sqrt(1 - wrong)
    assert rejections(off[..., 0].numpy())[0] > high


def test_the_chain_begins_with_the_data_and_has_every_level():
    x0 = randn(4, 1, 3, 3).float()
    states = list(step_by_step(SCHEDULE, x0, generator=torch.Generator().manual_seed(0)))
    assert [s.t for s in states] == list(range(SCHEDULE.T + 1))
    assert states[0].x is x0 and all(s.x.shape == x0.shape and s.x.dtype == x0.dtype for s in states)
    again = list(step_by_step(SCHEDULE, x0, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(again[-1].x, states[-1].x, rtol=0, atol=0)


# ---- is the end noise? ----------------------------------------------------------------------------------------------


def test_kl_to_noise_is_that_of_two_normals():
    x0 = randn(3, 1, 2, 2)
    found = kl_to_noise(SCHEDULE, x0)
    assert found.shape == (SCHEDULE.T + 1, 3) and bool(found[0].isposinf().all())
    for t in (1, 20, 50):
        left = SCHEDULE.alpha_bar[t]
        q = torch.distributions.Normal(left.sqrt() * x0, (1 - left).sqrt().expand_as(x0))
        each = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(dim=(1, 2, 3))
        torch.testing.assert_close(found[t], each.double())


def test_ten_steps_of_the_books_schedule_do_not_reach_noise_and_a_thousand_do():
    x0 = randn(1, 1000)
    few, many = (float(kl_to_noise(NoiseSchedule.linear(T), x0)[-1, 0]) for T in (10, 1000))
    assert few > 100 and many < 0.05


def test_kl_keeps_its_digits_where_next_to_nothing_is_left():
    schedule = NoiseSchedule.from_beta(torch.full((60,), 0.4))
    left = float(schedule.alpha_bar[-1])
    nothing = kl_to_noise(schedule, torch.zeros(1, 1))[-1, 0]
    assert float(nothing) == pytest.approx(left**2 / 4, rel=1e-6) and left < 1e-12
