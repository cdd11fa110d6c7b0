"""Every line of every derivation of step 1, by numerical integrals and at random numbers, and against core/.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import integrate, special, stats

from core import limit, normal, sources
from tests.core.derivations import EveryLine, Sides
from ui import text


class Scene:
    """Random numbers for everything that a formula may name."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self.mean, self.std = rng.uniform(-3, 3), rng.uniform(0.2, 2.5)
        self.x, self.z, self.t = rng.uniform(-3, 3), rng.uniform(-2, 2), rng.uniform(0.3, 2.0)
        self.a, self.b = np.sort(rng.uniform(-4, 4, 2))


def whole(f: Callable[[float], float], low: float = -math.inf, high: float = math.inf) -> float:
    """∫ f, to about 1e-11."""
    return integrate.quad(f, low, high, epsabs=1e-13, epsrel=1e-12, limit=200)[0]


def bell(z: float) -> float:
    return math.exp(-z * z / 2)


def phi(z: float) -> float:
    return bell(z) / math.sqrt(2 * math.pi)


def constant(c: Scene) -> Sides:
    def shape(x: float) -> float:
        return math.exp(-((x - c.mean) ** 2) / (2 * c.std**2))

    one = whole(bell)
    reach = (c.mean - 40 * c.std, c.mean + 40 * c.std)
    area = whole(shape, *reach)
    yield "wish", float(normal.prob(c.mean, c.mean, c.std)) * area, 1.0
    yield "substitute", area, c.std * one
    plane = integrate.dblquad(lambda w, z: bell(z) * bell(w), -9, 9, -9, 9, epsabs=1e-11)[0]
    yield "square", one**2, plane
    turned = integrate.dblquad(lambda r, angle: bell(r) * r, 0, 2 * math.pi, 0, 20, epsabs=1e-11)[0]
    yield "polar", one**2, turned
    radius, angle = abs(c.z) + 0.1, c.t
    jacobian = np.array([[math.cos(angle), -radius * math.sin(angle)], [math.sin(angle), radius * math.cos(angle)]])
    yield "polar", np.linalg.det(jacobian), radius
    yield "polar", (radius * math.cos(angle)) ** 2 + (radius * math.sin(angle)) ** 2, radius**2
    yield "ring", whole(lambda r: bell(r) * r, 0, math.inf), 1.0
    yield "ring", whole(lambda r: bell(r) * r, 0, radius), -bell(radius) + bell(0)
    yield "turn", one**2, whole(lambda angle: 1.0, 0, 2 * math.pi)
    yield "turn", one, math.sqrt(2 * math.pi)
    yield "solve", 1 / (c.std * one), 1 / math.sqrt(2 * math.pi * c.std**2)
    density = 1 / math.sqrt(2 * math.pi * c.std**2) * shape(c.x)
    yield "density", density, float(normal.prob(c.x, c.mean, c.std))


def mean_and_variance(c: Scene) -> Sides:
    def p(x: float) -> float:
        return float(stats.norm.pdf(x, c.mean, c.std))

    low, high = c.mean - 40 * c.std, c.mean + 40 * c.std
    mean = whole(lambda x: x * p(x), low, high)
    yield "mean", mean, whole(lambda z: (c.mean + c.std * z) * phi(z))
    yield "split", mean, c.mean * whole(phi) + c.std * whole(lambda z: z * phi(z))
    yield "odd", whole(lambda z: z * phi(z)), 0.0
    yield "odd", whole(lambda z: z * phi(z), -40, c.z), -phi(c.z)
    yield "is_mu", mean, c.mean
    variance = whole(lambda x: (x - c.mean) ** 2 * p(x), low, high)
    yield "variance", variance, c.std**2 * whole(lambda z: z * z * phi(z))
    yield "parts", whole(lambda z: z * z * phi(z), -40, c.z), -c.z * phi(c.z) + whole(phi, -40, c.z)
    yield "parts", whole(lambda z: z * z * phi(z)), 1.0
    yield "is_sigma", variance, c.std**2
    yield "is_sigma", math.sqrt(variance), c.std


def standardisation(c: Scene) -> Sides:
    z = (c.x - c.mean) / c.std
    yield "z", c.mean + c.std * z, c.x
    draws = torch.tensor([c.a, c.b, c.x, c.z], dtype=torch.float64)
    scaled = (draws - c.mean) / c.std
    yield "moments", float(scaled.mean()), (float(draws.mean()) - c.mean) / c.std
    yield "moments", float(scaled.var()), float(draws.var()) / c.std**2
    yield "density", float(normal.prob(c.x, c.mean, c.std)) * c.std, phi(z)
    yield "cdf", whole(phi, -40, c.z), 0.5 * special.erfc(-c.z / math.sqrt(2))
    yield "cdf", float(normal.cdf(c.z, 0.0, 1.0)), 0.5 * special.erfc(-c.z / math.sqrt(2))
    area = whole(lambda x: float(stats.norm.pdf(x, c.mean, c.std)), c.a, c.b)
    yield "interval", area, special.ndtr((c.b - c.mean) / c.std) - special.ndtr((c.a - c.mean) / c.std)
    yield "interval", area, float(normal.interval_probability(c.a, c.b, c.mean, c.std))
    for k, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        within = float(normal.interval_probability(c.mean - k * c.std, c.mean + k * c.std, c.mean, c.std))
        yield "sigmas", within, 2 * special.ndtr(k) - 1
        yield "sigmas", round(within, 4), share
        assert str(share) in text.Words("en").formula("normal.standardisation.sigmas")


def exponential_function(u: float) -> complex:
    """ψ(u) of z = x − 1 for a standard exponential x, by integral."""
    parts = [whole(lambda x, f=f: f(u * (x - 1)) * math.exp(-x), 0, 60) for f in (math.cos, math.sin)]
    return complex(*parts)


def limit_theorem(c: Scene) -> Sides:
    n = 6
    source = sources.Exponential()
    draws = source.sample((5, n), generator=torch.Generator().manual_seed(int(100 * c.t)))  # (R, N)
    scaled = (draws - source.mean) / source.std
    s = scaled.sum(dim=1) / math.sqrt(n)
    law = limit.predicted(source, n, "sum")
    yield "standard", s.numpy(), law.standardised(draws.sum(dim=1)).numpy()
    yield "standard", whole(lambda x: (x - 1) ** 2 * math.exp(-x), 0, 80), 1.0
    psi = exponential_function(c.t)
    yield "function", psi, cmath.exp(-1j * c.t) / (1 - 1j * c.t)  # in closed form
    # N independent exponentials add up to a gamma: its characteristic function, by integral
    gamma = stats.gamma(n)
    whole_sum = [
        whole(lambda x, f=f: f(c.t * (x - n) / math.sqrt(n)) * gamma.pdf(x), 0, 120) for f in (math.cos, math.sin)
    ]
    yield "product", complex(*whole_sum), exponential_function(c.t / math.sqrt(n)) ** n
    yield "expand", [whole(lambda x, k=k: (x - 1) ** k * math.exp(-x), 0, 80) for k in (1, 2)], [0.0, 1.0]
    for u in (0.1, 0.01, 0.001):  # what is left over, divided by u², goes to 0 with u
        rest = cmath.exp(-1j * u) / (1 - 1j * u) - (1 - u * u / 2)
        yield "expand", abs(rest) / u**2 < u, True
    large = 10**8
    one = cmath.exp(-1j * c.t / large**0.5) / (1 - 1j * c.t / large**0.5)
    yield "insert", abs(cmath.exp(large * cmath.log(one)) - bell(c.t)) < 1e-3, True
    yield "insert", (1 - c.t**2 / (2 * large)) ** large, bell(c.t)
    yield "target", whole(lambda z: math.cos(c.t * z) * phi(z), -40, 40), bell(c.t)
    yield "target", whole(lambda z: math.sin(c.t * z) * phi(z), -40, 40), 0.0
    gaps = [abs(stats.gamma(k).cdf(k + c.z * math.sqrt(k)) - special.ndtr(c.z)) for k in (10, 1000, 100_000)]
    yield "converge", gaps == sorted(gaps, reverse=True) and gaps[-1] < 1e-3, True
    mean = limit.predicted(source, n, "mean")
    yield "undo", (law.mean, law.std**2), (n * source.mean, n * source.std**2)
    yield "undo", (mean.mean, mean.std**2), (source.mean, source.std**2 / n)
    # cumulants of a standard exponential: κ_k = (k − 1)!; so κ₃ = 2 and κ₄ = 6
    third, fourth = (whole(lambda x, k=k: (x - 1) ** k * math.exp(-x), 0, 200) for k in (3, 4))
    k3, k4 = third, fourth - 3
    u = 0.02
    series = -(u**2) / 2 + k3 * (1j * u) ** 3 / 6 + k4 * (1j * u) ** 4 / 24
    exact = -1j * u - cmath.log(1 - 1j * u)
    yield "cumulants", (k3, k4), (2.0, 6.0)
    yield "cumulants", abs(exact - series) < u**5, True
    for many in (10**4, 10**6):
        v = c.t / math.sqrt(many)
        exact = many * (-1j * v - cmath.log(1 - 1j * v))
        series = -(c.t**2) / 2 + k3 / math.sqrt(many) * (1j * c.t) ** 3 / 6 + k4 / many * (1j * c.t) ** 4 / 24
        yield "rate", abs(exact - series) < 10 * many**-1.5 + 1e-9, True
    far = [max(distance_of_gamma(n), 0.0) for n in (100, 400)]  # lopsided: halved by four times as many
    yield "rate", abs(far[0] / far[1] - 2) < 0.1, True
    even = [distance_of_uniforms(n) for n in (3, 6)]  # symmetric: halved by twice as many
    yield "rate", abs(even[0] / even[1] - 2) < 0.25, True


def distance_of_gamma(n: int) -> float:
    s = np.linspace(-5, 5, 4001)
    return float(np.abs(stats.gamma(n).cdf(n + s * math.sqrt(n)) - special.ndtr(s)).max())


def distance_of_uniforms(n: int) -> float:
    """Of the standardised sum of n uniforms, by the cdf of Irwin and Hall."""
    s = np.linspace(-4, 4, 2001)
    x = n / 2 + s * math.sqrt(n / 12)
    cdf = sum((-1) ** k * special.comb(n, k) * np.clip(x - k, 0, None) ** n for k in range(n + 1)) / math.factorial(n)
    return float(np.abs(cdf - special.ndtr(s)).max())


def cauchy(c: Scene) -> Sides:
    density = sources.Cauchy().density
    far = 2 * integrate.quad(lambda x: 1 / (math.pi * (1 + x * x)), 0, math.inf, weight="cos", wvar=c.t)[0]
    yield "function", far, math.exp(-abs(c.t))
    yield "mean", math.exp(-abs(c.t) / 7) ** 7, math.exp(-abs(c.t))
    reach = 10 * abs(c.x) + 1
    area = 2 * whole(lambda x: x * float(density(torch.tensor(x, dtype=torch.float64))), 0, reach)
    yield "absolute", area, math.log(1 + reach**2) / math.pi
    beyond = 1 - whole(lambda x: 1 / (math.pi * (1 + x * x)), -reach, reach)
    yield "largest", beyond, 1 - 2 / math.pi * math.atan(reach)
    yield "largest", abs((1 - 2 / math.pi * math.atan(1e4)) / (2 / (math.pi * 1e4)) - 1) < 1e-6, True


def uniform(c: Scene) -> Sides:
    mean, square = whole(lambda x: x, 0, 1), whole(lambda x: x * x, 0, 1)
    yield "mean", mean, 0.5
    yield "square", square, 1 / 3
    yield "shift", whole(lambda x: (x - mean) ** 2, 0, 1), square - mean**2
    yield "twelfth", 1 / 3 - 1 / 4, 1 / 12
    yield "twelfth", sources.Uniform().std ** 2, 1 / 12
    yield "scaled", stats.uniform(c.a, c.b - c.a).var(), (c.b - c.a) ** 2 / 12
    yield "scaled", limit.predicted(sources.Uniform(), 12, "sum").std, 1.0


class TestDerivations(EveryLine):
    page, scene = "normal", Scene
    seeds, rtol, atol = 3, 2e-7, 1e-8
    elsewhere = ("with_numbers",)
    sides = {
        "constant": constant,
        "mean_and_variance": mean_and_variance,
        "standardisation": standardisation,
        "limit": limit_theorem,
        "cauchy": cauchy,
        "uniform": uniform,
    }
