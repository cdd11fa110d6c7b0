"""The few densities that must follow a finger, and numbers taken from them: evaluated in the browser while something is
dragged, by the formulas of core/ (ui/plane/formulas.js; a test compares).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Linear:
    """A number that follows several values: the sum of factor · value over `terms`, each (factor, name of a value)."""

    terms: Sequence[tuple[float, str]]


# a number, the name of one of the plane's values, one number for each frame, or a sum of values
Number = float | str | Sequence[float] | Linear


@dataclass(frozen=True)
class Normal:
    """A normal distribution: core.normal."""

    mean: Number
    std: Number


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of two dimensions: core.multivariate_normal."""

    mean_x: Number
    mean_y: Number
    std_x: Number
    std_y: Number
    correlation: Number


@dataclass(frozen=True)
class Marginal:
    """The distribution of one coordinate of `of`, a normal distribution of one dimension."""

    of: Gaussian
    axis: Literal["x", "y"]


@dataclass(frozen=True)
class Conditional:
    """The distribution of y where x is known to be `x`, a normal distribution of one dimension."""

    of: Gaussian
    x: Number


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal distributions of two dimensions: core.gaussian_mixture.

    rows: the name of a `links.rows` value, or rows, each (weight, mean_x, mean_y, std_x, std_y, correlation). Weights
    are divided by their sum.
    """

    rows: str | Sequence[Sequence[float]]


@dataclass(frozen=True)
class Noised:
    """What becomes of a mixture at a noise level: N(√ᾱ μ, ᾱ Σ + (1 − ᾱ) I) for each component: core.diffusion.exact."""

    of: Mixture
    alpha_bar: Number


Model = Normal | Gaussian | Marginal | Conditional | Mixture | Noised


# ---- numbers for notes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Probability:
    """P(low < x ≤ high) under a model of one dimension."""

    model: Normal | Marginal | Conditional
    low: Number
    high: Number


@dataclass(frozen=True)
class LogLikelihood:
    """The sum of log densities, in nats, of a `links.points` value: of its x under a model of one dimension."""

    model: Model
    points: str


@dataclass(frozen=True)
class DensityAt:
    """The density at a place; y is not used for a model of one dimension."""

    model: Model
    x: Number
    y: Number = 0.0


@dataclass(frozen=True)
class MahalanobisAt:
    """The Mahalanobis distance of a place from the mean of a `Gaussian`."""

    model: Gaussian
    x: Number
    y: Number


@dataclass(frozen=True)
class MomentOf:
    """The mean or the standard deviation of a model of one dimension."""

    model: Normal | Marginal | Conditional
    which: Literal["mean", "std"]


Measure = Probability | LogLikelihood | DensityAt | MahalanobisAt | MomentOf
