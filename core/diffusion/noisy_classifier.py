"""A classifier that names digits through noise, at every level t: what classifier guidance has to train besides."""

import functools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import data, library
from core.device import describe, pick
from core.diffusion.forward import add_noise
from core.diffusion.guidance import LogProb
from core.diffusion.learned import ScheduleConfig
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import ResidualBlock, time_embedding
from core.neural_network import to_unit
from core.run import Config
from core.training import (
    Batch,
    Checkpoint,
    Learning,
    Loss,
    TrainingConfig,
    finished,
    preview_steps,
    reading,
    restored,
    seeded,
    train,
)

LOOKED_AT = 100  # test images of a look while it learns
TESTED = 500  # and of the accuracies that are kept with it
LEVELS = 10  # besides level 1: T/10, 2T/10, … T


@dataclass(frozen=True)
class NoisyClassifierConfig:
    """What a classifier of noisy images is built from: the downward half of the U-Net."""

    channels: int = 1  # of the image
    patch: int = 2  # pixels that are folded into channels before the first convolution
    widths: tuple[int, ...] = (32, 64, 64)  # channels at 14 × 14, 7 × 7 and 4 × 4
    embedding: int = 64  # size of the vector that carries the time
    labels: int = 10  # classes


class NoisyClassifier(nn.Module):
    """Noisy images (N, C, 28, 28) and their levels t (N,) to one score (logit) for each class, (N, labels)."""

    def __init__(self, config: NoisyClassifierConfig = NoisyClassifierConfig()):
        super().__init__()
        self.config = config
        widths, size = config.widths, config.embedding
        self.time = nn.Sequential(nn.Linear(size, size), nn.SiLU(), nn.Linear(size, size))
        self.enter = nn.Conv2d(config.channels * config.patch**2, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(
            ResidualBlock(before, width, size) for before, width in zip((widths[0], *widths), widths, strict=False)
        )
        self.norm = nn.BatchNorm2d(widths[-1])
        self.to_scores = nn.Linear(widths[-1], config.labels)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        embedded = F.silu(self.time(time_embedding(t, self.config.embedding)))  # (N, E)
        h = self.enter(F.pixel_unshuffle(x.float(), self.config.patch))  # (N, C_0, 14, 14)
        for level, block in enumerate(self.blocks):
            h = block(h if level == 0 else F.avg_pool2d(h, 2, ceil_mode=True), embedded)
        return self.to_scores(F.silu(self.norm(h)).mean(dim=(2, 3))).float()  # (N, labels)


def log_prob_of(network: nn.Module) -> LogProb:
    """log p(label | x_t) by a classifier of noisy images: a callable (x, t, label) -> (N,) in nats."""

    def log_prob(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        return network(x, t).log_softmax(dim=1).gather(1, label[:, None])[:, 0]

    return log_prob


def noisy_classification_loss(schedule: NoiseSchedule) -> Loss:
    """The mean of −log p(y | x_t) in nats, each image at a level and with a noise of its own.

    Levels are stratified, as for the denoiser: each of the N equal parts of 1..T is drawn from once.
    """

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        images, labels = batch
        x0 = to_unit(images)  # (N, C, H, W)
        n = len(x0)
        place = torch.rand(n, generator=generator, device="cpu") + torch.arange(n, device="cpu")  # (N,)
        t = (place / n * schedule.T).long().clamp(max=schedule.T - 1) + 1  # (N,) in 1..T
        noise = torch.randn(x0.shape, generator=generator, device="cpu").to(x0.device)
        x_t = add_noise(schedule, x0, t, noise)
        return F.cross_entropy(model(x_t, t.to(x0.device)).float(), labels)

    return loss


@dataclass(frozen=True)
class NoisyClassificationConfig(Config):
    """All that a trained classifier of noisy images depends on; its hash is the model's name."""

    kind = "noisy_classifier"

    dataset: str  # "mnist" or "fashion_mnist"
    training: TrainingConfig
    network: NoisyClassifierConfig = field(default_factory=NoisyClassifierConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    @classmethod
    def for_images(cls, dataset: str, steps: int, **training: Any) -> "NoisyClassificationConfig":
        """The usual network; `training` are fields of TrainingConfig."""
        return cls(dataset, TrainingConfig(steps, **{"batch_size": 128, **training}))

    def describe(self) -> dict:
        """Plain data that name this model, the checksum of its data among them."""
        return {**asdict(self), "checksum": data.checksum(self.dataset)}

    @property
    def title(self) -> str:
        return f"{self.dataset} · {self.training.steps} × {self.training.batch_size}"

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[NoisyClassificationState]":
        """Trains, from the start or from a checkpoint. What the job runner calls."""
        return train_noisy_classifier(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class NoisyClassificationState(Learning):
    """Where the training of a classifier of noisy images stands."""

    config: NoisyClassificationConfig
    device: str  # in words
    looks: tuple[tuple[int, tuple[float, ...]], ...]  # (update, accuracy at each of looked_at's levels)

    def result(self) -> Checkpoint:
        """The finished classifier, with its accuracy over t on test images in the record."""
        weights, record = finished(self.training, self.config, self.device)
        schedule = self.config.schedule.build()
        shares = accuracies(self.training.average, schedule, data.images(self.config.dataset, "test"), TESTED)
        return weights, {**record, "levels": looked_at(schedule.T), "accuracies": [round(a, 4) for a in shares]}


def train_noisy_classifier(
    config: NoisyClassificationConfig, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[NoisyClassificationState]:
    """Trains, one state after every update. Raises core.data.DataError where there are no data."""
    device = device or pick()
    in_words = describe(device)
    schedule = config.schedule.build()
    model = seeded(lambda: NoisyClassifier(config.network), config.training.seed).to(device)
    images, test = data.images(config.dataset, "train"), data.images(config.dataset, "test")
    batch = (images.images.to(device), images.labels.to(device))
    due, looks = set(preview_steps(config.training.steps)), ()
    for state in train(model, noisy_classification_loss(schedule), batch, config.training, resume):
        if state.problem is None and (state.step in due or not looks):
            looks = (*looks, (state.step, tuple(accuracies(state.average, schedule, test, LOOKED_AT))))
        yield NoisyClassificationState(state, config, in_words, looks)


def looked_at(T: int) -> list[int]:
    """The levels at which the accuracy is measured: 1, T/10, 2T/10, … T."""
    return sorted({max(1, round(T * k / LEVELS)) for k in range(LEVELS + 1)})


@torch.no_grad()
def accuracies(model: nn.Module, schedule: NoiseSchedule, test: data.Images, count: int) -> list[float]:
    """The share of `count` noisy images whose class is named, at each of the levels; the noise is the same for all."""
    device = next(model.parameters()).device
    images, labels = test.images[:count].to(device), test.labels[:count].to(device)
    x0 = to_unit(images)
    noise = torch.randn(x0.shape, generator=torch.Generator("cpu").manual_seed(0), device="cpu").to(device)
    shares = []
    for level in looked_at(schedule.T):
        right = 0
        for x, eps, names in zip(x0.split(500), noise.split(500), labels.split(500), strict=True):
            t = torch.full((len(x),), level, dtype=torch.int64, device=device)
            right += int((model(add_noise(schedule, x, t, eps), t).argmax(1) == names).sum())
        shares.append(right / len(x0))
    return shares


def restore_noisy_classifier(
    weights: dict[str, Tensor], record: dict, device: torch.device | None = None
) -> tuple[NoisyClassifier, NoiseSchedule]:
    """A kept classifier in evaluation mode, and the schedule that it has learnt.

    Raises core.store.DamagedModel where weights and record disagree.
    """
    with reading("noisy classifier"):
        config = record["config"]
        network = NoisyClassifierConfig(**{**config["network"], "widths": tuple(config["network"]["widths"])})
        schedule = ScheduleConfig(**config["schedule"]).build()
        return restored(lambda: NoisyClassifier(network), weights, device or pick()), schedule


@functools.lru_cache(maxsize=4)
def load(key: str, device: torch.device | None = None) -> tuple[NoisyClassifier, NoiseSchedule]:
    """A classifier at hand by its key, and its schedule. Raises core.store.ModelNotFound or DamagedModel."""
    return restore_noisy_classifier(*library.store_of(key).load(key), device)
