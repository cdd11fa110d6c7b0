"""Data whose scores are known: a few mixtures of normal distributions, in one dimension and in two."""

import math
from collections.abc import Sequence

import torch

from core import shapes
from core.gaussian_mixture import GaussianMixture

NAMES = ("humps", "three", "one")

# (weight, mean, standard deviation) of each component in one dimension
_LINE = {
    "humps": ((0.5, -2.0, 0.3), (0.5, 2.0, 0.3)),
    "three": ((0.5, -2.2, 0.35), (0.3, 0.2, 0.2), (0.2, 2.0, 0.5)),
    "one": ((1.0, 1.0, 0.5),),
}
# (weight, mean of x and y, standard deviation of x and y, correlation)
_PLANE = {
    "humps": ((0.5, -1.3, 0.0, 0.25, 0.4, 0.0), (0.5, 1.3, 0.0, 0.25, 0.4, 0.0)),
    "one": ((1.0, 0.6, 0.3, 0.8, 0.5, 0.7),),
}


def on_a_line(name: str) -> GaussianMixture:
    """The mixture of that name in one dimension. Raises KeyError for another name."""
    rows = torch.tensor(_LINE[name], dtype=torch.float64, device="cpu")  # (K, 3)
    return GaussianMixture(rows[:, 0], rows[:, 1:2], rows[:, 2].square()[:, None, None])


def on_a_plane(name: str) -> GaussianMixture:
    """The mixture of that name in two dimensions; "three" are the blobs. Raises KeyError for another name."""
    return GaussianMixture(*shapes.blobs_mixture()) if name == "three" else from_rows(_PLANE[name])


def named(name: str, dimensions: int) -> GaussianMixture:
    """The mixture of that name in one dimension or two."""
    return on_a_line(name) if dimensions == 1 else on_a_plane(name)


def from_rows(rows: Sequence[Sequence[float]]) -> GaussianMixture:
    """A mixture in two dimensions of rows (weight, mean x, mean y, std x, std y, correlation); weights are divided by
    their sum, and where that is 0 they are equal. Raises ValueError where there is no row."""
    if not rows:
        raise ValueError("A mixture needs at least one component.")
    table = torch.tensor(rows, dtype=torch.float64, device="cpu")  # (K, 6)
    weights, std_x, std_y, rho = table[:, 0].clamp(min=0), table[:, 3], table[:, 4], table[:, 5]
    total = float(weights.sum())
    weights = weights / total if total > 0 else torch.full_like(weights, 1 / len(weights))
    across = rho * std_x * std_y
    covs = torch.stack([std_x.square(), across, across, std_y.square()], dim=1).reshape(-1, 2, 2)
    return GaussianMixture(weights, table[:, 1:3], covs)


def as_rows(mixture: GaussianMixture) -> tuple[tuple[float, ...], ...]:
    """The rows of `from_rows` for a mixture in two dimensions."""
    std = mixture.covs.diagonal(dim1=1, dim2=2).sqrt()  # (K, 2)
    rho = mixture.covs[:, 0, 1] / (std[:, 0] * std[:, 1])
    table = torch.cat([mixture.weights[:, None], mixture.means, std, rho[:, None]], dim=1)
    return tuple(tuple(row) for row in table.tolist())


def spread(mixture: GaussianMixture) -> float:
    """The standard deviation of a mixture, averaged over its axes as a variance."""
    variance = mixture.weights @ (mixture.covs.diagonal(dim1=1, dim2=2) + mixture.means.square())  # (D,)
    return math.sqrt(float((variance - (mixture.weights @ mixture.means).square()).mean()))
