"""The VAE of two levels against closed forms: a linear model whose log p(x) is known; runs that learn and come back."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from core import data
from core.data import Images
from core.hierarchical_learned import (
    HierarchyRun,
    draw_preview,
    negative_elbo,
    noises,
    restore_hierarchy,
    train_hierarchy,
)
from core.hierarchical_vae import (
    HierarchicalVAE,
    HierarchyConfig,
    elbo,
    importance_bound,
    sample_latents,
    use,
)
from core.store import DamagedModel, ModelNotFound
from core.training import TrainingConfig
from core.vae import VAEConfig, binarized
from core.vae_learned import history_of
from tests.core.test_devices import DevicesAreNamed

CPU = torch.device("cpu")
SMALL = HierarchyConfig(VAEConfig(latent=3, hidden=(16,)), upper=2, width=8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


class Linear:
    """z_2 ~ N(0, 1), z_1 = a z_2 + c + s ε, x = W z_1 + b + σ ε: every density is a normal, log p(x) too.

    The encoder has the exact posterior: q(z_1 | x), and q(z_2 | z_1), which knows all that x could tell of z_2.
    `off` moves both guesses away from it.
    """

    def __init__(self, off: float = 0.0):
        g = generator(3)
        self.W, self.b = torch.randn(5, 1, generator=g), torch.randn(5, generator=g)
        self.a, self.c, self.s, self.std, self.off, self.most = 1.3, -0.4, 0.6, 0.7, off, 0
        self.var1 = self.a**2 + self.s**2  # of z_1

    def marginal(self) -> MultivariateNormal:
        cov = self.var1 * self.W @ self.W.T + self.std**2 * torch.eye(5)
        return MultivariateNormal((self.c * self.W[:, 0] + self.b).double(), cov.double())

    def lower_posterior(self, x: Tensor) -> Normal:
        precision = 1 / self.var1 + float(self.W.square().sum()) / self.std**2
        pull = self.c / self.var1 + (x - self.b) @ self.W / self.std**2  # (N, 1)
        return Normal(pull / precision, precision**-0.5)

    def upper_posterior(self, z1: Tensor) -> Normal:
        precision = 1 + self.a**2 / self.s**2
        return Normal(self.a * (z1 - self.c) / self.s**2 / precision, precision**-0.5)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        exact = self.lower_posterior(x)
        return exact.mean + self.off, exact.stddev.expand_as(exact.mean).log() + self.off / 2

    def encode_upper(self, z1: Tensor) -> tuple[Tensor, Tensor]:
        exact = self.upper_posterior(z1)
        return exact.mean - self.off, exact.stddev.expand_as(exact.mean).log() + self.off / 2

    def prior(self, z2: Tensor) -> tuple[Tensor, Tensor]:
        return self.a * z2 + self.c, torch.full_like(z2, math.log(self.s))

    def log_likelihood(self, x: Tensor, z1: Tensor) -> Tensor:
        self.most = max(self.most, len(x))
        return Normal(z1 @ self.W.T + self.b, self.std).log_prob(x).sum(dim=1)


@pytest.fixture
def x() -> Tensor:
    model, g = Linear(), generator(5)
    z1 = model.c + model.var1**0.5 * torch.randn(6, 1, generator=g)
    return z1 @ model.W.T + model.b + model.std * torch.randn(6, 5, generator=g)


@pytest.mark.parametrize("k", [1, 7])
def test_with_the_exact_posterior_one_sample_is_log_p(x, k):
    model = Linear()
    found = importance_bound(model, x, k, generator())
    torch.testing.assert_close(found.double(), model.marginal().log_prob(x.double()), atol=2e-5, rtol=1e-5)


def test_with_the_exact_posterior_the_bound_is_log_p_on_average(x):
    """z_2's KL is exact while z_1 is drawn, so that one sample still scatters."""
    model = Linear()
    many = x.repeat(20_000, 1)
    found = elbo(model, many, generator()).elbo.reshape(20_000, 6).double()
    error = found.std(dim=0) / math.sqrt(20_000)
    assert ((found.mean(dim=0) - model.marginal().log_prob(x.double())).abs() < 5 * error).all()


@pytest.mark.parametrize("off", [0.2, 0.6])
def test_what_the_bound_gives_away_is_the_kl_of_both_levels(x, off):
    """log p(x) − ELBO = KL(q(z_1 | x) ‖ p(z_1 | x)) + E_q KL(q(z_2 | z_1) ‖ p(z_2 | z_1))."""
    model, many = Linear(off), x.repeat(40_000, 1)
    found = elbo(model, many, generator()).elbo.reshape(40_000, 6).double()
    error = found.std(dim=0) / math.sqrt(40_000)
    q1, (mean2, log_std2) = Normal(model.encode(x)[0], model.encode(x)[1].exp()), model.encode_upper(x[:, :1])
    lower = kl_divergence(q1, model.lower_posterior(x))[:, 0]
    upper = kl_divergence(Normal(mean2, log_std2.exp()), model.upper_posterior(x[:, :1]))[:, 0]  # the same at every z_1
    truth = model.marginal().log_prob(x.double())
    assert ((found.mean(dim=0) - (truth - lower - upper)).abs() < 5 * error).all()
    assert (found.mean(dim=0) < truth).all()


def test_the_bound_rises_with_k_towards_the_truth_in_bounded_memory(x):
    model = Linear(off=0.6)
    truth = model.marginal().log_prob(x.double()).mean()
    means = [torch.stack([importance_bound(model, x, k, generator(s)) for s in range(150)]).mean() for k in (1, 5, 50)]
    assert means[0] + 0.05 < means[1] < means[2] + 1e-3 < truth + 0.02
    model.most = 0
    many = importance_bound(model, x, 50_000, generator(1), most=3_000)
    assert model.most <= 3_000
    torch.testing.assert_close(many.double(), model.marginal().log_prob(x.double()), atol=0.03, rtol=0)
    with pytest.raises(ValueError, match="At least one"):
        importance_bound(model, x, 0, generator())


@pytest.mark.parametrize("lower", [SMALL.lower, replace(SMALL.lower, likelihood="gaussian", activation="tanh")])
def test_the_parts_of_the_bound_are_those_of_the_distributions(lower):
    torch.manual_seed(0)
    model = HierarchicalVAE(replace(SMALL, lower=lower)).eval()
    images = torch.rand(4, 1, 28, 28, generator=generator()).round()
    with torch.no_grad():
        bound = elbo(model, images, generator(7))
        g = generator(7)
        q1 = Normal(*_normal(model.encode(images)))
        z1 = q1.mean + q1.stddev * torch.randn(4, 3, generator=g)
        q2 = Normal(*_normal(model.encode_upper(z1)))
        z2 = q2.mean + q2.stddev * torch.randn(4, 2, generator=g)
        p1, p2 = Normal(*_normal(model.prior(z2))), Normal(torch.zeros(4, 2), torch.ones(4, 2))
        torch.testing.assert_close(bound.lower, q1.log_prob(z1) - p1.log_prob(z1))
        torch.testing.assert_close(bound.upper, kl_divergence(q2, p2))
        if lower.likelihood == "bernoulli":
            pixels = torch.distributions.Bernoulli(logits=model.lower.decode(z1))
        else:
            pixels = Normal(model.lower.decode(z1), model.lower.pixel_std())
        torch.testing.assert_close(bound.reconstruction, Independent(pixels, 3).log_prob(images))
        torch.testing.assert_close(bound.elbo, bound.reconstruction - bound.lower.sum(1) - bound.upper.sum(1))
        one = importance_bound(model, images, 1, generator(7))
        said = q2.log_prob(z2) - p2.log_prob(z2) - bound.upper  # what the exact KL leaves out of one draw
        torch.testing.assert_close(one, bound.elbo - said.sum(dim=1), atol=1e-3, rtol=1e-5)


def _normal(parts: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return parts[0], parts[1].exp()


def test_gradients_are_the_slopes_of_the_loss():
    torch.manual_seed(1)
    model, batch = HierarchicalVAE(SMALL), (torch.randint(0, 256, (8, 1, 28, 28), generator=generator()),)
    loss = negative_elbo("bernoulli", 1.0)
    loss(model, batch, generator(2)).backward()
    weights = list(model.parameters())
    for seed in range(3):
        g = generator(seed)
        along = [torch.randn(w.shape, generator=g) for w in weights]
        along = [a / math.sqrt(sum(float(b.square().sum()) for b in along)) for a in along]
        slope = sum(float((w.grad * a).sum()) for w, a in zip(weights, along, strict=True))
        ends = []
        for side in (0.02, -0.02):
            with torch.no_grad():
                torch._foreach_add_(weights, along, alpha=side)
                ends.append(float(loss(model, batch, generator(2))))
                torch._foreach_add_(weights, along, alpha=-side)
        assert slope == pytest.approx((ends[0] - ends[1]) / 0.04, rel=0.02, abs=0.02)


def test_the_loss_is_minus_the_bound_and_beta_weighs_both_levels():
    torch.manual_seed(0)
    model, batch = HierarchicalVAE(SMALL), (torch.randint(0, 256, (8, 1, 28, 28), generator=generator()),)
    bound = elbo(model, binarized(batch[0].float() / 255, g := generator()), g)
    levels = bound.lower.sum(dim=1) + bound.upper.sum(dim=1)
    for beta in (0.0, 1.0, 4.0):
        noted: list[Tensor] = []
        found = negative_elbo("bernoulli", beta, noted.append)(model, batch, generator())
        torch.testing.assert_close(found, (beta * levels - bound.reconstruction).mean())
        parts = torch.stack([-bound.reconstruction.mean(), bound.lower.sum(1).mean(), bound.upper.sum(1).mean()])
        torch.testing.assert_close(noted[0], parts.detach())


def test_draws_from_the_top_down_have_the_prior_s_distribution():
    model = Linear()
    g = generator()
    z2, z1 = sample_latents(model, torch.randn(100_000, 1, generator=g), torch.randn(100_000, 1, generator=g))
    assert float(z1.mean()) == pytest.approx(model.c, abs=0.02)
    assert float(z1.var()) == pytest.approx(model.var1, rel=0.02)
    assert float((z1 * z2).mean() - z1.mean() * z2.mean()) == pytest.approx(model.a, rel=0.03)
    small, large = noises(SMALL, 4, 3), noises(replace(SMALL, upper=5), 4, 3)
    assert torch.equal(small[1], large[1]) and torch.equal(small[1], torch.randn(4, 3, generator=generator(3)))


def test_the_use_of_each_level_and_what_is_not_used():
    """A dead z_2 has no KL and no activity, however noisy z_1 is."""

    class Dead(Linear):
        def encode_upper(self, z1: Tensor) -> tuple[Tensor, Tensor]:
            return torch.cat([torch.zeros_like(z1), z1], dim=1), torch.zeros(len(z1), 2)

        def prior(self, z2: Tensor) -> tuple[Tensor, Tensor]:
            return torch.full_like(z2[:, :1], self.c), torch.zeros_like(z2[:, :1])

    model, g = Dead(), generator(4)
    x = torch.randn(4000, 1, generator=g) @ model.W.T + model.b
    found = use(model, x, generator(), draws=6)
    assert float(found.upper[0]) == 0 and float(found.upper_activity[0]) == 0
    assert float(found.upper_activity[1]) == pytest.approx(float(found.lower_activity[0]), rel=0.03)
    mean1, log_std1 = model.encode(x)
    kl = kl_divergence(Normal(mean1, log_std1.exp()), Normal(torch.full_like(mean1, model.c), 1.0)).mean()
    assert float(found.lower[0]) == pytest.approx(float(kl), abs=0.02)  # where p(z_1 | z_2) knows nothing it is a KL
    with pytest.raises(ValueError, match="two draws"):
        use(model, x, generator(), draws=1)


@pytest.fixture
def few_images(monkeypatch) -> None:
    ink = torch.zeros(64, 1, 28, 28, dtype=torch.uint8)
    ink[::2, :, 8:20, 8:12] = 255
    ink[1::2, :, 8:12, 8:20] = 255
    images = Images(ink, torch.arange(64) % 2)
    monkeypatch.setattr(data, "images", lambda name, split: images)


LEAST = HierarchyConfig(VAEConfig(latent=1, hidden=(2,)), upper=1, width=1)


@pytest.mark.parametrize(
    "network", [SMALL, replace(SMALL, lower=replace(SMALL.lower, likelihood="gaussian", body="convolutions"))]
)
def test_a_run_learns_is_kept_and_comes_back(few_images, network):
    run = HierarchyRun("mnist", TrainingConfig(60, 32, 1e-2, warmup=5), network)
    *_, state = train_hierarchy(run, CPU)
    assert state.progress == 1 and state.problem is None and state.parts.shape == (60, 3)
    losses = state.training.losses
    assert losses[-5:].mean() < losses[:5].mean() - 20
    torch.testing.assert_close(state.parts.sum(dim=1), losses, rtol=1e-4, atol=1e-3)
    weights, record = state.result()
    assert record["kind"] == "hierarchical" and HierarchyRun.from_record(record["config"]) == run
    model = restore_hierarchy(weights, record, CPU)
    seen = draw_preview(model, 60, state.examples, run.training.seed)
    assert torch.equal(seen.drawn, state.previews[-1].drawn) and seen.drawn.shape == (10, 28, 28)
    history = history_of(weights, record)
    assert history.parts.shape == (60, 3) and [step for step, *_ in history.previews] == [25, 50, 60]
    for damaged in ({}, {**record, "config": {**record["config"], "network": {"upper": 2}}}):
        with pytest.raises(DamagedModel):
            restore_hierarchy(weights, damaged, CPU)


def test_a_run_that_stops_goes_on_exactly(few_images):
    run = HierarchyRun("mnist", TrainingConfig(20, 16, 1e-2), SMALL)
    *_, whole = train_hierarchy(run, CPU)
    states = train_hierarchy(run, CPU)
    for _ in range(7):
        half = next(states)
    *_, rest = train_hierarchy(run, CPU, half.checkpoint())
    assert torch.equal(rest.training.losses, whole.training.losses) and torch.equal(rest.parts, whole.parts)
    ours, theirs = rest.training.weights(), whole.training.weights()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.parametrize("beta", [0.0, 100.0])
def test_the_least_network_and_one_update_are_enough(few_images, beta):
    run = HierarchyRun("mnist", TrainingConfig(1, 1, 1e-2), LEAST, beta)
    *_, state = train_hierarchy(run, CPU)
    assert state.progress == 1 and bool(torch.isfinite(state.parts).all())
    model = restore_hierarchy(*state.result(), CPU)
    assert importance_bound(model, torch.zeros(1, 1, 28, 28), 1, generator()).isfinite().all()


def test_a_rate_that_runs_away_is_told(few_images):
    network = replace(SMALL, lower=replace(SMALL.lower, likelihood="gaussian"))
    *_, state = train_hierarchy(HierarchyRun("mnist", TrainingConfig(200, 16, 1e4, warmup=0), network), CPU)
    assert state.problem == "diverged"


@pytest.mark.parametrize("wrong", [{"upper": 0}, {"upper": 257}, {"width": 0}])
def test_networks_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="upper level"):
        HierarchyConfig(**wrong)


def test_every_setting_names_another_model_and_a_weight_that_cannot_be_is_refused():
    base = HierarchyRun("mnist", TrainingConfig(5), SMALL)
    others = [
        replace(base, beta=2.0), replace(base, network=replace(SMALL, upper=3)),
        replace(base, network=replace(SMALL, width=9)), replace(base, dataset="fashion_mnist"),
        replace(base, network=replace(SMALL, lower=VAEConfig(latent=4, hidden=(16,)))),
    ]  # fmt: skip
    assert len({run.key for run in (base, *others)}) == 6
    with pytest.raises(ValueError, match="β"):
        replace(base, beta=-1.0)


def test_the_model_that_ships_is_found_by_its_name():
    from core.hierarchical_vae import pretrained

    model = pretrained(device=CPU)
    assert isinstance(model, HierarchicalVAE) and not model.training
    with pytest.raises(ModelNotFound):
        pretrained("no such model")


def test_every_tensor_of_a_run_names_its_device(few_images):
    with DevicesAreNamed():
        run = HierarchyRun("mnist", TrainingConfig(2, 8), SMALL)
        state = next(train_hierarchy(run, CPU))
        *_, state = train_hierarchy(run, CPU, state.checkpoint())
        model = restore_hierarchy(*state.result(), CPU)
        x = torch.zeros(2, 1, 28, 28, device="cpu")
        importance_bound(model, x, 3, generator())
        use(model, x, generator(), draws=2)
