"""What the page `gaussian_mixture` draws.

A mixture of the plane is rows, one a component: (weight, mean of x, mean of y, σ of x, σ of y, correlation). Weights
are shares of their sum. Rows that are no mixture (none, no weight at all) give a scene with `count` 0 and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.scene import Scene

if TYPE_CHECKING:
    from torch import Tensor

    from core.gaussian_mixture import GaussianMixture

Rows = tuple[tuple[float, ...], ...]
Box = tuple[float, float, float, float]  # x low, x high, y low, y high

THREE: Rows = (
    (0.3, -2.6, 1.2, 0.8, 0.8, 0.0),
    (0.5, 1.2, -0.8, 1.5, 0.8, 0.6),
    (0.2, 2.8, 2.0, 0.5, 0.7, -0.3),
)
PLANE: Box = (-6.0, 6.0, -4.0, 4.0)
FAR: Box = (-12.0, 12.0, -8.0, 8.0)

# The book's mixture for Old Faithful (its numbers are EM's, rounded): eruption and waiting time in minutes.
BOOK_WEIGHTS = (0.35, 0.65)
BOOK_MEANS = ((2.0, 54.5), (4.3, 80.0))
BOOK_COVS = (((0.07, 0.44), (0.44, 33.7)), ((0.17, 0.94), (0.94, 36.0)))
GEYSER_BOX: Box = (-7.0, 7.0, -20.0, 120.0)


def mixture_of(rows: Rows | None) -> GaussianMixture | None:
    """The mixture of the rows, or None where they are none. Without rows (None) it is the book's, for the geyser."""
    import torch

    from core.gaussian_mixture import GaussianMixture
    from core.multivariate_normal import covariance

    if rows is None:
        return book()
    table = torch.tensor(rows, dtype=torch.float64, device="cpu").reshape(-1, 6)
    if not len(table) or not bool(table[:, 0].sum() > 0):
        return None
    weights, means, stds, correlation = table[:, 0] / table[:, 0].sum(), table[:, 1:3], table[:, 3:5], table[:, 5]
    try:
        return GaussianMixture(weights, means, covariance(stds, correlation))
    except ValueError:
        return None


def book() -> GaussianMixture:
    """The book's mixture for the geyser."""
    import torch

    from core.gaussian_mixture import GaussianMixture

    numbers = (torch.tensor(n, dtype=torch.float64, device="cpu") for n in (BOOK_WEIGHTS, BOOK_MEANS, BOOK_COVS))
    return GaussianMixture(*numbers)


def lattice(box: Box, columns: int, rows: int) -> Tensor:
    """Places (rows · columns, 2) spread evenly over a box: the middles of its cells, row by row from below."""
    import torch

    left, right, low, high = box
    x = left + (right - left) * (torch.arange(columns, dtype=torch.float64, device="cpu") + 0.5) / columns
    y = low + (high - low) * (torch.arange(rows, dtype=torch.float64, device="cpu") + 0.5) / rows
    return torch.stack([x.repeat(rows), y.repeat_interleave(columns)], dim=1)


def described(mixture: GaussianMixture) -> dict[str, np.ndarray]:
    """count, weights (K,), means (K, 2) and covs (K, 2, 2) of a mixture."""
    return {
        "count": np.array(len(mixture.weights)),
        "weights": mixture.weights.numpy().copy(),
        "means": mixture.means.numpy().copy(),
        "covs": mixture.covs.numpy().copy(),
    }


NOTHING = {"count": np.array(0)}


@dataclass(frozen=True)
class DesignScene(Scene):
    """The peaks (M, 2) of a mixture, the highest first, its density there (M,), and how much of it lies in the box."""

    rows: Rows = THREE

    def compute(self) -> dict[str, np.ndarray]:
        from core.modes import modes

        mixture = mixture_of(self.rows)
        if mixture is None:
            return NOTHING
        peaks, columns, lines = modes(mixture), 240, 160
        cell = (PLANE[1] - PLANE[0]) * (PLANE[3] - PLANE[2]) / (columns * lines)
        inside = mixture.log_prob(lattice(PLANE, columns, lines)).exp().sum() * cell
        return described(mixture) | {
            "peaks": peaks.numpy(),
            "heights": mixture.log_prob(peaks).exp().numpy(),
            "inside": inside.clamp(max=1.0).numpy(),
        }


@dataclass(frozen=True)
class SamplingScene(Scene):
    """Draws from a mixture: which component each chose, (n,), and where it fell, (n, 2)."""

    rows: Rows = THREE
    draws: int = 1000
    seed: int = 0

    def compute(self) -> dict[str, np.ndarray]:
        import torch

        mixture = mixture_of(self.rows)
        if mixture is None:
            return NOTHING
        generator = torch.Generator().manual_seed(self.seed)
        chosen, points = mixture.sample_with_components(self.draws, generator=generator)
        return described(mixture) | {
            "chosen": chosen.numpy().astype(np.uint8),
            "points": points.numpy().astype(np.float32),
        }


@dataclass(frozen=True)
class MapScene(Scene):
    """Responsibilities (G, K) at places (G, 2) all over a box, and the share of them where one exceeds 99%.

    rows None: the book's mixture for the geyser, in minutes.
    """

    rows: Rows | None = THREE
    box: Box = FAR
    columns: int = 48
    lines: int = 32

    def compute(self) -> dict[str, np.ndarray]:
        mixture = mixture_of(self.rows)
        if mixture is None:
            return NOTHING
        places = lattice(self.box, self.columns, self.lines)
        shares = mixture.responsibilities(places)
        sure = (shares.amax(dim=1) > 0.99).double().mean()
        return described(mixture) | {
            "places": places.numpy().astype(np.float32),
            "shares": shares.numpy().astype(np.float32),
            "sure": sure.numpy(),
        }


@dataclass(frozen=True)
class QueryScene(Scene):
    """Bayes' rule at one place, everything as a logarithm in nats and a number for each component.

    log_prior, log_likelihood, log_joint, responsibilities, the distance to its mean as it is (`away`) and measured by
    its spread (`distances`, Mahalanobis'); log_density is that of the sum.
    """

    rows: Rows | None = THREE
    x: float = 0.0
    y: float = 0.5

    def compute(self) -> dict[str, np.ndarray]:
        import torch

        from core.multivariate_normal import MultivariateNormal

        mixture = mixture_of(self.rows)
        if mixture is None:
            return NOTHING
        place = torch.tensor([self.x, self.y], dtype=torch.float64, device="cpu")
        joint, prior = mixture.joint_log_prob(place), mixture.weights.log()
        return described(mixture) | {
            "log_prior": prior.numpy(),
            "log_likelihood": (joint - prior).numpy(),
            "log_joint": joint.numpy(),
            "log_density": mixture.log_prob(place).numpy(),
            "responsibilities": mixture.responsibilities(place).numpy(),
            "away": (place - mixture.means).norm(dim=1).numpy(),
            "distances": MultivariateNormal(mixture.means, mixture.covs).mahalanobis(place).numpy(),
        }


FIRST: tuple[Scene, ...] = (DesignScene(), SamplingScene(), MapScene(), QueryScene())
