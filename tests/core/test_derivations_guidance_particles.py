"""Every line of two derivations of step 10, at random numbers: the Gaussian case, and conditions composed."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from core.diffusion.exact import MixtureDenoiser
from core.diffusion.guidance import classifier_free, composed
from core.diffusion.guided_gaussian import nested_gaussians, ode_variance, sde_variance, walked
from core.diffusion.samplers import ddim
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture
from tests.core.derivations import EveryLine, Sides
from ui import text


class Scene:
    """A γ, a level ᾱ and a place x of the Gaussian case; and an x that three labels say independent things about."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.gamma = float(self.rng.uniform(-0.7, 6))
        self.a = float(self.rng.uniform(0.1, 0.9))
        self.x = float(self.rng.normal())
        self.k = self.gamma + (1 - self.gamma) / (1 + self.a)
        self.point = self.rng.normal(size=2)
        self.means = self.rng.normal(size=(3, 2))  # of p(y_i = 1 | x), a bell each
        self.weights = self.rng.normal(size=3)


def slope(function, at: float, h: float = 1e-5) -> float:
    return (function(at + h) - function(at - h)) / (2 * h)


def variance_at(gamma: float, a: float) -> float:
    """V(ᾱ) of the reverse SDE from N(0, 1) at ᾱ = 0: its equation, solved by an integral over the way."""

    def weight(b: float) -> float:
        return b * (1 + b) ** (2 * gamma - 2)

    return quad(lambda b: (1 + b) ** (2 * gamma - 2), 0, a, epsabs=1e-13)[0] / weight(a)


def gaussian(c: Scene) -> Sides:
    a, x, gamma, k = c.a, c.x, c.gamma, c.k
    # the scores, from the densities of √ᾱ x_0 + √(1−ᾱ) ε
    plain, asked = norm(0, math.sqrt(2 * a + 1 - a)), norm(0, math.sqrt(a + 1 - a))
    yield "scores", [-x / (1 + a), -x], [slope(plain.logpdf, x), slope(asked.logpdf, x)]
    guided = -x / (1 + a) + gamma * (-x + x / (1 + a))
    yield "guided", -k * x, guided
    y_given = [norm.pdf(v) / norm(0, math.sqrt(2)).pdf(v) for v in (x, 0.0)]  # p(y | x)/p(y)
    of_all = [norm(0, math.sqrt(2)).pdf(v) for v in (x, 0.0)]
    ratio = of_all[0] * y_given[0] ** gamma / (of_all[1] * y_given[1] ** gamma)
    powers = [p ** (1 - gamma) * norm.pdf(v) ** gamma for p, v in zip(of_all, (x, 0.0), strict=True)]
    yield "tilted", ratio, powers[0] / powers[1]
    yield "tilted", ratio, math.exp(-(gamma + 1) * x * x / 4)
    yield "tilted", ratio, norm(0, math.sqrt(2 / (gamma + 1))).pdf(x) / norm(0, math.sqrt(2 / (gamma + 1))).pdf(0)
    yield "ode", (x + guided) / (2 * a), (1 - gamma) / (2 * (1 + a)) * x
    yield "ode", _ddim_slope(c), (1 - gamma) / (2 * (1 + a)) * x
    way = quad(lambda b: (1 - gamma) / (2 * (1 + b)), 0, 1)[0]  # d log x
    yield "ode_end", math.exp(way), 2 ** ((1 - gamma) / 2)
    yield "ode_end", math.exp(way) ** 2, float(ode_variance(gamma))
    v = c.rng.uniform(0.2, 2)
    right = 1 / a - (1 + (2 * gamma - 1) * a) / (a * (1 + a)) * v
    yield "sde", ((1 - 2 * k) * v + 1) / a, right
    yield "sde", _ddpm_slope(c, v), right
    change = slope(lambda b: variance_at(gamma, b), a)
    now = variance_at(gamma, a)
    yield "sde", change, 1 / a - (1 + (2 * gamma - 1) * a) / (a * (1 + a)) * now
    yield (
        "factor",
        slope(lambda b: b * (1 + b) ** (2 * gamma - 2) * variance_at(gamma, b), a),
        (1 + a) ** (2 * gamma - 2),
    )
    ends = (2 ** (2 * gamma - 1) - 1) / ((2 * gamma - 1) * 2 ** (2 * gamma - 2))
    yield "sde_end", variance_at(gamma, 1.0), ends
    yield "sde_end", ends, (2 - 2 ** (2 - 2 * gamma)) / (2 * gamma - 1)
    yield "sde_end", ends, float(sde_variance(gamma))
    schedule = NoiseSchedule.cosine(12)
    *_, end = ddim(
        classifier_free(nested_gaussians(schedule), gamma),
        schedule,
        torch.tensor([[1.0], [x]], dtype=torch.float64),
        steps=12,
        label=torch.zeros(2, dtype=torch.int64),
    )
    yield "steps", end.x[1], x * end.x[0]  # each step multiplies
    yield "steps", float(walked(schedule, gamma, noisy=False)), end.x[0].item() ** 2


def _ddim_slope(c: Scene, h: float = 1e-7) -> float:
    """How fast x changes with ᾱ in a very small DDIM step from ᾱ − h to ᾱ + h."""
    low, high = c.a - h, c.a + h
    rate = c.gamma + (1 - c.gamma) / (1 + low)
    noise = math.sqrt(1 - low) * rate * c.x
    x0 = (c.x - math.sqrt(1 - low) * noise) / math.sqrt(low)
    return (math.sqrt(high) * x0 + math.sqrt(1 - high) * noise - c.x) / (2 * h)


def _ddpm_slope(c: Scene, variance: float, h: float = 1e-7) -> float:
    """How fast the variance changes with ᾱ in a very small DDPM step."""
    low, high = c.a - h, c.a + h
    beta = 1 - low / high
    rate = c.gamma + (1 - c.gamma) / (1 + low)
    x0 = (1 - (1 - low) * rate) / math.sqrt(low)
    m = (math.sqrt(high) * beta * x0 + math.sqrt(1 - beta) * (1 - high)) / (1 - low)
    n = (1 - high) / (1 - low) * beta
    return (m * m * variance + n - variance) / (2 * h)


def of_composed(c: Scene) -> Sides:
    """x is a normal distribution; label i is borne with a probability that is a bell around its own place."""
    x, places = c.point, c.rng.normal(size=(3, 2))

    def says(i: int, at: np.ndarray) -> float:  # p(y_i | x)
        return 0.8 * math.exp(-0.5 * float(((at - c.means[i]) ** 2).sum()))

    def prior(at: np.ndarray) -> float:
        return float(multivariate_normal(np.zeros(2), np.eye(2)).pdf(at))

    def given(i: int) -> multivariate_normal:  # p(x | y_i): the product of two bells
        return multivariate_normal(c.means[i] / 2, np.eye(2) / 2)

    def given_all() -> multivariate_normal:  # p(x | y_1, y_2, y_3), from the joint of all four
        return multivariate_normal(c.means.sum(axis=0) / 4, np.eye(2) / 4)

    everything = [prior(at) * np.prod([says(i, at) for i in range(3)]) for at in (x, *places)]
    densities = given_all().pdf(np.stack([x, *places]))
    yield "product", densities[0] / densities[1:], everything[0] / np.array(everything[1:])
    turned = [prior(at) * np.prod([given(i).pdf(at) / prior(at) for i in range(3)]) for at in (x, *places)]
    yield "bayes", turned[0] / np.array(turned[1:]), everything[0] / np.array(everything[1:])

    def score(mean: np.ndarray, variance: float) -> np.ndarray:
        return -(x - mean) / variance

    plain = score(np.zeros(2), 1.0)
    each = [score(c.means[i] / 2, 0.5) - plain for i in range(3)]
    yield "score", score(c.means.sum(axis=0) / 4, 0.25), plain + sum(each)
    # the last line is a definition: what `composed` computes, at a noisy level of a mixture
    mixture = GaussianMixture(torch.full((3,), 1 / 3), torch.tensor(c.means), torch.eye(2).expand(3, 2, 2) / 4)
    schedule = NoiseSchedule.cosine(50)
    denoiser, t = MixtureDenoiser(mixture, schedule), torch.tensor([20])
    at = torch.tensor(x)[None]
    none = denoiser(at, t)
    pulls = sum(w * (denoiser(at, t, torch.tensor([i])) - none) for i, w in enumerate(c.weights.tolist()))
    yield "weights", composed(denoiser, range(3), c.weights.tolist())(at, t), none + pulls


class TestDerivations(EveryLine):
    page, scene, sides = "guidance", Scene, {"gaussian": gaussian, "composed": of_composed}
    seeds, rtol, atol = 4, 5e-5, 2e-6
    elsewhere = set(text.formulas("guidance")) - set(sides)  # in the other files of this page
