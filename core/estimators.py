"""Estimates are random too: what μ̂ and σ̂² would be, had other data been drawn from the same normal distribution.

Everything is float64 on the CPU. σ is a standard deviation (`std`), σ² a variance.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.likelihood import fit_normal

AT_ONCE = 200_000  # numbers that are drawn at a time: they stay in a processor's cache


@dataclass(frozen=True, eq=False)
class Estimates:
    """The estimates of many repetitions of one experiment with n values each.

    means: (R,), μ̂.  variances: (R,), σ̂², divided by n.  n: values in each experiment.
    """

    means: Tensor
    variances: Tensor
    n: int

    @property
    def unbiased(self) -> Tensor:
        """The sums of squares divided by n − 1 instead, (R,); NaN where n is 1, since 0 is divided by 0."""
        return self.variances * self.n / (self.n - 1) if self.n > 1 else self.variances / 0.0


def repeat(repetitions: int, n: int, mean: float, std: float, *, generator: torch.Generator) -> Estimates:
    """Draw n values from N(mean, std²) and fit a normal distribution to them, `repetitions` times.

    The standard normal numbers have the 24 bits of single precision, which a histogram cannot tell from more; all that
    is done with them has 53. Raises ValueError if there is not at least one repetition and one value, or std is not a
    finite number above zero.
    """
    if repetitions < 1 or n < 1:
        raise ValueError("An experiment needs at least one repetition and one value.")
    if not (math.isfinite(mean) and math.isfinite(std) and std > 0):
        raise ValueError("The mean must be finite, and the standard deviation a finite number above zero.")
    means, stds = [], []
    for rows in _parts(repetitions, max(1, AT_ONCE // n)):
        z = torch.randn(rows, n, generator=generator, dtype=torch.float32, device=generator.device)
        fitted = fit_normal(z.to("cpu", torch.float64).mul_(std).add_(mean))
        means.append(fitted[0])
        stds.append(fitted[1])
    return Estimates(torch.cat(means), torch.cat(stds).square(), n)


def _parts(total: int, most: int) -> Iterator[int]:
    """A total in parts of at most `most`."""
    for first in range(0, total, most):
        yield min(most, total - first)


@dataclass(frozen=True)
class Theory:
    """What is known about the estimates from n values of N(μ, σ²), without drawing one.

    Casella and Berger 2002, section 5.3 and example 7.3.4. NaN where n is 1 and n − 1 divides.
    """

    n: int
    std: float

    @property
    def standard_error(self) -> float:
        """The standard deviation of μ̂: σ / √n."""
        return self.std / math.sqrt(self.n)

    @property
    def expected_variance(self) -> float:
        """E σ̂² = (n − 1) / n · σ²."""
        return (self.n - 1) / self.n * self.std**2

    @property
    def bias(self) -> float:
        """E σ̂² − σ² = −σ² / n."""
        return -(self.std**2) / self.n

    def squared_error(self, divisor: float) -> float:
        """E (Σ (x − x̄)² / divisor − σ²)², the mean squared error: variance and squared bias together.

        The sum of squares over σ² is χ² distributed with n − 1 degrees of freedom: its mean is n − 1, its variance
        2 (n − 1). So divided by n it is (2 n − 1) / n² · σ⁴, by n − 1 it is 2 / (n − 1) · σ⁴; n + 1 makes it least.
        """
        if divisor <= 0:
            return math.nan
        freedom = self.n - 1
        return self.std**4 * (2 * freedom / divisor**2 + (freedom / divisor - 1) ** 2)

    def variance_density(self, variance: Tensor, divisor: float) -> Tensor:
        """The density of the sum of squares over the divisor, at each of `variance` (…); per unit of variance.

        A χ² density with n − 1 degrees of freedom, stretched by σ² / divisor. NaN where n is 1: all of it is at zero.
        """
        variance = torch.as_tensor(variance, dtype=torch.float64, device="cpu")
        if self.n == 1 or divisor <= 0:
            return torch.full_like(variance, math.nan)
        half, stretch = (self.n - 1) / 2, self.std**2 / divisor
        y = variance / stretch
        log_density = torch.xlogy(torch.full_like(y, half - 1), y) - y / 2 - half * math.log(2) - math.lgamma(half)
        return torch.where(y > 0, log_density.exp() / stretch, torch.zeros_like(y))


def mean_squared_error(estimates: Tensor, truth: float) -> float:
    """The mean squared distance of estimates (R,) from the truth."""
    return float((estimates - truth).square().mean())


def spread(estimates: Tensor) -> float:
    """The standard deviation of estimates (R,) about their mean."""
    return float(fit_normal(estimates)[1])
