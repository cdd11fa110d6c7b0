"""Every line of every derivation of step 5, at random numbers in float64, and against the code that it explains.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides. An
inequality gives the part by which it fails, beside 0.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import multivariate_normal, norm
from torch import Tensor

from core import data, em, em_starts
from core.em_steps import Components, Points, e_step, m_step
from core.gaussian_mixture import GaussianMixture
from tests.core.derivations import EveryLine, Sides


class Scene:
    """Random points (N, D), a random mixture of K normals and another one, and random shares q (N, K)."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.N, self.D, self.K = 40, 2, 3
        self.x = self.rng.normal(size=(self.N, self.D)) * 2
        self.phi, self.mu, self.cov = self.mixture()
        self.q = self.rng.dirichlet(np.ones(self.K), size=self.N)
        self.p_joint = self.joint(self.phi, self.mu, self.cov)  # p(x, z): (N, K)
        self.p = self.p_joint.sum(1)  # p(x): (N,)
        self.post = self.p_joint / self.p[:, None]  # p(z | x): (N, K)

    def mixture(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        factors = self.rng.normal(size=(self.K, self.D, self.D))
        covs = factors @ factors.transpose(0, 2, 1) + 0.5 * np.eye(self.D)
        return self.rng.dirichlet(np.ones(self.K) * 3), self.rng.normal(size=(self.K, self.D)) * 2, covs

    def joint(self, phi, mu, cov) -> np.ndarray:
        return np.stack(
            [phi[k] * multivariate_normal(mu[k], cov[k]).pdf(self.x) for k in range(self.K)], axis=1
        )  # (N, K)

    def bound(self, q, phi, mu, cov) -> np.ndarray:
        """Σ_z q log p(x, z)/q for each point."""
        return (q * (np.log(self.joint(phi, mu, cov)) - np.log(q))).sum(1)

    def torch_mixture(self) -> GaussianMixture:
        return GaussianMixture(*(torch.tensor(values) for values in (self.phi, self.mu, self.cov)))


def kl(q: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (q * np.log(q / p)).sum(-1)


def fails(lower: object, upper: object) -> float:
    """By how much lower ≤ upper is wrong."""
    return float(np.maximum(np.asarray(lower) - np.asarray(upper), 0).max())


def decomposition(c: Scene) -> Sides:
    left = np.log(c.p)
    yield "any_q", left, (c.q * left[:, None]).sum(1)
    yield "bayes", left, (c.q * np.log(c.p_joint / c.post)).sum(1)
    yield "one", left, (c.q * np.log(c.p_joint / c.q * (c.q / c.post))).sum(1)
    first, second = (c.q * np.log(c.p_joint / c.q)).sum(1), (c.q * np.log(c.q / c.post)).sum(1)
    yield "split", left, first + second
    yield "names", left, c.bound(c.q, c.phi, c.mu, c.cov) + kl(c.q, c.post)
    yield "names", c.torch_mixture().log_prob(torch.tensor(c.x)), first + second
    yield "bound", fails(first, left), 0.0
    yield "points", left.mean(), first.mean() + second.mean()


def kl_not_negative(c: Scene) -> Sides:
    u = np.exp(c.rng.normal(size=200) * 2)
    yield "tangent", fails(np.log(u), u - 1), 0.0
    yield "tangent", np.log(1.0), 0.0
    yield "tangent", bool(np.all(np.log(u) < u - 1)), True
    q, p = c.q.copy(), c.post
    q[:, 0] = 0  # a distribution that leaves a value out
    q /= q.sum(1, keepdims=True)
    some = q > 0
    divergence = np.array([(a[s] * np.log(a[s] / b[s])).sum() for a, b, s in zip(q, p, some, strict=True)])
    turned = np.array([(a[s] * np.log(b[s] / a[s])).sum() for a, b, s in zip(q, p, some, strict=True)])
    yield "turn", -divergence, turned
    inserted = np.array([(a[s] * (b[s] / a[s] - 1)).sum() for a, b, s in zip(q, p, some, strict=True)])
    covered = (p * some).sum(1)
    yield "insert", fails(turned, inserted), 0.0
    yield "insert", inserted, covered - 1
    yield "sum", fails(covered, 1.0), 0.0
    yield "sum", fails(0.0, divergence), 0.0
    yield "equal", kl(p, p), np.zeros(c.N)
    yield "equal", bool((kl(c.q, p) > 0).all()), True
    ratio = np.array([(a[s] * (b[s] / a[s])).sum() for a, b, s in zip(q, p, some, strict=True)])
    yield "jensen", fails(turned, np.log(ratio)), 0.0
    yield "jensen", fails(np.log(ratio), 0.0), 0.0


def the_e_step(c: Scene) -> Sides:
    left, other = np.log(c.p), c.rng.dirichlet(np.ones(c.K), size=c.N)
    bounds = [c.bound(q, c.phi, c.mu, c.cov) for q in (c.q, other)]
    gaps = [kl(q, c.post) for q in (c.q, other)]
    yield "same", bounds[0] + gaps[0], bounds[1] + gaps[1]  # whatever q is
    yield "same", bounds[0] > bounds[1], gaps[0] < gaps[1]
    yield "zero", kl(c.post, c.post), np.zeros(c.N)
    yield "zero", bool((gaps[0] > 0).all()), True
    gamma = c.torch_mixture().responsibilities(torch.tensor(c.x)).numpy()
    yield "bayes", gamma, c.post
    found = e_step(Points(torch.tensor(c.x)), Components.of(c.torch_mixture(), Points(torch.tensor(c.x))))
    yield "bayes", found.responsibilities.T, c.post
    yield "touch", (c.post * np.log(c.p_joint / c.post)).sum(1), left
    yield "touch", found.lower_bound, left.mean()


def the_m_step(c: Scene) -> Sides:
    gamma, x = c.post, c.x
    n_k = gamma.sum(0)
    density = c.p_joint / c.phi
    entropy = -(gamma * np.log(gamma)).sum()
    whole = c.bound(gamma, c.phi, c.mu, c.cov).sum()
    yield "bound", whole, (gamma * np.log(c.phi * density)).sum() + entropy
    yield "split", whole, (n_k * np.log(c.phi)).sum() + (gamma * np.log(density)).sum() + entropy
    k = 1
    away = x - c.mu[k]
    inverse = np.linalg.inv(c.cov[k])
    quadratic = np.einsum("nd,de,ne->n", away, inverse, away)
    normal = -quadratic / 2 - np.linalg.slogdet(c.cov[k])[1] / 2 - c.D / 2 * math.log(2 * math.pi)
    yield "normal", normal, np.log(density[:, k])

    def part(mean: Tensor, precision: Tensor) -> Tensor:
        """Σ γ log N of one component."""
        off = torch.tensor(x) - mean
        logs = torch.logdet(precision) - (off @ precision * off).sum(1) - c.D * math.log(2 * math.pi)
        return (torch.tensor(gamma[:, k]) * logs / 2).sum()

    mean, precision = torch.tensor(c.mu[k], requires_grad=True), torch.tensor(inverse, requires_grad=True)
    by_mean, by_precision = torch.autograd.grad(part(mean, precision), (mean, precision))
    yield "mean_gradient", by_mean.numpy(), inverse @ (gamma[:, k] @ away)
    best_mean = gamma.T @ x / n_k[:, None]
    yield "mean", inverse @ (gamma[:, k] @ (x - best_mean[k])), np.zeros(c.D)
    outer = np.einsum("n,nd,ne->de", gamma[:, k], away, away)
    yield "cov_gradient", by_precision.numpy(), n_k[k] * c.cov[k] / 2 - outer / 2
    off = x[:, None] - best_mean
    best_cov = np.einsum("nk,nkd,nke->kde", gamma, off, off) / n_k[:, None, None]
    outer = np.einsum("n,nd,ne->de", gamma[:, k], off[:, k], off[:, k])
    yield "cov", n_k[k] * best_cov[k] / 2 - outer / 2, np.zeros((c.D, c.D))
    phi = torch.tensor(c.phi, requires_grad=True)
    multiplier = 7.0
    lagrangian = (torch.tensor(n_k) * phi.log()).sum() + multiplier * (1 - phi.sum())
    yield (
        "lagrange",
        lagrangian.detach().item(),
        (n_k * np.log(c.phi)).sum(),
    )  # φ adds up to one: the condition adds nothing
    yield "weight_gradient", torch.autograd.grad(lagrangian, phi)[0].numpy(), n_k / c.phi - multiplier
    yield "weight_gradient", n_k / (n_k / multiplier) - multiplier, np.zeros(c.K)
    yield "multiplier", (n_k / c.N).sum(), 1.0
    yield "multiplier", n_k.sum(), float(c.N)
    best_phi = n_k / c.N
    yield "weight", (n_k / best_phi), np.full(c.K, float(c.N))
    others = c.rng.dirichlet(np.ones(c.K), size=100)
    yield "weight", fails((n_k * np.log(others)).sum(1), (n_k * np.log(best_phi)).sum()), 0.0
    points = Points(torch.tensor(x))
    made, _ = m_step(points, gamma.T.copy(), Components.of(c.torch_mixture(), points), 0.0)
    for line, ours, theirs in (
        ("mean", made.mixture.means, best_mean), ("cov", made.mixture.covs, best_cov),
        ("weight", made.mixture.weights, best_phi),
    ):  # fmt: skip
        yield line, ours.numpy(), theirs


def never_falls(c: Scene) -> Sides:
    states = list(em.expectation_maximization(torch.tensor(c.x), c.torch_mixture(), max_iterations=6, tolerance=0))
    for start, e, m in zip(states[0::2], states[1::2], states[2::2], strict=False):
        gamma, new = e.responsibilities.numpy(), m.mixture
        arrays = [t.numpy() for t in (new.weights, new.means, new.covs)]
        bound, before = c.bound(gamma, *arrays).mean(), start.log_likelihood
        divergence = kl(gamma, new.responsibilities(torch.tensor(c.x)).numpy()).mean()
        yield "e", e.lower_bound, before
        yield "m", fails(e.lower_bound, bound), 0.0
        yield "m", bound, m.lower_bound
        yield "gap", bound, m.log_likelihood - divergence
        yield "gap", fails(bound, m.log_likelihood), 0.0
        yield "chain", fails(before, m.log_likelihood), 0.0
        yield "gain", m.log_likelihood - before, (bound - e.lower_bound) + divergence
    other = c.mixture()
    yield "m", fails(c.bound(c.post, *other).mean(), states[2].lower_bound), 0.0  # no other mixture is higher


def kl_likelihood(c: Scene) -> Sides:
    edges = np.linspace(-4, 4, 12)
    points = np.clip(c.rng.normal(size=300), -3.9, 3.9)
    classes = np.digitize(points, edges) - 1
    share = np.bincount(classes, minlength=len(edges) - 1) / len(points)
    some = share > 0

    def probability(mean: float) -> np.ndarray:
        return np.diff(norm(mean, 1.2).cdf(edges))

    p = probability(0.4)
    divergence = (share[some] * np.log(share[some] / p[some])).sum()
    own = (share[some] * np.log(share[some])).sum()
    yield "kl", divergence, sum(s * math.log(s / b) for s, b in zip(share, p, strict=True) if s)
    yield "split", divergence, own - (share[some] * np.log(p[some])).sum()
    yield "counts", (share[some] * np.log(p[some])).sum(), np.log(p[classes]).mean()
    means = np.linspace(-1, 1, 41)
    likelihoods = np.array([np.log(probability(m)[classes]).mean() for m in means])
    divergences = np.array([(share[some] * np.log(share[some] / probability(m)[some])).sum() for m in means])
    yield "same", divergences + likelihoods, np.full(len(means), own)
    yield "same", int(divergences.argmin()), int(likelihoods.argmax())


def epsilon(c: Scene) -> Sides:
    x, book = data.old_faithful().values, em_starts.book_start()
    logs = np.logaddexp(
        *(
            math.log(0.5) + multivariate_normal(mean, np.eye(2)).logpdf(x.numpy())
            for mean in ((0.0, 50.0), (0.0, 100.0))
        )
    )
    yield "true", next(em.expectation_maximization(x, book)).log_likelihood, logs.mean()
    yield "true", round(float(logs.mean()), 3), -137.488
    printed = np.log(np.exp(logs) + 1e-8)
    yield "printed", em_starts.book_log_likelihood(x, book), printed.mean()
    yield "printed", round(float(printed.mean()), 3), -16.538
    yield "floor", fails(math.log(1e-8), printed), 0.0
    yield "floor", round(math.log(1e-8), 2), -18.42


class TestDerivations(EveryLine):
    page, scene = "em", Scene
    seeds, rtol, atol = 5, 1e-9, 1e-9
    sides = {
        "decomposition": decomposition,
        "kl_not_negative": kl_not_negative,
        "e_step": the_e_step,
        "m_step": the_m_step,
        "never_falls": never_falls,
        "kl_likelihood": kl_likelihood,
        "epsilon": epsilon,
    }
