"""What the folded experiments of the page `gaussian_mixture` draw: real fits, and where they fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.scene import Scene
from core.scenes.gaussian_mixture import NOTHING, THREE, described, mixture_of

if TYPE_CHECKING:
    from torch import Tensor

    from core.gaussian_mixture import GaussianMixture


@dataclass(frozen=True)
class GeyserScene(Scene):
    """Old Faithful's eruptions and waiting times (272, 2), in minutes, under no, one or two fitted normals.

    log_likelihood: the sum over all eruptions, in nats. The histogram and the curve are those of the waiting time.
    seen, expected: waiting times within 3 minutes of the mean, counted and by one normal.
    """

    components: int = 2

    def compute(self) -> dict[str, np.ndarray]:
        import torch

        from core import data, normal
        from core.em import expectation_maximization, last
        from core.gaussian_mixture import GaussianMixture
        from core.multivariate_normal import MultivariateNormal

        x = data.old_faithful().values
        heights, edges = np.histogram(x[:, 1].numpy(), bins=np.arange(40, 101, 3), density=True)
        seen = {"points": x.numpy().astype(np.float32), "heights": heights, "edges": edges}
        if not self.components:
            return NOTHING | seen
        one = MultivariateNormal.fit(x)
        mixture, steps = GaussianMixture(torch.ones(1, device="cpu"), one.mean[None], one.cov[None]), 0
        if self.components == 2:
            end = last(expectation_maximization(x, _two_groups(), max_iterations=1000, tolerance=1e-12))
            mixture, steps = end.mixture, end.iteration
        mean, std = one.mean[1], one.cov[1, 1].sqrt()
        low, high = mean - 3, mean + 3  # six minutes about the mean: where one normal is highest, few waited
        line = torch.linspace(40, 100, 181, dtype=torch.float64, device="cpu")
        waiting = GaussianMixture(mixture.weights, mixture.means[:, 1:], mixture.covs[:, 1:, 1:])
        return (
            described(mixture)
            | seen
            | {
                "log_likelihood": mixture.log_prob(x).sum().numpy(),
                "shares": mixture.responsibilities(x).numpy().astype(np.float32),
                "steps": np.array(steps),
                "middle": torch.stack([low, high]).numpy(),
                "seen": ((x[:, 1] > low) & (x[:, 1] <= high)).sum().numpy(),
                "expected": (len(x) * normal.interval_probability(low, high, mean, std)).numpy(),
                "line": line.numpy(),
                "curve": waiting.log_prob(line[:, None]).exp().numpy(),
            }
        )


def _two_groups() -> GaussianMixture:
    """Where EM for the geyser begins: the start that the book uses."""
    import torch

    from core.gaussian_mixture import GaussianMixture

    eye = torch.eye(2, dtype=torch.float64, device="cpu").expand(2, 2, 2)
    means = torch.tensor([[0.0, 50.0], [0.0, 100.0]], dtype=torch.float64, device="cpu")
    return GaussianMixture(torch.full((2,), 0.5, device="cpu"), means, eye)


FEW = 12  # eruptions of the small data set on a line


def few_eruptions() -> Tensor:
    """The lengths of the first few eruptions, (FEW, 1), in minutes."""
    from core import data

    return data.old_faithful().eruptions[:FEW, None]


def _narrow_and_wide(x: Tensor, point: int, std: float) -> GaussianMixture:
    """On a line: a component of the given σ on one point, with a tenth of the weight, and the normal fitted to all."""
    import torch

    from core.gaussian_mixture import GaussianMixture
    from core.multivariate_normal import MultivariateNormal

    wide = MultivariateNormal.fit(x)
    covs = torch.stack([torch.full_like(wide.cov, std**2), wide.cov])
    weights = torch.tensor([0.1, 0.9], dtype=torch.float64, device="cpu")
    return GaussianMixture(weights, torch.stack([x[point], wide.mean]), covs)


def _places(mixture: GaussianMixture, low: float, high: float) -> Tensor:
    """Places (M, 1) in order along a line, as dense about each mean as its component is narrow."""
    import torch

    even = torch.linspace(low, high, 301, dtype=torch.float64, device="cpu")
    near = torch.linspace(-4, 4, 41, dtype=torch.float64, device="cpu") * mixture.covs[:, 0].sqrt() + mixture.means
    return torch.cat([even, near.flatten()]).clamp(low, high).sort().values[:, None]


LINE = (0.5, 6.0)  # minutes
EXPONENTS = (-12.0, 0.5)  # log10 of σ


@dataclass(frozen=True)
class ShrinkScene(Scene):
    """One component sits on a data point. The log-likelihood (nats) as its σ = 10^exponent minutes shrinks.

    tenth: what it is for a tenth of this σ. copies: how many data points lie at that very place.
    """

    point: int = 0
    exponent: float = -0.5

    def compute(self) -> dict[str, np.ndarray]:
        import torch

        x = few_eruptions()
        exponents = torch.linspace(*EXPONENTS, 126, dtype=torch.float64, device="cpu")
        curve = [_narrow_and_wide(x, self.point, 10 ** float(e)).log_prob(x).sum() for e in exponents]
        now = _narrow_and_wide(x, self.point, 10**self.exponent)
        places = _places(now, *LINE)
        return {
            "points": x[:, 0].numpy(),
            "places": places[:, 0].numpy(),
            "density": now.log_prob(places).exp().numpy(),
            "exponents": exponents.numpy(),
            "curve": torch.stack(curve).numpy(),
            "log_likelihood": now.log_prob(x).sum().numpy(),
            "peak": now.log_prob(x[self.point]).exp().numpy(),
            "tenth": _narrow_and_wide(x, self.point, 10 ** (self.exponent - 1)).log_prob(x).sum().numpy(),
            "copies": (x == x[self.point]).sum().numpy(),
        }


FRAMES = 40  # of a run of EM: so many at its beginning, in its middle and at its end
MOST_ITERATIONS = 1000


def _frames(count: int) -> list[int]:
    """Which of `count` states are shown, in order: all at the beginning and the end, some of a long middle."""
    first, middle = range(min(count, FRAMES)), np.linspace(0, count - 1, FRAMES).astype(int)
    return sorted({*first, *middle.tolist(), *range(max(count - FRAMES, 0), count)})


@dataclass(frozen=True)
class CollapseScene(Scene):
    """EM from the mixture of `ShrinkScene`, with a floor (minutes²) under every variance or none.

    A frame an iteration, of a long run wider apart in its middle.

    ended: "collapsed", "floored" (the floor holds a component at the end) or "settled"; at: the iteration of the
    collapse, or from which on the floor holds that component without letting go; which: the component.
    """

    point: int = 0
    exponent: float = -0.5
    floor: float = 0.0

    def compute(self) -> dict[str, np.ndarray]:
        import torch

        from core.em import expectation_maximization

        x = few_eruptions()
        start = _narrow_and_wide(x, self.point, 10**self.exponent)
        states = [
            state
            for state in expectation_maximization(
                x, start, max_iterations=MOST_ITERATIONS, tolerance=1e-9, covariance_floor=self.floor
            )
            if state.phase != "E"
        ]
        end = states[-1]
        good = [state for state in states if state.problem != "collapsed"]
        kept = [good[i] for i in _frames(len(good))]
        floored = bool(end.floored) and end.problem != "collapsed"
        ended = "collapsed" if end.problem == "collapsed" else "floored" if floored else "settled"
        which = (end.components if ended == "collapsed" else end.floored or (0,))[0]
        free = [i for i, state in enumerate(good) if which not in state.floored]
        held = good[max(free, default=-1) + 1 :]  # what the floor let go of again does not count
        grid = torch.linspace(*LINE, 301, dtype=torch.float64, device="cpu")
        near = [_places(state.mixture, *LINE)[:, 0] for state in kept]
        places = torch.stack([torch.cat([grid, n]).sort().values for n in near])
        curves = [s.mixture.log_prob(p[:, None]).exp() for s, p in zip(kept, places, strict=True)]
        return {
            "points": x[:, 0].numpy(),
            "iterations": np.array([state.iteration for state in kept]),
            "places": places.numpy(),
            "density": torch.stack(curves).numpy(),
            "stds": torch.stack([state.mixture.covs[:, 0, 0].sqrt() for state in kept]).numpy(),
            "means": torch.stack([state.mixture.means[:, 0] for state in kept]).numpy(),
            "log_likelihoods": np.array([state.log_likelihood for state in kept]) * len(x),
            "ended": np.array(ended),
            "at": np.array(held[0].iteration if ended == "floored" else end.iteration),
            "which": np.array(which),
        }


@dataclass(frozen=True)
class LabelsScene(Scene):
    """The same mixture with its components named in another order: points, responsibilities, and the log-likelihood.

    orders (K!, K) lists every order, log_likelihoods (K!,) what the points (N, 2) say of each.
    """

    order: tuple[int, ...] = (0, 1, 2)

    def compute(self) -> dict[str, np.ndarray]:
        from itertools import permutations

        import torch

        from core.gaussian_mixture import GaussianMixture

        mixture = mixture_of(THREE)
        x = mixture.sample(300, generator=torch.Generator().manual_seed(0))

        def renamed(order: tuple[int, ...]) -> GaussianMixture:
            which = list(order)
            return GaussianMixture(mixture.weights[which], mixture.means[which], mixture.covs[which])

        orders = list(permutations(range(len(THREE))))
        now = renamed(self.order)
        return described(now) | {
            "points": x.numpy().astype(np.float32),
            "shares": now.responsibilities(x).numpy().astype(np.float32),
            "orders": np.array(orders),
            "log_likelihoods": torch.stack([renamed(order).log_prob(x).sum() for order in orders]).numpy(),
        }
