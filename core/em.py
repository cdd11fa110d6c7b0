"""The EM algorithm for a mixture of Gaussians, as an iterator of half steps.

For any shares q(k) of each point, log p(x) = lower bound + KL(q ‖ p(k | x)). The E step sets q to p(k | x): the gap
closes and the bound touches the log-likelihood, which has not moved. The M step moves the mixture to where the bound,
with q held, is highest: the log-likelihood rises at least as much, and the gap opens again. So it can never fall.
Dempster, Laird and Rubin 1977; Bishop 2006, section 9.4. The half steps themselves are in `core.em_steps`.

    start = em_starts.start(x, 3, "kmeans++", generator=g)
    for state in expectation_maximization(x, start):
        print(state.iteration, state.phase, state.log_likelihood, state.lower_bound)
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.em_steps import Components, FlatComponent, Points, Posterior, e_step, m_step, raise_to_floor
from core.gaussian_mixture import GaussianMixture

LARGEST = 1e100  # beyond it, squares of distances leave float64

Problem = Literal["collapsed", "twins", "empty"]
Reason = Literal["shape", "too_few_points", "not_finite", "too_large", "flat_start", "settings"]


class EMError(ValueError):
    """EM cannot begin. The message is one plain sentence; `reason` names it for a page in another language.

    reason: "shape", x is not (N, D) or the start lives in other dimensions; "too_few_points", N is less than K;
    "not_finite", x holds NaN or infinity; "too_large", numbers beyond 1e100; "flat_start", a start covariance is
    singular and the floor is 0; "settings", a negative number where none can be.
    """

    def __init__(self, reason: Reason, sentence: str):
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, eq=False)
class EMState:
    """A moment of EM: the start, after an E step, or after an M step."""

    iteration: int  # 0 at the start; an E and the M after it share a number, from 1
    phase: Literal["start", "E", "M"]
    mixture: GaussianMixture
    responsibilities: Tensor | None  # (N, K) float64, those of the last E; None at the start
    log_likelihood: float  # of the mixture: mean of log p(x) over the points, in nats
    lower_bound: float | None  # of the mixture with these responsibilities: mean per point, in nats; None at the start
    floored: tuple[int, ...] = ()  # components whose covariance the floor holds up: signs of a collapse
    problem: Problem | None = None  # see expectation_maximization
    components: tuple[int, ...] = ()  # which components the problem is about


def expectation_maximization(
    x: Tensor,
    start: GaussianMixture,
    *,
    max_iterations: int = 100,
    tolerance: float = 1e-4,
    covariance_floor: float = 1e-6,
) -> Iterator[EMState]:
    """Fits a mixture to the points x, (N, D), from a start. Yields the start, and a state after every E and every M.

    Ends after max_iterations Ms, or when the log-likelihood changes by less than the tolerance (nats per point)
    between two Ms; a tolerance of 0 never ends early.

    covariance_floor: the smallest variance allowed in any direction, in squared units of x. Smaller eigenvalues are
        raised to it, in the start (which otherwise stays as given) and in every M. 0 sets no floor.

    After the start neither the log-likelihood nor the lower bound ever falls, but for rounding. A state's `problem`:

    - "twins" (from the start on): two components with the same mean and covariance; they never part.
    - "empty": a component has lost all its points; it stays where it is, with weight 0.
    - "collapsed": with the floor at 0, the M step shrank a component to a point or a line, where the likelihood is
      infinite. This state is the last: an "M" with the last good mixture, and its log-likelihood and bound.

    Raises EMError (a ValueError with a `reason`) at once, before the first state.
    """
    if max_iterations < 0 or not tolerance >= 0 or not 0 <= covariance_floor < math.inf:
        raise EMError("settings", "The number of iterations, the tolerance and the floor must not be negative.")
    x = checked_points(x, start.means.shape[1], at_least=len(start.weights))
    if bool((start.means.abs() > LARGEST).any()) or bool((start.covs.abs() > LARGEST).any()):
        raise EMError("too_large", "The start must hold no number beyond 1e100.")
    if abs(float(start.weights.sum()) - 1) > 1e-12:  # they add up to one in single precision only
        start = GaussianMixture(start.weights / start.weights.sum(), start.means, start.covs)
    points = Points(x)
    parts = Components.of(start, points)
    covs, floored = raise_to_floor(parts.covs, covariance_floor)
    if floored:
        parts = Components(parts.weights, parts.means, covs, parts.centre)
        start = parts.mixture
    try:
        posterior = e_step(points, parts)
    except FlatComponent as flat:
        which = ", ".join(str(k + 1) for k in flat.components)
        raise EMError(
            "flat_start", f"The covariance of component {which} is flat at the start; widen it or set a floor above 0."
        ) from None
    return _iterate(points, start, parts, posterior, floored, max_iterations, tolerance, covariance_floor)


def _iterate(
    points: Points,
    mixture: GaussianMixture,
    parts: Components,
    posterior: Posterior,
    floored: tuple[int, ...],
    max_iterations: int,
    tolerance: float,
    floor: float,
) -> Iterator[EMState]:
    twins = _twins(mixture)
    trouble = ("twins", twins) if twins else (None, ())
    yield EMState(0, "start", mixture, None, posterior.log_likelihood, None, floored, *trouble)
    for iteration in range(1, max_iterations + 1):
        q = torch.from_numpy(posterior.responsibilities).T  # (N, K)
        bound = posterior.lower_bound
        yield EMState(iteration, "E", mixture, q, posterior.log_likelihood, bound, floored, *trouble)
        before = posterior
        try:
            moved, floored = m_step(points, before.responsibilities, parts, floor)
            posterior = e_step(points, moved, before)
        except FlatComponent as flat:
            trouble = ("collapsed", flat.components)
            yield EMState(iteration, "M", mixture, q, before.log_likelihood, bound, floored, *trouble)
            return
        parts, mixture = moved, moved.mixture
        if not parts.weights.all():
            trouble = ("empty", tuple((parts.weights == 0).nonzero()[0].tolist()))
        bound = posterior.earlier_bound
        yield EMState(iteration, "M", mixture, q, posterior.log_likelihood, bound, floored, *trouble)
        if iteration > 1 and abs(posterior.log_likelihood - before.log_likelihood) < tolerance:
            return


def last(states: Iterator[EMState]) -> EMState:
    """The last state of a run. The states before it are not kept."""
    state = next(states)
    for state in states:  # noqa: B007
        pass
    return state


def checked_points(x: Tensor, size: int | None = None, *, at_least: int = 1) -> Tensor:
    """x as (N, D) float64 on the CPU, or an EMError: wrong shape, NaN, too large, fewer than `at_least` points."""
    x = torch.as_tensor(x, dtype=torch.float64, device="cpu").detach()
    if x.ndim != 2 or x.shape[1] == 0 or (size is not None and x.shape[1] != size):
        raise EMError("shape", f"The points must be a table of the shape (N, {'D' if size is None else size}).")
    if len(x) < at_least:
        raise EMError(
            "too_few_points", f"{at_least} components need at least {at_least} points, but there are {len(x)}."
        )
    if not bool(x.isfinite().all()):
        raise EMError("not_finite", "The points must be finite numbers, but some are NaN or infinite.")
    if bool((x.abs() > LARGEST).any()):
        raise EMError("too_large", "The points must hold no number beyond 1e100.")
    return x


def _twins(mixture: GaussianMixture) -> tuple[int, ...]:
    """The components that share mean and covariance with another."""
    parameters = torch.cat([mixture.means, mixture.covs.flatten(1)], dim=1)  # (K, D + D²)
    same = (parameters[:, None] == parameters[None]).all(dim=2)  # (K, K)
    return tuple((same.sum(dim=1) > 1).nonzero().flatten().tolist())
