"""A schedule painted by hand: it follows the painting where it falls, and says where it could not."""

import math

import numpy as np
import pytest

from core.diffusion.painted import LOWEST, painted


def test_it_follows_the_painting():
    heights = [0.9, 0.6, 0.5, 0.05]
    found = painted(heights, 400)
    wished = np.interp(np.arange(401) / 400, np.arange(5) / 4, [1, *heights])
    np.testing.assert_allclose(found.schedule.alpha_bar, wished, rtol=1e-9)
    assert found.rise is None and found.added == 0


@pytest.mark.parametrize(
    ("heights", "rise", "added"),
    [
        ([0.5, 0.7, 0.8, 0.2], (0.25, 0.75), 0.3),
        ([0.2, 0.1, 0.1, 0.4], (0.75, 1.0), 0.3),
        ([0.3, 0.5, 0.1, 0.9], (0.75, 1.0), 0.8),  # the higher of two: it would be false to say 0.2 at most
        ([0.3, 0.9, 0.1, 0.3], (0.25, 0.5), 0.6),
        ([1.0, 1.0, 1.0, 1.0], None, 0.0),
    ],
)
def test_where_it_rises_the_lowest_height_so_far_is_kept(heights, rise, added):
    found = painted(heights, 100)
    assert found.rise == rise and found.added == pytest.approx(added)
    left = found.schedule.alpha_bar.numpy()
    assert (np.diff(left) < 0).all()
    wished = np.interp(np.arange(101) / 100, np.arange(5) / 4, np.minimum.accumulate([1, *heights]))
    np.testing.assert_allclose(left, wished, atol=1e-6)


@pytest.mark.parametrize("T", [1, 2, 3, 2000])
@pytest.mark.parametrize("heights", [[0.0] * 16, [1.0] * 16, [k / 15 for k in range(16)], [math.pi], [-5, 7]])
def test_the_extremes_are_schedules_too(heights, T):
    schedule = painted(heights, T).schedule
    assert schedule.T == T and bool(schedule.alpha_bar.isfinite().all())
    assert bool((schedule.beta[1:] > 0).all()) and bool((schedule.beta < 1).all())
    assert 0.9 * LOWEST < float(schedule.alpha_bar[-1]) <= 1


@pytest.mark.parametrize("heights", [[], [math.nan], [0.5, math.inf]])
def test_nothing_painted_is_refused(heights):
    with pytest.raises(ValueError, match="at least one height"):
        painted(heights, 10)
