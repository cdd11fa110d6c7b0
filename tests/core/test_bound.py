"""log p(x) = lower bound + KL, for any shares; and the two curves along one parameter."""

import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr
from torch import Tensor

from core.bound import kl_gap, lower_bound, one_parameter_bound, with_parameter
from core.data import old_faithful
from core.em import EMError, expectation_maximization
from core.em_starts import book_start
from core.gaussian_mixture import GaussianMixture
from tests.core.test_devices import DevicesAreNamed

X = old_faithful().values


def mixture() -> GaussianMixture:
    states = expectation_maximization(X, book_start(), max_iterations=3)
    return [state.mixture for state in states][-1]


def any_shares(k: int = 2, seed: int = 0) -> Tensor:
    g = torch.Generator("cpu").manual_seed(seed)
    return (2 * torch.randn(len(X), k, generator=g, dtype=torch.float64)).softmax(dim=1)


@pytest.mark.parametrize("seed", range(4))
def test_bound_and_gap_add_up_to_the_log_likelihood_for_any_shares(seed):
    m, q = mixture(), any_shares(seed=seed)
    total = lower_bound(X, m, q) + float(kl_gap(X, m, q).mean())
    assert total == pytest.approx(float(m.log_prob(X).mean()), abs=1e-12)


def test_the_gap_is_scipys_relative_entropy():
    m, q = mixture(), any_shares()
    expected = rel_entr(q.numpy(), m.responsibilities(X).numpy()).sum(axis=1)
    np.testing.assert_allclose(kl_gap(X, m, q).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_the_e_steps_shares_leave_no_gap():
    m = mixture()
    gap = kl_gap(X, m, m.responsibilities(X))
    assert bool((gap >= 0).all()) and float(gap.max()) < 1e-12


def test_hard_shares_and_impossible_ones():
    m = mixture()
    hard = torch.nn.functional.one_hot(m.responsibilities(X).argmax(1), 2).double()
    assert math.isfinite(lower_bound(X, m, hard))
    alone = GaussianMixture(torch.tensor([1.0, 0.0]), m.means, m.covs)
    assert lower_bound(X, alone, any_shares()) == -math.inf
    assert lower_bound(X, alone, torch.tensor([[1.0, 0.0]]).expand(len(X), 2)) == pytest.approx(
        float(alone.log_prob(X).mean())
    )


PARAMETERS = [("mean", 0, 0), ("mean", 1, 1), ("std", 0, 1), ("std", 1, 0), ("weight", 0, 0), ("weight", 1, 0)]


def value_of(m: GaussianMixture, parameter: str, component: int, axis: int) -> float:
    return {
        "mean": float(m.means[component, axis]),
        "std": float(m.covs[component, axis, axis].sqrt()),
        "weight": float(m.weights[component]),
    }[parameter]


@pytest.mark.parametrize(("parameter", "component", "axis"), PARAMETERS)
def test_the_bound_touches_where_the_parameter_is_and_is_below_elsewhere(parameter, component, axis):
    m = mixture()
    here = value_of(m, parameter, component, axis)
    values = here * torch.linspace(0.5, 1.3, 41, dtype=torch.float64)
    values = torch.cat([values, torch.tensor([here], dtype=torch.float64)])
    choice = {"parameter": parameter, "component": component, "axis": axis}
    curve = one_parameter_bound(X, m, m.responsibilities(X), values, **choice)
    assert float(curve.log_likelihood[-1]) == pytest.approx(float(m.log_prob(X).mean()), abs=1e-12)
    assert float(curve.lower_bound[-1]) == pytest.approx(float(curve.log_likelihood[-1]), abs=1e-12)
    gap = curve.log_likelihood - curve.lower_bound
    assert float(gap.min()) > -1e-12 and float(gap.max()) > 1e-3
    for value, level, bound in zip(values[::10], curve.log_likelihood[::10], curve.lower_bound[::10], strict=True):
        moved = with_parameter(m, float(value), **choice)
        GaussianMixture(moved.weights, moved.means, moved.covs)  # raises for what is none
        assert value_of(moved, *choice.values()) == pytest.approx(float(value), rel=1e-12)
        assert float(level) == pytest.approx(float(moved.log_prob(X).mean()), abs=1e-12)
        assert float(bound) == pytest.approx(lower_bound(X, moved, m.responsibilities(X)), abs=1e-12)


def test_a_std_moves_alone():
    m = mixture()
    moved = with_parameter(m, 3.0, parameter="std", component=1, axis=0)
    before, after = (correlation(covs) for covs in (m.covs, moved.covs))
    np.testing.assert_allclose(after, before, rtol=1e-12)
    assert float(moved.covs[1, 1, 1]) == pytest.approx(float(m.covs[1, 1, 1]), rel=1e-12)
    assert torch.equal(moved.covs[0], m.covs[0])


def correlation(covs: Tensor) -> np.ndarray:
    stds = covs.diagonal(dim1=1, dim2=2).sqrt()
    return (covs / stds[:, :, None] / stds[:, None, :]).numpy()


def test_the_top_of_the_bound_in_a_mean_is_the_weighted_mean_for_uncorrelated_components():
    q = any_shares()
    begin = book_start()
    values = torch.linspace(55, 85, 3001, dtype=torch.float64)
    curve = one_parameter_bound(X, begin, q, values, parameter="mean", component=0, axis=1)
    expected = float(q[:, 0] @ X[:, 1] / q[:, 0].sum())
    assert float(values[curve.lower_bound.argmax()]) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("std", 0.0), ("std", -1.0), ("weight", -0.1), ("weight", 1.1), ("mean", math.nan), ("mean", math.inf)],
)
def test_values_that_make_no_mixture_are_nan(parameter, value):
    m = mixture()
    good = value_of(m, parameter, 0, 0)
    curve = one_parameter_bound(X, m, m.responsibilities(X), [value, good], parameter=parameter)
    assert bool(curve.log_likelihood[0].isnan()) and bool(curve.lower_bound[0].isnan())
    assert bool(curve.log_likelihood[1].isfinite())


def test_a_weight_of_zero_or_one():
    m = mixture()
    curve = one_parameter_bound(X, m, m.responsibilities(X), [0.0, 1.0], parameter="weight")
    alone = [GaussianMixture(torch.ones(1), m.means[[k]], m.covs[[k]]) for k in (1, 0)]
    expected = [float(one.log_prob(X).mean()) for one in alone]
    np.testing.assert_allclose(curve.log_likelihood.numpy(), expected, rtol=1e-12)
    assert curve.lower_bound.tolist() == [-math.inf, -math.inf]
    single = GaussianMixture(torch.ones(1), m.means[:1], m.covs[:1])
    assert with_parameter(single, 0.5, parameter="weight") is None
    assert with_parameter(single, 1.0, parameter="weight") is not None


@pytest.mark.parametrize("choice", [{"parameter": "cov"}, {"component": 2}, {"component": -1}, {"axis": 2}])
def test_unknown_parameters_are_refused(choice):
    with pytest.raises(EMError, match="Choose"):
        one_parameter_bound(X, mixture(), any_shares(), [1.0], **choice)


def test_shares_of_another_shape_are_refused():
    with pytest.raises(EMError, match="272, 2"):
        lower_bound(X, mixture(), any_shares(3))


def test_every_tensor_names_its_device():
    m, q = mixture(), any_shares()
    with DevicesAreNamed():
        lower_bound(X, m, q)
        kl_gap(X, m, q)
        one_parameter_bound(X, m, q, [1.0])
