"""The way into noise: any level in one jump."""

from torch import Tensor

from core.diffusion.schedule import NoiseSchedule


def add_noise(schedule: NoiseSchedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε. Ho et al. 2020, equation 4.

    x0, noise: (N, …), the same shape; t: integers (N,) in 0..T. Returns (N, …) on x0's device, in x0's dtype.
    Raises ValueError where a level lies outside the schedule.
    """
    signal, sigma = signal_and_noise(schedule, t, x0)
    return signal * x0 + sigma * noise


def signal_and_noise(schedule: NoiseSchedule, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """√ᾱ_t and √(1−ᾱ_t) for each element of a batch, shaped (N, 1, …) to multiply `like` (N, …).

    The roots are taken in float64 before the cast: in float32, 1 − ᾱ_t would lose its digits near t = 0.
    Raises ValueError where a level on the CPU lies outside the schedule.
    """
    # only where looking is free: a GPU would have to be waited for
    if t.device.type == "cpu" and len(t) and (int(t.min()) < 0 or int(t.max()) > schedule.T):
        raise ValueError(f"Levels must lie in 0..{schedule.T}.")
    place, shape = t.to(like.device), (-1, *[1] * (like.ndim - 1))
    roots = schedule.alpha_bar.sqrt(), (1 - schedule.alpha_bar).sqrt()  # (T+1,) each
    signal, sigma = (root.to(like.dtype).to(like.device)[place].reshape(shape) for root in roots)  # (N, 1, …)
    return signal, sigma
