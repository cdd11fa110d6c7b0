"""Every line of every derivation of step 3, at random numbers in float64, and against the code that it explains.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides.
"""

import itertools
import math

import torch
from scipy import stats
from torch import Tensor

from core.multivariate_normal import MultivariateNormal, covariance, sample_by_steps
from tests.core.derivations import EveryLine, Sides

D, A, N = 5, 2, 12  # dimensions, those asked about (the first), points


class Scene:
    """A random mean and covariance, a factor of it that is not triangular, places and points."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.mu = self.draw(D)
        self.L = 0.4 * self.draw(D, D) + 2 * torch.eye(D, dtype=torch.float64)  # any invertible one will do
        self.cov = self.L @ self.L.T
        self.z, self.x = self.draw(D), 2 * self.draw(D)
        self.points = 1.5 * self.draw(N, D) + self.draw(D)
        self.normal = MultivariateNormal(self.mu, self.cov)
        self.std = 0.5 + torch.rand(2, generator=self.generator, dtype=torch.float64)
        self.rho = 1.8 * float(torch.rand(1, generator=self.generator, dtype=torch.float64)) - 0.9

    def draw(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)


def density(c: Scene) -> Sides:
    inverse = torch.linalg.inv(c.L)
    each = torch.as_tensor(stats.norm.pdf(c.z.numpy())).prod()
    yield "independent", each, (2 * math.pi) ** (-D / 2) * torch.exp(-0.5 * c.z @ c.z)
    x = c.mu + c.L @ c.z
    yield "map", inverse @ (x - c.mu), c.z
    jacobian = torch.autograd.functional.jacobian(lambda place: torch.linalg.solve(c.L, place - c.mu), x)
    truth = math.exp(stats.multivariate_normal(c.mu.numpy(), c.cov.numpy()).logpdf(x.numpy()))
    yield "change", truth / each, jacobian.det().abs()
    yield "jacobian", jacobian, inverse
    yield "jacobian", inverse.det().abs(), 1 / c.L.det().abs()
    white = inverse @ (c.x - c.mu)
    at_x = math.exp(stats.multivariate_normal(c.mu.numpy(), c.cov.numpy()).logpdf(c.x.numpy()))
    yield "insert", at_x, torch.exp(-0.5 * white @ white) / ((2 * math.pi) ** (D / 2) * c.L.det().abs())
    away = c.x - c.mu
    squared = away @ torch.linalg.inv(c.L @ c.L.T) @ away
    yield "quadratic", white @ white, squared
    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=D)), dtype=torch.float64)  # mean 0, covariance I
    yield "covariance", signs.T @ signs / len(signs), torch.eye(D, dtype=torch.float64)
    yield "covariance", (signs @ c.L.T).T @ (signs @ c.L.T) / len(signs), c.L @ c.L.T
    yield "covariance", c.cov, c.L @ c.L.T
    yield "determinant", c.cov.det(), c.L.det() * c.L.T.det()
    yield "determinant", c.cov.det(), c.L.det() ** 2
    by_formula = torch.exp(-0.5 * away @ torch.linalg.inv(c.cov) @ away) / ((2 * math.pi) ** D * c.cov.det()).sqrt()
    yield "density", at_x, by_formula
    yield "density", c.normal.log_prob(c.x).exp(), by_formula
    triangular = c.normal.factor
    white = torch.linalg.inv(triangular) @ away
    log = -0.5 * (D * math.log(2 * math.pi) + white @ white) - triangular.diagonal().log().sum()
    yield "logarithm", log, math.log(at_x)
    yield "logarithm", log, c.normal.log_prob(c.x)


def conditional(c: Scene) -> Sides:
    a, b = slice(0, A), slice(A, D)
    S, P = c.cov, torch.linalg.inv(c.cov)
    v = c.x - c.mu
    yield "blocks", torch.cat([torch.cat([P[a, a], P[a, b]], 1), torch.cat([P[b, a], P[b, b]], 1)]), torch.linalg.inv(S)
    yield "blocks", P[a, b], P[b, a].T

    def Q(v: Tensor) -> Tensor:
        return v[a] @ P[a, a] @ v[a] + 2 * v[a] @ P[a, b] @ v[b] + v[b] @ P[b, b] @ v[b]

    other = c.draw(D)
    gap = c.normal.log_prob(c.mu + v) - c.normal.log_prob(c.mu + other)  # the constant falls out
    yield "exponent", gap, -0.5 * (Q(v) - Q(other))
    slope = torch.linalg.inv(P[a, a]) @ P[a, b]
    rest = P[b, b] - P[b, a] @ slope
    moved = v[a] + slope @ v[b]
    yield "square", Q(v), moved @ P[a, a] @ moved + v[b] @ rest @ v[b]
    first = MultivariateNormal(c.mu[a] - slope @ v[b], torch.linalg.inv(P[a, a]))
    second = MultivariateNormal(c.mu[b], torch.linalg.inv(rest))
    yield "split", first.log_prob(c.x[a]) + second.log_prob(c.x[b]), c.normal.log_prob(c.x)
    yield "inverse", P[a, a] @ S[a, b] + P[a, b] @ S[b, b], torch.zeros(A, D - A, dtype=torch.float64)
    yield "inverse", P[a, a] @ S[a, a] + P[a, b] @ S[b, a], torch.eye(A, dtype=torch.float64)
    yield "inverse", P[b, a] @ S[a, b] + P[b, b] @ S[b, b], torch.eye(D - A, dtype=torch.float64)
    regression = S[a, b] @ torch.linalg.inv(S[b, b])
    yield "slope", slope, -regression
    yield "schur", torch.linalg.inv(P[a, a]), S[a, a] + slope @ S[b, a]
    yield "schur", torch.linalg.inv(P[a, a]), S[a, a] - regression @ S[b, a]
    yield "other", rest @ S[b, b], P[b, b] @ S[b, b] + P[b, a] @ S[a, b]
    yield "other", rest @ S[b, b], torch.eye(D - A, dtype=torch.float64)
    marginal = c.normal.marginal(list(range(A, D)))
    yield "marginal", second.log_prob(c.x[b]), marginal.log_prob(c.x[b])
    yield "marginal", marginal.cov, S[b, b]
    known = c.normal.condition(list(range(A, D)), c.x[b])
    yield "conditional", known.mean, c.mu[a] + regression @ (c.x[b] - c.mu[b])
    yield "conditional", known.cov, S[a, a] - regression @ S[b, a]
    yield "conditional", known.log_prob(c.x[a]), first.log_prob(c.x[a])
    (sx, sy), (mx, my) = c.std.tolist(), c.mu[:2].tolist()
    at = float(c.x[0])
    two = MultivariateNormal(c.mu[:2], covariance(c.std, c.rho)).condition(0, at)
    yield "two", two.mean, [my + c.rho * sy / sx * (at - mx)]
    yield "two", two.cov, [[(1 - c.rho**2) * sy**2]]


def likeliest(c: Scene) -> Sides:
    x, mu, cov = c.points, c.mu, c.cov
    inverse = torch.linalg.inv(cov)

    def log_likelihood(mu: Tensor, cov: Tensor) -> Tensor:
        away = x - mu
        squares = torch.einsum("ni,ij,nj->", away, torch.linalg.inv(cov), away)
        return -N * D / 2 * math.log(2 * math.pi) - N / 2 * torch.logdet(cov) - 0.5 * squares

    yield "likelihood", log_likelihood(mu, cov), MultivariateNormal(mu, cov).log_prob(x).sum()
    slope = torch.autograd.functional.jacobian(lambda m: log_likelihood(m, cov), mu)
    yield "slope", slope, inverse @ (x - mu).sum(0)
    best = x.sum(0) / N
    fitted = MultivariateNormal.fit(x)
    yield "mean", inverse @ (x - best).sum(0), torch.zeros(D, dtype=torch.float64)
    yield "mean", fitted.mean, best
    S = (x - best).T @ (x - best) / N
    squares = torch.einsum("ni,ij,nj->", x - best, inverse, x - best)
    yield "trace", squares, N * torch.trace(inverse @ S)

    def of_precision(P: Tensor) -> Tensor:
        return N / 2 * torch.logdet(P) - N / 2 * torch.trace(P @ S)

    yield "precision", log_likelihood(best, cov) + N * D / 2 * math.log(2 * math.pi), of_precision(inverse)
    yield "trace_rule", torch.autograd.functional.jacobian(lambda P: torch.trace(P @ S), inverse), S.T
    yield "trace_rule", S.T, S
    yield "determinant_rule", torch.autograd.functional.jacobian(torch.logdet, inverse), torch.linalg.inv(inverse).T
    yield "determinant_rule", torch.linalg.inv(inverse).T, cov
    yield "zero", torch.autograd.functional.jacobian(of_precision, inverse), N / 2 * (cov - S)
    at_best = torch.autograd.functional.jacobian(of_precision, torch.linalg.inv(S))
    yield "zero", at_best / torch.linalg.norm(S), torch.zeros(D, D, dtype=torch.float64)
    yield "zero", fitted.cov, S
    ratios = torch.linalg.eigvals(inverse @ S).real
    lost = log_likelihood(best, S) - log_likelihood(best, cov)
    yield "maximum", lost, N / 2 * (ratios - 1 - ratios.log()).sum()
    assert float(lost) > 0
    # every possible data set of three points drawn from four places, each as likely: an exact expectation
    places = c.draw(4, 2)
    away = places - places.mean(0)
    sets = torch.stack([places[list(chosen)] for chosen in itertools.product(range(4), repeat=3)])  # (64, 3, 2)
    yield "bias", MultivariateNormal.fit(sets).cov.mean(0), (3 - 1) / 3 * away.T @ away / 4


def cholesky(c: Scene) -> Sides:
    (sx, sy), rho = c.std.tolist(), c.rho
    normal = MultivariateNormal(c.mu[:2], covariance(c.std, rho))
    L = normal.factor
    yield "product", L @ L.T, normal.cov
    yield "product", L[0, 1], 0.0
    (l11, _), (l21, l22) = L.tolist()
    yield "compare", normal.cov, [[sx**2, rho * sx * sy], [rho * sx * sy, sy**2]]
    yield "compare", normal.cov, [[l11**2, l11 * l21], [l11 * l21, l21**2 + l22**2]]
    yield "solve", [l11, l21, l22], [sx, rho * sy, math.sqrt(1 - rho**2) * sy]
    shear = torch.tensor([[1.0, 0.0], [l21 / l11, 1.0]], dtype=torch.float64)
    stretch = torch.tensor([[l11, 0.0], [0.0, l22]], dtype=torch.float64)
    yield "steps", L, shear @ stretch
    z, stretched, sheared, shifted = sample_by_steps(normal, 9, generator=c.generator)
    yield "steps", stretched.points, z.points @ stretch.T
    yield "steps", sheared.points, stretched.points @ shear.T
    yield "steps", sheared.cov, shear @ stretched.cov @ shear.T
    signs = torch.tensor(
        [[p, q] for p in (-1.0, 1.0) for q in (-1.0, 1.0)], dtype=torch.float64
    )  # mean 0, covariance I
    moved = MultivariateNormal.fit(normal.mean + signs @ L.T)
    yield "moments", moved.mean, normal.mean
    yield "moments", moved.cov, normal.cov
    yield "moments", shifted.points, normal.mean + z.points @ L.T


class TestDerivations(EveryLine):
    page, scene = "multivariate_normal", Scene
    seeds, rtol, atol = 25, 1e-9, 1e-10
    sides = {
        "density": density,
        "conditional": conditional,
        "likeliest": likeliest,
        "cholesky": cholesky,
    }
