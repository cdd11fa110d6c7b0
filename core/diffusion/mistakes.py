"""What can go wrong in one line: a sampler and a loss made of small rules, each rule written right and written wrong.

`ancestral` is DDPM's walk at any levels. What a mistake changes in it is one of two rules: which levels the schedule
has, and how much fresh noise a step adds. The mistakes of training change how the noise is added, or what the network
is told. Nothing else differs, so the samples of the right and of the wrong code begin with the same noise, and a pair
of functions here differs in one line.

In the comments t is the level where a step starts and s where it ends; alpha_bar[0] is 1.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from core.diffusion.forward import add_noise, signal_and_noise
from core.diffusion.prediction import Denoiser
from core.diffusion.samplers import SamplerState, levels
from core.diffusion.schedule import NoiseSchedule

LAST_LEVEL = 0.4  # of the schedule that is too short, as a share of T

# ---- the rules of the sampler, right and wrong ----------------------------------------------------------------------


def fresh_noise(alpha_bar: list[float], t: int, s: int) -> float:
    """The standard deviation of q(x_s | x_t, x_0); it is 0 at the last step, where s = 0. Ho et al. 2020, eq. 7."""
    before = alpha_bar[s]
    beta = 1 - alpha_bar[t] / alpha_bar[s]
    variance = (1 - before) / (1 - alpha_bar[t]) * beta
    return math.sqrt(variance)


def fresh_noise_without_root(alpha_bar: list[float], t: int, s: int) -> float:
    """The mistake: a variance is handed over where a standard deviation is asked for."""
    before = alpha_bar[s]
    beta = 1 - alpha_bar[t] / alpha_bar[s]
    variance = (1 - before) / (1 - alpha_bar[t]) * beta
    return float(variance)


def fresh_noise_to_the_last(alpha_bar: list[float], t: int, s: int) -> float:
    """The mistake: the last step adds noise too, and no step comes after it that could take it out."""
    before = alpha_bar[s]
    beta = 1 - alpha_bar[t] / alpha_bar[s]
    variance = (1 - before) / (1 - alpha_bar[t]) * beta if s > 0 else beta
    return math.sqrt(variance)


def fresh_noise_from_the_wrong_end(alpha_bar: list[float], t: int, s: int) -> float:
    """The mistake: in a list that begins with ᾱ_1, place s − 1 is ᾱ_s, but for s = 0 it is −1: the last one, ᾱ_T."""
    before = alpha_bar[1:][s - 1]
    beta = 1 - alpha_bar[t] / alpha_bar[s]
    variance = (1 - before) / (1 - alpha_bar[t]) * beta
    return math.sqrt(variance)


def all_levels(schedule: NoiseSchedule) -> NoiseSchedule:
    """The schedule that ends in pure noise."""
    return schedule


def too_few_levels(schedule: NoiseSchedule) -> NoiseSchedule:
    """The mistake: T is so small that x_T is no noise yet, but the way back begins with pure noise all the same."""
    return NoiseSchedule.from_beta(schedule.beta[1 : 1 + max(1, round(LAST_LEVEL * schedule.T))])


# ---- the rules of training, right and wrong -------------------------------------------------------------------------


def add_noise_without_root(schedule: NoiseSchedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """The mistake: (1−ᾱ_t) ε instead of √(1−ᾱ_t) ε, a variance for a standard deviation. Shapes as `add_noise`."""
    signal, sigma = signal_and_noise(schedule, t, x0)
    return signal * x0 + sigma**2 * noise


def told_the_time(network: Denoiser) -> Denoiser:
    """The network, which hears at every level which one it is."""
    return lambda x, t, label=None: network(x, t, label)


def never_told_the_time(network: Denoiser) -> Denoiser:
    """The mistake: without its time embedding, the network hears the same at every level."""
    return lambda x, t, label=None: network(x, torch.ones_like(t), label)


def to_minus_one_and_one(images: Tensor) -> Tensor:
    """uint8 images, 0 to 255, as float32 in [−1, 1], same shape."""
    return images.float() / 127.5 - 1


def to_zero_and_one(images: Tensor) -> Tensor:
    """uint8 images, 0 to 255, as float32 in [0, 1], same shape: the book's choice."""
    return images.float() / 255


# ---- what is made of them -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """One choice of each rule; the defaults are right."""

    noise: Callable[[list[float], int, int], float] = fresh_noise
    levels: Callable[[NoiseSchedule], NoiseSchedule] = all_levels
    add_noise: Callable[[NoiseSchedule, Tensor, Tensor, Tensor], Tensor] = add_noise
    time: Callable[[Denoiser], Denoiser] = told_the_time
    scale: Callable[[Tensor], Tensor] = to_minus_one_and_one


RIGHT = Rules()
MISTAKES = {
    "no_time": replace(RIGHT, time=never_told_the_time),
    "root": replace(RIGHT, add_noise=add_noise_without_root),
    "short": replace(RIGHT, levels=too_few_levels),
    "spread": replace(RIGHT, noise=fresh_noise_without_root),
    "last_noise": replace(RIGHT, noise=fresh_noise_to_the_last),
    "wrong_end": replace(RIGHT, noise=fresh_noise_from_the_wrong_end),
}
RANGE = replace(RIGHT, scale=to_zero_and_one)  # a choice, no mistake
TRAINED = ("no_time", "root", "range")  # these need a network of their own
RULES = {"right": RIGHT, **MISTAKES, "range": RANGE}


@torch.no_grad()
def ancestral(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    x: Tensor,
    *,
    steps: int,
    rules: Rules = RIGHT,
    label: Tensor | None = None,
    generator: torch.Generator,
) -> Iterator[SamplerState]:
    """Every step draws x_s from q(x_s | x_t, x_0), with x̂_0 in the place of x_0: DDPM at the levels of `steps` steps.

    `steps` calls, at the levels round(T·k/steps). x: (N, …), label: (N,) or None. With the right rules this is ddim
    with eta = 1 (Song, Meng and Ermon 2021, section 4.1), and with T steps it is ddpm. A step draws its noise even
    where it adds none of it, so that right and wrong rules draw the same.
    """
    schedule = rules.levels(schedule)
    alpha_bar = schedule.alpha_bar.tolist()
    yield SamplerState(schedule.T, x)

    for calls, (t, s) in enumerate(pairwise(levels(schedule.T, min(steps, schedule.T))), start=1):
        noise = denoiser(x, torch.full((len(x),), t, dtype=torch.int64, device=x.device), label)  # (N, …)
        x0 = (x - math.sqrt(1 - alpha_bar[t]) * noise) / math.sqrt(alpha_bar[t])  # Ho et al. 2020, eq. 15
        kept = alpha_bar[t] / alpha_bar[s]  # α of the whole step
        towards_x0 = math.sqrt(alpha_bar[s]) * (1 - kept) / (1 - alpha_bar[t])
        towards_x = math.sqrt(kept) * (1 - alpha_bar[s]) / (1 - alpha_bar[t])
        fresh = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)
        x = towards_x0 * x0 + towards_x * x + rules.noise(alpha_bar, t, s) * fresh  # Ho et al. 2020, eq. 7
        yield SamplerState(s, x, noise, x0, calls)
