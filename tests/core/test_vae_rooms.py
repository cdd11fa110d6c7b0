"""What stands around the VAE: the posterior on a grid, the bound as a run, the dial, the history of a model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from core import data, library, vae_bound, vae_dial, vae_library, vae_posterior
from core.data import Images
from core.store import DamagedModel, ModelNotFound, ModelStore
from core.training import TrainingConfig
from core.vae import VAE, VAEConfig, importance_bound, kl_to_standard_normal
from core.vae_learned import VAERun, history_of, preview_steps, train_vae
from tests.core.test_devices import DevicesAreNamed

CPU = torch.device("cpu")
TWO = VAEConfig(latent=2, hidden=(16, 8))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


class TwoLatents:
    """x = W z + b + σ ε with two z: probabilistic PCA, whose posterior and log p(x) are known."""

    config = VAEConfig(latent=2)

    def __init__(self, off: float = 0.0):
        g = generator(3)
        self.W = torch.randn(5, 2, generator=g)
        self.b, self.std, self.off = torch.randn(5, generator=g), 0.7, off
        self.precision = torch.eye(2) + self.W.T @ self.W / self.std**2

    def posterior(self, x: Tensor) -> MultivariateNormal:
        mean = torch.linalg.solve(self.precision, self.W.T @ (x.reshape(5) - self.b) / self.std**2)
        return MultivariateNormal(mean, precision_matrix=self.precision)

    def log_prob(self, x: Tensor) -> float:
        cov = self.W @ self.W.T + self.std**2 * torch.eye(5)
        return float(MultivariateNormal(self.b, cov).log_prob(x.reshape(5)))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        true = self.posterior(x)
        return true.mean[None] + self.off, true.variance.sqrt().log()[None] + self.off / 2

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return Normal(z @ self.W.T + self.b, self.std).log_prob(x.reshape(len(z), 5)).sum(dim=1)


@pytest.mark.parametrize("off", [0.0, 0.3, 0.8])
def test_the_posterior_on_the_grid_is_the_known_one(off):
    model, x = TwoLatents(off), torch.tensor([0.4, -1.0, 0.2, 1.1, 0.3]).reshape(1, 1, 1, 5)
    found = vae_posterior.grid_posterior(model, x)
    true = model.posterior(x)
    assert found.log_evidence == pytest.approx(model.log_prob(x), abs=1e-3)
    q = MultivariateNormal(found.mean, torch.diag(found.std.square()))
    assert found.kl == pytest.approx(float(torch.distributions.kl_divergence(q, true)), abs=2e-3)
    places = vae_posterior.cells(found.box, vae_posterior.FINE, CPU)
    torch.testing.assert_close(found.density, true.log_prob(places).exp(), rtol=1e-2, atol=1e-3)
    area = (found.box[1] - found.box[0]) * (found.box[3] - found.box[2]) / vae_posterior.FINE**2
    assert float(found.density.sum()) * area == pytest.approx(1, abs=2e-3)
    for mean, std, low, high in zip(found.mean, found.std, found.box[::2], found.box[1::2], strict=True):
        assert low <= mean - 2.99 * std and mean + 2.99 * std <= high


def test_a_network_s_evidence_is_what_draws_of_the_prior_say():
    torch.manual_seed(0)
    model, x = VAE(TWO).eval(), torch.rand(1, 1, 28, 28, generator=generator()).round()
    with torch.no_grad():
        model.decoder[1].weight.mul_(6)  # a picture that depends on z
    found = vae_posterior.grid_posterior(model, x)
    z = torch.randn(40_000, 2, generator=generator(1))
    with torch.no_grad():
        said = model.log_likelihood(x.expand(len(z), -1, -1, -1), z).double()
    by_draws = float(said.logsumexp(dim=0)) - math.log(len(z))
    assert found.log_evidence == pytest.approx(by_draws, abs=0.1)
    one = [float(importance_bound(model, x, 1, generator(s))) for s in range(400)]
    assert found.elbo == pytest.approx(np.mean(one), abs=4 * np.std(one) / 20 + 1e-3)
    assert found.kl >= -1e-3


@pytest.mark.parametrize("count, latent", [(2, 2), (1, 3)])
def test_a_grid_is_for_one_picture_and_two_units(count, latent):
    with pytest.raises(ValueError, match="two latent units"):
        vae_posterior.grid_posterior(VAE(VAEConfig(latent=latent, hidden=(4,))), torch.zeros(count, 1, 28, 28))


def test_the_bound_by_count_uses_no_sample_twice():
    weights = torch.randn(3, 12, generator=generator(), dtype=torch.float64)
    found = vae_bound.bound_by_count(weights, (1, 5, 12, 13))
    torch.testing.assert_close(found[0], weights.mean(dim=1))
    pairs = torch.stack([weights[:, :5], weights[:, 5:10]]).logsumexp(dim=2) - math.log(5)
    torch.testing.assert_close(found[1], pairs.mean(dim=0))
    torch.testing.assert_close(found[2], weights.logsumexp(dim=1) - math.log(12))
    assert found[3].isnan().all()


@pytest.mark.parametrize("k, expected", [(1, (1,)), (3, (1, 2, 3)), (10, (1, 2, 5, 10)), (5000, vae_bound.COUNTS)])
def test_which_counts_are_looked_at(k, expected):
    assert vae_bound.counts_of(k) == expected


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 5001}, {"images": 0}, {"images": 10_001}])
def test_measurements_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        vae_bound.BoundRun("vae-0", **wrong)


@pytest.fixture
def store(tmp_path, monkeypatch) -> ModelStore:
    """A user's store with nothing in it, and no models that ship; digits of two strokes."""
    ink = torch.zeros(64, 1, 28, 28, dtype=torch.uint8)
    ink[::2, :, 8:20, 8:12] = 255
    ink[1::2, :, 8:12, 8:20] = 255
    images = Images(ink, torch.arange(64) % 2)
    monkeypatch.setattr(data, "images", lambda name, split: images)
    kept = ModelStore(tmp_path / "mine")
    monkeypatch.setattr(library, "stores", lambda: (kept,))
    for cached in (vae_library.load, vae_library.history, vae_library.decoder):
        cached.cache_clear()
    return kept


RUN = VAERun("mnist", TrainingConfig(60, 32, 1e-2, warmup=5), TWO)


def trained(store: ModelStore, run: VAERun = RUN, name: str = "two") -> str:
    *_, state = train_vae(run, CPU)
    tensors, record = state.result()
    store.save(run.key, tensors, record | {"name": name})
    return run.key


def test_a_measurement_rises_to_the_evidence_and_goes_on_exactly(store):
    key = trained(store)
    run = vae_bound.BoundRun(key, images=6, k=200)
    states = list(run.start())
    assert [s.curves.shape[1] for s in states] == list(range(1, 7)) and states[-1].progress == 1
    assert states[-1].counts == (1, 2, 5, 10, 20, 50, 100, 200)
    mean = states[-1].curves.mean(dim=1)
    assert mean[-1] > mean[0] and (mean[-1] - states[-1].exact.mean()).abs() < 0.3
    *_, rest = run.start(states[2].checkpoint())
    torch.testing.assert_close(rest.curves, states[-1].curves, rtol=0, atol=0)
    torch.testing.assert_close(rest.exact, states[-1].exact, rtol=0, atol=0)
    again = vae_bound.from_result(*states[-1].result())
    assert again.config == run and torch.equal(again.curves, rest.curves)
    *_, end = run.start(states[-1].checkpoint())
    assert torch.equal(end.curves, rest.curves)


def test_one_sample_and_an_unknown_model(store):
    key = trained(store)
    *_, state = vae_bound.BoundRun(key, images=2, k=1).start()
    assert state.counts == (1,) and state.curves.shape == (1, 2)
    with pytest.raises(ModelNotFound):
        next(vae_bound.BoundRun("vae-000000000000").start())


def test_the_library_finds_loads_and_takes_a_decoder_apart(store):
    assert vae_library.available() == [] and vae_library.key_named("two") == ""
    key = trained(store)
    assert vae_library.key_named("two") == key and vae_library.record(key)["name"] == "two"
    model, z = vae_library.load(key), torch.randn(3, 2, generator=generator())
    h = z.numpy()
    *inner, (weight, bias) = vae_library.decoder(key)
    for w, b in inner:
        h = np.maximum(h @ w.T + b, 0)
    ink = 1 / (1 + np.exp(-(h @ weight.T + bias)))
    np.testing.assert_allclose(ink, model.mean_image(z).flatten(1).numpy(), atol=1e-6)
    other = trained(store, replace(RUN, network=replace(TWO, body="convolutions")), "bent")
    with pytest.raises(DamagedModel, match="perceptron"):
        vae_library.decoder(other)


def test_a_run_notes_its_parts_and_pictures_and_keeps_them(store):
    states = train_vae(RUN, CPU)
    for _ in range(30):
        half = next(states)
    assert half.parts.shape == (30, 2) and [p.step for p in half.previews] == [25]
    torch.testing.assert_close(half.parts.sum(dim=1), half.training.losses, rtol=1e-4, atol=1e-2)
    tensors, record = half.checkpoint()
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    *_, whole = train_vae(RUN, CPU)
    *_, rest = train_vae(RUN, CPU, (tensors, record))
    torch.testing.assert_close(rest.parts, whole.parts, rtol=0, atol=0)
    assert [p.step for p in rest.previews] == [25, 50, 60] == list(preview_steps(60))
    for ours, theirs in zip(rest.previews, whole.previews, strict=True):
        assert torch.equal(ours.reconstructed, theirs.reconstructed) and torch.equal(ours.drawn, theirs.drawn)
    assert whole.examples.shape == (2, 28, 28) and whole.previews[-1].drawn.shape == (10, 28, 28)
    kept = history_of(*whole.result())
    assert kept.parts.shape == (60, 2) and [s for s, _, _ in kept.previews] == [25, 50, 60]
    np.testing.assert_array_equal(kept.examples, whole.examples)


def test_a_run_that_began_before_parts_were_noted_goes_on(store):
    states = train_vae(RUN, CPU)
    for _ in range(10):
        half = next(states)
    tensors, record = half.training.checkpoint()
    *_, rest = train_vae(RUN, CPU, (tensors, record))
    assert rest.parts[:10].isnan().all() and rest.parts[10:].isfinite().all()
    model = history_of(*rest.result())
    assert model.previews and len(model.losses)


def test_what_has_no_history_says_so(store):
    key = trained(store)
    tensors, record = store.load(key)
    bare = {name: value for name, value in tensors.items() if not name.startswith(("preview", "parts", "examples"))}
    old = history_of(bare, record)
    assert not old.previews and not old.parts.size and old.losses.size
    with pytest.raises(DamagedModel):
        history_of(bare, {})


def test_a_dial_s_two_readings_differ_by_the_constant_alone():
    error, kl = torch.rand(7, dtype=torch.float64) * 50, torch.rand(7, dtype=torch.float64) * 20
    for std, beta in ((0.5, 4.0), (0.3, 0.25), (1.0, 16.0)):
        one = vae_dial.beta_loss(error, kl, std, beta)
        other = beta * vae_dial.beta_loss(error, kl, std * math.sqrt(beta), 1.0)
        torch.testing.assert_close(one - other, torch.full_like(one, vae_dial.dial_constant(std, beta)))


def test_the_two_readings_train_the_same_network(store):
    """Adam does not see a factor of the loss, so that even the weights on the way are the same."""
    base = VAERun("mnist", TrainingConfig(80, 32, 1e-2, warmup=5), VAEConfig(2, (16,), "gaussian", 0.5), beta=16.0)
    *_, one = train_vae(base, CPU)
    *_, other = train_vae(replace(base, beta=1.0, network=replace(base.network, std=2.0)), CPU)
    mine, theirs = one.training.weights(), other.training.weights()
    for name, value in mine.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-3, atol=1e-3)
    *_, third = train_vae(replace(base, beta=1.0), CPU)
    assert any((v - mine[n]).abs().max() > 0.05 for n, v in third.training.weights().items())


def test_the_gaussian_part_of_the_dial_is_the_model_s_likelihood():
    model = VAE(VAEConfig(3, (8,), "gaussian", 0.5)).eval()
    x, z = torch.rand(4, 1, 28, 28, generator=generator()), torch.randn(4, 3, generator=generator(1))
    error = (x - model.mean_image(z)).square().sum(dim=(1, 2, 3))
    torch.testing.assert_close(-vae_dial.negative_log_likelihood(error, 0.5), model.log_likelihood(x, z))


def test_the_use_of_a_model():
    torch.manual_seed(0)
    model = VAE(VAEConfig(3, (8,), "gaussian", 0.5)).eval()
    with torch.no_grad():
        model.to_mean.weight[1] = 0  # a unit whose mean stays where it is
        model.to_mean.weight[[0, 2]] *= 20
    x = torch.rand(50, 1, 28, 28, generator=generator())
    found = vae_dial.use(model, x, generator())
    assert found.in_use == 2 and (found.kl.diff() <= 0).all()
    with torch.no_grad():
        mean, log_std = model.encode(x)
        error = (x - model.mean_image(mean)).square().sum(dim=(1, 2, 3)).mean()
    assert float(found.kl.sum()) == pytest.approx(float(kl_to_standard_normal(mean, log_std).sum(1).mean()), rel=1e-5)
    assert found.squared_error == pytest.approx(float(error), rel=1e-5)


def test_every_tensor_of_the_rooms_names_its_device(store):
    key = trained(store)
    model = vae_library.load(key)
    x = vae_bound.held_out("mnist", "bernoulli", 2, 0)
    with DevicesAreNamed():
        vae_posterior.grid_posterior(model, x[:1])
        next(iter(vae_bound.BoundRun(key, images=2, k=3).start()))
        vae_dial.use(model, x, generator())
        vae_dial.dial_constant(0.5, 4.0)
