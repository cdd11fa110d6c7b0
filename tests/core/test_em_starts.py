"""Starts, many fits, which of them collapsed; and the two numbers of the book's start."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core.data import old_faithful
from core.em import EMError, expectation_maximization, last
from core.em_starts import (
    best,
    book_log_likelihood,
    book_start,
    by_hand,
    collapsed_components,
    fit,
    many_starts,
    optima,
    spread_means,
    start,
    times_found,
)
from core.gaussian_mixture import GaussianMixture
from tests.core.test_devices import DevicesAreNamed

X = old_faithful().values


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def grouped(seed: int = 0) -> Tensor:
    """Three far groups of 40, 40 and 20 points, in units that differ."""
    centres = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 900.0]], dtype=torch.float64)
    sizes = torch.tensor([40, 40, 20])
    noise = torch.randn(100, 2, generator=generator(seed), dtype=torch.float64) * torch.tensor([0.5, 50.0])
    return centres.repeat_interleave(sizes, dim=0) + noise


# the book's start, and its number


def by_component(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log p(x) at the book's start by hand: Σ = I, so only squares and one constant are left."""
    log_normal = [-0.5 * ((x - mean) ** 2).sum(axis=1) - math.log(2 * math.pi) for mean in ([0, 50], [0, 100])]
    return np.logaddexp(*log_normal) + math.log(0.5)


def test_the_true_log_likelihood_at_the_books_start_and_what_the_book_prints():
    log_prob = by_component(X.numpy())
    state = next(expectation_maximization(X, book_start()))
    assert state.log_likelihood == pytest.approx(log_prob.mean(), rel=1e-12)
    assert round(state.log_likelihood, 3) == -137.488
    printed = book_log_likelihood(X, book_start())
    assert printed == pytest.approx(np.log(np.exp(log_prob) + 1e-8).mean(), rel=1e-12)
    assert round(printed, 3) == -16.538
    assert int((log_prob < math.log(1e-8)).sum()) == 215  # of the points, the 1e-8 outweighs the density


def test_at_the_end_the_books_number_is_the_true_one():
    end = last(expectation_maximization(X, book_start()))
    assert book_log_likelihood(X, end.mixture) == pytest.approx(end.log_likelihood, abs=1e-4)
    assert book_log_likelihood(X, end.mixture) > end.log_likelihood


# starts


@pytest.mark.parametrize("kind", ["random", "kmeans++"])
@pytest.mark.parametrize("k", [1, 3, 8])
def test_drawn_starts_are_points_with_the_covariance_of_all(kind, k):
    begin = start(X, k, kind, generator=generator())
    torch.testing.assert_close(begin.weights, torch.full((k,), 1 / k, dtype=torch.float64))
    torch.testing.assert_close(begin.covs, torch.cov(X.T, correction=0).expand(k, 2, 2))
    assert all(bool((mean == X).all(dim=1).any()) for mean in begin.means)
    again = start(X, k, kind, generator=generator())
    assert torch.equal(begin.means, again.means)
    assert not torch.equal(begin.means, start(X, k, kind, generator=generator(1)).means)


def test_random_starts_are_different_points():
    x = torch.arange(6, dtype=torch.float64)[:, None]
    assert start(x, 6, "random", generator=generator()).means.flatten().sort().values.tolist() == [0, 1, 2, 3, 4, 5]


def test_spread_means_find_far_groups_in_any_units():
    x = grouped()
    misses = 0
    for seed in range(40):
        means = spread_means(x, 3, generator=generator(seed))
        group = (means[:, 0] > 4.5).long() + 2 * (means[:, 1] > 450).long()
        misses += sorted(group.tolist()) != [0, 1, 2]
    assert misses <= 4  # where even draws would miss about 30: three groups need 3! · 0.4 · 0.4 · 0.2 = 19%


def test_spread_means_draw_by_the_square_of_the_distance():
    x = torch.tensor([[0.0], [0.0], [1.0], [2.0]], dtype=torch.float64)
    g, seconds = generator(), []
    for _ in range(3000):
        means = spread_means(x, 2, generator=g).flatten().tolist()
        if means[0] == 0:
            seconds.append(means[1])
    assert 0.0 not in seconds
    share = seconds.count(2.0) / len(seconds)
    assert abs(share - 0.8) < 4 * math.sqrt(0.8 * 0.2 / len(seconds))  # 4 to 1; four standard errors


def test_spread_means_of_identical_points():
    x = torch.ones(4, 2, dtype=torch.float64)
    assert torch.equal(spread_means(x, 3, generator=generator()), x[:3])


NAN = float("nan")


@pytest.mark.parametrize(
    ("x", "k", "kind", "reason"),
    [
        (X, 0, "random", "settings"),
        (X, 3, "book", "settings"),
        (X, 2, "best", "settings"),
        (X[:3], 4, "random", "too_few_points"),
        (X[:3], 4, "kmeans++", "too_few_points"),
        (X[:, :1], 2, "book", "shape"),
        (torch.tensor([[NAN, 0.0], [0.0, 0.0]]), 1, "random", "not_finite"),
    ],
)
def test_starts_that_cannot_be(x, k, kind, reason):
    with pytest.raises(EMError) as caught:
        start(x, k, kind, generator=generator())
    assert caught.value.reason == reason


def test_a_draw_needs_a_generator():
    with pytest.raises(EMError, match="generator"):
        start(X, 2, "random")


@pytest.mark.parametrize("means", [torch.zeros(0, 2), torch.zeros(2), torch.zeros(2, 3)])
def test_means_by_hand_of_a_wrong_shape(means):
    with pytest.raises(EMError):
        by_hand(X, means)


# fits


def test_a_fit_is_the_end_of_its_run_with_the_path_that_led_there():
    begin = book_start()
    states = list(expectation_maximization(X, begin, max_iterations=200, tolerance=1e-6))
    run = fit(X, begin)
    assert run.log_likelihood == states[-1].log_likelihood and run.converged
    assert run.iterations == states[-1].iteration and run.path.shape == (run.iterations + 1, 2, 2)
    assert torch.equal(run.path[0], begin.means) and torch.equal(run.path[-1], run.mixture.means)
    assert not fit(X, begin, max_iterations=2).converged
    assert run.collapsed == () and run.problem is None


def test_many_starts_of_far_groups_agree_on_the_best():
    x = grouped()
    fits = list(many_starts(x, 3, "kmeans++", count=12, generator=generator()))
    top = best(fits)
    assert len(fits) == 12
    assert top.log_likelihood == max(f.log_likelihood for f in fits if not f.collapsed)
    expected = torch.tensor([0.2, 0.4, 0.4], dtype=torch.float64)
    torch.testing.assert_close(top.mixture.weights.sort().values, expected, rtol=0, atol=1e-3)
    found = times_found(fits)
    assert found == sum(f.log_likelihood > top.log_likelihood - 1e-3 for f in fits if not f.collapsed)
    assert found >= 6


def test_collapsed_fits_do_not_count_however_likely():
    x = torch.cat([X, torch.tensor([[3.0, 65.0]], dtype=torch.float64).expand(20, 2)])  # twenty points in one place
    good = fit(x, by_hand(x, torch.tensor([[2.0, 55.0], [4.3, 80.0]])))
    covs = torch.stack([torch.cov(X.T), 1e-3 * torch.eye(2, dtype=torch.float64)])
    bad = fit(x, GaussianMixture(torch.tensor([0.9, 0.1]), torch.stack([X.mean(0), x[-1]]), covs))
    assert bad.collapsed == (1,) and not good.collapsed
    assert bad.log_likelihood > good.log_likelihood
    assert best([good, bad]) is good and times_found([good, bad]) == 1
    assert best([bad]) is None and times_found([bad]) == 0


def test_without_a_floor_a_collapse_is_told_too():
    x = torch.cat([X, X[:1] + 30])
    begin = GaussianMixture(torch.tensor([0.5, 0.5]), torch.stack([X.mean(0), x[-1]]), torch.eye(2).repeat(2, 1, 1) * 9)
    end = fit(x, begin, covariance_floor=0)
    assert end.problem == "collapsed" and end.collapsed == (1,) and not end.converged
    assert math.isfinite(end.log_likelihood)


def test_few_points_and_narrow_components_have_collapsed():
    state = last(expectation_maximization(X, book_start()))
    assert collapsed_components(X, state) == ()
    covs = state.mixture.covs.clone()
    covs[1] *= 1e-5
    thin = GaussianMixture(state.mixture.weights, state.mixture.means, covs)
    few = GaussianMixture(torch.tensor([1.9 / 272, 270.1 / 272]), state.mixture.means, state.mixture.covs)
    for mixture, expected in ((thin, (1,)), (few, (0,))):
        first = next(expectation_maximization(X, mixture))
        assert collapsed_components(X, first) == expected


def test_what_counts_as_narrow_does_not_depend_on_units():
    state = last(expectation_maximization(X, book_start(), covariance_floor=0))
    a = torch.tensor([[1e-4, 0.0], [3.0, 50.0]], dtype=torch.float64)
    m = state.mixture
    turned = GaussianMixture(m.weights, m.means @ a.T, a @ m.covs @ a.T)
    first = next(expectation_maximization(X @ a.T, turned, covariance_floor=0))
    for narrow in (0.01, 0.2, 0.5, 2.0):
        expected = collapsed_components(X, state, narrow=narrow)
        assert collapsed_components(X @ a.T, first, narrow=narrow) == expected


def test_one_component_never_collapses_and_flat_data_can_be_judged():
    x = torch.stack([torch.arange(9, dtype=torch.float64), torch.zeros(9, dtype=torch.float64)], dim=1)
    assert fit(x, by_hand(x, x[:1])).collapsed == ()
    assert fit(x, by_hand(x, x[[0, 8]])).collapsed == (0, 1)  # the floor holds both up
    same = torch.ones(5, 2, dtype=torch.float64)
    assert fit(same, by_hand(same, same[:2])).collapsed == (0, 1)


def test_every_tensor_names_its_device():
    with DevicesAreNamed():
        list(many_starts(X, 2, "kmeans++", count=2, generator=generator()))
        list(many_starts(X, 2, "random", count=1, generator=generator()))
        book_log_likelihood(X, start(X, 2, "book"))


def test_ends_are_told_apart_by_their_log_likelihood():
    assert optima([]) == ()
    assert optima([-4.2, -4.1, -4.1004, -4.1009, -4.1012]) == ((-4.1, 3), (-4.1012, 1), (-4.2, 1))
    x, generator = old_faithful().values, torch.Generator().manual_seed(3)
    fits = list(many_starts(x, 3, "random", count=6, generator=generator, max_iterations=30))
    sound = [fit.log_likelihood for fit in fits if not fit.collapsed]
    ends = optima(sound)
    assert ends[0] == (best(fits).log_likelihood, times_found(fits))
    assert sum(count for _, count in ends) == len(sound)
