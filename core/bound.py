"""The lower bound that EM climbs, for any shares q: log p(x) = lower bound + KL(q ‖ p(k | x)), point by point.

Bishop 2006, equations 9.70 to 9.72.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.em import EMError, checked_points
from core.gaussian_mixture import GaussianMixture

Parameter = Literal["weight", "mean", "std"]


def lower_bound(x: Tensor, mixture: GaussianMixture, responsibilities: Tensor) -> float:
    """Mean over the points x, (N, D), of Σ_k q (log p(x, k) − log q), in nats, for any shares q, (N, K).

    Where q is 0 the term is 0; where q is not, but the mixture says never, the bound is −inf.
    Raises EMError for points or shares of a wrong shape, ValueError where the mixture has no density.
    """
    x, q = _checked(x, mixture, responsibilities)
    return float(_bound_per_point(mixture.joint_log_prob(x), q).mean())


def kl_gap(x: Tensor, mixture: GaussianMixture, responsibilities: Tensor) -> Tensor:
    """KL(q ‖ p(k | x)) = Σ_k q (log q − log p(k | x)) of each point, (N,), in nats; its mean is the gap of the bound.

    Never negative, and 0 only where q is what the E step would say. Errors as `lower_bound`.
    """
    x, q = _checked(x, mixture, responsibilities)
    return -_bound_per_point(mixture.joint_log_prob(x).log_softmax(dim=1), q).clamp(max=0)  # rounding can pass 0


@dataclass(frozen=True, eq=False)
class AlongOneParameter:
    """The log-likelihood and the bound along one parameter, means per point in nats; NaN where it makes no mixture."""

    values: Tensor  # (V,), of the parameter
    log_likelihood: Tensor  # (V,)
    lower_bound: Tensor  # (V,), never above the log-likelihood


def one_parameter_bound(
    x: Tensor,
    mixture: GaussianMixture,
    responsibilities: Tensor,
    values: Sequence[float] | Tensor,
    *,
    parameter: Parameter = "mean",
    component: int = 0,
    axis: int = 0,
) -> AlongOneParameter:
    """Moves one parameter of a mixture and holds everything else, the responsibilities (N, K) too.

    parameter: "mean" is μ of the component along the axis; "std" its standard deviation along the axis, with the
        correlations held; "weight" its weight, with the other weights shrunk or grown in proportion.
    Errors as `lower_bound`; EMError also for an unknown parameter, component or axis.
    """
    x, q = _checked(x, mixture, responsibilities)
    count, size = mixture.means.shape
    if parameter not in ("weight", "mean", "std") or not (0 <= component < count and 0 <= axis < size):
        raise EMError("settings", f"Choose weight, mean or std, a component below {count} and an axis below {size}.")
    values = torch.as_tensor(values, dtype=torch.float64, device="cpu")
    curves = torch.full((2, len(values)), torch.nan, dtype=torch.float64, device="cpu")
    for index, value in enumerate(values.tolist()):
        moved = with_parameter(mixture, value, parameter=parameter, component=component, axis=axis)
        if moved is not None:
            joint = moved.joint_log_prob(x)  # (N, K)
            curves[0, index] = joint.logsumexp(dim=1).mean()
            curves[1, index] = _bound_per_point(joint, q).mean()
    return AlongOneParameter(values, curves[0], curves[1])


def with_parameter(
    mixture: GaussianMixture, value: float, *, parameter: Parameter, component: int = 0, axis: int = 0
) -> GaussianMixture | None:
    """The mixture with one parameter set, as `one_parameter_bound` moves it; None where that is no mixture.

    None for: NaN or infinity, a weight outside 0..1, a weight below 1 where the others are all 0, a std that is not
    positive.
    """
    weights, means, covs = mixture.weights.clone(), mixture.means.clone(), mixture.covs.clone()
    if not -1e100 < value < 1e100:
        return None
    if parameter == "mean":
        means[component, axis] = value
    elif parameter == "std":
        if value <= 1e-100:
            return None
        factor = value / covs[component, axis, axis].sqrt()
        covs[component, axis] *= factor
        covs[component, :, axis] *= factor  # the variance itself is scaled twice
    else:
        rest = 1 - weights[component]
        if not 0 <= value <= 1 or (rest <= 0 and value < 1):
            return None
        if rest > 0:
            weights *= (1 - value) / rest
        weights[component] = value
    return GaussianMixture.unchecked(weights, means, covs)


def _bound_per_point(joint: Tensor, q: Tensor) -> Tensor:
    """Σ_k q (log p(x, k) − log q), (N,), with 0 · anything = 0. joint, q: (N, K)."""
    return torch.where(q > 0, q * (joint - q.log()), 0.0).sum(dim=1)


def _checked(x: Tensor, mixture: GaussianMixture, responsibilities: Tensor) -> tuple[Tensor, Tensor]:
    x = checked_points(x, mixture.means.shape[1])
    q = torch.as_tensor(responsibilities, dtype=torch.float64, device="cpu")
    if q.shape != (len(x), len(mixture.weights)):
        raise EMError("shape", f"The responsibilities must have the shape ({len(x)}, {len(mixture.weights)}).")
    return x, q
