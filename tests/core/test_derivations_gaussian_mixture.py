"""Every line of every derivation of step 4, at random numbers in float64, and against the code that it explains.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides.
"""

import math
from collections.abc import Callable
from itertools import permutations

import numpy as np
import torch
from scipy.stats import multivariate_normal, norm

from core.gaussian_mixture import GaussianMixture
from core.likelihood import fit_normal
from tests.core.derivations import EveryLine, Sides


class Scene:
    """A random mixture of three components in the plane, and a few points."""

    def __init__(self, seed: int):
        rng = self.rng = np.random.default_rng(seed)
        self.K, self.N, self.D = 3, 5, 2
        self.phi = rng.dirichlet(np.ones(self.K))
        self.mu = rng.normal(size=(self.K, 2))
        root = rng.normal(size=(self.K, 2, 2))
        self.cov = root @ root.transpose(0, 2, 1) + 0.3 * np.eye(2)
        self.x = rng.normal(size=(self.N, 2)) * 1.5
        self.model = GaussianMixture(*(torch.from_numpy(a) for a in (self.phi, self.mu, self.cov)))

    def normal(self, k: int, x: np.ndarray, mu: np.ndarray | None = None) -> np.ndarray:
        return multivariate_normal(self.mu[k] if mu is None else mu, self.cov[k]).pdf(x)

    def density(self, x: np.ndarray) -> np.ndarray:
        return sum(self.phi[k] * self.normal(k, x) for k in range(self.K))

    def gamma(self, x: np.ndarray) -> np.ndarray:
        joint = np.stack([self.phi[k] * self.normal(k, x) for k in range(self.K)], axis=-1)
        return joint / joint.sum(axis=-1, keepdims=True)

    def log_likelihood(self, k: int, mu: np.ndarray) -> float:
        """log L with the mean of component k put elsewhere."""
        parts = [self.phi[j] * self.normal(j, self.x, mu if j == k else None) for j in range(self.K)]
        return float(np.log(sum(parts)).sum())


def slope(f: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences."""
    return np.array([(f(at + step * e) - f(at - step * e)) / (2 * step) for e in np.eye(len(at))])


def joint(s: Scene) -> Sides:
    x, torch_x = s.x[0], torch.from_numpy(s.x)
    draws, _ = s.model.sample_with_components(200_000, generator=torch.Generator().manual_seed(1))
    counted = np.bincount(draws.numpy(), minlength=s.K) / len(draws)
    yield "first", s.phi.sum(), 1.0
    yield "first", np.abs(counted - s.phi).max() < 5 * 0.5 / math.sqrt(len(draws)), True
    chosen, points = s.model.sample_with_components(100_000, generator=torch.Generator().manual_seed(2))
    for k in range(s.K):
        mine = points[chosen == k].numpy()
        error = 5 * np.sqrt(np.diagonal(s.cov[k]) / len(mine))
        yield "second", (np.abs(mine.mean(axis=0) - s.mu[k]) < error).all(), True
        yield "product", s.model.joint_log_prob(torch_x)[:, k].exp(), s.phi[k] * s.normal(k, s.x)
    yield "marginal", s.model.joint_log_prob(torch_x).exp().sum(dim=1), s.density(s.x)
    yield "marginal", s.model.log_prob(torch_x).exp(), s.density(s.x)
    line = np.linspace(-16, 16, 801)  # the trapezium rule is exact here, but for what lies outside
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    yield "whole", abs(s.density(grid).sum() * (line[1] - line[0]) ** 2 - 1) < 1e-4, True
    a = np.log(s.phi) + np.log([s.normal(k, x) for k in range(s.K)])
    yield "log", s.model.joint_log_prob(torch_x)[0], a
    yield "log", np.log(np.exp(a).sum()), s.model.log_prob(torch_x)[0]
    yield "stable", a.max() + np.log(np.exp(a - a.max()).sum()), np.log(np.exp(a).sum())
    far = a - 2000  # where exp would give nothing but zeros
    yield "stable", far.max() + np.log(np.exp(far - far.max()).sum()) + 2000, np.log(np.exp(a).sum())


def responsibility(s: Scene) -> Sides:
    torch_x, shares = torch.from_numpy(s.x), s.gamma(s.x)
    code = s.model.responsibilities(torch_x)
    for k in range(s.K):
        yield "two_ways", s.phi[k] * s.normal(k, s.x), code[:, k].numpy() * s.density(s.x)
        yield "divide", code[:, k], s.phi[k] * s.normal(k, s.x) / s.density(s.x)
        yield "insert", shares[:, k], code[:, k]
    yield "total", code.sum(dim=1), np.ones(s.N)
    yield "total", s.model.responsibilities(1e3 * torch_x).sum(dim=1), np.ones(s.N)

    def squared(k: int, x: np.ndarray) -> np.ndarray:
        return np.einsum("nd,de,ne->n", x - s.mu[k], np.linalg.inv(s.cov[k]), x - s.mu[k])

    for k, j in ((0, 1), (2, 0)):
        det = np.linalg.det(s.cov)
        odds = np.log(s.phi[k] / s.phi[j]) - 0.5 * np.log(det[k] / det[j]) - 0.5 * (squared(k, s.x) - squared(j, s.x))
        yield "odds", np.log(shares[:, k] / shares[:, j]), odds
        c, u = s.rng.normal(size=(2, 2))
        difference = [float((squared(k, c[None] + t * u) - squared(j, c[None] + t * u))[0]) for t in (0, 1, 2, 3.7)]
        bend = u @ np.linalg.inv(s.cov[k]) @ u - u @ np.linalg.inv(s.cov[j]) @ u
        a = difference[0]
        b = difference[1] - bend - a
        yield "ray", difference[2], 4 * bend + 2 * b + a
        yield "ray", difference[3], 3.7**2 * bend + 3.7 * b + a
        winner, loser = (k, j) if bend < 0 else (j, k)
        logs = s.model.joint_log_prob(torch.from_numpy(c + np.array([[1e3], [1e4]]) * u))
        gaps = (logs[:, winner] - logs[:, loser]).tolist()
        yield "far", gaps[0] > 0 and gaps[1] > 50 * gaps[0], True


def log_of_sum(s: Scene) -> Sides:
    shares = s.gamma(s.x)
    yield "sum", s.model.log_prob(torch.from_numpy(s.x)).sum(), s.log_likelihood(0, s.mu[0])
    for k in range(s.K):
        numeric = slope(lambda mu, k=k: s.log_likelihood(k, mu), s.mu[k])
        precision = np.linalg.inv(s.cov[k])
        each = [slope(lambda mu, x=x, k=k: float(s.normal(k, x, mu)), s.mu[k]) for x in s.x]
        yield "chain", numeric, sum(s.phi[k] / s.density(x) * d for x, d in zip(s.x, each, strict=True))
        for x, d in zip(s.x, each, strict=True):
            yield "normal", d, s.normal(k, x) * precision @ (x - s.mu[k])
        yield "appear", numeric, (shares[:, k, None] * ((s.x - s.mu[k]) @ precision)).sum(axis=0)
        mean = (shares[:, k, None] * s.x).sum(axis=0) / shares[:, k].sum()
        with_these = (shares[:, k, None] * ((s.x - mean) @ precision)).sum(axis=0)
        yield "zero", with_these, np.zeros(2)
    moved = GaussianMixture(s.model.weights, s.model.means + torch.tensor([[0.5, 0.0], [0, 0], [0, 0]]), s.model.covs)
    there = moved.responsibilities(torch.from_numpy(s.x)).numpy()
    yield "circle", bool((np.abs(there - shares).max(axis=0) > 1e-6).all()), True  # one mean moves: all shares do
    single = GaussianMixture(torch.ones(1), s.model.means[:1], s.model.covs[:1])
    yield "one", single.responsibilities(torch.from_numpy(s.x)), np.ones((s.N, 1))
    yield "one", fit_normal(torch.from_numpy(s.x[:, 0]))[0], s.x[:, 0].mean()
    z = s.rng.integers(0, s.K, size=s.N)
    known = sum(math.log(s.phi[k]) + math.log(s.normal(k, x)) for x, k in zip(s.x, z, strict=True))
    yield "known", s.model.joint_log_prob(torch.from_numpy(s.x))[np.arange(s.N), z].sum(), known


def unbounded(s: Scene) -> Sides:
    def spiked(sigma: float) -> GaussianMixture:
        means = np.stack([s.x[0], s.mu[1]])
        covs = np.stack([sigma**2 * np.eye(2), s.cov[1]])
        return GaussianMixture(
            torch.tensor([0.3, 0.7], dtype=torch.float64), torch.from_numpy(means), torch.from_numpy(covs)
        )

    x = torch.from_numpy(s.x)
    yield "place", spiked(0.1).means[0], s.x[0]
    yield "place", spiked(0.1).covs[0], 0.01 * np.eye(2)
    rest = [math.log(0.7) + math.log(s.normal(1, p)) for p in s.x[1:]]
    constant = math.log(0.3) - math.log(2 * math.pi) + sum(rest)
    for sigma in (1.0, 1e-2, 1e-6, 1e-12):
        logs = spiked(sigma).log_prob(x)
        share = math.log(0.3) - math.log(2 * math.pi) - 2 * math.log(sigma)
        yield "spike", spiked(sigma).joint_log_prob(x)[0, 0], share
        yield "spike", bool(logs[0] >= share), True
        yield "others", bool((logs[1:] >= torch.tensor(rest, dtype=torch.float64) - 1e-9).all()), True
        yield "together", bool(logs.sum() >= -2 * math.log(sigma) + constant - 1e-9), True
    steps = [float(spiked(sigma).log_prob(x).sum()) for sigma in (1e-6, 1e-12, 1e-24)]
    yield "infinite", steps[1] - steps[0], 2 * math.log(1e6)
    yield "infinite", steps[2] - steps[1], 2 * math.log(1e12)
    line, mu = s.x[:, 0], s.x[0, 0]
    for sigma in (0.5, 0.05):
        formula = -s.N * math.log(sigma) - ((line - mu) ** 2).sum() / (2 * sigma**2) - s.N / 2 * math.log(2 * math.pi)
        yield "single", norm.logpdf(line, mu, sigma).sum(), formula
    yield "single", norm.logpdf(line, mu, 1e-6).sum() < -1e6, True
    for floor in (1.0, 0.09):
        raised = spiked(math.sqrt(floor))
        wide = torch.stack([raised.covs[0], raised.covs[1] + floor * torch.eye(2).double()])
        bounded = GaussianMixture(raised.weights, raised.means, wide)
        yield "floor", bool(bounded.log_prob(x).sum() <= -s.N * s.D / 2 * math.log(2 * math.pi * floor)), True
    for order in permutations(range(s.K)):
        which = list(order)
        named = GaussianMixture(s.model.weights[which], s.model.means[which], s.model.covs[which])
        yield "names", named.log_prob(x), s.model.log_prob(x)


class TestDerivations(EveryLine):
    page, scene = "gaussian_mixture", Scene
    seeds, rtol, atol = 3, 1e-6, 1e-8
    sides = {f.__name__: f for f in (joint, responsibility, log_of_sum, unbounded)}
