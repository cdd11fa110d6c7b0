"""The exact denoiser against autograd (Tweedie), numerical integration and single Gaussians."""

import pytest
import torch

from core.diffusion.exact import MixtureDenoiser
from core.diffusion.forward import add_noise
from core.diffusion.samplers import ddim
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture

SCHEDULE = NoiseSchedule.cosine(1000)
MIXTURE = GaussianMixture(
    torch.tensor([0.5, 0.3, 0.2]),
    torch.tensor([[2.0, 0.0], [-1.0, 1.5], [-1.0, -1.5]]),
    torch.tensor([[[0.30, 0.10], [0.10, 0.20]], [[0.05, -0.02], [-0.02, 0.10]], [[0.02, 0.0], [0.0, 0.02]]]),
)
DENOISER = MixtureDenoiser(MIXTURE, SCHEDULE)
LEVELS = torch.tensor([1, 2, 10, 100, 500, 900, 999, 1000])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points_at(t: torch.Tensor, mixture: GaussianMixture = MIXTURE) -> torch.Tensor:
    x0 = mixture.sample(len(t), generator=generator())
    return add_noise(SCHEDULE, x0, t, torch.randn(x0.shape, generator=generator(1), dtype=torch.float64))


def score_by_autograd(mixture: GaussianMixture, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(mixture.log_prob(x).sum(), x)[0]


def tilted(size: int) -> GaussianMixture:
    """Three components whose axes lie anywhere. In two dimensions a matrix of axes can be its own transpose."""
    factor = torch.randn(3, size, size, generator=generator(3), dtype=torch.float64)
    means = torch.randn(3, size, generator=generator(4), dtype=torch.float64)
    return GaussianMixture(torch.tensor([0.5, 0.3, 0.2]), means, 0.2 * factor @ factor.mT)


@pytest.mark.parametrize("mixture", [MIXTURE, tilted(3), tilted(6)], ids=["2 dimensions", "3", "6"])
def test_tweedie(mixture):
    """ε = −√(1−ᾱ_t) ∇ log p_t(x), the gradient by autograd through the marginal's own log_prob."""
    denoiser = MixtureDenoiser(mixture, SCHEDULE)
    t = LEVELS.repeat_interleave(20)
    x = points_at(t, mixture)
    noise = denoiser(x, t)
    for level in LEVELS.tolist():
        here = t == level
        score = score_by_autograd(denoiser.marginal(level), x[here])
        torch.testing.assert_close(noise[here], -(1 - SCHEDULE.alpha_bar[level]).sqrt() * score, rtol=1e-8, atol=1e-8)


def test_it_is_the_mean_of_the_noise():
    """E[ε | x_t] by numerical integration over x_0, which knows nothing of scores. One dimension."""
    mixture = GaussianMixture(torch.tensor([0.7, 0.3]), torch.tensor([[1.0], [-1.5]]), torch.tensor([[[0.2]], [[0.1]]]))
    denoiser = MixtureDenoiser(mixture, SCHEDULE)
    grid = torch.linspace(-8, 8, 16_001, dtype=torch.float64)
    for t in (100, 500, 900):
        a = SCHEDULE.alpha_bar[t]
        for x in (-2.0, 0.1, 1.3):
            noise = (x - a.sqrt() * grid) / (1 - a).sqrt()
            posterior = (mixture.log_prob(grid[:, None]) - noise**2 / 2).softmax(0)  # p(x_0 | x_t)
            got = denoiser(torch.tensor([[x]], dtype=torch.float64), torch.tensor([t]))
            assert got.item() == pytest.approx(float(posterior @ noise), abs=1e-9)


def test_the_marginal_is_the_distribution_of_noisy_data():
    t = torch.full((100_000,), 300)
    x = points_at(t)
    marginal = DENOISER.marginal(300)
    fresh = marginal.sample(100_000, generator=generator(7))
    torch.testing.assert_close(x.mean(0), fresh.mean(0), rtol=0, atol=0.02)
    torch.testing.assert_close(x.T.cov(), fresh.T.cov(), rtol=0, atol=0.03)
    torch.testing.assert_close(marginal.log_prob(x).mean(), marginal.log_prob(fresh).mean(), rtol=0, atol=0.01)
    clean = DENOISER.marginal(0)
    for values, kept in ((clean.means, MIXTURE.means), (clean.covs, MIXTURE.covs), (clean.weights, MIXTURE.weights)):
        torch.testing.assert_close(values, kept, rtol=0, atol=0)


def test_a_label_is_a_component_for_each_element():
    t = torch.tensor([5, 300, 300, 800])
    x = points_at(t)
    noise = DENOISER(x, t, torch.tensor([2, -1, 0, 1]))
    torch.testing.assert_close(noise[1], DENOISER(x, t)[1])
    for i, k in ((0, 2), (2, 0), (3, 1)):
        one = GaussianMixture(torch.ones(1), MIXTURE.means[k][None], MIXTURE.covs[k][None])
        torch.testing.assert_close(noise[i], MixtureDenoiser(one, SCHEDULE)(x, t)[i])
    torch.testing.assert_close(DENOISER(x, t, torch.full_like(t, -1)), DENOISER(x, t), rtol=0, atol=0)


def test_a_component_without_weight_can_still_be_asked_for():
    mixture = GaussianMixture(torch.tensor([1.0, 0.0]), torch.tensor([[0.0], [3.0]]), torch.ones(2, 1, 1))
    noise = MixtureDenoiser(mixture, SCHEDULE)(torch.zeros(1, 1), torch.tensor([10]), torch.tensor([1]))
    assert bool(noise.isfinite().all())


def test_points_and_lines_are_data_too():
    """Data that are two points: ε is exact from level 1 on, and sampling ends at one of the points."""
    points = torch.tensor([[1.0, 0.0], [-1.0, 0.5]])
    mixture = GaussianMixture(torch.tensor([0.5, 0.5]), points, torch.zeros(2, 2, 2))
    denoiser = MixtureDenoiser(mixture, SCHEDULE)
    noise = torch.randn(1, 2, generator=generator(), dtype=torch.float64)
    x = add_noise(SCHEDULE, mixture.means[:1], torch.tensor([1]), noise)
    torch.testing.assert_close(denoiser(x, torch.tensor([1])), noise)
    start = torch.randn(50, 2, generator=generator(1))
    *_, end = ddim(denoiser, SCHEDULE, start, steps=50)
    distance = torch.cdist(end.x, points).amin(dim=1)
    assert float(distance.median()) < 1e-3
    line = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.ones(1, 2, 2))
    assert bool(MixtureDenoiser(line, SCHEDULE)(x, torch.tensor([1])).isfinite().all())


def test_far_away_it_stays_finite():
    x = torch.tensor([[1e4, -1e4], [0.0, 3e3]])
    for t in (1, 500, 1000):
        assert bool(DENOISER(x, torch.full((2,), t)).isfinite().all())


def test_float32_is_close_to_float64():
    t = LEVELS.repeat_interleave(20)
    x = points_at(t)
    single = DENOISER(x.float(), t)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), DENOISER(x, t), rtol=1e-3, atol=1e-3)


def test_images_are_points_of_many_dimensions():
    size = 12
    mixture = GaussianMixture(torch.ones(1), torch.zeros(1, size), 0.5 * torch.eye(size)[None])
    x = torch.randn(2, 1, 3, 4, generator=generator())
    denoiser = MixtureDenoiser(mixture, SCHEDULE)
    t = torch.tensor([3, 700])
    torch.testing.assert_close(denoiser(x, t), denoiser(x.reshape(2, size), t).reshape(2, 1, 3, 4))
    assert denoiser(x[:0], t[:0]).shape == (0, 1, 3, 4)


def test_gradients_pass_through():
    x = points_at(LEVELS).requires_grad_()
    assert torch.autograd.grad(DENOISER(x, LEVELS).sum(), x)[0].shape == x.shape


@pytest.mark.parametrize(
    ("x", "t", "label", "says"),
    [
        ((1, 3), 5, None, "2 values"),
        ((1, 2), 0, None, "1..1000"),
        ((1, 2), 1001, None, "0..1000"),
        ((1, 2), 5, 3, "Labels"),
        ((1, 2), 5, -2, "Labels"),
    ],
)
def test_what_makes_no_sense_is_refused(x, t, label, says):
    with pytest.raises(ValueError, match=says):
        DENOISER(torch.zeros(x), torch.tensor([t]), None if label is None else torch.tensor([label]))


@pytest.mark.parametrize("t", [-1, 1001])
def test_there_is_no_marginal_outside_the_schedule(t):
    with pytest.raises(ValueError, match="0..1000"):
        DENOISER.marginal(t)
