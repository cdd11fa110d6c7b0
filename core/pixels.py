"""One normal distribution for pictures: every pixel is a coordinate, 28 × 28 of them make 784 dimensions.

Grey levels are numbers from 0 (background) to 1. Fitted by maximum likelihood, so the covariance is divided by N.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from core import data
from core.multivariate_normal import MultivariateNormal, principal_axes

MIDDLE = 128  # grey levels are counted from here, −128 to 127: a covariance does not mind
ROWS = 1024  # 1,024 · 128² = 2²⁴: as many products of two of them as float32 adds up without any rounding
EVERYTHING = -1  # instead of a class: all classes


@dataclass(frozen=True, eq=False)
class PixelNormal:
    """A normal distribution fitted to N pictures of P pixels.

    count: N
    mean: (P,), grey levels
    variances: (P,), the eigenvalues of Σ, largest first; grey levels squared
    axes: (P, P), the eigenvectors of Σ as columns
    constant: how many pixels have the same value in every picture
    rank: how many eigenvalues are not zero, up to rounding
    """

    count: int
    mean: Tensor
    variances: Tensor
    axes: Tensor
    constant: int
    rank: int

    @property
    def cov(self) -> Tensor:
        """Σ = V Λ Vᵀ, (P, P)."""
        return (self.axes * self.variances) @ self.axes.T

    def ridged(self, ridge: float) -> MultivariateNormal:
        """N(μ, Σ + r I): with a ridge r > 0 every direction has some variance, so that there is a density.

        ridge: r, in grey levels squared. Raises ValueError if it is negative.
        """
        if ridge < 0:
            raise ValueError(f"A ridge is a variance, so it must not be negative; it is {ridge}.")
        return MultivariateNormal(
            self.mean, self.cov + ridge * torch.eye(len(self.mean), dtype=torch.float64, device="cpu")
        )

    def sample(self, n: int, *, ridge: float = 0.0, generator: torch.Generator) -> Tensor:
        """n pictures x = μ + V √(Λ + r) z, (n, P), not cut off at black and white. No inverse, so r = 0 will do."""
        if ridge < 0:
            raise ValueError(f"A ridge is a variance, so it must not be negative; it is {ridge}.")
        z = torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64, device=generator.device).cpu()
        return self.mean + (z * (self.variances + ridge).sqrt()) @ self.axes.T

    def mirrored(self, x: Tensor) -> Tensor:
        """2 μ − x, (…, P): as far from the mean as x, on the other side. The normal gives both the same density."""
        return 2 * self.mean - x

    def explained(self, axes: int) -> float:
        """The share of the total variance that the first few axes hold; 1 where there is no variance at all."""
        total = float(self.variances.sum())
        return float(self.variances[:axes].sum()) / total if total else 1.0


def fit(images: Tensor) -> PixelNormal:
    """Mean and covariance of pictures, and its eigenvectors.

    images: (N, …) uint8, N ≥ 1, with P pixels each. A pixel that never changes has no variance at all, not even by
    rounding.
    Raises ValueError if there is no picture or the type is another one.
    """
    if images.dtype != torch.uint8 or len(images) == 0:
        raise ValueError("Give at least one picture, of type uint8.")
    flat = images.reshape(len(images), -1)  # (N, P)
    first, second = _sums(flat)
    mean = first / len(flat)  # (P,), from the middle
    cov = second / len(flat) - mean[:, None] * mean[None, :]  # (P, P)
    constant = (flat == flat[:1]).all(dim=0)  # (P,)
    cov[constant], cov[:, constant] = 0.0, 0.0
    variances, axes = principal_axes(cov / 255**2)
    rounding = len(mean) * torch.finfo(torch.float64).eps * float(variances[0])
    rank = int((variances > rounding).sum())
    return PixelNormal(len(flat), (mean + MIDDLE) / 255, variances, axes, int(constant.sum()), rank)


@lru_cache(maxsize=12)
def fitted(name: str, label: int = EVERYTHING) -> PixelNormal:
    """The fit to the 60,000 training pictures of "mnist" or "fashion_mnist", or to one class of them, 0 to 9.

    Kept for the life of the process. Raises as `core.data.images`, and ValueError for a class that does not exist.
    """
    return fit(pictures(name, label))


def pictures(name: str, label: int = EVERYTHING) -> Tensor:
    """The training pictures of a data set, or of one of its classes: (N, 1, 28, 28) uint8. Raises as `fitted`."""
    if not (label == EVERYTHING or 0 <= label <= 9):
        raise ValueError(f"The classes are 0 to 9, and {EVERYTHING} for all of them; {label} is none.")
    train = data.images(name, "train")
    return train.images if label == EVERYTHING else train.images[train.labels == label]


def _sums(flat: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_n x_n, (P,), and Σ_n x_n x_nᵀ, (P, P), of grey levels counted from the middle: exact. flat: (N, P) uint8."""
    first = flat.sum(dim=0, dtype=torch.int64).double() - MIDDLE * len(flat)
    second = torch.zeros(flat.shape[1], flat.shape[1], dtype=torch.float64, device="cpu")
    for block in flat.split(ROWS):
        rows = block.float() - MIDDLE  # (B, P)
        second += rows.T @ rows  # whole numbers up to 2²⁴: float32 holds each of them
    return first, second
