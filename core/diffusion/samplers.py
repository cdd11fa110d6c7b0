"""Out of noise, step by step: four ways to walk from level T to clean data, each an iterator of states.

All take (denoiser, schedule, x, …), where x (N, …) is the noise to start from, and keep x's dtype and device. In the
comments, α_t and σ_t are √ᾱ_t and √(1−ᾱ_t), so that x_t = α_t x_0 + σ_t ε; x̂_0 and ε̂ are predictions. Level t is where
a step starts and s where it ends. Instead of noise, x may be data that were noised up to a level `start` below T; the
walk then goes from there.
"""

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from core.diffusion.prediction import Denoiser
from core.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class SamplerState:
    """Where a sampler stands. Its tensors, all shaped like x, never change afterwards."""

    t: int  # the level that x is now at: T at the start, 0 at the end
    x: Tensor
    noise: Tensor | None = None  # ε̂, as predicted on the way here (at the level before); None at the start
    x0: Tensor | None = None  # x̂_0, as that ε̂ implies it
    calls: int = 0  # of the denoiser, so far


Sampler = Callable[..., Iterator[SamplerState]]


def _sampler(generator_function: Sampler) -> Sampler:
    """Runs a sampler without gradients, and looks at what it was given at the call rather than at the first `next`."""
    signature = inspect.signature(generator_function)
    walk = torch.no_grad()(generator_function)  # entered and left around each step, so never held across a yield

    @functools.wraps(generator_function)
    def call(*args, **kwargs) -> Iterator[SamplerState]:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        _check(**given.arguments)
        return walk(*args, **kwargs)

    return call


@_sampler
def ddpm(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    x: Tensor,
    *,
    label: Tensor | None = None,
    generator: torch.Generator,
    start: int | None = None,
) -> Iterator[SamplerState]:
    """Every step draws x_{t-1} from q(x_{t-1} | x_t, x_0), with x̂_0 in the place of x_0. Ho et al. 2020, algorithm 2.

    T calls, or `start`. x: (N, …), label: (N,) or None. The last step adds no noise.
    """
    beta, alpha, alpha_bar = schedule.beta.tolist(), schedule.alpha.tolist(), schedule.alpha_bar.tolist()
    begin = _begin(schedule, start)
    yield SamplerState(begin, x)

    for calls, t in enumerate(range(begin, 0, -1), start=1):
        s = t - 1
        noise, x0 = _predict(denoiser, alpha_bar[t], x, t, label)  # (N, …) each
        towards_x0 = math.sqrt(alpha_bar[s]) * beta[t] / (1 - alpha_bar[t])
        towards_x = math.sqrt(alpha[t]) * (1 - alpha_bar[s]) / (1 - alpha_bar[t])
        x = towards_x0 * x0 + towards_x * x  # the mean of q(x_{t-1} | x_t, x̂_0). Ho et al. 2020, eq. 7
        if s > 0:
            variance = (1 - alpha_bar[s]) / (1 - alpha_bar[t]) * beta[t]  # Ho et al. 2020, eq. 7
            x = x + math.sqrt(variance) * _normal_like(x, generator)
        yield SamplerState(s, x, noise, x0, calls)


@_sampler
def ddim(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    x: Tensor,
    *,
    steps: int,
    eta: float = 0.0,
    label: Tensor | None = None,
    generator: torch.Generator | None = None,
    start: int | None = None,
) -> Iterator[SamplerState]:
    """Every step takes the noise ε̂ out and puts less of the same noise back. Song, Meng and Ermon 2021, section 4.1.

    `steps` calls, at the levels round(T·k/steps). x: (N, …), label: (N,) or None. eta in 0..1 is the share of fresh
    noise: 0 draws none and needs no generator; 1, with T steps, is ddpm.
    """
    alpha_bar = schedule.alpha_bar.tolist()
    yield SamplerState(_begin(schedule, start), x)

    for calls, (t, s) in enumerate(pairwise(levels(_begin(schedule, start), steps)), start=1):
        noise, x0 = _predict(denoiser, alpha_bar[t], x, t, label)  # (N, …) each
        variance = eta**2 * (1 - alpha_bar[s]) / (1 - alpha_bar[t]) * (1 - alpha_bar[t] / alpha_bar[s])  # eq. 16
        kept = max(1 - alpha_bar[s] - variance, 0.0)  # what is left for ε̂; rounding must not make it negative
        x = math.sqrt(alpha_bar[s]) * x0 + math.sqrt(kept) * noise  # eq. 12
        if variance > 0:
            x = x + math.sqrt(variance) * _normal_like(x, generator)
        yield SamplerState(s, x, noise, x0, calls)


@_sampler
def heun(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    x: Tensor,
    *,
    steps: int,
    label: Tensor | None = None,
    start: int | None = None,
) -> Iterator[SamplerState]:
    """Every step looks ahead, and takes the mean of the slopes here and there. Karras et al. 2022, algorithm 1.

    2·steps − 1 calls, at ddim's levels; the last step is Euler's. x: (N, …), label: (N,) or None.

    The slope is taken in the angle φ = arctan(σ_t/α_t), where x_t = cos(φ) x_0 + sin(φ) ε, and so dx/dφ = v (Salimans
    and Ho 2022, appendix D). Karras et al. step in σ_t/α_t itself, which the cosine schedule takes up to 20,000: there
    a straight line leads nowhere near the curve, while φ never goes beyond a quarter turn.
    """
    alpha_bar = schedule.alpha_bar.tolist()
    angle = [math.atan2(math.sqrt(1 - a), math.sqrt(a)) for a in alpha_bar]  # φ at each level: 0 … π/2
    calls = 0
    yield SamplerState(_begin(schedule, start), x)

    for t, s in pairwise(levels(_begin(schedule, start), steps)):
        noise, x0 = _predict(denoiser, alpha_bar[t], x, t, label)  # (N, …) each
        turn = angle[s] - angle[t]
        slope = math.cos(angle[t]) * noise - math.sin(angle[t]) * x0  # v. Salimans and Ho 2022, section 4
        ahead = x + turn * slope  # Euler's step
        calls += 1
        if s > 0:
            noise_ahead, x0_ahead = _predict(denoiser, alpha_bar[s], ahead, s, label)
            slope_ahead = math.cos(angle[s]) * noise_ahead - math.sin(angle[s]) * x0_ahead
            ahead = x + turn * (slope + slope_ahead) / 2  # Karras et al. 2022, algorithm 1, line 8
            calls += 1
        x = ahead
        yield SamplerState(s, x, noise, x0, calls)


@_sampler
def dpm_solver_pp(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    x: Tensor,
    *,
    steps: int,
    order: int = 2,
    label: Tensor | None = None,
    start: int | None = None,
) -> Iterator[SamplerState]:
    """Every step draws a line through the last two x̂_0 and follows it: DPM-Solver++(2M). Lu et al. 2022, algorithm 2.

    `steps` calls, at ddim's levels. x: (N, …), label: (N,) or None. Steps are measured in λ = log(α/σ); the last one,
    to σ = 0, is infinitely long and ends at x̂_0. order 1 uses only the newest x̂_0, and then is ddim.
    """
    signal = schedule.alpha_bar.sqrt().tolist()  # α
    sigma = (1 - schedule.alpha_bar).sqrt().tolist()  # σ
    before = None  # the x̂_0 of the step before, and how long that step was
    yield SamplerState(_begin(schedule, start), x)

    for calls, (t, s) in enumerate(pairwise(levels(_begin(schedule, start), steps)), start=1):
        noise, x0 = _predict(denoiser, signal[t] ** 2, x, t, label)  # (N, …) each
        h = _log_ratio(signal[s], sigma[s]) - _log_ratio(signal[t], sigma[t])  # λ_s − λ_t
        D = x0
        if order == 2 and before is not None and s > 0:
            x0_before, h_before = before
            r = h_before / h
            D = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * x0_before  # Lu et al. 2022, algorithm 2, line 8
        x = sigma[s] / sigma[t] * x - signal[s] * math.expm1(-h) * D  # line 9
        before = x0, h
        yield SamplerState(s, x, noise, x0, calls)


def levels(T: int, steps: int) -> list[int]:
    """The levels that a walk of so many steps visits, from T to 0: round(T·k/steps) for k = steps … 0.

    From a level below T: the same with that level in the place of T.
    """
    return [round(T * k / steps) for k in range(steps, -1, -1)]


def _begin(schedule: NoiseSchedule, start: int | None) -> int:
    """The level that a walk starts from."""
    return schedule.T if start is None else start


def _predict(denoiser: Denoiser, alpha_bar: float, x: Tensor, t: int, label: Tensor | None) -> tuple[Tensor, Tensor]:
    """ε̂ and x̂_0 = (x_t − σ_t ε̂) / α_t, both shaped like x. Ho et al. 2020, equation 15."""
    noise = denoiser(x, torch.full((len(x),), t, dtype=torch.int64, device=x.device), label)  # (N, …)
    return noise, (x - math.sqrt(1 - alpha_bar) * noise) / math.sqrt(alpha_bar)


def _normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise shaped like x, drawn where the generator lives: one seed, one noise on every machine."""
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)


def _log_ratio(signal: float, sigma: float) -> float:
    """λ = log(α/σ), infinite where there is no noise."""
    return math.log(signal / sigma) if sigma > 0 else math.inf


def _check(schedule: NoiseSchedule, x: Tensor, **settings: object) -> None:
    """What every sampler asks of its arguments."""
    if not x.is_floating_point():
        raise ValueError(f"x must hold floating-point numbers, but its dtype is {x.dtype}.")
    begin = operator.index(_begin(schedule, settings.get("start")))
    if not 1 <= begin <= schedule.T:
        raise ValueError(f"A walk starts from a level in 1..{schedule.T}, not from {begin}.")
    if "steps" in settings and not 1 <= operator.index(settings["steps"]) <= begin:
        raise ValueError(f"The number of steps must lie in 1..{begin}, but it is {settings['steps']}.")
    if settings.get("order", 2) not in (1, 2):
        raise ValueError(f"The order must be 1 or 2, but it is {settings['order']}.")
    if not 0 <= settings.get("eta", 0.0) <= 1:
        raise ValueError(f"eta must lie in 0..1, but it is {settings['eta']}.")
    draws = settings.get("eta", 1.0) > 0 and "generator" in settings
    if draws and settings["generator"] is None:
        raise ValueError("Fresh noise needs a torch.Generator to come from.")
