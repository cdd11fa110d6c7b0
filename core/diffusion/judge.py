"""An independent judge of digits: the classifier that ships, which never sees what it judges while that is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core import data, neural_network
from core.device import pick
from core.neural_network import to_unit

AT_ONCE = 500  # images


@dataclass(frozen=True, eq=False)
class Looked:
    """What the judge sees in N images. On the CPU."""

    features: Tensor  # (N, F) float64: Fréchet distances are taken on them
    named: Tensor  # (N,) int64, the likeliest digit
    chances: Tensor  # (N, 10) float32, each row adding up to one


class Judge:
    """Names digits, and knows the real ones; with the classifier "fashion" the same for clothes."""

    def __init__(self, device: torch.device | None = None, name: str = "digits"):
        """Raises core.store.ModelNotFound where the classifier is missing."""
        self.device = device or pick()
        self.classifier = neural_network.pretrained(name, self.device)

    @torch.no_grad()
    def look(self, images: Tensor) -> Looked:
        """images: (N, 1, 28, 28) in [−1, 1]."""
        features, scores = [], []
        for block in images.split(AT_ONCE):
            seen = self.classifier.features(block.to(self.device))
            features.append(seen.cpu().double())
            scores.append(self.classifier.to_scores(seen).float().cpu())
        chances = torch.cat(scores).softmax(dim=1)
        return Looked(torch.cat(features), chances.argmax(dim=1), chances)

    def looks(self, images: Tensor) -> Iterator[Tensor]:
        """Features of uint8 images, block after block: whoever shares the processor gets his turn in between."""
        for block in images.split(AT_ONCE):
            yield self.look(to_unit(block)).features


def confusion(asked: Tensor, named: Tensor) -> Tensor:
    """How often digit i was asked for and j was seen: (10, 10) int64, a row for what was asked."""
    return torch.bincount(asked * 10 + named, minlength=100).reshape(10, 10)


def spread(images: Tensor, labels: Tensor) -> float:
    """The variance of the images of one digit, summed over the pixels, as the mean over the digits that are there.

    images: (N, …), labels: (N,). How differently one and the same digit is drawn. Divides by n − 1.
    """
    flat = images.flatten(1).double()
    each = [flat[labels == digit] for digit in range(10)]
    totals = [own.var(dim=0).sum() for own in each if len(own) > 1]
    return float(torch.stack(totals).mean()) if totals else float("nan")


def real_spread() -> float:
    """The same of the test images, in [−1, 1]."""
    test = data.mnist("test")
    return spread(to_unit(test.images), test.labels)


def balanced(labels: Tensor, count: int, block: int = 0) -> Tensor:
    """Places of images, as many of each digit, `count` in all; another block takes others."""
    each = count // 10
    return torch.cat([(labels == digit).nonzero()[block * each : (block + 1) * each, 0] for digit in range(10)])
