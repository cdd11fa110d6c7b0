"""What a small matrix does: how it maps the plane, what it makes of areas, and the bowl xᵀ A x. Float64 on the CPU.

A (…, D, D) takes the point x (…, D) to A x; its columns are where the unit vectors go.
"""

import torch
from torch import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """A B: what B does, and then A. Rows of A times columns of B."""
    return _square(a) @ _square(b)


def elementwise(a: Tensor, b: Tensor) -> Tensor:
    """A ∘ B, the Hadamard product: each number times the one in the same place. NumPy and torch write it `A * B`."""
    return _square(a) * _square(b)


def determinant(a: Tensor) -> Tensor:
    """The area (volume) that the unit square (cube) is mapped to, negative where it is turned over. (…)."""
    return torch.linalg.det(_square(a))


def inverse(a: Tensor) -> Tensor:
    """A⁻¹, which undoes A. Raises ValueError where A squashes the plane, to the precision of float64."""
    a = _square(a)
    sizes = torch.linalg.svdvals(a)  # (…, D), the largest first
    if bool((sizes[..., -1] <= a.shape[-1] * torch.finfo(torch.float64).eps * sizes[..., 0]).any()):
        raise ValueError("This matrix has no inverse: it squashes some direction to nothing.")
    return torch.linalg.inv(a)


def quadratic(a: Tensor, x: Tensor) -> Tensor:
    """xᵀ A x for points x (…, D). Returns (…)."""
    x = torch.as_tensor(x, dtype=torch.float64, device="cpu")
    return torch.einsum("...i,ij,...j->...", x, _square(a), x)


def curvatures(a: Tensor) -> Tensor:
    """Eigenvalues of (A + Aᵀ)/2, the smallest first, (…, D). Their signs say whether xᵀ A x is a bowl or a saddle."""
    a = _square(a)
    return torch.linalg.eigvalsh((a + a.mT) / 2)


def _square(values: Tensor) -> Tensor:
    matrix = torch.as_tensor(values, dtype=torch.float64, device="cpu")
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError("A matrix needs the shape (…, D, D).")
    return matrix
