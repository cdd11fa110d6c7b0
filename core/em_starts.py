"""Where EM begins, and where it ends up from many beginnings.

The likelihood of a mixture has many local maxima, and some that are worthless: a component that shrinks onto a few
points makes it as large as the covariance floor allows. So a fit is only worth something beside others, and only if no
component has collapsed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.em import EMError, EMState, Problem, checked_points, expectation_maximization
from core.gaussian_mixture import GaussianMixture

Kind = Literal["book", "random", "kmeans++"]
BOOK_FLOOR = 1e-8  # what the book adds to a density before it takes the logarithm


def start(x: Tensor, k: int, kind: Kind, *, generator: torch.Generator | None = None) -> GaussianMixture:
    """A mixture of k components to begin with, for the points x, (N, D).

    "book": `book_start`, for k = 2 and D = 2 only. "random": k different points as means. "kmeans++": `spread_means`.
    The last two have equal weights and the covariance of all the data in every component, so that kinds differ in
    their means alone; they need the generator.
    Raises EMError: fewer points than components, NaN in x, a kind or a k that cannot be.
    """
    if k < 1 or kind not in ("book", "random", "kmeans++") or (kind == "book" and k != 2):
        raise EMError("settings", 'Choose "random" or "kmeans++" with 1 component or more, or "book" with 2.')
    x = checked_points(x, 2 if kind == "book" else None, at_least=k)
    if kind == "book":
        return book_start()
    if generator is None:
        raise EMError("settings", "A start that is drawn needs a generator.")
    if kind == "kmeans++":
        return by_hand(x, spread_means(x, k, generator=generator))
    chosen = torch.randperm(len(x), generator=generator, device=generator.device)[:k].cpu()  # (K,)
    return by_hand(x, x[chosen])


def book_start() -> GaussianMixture:
    """The book's start for Old Faithful (eruption and wait, in minutes): φ = ½, μ = (0, 50) and (0, 100), Σ = I."""
    weights = torch.full((2,), 0.5, dtype=torch.float64, device="cpu")
    means = torch.tensor([[0.0, 50.0], [0.0, 100.0]], dtype=torch.float64, device="cpu")
    return GaussianMixture(weights, means, torch.eye(2, dtype=torch.float64, device="cpu").repeat(2, 1, 1))


def by_hand(x: Tensor, means: Tensor) -> GaussianMixture:
    """A start with the means, (K, D), where somebody put them: equal weights, the covariance of x, (N, D), for all.

    Identical points give covariances of zero: EM needs a floor above 0 then.
    Raises EMError as `start`, ValueError for means that are not finite.
    """
    means = torch.as_tensor(means, dtype=torch.float64, device="cpu")
    if means.ndim != 2 or len(means) == 0:
        raise EMError("settings", "A start needs one mean or more, in a table (K, D).")
    x = checked_points(x, means.shape[1], at_least=len(means))
    away = x - x.mean(dim=0)
    cov = away.T @ away / len(x)  # maximum likelihood: divides by N
    weights = torch.full((len(means),), 1 / len(means), dtype=torch.float64, device="cpu")
    return GaussianMixture(weights, means, cov.expand(len(means), -1, -1).clone())


def spread_means(x: Tensor, k: int, *, generator: torch.Generator) -> Tensor:
    """k points of x that lie far apart, (K, D): k-means++ (Arthur and Vassilvitskii 2007, algorithm 1.2).

    The first is drawn evenly, each next with a probability in proportion to its squared distance from the nearest one
    so far. Distances are in standard deviations of each column, so that units do not matter. Where all points that are
    left coincide with chosen ones, the next is drawn evenly. Errors as `start`.
    """
    x = checked_points(x, at_least=k)
    scale = x.std(dim=0, correction=0)  # (D,)
    z = (x - x.mean(dim=0)) / torch.where(scale > 0, scale, 1.0)
    even = torch.ones(len(x), dtype=torch.float64, device="cpu")
    chosen, nearest = [], torch.full_like(even, torch.inf)  # squared distance to the nearest chosen point: (N,)
    for _ in range(k):
        chance = nearest if chosen and bool((nearest > 0).any()) else even
        drawn = torch.multinomial(chance.to(generator.device), 1, generator=generator).cpu()  # (1,)
        chosen.append(int(drawn))
        nearest = torch.minimum(nearest, (z - z[drawn]).square().sum(dim=1))
    return x[chosen]


def book_log_likelihood(x: Tensor, mixture: GaussianMixture) -> float:
    """What the book's code prints as log-likelihood: the mean of log(p(x) + 1e-8), in nats per point.

    The 1e-8 keeps log 0 away. But it also replaces every density that is smaller, and no point then counts less than
    log 1e-8 = −18.42. At the book's start for Old Faithful that holds for 215 of the 272 points, and −137.488 becomes
    −16.538. Beside densities as they are at the end it is nothing. The M steps never see it.
    """
    return float((mixture.log_prob(checked_points(x)).exp() + BOOK_FLOOR).log().mean())


@dataclass(frozen=True, eq=False)
class Fit:
    """One run of EM, from one start to its end."""

    start: GaussianMixture
    mixture: GaussianMixture  # at the end
    log_likelihood: float  # of it, mean per point in nats
    iterations: int  # how many Ms
    converged: bool  # ended by the tolerance
    path: Tensor  # (iterations + 1, K, D): the means at the start and after each M
    collapsed: tuple[int, ...]  # components that have collapsed, see `collapsed_components`
    problem: Problem | None  # of the last state, see `expectation_maximization`


def fit(
    x: Tensor,
    start: GaussianMixture,
    *,
    max_iterations: int = 200,
    tolerance: float = 1e-6,
    covariance_floor: float = 1e-6,
) -> Fit:
    """Runs EM to its end. Arguments and errors as `expectation_maximization`."""
    states = expectation_maximization(
        x, start, max_iterations=max_iterations, tolerance=tolerance, covariance_floor=covariance_floor
    )
    path, before = [], None
    for state in states:
        if state.phase != "E":
            path.append(state.mixture.means)
            change = torch.inf if before is None else abs(state.log_likelihood - before.log_likelihood)
            before = state
    return Fit(
        start=start,
        mixture=state.mixture,
        log_likelihood=state.log_likelihood,
        iterations=state.iteration,
        converged=state.problem != "collapsed" and state.iteration > 1 and change < tolerance,
        path=torch.stack(path),
        collapsed=collapsed_components(x, state),
        problem=state.problem,
    )


def many_starts(
    x: Tensor,
    k: int,
    kind: Kind,
    *,
    count: int,
    generator: torch.Generator,
    max_iterations: int = 200,
    tolerance: float = 1e-6,
    covariance_floor: float = 1e-6,
) -> Iterator[Fit]:
    """`count` runs of EM from starts of one kind, one after another. Errors as `start` and `expectation_maximization`.

    With a floor of 0, data that lie on a line (or all in one place) raise EMError: every start is flat.
    """
    for _ in range(count):
        begin = start(x, k, kind, generator=generator)
        yield fit(x, begin, max_iterations=max_iterations, tolerance=tolerance, covariance_floor=covariance_floor)


def best(fits: Iterable[Fit]) -> Fit | None:
    """The fit with the highest log-likelihood among those in which nothing collapsed; None if there is none."""
    sound = [fit for fit in fits if not fit.collapsed and fit.problem != "collapsed"]
    return max(sound, key=lambda fit: fit.log_likelihood, default=None)


def times_found(fits: Iterable[Fit], within: float = 1e-3) -> int:
    """How many of the fits end within `within` nats per point of the best one, none of them collapsed."""
    fits = list(fits)
    top = best(fits)
    if top is None:
        return 0
    return sum(not fit.collapsed and abs(fit.log_likelihood - top.log_likelihood) <= within for fit in fits)


def optima(log_likelihoods: Iterable[float], within: float = 1e-3) -> tuple[tuple[float, int], ...]:
    """The different ends among log-likelihoods, as (the highest of each, how many), the best first.

    What lies within `within` nats per point of the highest of an end belongs to it.
    """
    found: list[tuple[float, int]] = []
    for value in sorted(log_likelihoods, reverse=True):
        if not found or found[-1][0] - value > within:
            found.append((value, 0))
        found[-1] = (found[-1][0], found[-1][1] + 1)
    return tuple(found)


def collapsed_components(x: Tensor, state: EMState, *, narrow: float = 0.01) -> tuple[int, ...]:
    """The components of a state that describe a few points, or a line of them, rather than a group. x: (N, D).

    A component has collapsed if the floor holds up its covariance; if with the floor at 0 it ended the run; if it
    holds no more than D points, counted by responsibility, which cannot fix D directions; or if in some direction it
    is narrower than `narrow` standard deviations of all the data in that direction. A single component has not,
    however flat the data are.
    """
    mixture, (n, size) = state.mixture, x.shape
    if len(mixture.weights) == 1:
        return ()
    collapsed = set(state.floored) | (set(state.components) if state.problem == "collapsed" else set())
    collapsed |= set((mixture.weights * n <= size).nonzero().flatten().tolist())
    x = checked_points(x)
    away = x - x.mean(dim=0)
    eigenvalues, axes = torch.linalg.eigh(away.T @ away / n)  # (D,), (D, D)
    spread = eigenvalues > 1e-12 * eigenvalues[-1]  # the directions in which the data have any width
    whiten = axes[:, spread] / eigenvalues[spread].sqrt()  # (D, D'): in these axes the data have covariance I
    relative = whiten.T @ mixture.covs @ whiten  # (K, D', D')
    if relative.shape[-1] and bool(relative.isfinite().all()):
        lowest = torch.linalg.eigvalsh(relative)[:, 0]  # (K,)
        collapsed |= set((lowest < narrow**2).nonzero().flatten().tolist())
    return tuple(sorted(collapsed))
