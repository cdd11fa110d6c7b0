"""Every line of the ELBO of T levels, at random numbers, by sums over a grid of every path: no sampling error.

A derivation is a generator of (line, left side, right side). An inequality gives the part by which it fails, beside 0.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.stats import norm

from core.diffusion.bound import posterior
from core.diffusion.schedule import NoiseSchedule
from tests.core.derivations import EveryLine, Sides
from ui import text

AXIS = np.linspace(-7, 7, 71)
CELL = AXIS[1] - AXIS[0]


class Scene:
    """Three levels of one number each, an encoder that adds noise, and a decoder that is no straight line."""

    T = 3

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self.schedule = NoiseSchedule.from_beta(rng.uniform(0.25, 0.6, size=self.T))
        self.beta, self.alpha, self.alpha_bar = (
            values.numpy() for values in (self.schedule.beta, self.schedule.alpha, self.schedule.alpha_bar)
        )
        self.x0 = rng.normal()
        self.by_net = rng.normal(size=(self.T + 1, 3))
        self.width = rng.uniform(0.5, 1.0, size=self.T + 1)
        # x_1, x_2, x_3 on a grid of every path; x_0 is given
        self.x = (self.x0, *np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"))
        self.q = math.prod(np.exp(self.up(t)) for t in range(1, self.T + 1))
        self.p = math.prod(np.exp(self.down(t)) for t in range(1, self.T + 1)) * np.exp(self.prior)

    def up(self, t: int) -> np.ndarray:
        """log q(x_t | x_{t−1})."""
        return norm.logpdf(self.x[t], self.alpha[t] ** 0.5 * self.x[t - 1], self.beta[t] ** 0.5)

    def down(self, t: int) -> np.ndarray:
        """log p(x_{t−1} | x_t)."""
        a, b, c = self.by_net[t]
        return norm.logpdf(self.x[t - 1], np.tanh(a * self.x[t]) + 0.3 * b * self.x[t] + 0.3 * c, self.width[t])

    @property
    def prior(self) -> np.ndarray:
        return norm.logpdf(self.x[self.T])

    def jump(self, t: int) -> np.ndarray:
        """log q(x_t | x_0)."""
        return norm.logpdf(self.x[t], self.alpha_bar[t] ** 0.5 * self.x0, (1 - self.alpha_bar[t]) ** 0.5)

    def turned(self, t: int) -> np.ndarray:
        """log q(x_{t−1} | x_t, x_0): Ho et al. 2020, equations 6 and 7, from the code."""
        known = posterior(self.schedule)
        mean = float(known.of_x0[t]) * self.x0 + float(known.of_x[t]) * self.x[t]
        return norm.logpdf(self.x[t - 1], mean, float(known.variance[t]) ** 0.5)

    def under_q(self, values: np.ndarray) -> float:
        return float((self.q * values).sum() * CELL**self.T)

    @property
    def evidence(self) -> float:
        return math.log(self.p.sum() * CELL**self.T)

    @property
    def elbo(self) -> float:
        return self.under_q(np.log(self.p) - np.log(self.q))

    def kl_from_grid(self, log_q: np.ndarray, log_p: np.ndarray, axis: int) -> np.ndarray:
        """KL over the level of that axis at every place of the others."""
        return (np.exp(log_q) * (log_q - log_p)).sum(axis=axis, keepdims=True) * CELL


def many_levels(s: Scene) -> Sides:
    levels = range(1, s.T + 1)
    yield "insert", s.evidence, math.log(s.under_q(s.p / s.q))
    yield "jensen", max(s.elbo - s.evidence, 0), 0
    yield "chain", s.elbo, s.under_q(s.prior + sum(s.down(t) - s.up(t) for t in levels))
    last = s.kl_from_grid(s.up(s.T), s.prior, axis=s.T - 1)  # of x_T, at every x_{T−1}
    by_levels = s.under_q(s.down(1)) - sum(s.under_q(s.up(t) - s.down(t + 1)) for t in levels[:-1]) - s.under_q(last)
    yield "levels", s.elbo, by_levels
    for t in levels[1:]:
        inside = s.up(t), s.turned(t) + s.jump(t) - s.jump(t - 1)
        yield "bayes", *(np.broadcast_to(side, s.q.shape) for side in inside)
    factors = sum(s.jump(t) - s.jump(before) for before, t in pairwise(levels))
    yield "telescope", factors, np.broadcast_to(s.jump(s.T) - s.jump(1), factors.shape)
    regrouped = s.prior - s.jump(s.T) + sum(s.down(t) - s.turned(t) for t in levels[1:]) + s.down(1)
    yield "regroup", s.elbo, s.under_q(regrouped)
    left, mean = s.alpha_bar[s.T], s.alpha_bar[s.T] ** 0.5 * s.x0
    end = 0.5 * (mean**2 + (1 - left) - 1 - math.log(1 - left))  # L_T in closed form
    steps = sum(s.under_q(s.kl_from_grid(s.turned(t), s.down(t), axis=t - 2)) for t in levels[1:])
    yield "result", -s.elbo, end + steps - s.under_q(s.down(1))
    given = s.p / math.exp(s.evidence)  # p(x_{1:T} | x_0)
    yield "gap", s.evidence - s.elbo, s.under_q(np.log(s.q) - np.log(given))


class TestDerivations(EveryLine):
    page, scene = "diffusion_theory", Scene
    sides = {"many_levels": many_levels}
    elsewhere = set(text.formulas("diffusion_theory")) - set(sides)
    rtol, atol = 1e-7, 1e-7
