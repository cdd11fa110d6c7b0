"""Networks that were trained with a mistake, and their right twins: same data, same network, same seed, same steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from core.device import describe, pick
from core.diffusion.learned import DiffusionConfig, build_network, denoising_loss, training_data
from core.diffusion.mistakes import RULES, TRAINED, Rules
from core.diffusion.point_network import PointNetworkConfig
from core.diffusion.prediction import Denoiser, from_v
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import UNetConfig
from core.run import Config
from core.training import Batch, Checkpoint, Learning, Loss, TrainingConfig, finished, train

TWINS = ("right", *TRAINED)
IMAGE_NETWORK = UNetConfig(widths=(16, 32), embedding=64)  # small: four of them ship
POINT_NETWORK = PointNetworkConfig(width=64)


@dataclass(frozen=True)
class MistakenConfig(Config):
    """All that a twin depends on."""

    kind = "mistaken"

    twin: str  # one of TWINS
    run: DiffusionConfig

    @classmethod
    def of(cls, twin: str, dataset: str, steps: int, **training: Any) -> "MistakenConfig":
        """A twin on a set of images or a shape; `training` are fields of TrainingConfig. Raises ValueError."""
        if twin not in TWINS:
            raise ValueError(f"A network is trained as one of {', '.join(TWINS)}, not {twin!r}.")
        images = dataset in ("mnist", "fashion_mnist")
        if twin == "range" and not images:
            raise ValueError("Only images have a range to choose.")
        size = {"batch_size": 128 if images else 512}
        network = IMAGE_NETWORK if images else POINT_NETWORK
        return cls(twin, DiffusionConfig(dataset, TrainingConfig(steps, **{**size, **training}), network))

    @classmethod
    def from_record(cls, record: dict) -> "MistakenConfig":
        """The config that `describe` wrote. Raises one of BAD_RECORD where it wrote no such thing."""
        return cls(record["twin"], DiffusionConfig.from_record(record))

    @property
    def training(self) -> TrainingConfig:
        return self.run.training

    @property
    def title(self) -> str:
        return f"{self.twin} · {self.run.title}"

    def describe(self) -> dict:
        """Plain data that name this model, the checksum of its data among them."""
        return {"twin": self.twin, **self.run.describe()}

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[MistakenState]":
        """Trains, from the start or from a checkpoint."""
        return train_mistaken(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class MistakenState(Learning):
    """Where the training of a twin stands."""

    config: MistakenConfig
    device: str  # in words

    def result(self) -> Checkpoint:
        """The finished model: averaged weights, and the record that is kept beside them."""
        return finished(self.training, self.config, self.device)


def train_mistaken(
    config: MistakenConfig, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[MistakenState]:
    """Trains a network by the rules of its twin, one state after every update. Raises as `train_diffusion` does."""
    device = device or pick()
    run, rules, in_words = config.run, RULES[config.twin], describe(device)
    model = build_network(run.network, run.training.seed).to(device)
    x0, label = training_data(run, device)
    loss = loss_by(rules, run.schedule.build(), run.label_dropout)
    for state in train(model, loss, (x0, label), run.training, resume):
        yield MistakenState(state, config, in_words)


def loss_by(rules: Rules, schedule: NoiseSchedule, label_dropout: float) -> Loss:
    """The loss of every diffusion model here, with these rules in it."""
    right = denoising_loss(schedule, label_dropout, rules.add_noise)

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        x0, label = batch
        x0 = rules.scale(x0) if x0.dtype == torch.uint8 else x0  # (N, C, H, W) or (N, D)
        return right(rules.time(model), (x0, label), generator)

    return loss


@lru_cache(maxsize=8)
def load(name: str, device: torch.device | None = None) -> tuple[Denoiser, NoiseSchedule, dict]:
    """A twin that ships, ready for `ancestral`; its schedule and its record. name: such as "digits_no_time".

    Raises core.store.ModelNotFound or DamagedModel.
    """
    from core.diffusion.learned import restore_network
    from core.shipped import find

    weights, record = find("mistaken", name)
    network, schedule = restore_network(weights, record, device)
    return from_v(RULES[record["config"]["twin"]].time(network), schedule), schedule, record
