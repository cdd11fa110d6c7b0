"""EM beside scikit-learn's GaussianMixture, and beside plain Python loops: CPU seconds, taken by turns in one run.

OMP_NUM_THREADS=1 python -m benchmarks.em

Both get the same points, start and number of iterations, in float64, with no tolerance and nothing added to the
covariances. scikit-learn's side is one `fit`; ours goes through every state of the iterator and keeps the last.
"""

import math
import os
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Peer

from core.data import old_faithful
from core.em import expectation_maximization, last
from core.em_starts import book_start, start
from core.gaussian_mixture import GaussianMixture

#        N          D   K  iterations, pairs of runs (the median of the ratios counts)
SIZES = [(100_000, 2, 2, 30, 7), (100_000, 10, 10, 10, 5), (100_000, 50, 10, 5, 5), (1_000_000, 10, 10, 4, 3)]


def clouds(n: int, size: int, k: int) -> tuple[torch.Tensor, GaussianMixture]:
    """k round groups of n points in all, and a start near their middles."""
    g = torch.Generator("cpu").manual_seed(0)
    middles = 3 * torch.randn(k, size, generator=g, dtype=torch.float64)
    x = middles[torch.randint(k, (n,), generator=g)] + torch.randn(n, size, generator=g, dtype=torch.float64)
    means = middles + 0.5 * torch.randn(k, size, generator=g, dtype=torch.float64)
    weights = torch.full((k,), 1 / k, dtype=torch.float64)
    return x, GaussianMixture(weights, means, torch.eye(size, dtype=torch.float64).repeat(k, 1, 1))


def ours(x: torch.Tensor, begin: GaussianMixture, iterations: int) -> np.ndarray:
    states = expectation_maximization(x, begin, max_iterations=iterations, tolerance=0, covariance_floor=0)
    return last(states).mixture.means.numpy()


def peers(x: np.ndarray, begin: GaussianMixture, iterations: int) -> np.ndarray:
    model = Peer(
        len(begin.weights),
        tol=0,
        reg_covar=0,
        max_iter=iterations,
        weights_init=begin.weights.numpy(),
        means_init=begin.means.numpy(),
        precisions_init=np.linalg.inv(begin.covs.numpy()),
    )
    return model.fit(x).means_


def loops(x: np.ndarray, begin: GaussianMixture, iterations: int) -> np.ndarray:
    """The algorithm as one would first write it down: a density by its formula, a point at a time, loops all round."""
    weights, means, covs = (t.numpy().copy() for t in (begin.weights, begin.means, begin.covs))
    n, size = x.shape
    k = len(weights)

    def density(point: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> float:
        away = point - mean
        scale = 1 / math.sqrt((2 * math.pi) ** size * np.linalg.det(cov))
        return scale * math.exp(-0.5 * away @ np.linalg.inv(cov) @ away)

    def mixture_density(point: np.ndarray) -> float:
        return sum(weights[j] * density(point, means[j], covs[j]) for j in range(k))

    for _ in range(iterations):
        shares = np.zeros((n, k))
        for i in range(n):
            for j in range(k):
                shares[i, j] = weights[j] * density(x[i], means[j], covs[j])
            shares[i] /= shares[i].sum()
        for j in range(k):
            held = shares[:, j].sum()
            weights[j] = held / n
            mean = np.zeros(size)
            for i in range(n):
                mean += shares[i, j] * x[i]
            means[j] = mean / held
            cov = np.zeros((size, size))
            for i in range(n):
                away = x[i] - means[j]
                cov += shares[i, j] * away[:, None] * away[None, :]
            covs[j] = cov / held
        sum(math.log(mixture_density(point) + 1e-8) for point in x)
    return means


def seconds(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def by_turns(one: Callable[[], np.ndarray], other: Callable[[], np.ndarray], pairs: int) -> tuple[float, float, float]:
    """Median seconds of each, and the largest difference of their results; the first pair only warms up."""
    times, worst = [], 0.0
    for _ in range(pairs + 1):
        (a, means_a), (b, means_b) = seconds(one), seconds(other)
        times.append((a, b, a / b))
        worst = max(worst, float(np.abs(means_a - means_b).max()))
    medians = (statistics.median(column) for column in zip(*times[1:], strict=True))
    return *medians, worst


def line(name: str, iterations: int, result: tuple[float, ...]) -> None:
    mine, theirs, ratio, worst = result
    per = 1e3 / iterations
    print(f"| {name} | {iterations} | {mine * per:.3f} | {theirs * per:.3f} | {ratio:.2f} | {worst:.0e} |")


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}, float64, CPU time\n")
    print("| (N, D, K) | iterations | ours, ms each | peer's, ms each | ratio | means differ by |")
    print("|---|---|---|---|---|---|")
    x, begin = old_faithful().values, book_start()
    array = x.numpy()
    result = by_turns(lambda: ours(x, begin, 100), lambda: peers(array, begin, 100), 21)
    line("(272, 2, 2) Old Faithful, scikit-learn", 100, result)
    for n, size, k, iterations, pairs in SIZES:
        points, first = clouds(n, size, k)
        table = points.numpy()
        result = by_turns(
            lambda p=points, f=first, i=iterations: ours(p, f, i),
            lambda t=table, f=first, i=iterations: peers(t, f, i),
            pairs,
        )
        line(f"({n:,}, {size}, {k}), scikit-learn", iterations, result)
    # from where the first iteration has led: at the book's own start, densities by their formula are nearly all 0
    near = last(expectation_maximization(x, begin, max_iterations=1, tolerance=0, covariance_floor=0)).mixture
    result = by_turns(lambda: ours(x, near, 10), lambda: loops(array, near, 10), 5)
    line("(272, 2, 2) Old Faithful, loops", 10, result)
    print(f"\nThe loops take {1 / result[2]:.0f} times as long.")

    four = start(x, 4, "kmeans++", generator=torch.Generator("cpu").manual_seed(0))
    took = []
    for _ in range(11):
        began = time.perf_counter(), time.process_time()
        states = list(expectation_maximization(x, four, max_iterations=100, tolerance=0))
        took.append((1e3 * (time.perf_counter() - began[0]), 1e3 * (time.process_time() - began[1])))
    wall, cpu = (statistics.median(column) for column in zip(*took[1:], strict=True))
    print(
        f"\nA whole history, 100 iterations, K = 4, 272 points: {len(states)} states, {cpu:.1f} ms CPU, {wall:.1f} ms"
    )


if __name__ == "__main__":
    main()
