"""The noise schedules against the formulas of their papers."""

import math

import pytest
import torch

from core.diffusion.schedule import NoiseSchedule

SCHEDULES = [NoiseSchedule.linear(1000), NoiseSchedule.cosine(1000), NoiseSchedule.linear(1), NoiseSchedule.cosine(7)]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=["linear", "cosine", "one level", "seven levels"])
def test_a_schedule_is_consistent(schedule):
    for values in (schedule.beta, schedule.alpha, schedule.alpha_bar):
        assert values.shape == (schedule.T + 1,)
        assert values.dtype == torch.float64
        assert values.device.type == "cpu"
    assert float(schedule.alpha_bar[0]) == 1.0
    torch.testing.assert_close(schedule.alpha, 1 - schedule.beta, rtol=0, atol=0)
    torch.testing.assert_close(schedule.alpha_bar[1:], schedule.alpha_bar[:-1] * schedule.alpha[1:], rtol=1e-12, atol=0)
    assert bool((schedule.alpha_bar.diff() < 0).all())
    assert bool((schedule.alpha_bar > 0).all())


def test_linear_is_the_schedule_of_ho_et_al():
    beta = NoiseSchedule.linear(1000).beta
    assert float(beta[1]) == 1e-4
    assert float(beta[1000]) == pytest.approx(0.02, rel=1e-14)
    torch.testing.assert_close(beta[1:].diff(), torch.full((999,), (0.02 - 1e-4) / 999, dtype=torch.float64))
    assert float(NoiseSchedule.linear(1000).alpha_bar[1000]) == pytest.approx(4.0e-5, rel=0.02)  # as they print
    assert float(NoiseSchedule.linear(10, beta_start=0.1, beta_end=0.5).beta[10]) == pytest.approx(0.5)


def test_cosine_is_the_schedule_of_nichol_and_dhariwal():
    T, s = 1000, 0.008
    schedule = NoiseSchedule.cosine(T)
    f = [math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2 for t in range(T + 1)]
    for t in (1, 10, 500, 999):  # before the cap on β has an effect
        assert float(schedule.alpha_bar[t]) == pytest.approx(f[t] / f[0], rel=1e-9)
    assert float(schedule.beta.max()) == 0.999
    assert 1e-10 < float(schedule.alpha_bar[T]) < 1e-8


@pytest.mark.parametrize("make", [NoiseSchedule.linear, NoiseSchedule.cosine])
@pytest.mark.parametrize("T", [0, -3])
def test_a_schedule_without_levels_is_refused(make, T):
    with pytest.raises(ValueError, match="level"):
        make(T)


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_beta_that_is_no_share_is_refused(beta):
    with pytest.raises(ValueError, match="β"):
        NoiseSchedule.linear(10, beta_end=beta)
