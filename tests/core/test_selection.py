"""AIC and BIC against scikit-learn's; cross-validation against its definition."""

import math

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture as Sklearn

from core.data import old_faithful
from core.em import EMError
from core.em_starts import best, many_starts
from core.selection import aic, bic, compare, cross_validated, parameters
from tests.core.test_devices import DevicesAreNamed

X = old_faithful().values


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_criteria_are_scikit_learns(k):
    """Our fit as scikit-learn's start, with nothing left to gain: the same likelihood, and the same count."""
    found = best(many_starts(X, k, "kmeans++", count=3, generator=generator(), max_iterations=2000, tolerance=1e-13))
    peer = Sklearn(
        k,
        tol=1e-3,
        reg_covar=0,
        weights_init=found.mixture.weights.numpy(),
        means_init=found.mixture.means.numpy(),
        precisions_init=np.linalg.inv(found.mixture.covs.numpy()),
    ).fit(X.numpy())
    total, free = found.log_likelihood * len(X), parameters(k, 2)
    assert aic(total, free) == pytest.approx(peer.aic(X.numpy()), abs=1e-6)
    assert bic(total, free, len(X)) == pytest.approx(peer.bic(X.numpy()), abs=1e-6)


def test_the_number_of_parameters():
    assert [parameters(k, 2) for k in (1, 2, 3)] == [5, 11, 17]
    assert parameters(2, 1) == 5 and parameters(3, 10) == 2 + 30 + 165


def test_one_component_is_cross_validated_as_by_hand():
    """A single normal needs no EM: mean and covariance of the other folds, density of the one held out."""
    result = cross_validated(X, 1, folds=5, starts=1, generator=generator(3), tolerance=1e-12)
    fold = torch.randperm(len(X), generator=generator(3)) % 5
    expected = []
    for held_out in range(5):
        rest, out = X[fold != held_out], X[fold == held_out]
        cov = torch.cov(rest.T, correction=0)
        normal = torch.distributions.MultivariateNormal(rest.mean(0), cov)
        expected.append(float(normal.log_prob(out).mean()))
    np.testing.assert_allclose(result.folds.numpy(), expected, rtol=1e-10)
    assert result.mean == pytest.approx(np.mean(expected))
    assert result.standard_error == pytest.approx(np.std(expected, ddof=1) / math.sqrt(5))
    assert result.failed == 0


def test_two_geysers_rather_than_one():
    choices = list(compare(X, (1, 2, 3), starts=5, folds=5, fold_starts=2))
    assert [choice.k for choice in choices] == [1, 2, 3]
    assert min(choices, key=lambda choice: choice.bic).k == 2
    one, two, _ = (choice.held_out.mean for choice in choices)
    assert two > one + 0.4
    for choice in choices:
        assert choice.aic == pytest.approx(2 * choice.parameters - 2 * choice.best.log_likelihood * len(X))
        assert choice.bic - choice.aic == pytest.approx(choice.parameters * (math.log(len(X)) - 2))
        assert choice.held_out.mean < choice.best.log_likelihood  # points not seen are less likely


def test_the_same_seed_gives_the_same_answers():
    a, b = (list(compare(X, (2,), starts=2, folds=3, fold_starts=1, seed=4))[0] for _ in range(2))
    assert torch.equal(a.held_out.folds, b.held_out.folds) and a.bic == b.bic


def test_where_every_fit_collapses_there_is_no_answer():
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64).repeat_interleave(10, dim=0)
    choice = next(compare(x, (2,), starts=3, folds=2, fold_starts=2))
    assert choice.best is None and choice.collapsed == 3
    assert math.isnan(choice.aic) and math.isnan(choice.bic)
    assert choice.held_out.failed == 2 and len(choice.held_out.folds) == 0
    assert math.isnan(choice.held_out.mean) and math.isnan(choice.held_out.standard_error)


@pytest.mark.parametrize(
    ("x", "k", "folds", "reason"),
    [
        (X, 2, 1, "settings"),
        (X[:5], 2, 6, "settings"),
        (X[:4], 3, 2, "too_few_points"),
        (torch.tensor([[float("nan"), 1.0], [0.0, 0.0]]), 1, 2, "not_finite"),
    ],
)
def test_what_cannot_be_cross_validated(x, k, folds, reason):
    with pytest.raises(EMError) as caught:
        cross_validated(x, k, folds=folds, generator=generator())
    assert caught.value.reason == reason


def test_every_tensor_names_its_device():
    with DevicesAreNamed():
        list(compare(X, (1, 2), starts=1, folds=2, fold_starts=1))
