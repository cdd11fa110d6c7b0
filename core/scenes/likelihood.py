"""What the page `likelihood` draws. All numbers are float64 unless said otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.scene import Scene

POINTS = (-1.4, -0.5, 0.2, 0.7, 1.1, 1.6, 2.4, 3.5)
MAP = {"mean": (-6.0, 6.0), "std": (0.15, 7.5)}  # the box of the map of the surface
DROPS = (0.02, 0.1, 0.3, 0.6, 1.0, 1.5, 2.2, 3.0)  # its contours: nats per value below the top
HEIGHT_EDGES = (136.0, 206.0, 2.0)  # cm: first and last edge, width of a bin
GIRTHS = ("shoulder_girth", "forearm_girth", "wrist_girth")
MIXED = ("height", *GIRTHS, "waiting", "eruptions", "made")
OUTCOMES = ("going", "arrived", "broken")


@dataclass(frozen=True)
class FitScene(Scene):
    """Points on a line under a normal density."""

    points: tuple[float, ...] = POINTS
    mean: float = -1.0
    std: float = 2.2

    def compute(self) -> Mapping[str, np.ndarray]:
        """density (n,) at each point, its logarithm, their product; ℓ now, at the top, and where that is (NaN if none).

        best_log_likelihood is ∞ where all points are the same: then there is no top.
        """
        import torch

        from core import likelihood, normal

        x = torch.tensor(self.points, dtype=torch.float64, device="cpu")
        found = {
            "density": normal.prob(x, self.mean, self.std),
            "log_density": normal.log_prob(x, self.mean, self.std),
        }
        if not self.points:
            best = dict.fromkeys(("best_mean", "best_std", "best_log_likelihood"), np.nan)
            return {**found, "likelihood": np.float64(1), "log_likelihood": np.float64(0), **best}
        mean, std = likelihood.fit_normal(x)
        return {
            **found,
            "likelihood": likelihood.likelihood(x, self.mean, self.std),
            "log_likelihood": likelihood.log_likelihood(x, self.mean, self.std),
            "best_mean": mean,
            "best_std": std,
            "best_log_likelihood": likelihood.log_likelihood(x, mean, std) if std > 0 else np.float64(np.inf),
        }


@dataclass(frozen=True)
class GuessesScene(Scene):
    """Many people's guesses of μ and σ for the same points. guesses: (mean, std) of each, one or more."""

    points: tuple[float, ...] = POINTS
    guesses: tuple[tuple[float, float], ...] = ()

    def compute(self) -> Mapping[str, np.ndarray]:
        """best (2,), μ̂ and σ̂; below (G,), nats that each guess lies below the maximum; middle (2,), the mean of the

        guesses, spread (2,), their standard deviations (÷ G), and middle_below, nats that the middle lies below.
        The points must not all be the same: there is no maximum then.
        """
        import torch

        from core import likelihood

        x = torch.tensor(self.points, dtype=torch.float64, device="cpu")
        guesses = torch.tensor(self.guesses, dtype=torch.float64, device="cpu")  # (G, 2)
        best = torch.stack(likelihood.fit_normal(x))
        top = likelihood.log_likelihood(x, *best)
        middle = guesses.mean(dim=0)
        return {
            "best": best,
            "below": top - likelihood.log_likelihood(x, *guesses.T),
            "middle": middle,
            "spread": guesses.std(dim=0, correction=0),
            "middle_below": top - likelihood.log_likelihood(x, *middle),
        }


@dataclass(frozen=True)
class SurfaceScene(Scene):
    """The log-likelihood of some points for every μ and σ, and a walk uphill on it."""

    points: tuple[float, ...] = POINTS
    mean: float = -4.0
    std: float = 3.0
    rate: float = 0.3
    steps: int = 150
    coordinates: str = "std"

    def compute(self) -> Mapping[str, np.ndarray]:
        """map (H, W) float32 over MAP, levels (L,); the walk: means, stds, log_likelihoods (S,), only where they exist.

        outcome: the index in OUTCOMES; broken_mean, broken_std: where the step went that broke it (NaN if none did).
        fell: the first step that led downhill, −1 if none did. No points: everything empty.
        """
        import torch

        from core import likelihood

        if not self.points:
            none = np.zeros(0)
            return {"map": np.zeros((0, 0), np.float32), "means": none, "stds": none, "log_likelihoods": none}
        x = torch.tensor(self.points, dtype=torch.float64, device="cpu")
        means = torch.linspace(*MAP["mean"], 145, dtype=torch.float64, device="cpu")
        stds = torch.linspace(*MAP["std"], 97, dtype=torch.float64, device="cpu")
        found = {"map": likelihood.log_likelihood_map(x, means, stds).float().numpy()}
        mean, std = likelihood.fit_normal(x)
        walk = likelihood.ascend(
            x, (self.mean, self.std), rate=self.rate, steps=self.steps, coordinates=self.coordinates
        )
        states = list(walk)
        last, steps = states[-1], [s for s in states if s.outcome != "broken"]
        log_likelihoods = np.array([s.log_likelihood for s in steps])
        falls = np.flatnonzero(np.diff(log_likelihoods) < -1e-9)
        top = likelihood.log_likelihood(x, mean, std) if std > 0 else np.float64(np.inf)
        highest = float(top) if std > 0 else float(found["map"].max())
        return {
            **found,
            "levels": highest - len(x) * np.array(DROPS)[::-1],
            "means": np.array([s.mean for s in steps]),
            "stds": np.array([s.std for s in steps]),
            "log_likelihoods": log_likelihoods,
            "outcome": np.int64(OUTCOMES.index(last.outcome)),
            "broken_std": np.float64(last.std if last.outcome == "broken" else np.nan),
            "fell": np.int64(falls[0] + 1 if len(falls) else -1),
            "best_mean": mean,
            "best_std": std,
            "best_log_likelihood": top,
            "largest_rate": np.float64(likelihood.largest_rate(x, self.coordinates)),
        }


@dataclass(frozen=True)
class HeightsScene(Scene):
    """Real heights, a normal distribution fitted to them, and as many new ones drawn from it."""

    source: str = "nhefs"
    who: str = "all"
    count: int = 0  # 0: all there are
    low: float = 160.0
    high: float = 180.0
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        """real and new (B,), per cm, in bins of `edges`; mean and std, cm; count: how many there are.

        below and above (3,): P(x ≤ low) and P(x > high) by the fitted cdf, counted in the real heights, in the new.
        The new ones are missing, and the cdf is NaN, where all heights are the same.
        """
        import torch

        from core import data, goodness, likelihood, normal

        table = data.body_measurements(self.source)
        chosen = {"all": table.sex >= 0, "women": table.sex == 0, "men": table.sex == 1}[self.who]
        heights = table.height[chosen]
        order = torch.randperm(len(heights), generator=torch.Generator("cpu").manual_seed(0), device="cpu")
        x = heights[order[: self.count or None]]  # the first so many in an order that never changes
        mean, std = likelihood.fit_normal(x)
        first, last, width = HEIGHT_EDGES
        edges = torch.arange(first, last + width / 2, width, dtype=torch.float64, device="cpu")
        below, above = [np.nan] * 3, [np.nan] * 3
        below[1], above[1] = likelihood.share_up_to(x, self.low), 1 - likelihood.share_up_to(x, self.high)
        found = {"new": np.zeros(0), "gap": np.float64(np.nan)}
        if std > 0:
            new = normal.sample(len(x), mean, std, generator=torch.Generator("cpu").manual_seed(self.seed))
            below[0], above[0] = normal.cdf(self.low, mean, std), normal.cdf(2 * mean - self.high, mean, std)
            below[2], above[2] = likelihood.share_up_to(new, self.low), 1 - likelihood.share_up_to(new, self.high)
            found = {"new": goodness.histogram(new, edges), "gap": np.float64(goodness.largest_gap(x, mean, std))}
        return {
            **found,
            "edges": edges,
            "real": goodness.histogram(x, edges),
            "mean": mean,
            "std": std,
            "count": np.int64(len(x)),
            "below": np.array(below, dtype=np.float64),
            "above": np.array(above, dtype=np.float64),
        }


@dataclass(frozen=True)
class EstimatorsScene(Scene):
    """Thousands of estimates, each from n values of its own, beside what theory says about them."""

    n: int = 5
    repetitions: int = 10_000
    std: float = 1.0
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        """Histograms of μ̂, of σ̂² and of the sums of squares over n − 1, the densities that theory has for them, and

        measured and theory (6,): mean of μ̂, its standard deviation, mean of σ̂², its bias, its mean squared error, and
        the mean squared error when divided by n − 1 (NaN for n = 1).
        """
        import torch

        from core import estimators, goodness, normal

        generator = torch.Generator("cpu").manual_seed(self.seed)
        tried = estimators.repeat(self.repetitions, self.n, 0.0, self.std, generator=generator)
        theory = estimators.Theory(self.n, self.std)
        error, square = theory.standard_error, self.std**2
        widest = square * (1 + 4.5 * (2 / max(1, self.n - 1)) ** 0.5)
        mean_edges = torch.linspace(-4.5 * error, 4.5 * error, 61, dtype=torch.float64, device="cpu")
        square_edges = torch.linspace(0, widest, 61, dtype=torch.float64, device="cpu")
        means = torch.linspace(-4.5 * error, 4.5 * error, 181, dtype=torch.float64, device="cpu")
        squares = torch.linspace(0, widest, 301, dtype=torch.float64, device="cpu")[1:]
        unbiased = tried.unbiased
        measured = (
            tried.means.mean(),
            estimators.spread(tried.means),
            tried.variances.mean(),
            tried.variances.mean() - square,
            estimators.mean_squared_error(tried.variances, square),
            estimators.mean_squared_error(unbiased, square),
        )
        known = (
            0.0,
            error,
            theory.expected_variance,
            theory.bias,
            theory.squared_error(self.n),
            theory.squared_error(self.n - 1),
        )
        return {
            "mean_edges": mean_edges,
            "mean_bars": goodness.histogram(tried.means, mean_edges),
            "mean_x": means,
            "mean_y": normal.prob(means, 0.0, error),
            "square_edges": square_edges,
            "square_bars": goodness.histogram(tried.variances, square_edges),
            "unbiased_bars": goodness.histogram(unbiased, square_edges) if self.n > 1 else np.zeros(60),
            "square_x": squares,
            "square_y": theory.variance_density(squares, self.n),
            "unbiased_y": theory.variance_density(squares, self.n - 1),
            "measured": np.array([float(v) for v in measured]),
            "theory": np.array(known),
        }


@dataclass(frozen=True)
class MisfitScene(Scene):
    """One normal distribution fitted to two groups together."""

    data: str = "forearm_girth"
    gap: float = 3.0  # of the groups that are made: the distance of their means, in their standard deviations

    def compute(self) -> Mapping[str, np.ndarray]:
        """The histogram, also of each group where they are known (each by its share), a smooth curve with its peaks,

        the fit, and the QQ plot: `expected` (n,) under the fit and `seen` (n,), both rising.
        """
        import torch

        from core import goodness, likelihood, normal

        x, second = self._values()
        mean, std = likelihood.fit_normal(x)
        low, high = float(x.min() - 0.8 * std), float(x.max() + 0.8 * std)
        edges = torch.linspace(low, high, 41, dtype=torch.float64, device="cpu")
        at = torch.linspace(low, high, 401, dtype=torch.float64, device="cpu")
        smooth = goodness.kernel_density(x, at)
        expected, seen = goodness.quantile_pairs(x, mean, std)
        groups = [x[~second], x[second]] if second is not None else []
        fits = [likelihood.fit_normal(group) for group in groups]
        return {
            "edges": edges,
            "bars": goodness.histogram(x, edges),
            "group_bars": np.array([(goodness.histogram(g, edges) * len(g) / len(x)).numpy() for g in groups]),
            "group_means": np.array([float(m) for m, _ in fits]),
            "group_stds": np.array([float(s) for _, s in fits]),
            "x": at,
            "smooth": smooth,
            "normal": normal.prob(at, mean, std),
            "peaks": at[goodness.peaks(smooth)],
            "mean": mean,
            "std": std,
            "count": np.int64(len(x)),
            "expected": expected.float(),
            "seen": seen.float(),
            "largest_gap": np.float64(goodness.largest_gap(x, mean, std)),
            "chance_gap": np.float64(goodness.chance_gap(len(x))),
        }

    def _values(self):
        """The values (n,), and which of them belong to the second group (n,), None where nobody wrote that down."""
        import torch

        from core import data, normal

        if self.data == "made":
            second = torch.arange(1000, device="cpu") >= 500
            z = normal.sample(1000, 0.0, 1.0, generator=torch.Generator("cpu").manual_seed(0))
            return z + self.gap * (second.double() - 0.5), second
        if self.data in ("waiting", "eruptions"):
            return getattr(data.old_faithful(), self.data), None
        table = data.body_measurements("nhefs" if self.data == "height" else "bdims")
        return getattr(table, self.data), table.sex == 1


FIRST: tuple[Scene, ...] = (FitScene(), SurfaceScene(), HeightsScene())
