"""No tensor without a device where networks are trained, sampled and measured, whole runs at a time."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import pytest
import torch

from core import data, shapes
from core.data import Images
from core.diffusion import library
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.learned import DiffusionConfig, ScheduleConfig, restore, train_diffusion
from core.diffusion.point_network import PointNetworkConfig
from core.diffusion.quality import Entry, QualityConfig
from core.diffusion.sampling import SAMPLERS, SamplingConfig, sample
from core.diffusion.unet import UNetConfig
from core.gaussian_mixture import GaussianMixture
from core.neural_network import ClassificationConfig, ClassifierConfig, restore_classifier, train_classifier
from core.training import TrainingConfig
from tests.core.test_devices import DevicesAreNamed

CPU = torch.device("cpu")
SCHEDULE = ScheduleConfig(T=12)
SMALL = UNetConfig(widths=(4, 8), embedding=8, heads=2)


@pytest.fixture(autouse=True)
def few_images(monkeypatch) -> None:
    images = Images(torch.zeros(40, 1, 28, 28, dtype=torch.uint8), torch.arange(40) % 10)
    monkeypatch.setattr(data, "images", lambda name, split: images)


def points(**settings: object) -> DiffusionConfig:
    config = DiffusionConfig.for_points("blobs", 26, batch_size=8, **settings)
    return replace(config, network=PointNetworkConfig(width=8, depth=1), schedule=SCHEDULE)


def digits() -> DiffusionConfig:
    return replace(DiffusionConfig.for_images("mnist", 2, batch_size=8), network=SMALL, schedule=SCHEDULE)


def twice(start: Callable[..., Iterator], restored: Callable) -> None:
    """A run that is stopped, goes on, and is kept."""
    checkpoint = next(start(resume=None)).checkpoint()
    *_, state = start(resume=checkpoint)
    restored(*state.result(), CPU)


def train_points() -> None:
    twice(lambda resume: train_diffusion(points(), CPU, resume), restore)


def train_images() -> None:
    twice(lambda resume: train_diffusion(digits(), CPU, resume), restore)


def diverge() -> None:
    config = points(learning_rate=1000.0)
    *_, state = train_diffusion(replace(config, training=replace(config.training, steps=500)), CPU)
    assert state.problem == "diverged"


def train_a_classifier() -> None:
    config = ClassificationConfig("mnist", TrainingConfig(3, 8), ClassifierConfig(widths=(4,), features=4))
    twice(lambda resume: train_classifier(config, CPU, resume), restore_classifier)


def sample_images() -> None:
    weights, record = next(train_diffusion(digits(), CPU)).result()
    for name in SAMPLERS:
        config = SamplingConfig("toy", name, steps=3, eta=0.5, labels=(1, 2), count=3)
        list(sample(config, *restore(weights, record), record))  # where the samplers work


def race() -> None:
    list(QualityConfig("toy", "blobs", (Entry("ddim", 2),), count=20).start())


def race_of_images() -> None:
    list(QualityConfig("toy", "mnist", (Entry("ddim", 2),), count=20).start())


@pytest.mark.parametrize(
    "run", [train_points, train_images, diverge, train_a_classifier, sample_images, race, race_of_images]
)
def test_every_tensor_of_a_run_names_its_device(run, monkeypatch):
    schedule = SCHEDULE.build()
    if run is race:
        exact = MixtureDenoiser(GaussianMixture(*shapes.blobs_mixture()), schedule)
        model = exact, schedule, {"config": {"network": asdict(PointNetworkConfig())}}
    else:
        model = *restore(*next(train_diffusion(digits(), CPU)).result()), {"config": {"network": asdict(SMALL)}}
    monkeypatch.setattr(library, "load", lambda key: model)
    with DevicesAreNamed():
        run()
