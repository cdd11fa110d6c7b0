"""What else could be done from the same start: k-means, and plain gradient ascent on the log-likelihood.

Both are iterators of states, as EM is.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.em import EMError, checked_points
from core.gaussian_mixture import GaussianMixture


@dataclass(frozen=True, eq=False)
class KMeansState:
    """A moment of k-means: the start, after points were assigned, or after the centres moved."""

    iteration: int  # 0 at the start; an assignment and the move after it share a number, from 1
    phase: Literal["start", "assign", "move"]
    centres: Tensor  # (K, D)
    labels: Tensor | None  # (N,) int64, of the last assignment; None at the start
    distortion: float  # mean squared distance to the centre of the label, or at the start to the nearest; units of x²
    problem: Literal["twins", "empty"] | None = None  # "empty": a centre has no points and stays where it is
    components: tuple[int, ...] = ()  # which centres the problem is about


def k_means(x: Tensor, centres: Tensor, *, max_iterations: int = 100) -> Iterator[KMeansState]:
    """Lloyd's algorithm: assign every point to its nearest centre, move every centre to the mean of its points.

    x: (N, D); centres: (K, D). Ends when an assignment changes nothing (then with that "assign"), or after
    max_iterations moves. The distortion never rises. Bishop 2006, section 9.1; MacKay's hard k-means.
    It is EM with shares of 0 or 1, equal weights and one small round covariance for all, so units matter: a column with
    large numbers decides alone.

    Problems: "twins", centres at the same place from the start on (a tie goes to the first, so the others stay
    empty); "empty", a centre without points. Neither ends the run. Raises EMError at once for fewer points than
    centres, NaN, wrong shapes, negative settings.
    """
    if max_iterations < 0:
        raise EMError("settings", "The number of iterations must not be negative.")
    centres = checked_points(centres).clone()
    x = checked_points(x, centres.shape[1], at_least=len(centres))
    return _lloyd(x, centres, max_iterations)


def _lloyd(x: Tensor, centres: Tensor, max_iterations: int) -> Iterator[KMeansState]:
    count = len(centres)
    same = (centres[:, None] == centres[None]).all(dim=2).sum(dim=1) > 1  # (K,)
    twins = tuple(same.nonzero().flatten().tolist())
    trouble = ("twins", twins) if twins else (None, ())
    squared = _squared_distances(x, centres)  # (N, K)
    yield KMeansState(0, "start", centres, None, float(squared.amin(dim=1).mean()), *trouble)
    before = None
    for iteration in range(1, max_iterations + 1):
        labels = squared.argmin(dim=1)  # (N,)
        distortion = float(squared.amin(dim=1).mean())
        yield KMeansState(iteration, "assign", centres, labels, distortion, *trouble)
        if before is not None and torch.equal(labels, before):
            return
        before = labels
        members = torch.nn.functional.one_hot(labels, count).to(x)  # (N, K): the responsibilities, 0 or 1
        sizes = members.sum(dim=0)[:, None]  # (K, 1)
        centres = torch.where(sizes > 0, members.T @ x / sizes.clamp(min=1), centres)  # (K, D)
        empty = tuple((sizes[:, 0] == 0).nonzero().flatten().tolist())
        trouble = ("empty", empty) if empty and trouble[0] != "twins" else trouble
        squared = _squared_distances(x, centres)
        distortion = float((squared * members).sum(dim=1).mean())
        yield KMeansState(iteration, "move", centres, labels, distortion, *trouble)


def _squared_distances(x: Tensor, centres: Tensor) -> Tensor:
    return (x[:, None] - centres).square().sum(dim=2)  # (N, K)


@dataclass(frozen=True, eq=False)
class AscentState:
    """A moment of gradient ascent."""

    iteration: int
    mixture: GaussianMixture
    log_likelihood: float  # of the mixture: mean per point, in nats
    gradient_norm: float  # in the free parameters, see gradient_ascent
    problem: Literal["diverged", "collapsed"] | None = None  # then the last good mixture; the run ends


def gradient_ascent(
    x: Tensor, start: GaussianMixture, *, rate: float = 0.1, max_iterations: int = 100, covariance_floor: float = 1e-6
) -> Iterator[AscentState]:
    """Plain gradient ascent on the mean log-likelihood, EM's own objective. Yields the start, and one state a step.

    Weights must add up to one and covariances stay positive, so the steps are taken in parameters that are free:
    logits a with φ = softmax(a), means μ, and the Cholesky factor L of Σ = L Lᵀ with the logarithms of its diagonal.
    Unlike EM it needs a rate, its steps depend on the units of x, and it may fall.

    x: (N, D); rate: above 0, the same for all parameters.
    Problems, each with the last good mixture in the last state: "diverged", a step left the finite numbers or fell by
    more than 1e6 nats per point; "collapsed", a variance (the square of an entry of L's diagonal) fell below the floor,
    which ends the run because a gradient step knows no floor.
    Raises EMError at once: as `expectation_maximization`, and for a start with a weight of 0.
    """
    if max_iterations < 0 or not 0 < rate < math.inf or not 0 <= covariance_floor < math.inf:
        raise EMError("settings", "The rate must be above 0, the number of iterations and the floor not below.")
    x = checked_points(x, start.means.shape[1], at_least=len(start.weights))
    factor, failed = torch.linalg.cholesky_ex(start.covs)  # (K, D, D), (K,)
    if bool(failed.any()):
        raise EMError("flat_start", "Gradient ascent cannot begin with a flat covariance.")
    if bool((start.weights <= 0).any()):
        raise EMError("settings", "Gradient ascent cannot begin with a weight of 0: its logarithm has no gradient.")
    return _ascend(x, start, factor, rate, max_iterations, covariance_floor)


def _ascend(
    x: Tensor, mixture: GaussianMixture, factor: Tensor, rate: float, max_iterations: int, floor: float
) -> Iterator[AscentState]:
    logits, means = mixture.weights.log(), mixture.means
    slopes, log_likelihood = _gradient(x, mixture, factor)
    yield AscentState(0, mixture, log_likelihood, _norm(slopes))
    for iteration in range(1, max_iterations + 1):
        by_logits, by_means, by_factor = slopes
        logits = logits + rate * by_logits
        means = means + rate * by_means
        step = rate * by_factor
        diagonal = factor.diagonal(dim1=1, dim2=2) * step.diagonal(dim1=1, dim2=2).exp()  # log L_ii moves
        factor = (factor + step).tril(-1) + torch.diag_embed(diagonal)
        moved = GaussianMixture.unchecked(logits.softmax(dim=0), means, factor @ factor.mT)
        finite = all(bool(part.isfinite().all()) for part in (moved.weights, means, moved.covs))
        problem, slopes_there, level = "diverged", None, -math.inf
        if finite:
            if bool((diagonal.square() <= max(floor, 1e-200)).any()):
                problem = "collapsed"
            else:
                slopes_there, level = _gradient(x, moved, factor)
        if not log_likelihood - 1e6 < level < math.inf:
            yield AscentState(iteration, mixture, log_likelihood, _norm(slopes), problem)
            return
        mixture, slopes, log_likelihood = moved, slopes_there, level
        yield AscentState(iteration, mixture, log_likelihood, _norm(slopes))


def _gradient(x: Tensor, mixture: GaussianMixture, factor: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], float]:
    """The gradient of the mean log-likelihood by a, μ and L (its diagonal by log L_ii), and the log-likelihood itself.

    With r = p(k | x), z = L⁻¹ (x − μ), means over the points:
    by a_k: mean of r − φ; by μ_k: L⁻ᵀ mean of r z; by L_k: lower triangle of L⁻ᵀ (mean of r z zᵀ − mean of r · I).
    Bishop 2006, equations 9.16 to 9.21, before anything is set to zero.
    """
    size = x.shape[1]
    away = (x[:, None] - mixture.means).permute(1, 2, 0)  # (K, D, N)
    z = torch.linalg.solve_triangular(factor, away, upper=False)  # (K, D, N)
    half_log_det = factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)  # (K,)
    constant = mixture.weights.log() - half_log_det - 0.5 * size * math.log(2 * math.pi)  # (K,)
    joint = constant[:, None] - 0.5 * z.square().sum(dim=1)  # log p(x, k): (K, N)
    log_likelihood = float(joint.logsumexp(dim=0).mean())
    r = joint.softmax(dim=0)  # (K, N)
    n_k = r.mean(dim=1)  # N_k / N: (K,)
    rz = r[:, None] * z / len(x)  # (K, D, N)
    up = factor.mT
    by_means = torch.linalg.solve_triangular(up, rz.sum(dim=2, keepdim=True), upper=True)[:, :, 0]  # (K, D)
    excess = rz @ z.mT - n_k[:, None, None] * torch.eye(size, dtype=x.dtype, device="cpu")  # (K, D, D)
    by_factor = torch.linalg.solve_triangular(up, excess, upper=True).tril()  # (K, D, D)
    diagonal = by_factor.diagonal(dim1=1, dim2=2) * factor.diagonal(dim1=1, dim2=2)  # d/d log L_ii
    return (n_k - mixture.weights, by_means, by_factor.tril(-1) + torch.diag_embed(diagonal)), log_likelihood


def _norm(slopes: tuple[Tensor, Tensor, Tensor]) -> float:
    return float(sum(part.square().sum() for part in slopes).sqrt())
