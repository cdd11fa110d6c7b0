"""Every line of every derivation of step 2, at random numbers in float64, and against the code that it explains.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides. Where a
line speaks of an average over all data, it is taken exactly: over the nodes of a Gauss–Hermite rule in each value.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core import estimators, likelihood
from tests.core.derivations import EveryLine, Sides

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)  # exact for polynomials of degree 9 in each value
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Scene:
    """Random data x (n,), a normal distribution to judge them by, and the best one."""

    def __init__(self, seed: int):
        draw = torch.Generator("cpu").manual_seed(seed)
        self.n = 2 + seed % 6
        self.x = 3 * torch.randn(self.n, generator=draw, dtype=torch.float64)
        self.mean, self.std, self.rate = (
            float(v) for v in torch.rand(3, generator=draw, dtype=torch.float64) * 2 + 0.4
        )
        self.hat_mean, self.hat_std = (float(v) for v in likelihood.fit_normal(self.x))

    def log_l(self, mean: Tensor | float, std: Tensor | float) -> Tensor:
        """−n/2 log 2π − n log σ − Σ (x − μ)² / 2σ², written out."""
        mean, std = (torch.as_tensor(v, dtype=torch.float64) for v in (mean, std))
        squares = (self.x - mean).square().sum()
        return -self.n / 2 * math.log(2 * math.pi) - self.n * std.log() - squares / (2 * std.square())

    def slopes(self, mean: float, std: float) -> tuple[float, float]:
        """The derivatives of log L by autograd."""
        m, s = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (mean, std))
        self.log_l(m, s).backward()
        return float(m.grad), float(s.grad)


def densities(c: Scene) -> Tensor:
    return torch.exp(-((c.x - c.mean) ** 2) / (2 * c.std**2)) / (math.sqrt(2 * math.pi) * c.std)


def log(c: Scene) -> Sides:
    each = densities(c)
    whole = torch.distributions.MultivariateNormal(
        torch.full((c.n,), c.mean, dtype=torch.float64), c.std**2 * torch.eye(c.n, dtype=torch.float64)
    )
    yield "independent", whole.log_prob(c.x).exp(), each.prod()
    yield "normal", likelihood.likelihood(c.x, c.mean, c.std), each.prod()
    order = torch.argsort(each)
    yield "order", torch.argsort(each.log()).double(), order.double()
    yield "sum", each.log().sum(), each.prod().log()
    yield "each", -0.5 * math.log(2 * math.pi) - math.log(c.std) - (c.x - c.mean) ** 2 / (2 * c.std**2), each.log()
    yield "collect", c.log_l(c.mean, c.std), each.log().sum()
    yield "collect", c.log_l(c.mean, c.std), likelihood.log_likelihood(c.x, c.mean, c.std)


def closed_form(c: Scene) -> Sides:
    by_mean, by_std = c.slopes(c.mean, c.std)
    coded = likelihood.gradient(c.x, c.mean, c.std)
    away = c.x - c.mean
    yield "by_mean", away.sum() / c.std**2, by_mean
    yield "by_mean", coded[0], by_mean
    yield "zero_mean", (c.x - c.hat_mean).sum(), 0.0
    yield "zero_mean", c.n * c.hat_mean, c.x.sum()
    yield "mean", c.hat_mean, c.x.sum() / c.n
    yield "by_std", -c.n / c.std + away.square().sum() / c.std**3, by_std
    yield "by_std", coded[1], by_std
    squares = (c.x - c.hat_mean).square().sum()
    yield "zero_std", c.n / c.hat_std, squares / c.hat_std**3
    yield "variance", c.hat_std**2, squares / c.n
    top = torch.tensor([c.hat_mean, c.hat_std], dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda p: c.log_l(p[0], p[1]), top)
    curved = torch.diag(torch.tensor([-c.n / c.hat_std**2, -2 * c.n / c.hat_std**2], dtype=torch.float64))
    yield "curved", hessian / c.n * c.hat_std**2, curved / c.n * c.hat_std**2
    yield "top", -c.n / 2 * (math.log(2 * math.pi * c.hat_std**2) + 1), c.log_l(c.hat_mean, c.hat_std)


def ascent(c: Scene) -> Sides:
    v = c.hat_std**2 + (c.hat_mean - c.mean) ** 2
    f = -0.5 * math.log(2 * math.pi) - math.log(c.std) - v / (2 * c.std**2)
    yield "per_value", f, c.log_l(c.mean, c.std) / c.n
    yield "per_value", v, (c.x - c.mean).square().mean()
    slopes = (c.hat_mean - c.mean) / c.std**2, -1 / c.std + v / c.std**3
    yield "slopes", slopes[0], c.slopes(c.mean, c.std)[0] / c.n
    yield "slopes", slopes[1], c.slopes(c.mean, c.std)[1] / c.n

    def step(mean: float, std: float, rate: float, coordinates: str) -> likelihood.Ascent:
        *_, last = likelihood.ascend(c.x, (mean, std), rate=rate, steps=1, coordinates=coordinates, tolerance=0)
        return last

    rate = 0.01 * c.rate * c.std**2
    after = step(c.mean, c.std, rate, "std")
    yield "step", after.mean, c.mean + rate * slopes[0]
    yield "step", after.std, c.std + rate * slopes[1]
    log_std = torch.tensor(math.log(c.std), dtype=torch.float64, requires_grad=True)
    (c.log_l(c.mean, log_std.exp()) / c.n).backward()
    yield "chain", c.std * slopes[1], log_std.grad
    yield "chain", -1 + v / c.std**2, log_std.grad
    after = step(c.mean, c.std, rate, "log_std")
    yield "log_step", math.log(after.std), math.log(c.std) + rate * float(log_std.grad)
    yield "log_step", after.std, c.std * math.exp(rate * float(log_std.grad))
    tiny, rate, unit = 1e-7, 0.3 * c.rate * c.hat_std**2, c.hat_std  # so near that what is not straight vanishes
    after = step(c.hat_mean + tiny * unit, c.hat_std * (1 + tiny), rate, "std")
    factor = (after.mean - c.hat_mean) / (tiny * unit) - (1 - rate / unit**2)
    yield "near", abs(factor) < 1e-5, True
    factor = (after.std - c.hat_std) / (tiny * unit) - (1 - 2 * rate / unit**2)
    yield "near", abs(factor) < 1e-5, True
    after = step(c.hat_mean, c.hat_std * math.exp(tiny), 0.3 * c.rate, "log_std")
    factor = (math.log(after.std) - math.log(c.hat_std)) / tiny - (1 - 2 * 0.3 * c.rate)
    yield "near_log", abs(factor) < 1e-5, True
    for coordinates, limit, factors in (
        ("std", c.hat_std**2, lambda r: (1 - r / unit**2, 1 - 2 * r / unit**2)),
        ("log_std", min(1.0, 2 * c.hat_std**2), lambda r: (1 - r / unit**2, 1 - 2 * r)),
    ):
        yield "settle", likelihood.largest_rate(c.x, coordinates), limit
        yield "settle", min(factors(limit)), -1.0
        yield "settle", all(abs(k) < 1 for k in factors(0.99 * limit)), True


def expectation(c: Scene, of: Callable[[Tensor], Tensor]) -> Tensor:
    """The average of a polynomial of the data over all data of n = 3 values from N(mean, std²), exactly."""
    z = torch.tensor(list(itertools.product(NODES, repeat=3)), dtype=torch.float64)  # (125, 3)
    w = torch.tensor([math.prod(p) for p in itertools.product(WEIGHTS, repeat=3)], dtype=torch.float64)
    return (w * of(c.mean + c.std * z)).sum()


def bias(c: Scene) -> Sides:
    n = 3
    yield "mean", expectation(c, lambda x: x.mean(-1)), c.mean
    yield "error", expectation(c, lambda x: (x.mean(-1) - c.mean) ** 2), c.std**2 / n
    yield "error", c.std**2 / n, estimators.Theory(n, c.std).standard_error ** 2
    squares = (c.x - c.hat_mean).square().sum()
    yield "split", (c.x - c.mean).square().sum(), squares + c.n * (c.hat_mean - c.mean) ** 2
    about_hat = expectation(c, lambda x: (x - x.mean(-1, keepdim=True)).square().sum(-1))
    yield "expect", n * c.std**2, about_hat + n * c.std**2 / n
    hat = expectation(c, lambda x: likelihood.fit_normal(x)[1].square())
    yield "variance", hat, about_hat / n
    yield "variance", hat, (n - 1) / n * c.std**2
    yield "bias", hat - c.std**2, -(c.std**2) / n
    yield "bias", estimators.Theory(n, c.std).bias, -(c.std**2) / n
    yield "unbiased", about_hat / (n - 1), c.std**2


def nearer(c: Scene) -> Sides:
    n, square = 3, c.std**2

    def q(x: Tensor) -> Tensor:
        return (x - x.mean(-1, keepdim=True)).square().sum(-1)

    def error(divisor: float) -> Tensor:
        return expectation(c, lambda x: (q(x) / divisor - square) ** 2)

    t_mean = expectation(c, lambda x: q(x) / c.rate)
    t_variance = expectation(c, lambda x: (q(x) / c.rate - t_mean) ** 2)
    yield "error", error(c.rate), t_variance + (t_mean - square) ** 2
    mean_q = expectation(c, q)
    yield "chi", mean_q, (n - 1) * square
    yield "chi", expectation(c, lambda x: (q(x) - mean_q) ** 2), 2 * (n - 1) * square**2
    for divisor in (c.rate, n, n - 1, n + 1):
        written = square**2 * (2 * (n - 1) / divisor**2 + ((n - 1) / divisor - 1) ** 2)
        yield "any", error(divisor), written
        yield "any", estimators.Theory(n, c.std).squared_error(divisor), written
    yield "by_n", error(n), (2 * n - 1) / n**2 * square**2
    yield "by_n1", error(n - 1), 2 / (n - 1) * square**2
    for many in range(2, 200):
        theory = estimators.Theory(many, c.std)
        yield "compare", (2 * many - 1) * (many - 1), 2 * many**2 - 3 * many + 1
        yield "compare", theory.squared_error(many) < theory.squared_error(many - 1), True
    five = estimators.Theory(5, c.std)
    yield "five", five.squared_error(5), 0.36 * square**2
    yield "five", five.squared_error(4), 0.5 * square**2
    yield "least", error(n + 1), 2 / (n + 1) * square**2
    slope = torch.tensor(float(n + 1), dtype=torch.float64, requires_grad=True)
    (2 * (n - 1) / slope**2 + ((n - 1) / slope - 1) ** 2).backward()
    yield "least", slope.grad, 0.0
    yield "least", error(n + 1) < min(error(n + 1.1), error(n + 0.9)), True


class TestDerivations(EveryLine):
    page, scene = "likelihood", Scene
    seeds, rtol, atol = 12, 1e-8, 1e-9
    sides = {
        "log": log,
        "closed_form": closed_form,
        "ascent": ascent,
        "bias": bias,
        "nearer": nearer,
    }


def test_there_is_no_other_place_without_slope():
    """The slope by μ is zero only at μ̂; along μ = μ̂ the slope by σ changes its sign once."""
    c = Scene(4)
    stds = torch.linspace(0.05, 40, 4000, dtype=torch.float64)
    _, by_std = likelihood.gradient(c.x.expand(4000, -1), torch.full((4000,), c.hat_mean, dtype=torch.float64), stds)
    assert int((by_std[:-1] * by_std[1:] < 0).sum()) == 1
    for std in (0.1, 1.0, 10.0):
        below, above = (float(likelihood.gradient(c.x, c.hat_mean + d, std)[0]) for d in (-0.01, 0.01))
        assert below > 0 > above


def test_a_thousand_tenths():
    assert 0.1**1000 == 0.0 and f"{1000 * math.log(0.1):,.1f}" == "-2,302.6"
