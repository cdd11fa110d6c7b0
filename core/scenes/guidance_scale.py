"""What `guidance.scale` and `guidance.conditional` draw: digits by label, at one scale of guidance or at several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.scene_run import SceneRun, Working
from core.shipped import named

COLUMNS = 10  # of a sweep, whatever is asked for
MOST = 12  # digits that can be asked for by name
FIXED = (0.0, 1.0, 1.5, 3.0, 8.0)  # scales of a sweep, beside the one that a person sets
STEPS = 10  # of DPM-Solver++


@dataclass(frozen=True)
class Sweep(SceneRun):
    """Digits at several scales of guidance; a column is one digit and one noise.

    digits: asked for in turn, as often as the columns have room for. Arrays: labels (C,) uint8; images (S, C, 28, 28)
    float32 in [−1, 1]; named (S, C) uint8, what the judge sees; sure (S, C) float32, its probability of the label.
    """

    model: str
    digits: tuple[int, ...] = tuple(range(10))
    scales: tuple[float, ...] = (*FIXED, 20.0)
    seed: int = 0
    sampler_steps: int = STEPS

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.judge import Judge
        from core.diffusion.makers import load

        maker, judge = load(self.model), Judge()
        label = torch.tensor(columns(self.digits), dtype=torch.int64, device="cpu")
        noise = maker.noise(COLUMNS, torch.Generator("cpu").manual_seed(self.seed))[: len(label)]
        total, done, ends = len(self.scales) * self.sampler_steps, 0, []
        for scale in self.scales:
            for state in maker.walk(noise, label, scale, self.sampler_steps):
                yield Working(done, total)
                done += state.t > 0
            ends.append(maker.to_images(state.x).cpu())
        looked = judge.look(torch.cat(ends))
        shape = (len(self.scales), len(label))
        sure = looked.chances.reshape(*shape, 10)[:, torch.arange(len(label), device="cpu"), label]
        yield Working(total, total, _sheet(label, ends, looked.named.reshape(shape), sure))


@dataclass(frozen=True)
class Asked(SceneRun):
    """The digits that were asked for by name, several times, each from a noise of its own.

    Arrays as for a sweep, with a row for each time.
    """

    model: str
    digits: tuple[int, ...] = (2, 0, 2, 6)
    scale: float = 1.5
    rows: int = 4
    seed: int = 0
    sampler_steps: int = STEPS

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.judge import Judge
        from core.diffusion.makers import load

        if not 1 <= len(self.digits) <= MOST or not set(self.digits) <= set(range(10)):
            raise ValueError(f"Between 1 and {MOST} digits can be asked for.")
        maker, judge = load(self.model), Judge()
        label = torch.tensor(self.digits, dtype=torch.int64, device="cpu")
        generator = torch.Generator("cpu").manual_seed(self.seed)
        noise = maker.noise(self.rows * MOST, generator).unflatten(0, (self.rows, MOST))[:, : len(label)]
        done = 0
        for state in maker.walk(noise.flatten(0, 1), label.repeat(self.rows), self.scale, self.sampler_steps):
            yield Working(done, self.sampler_steps)
            done += state.t > 0
        ends = maker.to_images(state.x).cpu().split(len(label))
        looked = judge.look(torch.cat(ends))
        shape = (self.rows, len(label))
        sure = looked.chances.reshape(*shape, 10)[:, torch.arange(len(label), device="cpu"), label]
        yield Working(done, self.sampler_steps, _sheet(label, ends, looked.named.reshape(shape), sure))


def columns(digits: tuple[int, ...]) -> tuple[int, ...]:
    """The label of each column: every digit as often as there is room, those of one digit side by side.

    Raises ValueError for no digit at all.
    """
    if not digits or not set(digits) <= set(range(10)):
        raise ValueError("At least one digit from 0 to 9 has to be asked for.")
    return tuple(sorted((digits * COLUMNS)[:COLUMNS], key=digits.index))


def _sheet(label, ends, seen, sure) -> dict[str, np.ndarray]:
    return {
        "labels": label.numpy().astype(np.uint8),
        "images": np.stack([end[:, 0].numpy() for end in ends]).astype(np.float32),
        "named": seen.numpy().astype(np.uint8),
        "sure": sure.numpy().astype(np.float32),
    }


FIRST = tuple(Sweep(key) for key in (named("diffusion", "digits"),) if key)
