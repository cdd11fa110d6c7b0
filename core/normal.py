"""The normal distribution: p(x) = 1/√(2πσ²) · exp(−(x − μ)²/(2σ²)).

`mean` is μ and `std` is σ, a standard deviation. x, mean and std are numbers or tensors of any shapes that broadcast;
everything is float64 on the CPU. A function raises ValueError where a mean is not finite, or a standard deviation is
not a finite number above zero.
"""

import math

import torch
from torch import Tensor

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
ROOT_TWO = math.sqrt(2)


def log_prob(x: Tensor | float, mean: Tensor | float, std: Tensor | float) -> Tensor:
    """log p(x), in nats. Returns the shape that x, mean and std broadcast to. Bishop 2006, logarithm of equation 1.46.

    The logarithm stays finite where the density itself is too small for a float64: 40 σ from the mean and beyond.
    """
    x, mean, std = _checked(x, mean, std)
    z = (x - mean) / std
    return torch.addcmul(-std.log() - HALF_LOG_2PI, z, z, value=-0.5)  # −½ z² − log σ − ½ log 2π


def prob(x: Tensor | float, mean: Tensor | float, std: Tensor | float) -> Tensor:
    """The density p(x), per unit of x: it may be larger than one. Bishop 2006, equation 1.46."""
    return log_prob(x, mean, std).exp()


def cdf(x: Tensor | float, mean: Tensor | float, std: Tensor | float) -> Tensor:
    """P(X ≤ x) = Φ(z) = ½ erfc(−z/√2) with z = (x − μ)/σ. x may be infinite.

    erfc keeps its digits in the far left tail, where 1 + erf would leave none. For the right tail ask for
    P(X > x) = cdf(2·mean − x, mean, std), or `interval_probability(x, inf, …)`.
    """
    x, mean, std = _checked(x, mean, std)
    return torch.erfc((x - mean) / (-ROOT_TWO * std)).mul_(0.5)


def interval_probability(
    low: Tensor | float, high: Tensor | float, mean: Tensor | float, std: Tensor | float
) -> Tensor:
    """P(low < X ≤ high); 0 where low ≥ high. Either end may be infinite.

    Φ(b) − Φ(a) in three ways, so that no digits are lost: far to one side as a difference of two small tails, by
    symmetry always on the left (Φ(−a) − Φ(−b) where both are to the right), and near the mean from erf, which is 0
    there.
    """
    low, mean, std = _checked(low, mean, std)
    high = _float64(high)
    a, b = (low - mean) / (ROOT_TWO * std), (high - mean) / (ROOT_TWO * std)
    right = a > 0
    near, far = torch.where(right, a, -b), torch.where(right, b, -a)  # distances from the mean, if both on one side
    tails = torch.erfc(near) - torch.erfc(far)
    middle = torch.erf(b) - torch.erf(a)
    return 0.5 * torch.where(near > 0.5, tails, middle).clamp(min=0)


def quantile(p: Tensor | float, mean: Tensor | float, std: Tensor | float) -> Tensor:
    """The x with P(X ≤ x) = p. p from 0 to 1, the ends giving −∞ and ∞. ValueError for any other p."""
    p, mean, std = _checked(p, mean, std)
    if not bool(((p >= 0) & (p <= 1)).all()):
        raise ValueError("A probability lies between 0 and 1.")
    return mean + std * torch.special.ndtri(p)


def entropy(std: Tensor | float) -> Tensor:
    """−∫ p log p dx = ½ log(2πe σ²), in nats: it grows with σ and does not depend on μ. Bishop 2006, equation 1.110."""
    _, _, std = _checked(0.0, 0.0, std)
    return 0.5 + HALF_LOG_2PI + std.log()


def sample(n: int, mean: Tensor | float, std: Tensor | float, *, generator: torch.Generator) -> Tensor:
    """n draws, (n, …) with the shape that mean and std broadcast to: x = μ + σz with z ~ N(0, 1).

    Raises ValueError if n is negative.
    """
    if n < 0:
        raise ValueError("The number of draws must not be negative.")
    _, mean, std = _checked(0.0, mean, std)
    shape = torch.broadcast_shapes(mean.shape, std.shape)
    z = torch.randn(n, *shape, generator=generator, dtype=torch.float64, device=generator.device).cpu()
    return mean + std * z


def _float64(values: Tensor | float) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64, device="cpu")


def _checked(x: Tensor | float, mean: Tensor | float, std: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    x, mean, std = _float64(x), _float64(mean), _float64(std)
    if not bool(mean.isfinite().all()):
        raise ValueError("A mean must be a finite number.")
    if not bool(((std > 0) & std.isfinite()).all()):
        raise ValueError("A standard deviation must be a finite number above zero.")
    return x, mean, std
