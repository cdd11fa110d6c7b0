"""Step 1 beside NumPy and SciPy doing the same in the same run.

python -m benchmarks.normal

The best of forty rounds each, since a busy machine only ever adds to the time; a ratio above 1 says that core/ is
faster. The rows: means of 100 draws, 10,000 times, for each source; the same with everything that the page draws of
them; log densities and cdf of a million numbers.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import special, stats

from core import limit, normal, sources
from core.device import settle_threads
from core.scenes.normal import DRAWING, GatherScene

REPETITIONS, N, ROUNDS = 10_000, 100, 40
MANY = 1_000_000
GRID = np.linspace(0, 1, len(DRAWING))


def main() -> None:
    settle_threads()
    print(f"{torch.get_num_threads()} threads\n")
    print("| | core, ms | peer, ms | peer ÷ core |\n|---|---|---|---|")
    for name in sources.NAMES:
        source = sources.named(name, DRAWING)
        rng = np.random.default_rng(0)
        generator = torch.Generator("cpu").manual_seed(0)
        row(
            f"10,000 means of 100: {name}",
            lambda source=source, generator=generator: [*limit.gather(source, N, (REPETITIONS,), generator=generator)],
            lambda name=name, rng=rng: numpy_draws(name, rng).mean(axis=1),
        )
    row("all that the page draws of them", lambda: GatherScene(n=N).compute(), None)
    x = np.random.default_rng(1).normal(size=MANY) * 3
    t = torch.from_numpy(x)
    row("log density, 1,000,000", lambda: normal.log_prob(t, 0.5, 2.0), lambda: stats.norm.logpdf(x, 0.5, 2.0))
    row("cdf, 1,000,000", lambda: normal.cdf(t, 0.5, 2.0), lambda: special.ndtr((x - 0.5) / 2.0))
    row("cdf, 1,000,000 (stats.norm)", lambda: normal.cdf(t, 0.5, 2.0), lambda: stats.norm.cdf(x, 0.5, 2.0))


def numpy_draws(name: str, rng: np.random.Generator) -> np.ndarray:
    """(REPETITIONS, N) by the shortest NumPy there is."""
    shape = (REPETITIONS, N)
    match name:
        case "uniform":
            return rng.random(shape)
        case "exponential":
            return rng.standard_exponential(shape)
        case "coin":
            return rng.integers(0, 2, shape).astype(float)
        case "humps":
            return rng.choice([-2.0, 2.0], shape) + 0.5 * rng.standard_normal(shape)
        case "cauchy":
            return rng.standard_cauchy(shape)
    fine = np.linspace(0, 1, 20_001)
    cdf = np.cumsum(np.interp(fine, GRID, DRAWING))
    return np.interp(rng.random(shape), cdf / cdf[-1], fine)


def row(name: str, ours: Callable[[], object], theirs: Callable[[], object] | None) -> None:
    """One line of the table; both sides take turns, so that a busy machine slows both."""
    took: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for side, call in enumerate((ours, theirs)):
            if call is None:
                continue
            began = time.perf_counter()
            call()
            took[side].append(time.perf_counter() - began)
    mine = min(took[0])
    peer = min(took[1]) if took[1] else float("nan")
    shown = f"{1000 * peer:.1f} | {peer / mine:.2f}" if took[1] else "– | –"
    print(f"| {name} | {1000 * mine:.1f} | {shown} |")


if __name__ == "__main__":
    main()
