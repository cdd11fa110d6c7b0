"""The VAE of points: its bound against densities by torch.distributions and by quadrature, its draws, its training."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.distributions import Normal

from core.point_vae import PointVAE, PointVAEConfig, PointVAERun, elbo, sample
from core.training import TrainingConfig, seeded

CPU = torch.device("cpu")


def network(levels: int, latent: int = 2) -> PointVAE:
    return seeded(lambda: PointVAE(PointVAEConfig(levels, latent, width=16)), seed=levels)


def points(n: int) -> torch.Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_bound_is_log_p_minus_log_q_at_the_draw(levels):
    model, x = network(levels), points(50)
    found = elbo(model, x, torch.Generator().manual_seed(7))
    generator, here, wanted = torch.Generator().manual_seed(7), x, torch.zeros(50)
    for level in range(levels):
        mean, log_std = model.above(level, here)
        z = mean + log_std.exp() * torch.randn(mean.shape, generator=generator)
        back, back_log_std = model.below(level, z)
        wanted = wanted + Normal(back, back_log_std.exp()).log_prob(here).sum(1)
        wanted = wanted - Normal(mean, log_std.exp()).log_prob(z).sum(1)
        here = z
    wanted = wanted + Normal(0.0, 1.0).log_prob(here).sum(1)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_the_bound_lies_below_log_p_by_quadrature_and_its_weights_average_to_p():
    model, x = network(1, latent=1), points(6)
    grid = torch.linspace(-9, 9, 4001)
    mean, log_std = model.below(0, grid[:, None])
    log_joint = (
        Normal(mean[:, None], log_std.exp()[:, None]).log_prob(x).sum(2) + Normal(0.0, 1.0).log_prob(grid)[:, None]
    )
    log_p = (log_joint.logsumexp(0) + math.log(float(grid[1] - grid[0]))).detach()  # (6,)
    generator = torch.Generator().manual_seed(3)
    weights = elbo(model, x.repeat(20_000, 1), generator).detach().reshape(20_000, 6)
    error = weights.std(0) / 20_000**0.5
    assert (weights.mean(0) < log_p + 3 * error).all()
    torch.testing.assert_close(weights.logsumexp(0) - math.log(20_000), log_p, rtol=0, atol=0.08)


@pytest.mark.parametrize("levels", [1, 2])
def test_it_learns_draws_and_is_kept(levels):
    config = PointVAERun("blobs", PointVAEConfig(levels, width=32), TrainingConfig(500, 128, 1e-2, beta2=0.999))
    *_, state = config.start()
    losses = state.training.losses
    assert losses[-30:].mean() < losses[:30].mean() - 0.3, "it has left the place where z says nothing"
    assert state.problem is None and config.short
    x = sample(state.training.average, 400, torch.Generator().manual_seed(0))
    assert x.shape == (400, 2) and x.isfinite().all() and float(x.var(dim=0).mean()) == pytest.approx(1, abs=0.5)
    again = sample(state.training.average, 400, torch.Generator().manual_seed(0))
    assert torch.equal(x, again)
    weights, record = state.result()
    assert record["kind"] == "pointvae" and record["parameters"] == sum(w.numel() for w in weights.values())


def test_going_on_equals_never_having_stopped():
    config = PointVAERun("moons", PointVAEConfig(2, width=8), TrainingConfig(6, 16))
    whole = [float(s.training.losses[-1]) for s in config.start()]
    *_, half = itertools.islice(config.start(), 3)
    rest = [float(s.training.losses[-1]) for s in config.start(half.checkpoint())]
    assert whole[3:] == rest


@pytest.mark.parametrize("wrong", [{"levels": 0}, {"latent": 0}, {"width": 5000}, {"levels": 9}])
def test_a_network_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="VAE of points"):
        PointVAEConfig(**wrong)
