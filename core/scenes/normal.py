"""What the page `normal` draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.scene import Scene

SINGLES = 20  # repetitions that are shown one by one, before thousands come at once
GRID = 25  # heights of a hand-drawn density, from x = 0 to 1
LEVELS = 65_000  # of a height in a link: ui/packing.py counts in as many steps from 0 to 1
DRAWING = tuple(round(LEVELS * (0.08 + 2.34 * (k / (GRID - 1) - 0.62) ** 2)) / LEVELS for k in range(GRID))
SIZES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)  # N at which the distance to the normal is measured
SETS = 100  # samples of the normal distribution itself that the floor is measured on
RUNS = 12  # running means
LENGTH = 10_000  # draws of each
RANGE = (10.0, 100.0, 1_000.0, 10_000.0, 100_000.0)  # how far the integrals of a Cauchy are taken


@dataclass(frozen=True)
class ParametersScene(Scene):
    """The height of a normal density at its mean, and its area as a sum of rectangles from μ − 8σ to μ + 8σ.

    Arrays: `fits` (whether there is a density: σ > 0), `peak`, `factor` 1/√(2πσ²), `area`, `edges` (B + 1,),
    `heights` (B,).
    """

    mean: float = 0.0
    std: float = 1.0
    rectangles: int = 200

    def compute(self) -> Mapping[str, np.ndarray]:
        from core import normal
        from core.integral import integral, rectangles

        if self.std <= 0:
            return {"fits": np.array(False)}

        def density(x):
            return normal.prob(x, self.mean, self.std)

        low, high = self.mean - 8 * self.std, self.mean + 8 * self.std
        edges, heights = rectangles(density, low, high, self.rectangles)
        return {
            "fits": np.array(True),
            "peak": density(self.mean).numpy(),
            "area": np.array(integral(density, low, high, self.rectangles)),
            "edges": edges.numpy(),
            "heights": heights.numpy(),
        }


@dataclass(frozen=True)
class IntervalScene(Scene):
    """The probability between two ends by the cdf, and the share of samples that fell there.

    Arrays: `probability`, `z` (2,) of the ends, `cdf` (2,), `inside` (how many of `count`), `error` (the standard
    error of the share), `at` (M, 2) the first samples, each at a random height under the curve, `within` (M,).
    """

    low: float = -1.0
    high: float = 3.0
    mean: float = 1.0
    std: float = 2.0
    count: int = 1000
    seed: int = 0
    drawn: int = 2000  # at most so many are shown

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import normal

        generator = torch.Generator("cpu").manual_seed(self.seed)
        x = normal.sample(self.count, self.mean, self.std, generator=generator)
        up = torch.rand(self.count, generator=generator, dtype=torch.float64, device="cpu")
        within = (x > self.low) & (x <= self.high)
        p = float(normal.interval_probability(self.low, self.high, self.mean, self.std))
        ends = torch.tensor([self.low, self.high], dtype=torch.float64, device="cpu")
        shown = x[: self.drawn]
        height = up[: self.drawn] * normal.prob(shown, self.mean, self.std)
        return {
            "probability": np.array(p),
            "z": ((ends - self.mean) / self.std).numpy(),
            "cdf": normal.cdf(ends, self.mean, self.std).numpy(),
            "inside": np.array(int(within.sum())),
            "error": np.array((p * (1 - p) / self.count) ** 0.5),
            "at": torch.stack([shown, height], dim=1).float().numpy(),
            "within": within[: self.drawn].numpy(),
        }


@dataclass(frozen=True)
class GatherScene(Scene):
    """Means or sums of `n` draws as they gather, and the law that theory predicts for them.

    Arrays, with F frames: `fits` (whether the source can be drawn from; if not, nothing else), `counts` (F,) how many
    repetitions, `draws` (F, n) of the last one and `up` (F, n) a height for each, `values` (S,) of the first ones,
    `stack` (S,) how many values lie below each in its bin; `edges` (B + 1,), `heights` (F, B); `qq` (F, Q, 2);
    `mean`, `variance`, `distance` (F,) measured; `law` (mean, std), `normal` whether it is one; `curve` (M, 2) its
    density; `source` (K, 2) the density of one draw, `moments` (mean, std) of one draw, `shown` (low, high).
    """

    source: str = "exponential"
    statistic: str = "mean"
    n: int = 5
    repetitions: int = 10_000
    seed: int = 0
    drawing: tuple[float, ...] = ()  # heights, for the source "drawn" only

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import limit, sources

        try:
            source = sources.named(self.source, self.drawing)
            law = limit.predicted(source, self.n, self.statistic)
        except ValueError:
            return {"fits": np.array(False)}
        generator = torch.Generator("cpu").manual_seed(self.seed)
        edges = limit.bins(source, self.n, law, self.statistic)
        spread = torch.linspace(-3.4, 3.4, 69, dtype=torch.float64, device="cpu")
        found: dict[str, list] = {k: [] for k in ("draws", "heights", "qq", "mean", "variance", "distance")}
        for state in limit.gather(
            source, self.n, counts(self.repetitions), statistic=self.statistic, generator=generator
        ):
            z = law.standardised(state.values)
            mean, variance = sources.moments_by_sampling(state.values)
            found["draws"].append(state.draws)
            found["heights"].append(limit.histogram(state.values, edges))
            found["qq"].append(limit.quantile_pairs(z, spread))
            found["mean"].append(mean)
            found["variance"].append(variance)
            found["distance"].append(limit.distance(z))
        draws = torch.stack(found["draws"])  # (F, n)
        up = torch.rand(draws.shape, generator=generator, dtype=torch.float64, device="cpu")
        first = state.values[:SINGLES]
        bin_of = torch.searchsorted(edges, first.contiguous(), right=True)
        low, high = limit.span(law)
        low, high = min(low, float(edges[0])), max(high, float(edges[-1]))
        x = torch.linspace(low, high, 241, dtype=torch.float64, device="cpu")
        return {
            "fits": np.array(True),
            "counts": np.array(counts(self.repetitions)),
            "draws": draws.float().numpy(),
            "up": (up * source.density(draws)).float().numpy(),
            "values": first.float().numpy(),
            "stack": np.array([int((bin_of[:k] == bin_of[k]).sum()) for k in range(len(first))]),
            "edges": edges.numpy(),
            "heights": torch.stack(found["heights"]).float().numpy(),
            "qq": torch.stack(found["qq"]).float().numpy(),
            "mean": np.array(found["mean"]),
            "variance": np.array(found["variance"]),
            "distance": np.array(found["distance"]),
            "law": np.array([law.mean, law.std]),
            "normal": np.array(law.normal),
            "curve": torch.stack([x, law.density(x)], dim=1).float().numpy(),
            "source": outline(source),
            "moments": np.array([source.mean, source.std]),
            "shown": np.array(source.shown),
        }


@dataclass(frozen=True)
class DistanceScene(Scene):
    """How near to the normal the means of N draws are, N by N; and running means of single long runs.

    Arrays: `fits`; `sizes`, `distance` (len(SIZES),); `running` (RUNS, L, 2) means after x draws, at rising x;
    `band` (L, 2) the middle 95% of the predicted normal, empty where there is none; `largest` (3,): of the first run,
    the largest draw, how many draws there were with it, and by how much it moved the mean.
    """

    source: str = "exponential"
    repetitions: int = 10_000
    seed: int = 0
    drawing: tuple[float, ...] = ()

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import limit, normal, sources

        try:
            source = sources.named(self.source, self.drawing)
            limit.predicted(source, 1, "mean")
        except ValueError:
            return {"fits": np.array(False)}
        generator = torch.Generator("cpu").manual_seed(self.seed)
        distance = limit.distances(source, SIZES, self.repetitions, generator=generator)
        means = limit.running_means(source, RUNS, LENGTH, generator=generator)
        at = np.unique(np.geomspace(1, LENGTH, 240).round().astype(int))
        x = np.broadcast_to(at, (RUNS, len(at)))
        laws = [limit.predicted(source, int(n), "mean") for n in at] if source.has_variance else []
        band = [[float(normal.quantile(p, law.mean, law.std)) for p in (0.025, 0.975)] for law in laws]
        return {
            "fits": np.array(True),
            "sizes": np.array(SIZES),
            "distance": distance.numpy(),
            "running": np.stack([x, means[:, at - 1].numpy()], axis=2).astype(np.float32),
            "band": np.array(band).reshape(-1, 2),
            "largest": np.array(limit.largest_jump(means[0])),
        }


@dataclass(frozen=True)
class FloorScene(Scene):
    """The distance that draws of the normal distribution itself have: no source can be seen to be nearer.

    Arrays: `low`, `mean`, `high`: the mean and the middle 95% of SETS measurements; `expected`: the mean by theory.
    """

    repetitions: int = 10_000
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import limit

        found = limit.floor(self.repetitions, SETS, generator=torch.Generator("cpu").manual_seed(self.seed)).numpy()
        low, high = np.quantile(found, [0.025, 0.975])
        return {
            "low": np.array(low),
            "mean": found.mean(),
            "high": np.array(high),
            "expected": np.array(limit.expected_floor(self.repetitions)),
        }


@dataclass(frozen=True)
class MomentsScene(Scene):
    """Expectation and variance of a source three ways: in closed form, by integral, by sampling.

    Arrays: `exact`, `integral`, `sampled`, each (mean, variance); `error` the standard error of the sampled
    mean and of the sampled variance, from the samples; `source` (K, 2) p(x); `first` (K, 2) x p(x); `second` (K, 2)
    (x − μ)² p(x), μ the integral's; `cells` (B + 1,), `first_cells`, `second_cells` (B,) the rectangles of both
    integrals, empty for a lattice and where there is no mean; `edges`, `heights` of the samples' histogram; `shown`;
    `lattice`; and where there is no mean: `ranges` (R,), `reached` (R, 2): ∫ |x| p and ∫ x² p from −range to range.
    """

    source: str = "uniform"
    cells: int = 200
    count: int = 10_000
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import limit, sources
        from core.integral import rectangles

        source = sources.named(self.source)
        low, high = source.support if np.isfinite(source.support).all() else (-RANGE[-1], RANGE[-1])
        found = sources.moments_by_integral(source, low, high, self.cells)
        x = source.sample((self.count,), generator=torch.Generator("cpu").manual_seed(self.seed))
        curve = outline(source)
        one = limit.Law(source.mean, source.std, True) if source.has_variance else limit.Law(0.0, 1.0, False)
        edges = limit.bins(source, 1, one, "mean")
        density = torch.as_tensor(curve[:, 1].astype(np.float64))
        centre = found[0] if source.has_variance else 0.0
        at = curve[:, 0].astype(np.float64)
        ranges = () if source.has_variance else RANGE
        ends, first, second = (torch.zeros(0, dtype=torch.float64, device="cpu") for _ in range(3))
        if source.has_variance and source.step is None:
            ends, first = rectangles(lambda v: v * source.density(v), low, high, self.cells)
            _, second = rectangles(lambda v: (v - centre).square() * source.density(v), low, high, self.cells)
        reached = [[sources.absolute_moment(source, reach, power) for power in (1, 2)] for reach in ranges]
        return {
            "exact": np.array([source.mean, source.std**2]),
            "integral": np.array(found),
            "sampled": np.array(sources.moments_by_sampling(x)),
            "error": np.array(sources.standard_errors(x)),
            "source": curve,
            "first": np.stack([at, at * density.numpy()], 1).astype(np.float32),
            "second": np.stack([at, (at - centre) ** 2 * density.numpy()], 1).astype(np.float32),
            "cells": ends.numpy(),
            "first_cells": first.numpy(),
            "second_cells": second.numpy(),
            "edges": edges.numpy(),
            "heights": limit.histogram(x, edges).numpy(),
            "shown": np.array(source.shown),
            "lattice": np.array(source.step is not None),
            "ranges": np.array(ranges),
            "reached": np.array(reached).reshape(-1, 2),
        }


def counts(repetitions: int) -> tuple[int, ...]:
    """How many repetitions there are at each frame: one more each time, and later many more."""
    later = [30, 50, 100, 200, 500, 1_000, 2_000, 3_500, 5_000, 7_500, 10_000]
    rising = [*range(1, SINGLES + 1), *later]
    return tuple(k for k in rising if k < repetitions) + (repetitions,)


def outline(source) -> np.ndarray:
    """(K, 2): the density over what is shown; of a lattice, its values and their probabilities."""
    import torch

    low, high = source.shown
    if source.step is not None:
        x = torch.tensor(source.support, dtype=torch.float64, device="cpu")
    else:
        x = torch.linspace(low, high, 401, dtype=torch.float64, device="cpu")
        ends = torch.tensor([e for e in source.support if low < e < high], dtype=torch.float64, device="cpu")
        beside = torch.cat([ends - 1e-9, ends, ends + 1e-9])  # a jump of the density is drawn upright
        x = torch.cat([x, beside]).sort().values
    return torch.stack([x, source.density(x)], dim=1).numpy()


def regridded(points: tuple[tuple[float, float], ...]) -> tuple[float, ...]:
    """Heights (GRID,) at equally spaced x from 0 to 1 of a line through `points`; () for no points at all.

    Rounded to what a link can hold, so that a link shows exactly what was painted.
    """
    if not points:
        return ()
    grid = np.linspace(0, 1, GRID)
    x, y = np.array(points, dtype=float).T
    if len(x) != GRID or np.abs(x - grid).max() > 1e-3:
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
        keep = np.concatenate([[True], np.diff(x) > 0])
        y = np.interp(grid, x[keep], y[keep])
    return tuple((np.round(y * LEVELS) / LEVELS).tolist())


FIRST: tuple[Scene, ...] = (ParametersScene(), IntervalScene(), GatherScene(), DistanceScene(), FloorScene())
