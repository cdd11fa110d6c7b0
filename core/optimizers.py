"""Walking downhill: gradient descent, momentum and Adam written out, and surfaces to try them on.

    for state in descend(SURFACES["rosenbrock"].height, start, Adam(rate=0.1), steps=200):
        state.point, state.height

Each is one rule for an update. They are equal to torch.optim's to rounding; networks here are trained by those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

FAR = 1e6  # a walk that is farther out than this has run away


class Rule(Protocol):
    """A rule for an update: `begin` gives its memory at the start, `update` the next point and the next memory."""

    def begin(self, point: Tensor) -> tuple[Tensor, ...]: ...

    def update(
        self, step: int, point: Tensor, gradient: Tensor, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]: ...


@dataclass(frozen=True)
class SGD:
    """x ← x − η g. Cauchy 1847; with random batches: Robbins and Monro 1951."""

    rate: float

    def begin(self, point: Tensor) -> tuple[Tensor, ...]:
        return ()

    def update(
        self, step: int, point: Tensor, gradient: Tensor, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        return point - self.rate * gradient, ()


@dataclass(frozen=True)
class Momentum:
    """v ← α v + g,  x ← x − η v: a ball that keeps its speed. Polyak 1964."""

    rate: float
    keep: float = 0.9  # α

    def begin(self, point: Tensor) -> tuple[Tensor, ...]:
        return (torch.zeros_like(point),)

    def update(
        self, step: int, point: Tensor, gradient: Tensor, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        velocity = self.keep * memory[0] + gradient
        return point - self.rate * velocity, (velocity,)


@dataclass(frozen=True)
class Adam:
    """Each coordinate is divided by the usual size of its gradient. Kingma and Ba 2015, algorithm 1."""

    rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def begin(self, point: Tensor) -> tuple[Tensor, ...]:
        return torch.zeros_like(point), torch.zeros_like(point)

    def update(
        self, step: int, point: Tensor, gradient: Tensor, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        m = self.beta1 * memory[0] + (1 - self.beta1) * gradient  # mean of the gradients
        v = self.beta2 * memory[1] + (1 - self.beta2) * gradient**2  # mean of their squares
        m_hat = m / (1 - self.beta1**step)  # both began at zero: this takes that away
        v_hat = v / (1 - self.beta2**step)
        return point - self.rate * m_hat / (v_hat.sqrt() + self.epsilon), (m, v)


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a walk is after `step` updates."""

    step: int
    point: Tensor  # (D,) float64
    height: float
    gradient: Tensor  # (D,), there
    diverged: bool = False  # this state left every bound; it is the last


def descend(height: Callable[[Tensor], Tensor], start: Tensor, rule: Rule, steps: int) -> Iterator[Descent]:
    """Walk downhill from `start`, one state for the start and one for each update.

    height: (D,) -> a number, differentiable by torch. Ends after `steps` updates, or with a state that has diverged.
    """
    point = start.detach().to(torch.float64)
    memory = rule.begin(point)
    value, gradient = _slope(height, point)
    yield Descent(0, point, value, gradient)
    for step in range(1, steps + 1):
        point, memory = rule.update(step, point, gradient, memory)
        value, gradient = _slope(height, point)
        diverged = not bool(gradient.isfinite().all()) or bool((point.abs() > FAR).any())
        yield Descent(step, point, value, gradient, diverged)
        if diverged:
            return


def _slope(height: Callable[[Tensor], Tensor], point: Tensor) -> tuple[float, Tensor]:
    with torch.enable_grad():
        at = point.clone().requires_grad_()
        value = height(at)
        (gradient,) = torch.autograd.grad(value, at)
    return float(value.detach()), gradient


@dataclass(frozen=True)
class Surface:
    """A height over the plane: of x (…, 2), its window and a start from which the rules differ."""

    height: Callable[[Tensor], Tensor]
    x: tuple[float, float]
    y: tuple[float, float]
    start: tuple[float, float]
    minimum: tuple[float, float] | None  # None where there is none


def rosenbrock(x: Tensor) -> Tensor:
    """100 (y − x²)² + (x − 1)²: a bent valley, lowest at (1, 1). Rosenbrock 1960."""
    return 100 * (x[..., 1] - x[..., 0] ** 2) ** 2 + (x[..., 0] - 1) ** 2


def bowl(x: Tensor) -> Tensor:
    """½ (x² + y²): round, so that every direction is the same."""
    return 0.5 * x.square().sum(dim=-1)


def ravine(x: Tensor) -> Tensor:
    """½ (x² + 20 y²): twenty times as steep across as along, its condition number."""
    return 0.5 * (x[..., 0] ** 2 + 20 * x[..., 1] ** 2)


def saddle(x: Tensor) -> Tensor:
    """½ (x² − y²) + y⁴/16: flat at the origin, down on both sides of it, lowest at (0, ±2)."""
    return 0.5 * (x[..., 0] ** 2 - x[..., 1] ** 2) + x[..., 1] ** 4 / 16


SURFACES: dict[str, Surface] = {
    "rosenbrock": Surface(rosenbrock, (-2.0, 2.0), (-1.0, 3.0), (-1.5, 2.0), (1.0, 1.0)),
    "ravine": Surface(ravine, (-4.0, 4.0), (-2.0, 2.0), (-3.5, 1.2), (0.0, 0.0)),
    "bowl": Surface(bowl, (-4.0, 4.0), (-3.0, 3.0), (-3.0, 2.0), (0.0, 0.0)),
    "saddle": Surface(saddle, (-3.0, 3.0), (-3.0, 3.0), (-2.5, 0.02), (0.0, 2.0)),
}


def critical_rate(hessian: Tensor) -> float:
    """2 / λ_max: on a quadratic, gradient descent with a larger rate runs away. Nesterov 2004, section 1.2.3.

    hessian: (D, D), symmetric, with a positive eigenvalue; ValueError where there is none.
    """
    largest = float(torch.linalg.eigvalsh(hessian)[-1])
    if largest <= 0:
        raise ValueError("Without a positive curvature there is no rate that is too large.")
    return 2 / largest
