"""What `diffusion_theory.forward` draws: the way into noise, in small steps and in one jump, and that of one number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.scene import Scene
from core.scene_run import SceneRun, Working

if TYPE_CHECKING:
    from torch import Tensor

    from core.diffusion.schedule import NoiseSchedule

PHOTOGRAPHS = ("chelsea", "coffee")
SHAPES = ("moons", "rings", "blobs", "dinosaur")
SUBJECTS = (*PHOTOGRAPHS, "digits", *SHAPES)
SIDE = 96  # pixels of a photograph's side: two ways of it in colour fit one message
DIGITS, POINTS = 16, 600
FRAMES = {"photograph": 21, "digits": 41, "points": 61}  # states that are shown of each kind
CHAINS = 4000  # of one number
PATHS = 24  # of them that are drawn
BINS = 41


def kind(subject: str) -> str:
    """What the subject is made of: "photograph", "digits" or "points"."""
    return "photograph" if subject in PHOTOGRAPHS else "digits" if subject == "digits" else "points"


def shown_levels(subject: str, T: int) -> np.ndarray:
    """The levels that are shown, evenly spread, 0 and T among them: (F,)."""
    return np.unique(np.linspace(0, T, FRAMES[kind(subject)]).round().astype(np.int64))


def clean(subject: str) -> Tensor:
    """x_0: a photograph (1, 3, 96, 96), digits (16, 1, 28, 28), or points (600, 2); float32."""
    import torch

    from core import data

    if subject in PHOTOGRAPHS:
        from PIL import Image

        whole = Image.fromarray(data.photograph(subject).permute(1, 2, 0).numpy())  # 128 × 128
        small = torch.from_numpy(np.array(whole.resize((SIDE, SIDE), Image.Resampling.LANCZOS)))
        return small.permute(2, 0, 1)[None].float() / 127.5 - 1
    if subject == "digits":
        return data.mnist("test").images[:DIGITS].float() / 127.5 - 1
    return data.shape(subject, POINTS, torch.Generator().manual_seed(0)).float()


def built(schedule: str, T: int, heights: tuple[float, ...]) -> NoiseSchedule:
    """The noise schedule of that name: the book's linear one, the cosine, or the one that was painted."""
    from core.diffusion.painted import painted
    from core.diffusion.schedule import NoiseSchedule

    if schedule == "own":
        return painted(heights, T).schedule
    return NoiseSchedule.cosine(T) if schedule == "cosine" else NoiseSchedule.linear(T)


@dataclass(frozen=True)
class Levels(Scene):
    """What the schedule does to the subject, level by level.

    Arrays: alpha_bar, snr, kl (T+1,): ᾱ_t, ᾱ_t/(1−ᾱ_t), and KL(q(x_t | x_0) ‖ N(0, I)) in nats, the mean over the
    pictures or points; size: how many numbers one of them has; count: how many there are; rise (2,): the part of the
    way where a painted schedule would rise most (NaN: nowhere), added: by how much.
    """

    subject: str = "chelsea"
    schedule: str = "linear"
    T: int = 1000
    heights: tuple[float, ...] = ()

    def compute(self) -> Mapping[str, np.ndarray]:
        from core.diffusion.forward import kl_to_noise
        from core.diffusion.painted import painted

        x0, schedule = clean(self.subject), built(self.schedule, self.T, self.heights)
        own = painted(self.heights, self.T) if self.schedule == "own" else None
        return {
            "alpha_bar": schedule.alpha_bar.numpy(),
            "snr": schedule.signal_to_noise.numpy(),
            "kl": kl_to_noise(schedule, x0).mean(dim=1).numpy(),
            "size": np.array(x0[0].numel()),
            "count": np.array(len(x0)),
            "rise": np.array(own.rise if own and own.rise else (np.nan, np.nan)),
            "added": np.array(own.added if own else 0.0),
        }


@dataclass(frozen=True)
class Ways(SceneRun):
    """The subject at the levels that are shown: on a chain of small steps, and each in one jump from x_0.

    Arrays: t (F,); steps, with fresh noise at every step, and jump, with one and the same noise for all levels:
    photographs (F, 96, 96, 3) and digits (F, 16, 28, 28) as uint8, −1 … 1 as 0 … 255, what lies outside cut off; points
    (F, 600, 2) float32.
    """

    subject: str = "chelsea"
    schedule: str = "linear"
    T: int = 1000
    heights: tuple[float, ...] = ()
    seed: int = 0

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.forward import add_noise, step_by_step

        x0, schedule, of = clean(self.subject), built(self.schedule, self.T, self.heights), kind(self.subject)
        t = shown_levels(self.subject, self.T)
        wanted, steps = set(t.tolist()), []
        for state in step_by_step(schedule, x0, generator=torch.Generator().manual_seed(2 * self.seed)):
            if state.t in wanted:
                steps.append(_drawn(state.x, of))
                yield Working(state.t, self.T + 1)
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(2 * self.seed + 1))
        jump = [_drawn(add_noise(schedule, x0, torch.full((len(x0),), int(level)), noise), of) for level in t]
        yield Working(self.T + 1, self.T + 1, {"t": t, "steps": np.stack(steps), "jump": np.stack(jump)})


@dataclass(frozen=True)
class OneNumber(SceneRun):
    """One number x_0 on its way: many chains of it, many jumps, and the normal distribution of both.

    Arrays, for the levels t (F,) that are shown: mean and std (F,) of q(x_t | x_0); steps and jump (F, B), densities of
    4,000 values each in bins from 4 deviations below the mean to 4 above, NaN at t = 0; the mean and the deviation of
    those values, *_mean and *_std (F,); apart (F,): the root mean square of what two values that belong to the same
    chain and jump differ by; paths (P, F) of the first chains.
    """

    x0: float = 0.0
    subject: str = "chelsea"  # only for the levels that are shown
    schedule: str = "linear"
    T: int = 1000
    heights: tuple[float, ...] = ()
    seed: int = 0

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.forward import add_noise, step_by_step

        schedule, t = built(self.schedule, self.T, self.heights), shown_levels(self.subject, self.T)
        generator = torch.Generator().manual_seed(self.seed)
        x0 = torch.full((CHAINS,), self.x0, dtype=torch.float64)
        noise = torch.randn(len(t), CHAINS, generator=generator, dtype=torch.float64)
        jump = np.stack(
            [add_noise(schedule, x0, torch.full((CHAINS,), int(k)), e).numpy() for k, e in zip(t, noise, strict=True)]
        )
        wanted, chains = set(t.tolist()), []
        for state in step_by_step(schedule, x0, generator=generator):
            if state.t in wanted:
                chains.append(state.x.numpy())
                yield Working(state.t, self.T + 1)
        steps = np.stack(chains)
        left = schedule.alpha_bar.numpy()[t]
        mean, std = np.sqrt(left) * self.x0, np.sqrt(1 - left)
        arrays = {
            "t": t,
            "mean": mean,
            "std": std,
            "steps": _densities(steps, mean, std),
            "jump": _densities(jump, mean, std),
            "steps_mean": steps.mean(axis=1),
            "steps_std": steps.std(axis=1),
            "jump_mean": jump.mean(axis=1),
            "jump_std": jump.std(axis=1),
            "apart": np.sqrt(((steps - jump) ** 2).mean(axis=1)),
            "paths": steps[:, :PATHS].T.astype(np.float32),
        }
        yield Working(self.T + 1, self.T + 1, arrays)


def _drawn(x: Tensor, kind: str) -> np.ndarray:
    if kind == "points":
        return x.numpy()
    grey = ((x + 1) * 127.5).round().clamp(0, 255).byte().numpy()  # (N, C, H, W)
    return grey[0].transpose(1, 2, 0) if kind == "photograph" else grey[:, 0]


def _densities(values: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Heights (F, B) of histograms of values (F, N); NaN where there is no deviation."""
    edges = np.linspace(-4, 4, BINS + 1)
    heights = np.full((len(values), BINS), np.nan, dtype=np.float32)
    for k in range(len(values)):
        if std[k] > 0:
            counts = np.histogram((values[k] - mean[k]) / std[k], edges)[0]
            heights[k] = counts / (values.shape[1] * (edges[1] - edges[0]) * std[k])
    return heights


PUPIL = 16 / 127.5 - 1  # green of the cat's pixel that the page follows first
FIRST = (Levels(), Ways(), OneNumber(PUPIL))
