"""A picture that is partly given: noised and taken back from there, or with a part of it missing.

Neither needs a model of its own: what is given enters the sampler as noised data, where the sampler expects just that.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from core.diffusion.forward import add_noise
from core.diffusion.prediction import Denoiser, x0_from_noise
from core.diffusion.samplers import SamplerState, ddim, levels
from core.diffusion.schedule import NoiseSchedule


def redraw(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    drawing: Tensor,
    noise: Tensor,
    *,
    level: int,
    steps: int,
    label: Tensor | None = None,
) -> Iterator[SamplerState]:
    """The drawing with the noise of a level, and DDIM's way back from there. Meng et al. 2022 (SDEdit), section 3.

    drawing, noise: (N, …); level: 0 … T; steps: at most so many, since there are no more levels than that. At level 0
    there is nothing to take back: the one state is the drawing. The first state is x_t, as always.
    """
    if level == 0:
        return iter([SamplerState(0, drawing)])
    t = torch.full((len(drawing),), level, dtype=torch.int64, device=drawing.device)
    x = add_noise(schedule, drawing, t, noise)  # x_t from q(x_t | x_0 = drawing)
    return ddim(denoiser, schedule, x, start=level, steps=min(steps, level), label=label)


def told_apart(schedule: NoiseSchedule, level: int, a: Tensor, b: Tensor) -> Tensor:
    """KL(q(x_t | a) ‖ q(x_t | b)) = ᾱ_t |a − b|² / (2 (1 − ᾱ_t)) in nats, (N,): how far noise leaves them apart.

    a, b: (N, …). Two normals of the same covariance. float64 on the CPU; infinite at level 0 where they differ.
    """
    alpha_bar = float(schedule.alpha_bar[level])
    squared = (a - b).flatten(1).to("cpu", torch.float64).square().sum(dim=1)  # (N,)
    return squared * alpha_bar / (2 * (1 - alpha_bar)) if level else torch.where(squared > 0, math.inf, 0.0)


@torch.no_grad()
def fill(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    known: Tensor,
    mask: Tensor,
    x: Tensor,
    *,
    steps: int,
    looks: int = 1,
    label: Tensor | None = None,
    generator: torch.Generator,
) -> Iterator[SamplerState]:
    """Fills in what is missing of a picture. Lugmayr et al. 2022 (RePaint), algorithm 1, at ddim's levels.

    known: (N, …) clean pictures; mask: true where they are known, of a shape that goes with theirs; x: (N, …) noise.
    Each step takes the unknown part from the model and the known part from q(x_s | x_0), so that both carry the noise
    of level s. The two do not know of each other until the network looks again: with more than one look at a step, x_s
    is noised up to t again and the step repeated. In the end the known part is exactly what was given.
    """
    alpha_bar = schedule.alpha_bar.tolist()
    calls = 0
    yield SamplerState(schedule.T, x)
    for t, s in pairwise(levels(schedule.T, steps)):
        at = torch.full((len(x),), t, dtype=torch.int64, device=x.device)
        variance = (1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])  # of q(x_s | x_t, x_0)
        for look in range(looks if s > 0 else 1):
            if look > 0:
                share = alpha_bar[t] / alpha_bar[s]
                x = math.sqrt(share) * x + math.sqrt(1 - share) * _normal_like(x, generator)  # x_t from q(x_t | x_s)
            noise = denoiser(x, at, label)  # (N, …)
            x0 = x0_from_noise(schedule, x, at, noise)
            calls += 1
            kept = math.sqrt(max(1 - alpha_bar[s] - variance, 0.0))
            unknown = math.sqrt(alpha_bar[s]) * x0 + kept * noise + math.sqrt(variance) * _normal_like(x, generator)
            given = math.sqrt(alpha_bar[s]) * known + math.sqrt(1 - alpha_bar[s]) * _normal_like(x, generator)
            x = torch.where(mask, given, unknown)
        yield SamplerState(s, x, noise, x0, calls)


def _normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise shaped like x, drawn where the generator lives."""
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)
