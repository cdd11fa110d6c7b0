"""Fitting, and repeating a fit thousands of times, against NumPy and SciPy doing the same in the same run.

python -m benchmarks.likelihood
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from core.device import settle_threads
from core.estimators import repeat
from core.likelihood import fit_normal

ROUNDS = 15


def main() -> None:
    settle_threads()
    print(f"{torch.get_num_threads()} threads\n")
    print("| what | here, ms | peer, ms | ratio | peer |\n|---|---|---|---|---|")
    random = np.random.default_rng(0)
    for n in (1_000, 100_000, 1_000_000):
        x = random.normal(170, 10, n)
        here = torch.from_numpy(x)
        compare(
            f"fit, n = {n:,}", lambda here=here: fit_normal(here), lambda x=x: stats.norm.fit(x), "scipy.stats.norm.fit"
        )
    for repetitions, n in ((10_000, 5), (10_000, 100), (20_000, 100)):
        generator = torch.Generator("cpu").manual_seed(0)
        compare(
            f"{repetitions:,} repetitions, n = {n}",
            lambda r=repetitions, n=n, g=generator: repeat(r, n, 0.0, 1.0, generator=g),
            lambda r=repetitions, n=n: numpy_repeat(r, n, random),
            "NumPy: normal, mean, var",
        )


def numpy_repeat(repetitions: int, n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = random.normal(0.0, 1.0, (repetitions, n))
    return x.mean(axis=1), x.var(axis=1)


def compare(what: str, ours: Callable[[], object], theirs: Callable[[], object], peer: str) -> None:
    """The medians of both, by turns, so that a busy moment strikes both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for run, found in zip((ours, theirs), seconds, strict=True):
            began = time.perf_counter()
            run()
            found.append(time.perf_counter() - began)
    here, there = (1000 * statistics.median(found) for found in seconds)
    print(f"| {what} | {here:.2f} | {there:.2f} | {here / there:.2f} | {peer} |")


if __name__ == "__main__":
    main()
