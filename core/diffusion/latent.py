"""Diffusion in the latent space of a VAE: the encoder's codes are noised and denoised, and only the end is decoded.

    z from q(z | x)        z' = (z − m) / s        diffusion over z'        x = decoder's mean at m + s z'

Rombach et al. 2022, whose codes are scaled to unit variance too (section G). m and s are the mean and the standard
deviation of each latent unit over the training images, the encoder's own spread included (`standard`).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from core import data, vae_library
from core.device import describe, pick
from core.diffusion.learned import ScheduleConfig, build_network, denoising_loss
from core.diffusion.point_network import PointNetwork, PointNetworkConfig
from core.diffusion.prediction import Denoiser, from_v
from core.diffusion.schedule import NoiseSchedule
from core.run import Config
from core.shipped import key_of_name
from core.training import Batch, Checkpoint, Learning, Loss, TrainingConfig, finished, reading, restored, train
from core.vae import VAE, reparameterize

CENTRE, WIDTH = "latent.centre", "latent.width"  # what a kept model holds beside its weights: m and s
AT_ONCE = 1000  # images that are encoded together


@dataclass(frozen=True)
class LatentConfig(Config):
    """All that a trained latent diffusion depends on; its hash is the model's name."""

    kind = "latent_diffusion"

    vae: str  # key of the VAE, which stays as it is
    dataset: str
    training: TrainingConfig
    network: PointNetworkConfig
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    label_dropout: float = 0.1  # share of codes whose label is withheld

    @classmethod
    def over(cls, vae: str, dataset: str, steps: int, width: int = 192, depth: int = 4, **training: Any):
        """A perceptron over the codes of the VAE that ships under this name; `training` are fields of TrainingConfig.

        Raises core.store.ModelNotFound.
        """
        key = key_of_name("vae", vae)
        latent = vae_library.record(key)["config"]["network"]["latent"]
        training = {"batch_size": 512, "learning_rate": 1e-3, **training}
        return cls(key, dataset, TrainingConfig(steps, **training), PointNetworkConfig(latent, width, depth, labels=10))

    @classmethod
    def from_record(cls, record: dict) -> "LatentConfig":
        """The config that `describe` wrote. Raises one of BAD_RECORD where the record is no such thing."""
        return cls(
            record["vae"], record["dataset"], TrainingConfig(**record["training"]),
            PointNetworkConfig(**record["network"]), ScheduleConfig(**record["schedule"]), record["label_dropout"],
        )  # fmt: skip

    def describe(self) -> dict:
        """Plain data that name this model, the checksum of its data among them."""
        return {**asdict(self), "checksum": data.checksum(self.dataset)}

    @property
    def title(self) -> str:
        return f"{self.dataset} · z{self.network.dimensions} · {self.training.steps} × {self.training.batch_size}"

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[LatentState]":
        """Trains, from the start or from a checkpoint. What the job runner calls."""
        return train_latent(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class LatentState(Learning):
    """Where the training of a latent diffusion stands."""

    config: LatentConfig
    device: str  # in words
    centre: Tensor  # (latent,)
    width: Tensor  # (latent,)

    def result(self) -> Checkpoint:
        """The finished model: averaged weights, how codes are scaled, and the record that is kept beside them."""
        weights, record = finished(self.training, self.config, self.device)
        return weights | {CENTRE: self.centre.cpu(), WIDTH: self.width.cpu()}, record


@dataclass(frozen=True, eq=False)
class LatentDiffusion:
    """A finished model, ready for the samplers: codes of mean 0 and variance 1 in, pictures out."""

    denoiser: Denoiser  # over (N, latent)
    network: PointNetwork
    schedule: NoiseSchedule
    vae: VAE
    centre: Tensor  # (latent,)
    width: Tensor  # (latent,)

    @torch.no_grad()
    def decode(self, code: Tensor) -> Tensor:
        """The decoder's mean picture at scaled codes (N, latent): (N, 1, 28, 28) in [−1, 1]."""
        return self.vae.mean_image(self.centre + self.width * code).clamp(0, 1) * 2 - 1


def as_seen(vae: VAE, images: Tensor) -> Tensor:
    """uint8 images (N, 1, 28, 28) as the encoder is used to them: in [0, 1], black or white for Bernoulli pixels."""
    x = images.float() / 255
    return (x > 0.5).float() if vae.config.likelihood == "bernoulli" else x


@torch.no_grad()
def encoded(vae: VAE, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of q(z | x) for uint8 images (N, 1, 28, 28): (N, latent) each."""
    parts = [vae.encode(as_seen(vae, block)) for block in images.split(AT_ONCE)]
    return torch.cat([mean for mean, _ in parts]).float(), torch.cat([log_std.exp() for _, log_std in parts]).float()


def standard(mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of z when x is drawn from the images and z from q(z | x): (latent,) each.

    m = E μ(x) and s² = Var μ(x) + E σ(x)², the law of total variance. mean, std: (N, latent). Divides by N.
    """
    return mean.mean(dim=0), (mean.var(dim=0, correction=0) + std.square().mean(dim=0)).sqrt()


def latent_loss(schedule: NoiseSchedule, label_dropout: float, centre: Tensor, width: Tensor) -> Loss:
    """The loss of step 9 on scaled codes, each drawn from q(z | x) anew at every look."""
    denoising = denoising_loss(schedule, label_dropout)

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        mean, std, label = batch  # (N, latent) twice, (N,)
        noise = torch.randn(mean.shape, generator=generator, device="cpu").to(mean.device)
        z = reparameterize(mean, std.log(), noise)
        return denoising(model, ((z - centre) / width, label), generator)

    return loss


def train_latent(
    config: LatentConfig, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[LatentState]:
    """Trains a diffusion over the codes of a VAE, one state after every update. `device` defaults to the best there is.

    Raises core.data.DataError, core.store.ModelNotFound or DamagedModel where data or VAE are not to be had.
    """
    device = device or pick()
    in_words = describe(device)
    vae = vae_library.load(config.vae)
    images = data.images(config.dataset, "train")
    mean, std = encoded(vae, images.images)
    centre, width = (part.to(device) for part in standard(mean, std))
    model = build_network(config.network, config.training.seed).to(device)
    loss = latent_loss(config.schedule.build(), config.label_dropout, centre, width)
    batch = (mean.to(device), std.to(device), images.labels.to(device))
    for state in train(model, loss, batch, config.training, resume):
        yield LatentState(state, config, in_words, centre, width)


def restore_latent(weights: dict[str, Tensor], record: dict, device: torch.device | None = None) -> LatentDiffusion:
    """A kept model with its VAE. Raises core.store.DamagedModel, or ModelNotFound where the VAE is missing."""
    device = device or pick()
    with reading("latent diffusion"):
        config = LatentConfig.from_record(record["config"])
        schedule = config.schedule.build()
        own = {name: value for name, value in weights.items() if name not in (CENTRE, WIDTH)}
        network = restored(lambda: PointNetwork(config.network), own, device)
        centre, width = weights[CENTRE].to(device), weights[WIDTH].to(device)
    vae = vae_library.load(config.vae)
    vae = vae if device.type == "cpu" else _moved(vae, device)
    return LatentDiffusion(from_v(network, schedule), network, schedule, vae, centre, width)


def _moved(vae: VAE, device: torch.device) -> VAE:
    """A copy elsewhere: the one in memory is shared and stays on the CPU."""
    return restored(lambda: VAE(vae.config), vae.state_dict(), device)
