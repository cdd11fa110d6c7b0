"""One step of the way back, and how good its end is, wherever both are known exactly.

Data from a mixture of Gaussians keep everything in closed form: q(x_s | x_t) for any two levels is a mixture again, and
so it is seen how far one normal distribution, all that a sampler draws from, is from it.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import bdtrc
from torch import Tensor

from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture


@dataclass(frozen=True, eq=False)
class Posterior:
    """q(x_s | x_t) for each of N points x_t: mixtures of K normals that share their covariances.

    weights: (N, K), p(k | x_t)
    means: (N, K, D)
    covs: (K, D, D)
    """

    weights: Tensor
    means: Tensor
    covs: Tensor

    def mean(self) -> Tensor:
        """E[x_s | x_t], (N, D)."""
        return (self.weights[:, :, None] * self.means).sum(dim=1)

    def cov(self) -> Tensor:
        """Cov[x_s | x_t], (N, D, D): the mean of the components' covariances, and the covariance of their means."""
        away = self.means - self.mean()[:, None]  # (N, K, D)
        between = torch.einsum("nk,nki,nkj->nij", self.weights, away, away)
        return torch.einsum("nk,kij->nij", self.weights, self.covs) + between

    def log_prob(self, x: Tensor) -> Tensor:
        """log q(x_s | x_t) in one dimension, in nats. x: (N, M), M places for each point. Returns (N, M)."""
        return _log_sum(self.weights, self.means[:, :, 0], self.covs[:, 0, 0].expand_as(self.weights), x)

    def log_prob_of_best_normal(self, x: Tensor) -> Tensor:
        """The same for the normal of the same mean and variance, the nearest there is. Bishop 2006, eq. 10.187.

        No other normal has a smaller KL(q ‖ normal): the KL's only part that changes is −E log N, which is a function
        of the mean and the variance alone.
        """
        return _log_sum(torch.ones_like(self.mean()), self.mean(), self.cov()[:, 0], x)


def reverse_posterior(mixture: GaussianMixture, schedule: NoiseSchedule, s: int, t: int, x: Tensor) -> Posterior:
    """q(x_s | x_t): where a point that is at x at level t was at the level s before it. x: (N, D), float64 on the CPU.

    Component k of x_s is N(m, C), with m = √ᾱ_s μ_k and C = ᾱ_s Σ_k + (1−ᾱ_s) I, and x_t = √a x_s + √(1−a) ε with
    a = ᾱ_t/ᾱ_s. So x_s given x_t and k is normal, with G = √a C (a C + (1−a) I)⁻¹, the mean m + G (x_t − √a m) and the
    covariance C − √a G C; Bishop 2006, equations 2.116 and 2.117. Which k it was, Bayes' rule says at level t.
    Raises ValueError unless 0 ≤ s < t ≤ T.
    """
    if not 0 <= s < t <= schedule.T:
        raise ValueError(f"A step back leads from a level t to a level s below it, within 0..{schedule.T}.")
    before, ratio = schedule.alpha_bar[s], schedule.alpha_bar[t] / schedule.alpha_bar[s]  # ᾱ_s and a
    identity = torch.eye(mixture.means.shape[1], dtype=torch.float64, device="cpu")
    m = before.sqrt() * mixture.means  # (K, D)
    C = before * mixture.covs + (1 - before) * identity  # (K, D, D)
    total = ratio * C + (1 - ratio) * identity  # of x_t: (K, D, D)
    gain = ratio.sqrt() * torch.linalg.solve(total, C).mT  # G, since both are symmetric: (K, D, D)
    away = x[:, None] - ratio.sqrt() * m  # (N, K, D)
    means = m + torch.einsum("kij,nkj->nki", gain, away)
    weights = GaussianMixture.unchecked(mixture.weights, ratio.sqrt() * m, total).responsibilities(x)
    return Posterior(weights, means, C - ratio.sqrt() * gain @ C)


def kl_to_best_normal(posterior: Posterior, cells: int = 1200) -> Tensor:
    """KL(q(x_s | x_t) ‖ the normal of its mean and variance) in one dimension, (N,), in nats, by the trapezium rule.

    The KL depends on no unit, so the grid of each point spans what its components span, eight deviations beyond.
    """
    centre, std = posterior.means[:, :, 0], posterior.covs[:, 0, 0].sqrt()  # (N, K), (K,)
    seen = posterior.weights > 1e-12  # components that nothing comes from need no room
    low = torch.where(seen, centre - 8 * std, torch.inf).amin(dim=1, keepdim=True)  # (N, 1)
    high = torch.where(seen, centre + 8 * std, -torch.inf).amax(dim=1, keepdim=True)
    share = torch.linspace(0, 1, cells + 1, dtype=torch.float64, device="cpu")
    x = low + (high - low) * share  # (N, cells + 1)
    log_q = posterior.log_prob(x)
    lost = log_q.exp() * (log_q - posterior.log_prob_of_best_normal(x))
    return torch.trapezoid(lost, x, dim=1).clamp(min=0)


def quantiles(mixture: GaussianMixture, shares: Tensor, halvings: int = 60) -> Tensor:
    """Where a mixture in one dimension has these shares (M,) of its probability to the left, (M,), by bisection."""
    means, std = mixture.means[:, 0], mixture.covs[:, 0, 0].sqrt()  # (K,)
    low = (means - 40 * std).min().expand_as(shares).clone()
    high = (means + 40 * std).max().expand_as(shares).clone()
    for _ in range(halvings):
        middle = (low + high) / 2
        below = torch.special.ndtr((middle[:, None] - means) / std) @ mixture.weights < shares
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def wasserstein(x: Tensor, mixture: GaussianMixture, directions: int = 12) -> Tensor:
    """How far, on average, N points (…, N, D) must be carried to lie as the mixture does: Wasserstein-1, (…).

    In one dimension the nth smallest goes to the (n − ½)/N quantile; Peyré and Cuturi 2019, remark 2.30. In two it is
    the mean over so many directions, evenly turned, in each of which the mixture is one of one dimension: the sliced
    distance, Bonneel et al. 2015. N draws from the mixture itself are not at 0: that is chance's share.
    """
    x = x.to("cpu", torch.float64)
    shares = (torch.arange(x.shape[-2], dtype=torch.float64, device="cpu") + 0.5) / x.shape[-2]
    ways = _ways(x.shape[-1], directions)
    total = torch.zeros(x.shape[:-2], dtype=torch.float64, device="cpu")
    for way in ways:
        total += ((x @ way).sort(dim=-1).values - quantiles(_along(mixture, way), shares)).abs().mean(dim=-1)
    return total / len(ways)


def expected_wasserstein(mixture: GaussianMixture, n: int, directions: int = 12, cells: int = 4000) -> float:
    """What `wasserstein` is on average for n draws from the mixture itself: chance's share, by quadrature.

    Left of a place lie B of the draws, B ~ Bin(n, F) with F the mixture's share there, and m of the n quantiles, those
    whose share (i − ½)/n is at most F. So |B − m| of the n pairs are carried across it, and the mean is the integral of
    E|B − m|/n; E B⁺ past m as in De Moivre's mean deviation (Diaconis and Zabell 1991).
    """
    ways = _ways(mixture.means.shape[1], directions)
    total = 0.0
    for way in ways:
        line = _along(mixture, way)
        means, std = line.means[:, 0], line.covs[:, 0, 0].sqrt()  # (K,)
        low, high = float((means - 9 * std).min()), float((means + 9 * std).max())
        x = torch.linspace(low, high, cells + 1, dtype=torch.float64, device="cpu")
        share = (torch.special.ndtr((x[:, None] - means) / std) @ line.weights).clamp(0, 1).numpy()
        m = np.floor(n * share + 0.5)
        # E (B − m)⁺ = n F P(Bin(n − 1, F) ≥ m) − m P(B > m)
        past = n * share * bdtrc(m - 1, n - 1, share) - m * bdtrc(m, n, share)
        total += float(np.trapezoid(2 * past - (n * share - m), x.numpy())) / n
    return total / len(ways)


def _ways(dimensions: int, directions: int) -> Tensor:
    """Unit vectors (M, D): the one of a line, or so many of the plane, evenly turned."""
    if dimensions == 1:
        return torch.ones(1, 1, dtype=torch.float64, device="cpu")
    angle = torch.arange(directions, dtype=torch.float64, device="cpu") * math.pi / directions
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def _along(mixture: GaussianMixture, way: Tensor) -> GaussianMixture:
    """The mixture as it lies along a unit vector (D,): one of one dimension."""
    variances = (way @ mixture.covs @ way)[:, None, None]
    return GaussianMixture.unchecked(mixture.weights, (mixture.means @ way)[:, None], variances)


def wasserstein_normal(mean_p: float, std_p: float, mean_q: float, std_q: float) -> float:
    """Wasserstein-1 between two normals of one dimension: E|δ + d Z|, where δ and d are the differences of μ and σ.

    Quantile goes to quantile, and each is μ + σ z; the mean of a folded normal is Leone, Nelson and Nottingham 1961.
    """
    shift, spread = mean_p - mean_q, abs(std_p - std_q)
    if spread == 0:
        return abs(shift)
    z = shift / spread
    return spread * math.sqrt(2 / math.pi) * math.exp(-0.5 * z * z) + shift * math.erf(z / math.sqrt(2))


def gaussian_way_back(
    schedule: NoiseSchedule, mean: float, variance: float, visited: list[int], eta: float
) -> tuple[float, float]:
    """Mean and variance of where `ddim` ends for data N(mean, variance), with the exact score, from x_T ~ N(0, 1).

    visited: its levels, from T down to 0; eta: 0 is the ODE's step, 1 the SDE's, which is DDPM's over these levels. The
    exact ε̂ is a straight line in x_t, so a step is x_s = A x_t + B + √v z, and a normal distribution stays one.
    Raises ValueError for a variance that is not above 0.
    """
    if not 0 < variance < math.inf:
        raise ValueError("The data need a variance above 0.")
    alpha_bar = schedule.alpha_bar.tolist()
    m, v = 0.0, 1.0
    for t, s in zip(visited, visited[1:], strict=False):
        left_t, left_s = alpha_bar[t], alpha_bar[s]
        fresh = eta**2 * (1 - left_s) / (1 - left_t) * (1 - left_t / left_s)
        pull = math.sqrt(left_t) * variance / (left_t * variance + 1 - left_t)  # x̂_0 = μ + pull (x_t − √ᾱ_t μ)
        kept = math.sqrt(max(1 - left_s - fresh, 0.0) / (1 - left_t))  # of x_t − √ᾱ_t x̂_0
        A = math.sqrt(left_s) * pull + kept * (1 - math.sqrt(left_t) * pull)
        x0_at_zero = mean - pull * math.sqrt(left_t) * mean
        B = (math.sqrt(left_s) - kept * math.sqrt(left_t)) * x0_at_zero
        m, v = A * m + B, A**2 * v + fresh
    return m, v


def _log_sum(weights: Tensor, means: Tensor, variances: Tensor, x: Tensor) -> Tensor:
    """log Σ_k w_k N(x | m_k, v_k): weights, means, variances (N, K), x (N, M). Returns (N, M)."""
    away = x[:, :, None] - means[:, None]  # (N, M, K)
    log_normal = -0.5 * (away.square() / variances[:, None] + (2 * math.pi * variances[:, None]).log())
    return (weights.log()[:, None] + log_normal).logsumexp(dim=2)
