"""Classifier-free guidance: its formula, its calls, and the Gaussians that it really samples from."""

import pytest
import torch

from core.diffusion.exact import MixtureDenoiser
from core.diffusion.guidance import classifier_free
from core.diffusion.samplers import ddim, ddpm
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture

SCHEDULE = NoiseSchedule.linear(1000)


def gaussian(variance: float) -> MixtureDenoiser:
    return MixtureDenoiser(GaussianMixture(torch.ones(1), torch.zeros(1, 1), torch.full((1, 1, 1), variance)), SCHEDULE)


NARROW, WIDE = gaussian(1.0), gaussian(2.0)


def two_gaussians(x, t, label=None):
    """The exact denoiser for data N(0, 2) that are N(0, 1) where they bear label 0."""
    asked = torch.full_like(t, -1) if label is None else label
    return torch.where((asked == 0)[:, None], NARROW(x, t), WIDE(x, t))


class Spy:
    """A denoiser that remembers what it was asked, and answers with a number for each label."""

    def __init__(self):
        self.asked = []

    def __call__(self, x, t, label=None):
        self.asked.append((x, t, label))
        return x * 0 + 10.0 * (torch.full_like(t, -1) if label is None else label)[:, None] + t[:, None]


X = torch.zeros(3, 2)
T = torch.tensor([1, 2, 3])
LABEL = torch.tensor([4, -1, 6])


@pytest.mark.parametrize("scale", [-0.5, 0.0, 0.5, 1.0, 1.5, 7.0])
def test_none_plus_scale_times_the_difference(scale):
    none, conditional = -10.0 + T, 10.0 * LABEL + T
    expected = (none + scale * (conditional - none))[:, None].expand(3, 2)
    torch.testing.assert_close(classifier_free(Spy(), scale)(X, T, LABEL), expected)


def test_one_call_on_both():
    spy = Spy()
    classifier_free(spy, 3.0)(X, T, LABEL)
    ((x, t, label),) = spy.asked
    assert x.shape == (6, 2)
    assert sorted(zip(t.tolist(), label.tolist(), strict=True)) == [(1, -1), (1, 4), (2, -1), (2, -1), (3, -1), (3, 6)]


def test_scales_one_and_zero_are_the_plain_predictions():
    spy = Spy()
    torch.testing.assert_close(classifier_free(spy, 1.0)(X, T, LABEL), spy(X, T, LABEL), rtol=0, atol=0)
    torch.testing.assert_close(classifier_free(spy, 0.0)(X, T, LABEL), spy(X, T), rtol=0, atol=0)


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_without_a_label_there_is_nothing_to_pull_towards(scale):
    spy = Spy()
    expected = spy(X, T)
    torch.testing.assert_close(classifier_free(spy, scale)(X, T), expected, rtol=0, atol=0)
    torch.testing.assert_close(classifier_free(spy, scale)(X, T, torch.full_like(T, -1)), expected)
    assert len(spy.asked) == 3


@pytest.mark.parametrize("scale", [float("nan"), float("inf")])
def test_a_scale_that_is_no_number_is_refused(scale):
    with pytest.raises(ValueError, match="finite"):
        classifier_free(Spy(), scale)


# Bradley and Nakkiran 2024 (arXiv 2408.09000): guided by γ, neither road leads to p(x)^{1−γ} p(x | label)^γ, whose
# variance is 2 / (γ + 1). The limits hold for ever finer steps; at T = 1000 they are up to 1.5% away.
GAMMAS = [1.0, 1.5, 2.0, 3.0]


@pytest.mark.parametrize("gamma", GAMMAS)
def test_guided_gaussian_by_ode(gamma):
    start = torch.ones(1, 1, dtype=torch.float64)  # everything is linear: what 1 becomes is the standard deviation
    *_, end = ddim(classifier_free(two_gaussians, gamma), SCHEDULE, start, steps=1000, label=torch.tensor([0]))
    assert end.x.item() ** 2 == pytest.approx(2 ** (1 - gamma), rel=0.015)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_guided_gaussian_by_sde(gamma):
    """ddpm is x_{t-1} = a_t x_t + b_t z: the same z from two starts gives a_t, and z itself b_t. No sampling error."""
    guided = classifier_free(two_gaussians, gamma)
    start = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    drawn = torch.Generator().manual_seed(0)
    states = ddpm(guided, SCHEDULE, start, label=torch.tensor([0, 0]), generator=torch.Generator().manual_seed(0))
    before, variance = next(states).x, 1.0
    for state in states:
        z = torch.randn(2, 1, generator=drawn, dtype=torch.float64)
        a, b = torch.linalg.solve(torch.cat([before, z], dim=1), state.x[:, 0]).tolist()
        variance = a**2 * variance + b**2
        before = state.x
    assert b == pytest.approx(0, abs=1e-12)  # no noise at the last step
    assert variance == pytest.approx((2 - 2 ** (2 - 2 * gamma)) / (2 * gamma - 1), rel=0.015)
