"""What guidance samples in the Gaussian case: closed forms, recursion, particles; and all roads to one arrow."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp

from core.diffusion.exact import MixtureDenoiser
from core.diffusion.guidance import classifier_free, classifier_guided, composed
from core.diffusion.guided_gaussian import (
    guided_each,
    nested_gaussians,
    ode_variance,
    sde_variance,
    tilted_variance,
    walked,
)
from core.diffusion.samplers import ddim, ddpm
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture

GAMMAS = (-5.0, -1.0, 0.0, 0.5, 1.0, 3.0, 7.0, 50.0)


def test_the_numbers_that_everybody_can_check():
    assert (float(ode_variance(3)), float(sde_variance(3)), float(tilted_variance(3))) == (0.25, 0.3875, 0.5)
    assert float(sde_variance(0.5)) == 2 * math.log(2)
    assert abs(float(sde_variance(0.5 + 1e-9)) - 2 * math.log(2)) < 1e-7
    assert np.isnan(tilted_variance(np.array([-1.0, -4.0]))).all()
    for gamma in (0.0, 1.0):
        assert ode_variance(gamma) == pytest.approx(sde_variance(gamma)) == pytest.approx(tilted_variance(gamma))


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_closed_forms_solve_their_equations(gamma):
    """By SciPy, in ᾱ from 0 to 1, from dx/dᾱ = (x + s)/2ᾱ and dV/dᾱ = ((1 − 2k) V + 1)/ᾱ, s = −k x."""

    def k(a):
        return gamma + (1 - gamma) / (1 + a)

    start = 1e-7
    ode = solve_ivp(lambda a, x: x * (1 - k(a)) / (2 * a), (start, 1), [1.0], rtol=1e-9, atol=1e-12)
    assert ode.y[0, -1] ** 2 == pytest.approx(float(ode_variance(gamma)), rel=1e-4)
    sde = solve_ivp(lambda a, v: ((1 - 2 * k(a)) * v + 1) / a, (start, 1), [1.0], method="LSODA", rtol=1e-9, atol=1e-12)
    assert sde.y[0, -1] == pytest.approx(float(sde_variance(gamma)), rel=1e-4)
    if gamma > -1:

        def tilted(x):
            return math.exp(-(1 - gamma) * x * x / 4 - gamma * x * x / 2)  # p(x)^{1−γ} p(x | y)^γ, up to a constant

        wide = 12 * float(tilted_variance(gamma)) ** 0.5
        mass, second = (quad(f, -wide, wide)[0] for f in (tilted, lambda x: x * x * tilted(x)))
        assert second / mass == pytest.approx(float(tilted_variance(gamma)), rel=1e-6)


@pytest.mark.parametrize("make", [NoiseSchedule.linear, NoiseSchedule.cosine])
def test_finer_steps_come_nearer_to_the_closed_forms(make):
    """At T = 1000 and γ = 3 the steps miss them by up to 1.5%."""
    for noisy, closed in ((False, ode_variance), (True, sde_variance)):
        off = [abs(float(walked(make(T), 3.0, noisy=noisy)) / float(closed(3.0)) - 1) for T in (100, 1000, 4000)]
        assert off[0] > off[1] and off[1] < 0.015 and off[2] < 0.015
    fine = NoiseSchedule.cosine(8000)
    assert float(walked(fine, 3.0, noisy=True)) == pytest.approx(0.3875, rel=1e-3)


@pytest.mark.parametrize("T", [2, 40])
def test_the_recursion_is_what_the_samplers_do(T):
    """A sampler's step is linear here: from starts 0 and 1 with the same noise its two numbers can be read off."""
    schedule = NoiseSchedule.cosine(T)
    label = torch.zeros(2, dtype=torch.int64)
    for gamma in GAMMAS:
        guided = classifier_free(nested_gaussians(schedule), gamma)
        *_, end = ddim(guided, schedule, torch.ones(2, 1, dtype=torch.float64), steps=T, label=label)
        assert end.x[0].item() ** 2 == pytest.approx(float(walked(schedule, gamma, noisy=False)), rel=1e-9)
        drawn = torch.Generator().manual_seed(0)
        start = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
        states = ddpm(guided, schedule, start, label=label, generator=torch.Generator().manual_seed(0))
        before, variance = next(states).x, 1.0
        for state in states:
            z = torch.randn(2, 1, generator=drawn, dtype=torch.float64)
            m, n = torch.linalg.solve(torch.cat([before, z], dim=1), state.x[:, 0]).tolist()
            variance, before = m * m * variance + n * n, state.x
        if gamma in (0.0, 1.0, 3.0):  # elsewhere the equations for m and n are too ill-conditioned
            assert variance == pytest.approx(float(walked(schedule, gamma, noisy=True)), rel=1e-6)


def test_particles_have_the_exact_variance_of_their_steps():
    schedule, count = NoiseSchedule.cosine(40), 40_000
    gammas = torch.tensor([-1.0, 0.5, 1.0, 3.0, 7.0], dtype=torch.float64)
    guided = guided_each(nested_gaussians(schedule), gammas)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, 1, generator=generator, dtype=torch.float64).expand(count, len(gammas)).contiguous()
    label = torch.zeros(count, dtype=torch.int64)
    for noisy in (False, True):
        walk = (
            ddpm(guided, schedule, noise, label=label, generator=generator)
            if noisy
            else ddim(guided, schedule, noise, steps=40, label=label)
        )
        *_, end = walk
        exact = walked(schedule, gammas.numpy(), noisy=noisy)
        seen = end.x.square().mean(dim=0).numpy()
        assert (np.abs(seen / exact - 1) < 4 * math.sqrt(2 / count)).all()


def test_columns_are_guided_as_by_classifier_free_guidance():
    schedule = NoiseSchedule.cosine(30)
    denoiser, t = nested_gaussians(schedule), torch.tensor([1, 9, 30])
    x, label = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 0, -1])
    both = guided_each(denoiser, torch.tensor([3.0, -2.0]))(x, t, label)
    for column, gamma in enumerate((3.0, -2.0)):
        torch.testing.assert_close(both[:, column], classifier_free(denoiser, gamma)(x, t, label)[:, column])


def test_the_pair_of_gaussians_is_the_exact_denoiser_of_each():
    schedule = NoiseSchedule.cosine(30)
    x, t = torch.randn(5, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64), torch.arange(2, 27, 5)
    for label, variance in ((0, 1.0), (-1, 2.0)):
        one = GaussianMixture(torch.ones(1), torch.zeros(1, 1), torch.full((1, 1, 1), variance))
        mine = nested_gaussians(schedule)(x, t, torch.full((5,), label))
        torch.testing.assert_close(mine, MixtureDenoiser(one, schedule)(x, t))


# ---- one arrow, by several roads ------------------------------------------------------------------------------------

SCHEDULE = NoiseSchedule.cosine(100)
MIXTURE = GaussianMixture(
    torch.tensor([0.5, 0.3, 0.2]),
    torch.tensor([[1.0, 0.0], [-1.0, 0.8], [0.0, -1.2]]),
    torch.tensor([[[0.5, 0.2], [0.2, 0.4]], [[0.3, 0.0], [0.0, 0.6]], [[0.2, -0.1], [-0.1, 0.3]]]),
)
DENOISER = MixtureDenoiser(MIXTURE, SCHEDULE)
X = 2 * torch.randn(60, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
T = torch.arange(1, 61) + 30
LABEL = torch.arange(60) % 4 - 1  # −1 … 2


@pytest.mark.parametrize("gamma", [-3.0, 0.0, 0.5, 1.0, 3.0, 50.0])
def test_with_exact_scores_a_classifier_and_a_difference_are_one_guidance(gamma):
    by_classifier = classifier_guided(DENOISER, DENOISER.log_posterior, gamma, SCHEDULE)
    with torch.no_grad():  # as in a sampler
        one = by_classifier(X, T, LABEL)
    torch.testing.assert_close(one, classifier_free(DENOISER, gamma)(X, T, LABEL), rtol=1e-11, atol=1e-11)
    assert not one.requires_grad
    torch.testing.assert_close(by_classifier(X, T), DENOISER(X, T), rtol=0, atol=0)


def test_the_exact_classifier_is_bayes_rule_at_every_level():
    asked = LABEL.clamp(min=0)
    for level in (1, 40, 100):
        t = torch.full((60,), level)
        expected = DENOISER.marginal(level).responsibilities(X)[torch.arange(60), asked].log()
        torch.testing.assert_close(DENOISER.log_posterior(X, t, asked), expected)


def test_a_walk_by_either_ends_at_the_same_points():
    label = torch.full((60,), 1)
    ends = []
    for guided in (
        classifier_guided(DENOISER, DENOISER.log_posterior, 3.0, SCHEDULE),
        classifier_free(DENOISER, 3.0),
        composed(DENOISER, (1,), (3.0,)),
    ):
        *_, end = ddim(guided, SCHEDULE, X / 2, steps=50, label=label)
        ends.append(end.x)
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(ends[2], ends[1], rtol=0, atol=1e-12)


def test_composed_adds_one_difference_for_each_label_in_one_call():
    calls = []

    def spy(x, t, label=None):
        calls.append(len(x))
        return DENOISER(x, t, label)

    none = DENOISER(X, T)
    differences = [DENOISER(X, T, torch.full((60,), y)) - none for y in range(3)]
    weights = (1.5, -2.0, 0.25)
    expected = none + sum(w * d for w, d in zip(weights, differences, strict=True))
    torch.testing.assert_close(composed(spy, range(3), weights)(X, T), expected)
    assert calls == [4 * 60]
    torch.testing.assert_close(composed(spy, (0, 2), (0.0, 0.0))(X, T, LABEL), none, rtol=0, atol=0)
    torch.testing.assert_close(composed(spy, (1, 1), (1.0, 2.0))(X, T), classifier_free(DENOISER, 3.0)(X, T, T * 0 + 1))
    assert composed(spy, (0, 1), (0.0, 1.0))(X, T).shape == X.shape and calls[-1] == 2 * 60


@pytest.mark.parametrize("scale", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(scale):
    with pytest.raises(ValueError, match="finite"):
        classifier_guided(DENOISER, DENOISER.log_posterior, scale, SCHEDULE)
    with pytest.raises(ValueError, match="finite"):
        composed(DENOISER, (0,), (scale,))
    with pytest.raises(ValueError, match="as many weights"):
        composed(DENOISER, (0, 1), (1.0,))
