"""Distributions to draw from: what the central limit theorem is tried on, and one that it does not hold for.

A source has a density (or, for the coin, two probabilities), draws samples, and knows its mean and its standard
deviation. Everything is float64 on the CPU; randomness comes from a generator alone.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core import normal
from core.integral import integral

NAMES = ("uniform", "exponential", "coin", "humps", "cauchy", "drawn")


class Source(ABC):
    """One distribution.

    mean, std: of one draw; NaN where they do not exist
    shown: (low, high), where a picture of it looks
    support: (low, high) that hold all of it, or all but 1e-12
    step: the distance between its values where they lie on a lattice that begins at 0, else None
    """

    mean: float
    std: float
    shown: tuple[float, float]
    support: tuple[float, float]
    step: float | None = None

    @abstractmethod
    def density(self, x: Tensor) -> Tensor:
        """p(x), per unit of x; for a lattice the probability of x."""

    @abstractmethod
    def sample(self, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """Independent draws in that shape."""

    @property
    def has_variance(self) -> bool:
        """Whether mean and variance exist, which is all that the central limit theorem asks for."""
        return math.isfinite(self.std)


class Uniform(Source):
    """Equally likely everywhere between 0 and 1: mean ½, variance 1/12."""

    mean, std = 0.5, math.sqrt(1 / 12)
    shown, support = (-0.25, 1.25), (0.0, 1.0)

    def density(self, x: Tensor) -> Tensor:
        return ((x >= 0) & (x <= 1)).to(x.dtype)

    def sample(self, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return _uniform(shape, generator)


class Exponential(Source):
    """Waiting times: p(x) = e^{−x} for x ≥ 0. Mean 1, variance 1."""

    mean, std = 1.0, 1.0
    shown, support = (-0.5, 6.0), (0.0, 28.0)

    def density(self, x: Tensor) -> Tensor:
        return torch.where(x >= 0, (-x).exp(), torch.zeros_like(x))

    def sample(self, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return torch.from_numpy(_numbers(generator).standard_exponential(shape))


class Coin(Source):
    """0 or 1, each with probability ½. Mean ½, variance ¼."""

    mean, std = 0.5, 0.5
    shown, support = (-0.75, 1.75), (0.0, 1.0)
    step = 1.0

    def density(self, x: Tensor) -> Tensor:
        return 0.5 * ((x == 0) | (x == 1)).to(x.dtype)

    def sample(self, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return torch.from_numpy(_numbers(generator).integers(0, 2, shape, dtype=np.int8)).to(torch.float64)


class Humps(Source):
    """Two normal humps of standard deviation ½, around −2 and 2, equally likely. Mean 0, variance 2² + ½²."""

    away, width = 2.0, 0.5
    mean, std = 0.0, math.sqrt(2.0**2 + 0.5**2)
    shown, support = (-4.5, 4.5), (-6.0, 6.0)

    def density(self, x: Tensor) -> Tensor:
        return 0.5 * (normal.prob(x, -self.away, self.width) + normal.prob(x, self.away, self.width))

    def sample(self, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        numbers = _numbers(generator)
        side = torch.from_numpy(numbers.integers(0, 2, shape, dtype=np.int8))  # which hump
        z = torch.from_numpy(numbers.standard_normal(shape))
        return z.mul_(self.width).add_(side, alpha=2 * self.away).sub_(self.away)


class Cauchy(Source):
    """p(x) = 1/(π(1 + x²)): tails so heavy that ∫ |x| p(x) dx is infinite. It has no mean and no variance.

    The mean of n draws has exactly the distribution of one draw.
    """

    mean, std = math.nan, math.nan
    shown, support = (-8.0, 8.0), (-math.inf, math.inf)

    def density(self, x: Tensor) -> Tensor:
        return 1 / (math.pi * (1 + x.square()))

    def sample(self, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        return torch.tan(math.pi * (_uniform(shape, generator) - 0.5))  # the inverse of its cdf, ½ + arctan(x)/π


class Drawn(Source):
    """A density drawn by hand: straight lines through `heights` at equally spaced places from 0 to 1, area made 1.

    Raises ValueError where there are fewer than two heights, one is negative or no number, or the area is zero.
    """

    shown, support = (-0.05, 1.05), (0.0, 1.0)

    def __init__(self, heights: Sequence[float]):
        y = torch.tensor(list(heights), dtype=torch.float64, device="cpu")
        if len(y) < 2:
            raise ValueError("A drawn density needs at least two heights.")
        if not bool((y.isfinite() & (y >= 0)).all()):
            raise ValueError("The heights of a density must not be negative.")
        self.gap = 1 / (len(y) - 1)
        area = float((y[1:] + y[:-1]).sum()) / 2 * self.gap
        if area <= 1e-9:
            raise ValueError("A density with no area has no probability to give away.")
        self.heights = y / area
        a, b = self.heights[:-1], self.heights[1:]  # of each piece, left and right
        self.cumulative = torch.cat([a.new_zeros(1), ((a + b) / 2 * self.gap).cumsum(0)])  # (K + 1,)
        left = torch.arange(len(a), dtype=torch.float64, device="cpu") * self.gap
        # of a straight piece from height a to height b, exactly: ∫ x p and ∫ x² p with x = left + gap·t
        first = self.gap * (a / 6 + b / 3)  # ∫ t p over the piece, in x
        second = self.gap * (a / 12 + b / 4)  # ∫ t² p
        share = self.gap * (a + b) / 2
        self.mean = float((left * share + self.gap * first).sum())
        square = float((left**2 * share + 2 * left * self.gap * first + self.gap**2 * second).sum())
        self.std = math.sqrt(max(square - self.mean**2, 0.0))

    def density(self, x: Tensor) -> Tensor:
        at = (x / self.gap).clamp(0, len(self.heights) - 1)
        k = at.floor().long().clamp(max=len(self.heights) - 2)
        y = torch.lerp(self.heights[k], self.heights[k + 1], at - k)
        return torch.where((x >= 0) & (x <= 1), y, torch.zeros_like(y))

    def sample(self, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        """The inverse of its cdf: which piece, and then how far into it, where a t + (b − a) t²/2 has the area left."""
        u = _uniform(shape, generator) * self.cumulative[-1]
        k = torch.searchsorted(self.cumulative, u, right=True).sub_(1).clamp_(0, len(self.heights) - 2)
        a, b = self.heights[k], self.heights[k + 1]
        rest = ((u - self.cumulative[k]) / self.gap).clamp_(min=0)
        root = (a.square() + 2 * (b - a) * rest).clamp_(min=0).sqrt_()
        t = 2 * rest / (a + root).clamp_(min=1e-300)  # no difference of near equals
        return (k + t.clamp_(0, 1)) * self.gap


class Normal(Source):
    """The normal distribution itself, here with μ = 1 and σ = 2."""

    mean, std = 1.0, 2.0
    shown, support = (-7.0, 9.0), (-14.0, 16.0)

    def density(self, x: Tensor) -> Tensor:
        return normal.prob(x, self.mean, self.std)

    def sample(self, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
        z = torch.randn(shape, generator=generator, dtype=torch.float64, device=generator.device).cpu()
        return self.mean + self.std * z


def named(name: str, heights: Sequence[float] = ()) -> Source:
    """The source of that name; `heights` is what was drawn. ValueError for a name that is none, or a drawing without
    area."""
    table = {
        "uniform": Uniform,
        "exponential": Exponential,
        "coin": Coin,
        "humps": Humps,
        "cauchy": Cauchy,
        "normal": Normal,
    }
    if name == "drawn":
        return Drawn(heights)
    if name not in table:
        raise ValueError(f"There is no source {name!r}; there are {', '.join(table)} and drawn.")
    return table[name]()


def moments_by_integral(source: Source, low: float, high: float, cells: int) -> tuple[float, float]:
    """(E x, Var x): ∫ x p(x) dx and ∫ (x − E x)² p(x) dx from low to high; on a lattice, sums over its values.

    Bishop 2006, equations 1.34, 1.38 and 1.39.
    """
    if source.step is not None:
        count = round((high - low) / source.step) + 1
        x = torch.linspace(low, high, count, dtype=torch.float64, device="cpu")
        p = source.density(x)
        mean = float(x @ p)
        return mean, float((x - mean).square() @ p)
    mean = integral(lambda x: x * source.density(x), low, high, cells)
    return mean, integral(lambda x: (x - mean).square() * source.density(x), low, high, cells)


def moments_by_sampling(x: Tensor) -> tuple[float, float]:
    """(mean, variance) of samples x (n,): averages in the place of both integrals. NaN where there are none."""
    mean = x.mean()
    return float(mean), float((x - mean).square().mean())


def standard_errors(x: Tensor) -> tuple[float, float]:
    """How far samples x (n,) typically leave mean and variance from the true ones, as far as the samples can tell.

    √(v/n) and √((m₄ − v²)/n) with the variance v and the fourth central moment m₄. Cramér 1946, section 27.4.
    """
    away = x - x.mean()
    variance = away.square().mean()
    spread = (away.pow(4).mean() - variance.square()).clamp(min=0)
    return float((variance / len(x)).sqrt()), float((spread / len(x)).sqrt())


def absolute_moment(source: Source, reach: float, power: int, cells: int = 4000) -> float:
    """∫ |x|^power p(x) dx from −reach to reach, of a source that is symmetric about 0, for a reach of any size.

    With x = e^u, dx = x du, many orders of magnitude are equal steps of u.
    """
    low = math.log(1e-6)

    def inside(u: Tensor) -> Tensor:
        x = u.exp()
        return x.pow(power + 1) * source.density(x)

    return 2 * integral(inside, low, math.log(reach), cells)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.from_numpy(_numbers(generator).random(shape))


def _numbers(generator: torch.Generator) -> np.random.Generator:
    """NumPy's generator, seeded by a draw from torch's: for a million numbers in float64 it takes half the time."""
    seed = torch.randint(0, 2**62, (), generator=generator, dtype=torch.int64, device=generator.device)
    return np.random.default_rng(int(seed))
