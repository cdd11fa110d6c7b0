"""Three estimators of a gradient against its closed form, and the closed form against autograd and quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from core import gradients
from core.gradients import METHODS, PARAMETERS, Problem
from tests.core.test_devices import DevicesAreNamed

HERE = Problem(0.4, 0.6)
MANY = 400_000


def noise(n: int = MANY, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def value(mean: float, std: float, weight: float, problem: Problem = HERE) -> float:
    """E_q log p(x | z) by quadrature."""

    def inside(z: float) -> float:
        return stats.norm.logpdf(problem.x, weight * z, problem.noise) * stats.norm.pdf(z, mean, std)

    return integrate.quad(inside, mean - 12 * std, mean + 12 * std, epsabs=1e-12)[0]


@pytest.mark.parametrize("problem", [HERE, Problem(-1.0, 0.3, 0.7, 1.2, 0.5), Problem(2.0, 1.5)])
def test_the_closed_form_is_the_slope_of_the_expectation(problem):
    at, h = (problem.mean, math.log(problem.std), problem.weight), 1e-4
    for k, exact in enumerate(gradients.exact(problem).tolist()):
        up, down = ([v + h * sign * (i == k) for i, v in enumerate(at)] for sign in (1, -1))
        difference = (
            value(up[0], math.exp(up[1]), up[2], problem) - value(down[0], math.exp(down[1]), down[2], problem)
        ) / (2 * h)
        assert exact == pytest.approx(difference, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("method", ["pathwise", "score"])
def test_two_estimators_agree_in_the_mean(method):
    found = gradients.ESTIMATORS[method](HERE, noise())
    error = found.std(dim=0) / math.sqrt(MANY)
    assert ((found.mean(dim=0) - gradients.exact(HERE)).abs() < 4 * error).all()


def test_the_score_function_varies_more_and_the_cut_graph_loses_the_encoder():
    e = noise()
    path, score, cut = (gradients.ESTIMATORS[m](HERE, e) for m in METHODS)
    assert (score.var(dim=0)[:2] > 5 * path.var(dim=0)[:2]).all()
    assert not cut[:, :2].any() and torch.equal(cut[:, 2], path[:, 2])
    assert gradients.exact(HERE)[:2].abs().min() > 0.5


def test_each_draw_is_what_autograd_says():
    e = noise(50)
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.4, math.log(0.6), 1.5)]
    mean, log_std, weight = leaves

    def log_p(z: torch.Tensor) -> torch.Tensor:
        return torch.distributions.Normal(weight * z, HERE.noise).log_prob(torch.tensor(HERE.x))

    for k, one in enumerate(e):
        z = mean + log_std.exp() * one
        path = torch.autograd.grad(log_p(z), leaves)
        torch.testing.assert_close(torch.stack(path), gradients.pathwise(HERE, e)[k])
        thrown = z.detach()
        log_q = torch.distributions.Normal(mean, log_std.exp()).log_prob(thrown)
        surrogate = log_p(thrown).detach() * log_q + log_p(thrown)
        torch.testing.assert_close(torch.stack(torch.autograd.grad(surrogate, leaves)), gradients.score(HERE, e)[k])
        cut = torch.autograd.grad(log_p(thrown), leaves, allow_unused=True, materialize_grads=True)
        torch.testing.assert_close(torch.stack(cut), gradients.cut(HERE, e)[k])


def test_a_sample_and_its_log_likelihood():
    e = noise(100)
    z = gradients.sample(HERE, e)
    np.testing.assert_allclose(gradients.log_likelihood(HERE, z), stats.norm.logpdf(2.0, 1.5 * z.numpy(), 1.0))
    step = 1e-6
    around = [gradients.log_likelihood(HERE, z + s) for s in (step, -step)]
    torch.testing.assert_close(gradients.slope(HERE, z), (around[0] - around[1]) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"std": 0.0}, {"std": -1.0}, {"std": math.nan}, {"mean": math.inf}, {"noise": 0.0}])
def test_where_there_is_no_density_it_is_said(wrong):
    with pytest.raises(ValueError, match="positive"):
        Problem(**({"mean": 0.0, "std": 1.0} | wrong))


def test_every_tensor_names_its_device():
    e = noise(4)
    with DevicesAreNamed():
        for estimate in gradients.ESTIMATORS.values():
            assert estimate(HERE, e).shape == (4, len(PARAMETERS))
        gradients.exact(HERE)
