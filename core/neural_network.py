"""A network that learns to name digits: small convolutions, a vector of features, ten scores."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import data
from core.device import describe, pick
from core.run import Config
from core.shipped import find
from core.training import Batch, Checkpoint, Learning, TrainingConfig, finished, reading, restored, seeded, train

DROPPED = 0.2  # share of the features that are left out in training, each by a throw of its own. Srivastava et al. 2014


@dataclass(frozen=True)
class ClassifierConfig:
    """What a digit classifier is built from."""

    channels: int = 1  # of the image
    widths: tuple[int, ...] = (32, 64, 96)  # channels at 28 × 28, 14 × 14 and 7 × 7
    features: int = 64  # size of the vector that the last layer reads; Fréchet distances are taken on it
    labels: int = 10  # classes


class Classifier(nn.Module):
    """Images in [−1, 1], (N, C, H, W), to one score (logit) for each class, (N, labels)."""

    def __init__(self, config: ClassifierConfig = ClassifierConfig()):
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = config.channels
        for level, width in enumerate(config.widths):
            if level > 0:
                layers.append(nn.MaxPool2d(2))
            for width_in in (before, width):
                layers += [nn.Conv2d(width_in, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.body = nn.Sequential(*layers)
        self.to_features = nn.Linear(before, config.features)
        self.to_scores = nn.Linear(config.features, config.labels)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees of an image: (N, C, H, W) to (N, features)."""
        h = self.body(x).mean(dim=(2, 3))  # (N, C_last)
        return F.relu(self.to_features(h))

    def forward(self, x: Tensor) -> Tensor:
        return self.to_scores(self.features(x)).float()  # (N, labels)


def classification_loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
    """The mean cross-entropy −log p(y|x) in nats, over images that are moved together by up to two pixels.

    batch: uint8 images (N, C, 28, 28) and int64 labels (N,). Moving them teaches that a digit may stand anywhere.
    """
    images, labels = batch
    down, across = (int(v) for v in torch.randint(-2, 3, (2,), generator=generator, device="cpu"))
    x = F.pad(to_unit(images), (2, 2, 2, 2), value=-1.0)
    x = x[:, :, 2 + down : 30 + down, 2 + across : 30 + across]
    features = model.features(x)  # (N, features)
    kept = torch.rand(features.shape, generator=generator, device="cpu") >= DROPPED  # dropout, from our own generator
    scores = model.to_scores(features * kept.to(features) / (1 - DROPPED))
    return F.cross_entropy(scores.float(), labels)


def to_unit(images: Tensor) -> Tensor:
    """uint8 images, 0 to 255, as float32 in [−1, 1], same shape."""
    return images.float() / 127.5 - 1


@dataclass(frozen=True)
class ClassificationConfig(Config):
    """All that a trained classifier depends on; its hash is the model's name."""

    kind = "classifier"

    dataset: str  # "mnist" or "fashion_mnist"
    training: TrainingConfig
    network: ClassifierConfig = field(default_factory=ClassifierConfig)

    def describe(self) -> dict:
        """Plain data that name this model, the checksum of its data among them."""
        return {**asdict(self), "checksum": data.checksum(self.dataset)}

    @property
    def title(self) -> str:
        return f"{self.dataset} · {self.training.steps} × {self.training.batch_size}"

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[ClassificationState]":
        """Trains, from the start or from a checkpoint. What the job runner calls."""
        return train_classifier(self, resume=checkpoint)


@dataclass(frozen=True, eq=False)
class ClassificationState(Learning):
    """Where the training of a classifier stands."""

    config: ClassificationConfig
    device: str  # in words

    def result(self) -> Checkpoint:
        """The finished classifier, with its share of right answers on the test images in the record."""
        weights, record = finished(self.training, self.config, self.device)
        test = data.images(self.config.dataset, "test")
        return weights, {**record, "test_accuracy": accuracy(self.training.average, test.images, test.labels)}


def train_classifier(
    config: ClassificationConfig, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[ClassificationState]:
    """Trains a classifier, one state after every update. Raises core.data.DataError where there are no data."""
    device = device or pick()
    model = seeded(lambda: Classifier(config.network), config.training.seed).to(device)
    in_words = describe(device)
    images = data.images(config.dataset, "train")
    batch = (images.images.to(device), images.labels.to(device))
    for state in train(model, classification_loss, batch, config.training, resume):
        yield ClassificationState(state, config, in_words)


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images (N, C, H, W) uint8 whose class (N,) a classifier names, in blocks that fit any memory."""
    device = next(model.parameters()).device
    right = 0
    for block, names in zip(images.split(500), labels.split(500), strict=True):
        right += int((model(to_unit(block.to(device))).argmax(1) == names.to(device)).sum())
    return right / len(labels)


def restore_classifier(weights: dict[str, Tensor], record: dict, device: torch.device | None = None) -> Classifier:
    """A kept classifier in evaluation mode. Raises core.store.DamagedModel where weights and record disagree."""
    with reading("classifier"):
        network = record["config"]["network"]
        config = ClassifierConfig(**{**network, "widths": tuple(network["widths"])})
        return restored(lambda: Classifier(config), weights, device or pick())


def pretrained(name: str = "digits", device: torch.device | None = None) -> Classifier:
    """A classifier that ships. Raises core.store.ModelNotFound for an unknown name."""
    return restore_classifier(*find("classifier", name), device)
