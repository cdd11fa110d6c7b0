"""The multivariate normal beside NumPy and SciPy doing the same in the same run: density, fit, samples, pixels.

python -m benchmarks.multivariate_normal
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from core import data, pixels
from core.device import settle_threads
from core.multivariate_normal import MultivariateNormal

ROUNDS = 7


def seconds(*rivals: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The median time of each, taken by turns, so that a busy moment hits all alike; one round to warm up."""
    times = [[] for _ in rivals]
    for turn in range(rounds + 1):
        for kept, run in zip(times, rivals, strict=True):
            began = time.perf_counter()
            run()
            if turn:
                kept.append(time.perf_counter() - began)
    return [statistics.median(kept) for kept in times]


def row(what: str, ours: float, theirs: float, rival: str) -> None:
    print(f"| {what} | {1e3 * ours:,.1f} ms | {1e3 * theirs:,.1f} ms ({rival}) | {ours / theirs:.2f} |")


def by_numpy(images: np.ndarray) -> np.ndarray:
    """The fit in 784 dimensions and 16 samples, in NumPy alone."""
    x = images.reshape(len(images), -1) / 255
    variances, axes = np.linalg.eigh(np.cov(x, rowvar=False, bias=True))
    z = np.random.default_rng(0).standard_normal((16, x.shape[1]))
    return x.mean(0) + (z * np.sqrt(variances.clip(0))) @ axes.T


def main() -> None:
    settle_threads()
    generator = torch.Generator("cpu").manual_seed(0)
    print("| what | ours | theirs | ratio |\n|---|---|---|---|")
    for count, size in ((100_000, 2), (100_000, 20)):
        a = torch.randn(size, size, generator=generator, dtype=torch.float64, device="cpu")
        mean, cov = a[0], a @ a.T + torch.eye(size, dtype=torch.float64, device="cpu")
        x = MultivariateNormal(mean, cov).sample(count, generator=generator)
        m, c, points, rng = mean.numpy(), cov.numpy(), x.numpy(), np.random.default_rng(0)
        label = f"{count:,} × {size}"
        times = seconds(
            lambda m=mean, c=cov, x=x: MultivariateNormal(m, c).log_prob(x),
            lambda m=m, c=c, x=points: stats.multivariate_normal(m, c).logpdf(x),
        )
        row(f"log density, {label}", *times, "SciPy")
        times = seconds(
            lambda x=x: MultivariateNormal.fit(x),
            lambda x=points: (x.mean(0), np.cov(x, rowvar=False, bias=True)),
        )
        row(f"fit, {label}", *times, "NumPy")
        times = seconds(
            lambda m=mean, c=cov, n=count: MultivariateNormal(m, c).sample(n, generator=generator),
            lambda m=m, c=c, n=count, rng=rng: rng.multivariate_normal(m, c, n, method="cholesky"),
        )
        row(f"sample, {label}", *times, "NumPy")
    images = data.mnist("train").images

    def whole_fit() -> torch.Tensor:
        return pixels.fit(images).sample(16, generator=generator)

    ours, theirs = seconds(whole_fit, lambda: by_numpy(images.numpy()), rounds=3)
    row("60,000 digits: mean, covariance, eigenvectors, 16 samples", ours, theirs, "NumPy")


if __name__ == "__main__":
    main()
