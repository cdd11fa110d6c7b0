"""What a network predicts, turned into what a sampler asks for: the noise ε.

x_t = √ᾱ x_0 + √(1−ᾱ) ε holds two unknowns, so predicting either tells the other. Salimans and Ho 2022 predict a
third thing, v = √ᾱ ε − √(1−ᾱ) x_0, whose variance is about one at every level.
"""

from collections.abc import Callable

from torch import Tensor

from core.diffusion.forward import signal_and_noise
from core.diffusion.schedule import NoiseSchedule

# a callable (x, t, label=None) -> predicted noise, shaped like x; t (N,) in 1..T; label (N,) int64, −1 for none
Denoiser = Callable[..., Tensor]


def v_target(schedule: NoiseSchedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """v = √ᾱ_t ε − √(1−ᾱ_t) x_0. Salimans and Ho 2022, section 4. Shapes as `add_noise`."""
    signal, sigma = signal_and_noise(schedule, t, x0)
    return signal * noise - sigma * x0


def x0_from_noise(schedule: NoiseSchedule, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """x̂_0 = (x_t − √(1−ᾱ_t) ε̂) / √ᾱ_t. Ho et al. 2020, equation 15. Shapes as `add_noise`; t in 1..T."""
    signal, sigma = signal_and_noise(schedule, t, x)
    return (x - sigma * noise) / signal


def noise_from_x0(schedule: NoiseSchedule, x: Tensor, t: Tensor, x0: Tensor) -> Tensor:
    """ε̂ = (x_t − √ᾱ_t x̂_0) / √(1−ᾱ_t). Shapes as `add_noise`; t in 1..T."""
    signal, sigma = signal_and_noise(schedule, t, x)
    return (x - signal * x0) / sigma


def score_from_noise(schedule: NoiseSchedule, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """∇ log p_t(x_t) = −ε̂ / √(1−ᾱ_t), where ε̂ is the mean of ε given x_t. Song et al. 2021, appendix B; Efron 2011.

    Shapes as `add_noise`; t in 1..T. x only tells the type and the device.
    """
    _, sigma = signal_and_noise(schedule, t, x)
    return -noise / sigma


def noise_from_score(schedule: NoiseSchedule, x: Tensor, t: Tensor, score: Tensor) -> Tensor:
    """ε̂ = −√(1−ᾱ_t) ∇ log p_t(x_t). Shapes as `add_noise`; t in 1..T."""
    _, sigma = signal_and_noise(schedule, t, x)
    return -sigma * score


def from_v(network: Denoiser, schedule: NoiseSchedule) -> Denoiser:
    """A Denoiser from a network (x, t, label) that predicts v: ε̂ = √(1−ᾱ_t) x_t + √ᾱ_t v̂.

    Follows from the definition of v, since the squares of the two factors add up to one.
    """

    def denoiser(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        signal, sigma = signal_and_noise(schedule, t, x)
        return sigma * x + signal * network(x, t, label).to(x)

    return denoiser


def from_x0(network: Denoiser, schedule: NoiseSchedule) -> Denoiser:
    """A Denoiser from a network (x, t, label) that predicts the clean data x_0."""

    def denoiser(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return noise_from_x0(schedule, x, t, network(x, t, label).to(x))

    return denoiser


def clipped(denoiser: Denoiser, schedule: NoiseSchedule, low: float = -1.0, high: float = 1.0) -> Denoiser:
    """The same Denoiser, with the x_0 that its noise implies held inside [low, high], where the data live.

    Ho et al. 2020 clip so in their code; it is a wrapper because no sampler should have to know.
    """

    def clipping(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        x0 = x0_from_noise(schedule, x, t, denoiser(x, t, label))
        return noise_from_x0(schedule, x, t, x0.clamp(low, high))

    return clipping
