"""EM against scikit-learn and SciPy, what it promises on any data, and what it says about data it cannot fit."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, xlogy
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Sklearn
from torch import Tensor

from core import em_steps
from core.data import old_faithful
from core.em import EMError, EMState, checked_points, expectation_maximization, last
from core.em_starts import book_start, start
from core.em_steps import Components, Points, e_step, m_step, raise_to_floor
from core.gaussian_mixture import GaussianMixture
from tests.core.test_devices import DevicesAreNamed

EXACTLY = {"rtol": 1e-10, "atol": 1e-10}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def cloud(n: int, size: int, seed: int = 0) -> Tensor:
    g = generator(seed)
    group = torch.randint(3, (n,), generator=g)
    centres = 4 * torch.randn(3, size, generator=g, dtype=torch.float64)
    return centres[group] + torch.randn(n, size, generator=g, dtype=torch.float64)


def lower_bound(x: Tensor, mixture: GaussianMixture, q: Tensor) -> float:
    """Mean of Σ_k q (log p(x, k) − log q), by SciPy's densities. q: (N, K)."""
    parts = zip(mixture.weights.tolist(), mixture.means.numpy(), mixture.covs.numpy(), strict=True)
    joint = np.stack([math.log(w) + multivariate_normal(m, c).logpdf(x.numpy()) for w, m, c in parts], axis=1)
    return float((q.numpy() * joint - xlogy(q.numpy(), q.numpy())).sum(axis=1).mean())


def round_start(means: Tensor, variance: float = 1.0) -> GaussianMixture:
    count, size = means.shape
    return GaussianMixture(torch.full((count,), 1 / count), means, variance * torch.eye(size).repeat(count, 1, 1))


def sklearn_fit(x: Tensor, begin: GaussianMixture, iterations: int) -> Sklearn:
    model = Sklearn(
        len(begin.weights),
        tol=0,
        reg_covar=0,
        max_iter=iterations,
        weights_init=begin.weights.numpy(),
        means_init=begin.means.numpy(),
        precisions_init=np.linalg.inv(begin.covs.numpy()),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x.numpy())


def scipy_log_prob(mixture: GaussianMixture, x: Tensor) -> np.ndarray:
    columns = [
        math.log(w) + multivariate_normal(m.numpy(), c.numpy()).logpdf(x.numpy())
        for w, m, c in zip(mixture.weights.tolist(), mixture.means, mixture.covs, strict=True)
    ]
    return logsumexp(np.stack(columns, axis=-1), axis=-1)


def as_tensor(values: np.ndarray) -> Tensor:
    return torch.as_tensor(values)


# the same as scikit-learn


def test_old_faithful_from_the_books_start_is_scikit_learns_iteration_by_iteration():
    x = old_faithful().values
    states = expectation_maximization(x, book_start(), max_iterations=15, tolerance=0, covariance_floor=0)
    after_m = [state for state in states if state.phase == "M"]
    assert [state.iteration for state in after_m] == list(range(1, 16))
    for state in after_m:
        peer = sklearn_fit(x, book_start(), state.iteration)
        torch.testing.assert_close(state.mixture.weights, as_tensor(peer.weights_), **EXACTLY)
        torch.testing.assert_close(state.mixture.means, as_tensor(peer.means_), **EXACTLY)
        torch.testing.assert_close(state.mixture.covs, as_tensor(peer.covariances_), **EXACTLY)
        assert state.log_likelihood == pytest.approx(peer.score(x.numpy()), abs=1e-10)


@pytest.mark.parametrize(("n", "size", "count"), [(400, 1, 3), (300, 4, 5), (60, 7, 2)])
@pytest.mark.parametrize("block", [em_steps.BLOCK, 64])
def test_other_sizes_agree_with_scikit_learn_whatever_the_blocks(n, size, count, block, monkeypatch):
    monkeypatch.setattr(em_steps, "BLOCK", block)
    x = cloud(n, size)
    begin = start(x, count, "random", generator=generator(3))
    state = last(expectation_maximization(x, begin, max_iterations=12, tolerance=0, covariance_floor=0))
    peer = sklearn_fit(x, begin, 12)
    torch.testing.assert_close(state.mixture.means, as_tensor(peer.means_), rtol=0, atol=1e-9)
    torch.testing.assert_close(state.mixture.covs, as_tensor(peer.covariances_), rtol=0, atol=1e-9)


def test_log_likelihoods_are_scipys():
    x = old_faithful().values
    for state in expectation_maximization(x, book_start(), max_iterations=6, tolerance=0):
        assert state.log_likelihood == pytest.approx(float(scipy_log_prob(state.mixture, x).mean()), rel=1e-12)


def test_responsibilities_and_bounds_are_those_of_the_definitions():
    x = cloud(200, 2)
    mixture = None
    for state in expectation_maximization(x, start(x, 4, "random", generator=generator()), max_iterations=8):
        if state.phase == "E":
            torch.testing.assert_close(state.responsibilities, mixture.responsibilities(x), rtol=0, atol=1e-11)
        if state.phase != "start":
            expected = lower_bound(x, state.mixture, state.responsibilities)
            assert state.lower_bound == pytest.approx(expected, abs=1e-11)
        mixture = state.mixture


def test_far_from_zero_no_digits_are_lost():
    x = cloud(200, 2)
    far = torch.tensor([1e7, -1e7], dtype=torch.float64)
    begin = start(x, 3, "random", generator=generator())
    moved = GaussianMixture(begin.weights, begin.means + far, begin.covs)
    near = last(expectation_maximization(x, begin, max_iterations=20, tolerance=0))
    shifted = last(expectation_maximization(x + far, moved, max_iterations=20, tolerance=0))
    torch.testing.assert_close(shifted.mixture.means - far, near.mixture.means, rtol=0, atol=1e-6)
    assert shifted.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-6)


# the order of states, and the end


def test_the_states_come_in_order_and_say_what_they_promise():
    x = old_faithful().values
    begin = book_start()
    states = list(expectation_maximization(x, begin, max_iterations=3, tolerance=0))
    assert [(s.iteration, s.phase) for s in states] == [
        (0, "start"), (1, "E"), (1, "M"), (2, "E"), (2, "M"), (3, "E"), (3, "M"),
    ]  # fmt: skip
    assert states[0].responsibilities is None and states[0].lower_bound is None
    assert states[0].mixture is begin
    for earlier, later in zip(states, states[1:], strict=False):
        if later.phase == "E":
            assert later.mixture is earlier.mixture and later.log_likelihood == earlier.log_likelihood
        else:
            assert later.responsibilities is earlier.responsibilities
    assert states[1].responsibilities.shape == (272, 2)
    assert {t.dtype for s in states[1:] for t in (s.responsibilities, s.mixture.means)} == {torch.float64}


def test_it_ends_when_two_ms_are_alike_and_not_before():
    x = old_faithful().values
    levels = [
        s.log_likelihood
        for s in expectation_maximization(x, book_start(), max_iterations=30, tolerance=0)
        if s.phase == "M"
    ]
    assert len(levels) == 30
    changes = np.abs(np.diff(levels))
    for tolerance in (1e-1, 1e-2, 1e-4):
        end = last(expectation_maximization(x, book_start(), max_iterations=30, tolerance=tolerance))
        assert end.phase == "M"
        assert end.iteration == 2 + int(np.argmax(changes < tolerance))
    assert last(expectation_maximization(x, book_start(), max_iterations=0)).phase == "start"


def test_what_was_yielded_never_changes():
    x = cloud(100, 2)
    seen = []
    for state in expectation_maximization(x, start(x, 3, "random", generator=generator()), max_iterations=10):
        tensors = [state.mixture.means, state.mixture.covs, state.mixture.weights, state.responsibilities]
        seen += [(tensor, tensor.clone()) for tensor in tensors if tensor is not None]
    assert all(torch.equal(tensor, copy) for tensor, copy in seen)


def test_the_data_are_not_changed_either():
    x = cloud(100, 2)
    copy = x.clone()
    last(expectation_maximization(x, start(x, 3, "random", generator=generator())))
    assert torch.equal(x, copy)


# what holds on any data


@st.composite
def problems(draw):
    size, count = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    n = draw(st.integers(count, 60))
    g = generator(draw(st.integers(0, 10_000)))
    x = draw(st.sampled_from([1e-3, 1.0, 1e3])) * torch.randn(n, size, generator=g, dtype=torch.float64)
    if draw(st.booleans()):
        x = x.round(decimals=draw(st.integers(0, 1)))  # many points in the same place
    chosen = x[torch.randperm(n, generator=g)[:count]]
    variance = draw(st.sampled_from([1e-2, 1.0, 100.0]))
    floor = draw(st.sampled_from([0.0, 1e-6, 1e-2, 1.0]))
    return x, round_start(chosen, variance), floor


@settings(max_examples=150, deadline=None, derandomize=True)
@given(problems())
def test_the_bound_never_falls_and_touches_after_every_e(problem):
    x, begin, floor = problem
    before: EMState | None = None
    steepest = 1.0  # the largest ratio of two eigenvalues so far: a covariance holds its smallest to ε times that
    for state in expectation_maximization(x, begin, max_iterations=25, tolerance=0, covariance_floor=floor):
        spectrum = torch.linalg.eigvalsh(state.mixture.covs)  # (K, D)
        steepest = max(steepest, float((spectrum[:, -1] / spectrum[:, 0].clamp(min=1e-30)).max()))
        rounding = 1e-9 * max(1.0, abs(state.log_likelihood)) + torch.finfo(torch.float64).eps * steepest
        assert math.isfinite(state.log_likelihood)
        if state.phase != "start":
            r = state.responsibilities
            assert bool(((r >= 0) & (r <= 1)).all())
            torch.testing.assert_close(r.sum(1), torch.ones(len(x), dtype=torch.float64), rtol=0, atol=1e-12)
            assert state.lower_bound <= state.log_likelihood + rounding
            assert state.lower_bound >= (before.lower_bound or before.log_likelihood) - rounding
            assert state.log_likelihood >= before.log_likelihood - rounding
        if state.phase == "E":
            assert state.lower_bound == pytest.approx(state.log_likelihood, abs=rounding)
        GaussianMixture(state.mixture.weights, state.mixture.means, state.mixture.covs)  # raises for what is none
        lowest = torch.linalg.eigvalsh(state.mixture.covs)[:, 0]
        assert bool((lowest >= floor * (1 - 1e-9) - 1e-14 * float(state.mixture.covs.max())).all())
        before = state


def test_permuted_components_go_the_same_way():
    x = cloud(150, 3)
    begin = start(x, 4, "kmeans++", generator=generator())
    order = torch.tensor([2, 0, 3, 1])
    turned = GaussianMixture(begin.weights[order], begin.means[order], begin.covs[order])
    one, other = (list(expectation_maximization(x, m, max_iterations=15, tolerance=0)) for m in (begin, turned))
    for a, b in zip(one, other, strict=True):
        assert a.log_likelihood == pytest.approx(b.log_likelihood, abs=1e-11)
        torch.testing.assert_close(a.mixture.means[order], b.mixture.means, rtol=0, atol=1e-9)


def test_units_do_not_matter():
    """EM is the same in any coordinates: x → A x moves the log-likelihood by −log |det A| and nothing else."""
    x, a = cloud(150, 2), torch.tensor([[2.0, 0.0], [1.0, 0.1]], dtype=torch.float64)
    begin = start(x, 3, "random", generator=generator())
    turned = GaussianMixture(begin.weights, begin.means @ a.T, a @ begin.covs @ a.T)
    one = last(expectation_maximization(x, begin, max_iterations=15, tolerance=0, covariance_floor=0))
    other = last(expectation_maximization(x @ a.T, turned, max_iterations=15, tolerance=0, covariance_floor=0))
    torch.testing.assert_close(one.responsibilities, other.responsibilities, rtol=0, atol=1e-9)
    assert other.log_likelihood == pytest.approx(one.log_likelihood - float(a.det().abs().log()), abs=1e-9)


# the floor


def test_the_floor_is_the_best_covariance_of_those_allowed():
    """No covariance with eigenvalues above the floor gives a higher bound; a ridge gives a lower one."""
    x = cloud(80, 2) * torch.tensor([1.0, 0.01], dtype=torch.float64)
    points = Points(x)
    parts = Components.of(round_start(x[:2], 100.0), points)
    r = e_step(points, parts).responsibilities
    floor = 0.05
    best, floored = m_step(points, r, parts, floor)
    assert floored == (0, 1)

    def bound(covs: Tensor) -> float:
        return lower_bound(x, GaussianMixture(best.mixture.weights, best.mixture.means, covs), torch.from_numpy(r).T)

    highest = bound(best.mixture.covs)
    g = generator(1)
    for scale in (1e-3, 1e-2, 1e-1, 1.0):
        for _ in range(20):
            noise = scale * torch.randn(2, 2, 2, generator=g, dtype=torch.float64)
            other, _ = raise_to_floor((best.mixture.covs + noise + noise.mT).numpy(), floor)
            assert bound(torch.from_numpy(other)) <= highest + 1e-12
    unfloored, _ = m_step(points, r, parts, 0.0)
    ridge = unfloored.mixture.covs + floor * torch.eye(2, dtype=torch.float64)
    assert bound(ridge) < highest - 1e-3


def test_the_floor_says_whom_it_holds_up():
    x = torch.cat([cloud(60, 2), torch.full((20, 2), 30.0, dtype=torch.float64)])  # 20 points in one place
    begin = round_start(torch.stack([x[:60].mean(0), x[60]]))
    state = last(expectation_maximization(x, begin, covariance_floor=1e-4))
    assert state.floored == (1,) and state.problem is None
    floor = 1e-4 * torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(state.mixture.covs[1], floor, rtol=1e-6, atol=1e-12)


def test_a_narrow_start_is_widened_to_the_floor():
    x = cloud(60, 2)
    begin = round_start(x[:2], 1e-9)
    first = next(expectation_maximization(x, begin, covariance_floor=1e-3))
    assert first.floored == (0, 1)
    torch.testing.assert_close(first.mixture.covs, 1e-3 * torch.eye(2, dtype=torch.float64).repeat(2, 1, 1))
    torch.testing.assert_close(first.mixture.means, begin.means)


# data that EM cannot fit, or not well


def test_a_collapse_keeps_the_last_good_state_and_says_who():
    x = torch.cat([cloud(60, 2), torch.tensor([[40.0, 40.0]], dtype=torch.float64)])
    begin = round_start(torch.stack([x[:60].mean(0), x[60]]), 4.0)
    states = list(expectation_maximization(x, begin, tolerance=0, covariance_floor=0))
    end, before = states[-1], states[-2]
    assert (end.phase, end.problem, end.components) == ("M", "collapsed", (1,))
    assert before.phase == "E" and before.problem is None
    assert end.mixture is before.mixture and end.log_likelihood == before.log_likelihood
    assert end.lower_bound == before.lower_bound and end.responsibilities is before.responsibilities
    assert bool(end.mixture.log_prob(x).isfinite().all())


def test_points_on_a_line_are_flat_but_for_rounding():
    along = torch.linspace(0.1, 7.7, 50, dtype=torch.float64)
    x = torch.stack([along, 1 / 3 * along + 0.7], dim=1)
    begin = round_start(x[[10, 40]])
    end = last(expectation_maximization(x, begin, covariance_floor=0))
    assert (end.problem, end.components) == ("collapsed", (0, 1)) and end.iteration == 1
    assert last(expectation_maximization(x, begin, covariance_floor=1e-6)).floored == (0, 1)


@pytest.mark.parametrize("at", [0.0, 3.7])
def test_identical_points(at):
    x = torch.full((10, 2), at, dtype=torch.float64)
    begin = round_start(torch.tensor([[at, at], [at + 1, at]], dtype=torch.float64))
    assert last(expectation_maximization(x, begin, covariance_floor=0)).problem == "collapsed"
    end = last(expectation_maximization(x, begin, covariance_floor=1e-6))
    assert end.floored == (0, 1) and math.isfinite(end.log_likelihood)


def test_equal_starts_are_twins_for_ever():
    x = cloud(60, 2)
    begin = round_start(torch.stack([x[0], x[0], x[1]]))
    for state in expectation_maximization(x, begin, max_iterations=10, tolerance=0):
        assert (state.problem, state.components) == ("twins", (0, 1))
        torch.testing.assert_close(state.mixture.means[0], state.mixture.means[1], rtol=0, atol=0)


def test_a_component_that_loses_all_its_points_stays_where_it_is():
    x = cloud(60, 2)
    begin = round_start(torch.stack([x.mean(0), x.mean(0) + 1e3]))
    states = list(expectation_maximization(x, begin, max_iterations=5, tolerance=0))
    assert states[1].problem is None
    for state in states[2:]:
        assert (state.problem, state.components) == ("empty", (1,))
        assert float(state.mixture.weights[1]) == 0
        torch.testing.assert_close(state.mixture.means[1], begin.means[1])
        assert math.isfinite(state.lower_bound) and math.isfinite(state.log_likelihood)
    assert states[-1].log_likelihood == pytest.approx(float(scipy_one(x)), rel=1e-10)


def scipy_one(x: Tensor) -> float:
    cov = np.cov(x.numpy().T, bias=True)
    return multivariate_normal(x.mean(0).numpy(), cov).logpdf(x.numpy()).mean()


NAN = float("nan")
TWO = round_start(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
FLAT = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([[[1.0, 1.0], [1.0, 1.0]]]))
POINTS = torch.zeros(5, 2, dtype=torch.float64)


@pytest.mark.parametrize(
    ("x", "begin", "options", "reason"),
    [
        (torch.zeros(5), TWO, {}, "shape"),
        (torch.zeros(5, 3), TWO, {}, "shape"),
        (torch.zeros(1, 2), TWO, {}, "too_few_points"),
        (torch.zeros(0, 2), TWO, {}, "too_few_points"),
        (torch.tensor([[0.0, NAN], [1.0, 1.0]]), TWO, {}, "not_finite"),
        (torch.tensor([[0.0, float("inf")], [1.0, 1.0]]), TWO, {}, "not_finite"),
        (torch.full((5, 2), 1e200, dtype=torch.float64), TWO, {}, "too_large"),
        (POINTS, round_start(torch.full((1, 2), 1e200, dtype=torch.float64)), {}, "too_large"),
        (POINTS, FLAT, {"covariance_floor": 0}, "flat_start"),
        (POINTS, TWO, {"max_iterations": -1}, "settings"),
        (POINTS, TWO, {"tolerance": -1e-3}, "settings"),
        (POINTS, TWO, {"tolerance": NAN}, "settings"),
        (POINTS, TWO, {"covariance_floor": -1}, "settings"),
        (POINTS, TWO, {"covariance_floor": NAN}, "settings"),
    ],
)
def test_what_cannot_begin_is_refused_at_once(x, begin, options, reason):
    with pytest.raises(EMError) as caught:
        expectation_maximization(x, begin, **options)  # before anybody asks for a state
    assert caught.value.reason == reason
    assert str(caught.value).endswith(".")


def test_a_flat_start_is_widened_where_there_is_a_floor():
    states = list(expectation_maximization(cloud(40, 2), FLAT, covariance_floor=1e-6))
    assert states[0].floored == (0,) and states[-1].floored == ()


def test_single_precision_data_are_taken():
    x = cloud(50, 2).float()
    assert last(expectation_maximization(x, round_start(x[:2]))).mixture.means.dtype == torch.float64
    assert checked_points(x).dtype == torch.float64


def test_every_tensor_names_its_device():
    with DevicesAreNamed():
        last(expectation_maximization(old_faithful().values, book_start()))
