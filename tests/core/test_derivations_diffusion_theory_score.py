"""The derivations of the score and of the way back, line by line, on random mixtures, in float64.

Lines that hold in the limit of a small step are looked at with one so small that what is left is below the tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import norm

from core.diffusion.exact import MixtureDenoiser
from core.diffusion.reverse import kl_to_best_normal, reverse_posterior
from core.diffusion.samplers import ddim, ddpm
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture
from tests.core.derivations import EveryLine, Sides
from ui import text

GRID = np.linspace(-14, 14, 28_001)
CELL = GRID[1] - GRID[0]
SCHEDULE = NoiseSchedule.linear(200, beta_start=1e-3, beta_end=0.1)


def slope_at(function: Callable[[float], float | np.ndarray], at: float, h: float = 1e-3) -> float | np.ndarray:
    """A derivative by five points."""
    return (-function(at + 2 * h) + 8 * function(at + h) - 8 * function(at - h) + function(at - 2 * h)) / (12 * h)


class Scene:
    """A mixture of three in one dimension, one level, one x_t; and the same in continuous time, with β(t) = b + c t."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.weights = self.rng.dirichlet((3, 3, 3))
        self.means = self.rng.normal(size=3) * 1.5
        self.std = self.rng.uniform(0.3, 0.9, size=3)
        self.t = int(self.rng.integers(40, 160))
        self.left = float(SCHEDULE.alpha_bar[self.t])  # ᾱ_t
        self.x = float(self.rng.normal())
        self.b, self.c = self.rng.uniform(0.1, 0.5), self.rng.uniform(1.0, 3.0)
        self.time = float(self.rng.uniform(0.3, 0.7))
        self.mixture = GaussianMixture(
            torch.tensor(self.weights),
            torch.tensor(self.means)[:, None],
            torch.tensor(self.std**2)[:, None, None],
        )
        self.denoiser = MixtureDenoiser(self.mixture, SCHEDULE)

    # ---- at a level ᾱ ------------------------------------------------------------------------------------------------

    def parts(self, x: np.ndarray | float, left: float) -> np.ndarray:
        """φ_k N(x; √ᾱ μ_k, ᾱ σ_k² + 1 − ᾱ), by SciPy: (K, …)."""
        x = np.asarray(x, dtype=float)
        scale = np.sqrt(left * self.std**2 + 1 - left)
        axes = (slice(None), *[None] * x.ndim)
        return self.weights[axes] * norm.pdf(x, math.sqrt(left) * self.means[axes], scale[axes])

    def p(self, x: np.ndarray | float, left: float) -> np.ndarray:
        return self.parts(x, left).sum(axis=0)

    def score(self, x: float, left: float) -> float:
        return float(slope_at(lambda v: float(np.log(self.p(v, left))), x))

    def data(self) -> np.ndarray:
        """p(x_0) on the grid."""
        return self.p(GRID, 1.0)

    def kernel(self, x: float, left: float) -> np.ndarray:
        """q(x_t | x_0) for every x_0 of the grid."""
        return norm.pdf(x, math.sqrt(left) * GRID, math.sqrt(1 - left))

    def given(self, x: float, left: float) -> np.ndarray:
        """p(x_0 | x_t) on the grid."""
        joint = self.kernel(x, left) * self.data()
        return joint / (joint.sum() * CELL)

    def noise(self, x: float, left: float) -> np.ndarray:
        """The ε that leads from each x_0 of the grid to x_t."""
        return (x - math.sqrt(left) * GRID) / math.sqrt(1 - left)

    def mean_noise(self, x: float, left: float) -> float:
        return float((self.given(x, left) * self.noise(x, left)).sum() * CELL)

    def exact_noise(self, x: float) -> float:
        return float(self.denoiser(torch.tensor([[x]], dtype=torch.float64), torch.tensor([self.t])))

    # ---- in continuous time ------------------------------------------------------------------------------------------

    def beta(self, time: float) -> float:
        return self.b + self.c * time

    def kept(self, time: float) -> float:
        """ᾱ(t)"""
        return math.exp(-(self.b * time + self.c * time**2 / 2))

    def p_at(self, x: np.ndarray | float, time: float) -> np.ndarray:
        return self.p(x, self.kept(time))

    def score_at(self, x: float, time: float) -> float:
        return self.score(x, self.kept(time))


def score_and_noise(c: Scene) -> Sides:
    x, left = c.x, c.left
    x0 = float(c.rng.normal())
    sigma = math.sqrt(1 - left)
    log_q = lambda v: float(norm.logpdf(v, math.sqrt(left) * x0, sigma))  # noqa: E731
    log_normal = -((x - math.sqrt(left) * x0) ** 2) / (2 * (1 - left)) - math.log(sigma) - 0.5 * math.log(2 * math.pi)
    yield "kernel", log_q(x), log_normal
    conditional = -(x - math.sqrt(left) * x0) / (1 - left)
    yield "conditional", slope_at(log_q, x), conditional
    yield "noise", conditional, -((x - math.sqrt(left) * x0) / sigma) / sigma
    yield "marginal", float(c.p(x, left)), float((c.kernel(x, left) * c.data()).sum() * CELL)
    slopes = slope_at(lambda v: c.kernel(v, left), x)
    inside = float((slopes * c.data()).sum() * CELL) / float(c.p(x, left))
    yield "inside", c.score(x, left), inside
    each = -c.noise(x, left) / sigma
    yield "posterior", inside, float((each * c.given(x, left)).sum() * CELL)
    yield "mean", c.score(x, left), -c.mean_noise(x, left) / sigma
    yield "mean", c.exact_noise(x), c.mean_noise(x, left)
    at = torch.tensor([[x]], dtype=torch.float64)
    yield "mean", float(c.denoiser.score(at, torch.tensor([c.t]))), c.score(x, left)
    clean = float((GRID * c.given(x, left)).sum() * CELL)
    yield "tweedie", clean, (x + (1 - left) * c.score(x, left)) / math.sqrt(left)


def best_prediction(c: Scene) -> Sides:
    """Means over (x_0, ε): x_0 and x_t on grids, so that nothing is left to chance."""
    left, places = c.left, np.linspace(-9, 9, 1201)
    cell, sigma = places[1] - places[0], math.sqrt(1 - left)
    x0 = np.linspace(-9, 9, 1201)
    joint = c.p(x0, 1.0) * norm.pdf(places[:, None], math.sqrt(left) * x0, sigma) * cell * cell  # (x_t, x_0)
    noise = (places[:, None] - math.sqrt(left) * x0) / sigma
    p_t = joint.sum(axis=1)
    m = (joint * noise).sum(axis=1) / np.maximum(p_t, 1e-300)
    t = torch.full((len(places),), c.t)
    seen = p_t > 1e-12
    yield "name", m[seen], c.denoiser(torch.tensor(places)[:, None], t)[:, 0].numpy()[seen]
    guess = np.tanh(places) + 0.3 * places - 0.2  # any prediction

    def mean(values: np.ndarray) -> float:
        return float((joint * values).sum())

    whole = mean((noise - guess[:, None]) ** 2)
    own, cross = mean((noise - m[:, None]) ** 2), mean((noise - m[:, None]) * (m - guess)[:, None])
    between = mean(np.broadcast_to(((m - guess) ** 2)[:, None], noise.shape))
    yield "split", whole, own + 2 * cross + between
    yield "cross", (joint * (noise - m[:, None])).sum(axis=1)[seen] * (m - guess)[seen], np.zeros(seen.sum())
    yield "apart", whole, own + between
    yield "best", float(whole > own and own > 0), 1.0
    score = -m / sigma
    yield "best", m[600], -sigma * c.score(float(places[600]), left)
    yield "best", score[600], c.score(float(places[600]), left)


def reverse_sde(c: Scene) -> Sides:
    """δ is small, and what a line leaves out is divided by δ or √δ: it has to vanish too."""
    time, delta, y = c.time, 1e-7, c.x
    beta = c.beta(time)
    total = -math.log(c.kept(time))
    yield "forward", slope_at(lambda v: -math.log(c.kept(v)), time), beta
    yield "forward", total, c.b * time + c.c * time**2 / 2
    ratio = c.kept(time + delta) / c.kept(time)  # exactly: y = √ratio x_t + √(1 − ratio) ε
    x = y + math.sqrt(beta * delta) * float(c.rng.normal())
    yield "kernel", (math.sqrt(ratio) * x - x) / delta, -0.5 * beta * x
    yield "kernel", (1 - ratio) / delta, beta
    step = 1e-2  # Bayes' rule holds for any step
    keep = c.kept(time + step) / c.kept(time)
    back = norm.pdf(y, math.sqrt(keep) * GRID, math.sqrt(1 - keep)) * c.p_at(GRID, time)
    k = 14_000 + int(50 * c.rng.normal())
    log_bayes = (
        norm.logpdf(y, math.sqrt(keep) * GRID[k], math.sqrt(1 - keep))
        + math.log(c.p_at(GRID[k], time))
        - math.log(c.p_at(y, time + step))
    )
    yield "bayes", math.log(back[k] / (back.sum() * CELL)), log_bayes
    s = c.score_at(y, time)
    near = y + 1e-6
    yield "slope", (math.log(c.p_at(near, time)) - math.log(c.p_at(y, time))) / 1e-6, s
    # as functions of x_t, up to a constant: the difference between two places, one on each side of y, for u and −u,
    # in which what is of second order in u falls out
    deviation = math.sqrt(beta * delta)
    places = y + deviation * np.array([-1.1, 1.1])
    collected = -((places - y - 0.5 * beta * delta * y) ** 2) / (2 * beta * delta) + (places - y) * s
    kernel = -((y - places + 0.5 * beta * delta * places) ** 2) / (2 * beta * delta)
    exact = kernel + np.log(c.p_at(places, time))
    shift = lambda v: (v[1] - v[0]) / deviation  # noqa: E731
    yield "collect", shift(collected), shift(exact)
    square = -((places - (y + 0.5 * beta * delta * y + beta * delta * s)) ** 2) / (2 * beta * delta)
    yield "square", shift(square), shift(collected)
    # the exact posterior of the mixture: its mean and its variance, by the step's own length
    schedule = NoiseSchedule.from_beta(torch.tensor([1 - c.kept(time), 1 - ratio], dtype=torch.float64))
    at = torch.tensor([[y]], dtype=torch.float64)
    posterior = reverse_posterior(c.mixture, schedule, 1, 2, at)
    yield "normal", (float(posterior.mean()) - y) / delta, 0.5 * beta * y + beta * s
    yield "normal", float(posterior.cov()) / delta, beta
    yield "normal", float(kl_to_best_normal(posterior)), 0.0
    yield "sde", (y - float(posterior.mean())) / delta, -0.5 * beta * y - beta * s
    states = ddpm(c.denoiser, SCHEDULE, at, generator=torch.Generator().manual_seed(0))
    start, first = next(states), next(states)  # from T to T − 1, whose noise is drawn again here
    z = torch.randn(1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    T, bar = SCHEDULE.T, SCHEDULE.alpha_bar
    variance = float((1 - bar[T - 1]) / (1 - bar[T]) * SCHEDULE.beta[T])
    mean = float(first.x - math.sqrt(variance) * z)
    s_T = c.score(float(start.x), float(bar[T]))
    yield "ddpm", mean, (y + float(SCHEDULE.beta[T]) * s_T) / math.sqrt(float(SCHEDULE.alpha[T]))


def probability_flow(c: Scene) -> Sides:
    """The exact p_t of the mixture, differentiated in t and in x by five points."""
    time, x = c.time, c.x
    beta = c.beta(time)
    change = slope_at(lambda v: float(c.p_at(x, v)), time)
    p = lambda v: float(c.p_at(v, time))  # noqa: E731
    curve = slope_at(lambda v: slope_at(p, v), x)  # Δ p
    yield "fokker_planck", change, 0.5 * beta * slope_at(lambda v: v * p(v), x) + 0.5 * beta * curve
    yield "laplace", curve, slope_at(lambda v: p(v) * c.score_at(v, time), x)
    flow = lambda v: -0.5 * beta * v - 0.5 * beta * c.score_at(v, time)  # noqa: E731
    yield "collect", change, -slope_at(lambda v: p(v) * flow(v), x)
    # particles that follow v carry what is between them along: the share below a particle stays
    below = lambda v, when: float(  # noqa: E731
        (c.weights * norm.cdf(v, math.sqrt(c.kept(when)) * c.means, _width(c, when))).sum()
    )
    yield "continuity", slope_at(lambda v: below(x + (v - time) * flow(x), v), time), 0.0
    yield "ode", flow(x), -0.5 * beta * (x + c.score_at(x, time))
    for lam in (0.0, 0.5, 1.0, 1.7):
        drift = lambda v, lam=lam: -0.5 * beta * v - 0.5 * (1 + lam**2) * beta * c.score_at(v, time)  # noqa: E731
        carried = -slope_at(lambda v, drift=drift: p(v) * drift(v), x)
        yield "between", change, carried - 0.5 * lam**2 * beta * curve  # backwards in time noise gathers
    # along the ODE: d(x/√ᾱ) = (dx/dt + ½βx)/√ᾱ dt, and d√((1−ᾱ)/ᾱ) by five points
    kept = c.kept(time)
    up = (flow(x) + 0.5 * beta * x) / math.sqrt(kept)
    along = slope_at(lambda v: math.sqrt((1 - c.kept(v)) / c.kept(v)), time)
    yield "ddim", up / along, -math.sqrt(1 - kept) * c.score_at(x, time)
    at = torch.tensor([[x]], dtype=torch.float64)
    *_, end = ddim(c.denoiser, SCHEDULE, at, steps=1)
    ends = float(SCHEDULE.alpha_bar[-1])
    start_noise = -math.sqrt(1 - ends) * c.score(x, ends)
    yield "ddim", float(end.x), x / math.sqrt(ends) - math.sqrt((1 - ends) / ends) * start_noise  # Euler's step to 0


def _width(c: Scene, time: float) -> np.ndarray:
    kept = c.kept(time)
    return np.sqrt(kept * c.std**2 + 1 - kept)


def one_step_back(c: Scene) -> Sides:
    t, x = c.t, c.x
    s = t - 15
    left_s, left_t = float(SCHEDULE.alpha_bar[s]), float(SCHEDULE.alpha_bar[t])
    a = left_t / left_s
    m, C = math.sqrt(left_s) * c.means, left_s * c.std**2 + 1 - left_s
    prior = (c.weights[:, None] * norm.pdf(GRID, m[:, None], np.sqrt(C)[:, None])).sum(axis=0)
    yield "before", prior, c.p(GRID, left_s)
    yield "step", a * left_s, left_t  # the signal
    yield "step", a * (1 - left_s) + (1 - a), 1 - left_t  # the noise
    whole = norm.pdf(x, math.sqrt(a) * GRID, math.sqrt(1 - a)) * prior
    q = whole / (whole.sum() * CELL)
    share = c.weights * norm.pdf(x, math.sqrt(a) * m, np.sqrt(a * C + 1 - a))
    share = share / share.sum()
    each = norm.pdf(x, math.sqrt(a) * GRID, math.sqrt(1 - a)) * norm.pdf(GRID, m[:, None], np.sqrt(C)[:, None])
    each = each / (each.sum(axis=1, keepdims=True) * CELL)
    yield "bayes", q, share @ each
    G = math.sqrt(a) * C / (a * C + 1 - a)
    centre, variance = m + G * (x - math.sqrt(a) * m), C - math.sqrt(a) * G * C
    yield "normal", each, norm.pdf(GRID, centre[:, None], np.sqrt(variance)[:, None])
    posterior = reverse_posterior(c.mixture, SCHEDULE, s, t, torch.tensor([[x]], dtype=torch.float64))
    yield "normal", posterior.means[0, :, 0], centre
    yield "normal", posterior.covs[:, 0, 0], variance
    mean = float((GRID * q).sum() * CELL)
    spread = float(((GRID - mean) ** 2 * q).sum() * CELL)
    yield "nearest", [float(posterior.mean()), float(posterior.cov())], [mean, spread]
    kl = lambda mu, v: float((q * -norm.logpdf(GRID, mu, math.sqrt(v))).sum() * CELL)  # noqa: E731
    yield "nearest", [slope_at(lambda v: kl(v, spread), mean), slope_at(lambda v: kl(mean, v), spread)], [0.0, 0.0]
    # a step so small that what follows 1 − a is lost
    tiny = 1e-7
    keep = 1 - tiny
    here = c.kept(c.time)
    m, C = math.sqrt(here / keep) * c.means, here / keep * c.std**2 + 1 - here / keep
    G = math.sqrt(keep) * C / (keep * C + tiny)
    component_score = -(x - math.sqrt(here) * c.means) / (here * c.std**2 + 1 - here)
    yield "small", (m + G * (x - math.sqrt(keep) * m) - x) / tiny, 0.5 * x + component_score
    yield "small", (C - math.sqrt(keep) * G * C) / tiny, np.ones(3)


SIDES = {
    "score_and_noise": score_and_noise,
    "best_prediction": best_prediction,
    "reverse_sde": reverse_sde,
    "probability_flow": probability_flow,
    "one_step_back": one_step_back,
}


class TestDerivations(EveryLine):
    page, scene, sides = "diffusion_theory", Scene, SIDES
    seeds, rtol, atol = 3, 2e-6, 2e-6
    elsewhere = tuple(set(text.formulas("diffusion_theory")) - set(SIDES))
