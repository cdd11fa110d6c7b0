"""The multivariate normal distribution: x = μ + A z with A Aᵀ = Σ, the z independent standard normals.

    N(x | μ, Σ) = exp(−½ (x − μ)ᵀ Σ⁻¹ (x − μ)) / √((2π)^D det Σ)                                  Bishop 2006, eq. 2.43

No inverse and no determinant of Σ is ever formed: with the Cholesky factor Σ = L Lᵀ and z = L⁻¹ (x − μ), the quadratic
form is zᵀ z and log det Σ is twice the sum of log L_ii. So a determinant too large or too small for a number does no
harm. Everything is float64 on the CPU, in nats, with any leading batch shape.
"""

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class MultivariateNormal:
    """A normal distribution in D dimensions, or a batch of them.

    mean: (…, D)
    cov: (…, D, D), symmetric, no eigenvalue negative. It may be flat (singular): then it can be sampled from, but it
        has no density.

    Raises ValueError for shapes that do not fit, numbers that are not finite, matrices that are no covariances.
    """

    mean: Tensor
    cov: Tensor

    def __post_init__(self) -> None:
        for name in ("mean", "cov"):
            object.__setattr__(self, name, _float64(getattr(self, name)))
        _check_shapes(self.mean, self.cov)
        if bool(self._pivots[1].any()):  # Cholesky's answer is yes in most cases; only where it is not, look closer
            _check_eigenvalues(self.cov)

    @classmethod
    def fit(cls, x: Tensor) -> "MultivariateNormal":
        """Maximum likelihood: the mean of the points, and their covariance divided by N. Bishop 2006, eq. 2.121, 2.122.

        x: (…, N, D) with N ≥ 1. N ≤ D points always give a flat covariance.
        Raises ValueError if there is no point, or a coordinate is not finite.
        """
        x = _float64(x)
        if x.ndim < 2 or 0 in x.shape[-2:]:
            raise ValueError("To fit a normal distribution, give at least one point: x must have the shape (…, N, D).")
        about = x[..., :1, :]  # seen from one of the points, equal points have no spread at all, not even by rounding
        away = x - about  # (…, N, D)
        shift = away.mean(dim=-2, keepdim=True)  # (…, 1, D)
        mean = (about + shift).squeeze(-2)
        if not bool(mean.isfinite().all()):  # one coordinate that is not finite is enough
            raise ValueError("To fit a normal distribution, every coordinate must be a finite number.")
        away -= shift
        return cls(mean, away.mT @ away / x.shape[-2])

    @property
    def size(self) -> int:
        """D, the number of dimensions."""
        return self.mean.shape[-1]

    @property
    def flat(self) -> bool:
        """Whether a covariance is singular to the precision of float64, so that there is no density."""
        return bool(self._pivots[1].any())

    @property
    def factor(self) -> Tensor:
        """The Cholesky factor L of Σ, lower triangular, (…, D, D). Raises ValueError if the distribution is flat."""
        if self.flat:
            raise ValueError(
                "This covariance is flat: some direction has no variance, so there is no density. "
                "Leave that direction out, or add a little variance to every one."
            )
        return self._pivots[0]

    def log_prob(self, x: Tensor) -> Tensor:
        """log N(x | μ, Σ). x: (…, D), broadcast against the batch. Returns (…), in nats.

        Raises ValueError if x has another number of dimensions, or if the distribution is flat.
        """
        z = self._white(x)
        distance = torch.einsum("...d,...d->...", z, z)  # (x − μ)ᵀ Σ⁻¹ (x − μ) = zᵀ z
        half_log_det = self.factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)  # ½ log det Σ
        return -0.5 * (distance + self.size * math.log(2 * math.pi)) - half_log_det

    def mahalanobis(self, x: Tensor) -> Tensor:
        """√((x − μ)ᵀ Σ⁻¹ (x − μ)): how many standard deviations x is from the mean. x: (…, D). Errors as `log_prob`."""
        return torch.linalg.vector_norm(self._white(x), dim=-1)

    def log_det(self) -> Tensor:
        """log det Σ, (…). Raises ValueError if the distribution is flat, since its determinant is zero."""
        return 2 * self.factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)

    def entropy(self) -> Tensor:
        """½ log det(2π e Σ), (…), in nats. Bishop 2006, exercise 2.14. Raises ValueError if it is flat."""
        return 0.5 * (self.size * (1 + math.log(2 * math.pi)) + self.log_det())

    def sample(self, n: int, *, generator: torch.Generator) -> Tensor:
        """n points x = μ + A z, (n, …, D), with z ~ N(0, I) and A Aᵀ = Σ: A is L, or from eigenvectors if Σ is flat.

        Raises ValueError if n is negative.
        """
        if n < 0:
            raise ValueError(f"The number of points must not be negative; it is {n}.")
        batch = torch.broadcast_shapes(self.mean.shape[:-1], self.cov.shape[:-2])
        z = torch.randn((n, *batch, self.size), generator=generator, dtype=torch.float64, device=generator.device).cpu()
        root = square_root(self.cov) if self.flat else self._pivots[0]
        if not batch:
            return torch.addmm(self.mean, z, root.T)  # μ + A z for each row, in one pass
        if root.ndim == 2:
            return self.mean + z @ root.T
        return self.mean + (root @ z.unsqueeze(-1)).squeeze(-1)

    def marginal(self, index: int | Sequence[int]) -> "MultivariateNormal":
        """The distribution of some coordinates alone, in their order: their means, their block of Σ. Bishop, eq. 2.98.

        index: a coordinate or several. Raises ValueError if one does not exist or none is left.
        """
        kept = _indices(index, self.size)
        if not kept:
            raise ValueError("A marginal needs at least one coordinate.")
        kept = sorted(kept)
        return MultivariateNormal(self.mean[..., kept], self.cov[..., kept, :][..., :, kept])

    def condition(self, index: int | Sequence[int], value: Tensor | float) -> "MultivariateNormal":
        """The distribution of the other coordinates, in their order, where those of `index` are known.

            μ_a|b = μ_a + Σ_ab Σ_bb⁻¹ (x_b − μ_b)                                                Bishop 2006, eq. 2.81
            Σ_a|b = Σ_aa − Σ_ab Σ_bb⁻¹ Σ_ba                                                                   eq. 2.82

        index: a coordinate, with value (…), or several, with value (…, len(index)) in the order of index.
        Raises ValueError if a coordinate does not exist, none remains, the value does not fit or is not finite, or what
        is known has a flat covariance itself.
        """
        known = _indices(index, self.size)
        value = _float64(value)
        if _single(index) or (len(known) == 1 and value.ndim == 0):
            value = value.unsqueeze(-1)  # (…, B)
        rest = [i for i in range(self.size) if i not in known]
        if not rest:
            raise ValueError("All coordinates are known; at least one must remain.")
        if not known:
            return self
        if value.ndim == 0 or value.shape[-1] != len(known):
            raise ValueError(f"{len(known)} coordinates are known, so value must have the shape (…, {len(known)}).")
        if not bool(value.isfinite().all()):
            raise ValueError("What is known must be finite numbers.")
        known_part = MultivariateNormal(self.mean[..., known], self.cov[..., known, :][..., :, known])  # b
        across = self.cov[..., known, :][..., :, rest]  # Σ_ba: (…, B, A)
        white = torch.linalg.solve_triangular(known_part.factor, across, upper=False)  # L_b⁻¹ Σ_ba: (…, B, A)
        z = known_part._white(value)  # L_b⁻¹ (x_b − μ_b): (…, B)
        mean = self.mean[..., rest] + (white.mT @ z.unsqueeze(-1)).squeeze(-1)
        cov = self.cov[..., rest, :][..., :, rest] - white.mT @ white
        return MultivariateNormal(mean, _no_negative_eigenvalue(cov))

    def _white(self, x: Tensor) -> Tensor:
        """z = L⁻¹ (x − μ), standard normal if x is distributed so. x: (…, D). Returns (…, D)."""
        x = _float64(x)
        if x.ndim == 0 or x.shape[-1] != self.size:
            raise ValueError(f"This normal distribution has {self.size} dimensions: x must be (…, {self.size}).")
        away, factor = x - self.mean, self.factor
        if factor.ndim == 2:  # one triangular system with many right sides
            columns = torch.linalg.solve_triangular(factor, away.reshape(-1, self.size).T, upper=False)  # (D, N)
            return columns.T.reshape(away.shape)
        return torch.linalg.solve_triangular(factor, away.unsqueeze(-1), upper=False).squeeze(-1)

    @cached_property
    def _pivots(self) -> tuple[Tensor, Tensor]:
        """L, and for each matrix whether it is flat: L_ii² is what of Σ_ii the coordinates before i leave open."""
        factor, failed = torch.linalg.cholesky_ex(self.cov)  # (…, D, D), (…)
        variances = self.cov.diagonal(dim1=-2, dim2=-1)
        left = factor.detach().diagonal(dim1=-2, dim2=-1).square()
        rounding = self.size * torch.finfo(torch.float64).eps
        return factor, (failed > 0) | (left <= rounding * variances).any(dim=-1)


@dataclass(frozen=True, eq=False)
class Step:
    """A step on the way from z to x: its name, the points (n, D), and their distribution's mean (D,) and cov (D, D)."""

    name: str  # "z" | "stretch" | "shear" | "shift"
    points: Tensor
    mean: Tensor
    cov: Tensor


def sample_by_steps(normal: MultivariateNormal, n: int, *, generator: torch.Generator) -> Iterator[Step]:
    """How a sample is made: z, then stretched and sheared to L z, then shifted to μ + L z. One distribution, not flat.

    L = U S with S the diagonal of L, which stretches each axis, and U with ones on its diagonal, which shears.
    """
    size, factor = normal.size, normal.factor
    z = torch.randn(n, size, generator=generator, dtype=torch.float64, device=generator.device).cpu()  # (n, D)
    zero, one = torch.zeros_like(normal.mean), torch.eye(size, dtype=torch.float64, device="cpu")
    yield Step("z", z, zero, one)
    stretch = factor.diagonal()  # (D,)
    yield Step("stretch", z * stretch, zero, torch.diag(stretch.square()))
    sheared = z @ factor.T  # (n, D)
    yield Step("shear", sheared, zero, factor @ factor.T)
    yield Step("shift", normal.mean + sheared, normal.mean, factor @ factor.T)


def covariance(stds: Tensor, correlation: Tensor | float) -> Tensor:
    """Σ of two coordinates from their standard deviations (…, 2) and their correlation (…) in −1..1. (…, 2, 2).

    Raises ValueError for a standard deviation that is negative, or a correlation out of its bounds.
    """
    stds, correlation = _float64(stds), _float64(correlation)
    if not bool((stds >= 0).all() & (correlation.abs() <= 1).all()):
        raise ValueError("Standard deviations must not be negative, and a correlation lies between −1 and 1.")
    ones = torch.ones_like(correlation)
    correlations = torch.stack([ones, correlation, correlation, ones], dim=-1).unflatten(-1, (2, 2))  # (…, 2, 2)
    return stds.unsqueeze(-1) * correlations * stds.unsqueeze(-2)


def principal_axes(cov: Tensor) -> tuple[Tensor, Tensor]:
    """Variances along the axes of the ellipse, largest first (…, D), and the axes as columns (…, D, D): Σ v = λ v.

    An axis has two ends; the one returned has its largest coordinate positive.
    """
    variances, axes = torch.linalg.eigh(_float64(cov))
    variances, axes = variances.flip(-1).clamp(min=0), axes.flip(-1)
    largest = axes.gather(-2, axes.abs().argmax(dim=-2, keepdim=True))  # (…, 1, D)
    return variances, axes * largest.sign()


def square_root(cov: Tensor) -> Tensor:
    """A with A Aᵀ = Σ from eigenvectors, also where Σ is flat: A = V √Λ. (…, D, D)."""
    variances, axes = principal_axes(cov)
    return axes * variances.sqrt().unsqueeze(-2)


def running_fit(x: Tensor) -> tuple[Tensor, Tensor]:
    """The fits to the first 1, 2, …, N points: means (N, D) and covariances (N, D, D), divided by their number.

    x: (N, D). Row n − 1 equals MultivariateNormal.fit(x[:n]).
    """
    x = _float64(x)
    count = torch.arange(1, len(x) + 1, dtype=torch.float64, device="cpu")  # (N,)
    about = x[:1]  # moments about one of the points lose no digits, and equal points have no spread
    away = x - about
    first = away.cumsum(dim=0) / count[:, None]  # (N, D)
    second = (away[:, :, None] * away[:, None, :]).cumsum(dim=0) / count[:, None, None]  # (N, D, D)
    return about + first, second - first[:, :, None] * first[:, None, :]


def probability_within(radius: float, size: int) -> float:
    """P(Mahalanobis distance ≤ radius) in `size` dimensions: r² is χ² distributed. In two: 1 − exp(−r²/2)."""
    if radius < 0 or size < 1:
        raise ValueError("A distance is not negative, and there is at least one dimension.")
    from scipy.special import gammainc

    return float(gammainc(size / 2, radius * radius / 2))


def _float64(values: Tensor | float) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64, device="cpu")


def _single(index: int | Sequence[int]) -> bool:
    return hasattr(index, "__index__") and getattr(index, "ndim", 0) == 0


def _indices(index: int | Sequence[int], size: int) -> list[int]:
    """Coordinates as a list, those counted from the end from the front; ValueError for what is none."""
    asked = [operator.index(i) for i in ([index] if _single(index) else index)]
    if any(not -size <= i < size for i in asked):
        raise ValueError(f"There are {size} coordinates, 0 to {size - 1}.")
    found = [i % size for i in asked]
    if len(set(found)) != len(found):
        raise ValueError("A coordinate is named twice.")
    return found


def _no_negative_eigenvalue(cov: Tensor) -> Tensor:
    """A covariance that rounding has left a little below zero, brought back; any other as it is, made symmetric."""
    cov = (cov + cov.mT) / 2
    if not bool((torch.linalg.cholesky_ex(cov).info > 0).any()):
        return cov
    root = square_root(cov)
    return root @ root.mT


def _check_shapes(mean: Tensor, cov: Tensor) -> None:
    size = mean.shape[-1] if mean.ndim else 0
    if size == 0 or cov.shape[-2:] != (size, size):
        raise ValueError("A normal distribution needs a mean of shape (…, D) and a covariance of shape (…, D, D).")
    if not bool(mean.isfinite().all() & cov.isfinite().all()):
        raise ValueError("Mean and covariance must be finite numbers.")
    largest = cov.detach().abs().amax(dim=(-2, -1), keepdim=True)  # (…, 1, 1)
    if bool(((cov - cov.mT).abs() > 1e-6 * largest).any()):
        raise ValueError("A covariance must be symmetric.")


def _check_eigenvalues(cov: Tensor) -> None:
    largest = cov.detach().abs().amax(dim=(-2, -1))  # (…)
    if bool((torch.linalg.eigvalsh(cov.detach()) < -1e-6 * largest.unsqueeze(-1)).any()):
        raise ValueError("A covariance must have no negative eigenvalue.")
