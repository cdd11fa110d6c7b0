"""What a perfectly trained network would say: the exact noise prediction, for data from a mixture of Gaussians.

Noise keeps a mixture a mixture: component k of the data, N(μ_k, Σ_k), has become N(√ᾱ_t μ_k, ᾱ_t Σ_k + (1−ᾱ_t) I) at
level t. So the score ∇ log p_t is known in closed form, and with it the best possible prediction of the noise.
"""

import torch
from torch import Tensor

from core.diffusion.forward import signal_and_noise
from core.diffusion.prediction import score_from_noise
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture


class MixtureDenoiser:
    """The exact Denoiser for data from a Gaussian mixture; a label is the number of a component.

    A component of the data may be flat or a single point: from level 1 on, noise has filled the space around it.
    """

    def __init__(self, mixture: GaussianMixture, schedule: NoiseSchedule):
        self.mixture = mixture
        self.schedule = schedule
        # Σ_k = U_k Λ_k U_kᵀ. Noise stretches the axes and leaves their directions, so that this is needed only once.
        eigenvalues, self._axes = torch.linalg.eigh(mixture.covs)  # Λ (K, D), U (K, D, D)
        self._variances = eigenvalues.clamp(min=0)  # (K, D)

    def marginal(self, t: int) -> GaussianMixture:
        """p_t, the distribution of x_t, as a mixture again; p_0 is the data. Raises ValueError for t outside 0..T."""
        if not 0 <= t <= self.schedule.T:
            raise ValueError(f"Levels must lie in 0..{self.schedule.T}, but t is {t}.")
        alpha_bar = self.schedule.alpha_bar[t]
        identity = torch.eye(self.mixture.means.shape[1], dtype=torch.float64, device="cpu")
        return GaussianMixture(
            self.mixture.weights,
            alpha_bar.sqrt() * self.mixture.means,
            alpha_bar * self.mixture.covs + (1 - alpha_bar) * identity,
        )

    def __call__(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """E[ε | x_t] = −√(1−ᾱ_t) ∇ log p_t(x_t): Tweedie's formula, Efron 2011, for the noise.

        x: (N, D), or (N, …) with D values in each element; t: (N,) in 1..T; label: (N,) in −1..K−1, −1 (or None) for
        the whole mixture. Computed on x's device in x's dtype; returns the shape of x.
        Raises ValueError for a level or a label out of range, and for x of another size.
        """
        log_normal, along, variance, sigma, axes = self._components(x, t)
        weights = self.mixture.weights.to(x)
        share = (_log_prior(weights, label, len(x)) + log_normal).softmax(dim=0)  # p(k | x_t): (K, N)
        minus_score = (share[:, :, None] * ((along / variance) @ axes.mT)).sum(dim=0)  # −∇ log p_t: (N, D)
        return (sigma * minus_score).reshape(x.shape)

    def score(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """∇ log p_t(x), where p_t grows fastest. Arguments and errors as for the call; shaped like x."""
        return score_from_noise(self.schedule, x, t, self(x, t, label))

    def log_posterior(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """log p_t(label | x_t), (N,) in nats, by Bayes' rule: what a perfect classifier of noisy points would say.

        Differentiable in x; arguments and errors as for the noise, labels in 0..K−1.
        """
        log_normal, *_ = self._components(x, t)
        log_joint = self.mixture.weights.to(x).log()[:, None] + log_normal  # log p(k, x_t), up to one constant: (K, N)
        return log_joint.log_softmax(dim=0).gather(0, label.to(x.device)[None])[0]

    def _components(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """log N(x_t | k) up to a constant (K, N), x − √ᾱ μ_k along the axes of k, the variances there, √(1−ᾱ), U."""
        size = self.mixture.means.shape[1]
        if x.shape[1:].numel() != size:
            raise ValueError(f"The data of this mixture have {size} values each.")
        if bool((t < 1).any()):
            raise ValueError(f"Noise can be predicted at the levels 1..{self.schedule.T}; level 0 has none.")
        signal, sigma = signal_and_noise(self.schedule, t, x.flatten(1))  # √ᾱ, √(1−ᾱ): (N, 1) each
        means, variances, axes = (tensor.to(x) for tensor in (self.mixture.means, self._variances, self._axes))
        away = x.flatten(1) - signal * means[:, None]  # x − √ᾱ μ_k: (K, N, D)
        along = away @ axes  # the same, along the axes of component k: (K, N, D)
        variance = (signal**2) * variances[:, None] + sigma**2  # of p_t along these axes: (K, N, D)
        log_normal = -0.5 * (along**2 / variance + variance.log()).sum(dim=2)  # up to a constant: (K, N)
        return log_normal, along, variance, sigma, axes


def _log_prior(weights: Tensor, label: Tensor | None, n: int) -> Tensor:
    """log p(k) for each of n points, (K, n): the weights without a label, and certainty of component k with label k."""
    log_weights = weights.log()[:, None].expand(-1, n)  # (K, n)
    if label is None:
        return log_weights
    if bool((label < -1).any()) or bool((label >= len(weights)).any()):
        raise ValueError(f"Labels must lie in 0..{len(weights) - 1}, or be -1 for none.")
    label = label.to(weights.device)
    components = torch.arange(len(weights), device=weights.device)[:, None]  # (K, 1)
    certain = torch.where(components == label, 0.0, -torch.inf).to(weights)  # (K, n)
    return torch.where(label < 0, log_weights, certain)
