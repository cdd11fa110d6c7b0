"""k-means against scikit-learn's, gradient ascent against torch's own gradient, and what both say of bad data."""

import math

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from core.data import old_faithful
from core.em import EMError, expectation_maximization, last
from core.em_starts import book_start, by_hand, start
from core.gaussian_mixture import GaussianMixture
from core.rivals import gradient_ascent, k_means
from tests.core.test_devices import DevicesAreNamed

X = old_faithful().values
Z = (X - X.mean(0)) / X.std(0, correction=0)
NAN = float("nan")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


# k-means


@pytest.mark.parametrize(("data", "k", "seed"), [(X, 2, 0), (Z, 3, 1), (Z, 8, 2)])
def test_k_means_ends_where_scikit_learns_does(data, k, seed):
    centres = start(data, k, "random", generator=generator(seed)).means
    states = list(k_means(data, centres, max_iterations=300))
    peer = KMeans(k, init=centres.numpy(), n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(data.numpy())
    np.testing.assert_allclose(states[-1].centres.numpy(), peer.cluster_centers_, rtol=0, atol=1e-10)
    assert states[-1].labels.tolist() == peer.labels_.tolist()
    assert states[-1].distortion == pytest.approx(peer.inertia_ / len(data), rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_the_distortion_never_rises_and_each_state_says_the_truth(seed):
    centres = start(Z, 5, "random", generator=generator(seed)).means
    before = math.inf
    for state in k_means(Z, centres):
        assert state.distortion <= before + 1e-12
        before = state.distortion
        squared = (Z[:, None] - state.centres).square().sum(2)
        if state.phase == "start":
            assert state.labels is None
            expected = squared.amin(1).mean()
        else:
            expected = squared.gather(1, state.labels[:, None]).mean()
        assert state.distortion == pytest.approx(float(expected), rel=1e-12)
    assert state.phase == "assign"  # the last one that changes nothing


def test_k_means_takes_no_more_moves_than_it_may():
    states = list(k_means(Z, Z[:4], max_iterations=2))
    assert [(s.iteration, s.phase) for s in states] == [
        (0, "start"), (1, "assign"), (1, "move"), (2, "assign"), (2, "move"),
    ]  # fmt: skip


def test_k_means_is_em_with_hard_shares():
    """Tiny, round, equal components: EM's first means are those of k-means."""
    centres = start(Z, 3, "random", generator=generator()).means
    tiny = GaussianMixture(torch.full((3,), 1 / 3, dtype=torch.float64), centres, 1e-7 * torch.eye(2).repeat(3, 1, 1))
    moved = last(expectation_maximization(Z, tiny, max_iterations=1, covariance_floor=0)).mixture.means
    torch.testing.assert_close(list(k_means(Z, centres, max_iterations=1))[-1].centres, moved, rtol=0, atol=1e-9)


def test_a_centre_without_points_stays():
    far = torch.tensor([[0.0, 0.0], [1e4, 0.0]], dtype=torch.float64)
    end = list(k_means(Z, far))[-1]
    assert (end.problem, end.components) == ("empty", (1,))
    assert torch.equal(end.centres[1], far[1])


def test_centres_in_the_same_place_are_told():
    states = list(k_means(Z, torch.zeros(3, 2, dtype=torch.float64)))
    assert {(s.problem, s.components) for s in states} == {("twins", (0, 1, 2))}


@pytest.mark.parametrize(
    ("x", "centres", "reason"),
    [
        (Z[:2], Z[:3], "too_few_points"),
        (Z, torch.zeros(2, 3), "shape"),
        (Z, torch.zeros(2), "shape"),
        (Z, torch.tensor([[NAN, 0.0]]), "not_finite"),
        (torch.tensor([[NAN, 0.0]]), Z[:1], "not_finite"),
    ],
)
def test_k_means_refuses_at_once(x, centres, reason):
    with pytest.raises(EMError) as caught:
        k_means(x, centres)
    assert caught.value.reason == reason
    with pytest.raises(EMError):
        k_means(Z, Z[:2], max_iterations=-1)


# gradient ascent


def free(mixture: GaussianMixture) -> list[Tensor]:
    factor = torch.linalg.cholesky(mixture.covs)
    return [mixture.weights.log(), mixture.means, factor.tril(-1), factor.diagonal(dim1=1, dim2=2).log()]


def bound_up(logits: Tensor, means: Tensor, below: Tensor, log_diagonal: Tensor) -> GaussianMixture:
    factor = below.tril(-1) + torch.diag_embed(log_diagonal.exp())
    return GaussianMixture.unchecked(logits.softmax(0), means, factor @ factor.mT)


@pytest.mark.parametrize("begin", [book_start(), by_hand(X, X[[3, 20, 100]])])
def test_a_step_goes_along_torchs_gradient(begin):
    rate = 1e-3
    states = list(gradient_ascent(X, begin, rate=rate, max_iterations=3))
    parameters = free(begin)
    for state in states:
        leaves = [p.clone().requires_grad_() for p in parameters]
        mixture = bound_up(*leaves)
        log_likelihood = mixture.log_prob(X).mean()
        slopes = torch.autograd.grad(log_likelihood, leaves)
        assert state.log_likelihood == pytest.approx(float(log_likelihood.detach()), rel=1e-12)
        norm = math.sqrt(sum(float(slope.square().sum()) for slope in slopes))
        assert state.gradient_norm == pytest.approx(norm, rel=1e-9)
        torch.testing.assert_close(state.mixture.means, mixture.means.detach(), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(state.mixture.covs, mixture.covs.detach(), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(state.mixture.weights, mixture.weights.detach(), rtol=1e-10, atol=1e-10)
        parameters = [p + rate * slope for p, slope in zip(parameters, slopes, strict=True)]
    assert [state.iteration for state in states] == [0, 1, 2, 3]


def test_with_patience_it_ends_where_em_does():
    begin = by_hand(Z, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    em = last(expectation_maximization(Z, begin, max_iterations=500, tolerance=1e-12))
    levels = [s.log_likelihood for s in gradient_ascent(Z, begin, rate=0.1, max_iterations=400)]
    assert levels[-1] == pytest.approx(em.log_likelihood, abs=1e-8)
    assert min(np.diff(levels)) > -1e-12  # at this rate, in these units


def test_a_rate_too_large_diverges_and_keeps_the_last_good_mixture():
    states = list(gradient_ascent(Z, by_hand(Z, Z[:2]), rate=1e6))
    end, before = states[-1], states[-2]
    assert end.problem in ("diverged", "collapsed") and end.mixture is before.mixture
    assert end.log_likelihood == before.log_likelihood and math.isfinite(end.log_likelihood)
    assert bool(end.mixture.log_prob(Z).isfinite().all())


def test_a_collapse_ends_the_climb():
    x = torch.cat([Z, torch.full((40, 2), 9.0, dtype=torch.float64)])  # forty points in one place
    eye = torch.eye(2, dtype=torch.float64)
    begin = GaussianMixture(torch.tensor([0.5, 0.5]), 9 * torch.tensor([[0, 0], [1, 1]]), torch.stack([eye, eye / 10]))
    end = list(gradient_ascent(x, begin, rate=0.2, max_iterations=2000, covariance_floor=1e-4))[-1]
    assert end.problem == "collapsed" and end.iteration < 2000
    assert float(torch.linalg.cholesky(end.mixture.covs).diagonal(dim1=1, dim2=2).square().min()) > 1e-4


@pytest.mark.parametrize(
    ("x", "begin", "options", "reason"),
    [
        (torch.tensor([[NAN, 0.0], [1.0, 1.0]]), book_start(), {}, "not_finite"),
        (X[:1], book_start(), {}, "too_few_points"),
        (X[:, :1], book_start(), {}, "shape"),
        (X, book_start(), {"rate": 0.0}, "settings"),
        (X, book_start(), {"rate": NAN}, "settings"),
        (X, book_start(), {"max_iterations": -1}, "settings"),
        (X, GaussianMixture(torch.tensor([1.0, 0.0]), torch.zeros(2, 2), book_start().covs), {}, "settings"),
        (X, GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2, 2)), {}, "flat_start"),
    ],
)
def test_gradient_ascent_refuses_at_once(x, begin, options, reason):
    with pytest.raises(EMError) as caught:
        gradient_ascent(x, begin, **options)
    assert caught.value.reason == reason


def test_every_tensor_names_its_device():
    with DevicesAreNamed():
        list(k_means(Z, Z[:2]))
        list(gradient_ascent(Z, book_start(), max_iterations=3))
