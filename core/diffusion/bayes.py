"""Guidance from Bayes' rule at one noisy point: every term of its derivation as a number or a vector.

    log p_t(x | y) = log p_t(x) + log p_t(y | x) − log p(y)          its gradient over x loses the last term
    s_γ = ∇ log p_t(x) + γ ∇ log p_t(y | x)                          only the classifier's term is stretched
        = s(x) + γ [s(x | y) − s(x)]                                 and it is a difference of two scores
    ε̂ = −√(1−ᾱ_t) s_γ = ε(x, ∅) + γ [ε(x, y) − ε(x, ∅)]              as noise, every arrow is turned round

Dhariwal and Nichol 2021, section 4.1, for the first lines; Ho and Salimans 2022, equation 6, for the last (γ = 1 + w).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.diffusion.exact import MixtureDenoiser
from core.diffusion.guidance import classifier_free


@dataclass(frozen=True, eq=False)
class Terms:
    """What the derivation speaks of, at one point of a mixture: log densities in nats, vectors (D,)."""

    log_p_x: Tensor  # log p_t(x)
    log_p_x_given_y: Tensor  # log p_t(x | y)
    log_p_y_given_x: Tensor  # log p_t(y | x): what a perfect classifier of noisy points says
    log_p_y: Tensor  # log p(y), which no x changes
    score: Tensor  # ∇ log p_t(x)
    score_given_y: Tensor  # ∇ log p_t(x | y)
    classifier: Tensor  # ∇ log p_t(y | x), by differentiating the classifier
    guided: Tensor  # s(x) + γ [s(x | y) − s(x)]
    noise: Tensor  # ε(x, ∅)
    noise_given_y: Tensor  # ε(x, y)
    guided_noise: Tensor  # ε(x, ∅) + γ [ε(x, y) − ε(x, ∅)]


def terms(denoiser: MixtureDenoiser, x: Tensor, t: int, y: int, gamma: float) -> Terms:
    """The terms at the point x (D,) of level t for the component y, in x's type and on its device.

    Raises ValueError as the denoiser does.
    """
    x = x[None]  # one point: N = 1
    level, label = torch.tensor([t], device=x.device), torch.tensor([y], device=x.device)
    with torch.enable_grad():
        variable = x.detach().requires_grad_()
        log_p_y_given_x = denoiser.log_posterior(variable, level, label)
        (classifier,) = torch.autograd.grad(log_p_y_given_x.sum(), variable)
    score, score_given_y = denoiser.score(x, level), denoiser.score(x, level, label)
    marginal = denoiser.marginal(t)
    joint = marginal.joint_log_prob(x.cpu()).to(x)  # log p_t(x, k): (1, K)
    log_p_y = marginal.weights.log()[y].to(x)
    return Terms(
        log_p_x=joint.logsumexp(dim=1)[0],
        log_p_x_given_y=joint[0, y] - log_p_y,
        log_p_y_given_x=log_p_y_given_x.detach()[0],
        log_p_y=log_p_y,
        score=score[0],
        score_given_y=score_given_y[0],
        classifier=classifier[0],
        guided=(score + gamma * (score_given_y - score))[0],
        noise=denoiser(x, level)[0],
        noise_given_y=denoiser(x, level, label)[0],
        guided_noise=classifier_free(denoiser, gamma)(x, level, label)[0],
    )


def rotation_share(
    field: Callable[[Tensor], Tensor], x: Tensor, *, probes: int = 32, generator: torch.Generator
) -> float:
    """How much of a field's Jacobian J at x no gradient can have: ‖(J − Jᵀ)/2‖² / ‖J‖², estimated; a gradient has 0.

    A gradient's J is a Hessian, and so symmetric; a field that only turns gives 1, one without any order about 1/2.
    x: (…), one element; field: (N, …) -> (N, …), each element by itself. For random u and v, uᵀ J v has the mean square
    ‖J‖² and uᵀ J v − vᵀ J u that of ‖J − Jᵀ‖² (Hutchinson 1990). 0 where J is 0.
    """
    shape = (probes, *x.shape)
    u = torch.randn(shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)
    with torch.enable_grad():
        points = x.expand(shape).clone().requires_grad_()
        (pulled,) = torch.autograd.grad((field(points) * u).sum(), points)  # Jᵀ u of each probe
    products = pulled.flatten(1) @ u.flatten(1).T  # u_iᵀ J u_j: (probes, probes)
    pairs = ~torch.eye(probes, dtype=torch.bool, device=x.device)  # a probe with itself says nothing of J − Jᵀ
    size = products[pairs].square().mean()
    return float((products - products.T)[pairs].square().mean() / (4 * size)) if float(size) > 0 else 0.0
