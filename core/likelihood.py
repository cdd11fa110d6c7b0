"""Maximum likelihood: the parameters under which the data that were seen are most likely.

Everything is float64 on the CPU, in nats. x: (…, n), n values that were drawn independently; a leading batch shape
gives one answer for each row. σ is a standard deviation (`std`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core import normal

COORDINATES = ("log_std", "std")  # what gradient ascent moves beside μ: log σ, or σ itself


def fit_normal(x: Tensor) -> tuple[Tensor, Tensor]:
    """The normal distribution under which x is most likely: μ̂ = Σ x / n and σ̂ = √(Σ (x − μ̂)² / n).

    x: (…, n). Returns (mean, std), both (…). Equal values, or a single one, give a standard deviation of exactly 0: the
    likelihood then has no maximum, it grows without bound as σ shrinks. Bishop 2006, equations 1.55 and 1.56.
    Raises ValueError if there are no values, or if one is not finite.
    """
    x = _float64(x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError("There must be at least one value; x has the shape (…, n).")
    # counted from the first value: equal values leave exactly nothing, and a large common offset costs no digits
    away = x - x[..., :1]  # (…, n)
    shift = away.mean(dim=-1)  # (…)
    away -= shift[..., None]  # x − μ̂
    mean, std = x[..., 0] + shift, torch.linalg.vector_norm(away, dim=-1) / math.sqrt(x.shape[-1])  # (…), (…)
    if not bool((mean + std).isfinite().all()):
        raise ValueError("Every value must be a finite number, and not so large that its square is none.")
    return mean, std


def likelihood(x: Tensor, mean: Tensor | float, std: Tensor | float) -> Tensor:
    """p(x_1) p(x_2) … p(x_n), the product of the densities. x: (…, n), mean and std: (…). Returns (…).

    For many values it is soon too small for a float64, or too large: that is why one adds logarithms instead.
    Raises ValueError as `fit_normal` does, and if std is not a positive, finite number.
    """
    return normal.prob(_values(x), _column(mean), _column(std)).prod(dim=-1)


def log_likelihood(x: Tensor, mean: Tensor | float, std: Tensor | float) -> Tensor:
    """ℓ(μ, σ) = Σ log N(x_i | μ, σ²), in nats. x: (…, n), mean and std: (…). Returns (…). Bishop 2006, equation 1.54.

    Raises ValueError as `fit_normal` does, and if std is not a positive, finite number.
    """
    return normal.log_prob(_values(x), _column(mean), _column(std)).sum(dim=-1)


def log_likelihood_map(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """ℓ(μ, σ) for every pair: x (n,), mean (W,), std (H,). Returns (H, W), row 0 for the first std.

    The data enter by three numbers alone, n, μ̂ and σ̂: Σ (x − μ)² = n (σ̂² + (μ̂ − μ)²). So a map costs no more for
    many values than for few. Raises ValueError as `log_likelihood` does.
    """
    x = _values(x)
    best_mean, best_std = fit_normal(x)
    std = _float64(std)[:, None]  # (H, 1)
    if not bool(((std > 0) & std.isfinite()).all()):
        raise ValueError("A standard deviation must be a positive, finite number.")
    squares = best_std.square() + (best_mean - _float64(mean)).square()  # Σ (x − μ)² / n: (W,)
    return -x.shape[-1] * (std.log() + 0.5 * math.log(2 * math.pi) + squares / (2 * std.square()))  # (H, W)


def gradient(x: Tensor, mean: Tensor | float, std: Tensor | float) -> tuple[Tensor, Tensor]:
    """The slopes of ℓ: ∂ℓ/∂μ = Σ (x − μ) / σ² and ∂ℓ/∂σ = Σ (x − μ)² / σ³ − n / σ.

    x: (…, n), mean and std: (…). Returns two of (…), in nats per unit of x. Both are zero only at `fit_normal(x)`.
    Raises ValueError as `log_likelihood` does.
    """
    x, mean, std = _values(x), _float64(mean), _float64(std)
    if not bool(((std > 0) & std.isfinite()).all()):
        raise ValueError("A standard deviation must be a positive, finite number.")
    away = x - mean[..., None]  # (…, n)
    by_mean = away.sum(dim=-1) / std.square()
    by_std = away.square().sum(dim=-1) / std**3 - x.shape[-1] / std
    return by_mean, by_std


@dataclass(frozen=True)
class Ascent:
    """Where gradient ascent stands after `step` steps.

    log_likelihood: nats, all values together
    gradient: of the mean log-likelihood per value, by μ and by log σ, or by σ where σ itself is moved
    outcome: "going"; "arrived" where the gradient is shorter than the tolerance; "broken" where the step led to no
        normal distribution: σ is not positive, or a number is not finite. Then the last two numbers are NaN.
    """

    step: int
    mean: float
    std: float
    log_likelihood: float
    gradient: tuple[float, float]
    outcome: Literal["going", "arrived", "broken"]


def ascend(
    x: Tensor,
    start: tuple[float, float],
    *,
    rate: float,
    steps: int,
    coordinates: Literal["log_std", "std"] = "log_std",
    tolerance: float = 1e-4,
) -> Iterator[Ascent]:
    """Climb the log-likelihood: a step of `rate` times the gradient of its mean per value, again and again.

    x: (n,). start: (mean, std). The start is yielded first, then a state a step, at most `steps`; what arrived or broke
    is the last. In the coordinates (μ, log σ) the slope is σ ∂ℓ/∂σ, and σ stays positive whatever the step; in (μ, σ) a
    step may lead below zero.

    Raises ValueError if x is no row of finite values, or start, rate, steps or coordinates make no sense.
    """
    x = _values(x)
    mean, std = (float(v) for v in start)
    if x.ndim != 1:
        raise ValueError("Gradient ascent climbs for one row of values, (n,).")
    if coordinates not in COORDINATES:
        raise ValueError(f"The coordinates are one of {', '.join(COORDINATES)}, not {coordinates!r}.")
    if not (math.isfinite(rate) and rate > 0 and steps >= 0):
        raise ValueError("The rate must be positive and finite, and the number of steps not negative.")
    if not _is_normal(mean, std):
        raise ValueError("The start must be a finite mean and a positive, finite standard deviation.")
    slope = (0.0, 0.0)  # the walk stands still until its first step
    for step in range(steps + 1):
        mean += rate * slope[0]
        std = std * _exp(rate * slope[1]) if coordinates == "log_std" else std + rate * slope[1]
        if not _is_normal(mean, std):
            yield Ascent(step, mean, std, math.nan, (math.nan, math.nan), "broken")
            return
        by_mean, by_std = (float(g) / len(x) for g in gradient(x, mean, std))
        slope = (by_mean, std * by_std if coordinates == "log_std" else by_std)
        arrived = math.hypot(*slope) < tolerance
        yield Ascent(step, mean, std, float(log_likelihood(x, mean, std)), slope, "arrived" if arrived else "going")
        if arrived:
            return


def largest_rate(x: Tensor, coordinates: Literal["log_std", "std"] = "log_std") -> float:
    """The rate above which `ascend` cannot settle on the top, however near it is. x: (n,).

    Near the top a step multiplies the distance in μ by 1 − rate / σ̂², that in log σ by 1 − 2 rate and that in σ by
    1 − 2 rate / σ̂². A factor below −1 carries it further away each time. Raises ValueError as `fit_normal` does.
    """
    _, std = fit_normal(x)
    variance = float(std) ** 2
    return min(2 * variance, 1.0) if coordinates == "log_std" else variance


def share_up_to(x: Tensor, bound: Tensor | float) -> Tensor:
    """The share of values at or below a bound, by counting. x: (…, n). Returns (…). Errors as `fit_normal`."""
    return (_values(x) <= bound).double().mean(dim=-1)


def _is_normal(mean: float, std: float) -> bool:
    """Whether these are the parameters of a normal distribution that float64 can still tell from a point."""
    return math.isfinite(mean) and math.isfinite(std) and std > 1e-100 and std < 1e100 and abs(mean) < 1e100


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _float64(values: Tensor | float) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64, device="cpu")


def _column(values: Tensor | float) -> Tensor:
    """One parameter for each row of values."""
    return _float64(values)[..., None]


def _values(x: Tensor) -> Tensor:
    x = _float64(x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError("There must be at least one value; x has the shape (…, n).")
    if not bool(x.isfinite().all()):
        raise ValueError("Every value must be a finite number.")
    return x
