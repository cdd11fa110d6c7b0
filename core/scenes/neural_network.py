"""What the page `neural_network` draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.scene import Scene

VARIABLES = {"x": 1.5, "y": 2.0, "w": 0.8, "b": -0.4, "m": 0.0, "s": 2.0}  # of all expressions, with first values
USED = {  # by each expression, in the order in which they are asked for
    "error": ("x", "w", "b", "y"),
    "neuron": ("x", "w", "b"),
    "product": ("x", "y"),
    "parabola": ("x",),
    "rosenbrock": ("x", "y"),
    "log_normal": ("x", "m", "s"),
}
RULES = ("sgd", "momentum", "adam")
SURFACES = {  # the window (x low, x high, y low, y high) and a start from which the rules differ
    "rosenbrock": ((-2.0, 2.0, -1.0, 3.0), (-1.5, 2.0)),
    "ravine": ((-4.0, 4.0, -2.0, 2.0), (-3.5, 1.2)),
    "bowl": ((-4.0, 4.0, -3.0, 3.0), (-3.0, 2.0)),
    "saddle": ((-3.0, 3.0, -3.0, 3.0), (-2.5, 0.02)),
}
LEVELS = 12  # contours of a surface
CURVE_POINTS = (
    (-2.6, -0.79), (-2.37, -0.56), (-2.15, -0.04), (-1.92, 0.17), (-1.7, -0.44), (-1.47, -0.98), (-1.24, -1.35),
    (-1.02, -1.08), (-0.79, -1.22), (-0.57, -0.72), (-0.34, -0.42), (-0.11, -0.37), (0.11, 0.39), (0.34, 0.54),
    (0.57, 0.77), (0.79, 0.93), (1.02, 1.27), (1.24, 1.06), (1.47, 0.72), (1.7, 0.68), (1.92, -0.08), (2.15, -0.23),
    (2.37, -0.81), (2.6, -0.74),
)  # fmt: skip
LINE = {"slope": (-4.0, 8.0), "intercept": (0.0, 9.0)}  # the map of a line's loss


@dataclass(frozen=True)
class AutogradScene(Scene):
    """An expression as a graph, every number on it forward, and every gradient as it comes backward.

    Arrays, with N nodes in the order of their making: `name` (of a variable), `operation`, `number` (N,), `inputs`
    and `slopes` (N, 2), −1 and NaN where there is no input; `at` (N, 2) column and row; `difference` (N,) each gradient
    by a finite difference; `passed` (S,) the node of each step backward and `gradients` (S, N) after it.
    `problem` instead, where the expression has no value: "log" (of a number that is not above zero), "zero"
    (division by it) or "overflow".
    """

    expression: str = "error"
    values: tuple[float, ...] = tuple(VARIABLES[name] for name in USED["error"])

    def compute(self) -> Mapping[str, np.ndarray]:
        from core.autograd import EXPRESSIONS, Value, backward, in_order
        from core.graph import difference, layout

        given = dict(zip(USED[self.expression], self.values, strict=True))
        try:
            end = EXPRESSIONS[self.expression].build(**{name: Value(v, name) for name, v in given.items()})
            order = in_order(end)
            differences = [difference(order, k) for k in range(len(order))]
        except ZeroDivisionError:
            return {"problem": np.array("zero")}
        except OverflowError:
            return {"problem": np.array("overflow")}
        except ValueError:
            return {"problem": np.array("log")}
        place = {id(value): k for k, value in enumerate(order)}
        inputs, slopes = np.full((len(order), 2), -1), np.full((len(order), 2), np.nan)
        for k, value in enumerate(order):
            inputs[k, : len(value.inputs)] = [place[id(one)] for one in value.inputs]
            slopes[k, : len(value.inputs)] = value.slopes
        steps = list(backward(end))
        return {
            "name": np.array([value.name for value in order]),
            "operation": np.array([value.operation for value in order]),
            "number": np.array([value.number for value in order]),
            "inputs": inputs,
            "slopes": slopes,
            "at": np.array(layout(end)),
            "difference": np.array(differences),
            "passed": np.array([step.node for step in steps]),
            "gradients": np.array([step.gradients for step in steps]),
        }


@dataclass(frozen=True)
class DescentScene(Scene):
    """A surface, and the three rules that walk down on it from one start.

    Arrays: `map` (H, W) float32, log(1 + height above the lowest in the window); `levels` (L,) of its contours;
    `x`, `y`, `height` (3, S + 1), NaN after a walk has run away; `diverged` (3,) the step at which it did, else −1;
    `left` (3,) the first step outside the window, else −1; `minimum` (M, 2); `curvature` (2,) of the nearest minimum;
    `limit` 2 / λ_max there.
    """

    surface: str = "rosenbrock"
    x: float = -1.5
    y: float = 2.0
    rates: tuple[float, float, float] = (0.001, 0.001, 0.1)
    steps: int = 200

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import optimizers

        surface = optimizers.SURFACES[self.surface]
        low_x, high_x, low_y, high_y = SURFACES[self.surface][0]
        options = {"dtype": torch.float64, "device": "cpu"}
        ys, xs = torch.meshgrid(
            torch.linspace(low_y, high_y, 91, **options), torch.linspace(low_x, high_x, 121, **options), indexing="ij"
        )
        heights = surface.height(torch.stack([xs, ys], dim=-1))
        flat = (heights - heights.min()).log1p()
        start = torch.tensor([self.x, self.y], **options)
        rules = (
            optimizers.SGD(self.rates[0]),
            optimizers.Momentum(self.rates[1]),
            optimizers.Adam(self.rates[2]),
        )
        at, height = np.full((3, self.steps + 1, 2), np.nan), np.full((3, self.steps + 1), np.nan)
        diverged, left = np.full(3, -1), np.full(3, -1)
        for k, rule in enumerate(rules):
            for state in optimizers.descend(surface.height, start, rule, self.steps):
                if state.diverged:
                    diverged[k] = state.step
                    break
                at[k, state.step], height[k, state.step] = state.point.numpy(), state.height
            inside = (at[k, :, 0] >= low_x) & (at[k, :, 0] <= high_x) & (at[k, :, 1] >= low_y) & (at[k, :, 1] <= high_y)
            outside = np.flatnonzero(~inside & np.isfinite(height[k]))
            left[k] = outside[0] if len(outside) else -1
        lowest = torch.tensor(surface.minimum, **options)
        curvature = torch.autograd.functional.hessian(surface.height, lowest)
        minima = [surface.minimum] if self.surface != "saddle" else [(0.0, 2.0), (0.0, -2.0)]
        return {
            "map": flat.float().numpy(),
            "levels": np.linspace(float(flat.min()), float(flat.max()), LEVELS + 2)[1:-1],
            "floor": heights.min().numpy(),
            "x": at[..., 0],
            "y": at[..., 1],
            "height": height,
            "diverged": diverged,
            "left": left,
            "minimum": np.array(minima),
            "curvature": torch.linalg.eigvalsh(curvature).numpy(),
            "limit": np.array(optimizers.critical_rate(curvature)),
        }


@dataclass(frozen=True)
class CurveScene(Scene):
    """The network of `neural_network.curve` before it has learnt anything, or through a whole training.

    Arrays, with F looks at the network: `step` (F,), `grid` (G,), `curve` (F, G), `shares` (F, W, G), `bias` (F,),
    `loss` (F,); `losses` (≤ 400,) of updates `at` (≤ 400,); float32.
    """

    points: tuple[tuple[float, float], ...] = CURVE_POINTS
    width: int = 12
    depth: int = 1
    activation: str = "tanh"
    rate: float = 0.01
    steps: int = 4000
    seed: int = 0
    trained: bool = False

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import curve

        network = curve.CurveConfig(self.width, self.depth, self.activation)
        run = curve.CurveRun(self.points, network, self.rate, self.steps, self.seed)
        if self.trained:
            *_, last = run.start()
            return fits_as_arrays(last.fits, last.training.losses.numpy())
        points = torch.tensor(self.points, dtype=torch.float32, device="cpu").reshape(-1, 2)
        return fits_as_arrays((curve.look(curve.untrained(run), points, 0),), np.zeros(0, np.float32))


def fits_as_arrays(fits: tuple, losses: np.ndarray) -> dict[str, np.ndarray]:
    """Looks at a network, `core.curve.Fit`s, and the loss of every update, as the arrays of a `CurveScene`."""
    from core.curve import REACH

    keep = np.unique(np.linspace(0, max(len(losses) - 1, 0), min(400, len(losses))).round().astype(int))
    return {
        "step": np.array([fit.step for fit in fits]),
        "grid": np.linspace(-REACH, REACH, len(fits[0].curve), dtype=np.float32),
        "curve": np.stack([fit.curve.numpy() for fit in fits]),
        "shares": np.stack([fit.shares.numpy() for fit in fits]),
        "bias": np.array([fit.bias for fit in fits], np.float32),
        "loss": np.array([fit.loss for fit in fits], np.float32),
        "at": keep,
        "losses": losses[keep],
    }


@dataclass(frozen=True)
class LineScene(Scene):
    """Points around a line, and gradient descent on W and b.

    Arrays: `points` (n, 2); `slope`, `intercept`, `loss` (S + 1,), only finite ones; `batch` (S + 1, B) rows of the
    points that each update looked at, −1 at the start; `diverged` the step at which it ran away, else −1;
    `best` (W, b), `best_loss`; `map` (H, W) float32 log₁₀ of the loss over LINE and `levels` (L,); `limit` 2 / λ_max,
    `condition` λ_max / λ_min; `std` (S + 1,) √loss, the most likely σ of normal errors; `log_likelihood` (S + 1,) with
    σ at its best for the best line; `likeliest` (W, b) the highest point of the log-likelihood on a grid.
    """

    n: int = 100
    noise: str = "uniform"
    batch: int = 0  # 0: all
    rate: float = 0.3
    slope: float = -2.0
    intercept: float = 1.0
    steps: int = 100
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import regression

        generator = torch.Generator("cpu").manual_seed(self.seed)
        points = regression.made(self.n, 2.0, 5.0, self.noise, generator=generator)
        states = list(
            regression.descend_line(
                points,
                (self.slope, self.intercept),
                rate=self.rate,
                steps=self.steps,
                batch=self.batch or None,
                generator=generator,
            )
        )
        gone = states[-1].step if states[-1].diverged else -1
        states = [s for s in states if not s.diverged]
        size = min(self.batch or self.n, self.n)
        batch = np.full((len(states), size), -1)
        for k, state in enumerate(states[1:], 1):
            batch[k] = state.batch.numpy()
        best = regression.least_squares(points)
        options = {"dtype": torch.float64, "device": "cpu"}
        slopes, intercepts = (
            torch.linspace(*LINE["slope"], 121, **options),
            torch.linspace(*LINE["intercept"], 91, **options),
        )
        up, across = torch.meshgrid(intercepts, slopes, indexing="ij")
        heights = regression.loss(points, across, up)
        least = float(regression.loss(points, *best))
        std = max(least, 1e-12) ** 0.5
        likelihood = regression.log_likelihood(points, across, up, std)
        row, column = divmod(int(likelihood.argmax()), likelihood.shape[1])
        eigenvalues = torch.linalg.eigvalsh(regression.hessian(points))
        losses = np.array([s.loss for s in states])
        logs = heights.clamp(min=1e-6).log10()
        return {
            "points": points.numpy(),
            "slope": np.array([s.slope for s in states]),
            "intercept": np.array([s.intercept for s in states]),
            "loss": losses,
            "batch": batch,
            "diverged": np.array(gone),
            "best": np.array(best),
            "best_loss": np.array(least),
            "map": logs.float().numpy(),
            "levels": np.linspace(float(logs.min()), float(logs.max()), 12)[1:-1],
            "limit": np.array(2 / float(eigenvalues[-1])),
            "condition": np.array(float(eigenvalues[-1] / eigenvalues[0].clamp(min=1e-12))),
            "std": np.sqrt(losses),
            "log_likelihood": np.array(
                [float(regression.log_likelihood(points, s.slope, s.intercept, std)) for s in states]
            ),
            "likeliest": np.array([float(slopes[column]), float(intercepts[row])]),
            "lowest": np.array(
                [float(v) for v in (across.flatten()[heights.argmin()], up.flatten()[heights.argmin()])]
            ),
        }


FIRST: tuple[Scene, ...] = (AutogradScene(), DescentScene(), CurveScene(trained=True))
