"""Diffusion over codes: how they are scaled, that a kept model draws what it drew, and what each network costs."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from core import data, library, vae_library
from core.data import Images
from core.diffusion import makers
from core.diffusion.latent import (
    CENTRE,
    WIDTH,
    LatentConfig,
    as_seen,
    encoded,
    latent_loss,
    restore_latent,
    standard,
    train_latent,
)
from core.diffusion.learned import ScheduleConfig, denoising_loss
from core.diffusion.point_network import PointNetwork, PointNetworkConfig
from core.diffusion.unet import UNet, UNetConfig
from core.operations import multiply_adds
from core.scenes.guidance_latent import operations
from core.store import DamagedModel, ModelStore
from core.training import TrainingConfig
from core.vae import VAE, VAEConfig
from tests.core.test_devices import DevicesAreNamed


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


@pytest.fixture
def vae(monkeypatch) -> VAE:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = VAE(VAEConfig(latent=3, hidden=(8,))).eval().requires_grad_(False)
    monkeypatch.setattr(vae_library, "load", lambda key: model)
    images = torch.randint(0, 256, (200, 1, 28, 28), generator=generator(1), dtype=torch.uint8)
    digits = Images(images, torch.arange(200) % 10)
    monkeypatch.setattr(data, "images", lambda dataset, split: digits)
    monkeypatch.setattr(data, "checksum", lambda dataset: "toy")
    return model


def config(steps: int = 30) -> LatentConfig:
    training = TrainingConfig(steps, batch_size=50, learning_rate=1e-2, warmup=3)
    return LatentConfig("vae-toy", "mnist", training, PointNetworkConfig(3, 16, 1, labels=10), ScheduleConfig(T=50))


# ---- codes ----------------------------------------------------------------------------------------------------------


def test_codes_are_scaled_by_the_law_of_total_variance():
    mean, std = torch.randn(50, 4, generator=generator()), torch.rand(50, 4, generator=generator(1)) + 0.1
    centre, width = standard(mean, std)
    z = mean + std * torch.randn(40_000, 50, 4, generator=generator(2))  # draws of the mixture of all q(z | x)
    flat = ((z - centre) / width).flatten(0, 1)
    np.testing.assert_allclose(flat.mean(dim=0), 0, atol=5e-3)
    np.testing.assert_allclose(flat.std(dim=0), 1, atol=5e-3)


def test_the_encoder_sees_black_and_white_where_pixels_are_that(vae):
    images = torch.tensor([0, 127, 128, 255], dtype=torch.uint8).reshape(1, 1, 2, 2)
    assert as_seen(vae, images).flatten().tolist() == [0, 0, 1, 1]
    grey = VAE(VAEConfig(2, (4,), likelihood="gaussian", std=0.5))
    assert as_seen(grey, images).flatten().tolist() == pytest.approx([0, 127 / 255, 128 / 255, 1])
    pictures = data.images("mnist", "train").images
    mean, std = encoded(vae, pictures)
    whole, log_std = vae.encode((pictures > 127).float())
    np.testing.assert_allclose(mean, whole, atol=1e-6)
    np.testing.assert_allclose(std, log_std.exp(), atol=1e-6)


def test_the_loss_is_that_of_step_9_on_scaled_draws(vae):
    mean, std = encoded(vae, data.images("mnist", "train").images)
    centre, width = standard(mean, std)
    model = PointNetwork(PointNetworkConfig(3, 16, 1, labels=10))
    schedule, label = ScheduleConfig(T=50).build(), torch.arange(200) % 10
    with DevicesAreNamed():
        mine = latent_loss(schedule, 0.1, centre, width)(model, (mean, std, label), generator(5))
    drawn = generator(5)
    z = mean + std * torch.randn(mean.shape, generator=drawn)
    theirs = denoising_loss(schedule, 0.1)(model, ((z - centre) / width, label), drawn)
    np.testing.assert_allclose(mine.detach(), theirs.detach(), rtol=1e-5)


def test_a_kept_model_comes_back_and_draws_the_same(vae, tmp_path, monkeypatch):
    *_, state = train_latent(config(), torch.device("cpu"))
    tensors, record = state.result()
    assert record["kind"] == "latent_diffusion" and record["parameters"] < 250_000
    store = ModelStore(tmp_path)
    store.save(config().key, tensors, record)
    kept, record = store.load(config().key)
    model = restore_latent(kept, record, torch.device("cpu"))
    np.testing.assert_allclose(model.centre, state.centre)
    z = torch.randn(4, 3, generator=generator())
    picture = model.decode(z)
    np.testing.assert_allclose(picture, 2 * vae.mean_image(state.centre + state.width * z) - 1, atol=1e-6)
    monkeypatch.setattr(library, "store_of", lambda key: store)
    makers.load.cache_clear()
    maker = makers.load(config().key)
    makers.load.cache_clear()
    label = torch.tensor([3, 4])
    images = maker.images(maker.noise(2, generator()), label, 1.5, 5)
    assert images.shape == (2, 1, 28, 28) and float(images.abs().max()) <= 1
    assert LatentConfig.from_record(record["config"]) == config()
    with pytest.raises(DamagedModel):
        restore_latent({name: v for name, v in kept.items() if name != CENTRE}, record, torch.device("cpu"))
    with pytest.raises(DamagedModel):
        restore_latent(kept | {"enter.weight": torch.zeros(2, 2)}, record, torch.device("cpu"))
    assert {CENTRE, WIDTH} < set(kept)


def test_a_run_that_was_stopped_goes_on_as_if_it_never_was(vae):
    whole = [state.training.losses[-1].item() for state in train_latent(config(), torch.device("cpu"))]
    begun = train_latent(config(), torch.device("cpu"))
    for _ in range(12):
        state = next(begun)
    rest = list(train_latent(config(), torch.device("cpu"), state.checkpoint()))
    assert [state.training.losses[-1].item() for state in rest] == whole[12:]


# ---- what it costs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (UNet(UNetConfig(widths=(8, 16), embedding=16)), (torch.zeros(2, 1, 28, 28), torch.ones(2, dtype=torch.int64))),
        (PointNetwork(PointNetworkConfig(5, 16, 2, labels=10)), (torch.zeros(3, 5), torch.ones(3, dtype=torch.int64))),
        (VAE(VAEConfig(4, (10, 6))).decoder, (torch.zeros(2, 4),)),
        (VAE(VAEConfig(4, (10,), body="convolutions")).decoder, (torch.zeros(2, 4),)),
    ],
    ids=["u-net", "perceptron", "decoder", "decoder with convolutions"],
)
def test_operations_are_those_that_torch_counts(network: nn.Module, inputs: tuple[Tensor, ...]):
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as theirs:
        network(*inputs)
    assert 2 * multiply_adds(network, *inputs) == theirs.get_total_flops()  # a multiply-add is two operations
    assert not any(m._forward_hooks for m in network.modules())


def test_a_picture_costs_a_call_a_step_twice_with_guidance_and_the_decoder_once():
    assert operations(100, 7, 10, 1.5) == 2007 and operations(100, 0, 10, 1.0) == 1000 == operations(100, 0, 10, 0.0)


def test_the_settings_name_the_model(vae):
    assert config().key != config(31).key and config().key.startswith("latent_diffusion-")
    assert asdict(config())["vae"] == "vae-toy" and "toy" in str(config().describe())
