"""Every line of every derivation of step 7, at random numbers in float64, and against the code that it explains.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides. An
inequality gives the part by which it fails, beside 0. Means over q are sums over a fine grid: no sampling error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import torch
from scipy.stats import norm

from core import gradients, vae_bound, vae_dial
from core.vae import kl_to_standard_normal, reparameterize
from tests.core.derivations import EveryLine, Sides

GRID = np.linspace(-14, 14, 40_001)
CELL = GRID[1] - GRID[0]


class Scene:
    """A VAE with one number x, one z, a decoder that is no straight line, and a guess q that is not the posterior."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.x, self.mu = self.rng.normal(size=2)
        self.sigma, self.s = self.rng.uniform(0.4, 1.1, size=2)
        self.a, self.b, self.c = self.rng.normal(size=3)
        self.theta = np.array([self.a, self.b, self.c])
        self.q = norm(self.mu, self.sigma).pdf(GRID)
        self.log_q = norm(self.mu, self.sigma).logpdf(GRID)

    def drawn(self, z: np.ndarray, theta: np.ndarray | None = None) -> np.ndarray:
        """The mean of x given z."""
        a, b, c = self.theta if theta is None else theta
        return a * np.tanh(z) + b * z / 2 + c

    def log_joint(self, theta: np.ndarray | None = None) -> np.ndarray:
        return norm(self.drawn(GRID, theta), self.s).logpdf(self.x) + norm.logpdf(GRID)

    def evidence(self, theta: np.ndarray | None = None) -> float:
        return float(np.exp(self.log_joint(theta)).sum() * CELL)

    def posterior(self) -> np.ndarray:
        return np.exp(self.log_joint()) / self.evidence()

    def under_q(self, values: np.ndarray, mu: float | None = None, sigma: float | None = None) -> float:
        q = self.q if mu is None else norm(mu, sigma).pdf(GRID)
        return float((q * values).sum() * CELL)

    def elbo(self, mu: float | None = None, sigma: float | None = None, theta: np.ndarray | None = None) -> float:
        mu, sigma = (self.mu, self.sigma) if mu is None else (mu, sigma)
        log_q = norm(mu, sigma).logpdf(GRID)
        return self.under_q(self.log_joint(theta) - log_q, mu, sigma)

    def kl_to_posterior(self, mu: float, sigma: float) -> float:
        log_q = norm(mu, sigma).logpdf(GRID)
        return self.under_q(log_q - self.log_joint() + math.log(self.evidence()), mu, sigma)

    def f(self, z: np.ndarray) -> np.ndarray:
        """Something to be averaged over q."""
        return np.sin(z) + 0.3 * z**2 + self.a * z

    def slope(self, z: np.ndarray) -> np.ndarray:
        return np.cos(z) + 0.6 * z + self.a


def slope_at(function: Callable[[float], float], at: float, h: float = 1e-4) -> float:
    """A derivative by five points."""
    return (-function(at + 2 * h) + 8 * function(at + h) - 8 * function(at - h) + function(at - 2 * h)) / (12 * h)


def fails(lower: object, upper: object) -> float:
    """By how much lower ≤ upper is wrong."""
    return float(np.maximum(np.asarray(lower) - np.asarray(upper), 0).max())


def bound_of_one(c: Scene) -> Sides:
    log_p = math.log(c.evidence())
    seen = c.q > 0  # far out the density of q is no longer a number above zero
    ratio = np.where(seen, np.exp(c.log_joint()) / np.where(seen, c.q, 1), 0)
    yield "insert", log_p, math.log(c.under_q(ratio))
    yield "jensen", fails(c.elbo(), log_p), 0.0
    likelihood = norm(c.drawn(GRID), c.s).logpdf(c.x)
    kl = float(kl_to_standard_normal(torch.tensor(c.mu), torch.tensor(math.log(c.sigma))))
    yield "split", c.elbo(), c.under_q(likelihood) - c.under_q(c.log_q - norm.logpdf(GRID))
    yield "split", c.elbo(), c.under_q(likelihood) - kl
    yield "gap", log_p - c.elbo(), c.kl_to_posterior(c.mu, c.sigma)
    post = c.posterior()
    tight = float((post * (c.log_joint() - np.log(np.maximum(post, 1e-300)))).sum() * CELL)
    yield "gap", log_p, tight  # with the posterior for q nothing is missing


def em_with_networks(c: Scene) -> Sides:
    likelihood = norm(c.drawn(GRID), c.s).pdf(c.x) * norm.pdf(GRID)
    yield "e", c.posterior(), likelihood / (likelihood.sum() * CELL)
    noise = torch.linspace(-2, 2, 5, dtype=torch.float64)
    z = reparameterize(torch.tensor(c.mu), torch.tensor(math.log(c.sigma)), noise)
    yield "network", z.numpy(), norm(c.mu, c.sigma).ppf(norm.cdf(noise.numpy()))
    for up, down in (
        (lambda v: c.elbo(v, c.sigma), lambda v: c.kl_to_posterior(v, c.sigma)),
        (lambda v: c.elbo(c.mu, math.exp(v)), lambda v: c.kl_to_posterior(c.mu, math.exp(v))),
    ):
        at = c.mu if up(c.mu) == c.elbo(c.mu, c.sigma) else math.log(c.sigma)
        yield "half_e", slope_at(up, at), -slope_at(down, at)
    for k in range(3):

        def moved(v: float, k: int = k) -> np.ndarray:
            return np.where(np.arange(3) == k, v, c.theta)

        by_theta = slope_at(lambda v: c.elbo(theta=moved(v)), c.theta[k])  # noqa: B023
        inside = (norm(c.drawn(GRID, moved(c.theta[k] + 1e-5)), c.s).logpdf(c.x)
                  - norm(c.drawn(GRID, moved(c.theta[k] - 1e-5)), c.s).logpdf(c.x)) / 2e-5  # fmt: skip
        yield "half_m", by_theta, c.under_q(inside)


def normals(c: Scene) -> Sides:
    own, prior = c.under_q(c.log_q), c.under_q(norm.logpdf(GRID))
    yield "start", c.under_q(c.log_q - norm.logpdf(GRID)), own - prior
    yield "own", c.under_q(((GRID - c.mu) / c.sigma) ** 2), 1.0
    yield "own", own, -0.5 * math.log(2 * math.pi) - math.log(c.sigma) - 0.5
    yield "prior", c.under_q(GRID**2), c.mu**2 + c.sigma**2
    yield "prior", prior, -0.5 * math.log(2 * math.pi) - 0.5 * (c.mu**2 + c.sigma**2)
    formula = 0.5 * (c.mu**2 + c.sigma**2 - 1) - math.log(c.sigma)
    yield "result", own - prior, formula
    yield "result", float(kl_to_standard_normal(torch.tensor(c.mu), torch.tensor(math.log(c.sigma)))), formula
    means, stds = torch.tensor(c.rng.normal(size=4)), torch.tensor(c.rng.uniform(0.3, 2, size=4))
    q = torch.distributions.MultivariateNormal(means, torch.diag(stds.square()))
    p = torch.distributions.MultivariateNormal(torch.zeros(4).double(), torch.eye(4).double())
    whole = torch.distributions.kl_divergence(q, p)
    yield "sum", float(whole), float((0.5 * (means**2 + stds**2 - 1) - stds.log()).sum())
    yield "sum", float(whole), float(kl_to_standard_normal(means, stds.log()).sum())


def trick(c: Scene) -> Sides:
    by_mean = slope_at(lambda v: c.under_q(c.f(GRID), v, c.sigma), c.mu)
    by_log_std = slope_at(lambda v: c.under_q(c.f(GRID), c.mu, math.exp(v)), math.log(c.sigma))
    yield "problem", abs(by_mean) > 1e-3, True  # and f has no μ in it, so that its own gradient is 0
    yield "problem", slope_at(lambda v: float(c.f(np.array(0.7))), c.mu), 0.0
    noise, weight = GRID, norm.pdf(GRID) * CELL
    z = c.mu + c.sigma * noise
    yield "outside", c.under_q(c.f(GRID)), float((weight * c.f(z)).sum())
    yield "mean", by_mean, float((weight * c.slope(z)).sum())
    yield "std", by_log_std, float((weight * c.slope(z) * c.sigma * noise).sum())
    score = (GRID - c.mu) / c.sigma**2
    changed = (norm(c.mu + 1e-5, c.sigma).pdf(GRID) - norm(c.mu - 1e-5, c.sigma).pdf(GRID)) / 2e-5
    yield "score", by_mean, float((c.f(GRID) * changed).sum() * CELL)
    yield "score", by_mean, c.under_q(c.f(GRID) * score)
    yield "score", by_mean, float((weight * c.f(z) * noise / c.sigma).sum())
    problem = gradients.Problem(float(c.mu), float(c.sigma), float(c.a), float(c.x), float(c.s))
    e = torch.tensor(noise)
    for line, method, column in (
        ("mean", gradients.pathwise, 0),
        ("std", gradients.pathwise, 1),
        ("score", gradients.score, 0),
    ):
        found = (torch.tensor(weight) * method(problem, e)[:, column]).sum()
        yield line, float(found), float(gradients.exact(problem)[column])


def dial(c: Scene) -> Sides:
    D, s = 784, float(c.s)
    x, guess = c.rng.uniform(size=D), c.rng.uniform(size=D)
    kl = float(c.rng.uniform(1, 30))
    error = float(((x - guess) ** 2).sum())
    log_p = norm(guess, s).logpdf(x).sum()
    for beta in (0.25, 1.0, 4.0):
        loss = -log_p + beta * kl
        ours = vae_dial.beta_loss(torch.tensor(error, dtype=torch.float64), torch.tensor(kl).double(), s, beta)
        yield "loss", float(ours), loss
        elbo = log_p - kl
        yield "bound", -loss, elbo - (beta - 1) * kl
        yield "bound", np.sign(-loss - elbo) if beta != 1 else 0.0, np.sign(1 - beta)
        yield "normal", -log_p, error / (2 * s**2) + D * math.log(s) + D / 2 * math.log(2 * math.pi)
        inner = error / (2 * (s * math.sqrt(beta)) ** 2) + kl
        yield "pull", loss, beta * inner + D * math.log(s) + D / 2 * math.log(2 * math.pi)
        other = -norm(guess, s * math.sqrt(beta)).logpdf(x).sum() + kl
        constant = D * ((1 - beta) * (math.log(s) + 0.5 * math.log(2 * math.pi)) - beta / 2 * math.log(beta))
        yield "same", loss, beta * other + constant
        yield "same", vae_dial.dial_constant(s, beta), constant


def book(c: Scene) -> Sides:
    D, units = 784, 20
    x, guess = c.rng.uniform(size=D), c.rng.uniform(size=D)
    mu, log_std = c.rng.normal(size=units), c.rng.normal(size=units) * 0.5
    var = np.exp(2 * log_std)
    error, extra = ((x - guess) ** 2).sum(), -(1 + np.log(var) - mu**2 - var).sum()
    kl = float(kl_to_standard_normal(torch.tensor(mu), torch.tensor(log_std)).sum())
    ours = vae_dial.book_loss(torch.tensor(error), torch.tensor(mu), torch.tensor(log_std))
    yield "written", float(ours), error + extra
    yield "kl", extra, 2 * kl
    log_p = norm(guess, 1).logpdf(x).sum()
    yield "square", error, -2 * log_p - D * math.log(2 * math.pi)
    yield "sum", float(ours), -2 * (log_p - kl) - D * math.log(2 * math.pi)


def importance(c: Scene) -> Sides:
    seen = c.q > 0
    w = np.where(seen, np.exp(c.log_joint()) / np.where(seen, c.q, 1), 0)
    yield "weights", c.under_q(w), c.evidence()
    # a q with five values, so that every draw of k can be gone through
    q, joint, values = c.rng.dirichlet(np.ones(5) * 3), c.rng.uniform(0.1, 1, size=5), range(5)
    weight, log_p = joint / q, math.log(joint.sum())

    def level(k: int) -> float:
        places = np.array(np.meshgrid(*[values] * k, indexing="ij")).reshape(k, -1)
        return float((q[places].prod(axis=0) * np.log(weight[places].mean(axis=0))).sum())

    levels = [level(k) for k in range(1, 6)]
    yield "weights", float((q * weight).sum()), joint.sum()
    yield "bound", levels[0], float((q * np.log(joint / q)).sum())
    yield "bound", fails(levels, log_p), 0.0
    drawn = weight[c.rng.integers(0, 5, size=5)]
    for m in (1, 2, 4):
        subsets = [drawn[list(chosen)].mean() for chosen in combinations(range(5), m)]
        yield "subset", drawn.mean(), np.mean(subsets)
    yield "rises", fails(levels[:-1], levels[1:]), 0.0
    found = vae_bound.bound_by_count(torch.tensor(np.log(drawn))[None], (5,))
    yield "bound", float(found[0, 0]), math.log(drawn.mean())


class TestDerivations(EveryLine):
    page, scene = "vae", Scene
    seeds, rtol, atol = 4, 1e-7, 1e-7
    sides = {
        "bound_of_one": bound_of_one,
        "em_with_networks": em_with_networks,
        "normals": normals,
        "trick": trick,
        "dial": dial,
        "book": book,
        "importance": importance,
    }
