"""A VAE learnt from images: its settings, its loss, its training as a run, and the finished model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core import data
from core.device import describe, pick
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
from core.vae import VAE, VAEConfig, binarized, elbo

MOST_BETA = 100.0
PREVIEWS = "preview."  # what a kept VAE holds beside its weights: pictures of how it sharpened, and its loss by parts
PARTS = "parts"
EXAMPLES = "examples"
MOST_PARTS = 500  # points of the two curves that are kept of a finished run


@dataclass(frozen=True)
class VAERun(Config):
    """All that a trained VAE depends on; its hash is the model's name."""

    kind = "vae"

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
    def title(self) -> str:
        return f"{self.dataset} · VAE {self.network.latent} · {self.training.steps} × {self.training.batch_size}"

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[VAEState]":
        """Trains, from the start or from a checkpoint. What the job runner calls."""
        return train_vae(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class Preview:
    """What the model drew after some updates. uint8 on the CPU, 0 the paper and 255 the ink: (n, 28, 28) each."""

    step: int
    reconstructed: Tensor  # the examples, through the middle of q(z | x) and back
    drawn: Tensor  # the mean image at draws of the prior, which are the same each time


@dataclass(frozen=True, eq=False)
class VAEState(Learning):
    """Where the training of a VAE stands.

    parts: −E_q log p(x | z) and KL of every update, nats per image, (step, 2); with two levels each level's, (step, 3).
    NaN where nobody noted it.
    """

    config: Config
    device: str  # in words
    parts: Tensor
    examples: Tensor  # (n, 28, 28) uint8: images that it never learns from, one of each class
    previews: tuple[Preview, ...]

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on exactly; valid until the next state is asked for."""
        tensors, record = self.training.checkpoint()
        step = record["step"]
        return tensors | {PARTS: self.parts[:step].clone()} | _packed(self.previews, step), record

    def result(self) -> Checkpoint:
        """The finished model: averaged weights, how it came about, and the record that is kept beside them."""
        weights, record = finished(self.training, self.config, self.device)
        every = -(-len(self.parts) // MOST_PARTS)
        blocks = self.parts[: len(self.parts) // every * every].reshape(-1, every, self.parts.shape[1]).mean(dim=1)
        return weights | {PARTS: blocks, EXAMPLES: self.examples} | _packed(self.previews), record


def negative_elbo(likelihood: str, beta: float, note: Callable[[Tensor], None] | None = None) -> Loss:
    """The mean of −E_q log p(x | z) + β KL over a batch, in nats for each image; `note` is told the two means, (2,).

    A Bernoulli pixel is black or white, so the images are thrown anew at every look (dynamic binarisation:
    Salakhutdinov and Murray 2008; Burda et al. 2016). A grey level under a Bernoulli would be no likelihood.
    """

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        x = batch[0].float() / 255  # (N, 1, 28, 28) in [0, 1]
        if likelihood == "bernoulli":
            x = binarized(x, generator)
        bound = elbo(model, x, generator)
        kl = bound.kl.sum(dim=1)
        if note is not None:
            note(torch.stack([-bound.reconstruction.mean(), kl.mean()]).detach())
        return (beta * kl - bound.reconstruction).mean()

    return loss


def train_vae(
    config: VAERun, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[VAEState]:
    """Trains a VAE, one state after every update. Raises core.data.DataError where there are no data."""

    def loss(note: Callable[[Tensor], None]) -> Loss:
        return negative_elbo(config.network.likelihood, config.beta, note)

    return learn(config, lambda images: begun(config.network, images), loss, draw_preview, device, resume)


def learn(
    config: Any,
    build: Callable[[Tensor], nn.Module],
    loss: Callable[[Callable[[Tensor], None]], Loss],
    draw: Callable[[Any, int, Tensor, int], Preview],
    device: torch.device | None,
    resume: Checkpoint | None,
    count: int = 2,
) -> Iterator[VAEState]:
    """Trains a VAE of any number of levels, one state after every update.

    config: a VAERun or core.hierarchical_learned.HierarchyRun. build: the network, from the training images. loss: from
    who is told the `count` parts of the loss of every update. draw: a preview, from model, update, examples and seed.
    """
    device = device or pick()
    in_words = describe(device)
    images = data.images(config.dataset, "train").images
    model = seeded(lambda: build(images), config.training.seed).to(device)
    steps, kept = config.training.steps, resume[0] if resume else {}
    examples = examples_of(config)
    previews = _unpacked(kept)
    due = set(preview_steps(steps)) - {p.step for p in previews}
    parts = torch.full((steps, count), torch.nan, device="cpu")
    before = kept.get(PARTS, parts[:0])
    parts[: len(before)] = before
    noted: list[Tensor] = []
    for state in train(model, loss(noted.append), (images.to(device),), config.training, resume):
        if noted:
            parts[state.step - 1] = noted.pop()
            noted.clear()
        if state.step in due and state.problem is None:
            previews = (*previews, draw(state.average, state.step, examples, config.training.seed))
        yield VAEState(state, config, in_words, parts[: state.step], examples, previews)


def examples_of(config: Any) -> Tensor:
    """One test image of each class, as the model sees them: (n, 28, 28) uint8; black and white for a Bernoulli."""
    test = data.images(config.dataset, "test")
    first = [int((test.labels == label).nonzero()[0, 0]) for label in test.labels.unique().tolist()]
    images = test.images[first, 0]
    return (images > 127).to(torch.uint8) * 255 if config.network.likelihood == "bernoulli" else images


@torch.no_grad()
def draw_preview(model: VAE, step: int, examples: Tensor, seed: int) -> Preview:
    """The examples through the middle of q(z | x) and back, and ten draws of the prior, decoded."""
    device = next(model.parameters()).device
    mean, _ = model.encode(examples[:, None].to(device).float() / 255)
    generator = torch.Generator("cpu").manual_seed(seed)
    z = torch.randn(10, model.config.latent, generator=generator, device="cpu").to(device)
    return Preview(step, *(as_bytes(model.mean_image(place)) for place in (mean, z)))


def as_bytes(images: Tensor) -> Tensor:
    """Images (N, 1, 28, 28) in [0, 1] as (N, 28, 28) uint8 on the CPU; what is not finite is paper."""
    return (images[:, 0].nan_to_num(0.0).clamp(0, 1) * 255).round().to("cpu", torch.uint8)


def _packed(previews: tuple[Preview, ...], last: float = float("inf")) -> dict[str, Tensor]:
    return {
        f"{PREVIEWS}{p.step}.{name}": getattr(p, name)
        for p in previews
        if p.step <= last
        for name in ("reconstructed", "drawn")
    }


def _unpacked(tensors: Mapping[str, Tensor]) -> tuple[Preview, ...]:
    steps = sorted({int(name.split(".")[1]) for name in tensors if name.startswith(PREVIEWS)})
    return tuple(
        Preview(step, *(tensors[f"{PREVIEWS}{step}.{name}"].to("cpu") for name in ("reconstructed", "drawn")))
        for step in steps
    )


@dataclass(frozen=True, eq=False)
class History:
    """How a kept model came about, as NumPy arrays; empty where it was made without being watched."""

    losses: np.ndarray  # (L,) means over blocks of updates
    parts: np.ndarray  # (P, 2 or 3) likewise: see VAEState
    examples: np.ndarray  # (n, 28, 28) uint8
    previews: tuple[tuple[int, np.ndarray, np.ndarray], ...]  # update, reconstructed, drawn: (n, 28, 28) uint8


def history_of(tensors: Mapping[str, Tensor], record: dict) -> History:
    """The history in what `VAEState.result` gave. Raises core.store.DamagedModel where it is no such thing."""
    with reading("history of a VAE"):
        previews = tuple((p.step, p.reconstructed.numpy(), p.drawn.numpy()) for p in _unpacked(tensors))
        parts = tensors[PARTS].numpy() if PARTS in tensors else np.zeros((0, 2), np.float32)
        examples = tensors[EXAMPLES].numpy() if EXAMPLES in tensors else np.zeros((0, 28, 28), np.uint8)
        return History(np.array(record["losses"], np.float32), parts, examples, previews)


def begun(config: VAEConfig, images: Tensor) -> VAE:
    """A fresh VAE whose decoder begins at the mean image, as in Burda et al. 2016."""
    model = VAE(config)
    if config.body == "mlp":
        mean = (images.float().mean(dim=0).flatten() / 255).clamp(0.001, 0.999)  # (784,)
        with torch.no_grad():
            model.decoder[1].bias.copy_(mean.logit() if config.likelihood == "bernoulli" else mean)
    return model


def restore_vae(weights: dict[str, Tensor], record: dict, device: torch.device | None = None) -> VAE:
    """A kept VAE in evaluation mode. Raises core.store.DamagedModel where weights and record disagree."""
    with reading("VAE"):
        config = VAERun.from_record(record["config"]).network
        own = {name: value for name, value in weights.items() if not name.startswith((PREVIEWS, PARTS, EXAMPLES))}
        return restored(lambda: VAE(config), own, device or pick())
