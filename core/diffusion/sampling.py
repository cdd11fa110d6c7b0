"""Sampling as a run: a frozen config in, frames out. A frame is what a page shows of one step."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.run import Config

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.diffusion.prediction import Denoiser
    from core.diffusion.samplers import SamplerState
    from core.diffusion.schedule import NoiseSchedule

SAMPLERS = ("ddpm", "ddim", "heun", "dpm_solver_pp")
MOST_IMAGES = 64
MOST_POINTS = 5_000


@dataclass(frozen=True)
class SamplingConfig(Config):
    """All that a sampled picture depends on."""

    kind = "sampling"
    short = True

    model: str  # a model's key
    sampler: str = "ddim"  # one of SAMPLERS
    steps: int = 50  # of the sampler; ddpm takes all levels whatever stands here
    eta: float = 0.0  # ddim's share of fresh noise
    scale: float = 1.5  # of guidance; 1 is plain conditional, 0 unconditional
    labels: tuple[int, ...] = ()  # asked for in turn, again and again; empty: none
    clip: bool = True  # hold the predicted x_0 inside [−1, 1] (images only)
    count: int = 16  # images or points
    seed: int = 0
    frames: int = 51  # at most so many steps are kept, spread evenly, first and last among them

    @property
    def title(self) -> str:
        return f"{self.sampler} · {self.steps}"

    def start(self, checkpoint: None = None) -> "Iterator[SamplingState]":
        """Samples with the model of that key. What the job runner calls; there is nothing to continue from."""
        from core.diffusion.library import load

        denoiser, schedule, record = load(self.model)
        return sample(self, denoiser, schedule, record)


@dataclass(frozen=True, eq=False)
class Frame:
    """One step: where it began, what was predicted there, and where it led. Arrays are float32, (N, …)."""

    t: int  # the level the step began at; 0 for the last frame, from which no step leads on
    alpha_bar: float  # ᾱ_t there: the share of the data's variance that is left
    calls: int  # of the network, before this step
    x: np.ndarray
    noise: np.ndarray | None  # ε̂ at x; None in the last frame
    x0: np.ndarray | None  # the x̂_0 that ε̂ implies
    t_next: int | None = None
    alpha_bar_next: float | None = None
    x_next: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class SamplingState:
    """How far a run has come, with the frames so far."""

    frames: tuple[Frame, ...]
    step: int  # steps done
    steps: int  # steps in all
    calls: int  # of the network

    @property
    def progress(self) -> float:
        return self.step / self.steps


def walk(
    name: str,
    denoiser: "Denoiser",
    schedule: "NoiseSchedule",
    x: "Tensor",
    *,
    steps: int,
    eta: float = 0.0,
    label: "Tensor | None" = None,
    generator: "torch.Generator | None" = None,
) -> "Iterator[SamplerState]":
    """The sampler of that name; each takes what it knows of the arguments. Raises ValueError for another name."""
    from core.diffusion import samplers

    if name == "ddpm":
        return samplers.ddpm(denoiser, schedule, x, label=label, generator=generator)
    if name == "ddim":
        return samplers.ddim(denoiser, schedule, x, steps=steps, eta=eta, label=label, generator=generator)
    if name == "heun":
        return samplers.heun(denoiser, schedule, x, steps=steps, label=label)
    if name == "dpm_solver_pp":
        return samplers.dpm_solver_pp(denoiser, schedule, x, steps=steps, label=label)
    raise ValueError(f"A sampler is one of {', '.join(SAMPLERS)}, not {name!r}.")


def total_steps(config: SamplingConfig, T: int) -> int:
    """How many steps the sampler takes on a schedule of T levels."""
    return T if config.sampler == "ddpm" else min(config.steps, T)


def shown_steps(steps: int, frames: int) -> tuple[int, ...]:
    """Which of the steps 0 … steps − 1 are kept as frames; with the end they make at most `frames`."""
    count = max(1, min(frames - 1, steps))
    return tuple(sorted({round(k * (steps - 1) / max(count - 1, 1)) for k in range(count)}))


def starting_noise(config: SamplingConfig, record: dict) -> "tuple[Tensor, Tensor | None, torch.Generator]":
    """x_T, the labels (N,) or None, and the generator that goes on drawing, all from the config's seed.

    The noise of the largest batch is drawn and cut, so that asking for more images keeps those that were there.
    """
    import torch

    network = record["config"]["network"]
    generator = torch.Generator("cpu").manual_seed(config.seed)
    points = "dimensions" in network
    most, shape = (MOST_POINTS, (network["dimensions"],)) if points else (MOST_IMAGES, (network["channels"], 28, 28))
    if not 1 <= config.count <= most:
        raise ValueError(f"Between 1 and {most} can be sampled at once, not {config.count}.")
    x = torch.randn(most, *shape, generator=generator, device="cpu")[: config.count]  # (N, …)
    if not config.labels or not network["labels"]:
        return x, None, generator
    label = torch.tensor(config.labels, dtype=torch.int64, device="cpu")
    if int(label.min()) < 0 or int(label.max()) >= network["labels"]:
        raise ValueError(f"This model knows the labels 0 to {network['labels'] - 1}.")
    return x, label.repeat(config.count // len(label) + 1)[: config.count], generator


def prepared(config: SamplingConfig, denoiser: "Denoiser", schedule: "NoiseSchedule", record: dict) -> "Denoiser":
    """The model's Denoiser with the guidance and the clipping that the config asks for."""
    from core.diffusion.guidance import classifier_free
    from core.diffusion.prediction import clipped

    guided = classifier_free(denoiser, config.scale)
    images = "dimensions" not in record["config"]["network"]
    return clipped(guided, schedule) if config.clip and images else guided


def begin(
    config: SamplingConfig, denoiser: "Denoiser", schedule: "NoiseSchedule", record: dict
) -> "Iterator[SamplerState]":
    """The sampler that the config asks for, at its start. Raises ValueError for settings out of range."""
    from core.device import pick

    x, label, generator = starting_noise(config, record)
    device = pick()
    return walk(
        config.sampler,
        prepared(config, denoiser, schedule, record),
        schedule,
        x.to(device),
        steps=total_steps(config, schedule.T),
        eta=config.eta,
        label=None if label is None else label.to(device),
        generator=generator,
    )


def sample(
    config: SamplingConfig, denoiser: "Denoiser", schedule: "NoiseSchedule", record: dict
) -> Iterator[SamplingState]:
    """Runs the sampler, one state after every step, and keeps the steps that will be shown.

    denoiser: a network's ε̂; guidance and clipping are put around it here. Raises ValueError for settings out of range.
    """
    steps = total_steps(config, schedule.T)
    keep = set(shown_steps(steps, config.frames))
    states = begin(config, denoiser, schedule, record)
    alpha_bar = schedule.alpha_bar.tolist()
    before = next(states)
    frames: tuple[Frame, ...] = ()
    for step, state in enumerate(states):
        if step in keep:
            x, noise, x0, x_next = (_array(v) for v in (before.x, state.noise, state.x0, state.x))
            t, s = before.t, state.t
            frames = (*frames, Frame(t, alpha_bar[t], before.calls, x, noise, x0, s, alpha_bar[s], x_next))
        if state.t == 0:
            frames = (*frames, Frame(0, 1.0, state.calls, _array(state.x), None, None))
        before = state
        yield SamplingState(frames, step + 1, steps, state.calls)


def _array(values: "Tensor") -> np.ndarray:
    return values.float().cpu().numpy()
