"""Every line of step 10's derivations of redrawing, filling in and codes, at random numbers in float64."""

from __future__ import annotations

import math

import numpy as np
import torch

from core.diffusion.editing import told_apart
from core.diffusion.forward import add_noise
from core.diffusion.latent import standard
from core.diffusion.schedule import NoiseSchedule
from core.operations import multiply_adds
from core.scenes.guidance_latent import operations
from tests.core.derivations import EveryLine, Sides
from ui import text

D = 3
GRID = np.linspace(-16, 16, 20_001)
CELL = GRID[1] - GRID[0]


def log_normal(x: np.ndarray, mean: np.ndarray, variance: float) -> float:
    return float(-0.5 * (((x - mean) ** 2) / variance + math.log(2 * math.pi * variance)).sum())


class Scene:
    """A schedule, two of its levels s < t, two pictures and some noise; codes of five pictures."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.schedule = NoiseSchedule.cosine(50)
        self.s, self.t = sorted(self.rng.choice(np.arange(1, 50), 2, replace=False).tolist())
        self.bar, self.bar_s = (float(self.schedule.alpha_bar[k]) for k in (self.t, self.s))
        self.a, self.b, self.eps, self.z, self.eps_hat, self.x_t = self.rng.normal(size=(6, D))
        self.mask = np.array([1.0, 0.0, 1.0])
        self.means, self.stds = self.rng.normal(size=5), self.rng.uniform(0.3, 1.5, size=5)
        self.code, self.steps = float(self.rng.normal()), int(self.rng.integers(2, 30))

    @property
    def known(self) -> np.ndarray:
        return math.sqrt(self.bar_s) * self.a + math.sqrt(1 - self.bar_s) * self.eps

    @property
    def variance(self) -> float:
        return (1 - self.bar_s) / (1 - self.bar) * (1 - self.bar / self.bar_s)

    def under_q(self, values: np.ndarray) -> float:
        """The mean over x from the five pictures and z from q(z | x), of a function of z on the grid."""
        density = np.exp(-0.5 * ((GRID - self.means[:, None]) / self.stds[:, None]) ** 2)
        density /= density.sum(axis=1, keepdims=True) * CELL
        return float((density.mean(axis=0) * values).sum() * CELL)


def redraw(c: Scene) -> Sides:
    noised = add_noise(c.schedule, torch.tensor(c.a)[None], torch.tensor([c.t]), torch.tensor(c.eps)[None])[0]
    yield "noised", math.sqrt(c.bar) * c.a + math.sqrt(1 - c.bar) * c.eps, noised
    for name in "ab":  # the moments of x_t for a picture, over the noise
        picture = getattr(c, name)
        x = math.sqrt(c.bar) * picture[0] + math.sqrt(1 - c.bar) * GRID
        weight = np.exp(-0.5 * GRID**2) / math.sqrt(2 * math.pi) * CELL
        mean = (weight * x).sum()
        yield "two", mean, math.sqrt(c.bar) * picture[0]
        yield "two", (weight * (x - mean) ** 2).sum(), 1 - c.bar
    to_a, to_b = (((c.x_t - math.sqrt(c.bar) * picture) ** 2).sum() for picture in (c.a, c.b))
    log_a, log_b = (log_normal(c.x_t, math.sqrt(c.bar) * picture, 1 - c.bar) for picture in (c.a, c.b))
    yield "ratio", log_a - log_b, (to_b - to_a) / (2 * (1 - c.bar))
    weight = np.exp(-0.5 * GRID**2) / math.sqrt(2 * math.pi) * CELL
    x = math.sqrt(c.bar) * c.a[:, None] + math.sqrt(1 - c.bar) * GRID  # (D, G): each pixel by itself
    second, first = ((weight * (x - math.sqrt(c.bar) * picture[:, None]) ** 2).sum() for picture in (c.b, c.a))
    apart = ((c.a - c.b) ** 2).sum()
    yield "average", second, c.bar * apart + first
    yield "kl", (second - first) / (2 * (1 - c.bar)), c.bar * apart / (2 * (1 - c.bar))
    told = told_apart(c.schedule, c.t, torch.tensor(c.a)[None], torch.tensor(c.b)[None])[0]
    yield "kl", told, c.bar * apart / (2 * (1 - c.bar))


def fill(c: Scene) -> Sides:
    noised = add_noise(c.schedule, torch.tensor(c.a)[None], torch.tensor([c.s]), torch.tensor(c.eps)[None])[0]
    yield "given", c.known, noised
    # with the true noise for ε̂, the missing part has the noise of level s too
    x0 = (c.x_t - math.sqrt(1 - c.bar) * c.eps_hat) / math.sqrt(c.bar)
    missing = math.sqrt(c.bar_s) * x0 + math.sqrt(1 - c.bar_s - c.variance) * c.eps_hat + math.sqrt(c.variance) * c.z
    yield "unknown", (1 - c.bar_s - c.variance) + c.variance, 1 - c.bar_s
    alpha = c.bar / c.bar_s  # DDPM's variance of a step from t to s: 1/σ² = α/(1−α) + 1/(1−ᾱ_s)
    yield "unknown", c.variance, 1 / (alpha / (1 - alpha) + 1 / (1 - c.bar_s))
    joined = np.where(c.mask == 1, c.known, missing)
    yield "join", c.mask * c.known + (1 - c.mask) * missing, joined
    back = math.sqrt(c.bar / c.bar_s) * c.known + math.sqrt(1 - c.bar / c.bar_s) * c.z
    whole = math.sqrt(c.bar) * c.a  # the mean of x_t given x_0 stays: what is added has mean 0
    noise = math.sqrt(c.bar / c.bar_s) * math.sqrt(1 - c.bar_s) * c.eps + math.sqrt(1 - c.bar / c.bar_s) * c.z
    yield "back", back, whole + noise
    yield "level", c.bar / c.bar_s * (1 - c.bar_s) + 1 - c.bar / c.bar_s, 1 - c.bar


def codes(c: Scene) -> Sides:
    m, s = (float(v) for v in standard(torch.tensor(c.means)[:, None], torch.tensor(c.stds)[:, None]))
    yield "mean", c.under_q(GRID), c.means.mean()
    yield "mean", m, c.means.mean()
    variance = c.under_q((GRID - c.means.mean()) ** 2)
    yield "total", variance, (c.stds**2).mean() + c.means.var()
    yield "total", s**2, variance
    scaled = (GRID - m) / s
    yield "scaled", c.under_q(scaled), 0.0
    yield "scaled", c.under_q(scaled**2), 1.0
    yield "jump", c.bar * c.under_q(scaled**2) + (1 - c.bar), 1.0
    yield "decode", m + s * ((c.code - m) / s), c.code
    u_net, decoder = torch.nn.Linear(7, 11), torch.nn.Linear(4, 9)
    call, end = multiply_adds(u_net, torch.zeros(1, 7)), multiply_adds(decoder, torch.zeros(1, 4))
    yield "cost", operations(call, 0, c.steps, 3.0), 2 * c.steps * 77
    yield "cost", operations(call, end, c.steps, 3.0), 2 * c.steps * 77 + 36


class TestDerivations(EveryLine):
    page, scene = "guidance", Scene
    sides = {"redraw": redraw, "fill": fill, "codes": codes}  # noqa: RUF012
    elsewhere = frozenset(text.formulas("guidance")) - sides.keys()
    seeds, rtol, atol = 3, 1e-8, 1e-8
