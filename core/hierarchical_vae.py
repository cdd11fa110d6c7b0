"""The VAE of two levels: step 7's VAE, whose prior of z_1 is the decoder of one more VAE.

    p(z_2) = N(0, I)      p(z_1 | z_2) = N(m(z_2), s(z_2)²)      p(x | z_1): the decoder's
    q(z_1 | x) = N(μ_1(x), σ_1(x)²)      q(z_2 | z_1) = N(μ_2(z_1), σ_2(z_1)²)      from the bottom up

    log p(x) ≥ ELBO = E_q log p(x | z_1) − E_q[log q(z_1 | x) − log p(z_1 | z_2)] − E_q KL(q(z_2 | z_1) ‖ p(z_2))

with z_1 from q(z_1 | x) and z_2 from q(z_2 | z_1). Kingma and Welling 2014 for one level; with an encoder from the
bottom up, Burda et al. 2016, section 2, and Sønderby et al. 2016, section 2; the model of step 8 of the book. All
quantities are in nats for each image. Images are (N, 1, 28, 28) in [0, 1].

The middle term is no KL of two normals in closed form: z_2 was drawn from the very z_1 that it judges, so the mean is
over both. It is taken at the sample.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from core.vae import VAE, VAEConfig, kl_to_standard_normal, reparameterize


@dataclass(frozen=True)
class HierarchyConfig:
    """What a VAE of two levels is built from."""

    lower: VAEConfig = field(default_factory=VAEConfig)  # between x and z_1
    upper: int = 20  # numbers in z_2
    width: int = 200  # of the one hidden layer between z_1 and z_2, each way

    def __post_init__(self) -> None:
        """Raises ValueError for a network that cannot be."""
        if not 1 <= self.upper <= 256 or not 1 <= self.width <= 4096:
            raise ValueError("The upper level has 1 to 256 latent units and a hidden layer of 1 to 4,096.")

    @property
    def likelihood(self) -> str:
        """Of a pixel given z_1."""
        return self.lower.likelihood


class HierarchicalVAE(nn.Module):
    """Two encoders on the way up, two decoders on the way down."""

    def __init__(self, config: HierarchyConfig = HierarchyConfig()):
        super().__init__()
        self.config = config
        self.lower = VAE(config.lower)  # q(z_1 | x) and p(x | z_1)
        act = {"relu": nn.ReLU, "tanh": nn.Tanh}[config.lower.activation]
        self.up = _between(config.lower.latent, config.width, config.upper, act)
        self.down = _between(config.upper, config.width, config.lower.latent, act)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z_1 | x), each (N, latent)."""
        return self.lower.encode(x)

    def encode_upper(self, z1: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z_2 | z_1), each (N, upper)."""
        return self.up(z1).chunk(2, dim=-1)

    def prior(self, z2: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of p(z_1 | z_2), each (N, latent)."""
        return self.down(z2).chunk(2, dim=-1)

    def mean_image(self, z1: Tensor) -> Tensor:
        """The mean of p(x | z_1), (N, 1, 28, 28)."""
        return self.lower.mean_image(z1)

    def log_likelihood(self, x: Tensor, z1: Tensor) -> Tensor:
        """log p(x | z_1), (N,)."""
        return self.lower.log_likelihood(x, z1)


@dataclass(frozen=True, eq=False)
class HierarchyBound:
    """The three parts of the ELBO of each image, by one sample of z_1 and z_2."""

    reconstruction: Tensor  # log p(x | z_1): (N,)
    lower: Tensor  # log q(z_1j | x) − log p(z_1j | z_2) of each unit of z_1: (N, latent); its mean is a KL
    upper: Tensor  # KL(q(z_2j | z_1) ‖ p(z_2j)) of each unit of z_2, exact once z_1 is drawn: (N, upper)

    @property
    def elbo(self) -> Tensor:
        """(N,)"""
        return self.reconstruction - self.lower.sum(dim=1) - self.upper.sum(dim=1)


def elbo(model: HierarchicalVAE, x: Tensor, generator: torch.Generator) -> HierarchyBound:
    """The evidence lower bound by one sample of z_1 and z_2 for each image; its mean over samples is exact."""
    mean1, log_std1 = (part.float() for part in model.encode(x))  # of q(z_1 | x): (N, latent)
    noise1 = _noise(mean1, generator)
    z1 = reparameterize(mean1, log_std1, noise1)
    mean2, log_std2 = (part.float() for part in model.encode_upper(z1))  # of q(z_2 | z_1): (N, upper)
    z2 = reparameterize(mean2, log_std2, _noise(mean2, generator))
    mean, log_std = (part.float() for part in model.prior(z2))  # of p(z_1 | z_2): (N, latent)
    log_q, log_p = log_normal(noise1, log_std1), log_normal((z1 - mean) * (-log_std).exp(), log_std)
    return HierarchyBound(model.log_likelihood(x, z1), log_q - log_p, kl_to_standard_normal(mean2, log_std2))


def log_normal(away: Tensor, log_std: Tensor) -> Tensor:
    """log N(μ + σ away; μ, σ²) = −½ away² − log σ − ½ log 2π, element by element."""
    return -0.5 * away.square() - log_std - 0.5 * math.log(2 * math.pi)


@torch.no_grad()
def sample_latents(model: HierarchicalVAE, noise2: Tensor, noise1: Tensor) -> tuple[Tensor, Tensor]:
    """From the top down: z_2 = noise2 (N, upper), then z_1 from p(z_1 | z_2) by noise1 (N, latent). Gives both."""
    return noise2, reparameterize(*(part.float() for part in model.prior(noise2)), noise1)


@torch.no_grad()
def importance_bound(
    model: HierarchicalVAE, x: Tensor, k: int, generator: torch.Generator, *, most: int = 20_000
) -> Tensor:
    """log 1/k Σ_i p(x, z_1, z_2) / q(z_1, z_2 | x), k draws of q: (N,). Burda, Grosse and Salakhutdinov 2016, eq. 8.

    On average it rises with k, from the ELBO at k = 1 towards log p(x); the same ruler as core.vae.importance_bound.
    Samples are drawn `most` decoded images at a time, so that memory stays bounded however large k is. Raises
    ValueError if k is less than 1.
    """
    if k < 1:
        raise ValueError("At least one sample of the latent variables is needed.")
    mean1, log_std1 = (part.float() for part in model.encode(x))  # (N, latent)
    n = len(x)
    total = torch.full((n,), -math.inf, device=x.device)
    block = max(1, most // n)
    for begin in range(0, k, block):
        log_weight = _log_weights(model, x, mean1, log_std1, min(block, k - begin), generator)
        total = torch.logaddexp(total, log_weight.logsumexp(dim=0))
    return total - math.log(k)


def _log_weights(
    model: HierarchicalVAE, x: Tensor, mean1: Tensor, log_std1: Tensor, samples: int, generator: torch.Generator
) -> Tensor:
    """log p(x, z_1, z_2) − log q(z_1, z_2 | x) at so many draws of each image: (S, N)."""
    noise1 = _noise(mean1.expand(samples, *mean1.shape), generator)
    z1 = reparameterize(mean1, log_std1, noise1).flatten(0, 1)  # (S N, latent)
    mean2, log_std2 = (part.float() for part in model.encode_upper(z1))  # (S N, upper)
    noise2 = _noise(mean2, generator)
    z2 = reparameterize(mean2, log_std2, noise2)
    mean, log_std = (part.float() for part in model.prior(z2))  # (S N, latent)
    lower = log_normal((z1 - mean) * (-log_std).exp(), log_std).sum(dim=1).reshape(samples, len(x))
    lower = lower - log_normal(noise1, log_std1).sum(dim=2)  # (S, N)
    upper = (log_std2 + 0.5 * (noise2.square() - z2.square())).sum(dim=1)  # log p(z_2) − log q(z_2 | z_1): (S N,)
    images = x.expand(samples, *x.shape).flatten(0, 1)  # (S N, 1, 28, 28)
    return (model.log_likelihood(images, z1) + upper).reshape(samples, len(x)) + lower


@dataclass(frozen=True, eq=False)
class Use:
    """What a VAE of two levels makes of held-out images, means over them."""

    reconstruction: float  # E_q log p(x | z_1), nats per image
    lower: Tensor  # (latent,) E_q[log q(z_1j | x) − log p(z_1j | z_2)], nats per image
    upper: Tensor  # (upper,) E_q KL(q(z_2j | z_1) ‖ p(z_2j)), nats per image
    lower_activity: Tensor  # (latent,) variance over images of the mean of q(z_1j | x)
    upper_activity: Tensor  # (upper,) variance over images of E[z_2j | x], the mean over z_1 too


@torch.no_grad()
def use(model: HierarchicalVAE, x: Tensor, generator: torch.Generator, *, draws: int = 10) -> Use:
    """Measured on images (N, 1, 28, 28), with so many draws of z for each.

    A unit says something where the mean of its posterior depends on the image: Burda et al. 2016 call it active above a
    variance of 0.01. The mean of z_2 is taken over z_1 as well, by two halves of the draws, whose covariance over the
    images has no part of the draws' own noise.
    """
    if draws < 2:
        raise ValueError("The activity of the upper level takes two draws at least.")
    bounds = [elbo(model, x, generator) for _ in range(draws)]
    mean1, log_std1 = (part.float() for part in model.encode(x))
    halves = []
    for count in (draws // 2, draws - draws // 2):
        means = [
            model.encode_upper(reparameterize(mean1, log_std1, _noise(mean1, generator)))[0].float()
            for _ in range(count)
        ]
        halves.append(torch.stack(means).mean(dim=0))  # (N, upper)
    one, other = (half - half.mean(dim=0) for half in halves)
    return Use(
        reconstruction=float(torch.stack([b.reconstruction.mean() for b in bounds]).mean()),
        lower=torch.stack([b.lower.mean(dim=0) for b in bounds]).mean(dim=0),
        upper=torch.stack([b.upper.mean(dim=0) for b in bounds]).mean(dim=0),
        lower_activity=mean1.var(dim=0),
        upper_activity=(one * other).sum(dim=0) / (len(x) - 1),
    )


def pretrained(name: str = "two_levels", device: torch.device | None = None) -> HierarchicalVAE:
    """A VAE of two levels that ships, in evaluation mode. Raises core.store.ModelNotFound for an unknown name."""
    from core.hierarchical_learned import restore_hierarchy
    from core.shipped import find

    return restore_hierarchy(*find("hierarchical", name), device)


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of that shape, drawn on the generator's device."""
    return torch.randn(like.shape, generator=generator, device=generator.device).to(like.device)


def _between(inside: int, width: int, outside: int, act: type[nn.Module]) -> nn.Sequential:
    """From one level to the next: a mean and a log standard deviation, side by side."""
    return nn.Sequential(nn.Linear(inside, width), act(), nn.Linear(width, 2 * outside))
