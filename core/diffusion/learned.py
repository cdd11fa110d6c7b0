"""A diffusion model learnt from data: its settings, its loss, its training as a run, and the finished Denoiser."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from core import data
from core.device import describe, pick
from core.diffusion.forward import add_noise
from core.diffusion.guidance import classifier_free
from core.diffusion.point_network import PointNetwork, PointNetworkConfig
from core.diffusion.prediction import Denoiser, clipped, from_v, v_target
from core.diffusion.samplers import dpm_solver_pp
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import UNet, UNetConfig
from core.neural_network import to_unit
from core.run import Config
from core.shapes import points_along
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

IMAGE_SETS = ("mnist", "fashion_mnist")
SHAPES = tuple(data.SHAPES)
DRAWING = "drawing"
MOST_LEVELS = 100_000  # of a schedule
POINTS = 10_000  # points of a shape that a network learns from


@dataclass(frozen=True)
class ScheduleConfig:
    """Which noise schedule."""

    kind: str = "cosine"  # or "linear"
    T: int = 1000  # noise levels

    def build(self) -> NoiseSchedule:
        """Raises ValueError for another kind, or T outside 1..100,000."""
        if self.kind not in ("cosine", "linear"):
            raise ValueError(f"A schedule is cosine or linear, not {self.kind!r}.")
        if not 1 <= self.T <= MOST_LEVELS:
            raise ValueError(f"A schedule has between 1 and {MOST_LEVELS:,} noise levels, not {self.T}.")
        return NoiseSchedule.cosine(self.T) if self.kind == "cosine" else NoiseSchedule.linear(self.T)


@dataclass(frozen=True)
class DiffusionConfig(Config):
    """All that a trained diffusion model depends on; its hash is the model's name."""

    kind = "diffusion"

    dataset: str  # one of IMAGE_SETS, SHAPES or DRAWING
    training: TrainingConfig
    network: UNetConfig | PointNetworkConfig = field(default_factory=UNetConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    label_dropout: float = 0.1  # share of images whose label is withheld, each by a throw of its own
    strokes: tuple[tuple[tuple[float, float], ...], ...] = ()  # of a drawing: polylines in the unit square, y down

    @classmethod
    def for_images(cls, dataset: str, steps: int, **training: Any) -> "DiffusionConfig":
        """A U-Net on a set of images; `training` are fields of TrainingConfig."""
        return cls(dataset, TrainingConfig(steps, **training))

    @classmethod
    def for_points(
        cls, dataset: str, steps: int, strokes: tuple[tuple[tuple[float, float], ...], ...] = (), **training: Any
    ) -> "DiffusionConfig":
        """A point network on a shape, or on what a person drew; `training` are fields of TrainingConfig."""
        training = {"batch_size": 512, **training}
        return cls(dataset, TrainingConfig(steps, **training), PointNetworkConfig(), strokes=_plain(strokes))

    @classmethod
    def from_record(cls, record: dict) -> "DiffusionConfig":
        """The config that `describe` wrote. Raises one of BAD_RECORD where the record is no such thing."""
        kind = PointNetworkConfig if "dimensions" in record["network"] else UNetConfig
        return cls(
            dataset=record["dataset"],
            training=TrainingConfig(**record["training"]),
            network=kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in record["network"].items()}),
            schedule=ScheduleConfig(**record["schedule"]),
            label_dropout=record["label_dropout"],
            strokes=_plain(record["strokes"]),
        )

    def describe(self) -> dict:
        """Plain data that name this model: the settings, and the checksum of a data set that is a file."""
        files = {name: name for name in IMAGE_SETS} | {"dinosaur": "datasaurus"}
        checksum = data.checksum(files[self.dataset]) if self.dataset in files else None
        return {**asdict(self), "checksum": checksum}

    @property
    def title(self) -> str:
        return f"{self.dataset} · {self.training.steps} × {self.training.batch_size}"

    @property
    def short(self) -> bool:
        """Whether training takes seconds rather than minutes."""
        return isinstance(self.network, PointNetworkConfig)

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[DiffusionState]":
        """Trains, from the start or from a checkpoint. What the job runner calls."""
        return train_diffusion(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class Preview:
    """What the model drew after some updates: images (10, C, H, W), one of each class, or points (500, 2)."""

    step: int
    x0: Tensor  # on the CPU


@dataclass(frozen=True, eq=False)
class DiffusionState(Learning):
    """Where the training of a diffusion model stands."""

    config: DiffusionConfig
    previews: tuple[Preview, ...]  # each from the same noise, so that only the weights differ
    device: str  # in words

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on exactly; valid until the next state is asked for."""
        tensors, record = self.training.checkpoint()
        previews = {f"preview.{p.step}": p.x0 for p in self.previews if p.step <= record["step"]}
        return tensors | previews, record

    def result(self) -> Checkpoint:
        """The finished model: averaged weights, and the record that is kept beside them."""
        return finished(self.training, self.config, self.device)


def denoising_loss(schedule: NoiseSchedule, label_dropout: float, add_noise: Callable[..., Tensor] = add_noise) -> Loss:
    """The mean of (v̂ − v)² over a batch of clean data, each at a level and with a noise of its own.

    Since ε̂ = √(1−ᾱ) x_t + √ᾱ v̂, it is the simple loss on ε (Ho et al. 2020, equation 14) divided by ᾱ_t, which
    keeps the levels near T, where x_t says almost nothing about ε − x_t, from being ignored.
    Levels are stratified: each of the N equal parts of 1..T is drawn from once (Kingma et al. 2021, appendix I.1).
    `add_noise` is another way into noise, for those who want to see what it breaks (core/diffusion/mistakes.py).
    """

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        x0, label = batch
        x0 = to_unit(x0) if x0.dtype == torch.uint8 else x0  # (N, C, H, W) or (N, D)
        n, device = len(x0), x0.device
        place = torch.rand(n, generator=generator, device="cpu") + torch.arange(n, device="cpu")  # (N,)
        t = (place / n * schedule.T).long().clamp(max=schedule.T - 1) + 1  # (N,) in 1..T
        noise = torch.randn(x0.shape, generator=generator, device="cpu").to(device)
        dropped = (torch.rand(n, generator=generator, device="cpu") < label_dropout).to(device)  # (N,)
        x_t = add_noise(schedule, x0, t, noise)
        v = model(x_t, t.to(device), torch.where(dropped, -1, label))
        return (v - v_target(schedule, x0, t, noise)).square().mean()

    return loss


def build_network(config: UNetConfig | PointNetworkConfig, seed: int) -> nn.Module:
    """A fresh network on the CPU; the same seed gives the same weights."""
    return seeded(lambda: _network(config), seed)


def _network(config: UNetConfig | PointNetworkConfig) -> nn.Module:
    return UNet(config) if isinstance(config, UNetConfig) else PointNetwork(config)


def _plain(strokes: Any) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Strokes as the config keeps them, so that 0 and 0.0 name the same model."""
    return tuple(tuple((float(x), float(y)) for x, y in stroke) for stroke in strokes)


def training_data(config: DiffusionConfig, device: torch.device) -> Batch:
    """What the model learns from, on `device`: uint8 images (N, 1, 28, 28) or float32 points (N, 2); labels (N,)."""
    if config.dataset in IMAGE_SETS:
        images = data.images(config.dataset, "train")
        labels = images.labels if config.network.labels else torch.full_like(images.labels, -1)
        return images.images.to(device), labels.to(device)
    generator = torch.Generator("cpu").manual_seed(config.training.seed)
    points = draw_points(config.dataset, config.strokes, POINTS, generator)
    return points.float().to(device), torch.full((POINTS,), -1, dtype=torch.int64, device=device)


def draw_points(
    dataset: str, strokes: tuple[tuple[tuple[float, float], ...], ...], n: int, generator: torch.Generator
) -> Tensor:
    """Points (n, 2) float64 of a named shape, or of what a person drew. Raises ValueError for an unknown name."""
    return points_along(strokes, n, generator) if dataset == DRAWING else data.shape(dataset, n, generator)


def train_diffusion(
    config: DiffusionConfig, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[DiffusionState]:
    """Trains a diffusion model, one state after every update. `device` defaults to the best there is.

    Raises ValueError for settings that make no sense, core.data.DataError where the data are not to be had.
    """
    device = device or pick()
    in_words = describe(device)
    schedule = config.schedule.build()
    model = build_network(config.network, config.training.seed).to(device)
    batch = training_data(config, device)
    kept = resume[0] if resume else {}
    found = sorted((int(name.split(".")[1]), value) for name, value in kept.items() if name.startswith("preview."))
    previews = tuple(Preview(step, x0) for step, x0 in found)
    due = set(preview_steps(config.training.steps)) - {p.step for p in previews}
    loss = denoising_loss(schedule, config.label_dropout)
    for state in train(model, loss, batch, config.training, resume):
        if state.step in due and state.problem is None:
            previews = (*previews, Preview(state.step, draw_preview(state.average, schedule, config.training.seed)))
        yield DiffusionState(state, config, previews, in_words)


def draw_preview(model: nn.Module, schedule: NoiseSchedule, seed: int) -> Tensor:
    """Ten images, one of each class at guidance scale 1.5, or 500 points; in ten network steps from fixed noise."""
    device = next(model.parameters()).device
    generator = torch.Generator("cpu").manual_seed(seed)
    denoiser = from_v(model, schedule)
    if isinstance(model, UNet):
        labels = model.config.labels
        noise = torch.randn(max(labels, 1), model.config.channels, 28, 28, generator=generator, device="cpu").to(device)
        label = torch.arange(labels, device=device) if labels else None
        denoiser = clipped(classifier_free(denoiser, 1.5), schedule)
    else:
        noise = torch.randn(500, model.config.dimensions, generator=generator, device="cpu").to(device)
        label = None
    *_, end = dpm_solver_pp(denoiser, schedule, noise, steps=min(10, schedule.T), label=label)
    return end.x.to("cpu")


def restore(
    weights: dict[str, Tensor], record: dict, device: torch.device | None = None
) -> tuple[Denoiser, NoiseSchedule]:
    """A kept model, ready for the samplers. Raises core.store.DamagedModel where weights and record disagree."""
    network, schedule = restore_network(weights, record, device)
    return from_v(network, schedule), schedule


def restore_network(
    weights: dict[str, Tensor], record: dict, device: torch.device | None = None
) -> tuple[nn.Module, NoiseSchedule]:
    """A kept model's network, which predicts v, in evaluation mode, and its schedule. Raises as `restore` does."""
    with reading("diffusion model"):
        config = DiffusionConfig.from_record(record["config"])
        schedule = config.schedule.build()
        network = restored(lambda: _network(config.network), weights, device or pick())
        _try_out(network)
    return network, schedule


@torch.no_grad()
def _try_out(network: nn.Module) -> None:
    """Raises one of BAD_RECORD unless the network turns one image or point into another: weights fit more than one."""
    config, device = network.config, next(network.parameters()).device
    shape = (config.channels, 28, 28) if isinstance(network, UNet) else (config.dimensions,)
    x = torch.zeros(1, *shape, device=device)
    if network(x, torch.ones(1, dtype=torch.int64, device=device)).shape != x.shape:
        raise ValueError("What comes out has another shape than what went in.")
