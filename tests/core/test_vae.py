"""The VAE against closed forms: KL of normals, probabilistic PCA, whose log p(x) is known; runs learn and come back."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from core import data
from core.data import Images
from core.store import DamagedModel
from core.training import TrainingConfig
from core.vae import VAE, VAEConfig, binarized, elbo, importance_bound, kl_to_standard_normal, reparameterize
from core.vae_learned import VAERun, negative_elbo, restore_vae, train_vae
from tests.core.test_devices import DevicesAreNamed

CPU = torch.device("cpu")
SMALL = VAEConfig(latent=3, hidden=(16,))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


class OneLatent:
    """x = W z + b + σ ε with one z ~ N(0, 1): probabilistic PCA (Tipping and Bishop 1999), whose log p(x) is known.

    Its exact posterior is a normal; `off` moves the guess away from it.
    """

    def __init__(self, off: float = 0.0):
        g = generator(3)
        self.W = torch.randn(5, 1, generator=g, dtype=torch.float64)
        self.b = torch.randn(5, generator=g, dtype=torch.float64)
        self.std, self.off, self.most = 0.7, off, 0

    def log_prob(self, x: Tensor) -> Tensor:
        cov = self.W @ self.W.T + self.std**2 * torch.eye(5, dtype=torch.float64)
        return MultivariateNormal(self.b, cov).log_prob(x)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        precision = 1 + float(self.W.square().sum()) / self.std**2
        mean = (x - self.b) @ self.W / self.std**2 / precision  # (N, 1)
        return mean + self.off, torch.full_like(mean, -0.5 * math.log(precision)) + self.off

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        self.most = max(self.most, len(x))
        return Normal(z.double() @ self.W.T + self.b, self.std).log_prob(x).sum(dim=1)


@pytest.fixture
def x() -> Tensor:
    model = OneLatent()
    z = torch.randn(6, 1, generator=generator(5), dtype=torch.float64)
    return z @ model.W.T + model.b + 0.7 * torch.randn(6, 5, generator=generator(6), dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 7])
def test_with_the_exact_posterior_one_sample_is_enough(x, k):
    model = OneLatent()
    bound = importance_bound(model, x, k, generator())
    # the encoder's numbers are float32 inside
    torch.testing.assert_close(bound, model.log_prob(x).to(bound), atol=2e-5, rtol=1e-5)


def test_the_bound_rises_with_k_on_average_and_approaches_the_truth(x):
    model = OneLatent(off=0.6)
    truth = model.log_prob(x).mean()
    means = [
        torch.stack([importance_bound(model, x, k, generator(seed)) for seed in range(200)]).mean() for k in (1, 5, 50)
    ]
    assert means[0] + 0.05 < means[1] < means[2] + 1e-3 < truth + 0.02
    many = importance_bound(model, x, 200_000, generator(1))
    torch.testing.assert_close(many, model.log_prob(x).to(many), atol=0.02, rtol=0)


def test_however_many_samples_memory_stays_bounded(x):
    model = OneLatent(off=0.3)
    importance_bound(model, x, 5_000, generator(), most=60)
    assert model.most <= 60
    importance_bound(model, x, 3, generator(), most=1)  # an image at a time is the least
    with pytest.raises(ValueError, match="At least one"):
        importance_bound(model, x, 0, generator())


def test_the_kl_of_two_normals():
    mean, log_std = torch.randn(4, 3, generator=generator()), torch.randn(4, 3, generator=generator(1))
    expected = kl_divergence(Normal(mean, log_std.exp()), Normal(torch.zeros(4, 3), torch.ones(4, 3)))
    torch.testing.assert_close(kl_to_standard_normal(mean, log_std), expected)
    assert kl_to_standard_normal(torch.zeros(1), torch.zeros(1)).item() == 0


def test_the_sample_of_z_has_the_right_distribution_and_lets_gradients_through():
    mean, log_std = torch.tensor([1.0, -2.0], requires_grad=True), torch.tensor([0.5, -1.0], requires_grad=True)
    noise = torch.randn(100_000, 2, generator=generator())
    z = reparameterize(mean, log_std, noise)
    torch.testing.assert_close(z.mean(dim=0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(z.std(dim=0), log_std.exp(), atol=0.02, rtol=0)
    z.square().mean(dim=0).sum().backward()  # d/dμ E z² = 2 μ,  d/d log σ = 2 σ²
    torch.testing.assert_close(mean.grad, 2 * mean.detach(), atol=0.05, rtol=0)
    torch.testing.assert_close(log_std.grad, 2 * (2 * log_std.detach()).exp(), atol=0.1, rtol=0)


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, likelihood="gaussian"), replace(SMALL, body="convolutions")])
def test_the_likelihood_is_that_of_its_distribution(config):
    model = VAE(config).eval()
    z, images = torch.randn(4, 3, generator=generator()), torch.rand(4, 1, 28, 28, generator=generator())
    if config.likelihood == "bernoulli":
        images = images.round()
        pixels = torch.distributions.Bernoulli(logits=model.decode(z))
    else:
        pixels = Normal(model.decode(z), model.pixel_std())
    torch.testing.assert_close(model.log_likelihood(images, z), Independent(pixels, 3).log_prob(images))
    torch.testing.assert_close(model.mean_image(z), pixels.mean)


def test_the_loss_is_minus_the_bound_and_beta_weighs_the_kl():
    model, batch = VAE(SMALL), (torch.randint(0, 256, (8, 1, 28, 28), generator=generator(), dtype=torch.uint8),)
    ink = binarized(batch[0].float() / 255, g := generator())
    bound = elbo(model, ink, g)
    for beta in (0.0, 1.0, 4.0):
        expected = -(bound.reconstruction - beta * bound.kl.sum(dim=1)).mean()
        torch.testing.assert_close(negative_elbo("bernoulli", beta)(model, batch, generator()), expected)
    torch.testing.assert_close(bound.elbo, bound.reconstruction - bound.kl.sum(dim=1))


def test_the_elbo_is_the_importance_bound_of_one_sample_on_average():
    model = VAE(SMALL)
    ink = torch.rand(3, 1, 28, 28, generator=generator()).round()
    with torch.no_grad():
        ours = torch.stack([elbo(model, ink, generator(s)).elbo for s in range(400)]).mean(dim=0)
    theirs = torch.stack([importance_bound(model, ink, 1, generator(s)) for s in range(400)]).mean(dim=0)
    torch.testing.assert_close(ours, theirs, atol=0.3, rtol=0)


def test_thrown_pixels_are_black_or_white_and_right_on_average():
    x = torch.linspace(0, 1, 5).expand(20_000, 5)
    thrown = binarized(x, generator())
    assert set(thrown.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(thrown.mean(dim=0), x[0], atol=0.02, rtol=0)


@pytest.fixture
def few_images(monkeypatch) -> None:
    ink = torch.zeros(64, 1, 28, 28, dtype=torch.uint8)
    ink[::2, :, 8:20, 8:12] = 255
    ink[1::2, :, 8:12, 8:20] = 255
    images = Images(ink, torch.arange(64) % 2)
    monkeypatch.setattr(data, "images", lambda name, split: images)


@pytest.mark.parametrize("network", [SMALL, replace(SMALL, likelihood="gaussian"), replace(SMALL, body="convolutions")])
def test_a_run_learns_is_kept_and_comes_back(few_images, network):
    run = VAERun("mnist", TrainingConfig(60, 32, 1e-2, warmup=5), network)
    *_, state = train_vae(run, CPU)
    assert state.progress == 1 and state.problem is None
    assert state.training.losses[-5:].mean() < state.training.losses[:5].mean() - 20
    weights, record = state.result()
    assert record["kind"] == "vae" and VAERun.from_record(record["config"]) == run
    model = restore_vae(weights, record, CPU)
    z = torch.zeros(1, 3)
    torch.testing.assert_close(model.decode(z), state.training.average.decode(z))
    for damaged in ({}, {**record, "config": {**record["config"], "network": {"latent": 2}}}):
        with pytest.raises(DamagedModel):
            restore_vae(weights, damaged, CPU)


def test_a_run_that_stops_goes_on_exactly(few_images):
    run = VAERun("mnist", TrainingConfig(20, 16, 1e-2), SMALL)
    *_, whole = train_vae(run, CPU)
    states = train_vae(run, CPU)
    for _ in range(7):
        half = next(states)
    *_, rest = train_vae(run, CPU, half.checkpoint())
    assert torch.equal(rest.training.losses, whole.training.losses)


def test_a_rate_that_runs_away_is_told(few_images):
    run = VAERun("mnist", TrainingConfig(200, 16, 1e4, warmup=0), replace(SMALL, likelihood="gaussian"))
    *_, state = train_vae(run, CPU)
    assert state.problem == "diverged"


@pytest.mark.parametrize(
    "wrong",
    [{"latent": 0}, {"hidden": ()}, {"hidden": (0,)}, {"likelihood": "poisson"}, {"body": "x"}, {"std": -1.0}],
)
def test_networks_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        VAEConfig(**wrong)


def test_a_weight_that_cannot_be_is_refused_and_every_setting_names_another_model():
    with pytest.raises(ValueError, match="β"):
        VAERun("mnist", TrainingConfig(5), SMALL, beta=-1)
    base = VAERun("mnist", TrainingConfig(5), SMALL)
    others = [replace(base, beta=2.0), replace(base, network=VAEConfig()), replace(base, dataset="fashion_mnist")]
    assert len({run.key for run in (base, *others)}) == 4


def test_every_tensor_of_a_run_names_its_device(few_images):
    with DevicesAreNamed():
        run = VAERun("mnist", TrainingConfig(2, 8), replace(SMALL, likelihood="gaussian"))
        state = next(train_vae(run, CPU))
        *_, state = train_vae(run, CPU, state.checkpoint())
        model = restore_vae(*state.result(), CPU)
        importance_bound(model, torch.zeros(2, 1, 28, 28, device="cpu"), 3, generator())
