"""The variational autoencoder: an encoder that guesses the latent variable of an image, and a decoder that draws it.

    p(z) = N(0, I)          p(x | z): the decoder's          q(z | x) = N(μ(x), σ(x)²): the encoder's

    log p(x) ≥ ELBO = E_q log p(x | z) − KL(q(z | x) ‖ p(z))

Kingma and Welling 2014. All quantities are in nats for each image. Images are (N, 1, 28, 28) in [0, 1].
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PIXELS = 28 * 28
LIKELIHOODS = ("bernoulli", "gaussian")
BODIES = ("mlp", "convolutions")
LEAST_STD = 0.01  # of a decoder that learns its own: less would be finer than grey levels are


@dataclass(frozen=True)
class VAEConfig:
    """What a VAE is built from."""

    latent: int = 20  # numbers in z
    hidden: tuple[int, ...] = (400,)  # widths between image and z; the decoder has them in reverse
    likelihood: str = "bernoulli"  # of a pixel given z: "bernoulli" (black or white), "gaussian" (a grey level)
    std: float = 0.0  # of a Gaussian pixel; 0: one number that is learnt
    body: str = "mlp"  # or "convolutions" below the hidden layers
    activation: str = "relu"  # or "tanh"

    def __post_init__(self) -> None:
        """Raises ValueError for a network that cannot be."""
        if not 1 <= self.latent <= 256 or not all(1 <= width <= 4096 for width in self.hidden) or not self.hidden:
            raise ValueError("A VAE has 1 to 256 latent units, and at least one hidden layer of 1 to 4,096 units.")
        if self.likelihood not in LIKELIHOODS or self.body not in BODIES or self.activation not in ("relu", "tanh"):
            raise ValueError(f"The likelihood is one of {', '.join(LIKELIHOODS)}; the body one of {', '.join(BODIES)}.")
        if not 0 <= self.std <= 10:
            raise ValueError("The standard deviation of a pixel lies between 0 (learnt) and 10.")


class VAE(nn.Module):
    """Encoder and decoder."""

    def __init__(self, config: VAEConfig = VAEConfig()):
        super().__init__()
        self.config = config
        act = {"relu": nn.ReLU, "tanh": nn.Tanh}[config.activation]
        below, above, flat = _convolutions(act) if config.body == "convolutions" else _pixels()
        self.encoder = nn.Sequential(below, _layers((flat, *config.hidden), act))
        self.to_mean = nn.Linear(config.hidden[-1], config.latent)
        self.to_log_std = nn.Linear(config.hidden[-1], config.latent)
        widths = (config.latent, *reversed(config.hidden))
        self.decoder = nn.Sequential(_layers(widths, act), nn.Linear(config.hidden[0], flat), above)
        if config.likelihood == "gaussian" and config.std == 0:
            self.log_std = nn.Parameter(torch.tensor(math.log(0.2), device="cpu"))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z | x), each (N, latent)."""
        h = self.encoder(x)  # (N, hidden)
        return self.to_mean(h), self.to_log_std(h)

    def decode(self, z: Tensor) -> Tensor:
        """What the decoder says of every pixel, (N, 1, 28, 28): the logit of being ink, or the mean grey level."""
        return self.decoder(z)

    def mean_image(self, z: Tensor) -> Tensor:
        """The mean of p(x | z): the probability of ink, or the mean grey level, (N, 1, 28, 28)."""
        said = self.decode(z).float()
        return said.sigmoid() if self.config.likelihood == "bernoulli" else said

    def pixel_std(self) -> Tensor | float:
        """The standard deviation of a Gaussian pixel."""
        return self.config.std or self.log_std.clamp(min=math.log(LEAST_STD)).exp()

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z), (N,): the sum over the pixels, which are independent once z is known."""
        said = self.decode(z).float()
        if self.config.likelihood == "bernoulli":
            return -F.binary_cross_entropy_with_logits(said, x, reduction="none").sum(dim=(1, 2, 3))
        std = torch.as_tensor(self.pixel_std(), device=said.device)
        log_pixel = -0.5 * ((x - said) / std).square() - std.log() - 0.5 * math.log(2 * math.pi)
        return log_pixel.sum(dim=(1, 2, 3))


@dataclass(frozen=True, eq=False)
class Bound:
    """The two parts of the ELBO of each image."""

    reconstruction: Tensor  # E_q log p(x | z), by one sample of z: (N,)
    kl: Tensor  # KL(q(z_j | x) ‖ p(z_j)) of each latent unit, exact: (N, latent)

    @property
    def elbo(self) -> Tensor:
        """(N,)"""
        return self.reconstruction - self.kl.sum(dim=1)


def kl_to_standard_normal(mean: Tensor, log_std: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − 1) − log σ, element by element. Kingma and Welling 2014, appendix B."""
    return 0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std


def reparameterize(mean: Tensor, log_std: Tensor, noise: Tensor) -> Tensor:
    """z = μ + σ ε: a sample of q(z | x) through which gradients reach μ and σ. Kingma and Welling 2014, section 2.4."""
    return mean + log_std.exp() * noise


def elbo(model: VAE, x: Tensor, generator: torch.Generator) -> Bound:
    """The evidence lower bound by one sample of z for each image; its mean over samples is exact."""
    mean, log_std = (part.float() for part in model.encode(x))  # (N, latent)
    noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean.device)
    z = reparameterize(mean, log_std, noise)
    return Bound(model.log_likelihood(x, z), kl_to_standard_normal(mean, log_std))


@torch.no_grad()
def importance_bound(model: VAE, x: Tensor, k: int, generator: torch.Generator, *, most: int = 20_000) -> Tensor:
    """log 1/k Σ_i p(x, z_i) / q(z_i | x) with z_i from q(z | x): (N,). Burda, Grosse and Salakhutdinov 2016, eq. 8.

    On average it rises with k, from the ELBO at k = 1 towards log p(x). Samples are drawn `most` decoded images at a
    time, so that memory stays bounded however large k is. Raises ValueError if k is less than 1.
    """
    if k < 1:
        raise ValueError("At least one sample of z is needed.")
    mean, log_std = (part.float() for part in model.encode(x))  # (N, latent)
    n = len(x)
    total = torch.full((n,), -math.inf, device=x.device)
    block = max(1, most // n)
    for begin in range(0, k, block):
        log_weight = _log_weights(model, x, mean, log_std, min(block, k - begin), generator)
        total = torch.logaddexp(total, log_weight.logsumexp(dim=0))
    return total - math.log(k)


@torch.no_grad()
def log_weights(model: VAE, x: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """log p(x, z) − log q(z | x) at so many draws of z from q(z | x): (samples, N)."""
    mean, log_std = (part.float() for part in model.encode(x))  # (N, latent)
    return _log_weights(model, x, mean, log_std, samples, generator)


def _log_weights(
    model: VAE, x: Tensor, mean: Tensor, log_std: Tensor, samples: int, generator: torch.Generator
) -> Tensor:
    noise = torch.randn(samples, *mean.shape, generator=generator, device=generator.device).to(mean.device)
    z = reparameterize(mean, log_std, noise)  # (S, N, latent)
    # log p(z) − log q(z | x): the constants of the two normals cancel
    log_ratio = (log_std + 0.5 * (noise.square() - z.square())).sum(dim=2)  # (S, N)
    images = x.expand(samples, *x.shape).flatten(0, 1)  # (S N, 1, 28, 28)
    return model.log_likelihood(images, z.flatten(0, 1)).reshape(samples, len(x)) + log_ratio


def binarized(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each pixel black or white, with its grey level as the probability of ink: what a Bernoulli pixel can be."""
    return (torch.rand(x.shape, generator=generator, device=generator.device).to(x.device) < x).to(x.dtype)


def pretrained(name: str = "digits", device: torch.device | None = None) -> VAE:
    """A VAE that ships, in evaluation mode. Raises core.store.ModelNotFound for an unknown name."""
    from core.shipped import find
    from core.vae_learned import restore_vae

    return restore_vae(*find("vae", name), device)


def _layers(widths: tuple[int, ...], act: type[nn.Module]) -> nn.Sequential:
    steps = [(nn.Linear(before, after), act()) for before, after in zip(widths, widths[1:], strict=False)]
    return nn.Sequential(*(layer for step in steps for layer in step))


def _pixels() -> tuple[nn.Module, nn.Module, int]:
    return nn.Flatten(), nn.Unflatten(1, (1, 28, 28)), PIXELS


def _convolutions(act: type[nn.Module]) -> tuple[nn.Module, nn.Module, int]:
    """28 × 28 to 14 × 14 to 7 × 7 and back."""
    below = nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1), act(), nn.Conv2d(16, 32, 4, stride=2, padding=1), act(), nn.Flatten()
    )
    above = nn.Sequential(
        act(), nn.Unflatten(1, (32, 7, 7)), nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), act(),
        nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
    )  # fmt: skip
    return below, above, 32 * 7 * 7
