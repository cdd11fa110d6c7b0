"""A plain network of one hidden layer that learns to name digits within seconds, looked at after every epoch."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import data
from core.device import describe, pick
from core.run import Config
from core.training import Batch, Checkpoint, Learning, TrainingConfig, finished, reading, restored, seeded, train

PIXELS = 28 * 28
LABELS = 10
HIDDEN = (4, 512)
WRONG = 40  # mistakes that are kept of each look


class DigitMLP(nn.Module):
    """uint8 images (N, 1, 28, 28) to one score for each digit, (N, 10)."""

    def __init__(self, hidden: int = 128):
        super().__init__()
        self.first = nn.Linear(PIXELS, hidden)
        self.second = nn.Linear(hidden, LABELS)

    def forward(self, images: Tensor) -> Tensor:
        x = images.flatten(1).float() / 255  # (N, 784) in [0, 1]
        return self.second(F.relu(self.first(x)))


def cross_entropy(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
    """The mean of −log p(y | x) in nats over images and their labels (N,)."""
    images, labels = batch
    return F.cross_entropy(model(images).float(), labels)


@dataclass(frozen=True)
class DigitRun(Config):
    """All that a trained network depends on; its hash is the model's name."""

    kind = "digitmlp"

    hidden: int = 128  # units
    epochs: int = 5  # times that it sees every one of the 60,000 digits
    rate: float = 0.003  # Adam's, at its highest
    batch_size: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a network that cannot be built."""
        if not HIDDEN[0] <= self.hidden <= HIDDEN[1]:
            raise ValueError(f"hidden must lie between {HIDDEN[0]} and {HIDDEN[1]}, but it is {self.hidden}.")

    @property
    def training(self) -> TrainingConfig:
        steps = self.epochs * (60_000 // self.batch_size)
        return TrainingConfig(steps, self.batch_size, self.rate, warmup=50, ema_decay=0.99, seed=self.seed)

    def describe(self) -> dict:
        """Plain data that name this model, the checksum of its data among them."""
        return {**asdict(self), "checksum": data.checksum("mnist")}

    @property
    def title(self) -> str:
        return f"784 → {self.hidden} → 10 · {self.epochs}"

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[DigitState]":
        """Trains, from the start or from a checkpoint. What the job runner calls."""
        return train_digits(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class Look:
    """A network on the 10,000 test digits after an epoch. Nothing in it is ever changed."""

    epoch: int
    accuracy: float  # share of right answers
    wrong: Tensor  # (≤ WRONG,) int64, test digits that it names wrongly, the surest mistakes first
    said: Tensor  # (≤ WRONG,) int64, what it says of each
    sure: Tensor  # (≤ WRONG,) float32, the probability that it gives to that
    weights: dict[str, Tensor]  # the network then


@dataclass(frozen=True, eq=False)
class DigitState(Learning):
    """Where the training stands."""

    config: DigitRun
    device: str  # in words
    looks: tuple[Look, ...]  # one for each epoch so far, before the first among them

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on exactly; valid until the next state is asked for."""
        tensors, record = self.training.checkpoint()
        record["accuracies"] = [[look.epoch, look.accuracy] for look in self.looks]
        return tensors, record

    def result(self) -> Checkpoint:
        """The finished network, with its share of right answers after each epoch in the record."""
        weights, record = finished(self.training, self.config, self.device)
        return weights, {**record, "accuracies": [[look.epoch, look.accuracy] for look in self.looks]}


def train_digits(
    config: DigitRun, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[DigitState]:
    """Trains on MNIST, one state after every update. Raises core.data.DataError where there are no data."""
    device = device or pick()
    in_words = describe(device)
    images, test = data.mnist("train"), data.mnist("test")
    model = seeded(lambda: DigitMLP(config.hidden), config.seed).to(device)
    looks = (look(model, test, 0),) if resume is None else ()
    updates = 60_000 // config.batch_size
    batches = (images.images.to(device), images.labels.to(device))
    for state in train(model, cross_entropy, batches, config.training, resume):
        if state.step % updates == 0 or not looks:
            looks = (*looks, look(state.average, test, state.step // updates))
        yield DigitState(state, config, in_words, looks)


@torch.no_grad()
def look(model: nn.Module, test: data.Images, epoch: int) -> Look:
    """What a network gets right and wrong of labelled images."""
    device = next(model.parameters()).device
    chances = torch.cat([model(block.to(device)).softmax(dim=1).cpu() for block in test.images.split(1000)])
    sure, said = chances.max(dim=1)  # (N,)
    wrong = (said != test.labels).nonzero()[:, 0]
    worst = wrong[sure[wrong].argsort(descending=True)][:WRONG]
    weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    return Look(epoch, 1 - len(wrong) / len(test.labels), worst, said[worst], sure[worst], weights)


@torch.no_grad()
def probabilities(weights: dict[str, Tensor], images: Tensor) -> Tensor:
    """What a network with these weights says of uint8 images (N, 1, 28, 28): (N, 10), each row adding up to one.

    Raises core.store.DamagedModel where these are no weights of such a network.
    """
    with reading("digit network"):
        model = restored(lambda: DigitMLP(len(weights["first.bias"])), weights, images.device)
    return model(images).softmax(dim=1)
