"""KL divergence: how much is lost, in nats, when q stands in for p. KL(p ‖ q) = ∫ p (log p − log q) ≥ 0.

It is no distance: KL(p ‖ q) and KL(q ‖ p) differ. It is 0 only where p = q.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def kl_normal(mean_p: Tensor, std_p: Tensor, mean_q: Tensor, std_q: Tensor) -> Tensor:
    """KL(N(μ_p, σ_p²) ‖ N(μ_q, σ_q²)) = log σ_q/σ_p + (σ_p² + (μ_p − μ_q)²) / (2 σ_q²) − ½, in nats.

    Any shapes that go together; numbers will do. Raises ValueError for a σ that is not above 0, or not finite.
    """
    mean_p, std_p, mean_q, std_q = (_float64(value) for value in (mean_p, std_p, mean_q, std_q))
    if not all(bool(((std > 0) & std.isfinite()).all()) for std in (std_p, std_q)):
        raise ValueError("Standard deviations must be finite and above 0.")
    ratio = std_p / std_q
    # r² − 1 − log r², all of it small near r = 1, as (r − 1)(r + 1) − 2 log r
    return 0.5 * ((mean_p - mean_q) / std_q).square() + 0.5 * (ratio - 1) * (ratio + 1) - ratio.log()


def kl_multivariate_normal(mean_p: Tensor, cov_p: Tensor, mean_q: Tensor, cov_q: Tensor) -> Tensor:
    """KL(N(μ_p, Σ_p) ‖ N(μ_q, Σ_q)) = ½ [tr(Σ_q⁻¹ Σ_p) + ‖L_q⁻¹ (μ_p − μ_q)‖² − D + log det Σ_q / det Σ_p], in nats.

    With Cholesky factors Σ = L Lᵀ the trace is the sum of squares of L_q⁻¹ L_p. means (…, D), covs (…, D, D); returns
    (…). Raises ValueError for a covariance that is flat or not one.
    """
    mean_p, cov_p, mean_q, cov_q = (_float64(value) for value in (mean_p, cov_p, mean_q, cov_q))
    factors = []
    for cov in (cov_p, cov_q):
        factor, failed = torch.linalg.cholesky_ex(cov)
        if bool(failed.any()):
            raise ValueError("Both covariances must be positive definite.")
        factors.append(factor)
    factor_p, factor_q = torch.broadcast_tensors(*factors)
    between = torch.linalg.solve_triangular(factor_q, factor_p, upper=False)  # L_q⁻¹ L_p: (…, D, D)
    shift = torch.linalg.solve_triangular(factor_q, (mean_p - mean_q)[..., None], upper=False)  # (…, D, 1)
    log_ratio = between.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)  # ½ log det Σ_p / det Σ_q: (…)
    trace = between.square().sum(dim=(-2, -1))
    return 0.5 * (trace + shift.square().sum(dim=(-2, -1)) - between.shape[-1]) - log_ratio


def kl_integrand(log_p: Tensor, log_q: Tensor) -> Tensor:
    """p (log p − log q) at points where the log-densities are known: what a picture shades. Where p is 0 it is 0.

    It may be negative at a point; only its integral cannot. It is +inf where p is not 0 but q is.
    """
    log_p, log_q = _float64(log_p), _float64(log_q)
    return torch.where(log_p == -torch.inf, 0.0, log_p.exp() * (log_p - log_q))


def kl_numerical(
    log_p: Callable[[Tensor], Tensor],
    log_q: Callable[[Tensor], Tensor],
    low: float,
    high: float,
    *,
    count: int = 4001,
) -> float:
    """KL(p ‖ q) in one dimension by the trapezium rule on `count` points from low to high, in nats.

    log_p, log_q: from (M,) to (M,), normalised log-densities. For smooth densities that have died away at both ends the
    rule's error falls faster than any power of the spacing (Trefethen and Weideman 2014); what lies outside low..high
    is left out. Raises ValueError for low ≥ high, ends that are not finite, fewer than 2 points.
    """
    if not (-math.inf < low < high < math.inf) or count < 2:
        raise ValueError("The interval must be finite, low below high, with at least 2 points.")
    x = torch.linspace(low, high, count, dtype=torch.float64, device="cpu")
    return float(torch.trapezoid(kl_integrand(log_p(x), log_q(x)), x))


def cross_entropy(x: Tensor, log_q: Callable[[Tensor], Tensor]) -> float:
    """The mean of −log q over the data x, (N, …), in nats.

    KL(data ‖ q) is the cross-entropy minus the entropy of the data, which q cannot change: to make the divergence from
    data to model small is to make the log-likelihood large.
    """
    return float(-log_q(_float64(x)).mean())


def _float64(values: Tensor | float) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64, device="cpu")
