"""Points in the plane: shapes that are easy to recognise after diffusion, and whatever a person drew.

All are centred and have variance 1, averaged over both axes, before lines are given a little width. The moments are
those of the distribution and not of the sample, so that a shape lies in the same place with 10 points and with 10,000.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

JITTER = 0.03  # standard deviation of the noise that gives lines a width, in standardised units
MAX_POINTS = 1_000_000  # that may be asked for
MAX_DRAWN = 20_000  # that a drawing may have
_SHORTEST = 1e-3  # length of a drawing, as a part of the square's side

BLOB_WEIGHTS = (0.5, 0.3, 0.2)
_BLOB_MEANS = ((0.0, 1.0), (-1.2, -0.8), (1.3, -0.6))
_BLOB_COVS = (((0.16, 0.0), (0.0, 0.04)), ((0.06, 0.05), (0.05, 0.10)), ((0.03, 0.0), (0.0, 0.03)))


def moons(n: int, generator: torch.Generator) -> Tensor:
    """Two interlocking half circles of radius 1 with a little width, (n, 2)."""
    angle = math.pi * _uniform(n, generator)
    lower = _uniform(n, generator) < 0.5
    x = torch.where(lower, 1 - angle.cos(), angle.cos())
    y = torch.where(lower, 0.5 - angle.sin(), angle.sin())
    # means ½ and ¼; variances ½ + ¼ and 9/16 − 1/π, by integrating over the angle
    points = torch.stack([x - 0.5, y - 0.25], dim=1) / math.sqrt((3 / 4 + 9 / 16 - 1 / math.pi) / 2)
    return _widened(points, generator)


def rings(n: int, generator: torch.Generator) -> Tensor:
    """Two circles around one centre, the outer of twice the radius and with twice the points, (n, 2)."""
    angle = 2 * math.pi * _uniform(n, generator)
    outer = _uniform(n, generator) < 2 / 3
    radius = (1 + outer.double()) / math.sqrt(3 / 2)  # E r² / 2 = (1/3 · 1 + 2/3 · 4) / 2 = 3/2
    return _widened(torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1), generator)


def blobs(n: int, generator: torch.Generator) -> Tensor:
    """Points of the mixture of three normal distributions that `blobs_mixture` describes, (n, 2)."""
    weights, means, covs = blobs_mixture()
    component = torch.searchsorted(weights.cumsum(0)[:-1].contiguous(), _uniform(n, generator), right=True)  # (n,)
    factor = torch.linalg.cholesky(covs)[component]  # (n, 2, 2)
    return means[component] + (factor @ _normal(n, generator)[:, :, None])[:, :, 0]  # μ + L ε


def blobs_mixture() -> tuple[Tensor, Tensor, Tensor]:
    """Weights (3,), means (3, 2) and covariances (3, 2, 2) of "blobs", float64: exactly what `blobs` draws from."""
    weights = torch.tensor(BLOB_WEIGHTS, dtype=torch.float64, device="cpu")
    means = torch.tensor(_BLOB_MEANS, dtype=torch.float64, device="cpu")
    covs = torch.tensor(_BLOB_COVS, dtype=torch.float64, device="cpu")
    means = means - weights @ means
    variances = weights @ (covs.diagonal(dim1=1, dim2=2) + means.square())  # (2,), within and between
    scale = variances.mean().sqrt()
    return weights, means / scale, covs / scale**2


def points_along(strokes: Sequence[Sequence[Sequence[float]]], n: int, generator: torch.Generator) -> Tensor:
    """Points (n, 2) spread evenly along what a person drew, centred, with an average variance of 1, y upwards.

    Args:
        strokes: lines, each a sequence of corners (x, y) in the unit square, y downwards as on a screen. Corners
            outside are moved to its edge; a line without length is passed over.
        n: how many points, drawn uniformly by length and moved by normal noise of deviation 0.03.
        generator: where the randomness comes from.

    Raises:
        ValueError: nothing was drawn, the drawing has no length or too many corners, a corner is not two finite
            numbers, or n is below 1.
    """
    if sum(map(len, strokes)) > MAX_DRAWN:
        raise ValueError(f"The drawing has more than {MAX_DRAWN:,} corners; draw less.")
    corners = [_stroke(stroke) for stroke in strokes if len(stroke)]
    if not corners:
        raise ValueError("The drawing is empty; draw at least one line.")
    start = torch.cat([stroke[:-1] for stroke in corners])  # (S, 2)
    way = torch.cat([stroke.diff(dim=0) for stroke in corners])  # (S, 2)
    length = way.norm(dim=1)  # (S,)
    total = length.sum()
    if total < _SHORTEST:
        raise ValueError("The drawing is only a dot; draw a line.")
    part = length / total
    middle = start + way / 2
    mean = part @ middle
    variance = part @ ((middle - mean).square() + way.square() / 12)  # of a uniform point on each segment, and between
    position = _uniform(n, generator)
    ends = part.cumsum(0)
    segment = torch.searchsorted(ends, position, right=True).clamp_max(len(part) - 1)  # (n,)
    along = ((position - (ends - part)[segment]) / part[segment].clamp_min(1e-300)).clamp(0, 1)
    points = (start[segment] + along[:, None] * way[segment] - mean) / variance.mean().sqrt()
    return _widened(points, generator)


def around(points: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Draw n of some points (N, 2), with replacement, and move each a little: (n, 2)."""
    index = (_uniform(n, generator) * len(points)).long()
    return _widened(points[index], generator)


def standardised(points: Tensor) -> Tensor:
    """Centre points (N, 2) and divide by one number, so that the variance averaged over both axes is 1."""
    points = points - points.mean(0)
    return points / points.square().mean().sqrt()


def _stroke(stroke: Sequence[Sequence[float]]) -> Tensor:
    """Check a stroke and turn it upright: corners (S, 2) float64 in the unit square, y upwards."""
    try:
        pairs = [(float(x), float(y)) for x, y in stroke]
        well_formed = all(math.isfinite(x) and math.isfinite(y) for x, y in pairs)
    except (TypeError, ValueError, OverflowError):
        well_formed = False
    if not well_formed:
        raise ValueError("Each corner of a drawing must be two finite numbers, x and y.")
    corners = torch.tensor(pairs, dtype=torch.float64, device="cpu").reshape(-1, 2).clamp(0, 1)
    return torch.stack([corners[:, 0], 1 - corners[:, 1]], dim=1)


def _widened(points: Tensor, generator: torch.Generator) -> Tensor:
    return points + JITTER * _normal(len(points), generator)


def _uniform(n: int, generator: torch.Generator) -> Tensor:
    """Numbers (n,) in [0, 1), float64 on the CPU, drawn on the generator's device."""
    if not 1 <= n <= MAX_POINTS:
        raise ValueError(f"The number of points must be between 1 and {MAX_POINTS:,}, not {n}.")
    return torch.rand(n, generator=generator, device=generator.device, dtype=_drawn(generator)).to("cpu", torch.float64)


def _normal(n: int, generator: torch.Generator) -> Tensor:
    """Standard normal points (n, 2), float64 on the CPU, drawn on the generator's device."""
    drawn = torch.randn(n, 2, generator=generator, device=generator.device, dtype=_drawn(generator))
    return drawn.to("cpu", torch.float64)


def _drawn(generator: torch.Generator) -> torch.dtype:
    return torch.float32 if generator.device.type == "mps" else torch.float64  # MPS has no float64
