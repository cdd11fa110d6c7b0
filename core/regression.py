"""A straight line through points, found at once by its closed form and step by step by gradient descent.

The line is W x + b; its loss is the mean of the squared errors. Everything is float64 on the CPU.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

FAR = 1e9  # a line that is steeper or higher than this has run away
NOISES = ("uniform", "normal", "none")


def made(n: int, slope: float, intercept: float, noise: str = "uniform", *, generator: torch.Generator) -> Tensor:
    """Points (n, 2): x uniform on [0, 1], y = slope · x + intercept + noise.

    noise: "uniform" on [0, 1], whose mean is ½; "normal" with mean 0 and the same variance, 1/12; "none".
    ValueError for another noise or n below 1.
    """
    if n < 1:
        raise ValueError(f"There has to be at least one point, but {n} were asked for.")
    if noise not in NOISES:
        raise ValueError(f"The noise is one of {', '.join(NOISES)}.")
    options = {"generator": generator, "dtype": torch.float64, "device": "cpu"}
    x = torch.rand(n, **options)
    y = slope * x + intercept
    if noise == "uniform":
        y = y + torch.rand(n, **options)
    elif noise == "normal":
        y = y + torch.randn(n, **options) / math.sqrt(12)
    return torch.stack([x, y], dim=1)


def loss(points: Tensor, slope: Tensor | float, intercept: Tensor | float) -> Tensor:
    """The mean of (y − (W x + b))² over points (n, 2); slope and intercept of any one shape, which the result has."""
    slope, intercept = (torch.as_tensor(v, dtype=torch.float64, device="cpu") for v in (slope, intercept))
    x, y = points[:, 0], points[:, 1]
    return (y - (slope[..., None] * x + intercept[..., None])).square().mean(dim=-1)


def gradient(points: Tensor, slope: float, intercept: float) -> tuple[float, float]:
    """∂loss/∂W = −2 mean(e x) and ∂loss/∂b = −2 mean(e), where e = y − (W x + b)."""
    error = points[:, 1] - (slope * points[:, 0] + intercept)
    return float(-2 * (error * points[:, 0]).mean()), float(-2 * error.mean())


def least_squares(points: Tensor) -> tuple[float, float]:
    """The line with the smallest loss: W = cov(x, y) / var(x), b = ȳ − W x̄. Legendre 1805.

    Where all x are the same, infinitely many lines are as good: then the level one, W = 0.
    """
    mean = points.mean(dim=0)
    centred = points - mean
    spread = float(centred[:, 0].square().sum())
    slope = float((centred[:, 0] * centred[:, 1]).sum()) / spread if spread > 1e-300 else 0.0
    return slope, float(mean[1] - slope * mean[0])


def hessian(points: Tensor) -> Tensor:
    """The second derivatives of the loss, (2, 2): 2 mean of (x², x; x, 1). They are the same everywhere."""
    x = points[:, 0]
    corner = x.mean()
    return 2 * torch.stack([torch.stack([x.square().mean(), corner]), torch.stack([corner, torch.ones_like(corner)])])


def log_likelihood(points: Tensor, slope: Tensor | float, intercept: Tensor | float, std: float) -> Tensor:
    """Σ log N(y; W x + b, σ²) = −n/2 log(2πσ²) − n loss / (2σ²): falls as the loss rises, whatever σ is.

    Bishop 2006, equation 3.11. ValueError unless σ > 0.
    """
    if not std > 0:
        raise ValueError("The standard deviation of the errors must be above zero.")
    n = len(points)
    return -n / 2 * math.log(2 * math.pi * std**2) - n * loss(points, slope, intercept) / (2 * std**2)


@dataclass(frozen=True, eq=False)
class LineStep:
    """Where a descent is after `step` updates."""

    step: int
    slope: float
    intercept: float
    loss: float  # over all points
    batch: Tensor  # (B,) the points that this update looked at; empty at the start
    diverged: bool = False  # this state left every bound; it is the last


def descend_line(
    points: Tensor,
    start: tuple[float, float],
    *,
    rate: float,
    steps: int,
    batch: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[LineStep]:
    """Gradient descent on the loss from (W, b), one state for the start and one for each update.

    batch: of how many points each update takes the gradient; None or n and more: of all. Smaller ones need a generator
    and go through all points in a fresh order before any comes again. Robbins and Monro 1951.
    """
    slope, intercept = start
    n = len(points)
    whole = batch is None or batch >= n
    if not whole and (generator is None or batch < 1):
        raise ValueError("Batches hold at least one point, and are drawn by a generator.")
    everything = torch.arange(n, device="cpu")
    queue = everything[:0]
    yield LineStep(0, slope, intercept, float(loss(points, slope, intercept)), everything[:0])
    for step in range(1, steps + 1):
        rows = everything
        if not whole:
            if len(queue) < batch:
                queue = torch.randperm(n, generator=generator, device="cpu")
            rows, queue = queue[:batch], queue[batch:]
        down, up = gradient(points[rows], slope, intercept)
        slope, intercept = slope - rate * down, intercept - rate * up
        gone = not (math.isfinite(slope) and math.isfinite(intercept)) or max(abs(slope), abs(intercept)) > FAR
        yield LineStep(step, slope, intercept, float(loss(points, slope, intercept)), rows, gone)
        if gone:
            return
