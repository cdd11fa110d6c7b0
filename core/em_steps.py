"""The two half steps of EM for a mixture of Gaussians, on plain arrays: what `core.em` repeats.

The E step asks each point how much it belongs to each component. The M step fits each component to the points, each
counted as much as it belongs to it: three maximum likelihood estimates, weighted.

Points and responsibilities are kept with the points along the last axis, (D, N) and (K, N), and are gone through in
blocks that fit the processor's cache: what is worked out for a block is used up before it has to leave for memory.
NumPy does here what the book does with it; its calls cost less than torch's where N is a few hundred.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.gaussian_mixture import GaussianMixture

BLOCK = (
    2**14
)  # numbers in the largest array that a block makes: 128 KB. Also too little for BLAS to split among threads,
# which for steps as short as these would cost more than it gains, and ten times more where others want the cores
LOG_ZERO = -1e280  # stands for log 0, so that 0 · log 0 is 0 and not NaN
EMPTY = 1e-300  # a component with less than this of one point has no points
ROUNDING = 8 * np.finfo(float).eps  # numbers of size 1 that differ by this do not differ


class FlatComponent(ValueError):
    """Some components have a covariance that is singular to rounding, and so no density."""

    def __init__(self, components: tuple[int, ...]):
        super().__init__(f"Components without width: {components}.")
        self.components = components


class Points:
    """The data as the steps want them: about their centre, one column a point."""

    def __init__(self, x: Tensor):
        """x: (N, D) float64."""
        table = x.detach().numpy()  # (N, D)
        self.centre = table.mean(axis=0)  # (D,). About it, x − μ loses no digits however far from 0 the data lie
        self.values = np.ascontiguousarray((table - self.centre).T)  # (D, N)
        self.resolution = ROUNDING * np.abs(table).max(axis=0)  # (D,): widths below it are rounding, not width

    @property
    def count(self) -> int:
        return self.values.shape[1]

    def blocks(self, count: int) -> list[slice]:
        """Cuts the points so that an array of (K, D) numbers a point, K being the count, fits the cache."""
        length = max(64, BLOCK // (count * max(2, len(self.values))))
        return [slice(first, first + length) for first in range(0, self.count, length)]


@dataclass(frozen=True, eq=False)
class Components:
    """A mixture as the steps want it; `centre` (D,) is where the means' coordinates have their zero."""

    weights: np.ndarray  # φ: (K,)
    means: np.ndarray  # μ: (K, D)
    covs: np.ndarray  # Σ: (K, D, D)
    centre: np.ndarray  # (D,)

    @classmethod
    def of(cls, mixture: GaussianMixture, points: Points) -> "Components":
        """The same mixture, seen from the centre of the points."""
        weights, means, covs = (t.detach().numpy() for t in (mixture.weights, mixture.means, mixture.covs))
        return cls(weights, means - points.centre, covs, points.centre)

    @property
    def mixture(self) -> GaussianMixture:
        """The mixture, where it really is."""
        arrays = (self.weights, self.means + self.centre, self.covs)
        return GaussianMixture.unchecked(*(torch.from_numpy(array) for array in arrays))

    def factors(self, resolution: np.ndarray) -> np.ndarray:
        """L with L Lᵀ = Σ for every component, (K, D, D). FlatComponent where Σ is singular to rounding.

        L_ii² is what is left of Σ_ii when the coordinates before i are known. Rounding makes it uncertain by about
        D ε Σ_ii, and a width below the resolution (D,) of the data is none.
        """
        try:
            factors = np.linalg.cholesky(self.covs)  # (K, D, D)
        except np.linalg.LinAlgError:
            factors = np.stack([_cholesky_or_zero(cov) for cov in self.covs])
        left = np.square(np.diagonal(factors, axis1=1, axis2=2))  # (K, D)
        doubt = ROUNDING * len(resolution) * np.diagonal(self.covs, axis1=1, axis2=2)  # (K, D)
        flat = ~(left > np.maximum(doubt, np.square(resolution))).all(axis=1)  # (K,)
        if flat.any():
            raise FlatComponent(tuple(np.flatnonzero(flat).tolist()))
        return factors


@dataclass(frozen=True, eq=False)
class Posterior:
    """What the E step finds. Log-likelihood and bounds are means per point, in nats."""

    responsibilities: np.ndarray  # r = p(k | x): (K, N)
    log_likelihood: float  # of the mixture: mean of log p(x)
    lower_bound: float  # of the mixture, with r in the place of q
    entropy: float  # of r: mean of −Σ_k r log r
    earlier_bound: float  # of the mixture, with the responsibilities of `earlier` in the place of q


def e_step(points: Points, parts: Components, earlier: Posterior | None = None) -> Posterior:
    """r = p(k | x) by Bayes (Bishop 2006, equation 9.13), and how good the mixture is.

    The lower bound with shares q is Σ_k q (log p(x, k) − log q) (Bishop 2006, equation 9.71), here with q = r and with
    the q of an earlier E step: what is left of its bound, or gained, when the mixture is this one.
    Raises FlatComponent where a component has no density.
    """
    count, size = parts.means.shape
    factors = parts.factors(points.resolution)  # L: (K, D, D)
    half_log_det = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)  # ½ log det Σ: (K,)
    log_weight = np.log(parts.weights, out=np.full(count, LOG_ZERO), where=parts.weights > 0)  # (K,)
    log_scale = (log_weight - half_log_det - 0.5 * size * math.log(2 * math.pi))[:, None]  # (K, 1)
    whiten = np.linalg.inv(factors) * math.sqrt(0.5)  # L⁻¹/√2, so that ‖z‖² is already half the distance: (K, D, D)
    mean_z = (whiten @ parts.means[:, :, None]).reshape(-1, 1)  # (K·D, 1)
    whiten = whiten.reshape(-1, size)  # (K·D, D)

    r = np.empty((count, points.count))  # (K, N)
    log_likelihood = entropy = expected = expected_earlier = 0.0
    for block in points.blocks(count):
        z = whiten @ points.values[:, block]  # (K·D, B)
        z -= mean_z  # L⁻¹ (x − μ)/√2
        np.square(z, out=z)
        joint = log_scale - z.reshape(count, size, -1).sum(axis=1)  # log p(x, k): (K, B)
        largest = joint.max(axis=0)  # (B,)
        log_r = joint - largest  # up to a constant for each point: (K, B)
        share = np.exp(log_r)
        total = share.sum(axis=0)  # p(x), over the largest: (B,)
        log_total = np.log(total)
        log_r -= log_total  # log p(k | x)
        share /= total  # p(k | x)
        r[:, block] = share
        log_likelihood += largest.sum() + log_total.sum()
        expected += np.vdot(share, joint)  # Σ r log p(x, k)
        entropy -= np.vdot(share, log_r)  # −Σ r log r
        if earlier is not None:
            expected_earlier += np.vdot(earlier.responsibilities[:, block], joint)
    n = points.count
    held = math.nan if earlier is None else float(expected_earlier / n + earlier.entropy)
    return Posterior(r, float(log_likelihood / n), float((expected + entropy) / n), float(entropy / n), held)


def m_step(points: Points, r: np.ndarray, before: Components, floor: float) -> tuple[Components, tuple[int, ...]]:
    """The mixture that makes the lower bound largest while the responsibilities r, (K, N), are held.

    N_k = Σ_n r, φ_k = N_k / N, μ_k = Σ_n r x / N_k, Σ_k = Σ_n r (x − μ_k)(x − μ_k)ᵀ / N_k: Bishop 2006, equations 9.24
    to 9.27. Among covariances with no eigenvalue below the floor, the best is that Σ_k with its small eigenvalues
    raised to the floor. A component without points keeps its mean and covariance from before, with weight 0.
    Returns the components, and the numbers of those that the floor holds up.
    """
    count, size = len(r), len(points.values)
    n_k = r.sum(axis=1)  # (K,)
    empty = n_k < EMPTY
    some = np.where(empty, 1.0, n_k)  # (K,)
    total, scatter = np.zeros((count, size)), np.zeros((count, size, size))
    for block in points.blocks(count):
        total += r[:, block] @ points.values[:, block].T  # Σ r x: (K, D)
    means = total / some[:, None]  # (K, D)
    for block in points.blocks(count):
        away = points.values[:, block] - means[:, :, None]  # x − μ_k: (K, D, B)
        away *= np.sqrt(r[:, None, block])
        scatter += away @ away.transpose(0, 2, 1)  # Σ r (x − μ_k)(x − μ_k)ᵀ: (K, D, D)
    covs = scatter / some[:, None, None]
    weights = n_k / n_k.sum()
    if empty.any():
        weights[empty], means[empty], covs[empty] = 0.0, before.means[empty], before.covs[empty]
    covs, floored = raise_to_floor(covs, floor)
    return Components(weights, means, covs, before.centre), floored


def raise_to_floor(covs: np.ndarray, floor: float) -> tuple[np.ndarray, tuple[int, ...]]:
    """Raises every eigenvalue of the covariances, (K, D, D), that is below the floor to it; which ones that were.

    It maximises −log det Σ − tr(Σ⁻¹ S) over the Σ allowed (Anderson, Lemma 3.2.2, in the axes of S), and so is the
    exact M step with a floor. A ridge, Σ + floor · I, is not: with it the bound can fall.
    """
    if floor <= 0:
        return covs, ()
    low = np.linalg.eigvalsh(covs)[:, 0] < floor  # (K,)
    if not low.any():
        return covs, ()
    covs = covs.copy()
    eigenvalues, axes = np.linalg.eigh(covs[low])  # (J, D), (J, D, D)
    raised = (axes * np.maximum(eigenvalues, floor)[:, None, :]) @ axes.transpose(0, 2, 1)
    covs[low] = (raised + raised.transpose(0, 2, 1)) / 2
    return covs, tuple(np.flatnonzero(low).tolist())


def _cholesky_or_zero(cov: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        return np.zeros_like(cov)
