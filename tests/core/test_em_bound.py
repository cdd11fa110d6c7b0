"""EM in one parameter: against closed forms, a fine search, SciPy's densities and EM as a whole."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from core import data, em, em_starts
from core.em_bound import OneParameter, climb, e_step, log_likelihood, lower_bound, m_step
from tests.core.test_devices import DevicesAreNamed

X = data.old_faithful().waiting
WHICH = ("mean", "std", "weight")
STARTS = {"mean": (31.0, 76.0, 109.0), "std": (0.6, 6.0, 39.0), "weight": (0.01, 0.5, 0.99)}
RANGES = {"mean": (30.0, 110.0), "std": (0.5, 40.0), "weight": (0.005, 0.995)}


def family(which: str) -> OneParameter:
    return OneParameter(
        *(torch.tensor(v, dtype=torch.float64) for v in ((0.36, 0.64), (54.6, 80.1), (5.9, 5.8))), which
    )


def densities(which: str, value: float) -> np.ndarray:
    """p(x, k) by SciPy, (N, 2)."""
    weight, mean, std = 0.36, 54.6, 5.9
    weight, mean, std = {"mean": (weight, value, std), "std": (weight, mean, value), "weight": (value, mean, std)}[
        which
    ]
    x = X.numpy()
    return np.stack([weight * norm(mean, std).pdf(x), (1 - weight) * norm(80.1, 5.8).pdf(x)], axis=1)


@pytest.mark.parametrize("which", WHICH)
def test_curves_are_those_of_scipy(which):
    values = torch.linspace(*RANGES[which], 7, dtype=torch.float64)
    q = e_step(X, family(which), STARTS[which][1])
    joint = densities(which, STARTS[which][1])
    np.testing.assert_allclose(q, joint / joint.sum(1, keepdims=True), rtol=1e-9, atol=1e-12)
    q = q.clamp(min=1e-9)
    q = q / q.sum(dim=1, keepdim=True)
    for value, likelihood, bound in zip(
        values.tolist(), log_likelihood(X, family(which), values), lower_bound(X, family(which), q, values), strict=True
    ):
        joint = np.maximum(densities(which, value), 1e-300)
        if (joint > 1e-300).all():
            assert float(bound) == pytest.approx((q.numpy() * np.log(joint / q.numpy())).sum(1).mean(), rel=1e-10)
            assert float(likelihood) == pytest.approx(np.log(joint.sum(1)).mean(), rel=1e-10)
        assert bound <= likelihood + 1e-12


@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("place", range(3))
def test_the_bound_touches_after_e_and_m_finds_its_top(which, place):
    start = STARTS[which][place]
    states = list(climb(X, family(which), start, tolerance=0, max_iterations=8))
    assert [s.phase for s in states] == ["start", *["E", "M"] * 8] and states[0].value == start
    grid = torch.linspace(*RANGES[which], 4001, dtype=torch.float64)
    for before, now in zip(states, states[1:], strict=False):
        if now.phase == "E":
            assert now.value == before.value and now.log_likelihood == before.log_likelihood
            assert now.lower_bound == pytest.approx(now.log_likelihood, abs=1e-12)
        else:
            assert now.log_likelihood >= before.log_likelihood - 1e-13
            highest = float(lower_bound(X, family(which), now.responsibilities, grid).max())
            assert now.lower_bound >= highest - 1e-12


def test_the_m_step_is_that_of_em_where_em_has_it():
    x = X[:, None]
    mixture = em_starts.by_hand(x, torch.tensor([[50.0], [90.0]], dtype=torch.float64))
    *_, state = em.expectation_maximization(x, mixture, max_iterations=1)
    stds = mixture.covs[:, 0, 0].sqrt()
    for which, expected in (("mean", state.mixture.means[0, 0]), ("weight", state.mixture.weights[0])):
        one = OneParameter(mixture.weights, mixture.means[:, 0], stds, which)
        assert m_step(X, one, state.responsibilities) == pytest.approx(float(expected), rel=1e-12)
    about = OneParameter(mixture.weights, state.mixture.means[:, 0], stds, "std")
    assert m_step(X, about, state.responsibilities) == pytest.approx(float(state.mixture.covs[0, 0, 0].sqrt()))


def test_it_ends_where_nothing_rises_any_more_and_where_nothing_is_left():
    states = list(climb(X, family("mean"), 60.0, tolerance=1e-6))
    assert states[-1].log_likelihood - states[-3].log_likelihood < 1e-6 and len(states) < 40
    lost = OneParameter(
        *(torch.tensor(v, dtype=torch.float64) for v in ((1e-9, 1.0), (0.0, 80.0), (1e-3, 9.0))), "mean"
    )
    states = list(climb(X, lost, -1e6))
    assert [s.phase for s in states] == ["start", "E"] and math.isfinite(states[-1].lower_bound)


@pytest.mark.parametrize("which, value", [("std", 0.0), ("std", math.nan), ("weight", 1.2), ("weight", -0.1)])
def test_values_that_cannot_be_are_refused(which, value):
    with pytest.raises(ValueError, match="standard deviation|weight"):
        log_likelihood(X, family(which), torch.tensor([value], dtype=torch.float64))


def test_three_components_are_refused():
    with pytest.raises(ValueError, match="two"):
        OneParameter(torch.ones(3) / 3, torch.zeros(3), torch.ones(3), "mean")


def test_every_tensor_is_made_on_the_device_of_its_inputs():
    with DevicesAreNamed():
        for which in WHICH:
            list(climb(X, family_named(which), STARTS[which][1], max_iterations=2))


def family_named(which: str) -> OneParameter:
    values = ((0.36, 0.64), (54.6, 80.1), (5.9, 5.8))
    return OneParameter(*(torch.tensor(v, dtype=torch.float64, device="cpu") for v in values), which)
