"""β and the variance of the decoder are one dial; what the book's loss is; and what a dial's setting does to a VAE.

With a Gaussian pixel of fixed standard deviation s, R = −log p(x | z) = Σ (x − x̂)² / 2 s² + D log s + ½ D log 2π, so

    R(s₀) + β KL  =  β (R(s₀ √β) + KL) + constant        whatever the weights, x and z
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.vae import PIXELS, VAE, kl_to_standard_normal

IN_USE = 0.01  # variance over images of the mean of q(z_j | x), above which a unit says something: Burda et al. 2016


@dataclass(frozen=True, eq=False)
class Use:
    """What a VAE makes of held-out images."""

    squared_error: float  # Σ (x − x̂)² of an image, x̂ the mean image at the mean of q: the mean over the images
    reconstruction: float  # E_q log p(x | z), nats per image
    kl: Tensor  # (latent,) nats per image, the largest first
    activity: Tensor  # (latent,) variance over images of the mean of q(z_j | x), in the same order

    @property
    def in_use(self) -> int:
        """How many latent units say something."""
        return int((self.activity > IN_USE).sum())


@torch.no_grad()
def use(model: VAE, x: Tensor, generator: torch.Generator) -> Use:
    """Measured on images (N, 1, 28, 28)."""
    mean, log_std = (part.float() for part in model.encode(x))  # (N, latent)
    noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean.device)
    kl = kl_to_standard_normal(mean, log_std).mean(dim=0)
    order = kl.argsort(descending=True)
    error = (x - model.mean_image(mean)).square().sum(dim=(1, 2, 3)).mean()
    reconstruction = model.log_likelihood(x, mean + log_std.exp() * noise).mean()
    return Use(float(error), float(reconstruction), kl[order], mean.var(dim=0)[order])


def negative_log_likelihood(squared_error: Tensor, std: float) -> Tensor:
    """−log N(x; x̂, std² I) of an image with Σ (x − x̂)² = squared_error, in nats."""
    return squared_error / (2 * std**2) + PIXELS * (math.log(std) + 0.5 * math.log(2 * math.pi))


def beta_loss(squared_error: Tensor, kl: Tensor, std: float, beta: float) -> Tensor:
    """−log p(x | z) + β KL for a fixed standard deviation of the pixels. Higgins et al. 2017, eq. 4."""
    return negative_log_likelihood(squared_error, std) + beta * kl


def dial_constant(std: float, beta: float) -> float:
    """beta_loss(…, std, β) − β · beta_loss(…, std √β, 1), which knows nothing of the model or the image."""
    zero = torch.zeros((), dtype=torch.float64, device="cpu")
    return float(beta_loss(zero, zero, std, beta) - beta * beta_loss(zero, zero, std * math.sqrt(beta), 1.0))


def book_loss(squared_error: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """The loss as the book writes it, for each image: Σ (x − x̂)² − Σ (1 + log σ² − μ² − σ²). Neither part has its ½."""
    return squared_error - (1 + 2 * log_std - mean.square() - (2 * log_std).exp()).sum(dim=-1)
