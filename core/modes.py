"""The peaks of a mixture of Gaussians: K components may have fewer peaks than K, or more."""

from itertools import combinations

import torch
from torch import Tensor

from core.gaussian_mixture import GaussianMixture


@torch.no_grad()
def modes(mixture: GaussianMixture, *, tolerance: float = 1e-3, max_steps: int = 2000) -> Tensor:
    """Local maxima of p(x), (M, D), the highest first.

    Where the gradient of log p vanishes, Σ_k r_k(x) Σ_k⁻¹ (x − μ_k) = 0, so x is a fixed point of

        x ← (Σ_k r_k(x) Σ_k⁻¹)⁻¹ Σ_k r_k(x) Σ_k⁻¹ μ_k,

    a step of which never lowers p(x) (Carreira-Perpiñán 2000, section 3). With any weights that add up to one in the
    place of r_k, the same formula gives the ridge on which all peaks lie (Ray and Lindsay 2005, theorem 1). The climbs
    begin there: at every mean, between every two and three components, and between all of them. Two ends nearer than
    ten times `tolerance`, in units of the narrowest width, are one peak; a peak that no climb reaches is not found.

    Raises ValueError if a component is flat.
    """
    factor, failed = torch.linalg.cholesky_ex(mixture.covs)  # (K, D, D)
    if bool(failed.any()):
        raise ValueError("A component of this mixture is flat, so it has no density.")
    precision = torch.cholesky_inverse(factor)  # Σ_k⁻¹ itself, since a weighted sum of them is solved: (K, D, D)
    pull = precision @ mixture.means[:, :, None]  # Σ_k⁻¹ μ_k: (K, D, 1)

    def step(shares: Tensor) -> Tensor:
        left = torch.einsum("nk,kde->nde", shares, precision)
        right = torch.einsum("nk,kde->nde", shares, pull)
        return torch.linalg.solve(left, right)[:, :, 0]  # (N, D)

    x = step(_beginnings(len(mixture.weights)))
    width = torch.linalg.eigvalsh(mixture.covs)[:, 0].sqrt().amin()
    for _ in range(max_steps):
        before, x = x, step(mixture.responsibilities(x))
        if bool(((x - before).abs().amax() < 1e-5 * tolerance * width).item()):
            break
    return _distinct(mixture, x[_curved_down(mixture, precision, x)], 10 * tolerance * width)


def _curved_down(mixture: GaussianMixture, precision: Tensor, x: Tensor) -> Tensor:
    """Whether log p bends down in every direction, (N,): a climb that began on a saddle or in a valley stays there.

    Where its gradient vanishes, the matrix of second derivatives is Σ_k r_k (s_k s_kᵀ − Σ_k⁻¹), s_k = Σ_k⁻¹ (μ_k − x).
    """
    shares = mixture.responsibilities(x)  # (N, K)
    pulls = torch.einsum("kde,nke->nkd", precision, mixture.means - x[:, None])  # s_k: (N, K, D)
    bent = pulls[..., :, None] * pulls[..., None, :] - precision  # (N, K, D, D)
    return torch.linalg.eigvalsh(torch.einsum("nk,nkde->nde", shares, bent))[:, -1] < 0


def _distinct(mixture: GaussianMixture, x: Tensor, gap: Tensor) -> Tensor:
    """Of the places x (N, D) those that are farther than `gap` from each other, the highest of p first."""
    found: list[Tensor] = []
    for place in x[mixture.log_prob(x).argsort(descending=True)]:
        if all(bool((place - other).norm() > gap) for other in found):
            found.append(place)
    return torch.stack(found)


def _beginnings(count: int) -> Tensor:
    """Weights (N, K): each component alone, every two, every three, and all."""
    groups = [group for size in (1, 2, 3) for group in combinations(range(count), size)] + [tuple(range(count))]
    shares = torch.zeros(len(groups), count, dtype=torch.float64, device="cpu")
    for row, group in zip(shares, groups, strict=True):
        row[list(group)] = 1 / len(group)
    return shares
