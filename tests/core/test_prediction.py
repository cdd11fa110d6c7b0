"""ε, x₀, v and score tell the same thing: round trips, and clipping."""

import pytest
import torch

from core.diffusion.exact import MixtureDenoiser
from core.diffusion.forward import add_noise
from core.diffusion.prediction import clipped, from_v, from_x0, noise_from_x0, v_target, x0_from_noise
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture

SCHEDULE = NoiseSchedule.linear(100, beta_start=1e-3, beta_end=0.1)
T = torch.tensor([1, 2, 30, 100])


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(4, 2), (4, 1, 3, 3)])
def test_whatever_a_network_predicts_the_noise_comes_back(shape):
    x0, noise = randn(*shape), randn(*shape, seed=1)
    x = add_noise(SCHEDULE, x0, T, noise)
    v = v_target(SCHEDULE, x0, T, noise)
    torch.testing.assert_close(from_v(lambda x, t, label: v, SCHEDULE)(x, T), noise)
    torch.testing.assert_close(from_x0(lambda x, t, label: x0, SCHEDULE)(x, T), noise)
    torch.testing.assert_close(noise_from_x0(SCHEDULE, x, T, x0_from_noise(SCHEDULE, x, T, noise)), noise)
    torch.testing.assert_close(x0_from_noise(SCHEDULE, x, T, noise), x0)


def test_v_is_the_slope_in_the_angle():
    """x = cos(φ) x₀ + sin(φ) ε, so that v = dx/dφ: by autograd."""
    x0, noise = randn(4, 2), randn(4, 2, seed=1)
    angle = (1 - SCHEDULE.alpha_bar[T]).sqrt().asin()[:, None].expand(4, 2).clone().requires_grad_()
    x = angle.cos() * x0 + angle.sin() * noise
    (slope,) = torch.autograd.grad(x.sum(), angle)
    torch.testing.assert_close(v_target(SCHEDULE, x0, T, noise), slope)


def test_the_score_tells_the_same_as_the_noise():
    """For one Gaussian: x̂₀ is the regression of x₀ on x_t, found from the joint covariance."""
    variance = 0.5
    data = GaussianMixture(torch.ones(1), torch.zeros(1, 2), variance * torch.eye(2)[None])
    x = randn(4, 2)
    a = SCHEDULE.alpha_bar[T][:, None]
    expected = a.sqrt() * variance / (a * variance + 1 - a) * x  # Cov(x₀, x_t) / Var(x_t) · x_t
    noise = MixtureDenoiser(data, SCHEDULE)(x, T)
    torch.testing.assert_close(x0_from_noise(SCHEDULE, x, T, noise), expected)


def test_clipping_holds_x0_inside_and_leaves_the_rest_alone():
    x = randn(4, 2)
    for x0 in (0.3 * randn(4, 2, seed=1), 5 * randn(4, 2, seed=1)):
        noise = clipped(from_x0(lambda x, t, label, x0=x0: x0, SCHEDULE), SCHEDULE)(x, T)
        torch.testing.assert_close(x0_from_noise(SCHEDULE, x, T, noise), x0.clamp(-1, 1))
    other = clipped(from_x0(lambda x, t, label: x * 0 + 7, SCHEDULE), SCHEDULE, low=-2.0, high=3.0)(x, T)
    torch.testing.assert_close(x0_from_noise(SCHEDULE, x, T, other), torch.full_like(x, 3.0))


@pytest.mark.parametrize("wrap", [from_v, from_x0, clipped])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_wrapper_keeps_the_dtype_and_passes_the_label_on(wrap, dtype):
    seen = []

    def network(x, t, label=None):
        seen.append(label)
        return torch.tanh(x)

    label = torch.tensor([0, -1, 2, 3])
    denoiser = wrap(network, SCHEDULE)
    out = denoiser(randn(4, 2).to(dtype), T, label)
    denoiser(randn(4, 2).to(dtype), T)
    assert out.dtype == dtype and out.shape == (4, 2)
    assert seen[0] is label and seen[1] is None
