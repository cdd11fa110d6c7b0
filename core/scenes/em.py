"""What the page `em` draws: half steps of EM, EM in one parameter, and EM from many starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.scene import Scene, shown
from core.scene_run import SceneRun, Working
from core.scenes.em_more import HowMany

if TYPE_CHECKING:
    from torch import Tensor

PHASES = ("start", "E", "M")
BUDGET = 1_600_000  # bytes of responsibilities in one message
STARTS = {"book": "book", "random": "random", "kmeans": "kmeans++"}


def table(data: str, own: tuple[tuple[float, float], ...] = ()) -> Tensor:
    """The points (N, 2) of a data set of the page; `own` are those of the set of that name."""
    import torch

    from core import data as tables

    if data == "own":
        return torch.tensor(own, dtype=torch.float64).reshape(-1, 2)
    if data == "faithful":
        return tables.old_faithful().values
    if data == "bodies":
        return tables.body_measurements("bdims").columns("height", "weight")
    return tables.shape(data, 300, torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class HalfSteps(Scene):
    """The whole history of one run of EM: every start, E and M.

    start: "book", "random", "kmeans" or "own", whose means are `means`. own: the points of the data set "own".

    Arrays: x (N, 2); a frame for each state, F of them: iteration, phase (an index of PHASES), weights (F, K), means
    (F, K, 2), covs (F, K, 2, 2), shares (F, N, K) (even before the first E), log_likelihood, lower_bound (NaN at the
    start), floored (whether the floor holds a component up), in nats per point; likelihood_before and bound_before,
    those of the state just before it, shown or not (NaN where there is none); states: how many there were;
    problem and troubled: what EM says about its last state; book: what the book would print at the start.
    Where EM cannot begin there is only x and `refused`, the reason.
    """

    data: str = "faithful"
    own: tuple[tuple[float, float], ...] = ()
    start: str = "book"
    components: int = 2
    means: tuple[tuple[float, float], ...] = ()
    seed: int = 0
    iterations: int = 100
    tolerance: float = 1e-4
    floor: float = 1e-6

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import em, em_starts

        x = table(self.data, self.own)
        try:
            if self.start == "own":
                begin = em_starts.by_hand(x, torch.tensor(self.means, dtype=torch.float64).reshape(-1, 2))
            else:
                generator = torch.Generator().manual_seed(self.seed)
                begin = em_starts.start(x, self.components, STARTS[self.start], generator=generator)
            run = em.expectation_maximization(
                x, begin, max_iterations=self.iterations, tolerance=self.tolerance, covariance_floor=self.floor
            )
            every = list(run)
        except em.EMError as error:
            return {"x": x.numpy().astype(np.float32), "refused": np.array(error.reason)}
        except ValueError:  # a mixture refuses means that are not finite
            return {"x": x.numpy().astype(np.float32), "refused": np.array("not_finite")}
        count = len(every[0].mixture.weights)
        chosen = _chosen(len(every), BUDGET // (4 * count * len(x)))
        states = [every[i] for i in chosen]
        even = torch.full((len(x), count), 1 / count)
        shares = torch.stack([even if s.responsibilities is None else s.responsibilities for s in states])
        likelihoods = np.array([s.log_likelihood for s in every])
        bounds = np.array([np.nan if s.lower_bound is None else s.lower_bound for s in every])
        return {
            "x": x.numpy().astype(np.float32),
            "iteration": np.array([s.iteration for s in states]),
            "phase": np.array([PHASES.index(s.phase) for s in states]),
            "weights": torch.stack([s.mixture.weights for s in states]).numpy(),
            "means": torch.stack([s.mixture.means for s in states]).numpy(),
            "covs": torch.stack([s.mixture.covs for s in states]).numpy(),
            "shares": shares.numpy().astype(np.float32),
            "log_likelihood": likelihoods[chosen],
            "lower_bound": bounds[chosen],
            "likelihood_before": np.append(np.nan, likelihoods[:-1])[chosen],
            "bound_before": np.append(np.nan, bounds[:-1])[chosen],
            "floored": np.array([bool(s.floored) for s in states]),
            "states": np.array(len(every)),
            "problem": np.array(every[-1].problem or ""),
            "troubled": np.array(every[-1].components, dtype=np.int64),
            "book": np.array(em_starts.book_log_likelihood(x, every[0].mixture)),
            "hidden": np.array(int((every[0].mixture.log_prob(x).exp() < em_starts.BOOK_FLOOR).sum())),
        }


def _chosen(count: int, room: int) -> list[int]:
    """Which of `count` states are shown where there is room for fewer: the start, and pairs of E and M, evenly."""
    if count <= room:
        return list(range(count))
    pairs = (count - 1) // 2
    kept = np.unique(np.linspace(0, pairs - 1, max(1, (room - 1) // 2)).round().astype(int))
    return [0, *(i for pair in kept for i in (2 * pair + 1, 2 * pair + 2))]


@dataclass(frozen=True)
class Generated(Scene):
    """As many new points as there are data, drawn from the mixture of one frame of a history.

    Arrays: new (N, 2); edges (B + 1,) of classes of the second coordinate, heights and new_heights (B,): how many real
    and new points fall into each.
    """

    history: HalfSteps = HalfSteps()
    frame: int = 10
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.gaussian_mixture import GaussianMixture

        arrays = shown(self.history)
        parameters = (torch.tensor(arrays[name][self.frame]) for name in ("weights", "means", "covs"))
        new = GaussianMixture(*parameters).sample(len(arrays["x"]), generator=torch.Generator().manual_seed(self.seed))
        edges = np.histogram_bin_edges(np.concatenate([arrays["x"][:, 1], new.numpy()[:, 1]]), 24)
        return {
            "new": new.numpy().astype(np.float32),
            "edges": edges.astype(np.float32),
            "heights": np.histogram(arrays["x"][:, 1], edges)[0],
            "new_heights": np.histogram(new.numpy()[:, 1], edges)[0],
        }


@dataclass(frozen=True)
class Bound(Scene):
    """EM for one parameter of a mixture of two normals over the waits of Old Faithful; the others stay at their best.

    parameter: "mean", "std" or "weight" of the first component; start: where it begins.

    Arrays: x (N,) the waits; grid (G,) of the parameter and curve (G,), the log-likelihood over it; a frame for each
    state: iteration, phase, value, log_likelihood, lower_bound, bounds (F, G) (NaN at the start), in nats per point;
    wait (W,) and density (F, W), parts (2, F, W): the mixture and its weighted components; best: the parameter's best.
    """

    parameter: str = "mean"
    start: float = 76.0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import em, em_bound, em_starts

        x = table("faithful")[:, 1]
        begin = em_starts.by_hand(x[:, None], torch.tensor([[50.0], [90.0]], dtype=torch.float64))
        best = em.last(em.expectation_maximization(x[:, None], begin, max_iterations=1000, tolerance=1e-12)).mixture
        family = em_bound.OneParameter(best.weights, best.means[:, 0], best.covs[:, 0, 0].sqrt(), self.parameter)
        states = list(em_bound.climb(x, family, self.start))
        grid = torch.linspace(*RANGES[self.parameter], 201, dtype=torch.float64)
        nothing = torch.full_like(grid, np.nan)
        curves = [s.responsibilities for s in states]
        bounds = [nothing if q is None else em_bound.lower_bound(x, family, q, grid) for q in curves]
        wait = torch.linspace(38, 104, 133, dtype=torch.float64)
        values = torch.tensor([s.value for s in states], dtype=torch.float64)
        parts = family.joint_log_prob(wait, values).exp()  # (F, W, 2)
        at_best = {"mean": family.means, "std": family.stds, "weight": family.weights}[self.parameter][0]
        return {
            "x": x.numpy().astype(np.float32),
            "grid": grid.numpy().astype(np.float32),
            "curve": em_bound.log_likelihood(x, family, grid).numpy(),
            "iteration": np.array([s.iteration for s in states]),
            "phase": np.array([PHASES.index(s.phase) for s in states]),
            "value": values.numpy(),
            "log_likelihood": np.array([s.log_likelihood for s in states]),
            "lower_bound": np.array([np.nan if s.lower_bound is None else s.lower_bound for s in states]),
            "bounds": torch.stack(bounds).numpy().astype(np.float32),
            "wait": wait.numpy().astype(np.float32),
            "density": parts.sum(dim=2).numpy().astype(np.float32),
            "parts": parts.permute(2, 0, 1).numpy().astype(np.float32),
            "best": np.array(float(at_best)),
        }


RANGES = {"mean": (30.0, 110.0), "std": (0.5, 40.0), "weight": (0.005, 0.995)}  # of the parameter that moves


TO_THE_END = {"tolerance": 1e-6, "max_iterations": 250}  # looser, runs that stop on a slope would look like more ends


@dataclass(frozen=True)
class ManyStarts(SceneRun):
    """EM from many starts of one kind. Arrays: x (N, 2); for each of R runs: log_likelihood at its end (nats per
    point), iterations, collapsed, best (ends as high as the best sound one, within 1e-3), start (R, K, 2) and end
    (R, K, 2); paths (R, T, K, 2), the means after each M; a run that has ended stays where it is.
    """

    data: str = "faithful"
    components: int = 3
    kind: str = "random"
    count: int = 40
    seed: int = 0

    def steps(self) -> Iterator[Working]:
        import torch

        from core import em_starts

        x, generator, fits = table(self.data), torch.Generator().manual_seed(self.seed), []
        for fit in em_starts.many_starts(
            x, self.components, STARTS[self.kind], count=self.count, generator=generator, **TO_THE_END
        ):
            fits.append(fit)
            yield Working(len(fits), self.count + 1)
        yield Working(self.count + 1, self.count + 1, {"x": x.numpy().astype(np.float32)} | runs(fits))


@dataclass(frozen=True)
class OwnStart(Scene):
    """EM from means that somebody has put somewhere. Arrays as `ManyStarts` with one run."""

    data: str = "faithful"
    means: tuple[tuple[float, float], ...] = ()

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import em, em_starts

        x = table(self.data)
        try:
            begin = em_starts.by_hand(x, torch.tensor(self.means, dtype=torch.float64).reshape(-1, 2))
            return {"x": x.numpy().astype(np.float32)} | runs([em_starts.fit(x, begin, **TO_THE_END)])
        except em.EMError as error:
            return {"x": x.numpy().astype(np.float32), "refused": np.array(error.reason)}
        except ValueError:  # no means, or means that are not finite
            return {"x": x.numpy().astype(np.float32), "refused": np.array("settings")}


@dataclass(frozen=True)
class ClassStarts(Scene):
    """EM from the means that each of a class has put somewhere: starts (R, K, 2). Arrays as `ManyStarts`, and

    optima (O,) and found (O,): the different ends among the sound runs, best first, and how many runs found each.
    Without starts there is only x.
    """

    data: str = "faithful"
    starts: tuple[tuple[tuple[float, float], ...], ...] = ()

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import em_starts

        x = table(self.data)
        if not self.starts:
            return {"x": x.numpy().astype(np.float32)}
        begun = (em_starts.by_hand(x, torch.tensor(means, dtype=torch.float64)) for means in self.starts)
        a = runs([em_starts.fit(x, begin, **TO_THE_END) for begin in begun])
        ends = em_starts.optima(a["log_likelihood"][~a["collapsed"]].tolist())
        return {"x": x.numpy().astype(np.float32), **a} | {
            "optima": np.array([value for value, _ in ends]),
            "found": np.array([count for _, count in ends], dtype=np.int64),
        }


STEPS = 60  # frames of the paths: the first ones one by one, then fewer


def runs(fits: list) -> Mapping[str, np.ndarray]:
    """The arrays of ManyStarts for these fits."""
    from core import em_starts

    top = em_starts.best(fits)
    longest = max(len(fit.path) for fit in fits)
    near = np.arange(min(longest, STEPS // 2))
    far = np.geomspace(STEPS // 2, longest - 1, STEPS // 2).round() if longest > STEPS // 2 else near[:0]
    steps = np.unique(np.concatenate([near, far])).astype(int)
    paths = np.stack([fit.path.numpy()[np.minimum(steps, len(fit.path) - 1)] for fit in fits])  # (R, T, K, 2)
    return {
        "log_likelihood": np.array([fit.log_likelihood for fit in fits]),
        "iterations": np.array([fit.iterations for fit in fits]),
        "collapsed": np.array([bool(fit.collapsed) or fit.problem == "collapsed" for fit in fits]),
        "twins": np.array([fit.problem == "twins" for fit in fits]),
        "best": np.array([em_starts.times_found([fit, top]) == 2 if top is not None else False for fit in fits]),
        "steps": steps,
        "paths": paths.astype(np.float32),
    }


FIRST: tuple[Scene, ...] = (HalfSteps(), Generated(), Bound(), ManyStarts(), HowMany())
