"""For every test of a page: the language as it was; where a file asks for it a home of its own, with small models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core import jobs
from core.diffusion import library
from core.diffusion.learned import DiffusionConfig, ScheduleConfig, build_network
from core.diffusion.point_network import PointNetworkConfig
from core.diffusion.unet import UNetConfig
from core.shipped import key_of_name
from core.store import ModelNotFound, user_store
from core.training import TrainingConfig
from pages import working
from tests.pages.apptest import DOTS_LEVELS, TINY_LEVELS
from ui import text


@pytest.fixture(autouse=True)
def quiet_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest names the choices of a widget outside the session, where the fallback language is spoken."""
    monkeypatch.setattr(text, "FALLBACK", text.FALLBACK)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest runs no timers: a page waits here until what it needs is worked out, on a busy machine too."""
    monkeypatch.setattr(working, "PATIENCE", 60.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh folder for models, and a fresh runner on it, for the whole file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("TEN_STEPS_HOME", str(folder))
        jobs.runner().close()
        library.load.cache_clear()
        yield folder
        jobs.runner().close()
        library.load.cache_clear()


@pytest.fixture(scope="module")
def tiny(home: Path) -> str:
    """The key of a small image model with few levels: every sampler at every setting takes a moment."""
    network = UNetConfig(widths=(4, 8), embedding=8, heads=1)
    return kept(DiffusionConfig("mnist", TrainingConfig(1), network, ScheduleConfig("cosine", TINY_LEVELS)))


@pytest.fixture(scope="module")
def dots(home: Path) -> str:
    """The key of a model of points with few levels: DDPM's way through all of them takes a moment."""
    network = PointNetworkConfig(width=16, depth=1)
    return kept(DiffusionConfig("blobs", TrainingConfig(1), network, ScheduleConfig("cosine", DOTS_LEVELS)))


def kept(config: DiffusionConfig) -> str:
    """The key of an untrained model, once it lies in the store of this home."""
    model = build_network(config.network, seed=1)
    with torch.no_grad():  # its last convolution starts at zero: it would predict nothing at all
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
    record = {"kind": "diffusion", "config": config.describe(), "examples": 64}
    user_store().save(config.key, {k: v.detach() for k, v in model.state_dict().items()}, record)
    return config.key


@pytest.fixture(scope="module")
def blobs(home: Path) -> str:
    """The key of the model of the three blobs: the one that ships, else one learnt here in a moment."""
    try:
        return key_of_name("diffusion", "blobs")
    except ModelNotFound:
        *_, state = DiffusionConfig.for_points("blobs", 400, batch_size=128).start()
        tensors, record = state.result()
        user_store().save(state.config.key, tensors, record | {"name": "blobs"})
        return state.config.key
