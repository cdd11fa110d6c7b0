"""How far two sets of samples are from each other."""

import torch
from torch import Tensor


def _samples(values: Tensor, name: str) -> Tensor:
    """Return samples (N, D) as float64 on the CPU, or say what is wrong with them."""
    if not isinstance(values, Tensor) or values.ndim != 2 or values.shape[1] == 0:
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"{name} must be a tensor of shape (N, D), not {shape}.")
    if values.shape[0] < 2:
        raise ValueError(f"{name} needs at least 2 rows, not {values.shape[0]}.")
    values = values.detach().to(device="cpu", dtype=torch.float64)
    if not bool(torch.isfinite(values).all()):
        raise ValueError(f"{name} has a value that is not a finite number.")
    return values


def _pair(a: Tensor, b: Tensor, name_a: str, name_b: str) -> tuple[Tensor, Tensor]:
    a, b = _samples(a, name_a), _samples(b, name_b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{name_a} has {a.shape[1]} columns and {name_b} has {b.shape[1]}; they must agree.")
    return a, b


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    """Squared Fréchet distance between the normal distributions fitted to two sets of features.

    |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a^½ Σ_b Σ_a^½)^½), with covariances that divide by N − 1.
    Computed in float64 on the CPU without forming a root: with Σ_a = R_aᵀ R_a from the QR decomposition of the centred
    features, the trace of the root is the sum of the singular values of R_a R_bᵀ. That loses no digits where a
    covariance is singular, so fewer rows than columns are welcome.

    Args:
        features_a: (N, D), any float type and device.
        features_b: (M, D).

    Returns:
        A number ≥ 0 in squared units of the features; 0 for equal means and covariances.

    Raises:
        ValueError: not two tables of finite numbers with the same columns and at least two rows each.

    Source: Dowson and Landau 1982; Heusel et al. 2017, eq. 6.
    """
    a, b = _pair(features_a, features_b, "features_a", "features_b")
    mean_a, mean_b = a.mean(0), b.mean(0)
    a, b = (a - mean_a) / (len(a) - 1) ** 0.5, (b - mean_b) / (len(b) - 1) ** 0.5  # now Σ = aᵀ a
    factor_a, factor_b = torch.linalg.qr(a, mode="r").R, torch.linalg.qr(b, mode="r").R  # (min(N, D), D)
    cross = torch.linalg.svdvals(factor_a @ factor_b.mT).sum()
    distance = (mean_a - mean_b).square().sum() + a.square().sum() + b.square().sum() - 2 * cross
    return max(0.0, distance.item())


def energy_distance(a: Tensor, b: Tensor) -> float:
    """How differently two sets of points are distributed: 2 E|A − B| − E|A − A′| − E|B − B′|.

    The unbiased (U) statistic: a point is never paired with itself, so that two samples of one distribution give
    values around 0, on either side of it. Exact: all pairs, in blocks, float64 on the CPU; time O((N + M)² D).

    Args:
        a: (N, D), any float type and device.
        b: (M, D).

    Returns:
        A number in units of the points; its expectation is 0 exactly where both distributions are the same.

    Raises:
        ValueError: not two tables of finite numbers with the same columns and at least two rows each.

    Source: Székely and Rizzo 2013, "Energy statistics".
    """
    a, b = _pair(a, b, "a", "b")
    n, m = len(a), len(b)
    within = _total(a, a) / (n * (n - 1)) + _total(b, b) / (m * (m - 1))
    return 2 * _total(a, b) / (n * m) - within


def _total(a: Tensor, b: Tensor) -> float:
    """Sum of the distances of all pairs."""
    rows = a.split(1024)
    return sum(torch.cdist(row, b, compute_mode="donot_use_mm_for_euclid_dist").sum().item() for row in rows)
