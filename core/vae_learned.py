"""A VAE learnt from images: its settings, its loss, its training as a run, and the finished model."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from core import data
from core.device import describe, pick
from core.store import DamagedModel, key_of
from core.training import (
    BAD_RECORD,
    Batch,
    Checkpoint,
    Loss,
    TrainingConfig,
    TrainingState,
    finished,
    out_of_memory,
    restored,
    seeded,
    train,
)
from core.vae import VAE, VAEConfig, binarized, elbo

MOST_BETA = 100.0


@dataclass(frozen=True)
class VAERun:
    """All that a trained VAE depends on; its hash is the model's name."""

    dataset: str  # "mnist" or "fashion_mnist"
    training: TrainingConfig
    network: VAEConfig = field(default_factory=VAEConfig)
    beta: float = 1.0  # weight of the KL in the loss; only 1 is the bound. Higgins et al. 2017

    def __post_init__(self) -> None:
        """Raises ValueError for a weight that makes no sense."""
        if not 0 <= self.beta <= MOST_BETA:
            raise ValueError(f"β lies between 0 and {MOST_BETA:g}, but it is {self.beta}.")

    @classmethod
    def from_record(cls, record: dict) -> "VAERun":
        """The config that `describe` wrote. Raises one of BAD_RECORD where the record is no such thing."""
        network = VAEConfig(**{**record["network"], "hidden": tuple(record["network"]["hidden"])})
        return cls(record["dataset"], TrainingConfig(**record["training"]), network, record["beta"])

    def describe(self) -> dict:
        """Plain data that name this model, the checksum of its data among them."""
        return {**asdict(self), "checksum": data.checksum(self.dataset)}

    @property
    def key(self) -> str:
        return key_of("vae", self.describe())

    @property
    def title(self) -> str:
        return f"{self.dataset} · VAE {self.network.latent} · {self.training.steps} × {self.training.batch_size}"

    @property
    def short(self) -> bool:
        return False

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[VAEState]":
        """Trains, from the start or from a checkpoint. What the job runner calls."""
        return train_vae(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class VAEState:
    """Where the training of a VAE stands."""

    training: TrainingState
    config: VAERun
    device: str  # in words

    @property
    def progress(self) -> float:
        return self.training.progress

    @property
    def problem(self) -> str | None:
        return self.training.problem

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on exactly; valid until the next state is asked for."""
        return self.training.checkpoint()

    def result(self) -> Checkpoint:
        """The finished model: averaged weights, and the record that is kept beside them."""
        return finished(self.training, "vae", self.config, self.device)


def negative_elbo(likelihood: str, beta: float) -> Loss:
    """The mean of −E_q log p(x | z) + β KL over a batch, in nats for each image.

    A Bernoulli pixel is black or white, so the images are thrown anew at every look (dynamic binarisation:
    Salakhutdinov and Murray 2008; Burda et al. 2016). A grey level under a Bernoulli would be no likelihood.
    """

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        x = batch[0].float() / 255  # (N, 1, 28, 28) in [0, 1]
        if likelihood == "bernoulli":
            x = binarized(x, generator)
        bound = elbo(model, x, generator)
        return (beta * bound.kl.sum(dim=1) - bound.reconstruction).mean()

    return loss


def train_vae(
    config: VAERun, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[VAEState]:
    """Trains a VAE, one state after every update. Raises core.data.DataError where there are no data."""
    device = device or pick()
    in_words = describe(device)
    images = data.images(config.dataset, "train").images
    model = seeded(lambda: _begun(config.network, images), config.training.seed).to(device)
    loss = negative_elbo(config.network.likelihood, config.beta)
    for state in train(model, loss, (images.to(device),), config.training, resume):
        yield VAEState(state, config, in_words)


def _begun(config: VAEConfig, images: Tensor) -> VAE:
    """A fresh VAE whose decoder begins at the mean image, as in Burda et al. 2016."""
    model = VAE(config)
    if config.body == "mlp":
        mean = (images.float().mean(dim=0).flatten() / 255).clamp(0.001, 0.999)  # (784,)
        with torch.no_grad():
            model.decoder[1].bias.copy_(mean.logit() if config.likelihood == "bernoulli" else mean)
    return model


def restore_vae(weights: dict[str, Tensor], record: dict, device: torch.device | None = None) -> VAE:
    """A kept VAE in evaluation mode. Raises core.store.DamagedModel where weights and record disagree."""
    try:
        config = VAERun.from_record(record["config"]).network
        return restored(lambda: VAE(config), weights, device or pick())
    except BAD_RECORD as error:
        if out_of_memory(error):
            raise
        raise DamagedModel("This file holds no VAE that this version can read.") from error
