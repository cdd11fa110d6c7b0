"""The mixture of Gaussians: a point first chooses a component, then falls near that component's mean.

p(x) = Σ_k φ_k N(x | μ_k, Σ_k), with weights φ_k that add up to one. Everything is float64 on the CPU.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """A mixture of K Gaussians in D dimensions.

    weights: (K,), not negative, adding up to one
    means: (K, D)
    covs: (K, D, D), symmetric, no eigenvalue negative. A component may be flat, or even a point: it can be sampled
        from, but it has no density.

    Raises ValueError for shapes that do not fit, weights that are no probabilities, matrices that are no covariances.
    """

    weights: Tensor
    means: Tensor
    covs: Tensor

    def __post_init__(self) -> None:
        for name in ("weights", "means", "covs"):
            object.__setattr__(self, name, _float64(getattr(self, name)))
        _check(self.weights, self.means, self.covs)

    @classmethod
    def unchecked(cls, weights: Tensor, means: Tensor, covs: Tensor) -> "GaussianMixture":
        """For what an algorithm has just made, float64 on the CPU: the checks would cost more than its step."""
        mixture = object.__new__(cls)
        for name, values in (("weights", weights), ("means", means), ("covs", covs)):
            object.__setattr__(mixture, name, values)
        return mixture

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """log p(x, k) = log φ_k + log N(x | μ_k, Σ_k) for every component k. x: (…, D). Returns (…, K), in nats.

        With the Cholesky factor Σ = L Lᵀ and z = L⁻¹ (x − μ), the distance (x − μ)ᵀ Σ⁻¹ (x − μ) is zᵀ z, and
        ½ log det Σ is the sum of log L_ii: neither an inverse nor a determinant is needed. Bishop 2006, equation 9.7.
        Raises ValueError if x has another number of dimensions, or if a component is flat and so has no density.
        """
        x = _float64(x)
        count, size = self.means.shape
        if x.ndim == 0 or x.shape[-1] != size:
            raise ValueError(f"The mixture lives in {size} dimensions, so x must have the shape (…, {size}).")
        factor, failed = torch.linalg.cholesky_ex(self.covs)  # (K, D, D), (K,)
        if bool(failed.any()):
            raise ValueError("A component of this mixture is flat, so it has no density.")
        away = (x.reshape(-1, 1, size) - self.means).permute(1, 2, 0)  # x − μ_k: (K, D, N)
        z = torch.linalg.solve_triangular(factor, away, upper=False)  # (K, D, N)
        distance = z.square().sum(dim=1)  # (K, N)
        half_log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=1)  # (K,)
        log_normal = -0.5 * (distance + size * math.log(2 * math.pi)).T - half_log_det  # log N(x | μ_k, Σ_k): (N, K)
        return (self.weights.log() + log_normal).reshape(*x.shape[:-1], count)  # (…, K)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) = log Σ_k exp log p(x, k). x: (…, D). Returns (…), in nats. Errors as `joint_log_prob`."""
        return self.joint_log_prob(x).logsumexp(dim=-1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """p(k | x) = p(x, k) / Σ_j p(x, j): which component a point came from. Bishop 2006, equation 9.13.

        x: (…, D). Returns (…, K), adding up to one over k, however far away x is. Errors as `joint_log_prob`.
        """
        return self.joint_log_prob(x).softmax(dim=-1)

    def sample(self, n: int, *, generator: torch.Generator) -> Tensor:
        """n points, (n, D): choose k with probability φ_k, then x = μ_k + A_k z with A_k A_kᵀ = Σ_k and z ~ N(0, I)."""
        return self.sample_with_components(n, generator=generator)[1]

    def sample_with_components(self, n: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Both throws of each draw: the chosen components, (n,) int64, and the points, (n, D); see `sample`."""
        device = generator.device
        k = torch.multinomial(self.weights.to(device), n, replacement=True, generator=generator).cpu()  # (n,)
        z = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64, device=device).cpu()  # (n, D)
        points = self.means[k]  # (n, D)
        for component, factor in enumerate(_factors(self.covs)):
            chosen = k == component
            points[chosen] += z[chosen] @ factor.T
        return k, points


def _factors(covs: Tensor) -> Tensor:
    """A with A Aᵀ = Σ for each covariance, (K, D, D): Cholesky's, and from the eigenvectors where Σ is flat."""
    factors, failed = torch.linalg.cholesky_ex(covs)
    for k in failed.nonzero().flatten().tolist():
        eigenvalues, eigenvectors = torch.linalg.eigh(covs[k])  # (D,), (D, D)
        factors[k] = eigenvectors * eigenvalues.clamp(min=0).sqrt()
    return factors


def _float64(values: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64, device="cpu")


def _check(weights: Tensor, means: Tensor, covs: Tensor) -> None:
    count, size = (len(weights) if weights.ndim == 1 else 0), (means.shape[-1] if means.ndim == 2 else 0)
    if count * size == 0 or means.shape != (count, size) or covs.shape != (count, size, size):
        raise ValueError("A mixture needs weights (K,), means (K, D) and covariances (K, D, D).")
    if not all(bool(values.isfinite().all()) for values in (weights, means, covs)):
        raise ValueError("Weights, means and covariances must be finite numbers.")
    if bool((weights < 0).any()) or bool((weights.sum() - 1).abs() > 1e-6):
        raise ValueError("Weights must not be negative, and must add up to one.")
    largest = covs.abs().amax(dim=(1, 2), keepdim=True)  # (K, 1, 1)
    if bool(((covs - covs.mT).abs() > 1e-6 * largest).any()):
        raise ValueError("A covariance must be symmetric.")
    if bool((torch.linalg.eigvalsh(covs.detach()) < -1e-6 * largest[:, 0]).any()):
        raise ValueError("A covariance must have no negative eigenvalue.")
