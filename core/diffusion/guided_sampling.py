"""Guided sampling of digits as runs: by a classifier of noisy images, or by several labels at once.

Each is a sampling run (core/diffusion/sampling.py) with another Denoiser, whose last state also says what an
independent classifier, which has never seen noise, names the images that came out.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from core import library
from core.diffusion.sampling import SamplingConfig, SamplingState, sample

if TYPE_CHECKING:
    import torch

    from core.diffusion.noisy_classifier import NoisyClassifier
    from core.diffusion.schedule import NoiseSchedule

JUDGE = "digits"  # the shipped classifier that names what was drawn


@dataclass(frozen=True, eq=False)
class NamedState(SamplingState):
    """How far a run has come, and at its end what each image looks like."""

    named: np.ndarray | None = None  # (N,) int64, the label that the independent classifier gives each image
    sure: np.ndarray | None = None  # (N,) float32, the probability that it gives to that label


@dataclass(frozen=True)
class NamedConfig(SamplingConfig):
    """Sampling with classifier-free guidance, and the images named at the end."""

    kind = "named"

    def start(self, checkpoint: None = None) -> Iterator[NamedState]:
        from core.diffusion.library import load

        denoiser, schedule, record = load(self.model)
        return named(sample(self, denoiser, schedule, record))


@dataclass(frozen=True)
class ClassifierGuidedConfig(SamplingConfig):
    """The same by the gradient of a classifier; the model itself is never told a label."""

    kind = "classifier_guided"

    classifier: str = ""  # the key of a classifier of noisy images

    @property
    def title(self) -> str:
        return f"{self.sampler} · {self.steps} · ∇ log p(y | x)"

    def start(self, checkpoint: None = None) -> Iterator[NamedState]:
        """Raises ValueError where the classifier has learnt another schedule than the model."""
        from core.diffusion.guidance import classifier_guided
        from core.diffusion.library import load
        from core.diffusion.noisy_classifier import log_prob_of

        denoiser, schedule, record = load(self.model)
        network, learnt = load_classifier(self.classifier)
        if not learnt.alpha_bar.equal(schedule.alpha_bar):
            raise ValueError("This classifier has learnt another noise schedule than the model.")
        guided = classifier_guided(denoiser, log_prob_of(network), self.scale, schedule)
        # scale 1: classifier-free guidance then hands the labels on and adds nothing
        return named(sample(_plain(self, scale=1.0), guided, schedule, record))


@dataclass(frozen=True)
class ComposedConfig(SamplingConfig):
    """The same by all of `labels` at once, each with its own weight, for every image."""

    kind = "composed"

    weights: tuple[float, ...] = ()  # as many as labels; a negative one pushes away

    @property
    def title(self) -> str:
        return f"{self.sampler} · {self.steps} · " + " ".join(f"{w:+g}·{y}" for y, w in self._pulls())

    def start(self, checkpoint: None = None) -> Iterator[NamedState]:
        from core.diffusion.guidance import composed
        from core.diffusion.library import load

        denoiser, schedule, record = load(self.model)
        guided = composed(denoiser, self.labels, self.weights)
        return named(sample(_plain(self, labels=()), guided, schedule, record))

    def _pulls(self) -> Iterator[tuple[int, float]]:
        return zip(self.labels, self.weights, strict=False)


def named(states: Iterator[SamplingState]) -> Iterator[NamedState]:
    """The same states; the last one with what the independent classifier says of its images."""
    for state in states:
        said = names_of(state.frames[-1].x) if state.step == state.steps else (None, None)
        yield NamedState(state.frames, state.step, state.steps, state.calls, *said)


def names_of(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the classifier that ships names images (N, 1, 28, 28) in [−1, 1], and how sure it is of it: (N,) each."""
    import torch

    judge = _judge()
    device = next(judge.parameters()).device
    with torch.no_grad():
        sure, label = judge(torch.from_numpy(images).to(device)).softmax(dim=1).max(dim=1)
    return label.cpu().numpy(), sure.cpu().numpy()


def classifiers() -> list[dict]:
    """The record of every classifier of noisy images, those that ship first, then the newest. Imports no torch."""
    return library.available("noisy_classifier")


@functools.lru_cache(maxsize=4)
def load_classifier(key: str) -> "tuple[NoisyClassifier, NoiseSchedule]":
    """A classifier of noisy images and its schedule. Raises core.store.ModelNotFound or DamagedModel."""
    from core.diffusion.noisy_classifier import restore_noisy_classifier

    return restore_noisy_classifier(*library.store_of(key).load(key))


@functools.lru_cache(maxsize=1)
def _judge() -> "torch.nn.Module":
    from core.neural_network import pretrained

    return pretrained(JUDGE)


def _plain(config: SamplingConfig, **changes: object) -> SamplingConfig:
    """The sampling that a config asks for, without what only its guidance needs."""
    shared = {field.name: getattr(config, field.name) for field in fields(SamplingConfig)}
    return replace(SamplingConfig(**shared), **changes)
