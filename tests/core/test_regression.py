"""The straight line against NumPy, SciPy and torch's autograd; its descent against the closed form of a quadratic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core import regression
from core.regression import descend_line, least_squares, loss, made
from tests.core.test_devices import DevicesAreNamed


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


POINTS = made(100, 2.0, 5.0, generator=generator())


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10_000), st.sampled_from(regression.NOISES))
def test_least_squares_is_numpys(n, seed, noise):
    points = made(n, -1.5, 0.7, noise, generator=generator(seed))
    assert least_squares(points) == pytest.approx(tuple(np.polyfit(*points.T.numpy(), 1)), rel=1e-8, abs=1e-8)


def test_one_point_and_equal_x_have_the_level_line():
    assert least_squares(torch.tensor([[0.4, 3.0]], dtype=torch.float64)) == (0.0, 3.0)
    same = torch.tensor([[0.5, 1.0], [0.5, 2.0]], dtype=torch.float64)
    assert least_squares(same) == (0.0, 1.5)


@settings(max_examples=40, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5))
def test_gradient_and_hessian_are_autograds(slope, intercept):
    at = torch.tensor([slope, intercept], dtype=torch.float64, requires_grad=True)
    value = loss(POINTS, at[0], at[1])
    theirs = torch.autograd.grad(value, at)[0]
    assert regression.gradient(POINTS, slope, intercept) == pytest.approx(theirs.tolist(), rel=1e-10, abs=1e-10)
    hessian = torch.autograd.functional.hessian(lambda v: loss(POINTS, v[0], v[1]), at.detach())
    torch.testing.assert_close(regression.hessian(POINTS), hessian)


def test_the_log_likelihood_is_scipys_and_is_highest_where_the_loss_is_lowest():
    x, y = POINTS.T.numpy()
    for std in (0.2, 1.0, 3.0):
        mine = regression.log_likelihood(POINTS, 1.3, 4.8, std)
        assert float(mine) == pytest.approx(stats.norm.logpdf(y, 1.3 * x + 4.8, std).sum(), rel=1e-12)
        slopes = torch.linspace(0, 4, 41, dtype=torch.float64)
        likely = regression.log_likelihood(POINTS, slopes, torch.full_like(slopes, 5.5), std)
        assert likely.argmax() == loss(POINTS, slopes, torch.full_like(slopes, 5.5)).argmin()
    with pytest.raises(ValueError):
        regression.log_likelihood(POINTS, 0.0, 0.0, 0.0)


def test_full_batches_follow_the_closed_form_of_a_quadratic():
    best = torch.tensor(least_squares(POINTS), dtype=torch.float64)
    start = torch.tensor([-2.0, 1.0], dtype=torch.float64)
    matrix = torch.eye(2, dtype=torch.float64) - 0.3 * regression.hessian(POINTS)
    states = list(descend_line(POINTS, (-2.0, 1.0), rate=0.3, steps=50))
    assert [s.step for s in states] == list(range(51)) and not states[-1].diverged
    for state in states[::10]:
        expected = best + torch.linalg.matrix_power(matrix, state.step) @ (start - best)
        assert (state.slope, state.intercept) == pytest.approx(expected.tolist(), rel=1e-9)
    assert all(b.loss <= a.loss + 1e-15 for a, b in zip(states, states[1:], strict=False))


def test_a_rate_above_the_limit_diverges_and_one_below_arrives():
    limit = 2 / float(torch.linalg.eigvalsh(regression.hessian(POINTS))[-1])
    *_, above = descend_line(POINTS, (-2.0, 1.0), rate=1.05 * limit, steps=2000)
    assert above.diverged and above.step < 2000
    *_, below = descend_line(POINTS, (-2.0, 1.0), rate=0.95 * limit, steps=2000)
    assert (below.slope, below.intercept) == pytest.approx(least_squares(POINTS), rel=1e-6)


def test_mini_batches_go_through_all_points_before_any_comes_again():
    states = list(descend_line(POINTS, (0.0, 0.0), rate=0.05, steps=10, batch=20, generator=generator()))
    for epoch in (states[1:6], states[6:11]):
        assert sorted(torch.cat([s.batch for s in epoch]).tolist()) == list(range(100))
    assert states[1].batch.tolist() != states[6].batch.tolist()
    again = list(descend_line(POINTS, (0.0, 0.0), rate=0.05, steps=10, batch=20, generator=generator()))
    assert [s.slope for s in again] == [s.slope for s in states]


def test_uniform_noise_goes_into_the_intercept_with_its_mean():
    points = made(100_000, 2.0, 5.0, "uniform", generator=generator(1))
    slope, intercept = least_squares(points)
    spread = (1 / 12) ** 0.5 / 100_000**0.5 * 2  # standard error of an intercept at the end of [0, 1]
    assert intercept == pytest.approx(5.5, abs=5 * spread) and slope == pytest.approx(2.0, abs=9 * spread)


def test_what_makes_no_sense_is_said():
    with pytest.raises(ValueError, match="at least one point"):
        made(0, 1.0, 1.0, generator=generator())
    with pytest.raises(ValueError, match="noise"):
        made(3, 1.0, 1.0, "loud", generator=generator())
    with pytest.raises(ValueError, match="Batches"):
        list(descend_line(POINTS, (0.0, 0.0), rate=0.1, steps=1, batch=5))


def test_every_factory_names_its_device():
    with DevicesAreNamed():
        points = made(9, 1.0, 0.0, "normal", generator=generator())
        list(descend_line(points, (0.0, 0.0), rate=0.1, steps=2, batch=2, generator=generator()))
        regression.log_likelihood(points, 0.0, 0.0, 1.0)
        regression.hessian(points), least_squares(points)
