"""Every line of every derivation of step 6, at random numbers, and against core/.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import optimize, stats

from core import autograd, optimizers, regression
from core.autograd import EXPRESSIONS, Value, backward, in_order
from core.graph import difference, evaluated
from tests.core.derivations import EveryLine, Sides


class Scene:
    """Random numbers for everything that a formula may name."""

    def __init__(self, seed: int):
        self.rng = rng = np.random.default_rng(seed)
        self.at = {name: float(rng.uniform(0.5, 2.0)) for name in "xywbms"}
        turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        self.eigenvalues = np.sort(rng.uniform(0.5, 9.0, 3))
        self.vectors = turned
        self.hessian = turned @ np.diag(self.eigenvalues) @ turned.T
        self.start = rng.normal(size=3)
        self.alpha = float(rng.uniform(0.3, 0.9))
        self.points = torch.as_tensor(np.stack([rng.uniform(0, 1, 40), rng.normal(3, 1, 40)], axis=1))


def reverse(c: Scene) -> Sides:
    expression = EXPRESSIONS["rosenbrock"]
    end = expression.build(**{name: Value(c.at[name], name) for name in expression.variables})
    order = in_order(end)
    place = {id(value): k for k, value in enumerate(order)}
    steps = list(backward(end))
    yield "node", evaluated(order, {})[-1], 100 * (c.at["y"] - c.at["x"] ** 2) ** 2 + (c.at["x"] - 1) ** 2
    x, square = (next(k for k, v in enumerate(order) if test(v)) for test in
                 (lambda v: v.name == "x", lambda v: v.operation == "^2"))  # fmt: skip
    h = 1e-6  # a node moves by the sum of slope × change of its inputs
    product = next(k for k, v in enumerate(order) if v.operation == "×")
    inputs = [place[id(one)] for one in order[product].inputs]
    both = {j: order[j].number + h for j in inputs}
    moved = evaluated(order, both)[product] - order[product].number
    yield "nudge", moved / h, sum(order[product].slopes)
    users = [(k, n) for k, v in enumerate(order) for n, one in enumerate(v.inputs) if place[id(one)] == x]
    assert len(users) == 2  # both ways count
    ways = [order[k].gradient * order[k].slopes[n] for k, n in users]
    yield "chain", difference(order, x), sum(ways)
    yield "chain", difference(order, square), order[square].gradient
    yield "seed", difference(order, len(order) - 1), 1.0
    for n, step in enumerate(steps):  # complete when its turn comes: it never changes again
        assert all(step.gradients[step.node] == later.gradients[step.node] for later in steps[n:])
        yield "order", step.gradients[step.node], order[step.node].gradient
    products = sum(len(step.added) for step in steps)
    yield "cost", products, sum(len(value.inputs) for value in order)
    edges = sum(len(value.inputs) for value in order)
    variables = len(expression.variables)
    yield "cost", 2 * variables * edges, sum(edges for _ in range(variables) for side in (1, -1))
    # layers: x -> tanh(A x) -> tanh(B h) -> c · h
    a, b, last = c.rng.normal(size=(4, 3)), c.rng.normal(size=(5, 4)), c.rng.normal(size=(1, 5))
    first = np.tanh(a @ c.start)
    second = np.tanh(b @ first)
    j1, j2, j3 = (1 - first**2)[:, None] * a, (1 - second**2)[:, None] * b, last
    at = torch.tensor(c.start, requires_grad=True)
    value = (torch.tensor(last) @ (torch.tensor(b) @ (torch.tensor(a) @ at).tanh()).tanh()).sum()
    value.backward()
    yield "matrices", (j3 @ j2) @ j1, at.grad.numpy()[None]
    yield "matrices", (j3 @ j2) @ j1, j3 @ (j2 @ j1)


def quadratic(c: Scene) -> Sides:
    h, low, high = c.hessian, c.eigenvalues[0], c.eigenvalues[-1]
    matrix = torch.as_tensor(h)

    def height(x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x @ matrix @ x

    at = torch.tensor(c.start, requires_grad=True)
    (slope,) = torch.autograd.grad(height(at), at)
    yield "bowl", slope.numpy(), h @ c.start
    rate = 1.1 / high
    walk = list(optimizers.descend(height, torch.tensor(c.start), optimizers.SGD(rate), 12))
    yield "step", walk[1].point.numpy(), (np.eye(3) - rate * h) @ c.start
    parts = c.vectors.T @ c.start
    yield "directions", c.vectors.T @ walk[12].point.numpy(), (1 - rate * c.eigenvalues) ** 12 * parts
    limit = optimizers.critical_rate(matrix)
    yield "limit", limit, 2 / high
    yield "limit", np.abs(1 - 0.999 * limit * c.eigenvalues).max() < 1, True
    yield "limit", np.abs(1 - 1.001 * limit * c.eigenvalues).max() > 1, True
    best = 2 / (low + high)
    yield "best", abs(1 - best * low), abs(1 - best * high)
    found = optimize.minimize_scalar(lambda r: np.abs(1 - r * c.eigenvalues).max(), (0, limit), options={"xtol": 1e-10})
    yield "best", best, found.x
    kappa = high / low
    yield "condition", np.abs(1 - best * c.eigenvalues).max(), (kappa - 1) / (kappa + 1)
    k = math.log(1e6) / math.log((kappa + 1) / (kappa - 1))
    yield "steps", ((kappa - 1) / (kappa + 1)) ** k, 1e-6
    large = 1e5
    yield "steps", 1 / math.log((large + 1) / (large - 1)), large / 2


def momentum(c: Scene) -> Sides:
    lam, alpha = float(c.eigenvalues[1]), c.alpha
    rate = 0.8 / lam

    def height(x: torch.Tensor) -> torch.Tensor:
        return 0.5 * lam * x.square().sum()

    walk = [
        float(s.point[0])
        for s in optimizers.descend(
            height, torch.tensor([1.7], dtype=torch.float64), optimizers.Momentum(rate, alpha), 40
        )
    ]
    v = 0.0
    x = walk[0]
    for k in range(40):
        v = alpha * v + lam * x
        x = x - rate * v
        yield "rule", x, walk[k + 1]
    for k in range(1, 40):
        yield "together", walk[k + 1], (1 + alpha - rate * lam) * walk[k] - alpha * walk[k - 1]
    roots = np.roots([1, -(1 + alpha - rate * lam), alpha])
    shares = np.linalg.solve([[1, 1], roots], walk[:2])
    yield "roots", [(shares * roots**k).sum().real for k in range(41)], walk
    assert (1 + alpha - rate * lam) ** 2 < 4 * alpha
    yield "swings", np.abs(roots), math.sqrt(alpha) * np.ones(2)
    edge = 2 * (1 + alpha) / lam
    for share, stable in ((0.999, True), (1.001, False)):
        sizes = np.abs(np.roots([1, -(1 + alpha - share * edge * lam), alpha]))
        yield "limit", bool((sizes < 1).all()), stable
    low, high = (float(c.eigenvalues[k]) for k in (0, -1))
    kappa = high / low
    best_rate = (2 / (math.sqrt(low) + math.sqrt(high))) ** 2
    best_alpha = ((math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)) ** 2

    def worst(rate: float, alpha: float) -> float:
        return max(np.abs(np.roots([1, -(1 + alpha - rate * value), alpha])).max() for value in (low, high))

    for value in (low, high):  # both at the edge of complex roots
        yield "best", (1 + best_alpha - best_rate * value) ** 2, 4 * best_alpha
    for rate_share, alpha_share in ((1.02, 1), (0.98, 1), (1, 1.02), (1, 0.98)):
        yield "best", worst(best_rate * rate_share, best_alpha * alpha_share) > math.sqrt(best_alpha), True
    large = 1e10
    ratio = (math.sqrt(large) - 1) / (math.sqrt(large) + 1)
    yield "steps", -1 / math.log(ratio), math.sqrt(large) / 2


def squared_error(c: Scene) -> Sides:
    x, y = c.points.numpy().T
    n, slope, intercept, std = len(x), 0.7, 2.1, c.at["s"]
    errors = y - slope * x - intercept
    loss = float(regression.loss(c.points, slope, intercept))
    drawn = regression.made(200_000, slope, intercept, "normal", generator=torch.Generator("cpu").manual_seed(0))
    noise = (drawn[:, 1] - slope * drawn[:, 0] - intercept).numpy()
    yield "model", stats.kstest(noise, stats.norm(0, 12**-0.5).cdf).pvalue > 1e-3, True
    log_density = -0.5 * np.log(2 * np.pi * std**2) - errors**2 / (2 * std**2)
    yield "density", stats.norm.logpdf(y, slope * x + intercept, std), log_density
    total = -n / 2 * math.log(2 * math.pi * std**2) - n / (2 * std**2) * loss
    yield "sum", log_density.sum(), total
    yield "sum", float(regression.log_likelihood(c.points, slope, intercept, std)), total
    best = regression.least_squares(c.points)
    likeliest = optimize.minimize(lambda v: -float(regression.log_likelihood(c.points, v[0], v[1], std)), (0.0, 0.0))
    yield "same", np.round(likeliest.x, 4), np.round(best, 4)

    def by_variance(variance: float) -> float:
        return float(regression.log_likelihood(c.points, slope, intercept, math.sqrt(variance)))

    h = 1e-6
    yield (
        "sigma",
        (by_variance(std**2 + h) - by_variance(std**2 - h)) / (2 * h),
        -n / (2 * std**2) + n * loss / (2 * std**4),
    )
    yield "sigma", -n / (2 * loss) + n * loss / (2 * loss**2), 0.0
    yield "gradient", regression.gradient(c.points, slope, intercept), (-2 * (errors * x).mean(), -2 * errors.mean())
    h = 1e-5
    numeric = [
        float(regression.loss(c.points, slope + h * a, intercept + h * b))
        - float(regression.loss(c.points, slope - h * a, intercept - h * b))
        for a, b in ((1, 0), (0, 1))
    ]
    yield "gradient", regression.gradient(c.points, slope, intercept), np.array(numeric) / (2 * h)
    centred = x - x.mean()
    steep = (centred * (y - y.mean())).sum() / (centred**2).sum()
    yield "closed", best, (steep, y.mean() - steep * x.mean())
    yield "closed", regression.gradient(c.points, *best), (0.0, 0.0)
    shifted = c.points + torch.tensor([0.0, 0.5])
    yield "offset", regression.least_squares(shifted), (best[0], best[1] + 0.5)


class TestDerivations(EveryLine):
    page, scene = "neural_network", Scene
    seeds, rtol, atol = 3, 2e-6, 1e-7
    sides = {
        "reverse": reverse,
        "quadratic": quadratic,
        "momentum": momentum,
        "squared_error": squared_error,
    }


def test_the_sum_is_complete_when_a_node_passes_it_on():
    """What `order` says: everything that uses a node comes before it on the way back."""
    x = Value(1.3, "x")
    end = ((x * x).exp() + x).tanh() * x
    order = autograd.in_order(end)
    done: set[int] = set()
    for step in backward(end):
        users = {k for k, value in enumerate(order) if any(one is order[step.node] for one in value.inputs)}
        assert users <= done
        done.add(step.node)
