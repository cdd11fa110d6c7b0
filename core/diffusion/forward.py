"""The way into noise: one small step after another, any level in one jump, and how near to pure noise it has come."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.diffusion.schedule import NoiseSchedule


def add_noise(schedule: NoiseSchedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε. Ho et al. 2020, equation 4.

    x0, noise: (N, …), the same shape; t: integers (N,) in 0..T. Returns (N, …) on x0's device, in x0's dtype.
    Raises ValueError where a level lies outside the schedule.
    """
    signal, sigma = signal_and_noise(schedule, t, x0)
    return signal * x0 + sigma * noise


@dataclass(frozen=True, eq=False)
class ForwardState:
    """Where the way into noise stands: the level t, and x_t (N, …)."""

    t: int
    x: Tensor


@torch.no_grad()
def step_by_step(schedule: NoiseSchedule, x0: Tensor, *, generator: torch.Generator) -> Iterator[ForwardState]:
    """x_t = √α_t x_{t−1} + √β_t ε_t for t = 1 … T, each step with fresh noise. Ho et al. 2020, equation 2.

    x0: (N, …). The first state is x_0 itself, then one a step; on x0's device, in its dtype.
    """
    alpha, beta = schedule.alpha.tolist(), schedule.beta.tolist()
    x = x0
    yield ForwardState(0, x)
    for t in range(1, schedule.T + 1):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)
        x = alpha[t] ** 0.5 * x + beta[t] ** 0.5 * noise
        yield ForwardState(t, x)


def kl_to_noise(schedule: NoiseSchedule, x0: Tensor) -> Tensor:
    """KL(q(x_t | x_0) ‖ N(0, I)) in nats for every level and element, (T+1, N), float64 on the CPU; infinite at t = 0.

    q(x_t | x_0) = N(√ᾱ_t x_0, (1−ᾱ_t) I) has D independent coordinates, so that the KL of two normals gives
    ½ [ᾱ_t |x_0|² − D ᾱ_t − D log(1−ᾱ_t)]. At T it is the bound's term L_T: Ho et al. 2020, equation 5. x0: (N, …).
    """
    alpha_bar, size = schedule.alpha_bar[:, None], x0[0].numel()  # (T+1, 1), D
    squared = x0.flatten(1).to("cpu", torch.float64).square().sum(dim=1)  # |x_0|²: (N,)
    # log1p keeps the digits: for small ᾱ the two last terms are −ᾱ²/2 together
    return 0.5 * (alpha_bar * squared - size * (alpha_bar + torch.log1p(-alpha_bar)))


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
