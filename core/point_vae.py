"""The VAEs of steps 7 and 8 for points of the plane: one level of latent variables, or two, and networks of their size.

    p(z_L) = N(0, I)      p(z_l | z_{l+1}), p(x | z_1): normals whose mean and deviation a network draws
    q(z_1 | x), q(z_{l+1} | z_l): likewise, from the bottom up

    log p(x) ≥ ELBO = E_q[log p(x | z_1) + Σ_l log p(z_l | z_{l+1}) + log p(z_L) − Σ_l log q(z_l | z_{l−1})],   z_0 = x

Kingma and Welling 2014; several levels as in core/hierarchical_vae.py. In nats for each point.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from core import data
from core.device import describe, pick
from core.hierarchical_vae import log_normal
from core.run import Config
from core.training import Batch, Checkpoint, Learning, TrainingConfig, finished, seeded, train
from core.vae import reparameterize

POINTS = 10_000  # points of a shape that a network learns from
LEAST_LOG_STD = -4.0  # a deviation below e⁻⁴ = 0.018 would be finer than the lines of any shape


@dataclass(frozen=True)
class PointVAEConfig:
    """What a VAE of points is built from."""

    levels: int = 1  # of latent variables
    latent: int = 2  # numbers on each level
    width: int = 128  # of the two hidden layers of every network

    def __post_init__(self) -> None:
        """Raises ValueError for a network that cannot be."""
        if not 1 <= self.levels <= 8 or not 1 <= self.latent <= 64 or not 1 <= self.width <= 1024:
            raise ValueError("A VAE of points has 1 to 8 levels of 1 to 64 units, and layers of 1 to 1,024.")


class PointVAE(nn.Module):
    """A network each way between neighbouring levels."""

    def __init__(self, config: PointVAEConfig = PointVAEConfig()):
        super().__init__()
        self.config = config
        sizes = (2, *[config.latent] * config.levels)  # of x, z_1, …, z_L
        pairs = list(zip(sizes, sizes[1:], strict=False))
        self.up = nn.ModuleList(_between(low, config.width, high) for low, high in pairs)
        self.down = nn.ModuleList(_between(high, config.width, low) for low, high in pairs)

    def above(self, level: int, below: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log deviation of q(z_{level+1} | z_level), z_0 being x: (N, latent) each."""
        return _normal(self.up[level], below)

    def below(self, level: int, above: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log deviation of p(z_level | z_{level+1}), z_0 being x: (N, size) each."""
        return _normal(self.down[level], above)


def elbo(model: PointVAE, x: Tensor, generator: torch.Generator) -> Tensor:
    """The evidence lower bound of each point by one sample of every level, (N,). x: (N, 2)."""
    bound, here = 0.0, x
    for level in range(model.config.levels):
        mean, log_std = model.above(level, here)  # of q
        noise = torch.randn(mean.shape, generator=generator, device="cpu").to(x.device)
        z = reparameterize(mean, log_std, noise)
        back, back_log_std = model.below(level, z)  # of p
        down = log_normal((here - back) * (-back_log_std).exp(), back_log_std)
        bound = bound + down.sum(dim=1) - log_normal(noise, log_std).sum(dim=1)
        here = z
    return bound + log_normal(here, torch.zeros_like(here)).sum(dim=1)


@torch.no_grad()
def sample(model: PointVAE, n: int, generator: torch.Generator) -> Tensor:
    """n points of p(x), (n, 2): from the top down, a throw at every level, that of p(x | z_1) too."""
    device = next(model.parameters()).device
    here = torch.randn(n, model.config.latent, generator=generator, device="cpu").to(device)
    for level in reversed(range(model.config.levels)):
        mean, log_std = model.below(level, here)
        here = reparameterize(mean, log_std, torch.randn(mean.shape, generator=generator, device="cpu").to(device))
    return here


@dataclass(frozen=True)
class PointVAERun(Config):
    """All that a trained VAE of points depends on."""

    kind = "pointvae"
    short = True

    dataset: str  # a shape of core.data
    network: PointVAEConfig = field(default_factory=PointVAEConfig)
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(4_000, 256, 5e-3, beta2=0.999))

    @property
    def title(self) -> str:
        return f"{self.dataset} · VAE {self.network.levels} × {self.network.latent}"

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[PointVAEState]":
        """Trains, from the start or from a checkpoint."""
        return train_points(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class PointVAEState(Learning):
    """Where the training of a VAE of points stands."""

    config: PointVAERun
    device: str  # in words

    def result(self) -> Checkpoint:
        """The finished model: averaged weights, and the record that is kept beside them."""
        return finished(self.training, self.config, self.device)


def train_points(
    config: PointVAERun, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[PointVAEState]:
    """Trains a VAE of points, one state after every update. Raises ValueError for an unknown shape."""
    device = device or pick()
    model = seeded(lambda: PointVAE(config.network), config.training.seed).to(device)
    points = data.shape(config.dataset, POINTS, torch.Generator("cpu").manual_seed(config.training.seed))
    for state in train(model, negative_elbo, (points.float().to(device),), config.training, resume):
        yield PointVAEState(state, config, describe(device))


def negative_elbo(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
    """The mean of −ELBO over a batch of points (N, 2), in nats."""
    return -elbo(model, batch[0], generator).mean()


def _between(inside: int, width: int, outside: int) -> nn.Sequential:
    """From one level to the next: a mean and a log deviation, side by side."""
    return nn.Sequential(
        nn.Linear(inside, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2 * outside)
    )


def _normal(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_std = network(x).float().chunk(2, dim=-1)
    return mean, log_std.clamp(min=LEAST_LOG_STD)
