"""Guidance: a denoiser that is pulled towards what was asked for, by a difference of its own or by a classifier."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from core.diffusion.forward import signal_and_noise
from core.diffusion.prediction import Denoiser
from core.diffusion.schedule import NoiseSchedule

# a callable (x, t, label) -> log p_t(label | x), (N,) in nats, differentiable in x
LogProb = Callable[[Tensor, Tensor, Tensor], Tensor]


def classifier_free(denoiser: Denoiser, scale: float) -> Denoiser:
    """The Denoiser ε̂ = ε(x, ∅) + scale · (ε(x, label) − ε(x, ∅)). Ho and Salimans 2022, equation 6, with scale = 1 + w.

    Scale 1 is the plain conditional prediction, 0 the unconditional one; between the two it interpolates, and beyond 1
    it exaggerates what sets the label apart. Both predictions come from one call on 2N elements; where one of them is
    the answer by itself (scale 0, scale 1, or no label at all), from one call on N.
    Raises ValueError for a scale that is not a finite number.
    """
    _check_finite(scale)

    def guided(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None or scale == 0:
            return denoiser(x, t, None)
        if scale == 1:
            return denoiser(x, t, label)
        labels = torch.cat([label, torch.full_like(label, -1)])  # (2N,)
        conditional, none = denoiser(torch.cat([x, x]), torch.cat([t, t]), labels).chunk(2)  # (N, …) each
        return none + scale * (conditional - none)

    return guided


def classifier_guided(denoiser: Denoiser, log_prob: LogProb, scale: float, schedule: NoiseSchedule) -> Denoiser:
    """The Denoiser ε̂ = ε(x, ∅) − √(1−ᾱ_t) · scale · ∇_x log p_t(label | x). Dhariwal and Nichol 2021, equation 14.

    The denoiser need not know labels; the classifier has to read noisy images at every level t. The gradient is taken
    by autograd, also where the sampler runs without gradients. Elements whose label is −1 are not pulled, and neither
    is anything at scale 0 or without labels: the classifier is not asked then.
    Raises ValueError for a scale that is not a finite number.
    """
    _check_finite(scale)

    def guided(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        none = denoiser(x, t, None)  # (N, …)
        if label is None or scale == 0:
            return none
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(log_prob(at, t, label.clamp(min=0)).sum(), at)  # ∇_x log p_t(y | x)
        _, sigma = signal_and_noise(schedule, t, x)  # √(1−ᾱ_t): (N, 1, …)
        asked = (label >= 0).to(x).reshape(sigma.shape)
        return none - sigma * scale * asked * gradient

    return guided


def composed(denoiser: Denoiser, labels: Sequence[int], weights: Sequence[float]) -> Denoiser:
    """The Denoiser ε̂ = ε(x, ∅) + Σ_i w_i (ε(x, y_i) − ε(x, ∅)). Liu et al. 2022, equation 11.

    Each label pulls with a weight of its own, and pushes away where that is negative. All predictions come from one
    call on (K+1)·N elements; a label without weight is left out. The labels are fixed here: what a sampler asks for
    is not looked at. One label is classifier-free guidance.
    Raises ValueError where there are not as many weights as labels, or a weight is not a finite number.
    """
    if len(labels) != len(weights):
        raise ValueError(f"{len(labels)} labels need as many weights, but there are {len(weights)}.")
    for weight in weights:
        _check_finite(weight)
    pulls = [(y, w) for y, w in zip(labels, weights, strict=True) if w != 0]

    def guided(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        if not pulls:
            return denoiser(x, t, None)
        many = len(pulls) + 1
        asked = torch.tensor([-1, *(y for y, _ in pulls)], dtype=torch.int64, device=x.device)
        asked = asked.repeat_interleave(len(x))  # ((K+1) N,): none first, then one label after the other
        none, *conditional = denoiser(torch.cat([x] * many), torch.cat([t] * many), asked).chunk(many)  # (N, …) each
        return none + sum(w * (one - none) for (_, w), one in zip(pulls, conditional, strict=True))

    return guided


def _check_finite(scale: float) -> None:
    if not math.isfinite(scale):
        raise ValueError(f"The scale of guidance must be a finite number, but it is {scale}.")
