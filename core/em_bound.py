"""EM in one parameter, so that the log-likelihood and its lower bound are two curves that can be drawn.

A mixture of normals of one dimension of which all but one number are held: the mean, the standard deviation or the
weight of its first component. The E step makes the bound touch the log-likelihood where the parameter is, the M step
moves the parameter to the top of the bound. Bishop 2006, figure 9.14, with the curves of real data.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core import normal

Which = Literal["mean", "std", "weight"]


@dataclass(frozen=True, eq=False)
class OneParameter:
    """Mixtures of two normals that differ in one parameter of the first.

    weights, means, stds: (2,) each, of the mixture in which that parameter is to be replaced. Where it is the weight,
    the second weight is what is left. Raises ValueError for another number of components.
    """

    weights: Tensor
    means: Tensor
    stds: Tensor
    which: Which

    def __post_init__(self) -> None:
        if not self.weights.shape == self.means.shape == self.stds.shape == (2,):
            raise ValueError("The family needs two weights, two means and two standard deviations.")

    def joint_log_prob(self, x: Tensor, values: Tensor) -> Tensor:
        """log p(x, k) for every value of the parameter. x: (N,), values: (G,). Returns (G, N, 2), in nats.

        Raises ValueError for a standard deviation that is not above 0, or a weight outside 0..1.
        """
        value = values[:, None, None]  # (G, 1, 1)
        weights, means, stds = (
            held.expand(len(values), 1, 2).clone() for held in (self.weights, self.means, self.stds)
        )
        match self.which:
            case "mean":
                means[..., :1] = value
            case "std":
                stds[..., :1] = value
            case "weight":
                if bool(((value < 0) | (value > 1)).any()):
                    raise ValueError("A weight lies between 0 and 1.")
                weights = torch.cat([value, 1 - value], dim=2)
        return weights.log() + normal.log_prob(x[None, :, None], means, stds)  # (G, N, 2)


@dataclass(frozen=True, eq=False)
class Climb:
    """A moment of the climb: the start, after an E step, or after an M step."""

    iteration: int  # 0 at the start; an E and the M after it share a number, from 1
    phase: Literal["start", "E", "M"]
    value: float  # of the parameter
    responsibilities: Tensor | None  # (N, 2), those of the last E; None at the start
    log_likelihood: float  # mean per point, in nats
    lower_bound: float | None  # with these responsibilities; None at the start


def log_likelihood(x: Tensor, family: OneParameter, values: Tensor) -> Tensor:
    """Mean of log p(x) = log Σ_k p(x, k) over the points, for every value of the parameter: (N,), (G,) -> (G,)."""
    return family.joint_log_prob(x, values).logsumexp(dim=2).mean(dim=1)


def lower_bound(x: Tensor, family: OneParameter, q: Tensor, values: Tensor) -> Tensor:
    """Mean of Σ_k q (log p(x, k) − log q) over the points, with the shares q, (N, 2), held: (G,).

    Bishop 2006, equation 9.71.
    """
    held = torch.where(q > 0, q * q.log(), 0.0)  # 0 log 0 = 0
    joint = family.joint_log_prob(x, values)  # (G, N, 2)
    expected = torch.where(q > 0, q * joint, 0.0)
    return (expected - held).sum(dim=2).mean(dim=1)


def e_step(x: Tensor, family: OneParameter, value: float) -> Tensor:
    """q = p(k | x) where the parameter is now, (N, 2): the bound touches there."""
    return family.joint_log_prob(x, x.new_tensor([value]))[0].softmax(dim=1)


def m_step(x: Tensor, family: OneParameter, q: Tensor) -> float:
    """The parameter at the top of the bound: a weighted maximum likelihood estimate. Bishop 2006, eq. 9.24 to 9.27.

    mean: Σ q x / Σ q. std: the root of Σ q (x − μ)² / Σ q, about the mean that is held. weight: Σ q / N.
    """
    q = q[:, 0]
    match family.which:
        case "mean":
            return float((q @ x) / q.sum())
        case "std":
            return math.sqrt(float(q @ (x - family.means[0]).square() / q.sum()))
        case _:
            return float(q.mean())


def climb(
    x: Tensor, family: OneParameter, start: float, *, max_iterations: int = 30, tolerance: float = 1e-6
) -> Iterator[Climb]:
    """Climbs from the start by turns. x: (N,). Yields the start, and a state after every E and every M.

    Ends early when the log-likelihood changes by less than the tolerance, in nats per point. Where no point is left to
    the first component, there is nothing to move and the climb ends with its E.
    """
    value, at = start, float(log_likelihood(x, family, x.new_tensor([start])))
    yield Climb(0, "start", value, None, at, None)
    for iteration in range(1, max_iterations + 1):
        q = e_step(x, family, value)
        yield Climb(iteration, "E", value, q, at, float(lower_bound(x, family, q, x.new_tensor([value]))))
        if float(q[:, 0].sum()) < 1e-300:
            return
        before, value = at, m_step(x, family, q)
        at = float(log_likelihood(x, family, x.new_tensor([value])))
        yield Climb(iteration, "M", value, q, at, float(lower_bound(x, family, q, x.new_tensor([value]))))
        if abs(at - before) < tolerance:
            return
