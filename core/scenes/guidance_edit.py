"""What `guidance.edit` draws: a drawing noised and taken back, how much noise that takes, and a half filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.scene_run import SceneRun, Working
from core.shipped import named

if TYPE_CHECKING:
    from torch import Tensor

    from core.diffusion.makers import Maker

COUNT = 6  # noises side by side
STEPS = 12  # of DDIM, on the way back
FILL_STEPS = 20
LEVELS = tuple(range(100, 1001, 100))  # at which it is measured what a drawing becomes
MEASURED = 12  # noises at each of them
HALVES = ("left", "right", "top", "bottom", "painted")  # what is missing
BRUSH = 5.0  # pixels, of the painted hole

Strokes = tuple[tuple[tuple[float, float], ...], ...]
THREE: Strokes = (  # as a link brings it: whole 255ths
    tuple(
        (round(x * 255) / 255, round(y * 255) / 255)
        for x, y in (
            (0.33, 0.24), (0.42, 0.17), (0.55, 0.16), (0.64, 0.23), (0.65, 0.33), (0.58, 0.42), (0.46, 0.47),
            (0.59, 0.52), (0.68, 0.61), (0.68, 0.73), (0.59, 0.82), (0.45, 0.84), (0.33, 0.77),
        )
    ),
)  # fmt: skip


class Empty(ValueError):
    """There is nothing to begin with."""


@dataclass(frozen=True)
class Redraw(SceneRun):
    """A drawing with the noise of a level, and the way back from there, from several noises.

    label: what it should become; −1: whatever the model takes it for. Arrays: drawing (28, 28) in [−1, 1]; t and calls
    (F,) int64 of each frame, the last at 0; x (F, N, 28, 28) and x0 (F − 1, N, 28, 28), the x̂_0 predicted there,
    float32; named (N,) uint8 and chances (N, 10) float32 of the ends, clipped to what can be seen; drawn () uint8 and
    drawn_chances (10,) of the drawing; apart (N,) float32, KL in nats between the drawing and each end at that level.
    """

    model: str
    strokes: Strokes = THREE
    level: int = 700
    label: int = 8
    scale: float = 2.0
    seed: int = 0
    count: int = COUNT
    sampler_steps: int = STEPS

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.editing import redraw, told_apart
        from core.diffusion.judge import Judge
        from core.diffusion.makers import load

        maker, judge, drawing = load(self.model), Judge(), drawn(self.strokes)
        x0 = drawing.expand(self.count, 1, 28, 28).to(maker.device)
        noise = maker.noise(COUNT, torch.Generator("cpu").manual_seed(self.seed))[: self.count]
        states = []
        for state in redraw(
            maker.guided(self.scale), maker.schedule, x0, noise, level=self.level, steps=self.sampler_steps,
            label=labels(self.label, self.count, maker),
        ):  # fmt: skip
            states.append(state)
            yield Working(len(states) - 1, self.sampler_steps)
        arrays = _frames(states)
        ends = maker.to_images(states[-1].x)
        arrays |= _named(judge, ends, drawing)
        arrays["apart"] = told_apart(maker.schedule, self.level, x0, ends).cpu().numpy().astype(np.float32)
        yield Working(self.sampler_steps, self.sampler_steps, arrays)


@dataclass(frozen=True)
class Turning(SceneRun):
    """What a drawing becomes at each level of noise: ten redrawings of it, each from several noises.

    Arrays: levels (L,) int64; asked (L,) float64, the share that is named as asked for (NaN without a label); kept
    (L,), the share that is named as the drawing is; moved (L,), the root mean square change of a pixel, whose whole
    range is 2; pictures (L, 28, 28) float32, the ends from the first noise; drawn () uint8, what the drawing is named.
    """

    model: str
    strokes: Strokes = THREE
    label: int = 8
    scale: float = 2.0
    seed: int = 0
    sampler_steps: int = 8

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.editing import redraw
        from core.diffusion.judge import Judge
        from core.diffusion.makers import load

        maker, judge, drawing = load(self.model), Judge(), drawn(self.strokes)
        x0 = drawing.expand(MEASURED, 1, 28, 28).to(maker.device)
        noise = maker.noise(MEASURED, torch.Generator("cpu").manual_seed(self.seed))
        was = int(judge.look(drawing).named)
        total, done = len(LEVELS) * self.sampler_steps, 0
        found: dict[str, list] = {"asked": [], "kept": [], "moved": [], "pictures": []}
        for level in LEVELS:
            for state in redraw(
                maker.guided(self.scale), maker.schedule, x0, noise, level=level, steps=self.sampler_steps,
                label=labels(self.label, MEASURED, maker),
            ):  # fmt: skip
                yield Working(done, total)
                done += state.t > 0
            ends = maker.to_images(state.x).cpu()
            seen = judge.look(ends).named
            found["asked"].append(float((seen == self.label).double().mean()) if self.label >= 0 else float("nan"))
            found["kept"].append(float((seen == was).double().mean()))
            found["moved"].append(float((ends - drawing).square().mean().sqrt()))
            found["pictures"].append(ends[0, 0].numpy())
        arrays = {name: np.asarray(values) for name, values in found.items()}
        yield Working(total, total, {**arrays, "levels": np.array(LEVELS), "drawn": np.array(was, np.uint8)})


@dataclass(frozen=True)
class Fill(SceneRun):
    """A drawing of which a part is missing, filled in several times.

    half: which part is missing; "painted": where the strokes of `hole` went, in the unit square over the picture.
    looks: how often the network looks at each step. Arrays as for a redrawing, with mask (28, 28) uint8, 1 where the
    drawing is known; without `apart`.
    """

    model: str
    strokes: Strokes = THREE
    half: str = "left"
    hole: Strokes = ()
    label: int = -1
    scale: float = 2.0
    looks: int = 3
    seed: int = 0
    count: int = COUNT
    sampler_steps: int = FILL_STEPS

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.editing import fill
        from core.diffusion.judge import Judge
        from core.diffusion.makers import load

        maker, judge, drawing = load(self.model), Judge(), drawn(self.strokes)
        known = torch.from_numpy(known_part(self.half, self.hole)).to(maker.device)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        noise = maker.noise(COUNT, generator)[: self.count]
        states = []
        for state in fill(
            maker.guided(self.scale), maker.schedule, drawing.expand(self.count, 1, 28, 28).to(maker.device), known,
            noise, steps=self.sampler_steps, looks=self.looks, label=labels(self.label, self.count, maker),
            generator=generator,
        ):  # fmt: skip
            states.append(state)
            yield Working(len(states) - 1, self.sampler_steps)
        arrays = _frames(states) | _named(judge, maker.to_images(states[-1].x), drawing)
        arrays["mask"] = known.cpu().numpy().astype(np.uint8)
        yield Working(self.sampler_steps, self.sampler_steps, arrays)


def drawn(strokes: Strokes) -> Tensor:
    """A drawing as the model is used to digits: (1, 1, 28, 28) in [−1, 1]. Raises Empty where nothing is drawn."""
    from core.drawing import as_digit
    from core.neural_network import to_unit

    drawing = as_digit(strokes)
    if drawing is None:
        raise Empty("Nothing is drawn.")
    return to_unit(drawing.image)[None, None]


def known_part(half: str, hole: Strokes = ()) -> np.ndarray:
    """Which pixels are known: (28, 28) bool. Raises ValueError for another half."""
    if half not in HALVES:
        raise ValueError(f"What is missing is one of {', '.join(HALVES)}, not {half!r}.")
    if half == "painted":
        import torch

        from core.drawing import SIDE, ink

        lines = [torch.tensor(s, dtype=torch.float64, device="cpu").reshape(-1, 2) * SIDE for s in hole if len(s)]
        return (ink(lines, pen=BRUSH) < 0.5).numpy() if lines else np.ones((28, 28), bool)
    known = np.ones((28, 28), bool)
    low = {"left": (slice(None), slice(0, 14)), "top": (slice(0, 14), slice(None))}
    high = {"right": (slice(None), slice(14, 28)), "bottom": (slice(14, 28), slice(None))}
    known[(low | high)[half]] = False
    return known


def labels(label: int, count: int, maker: Maker) -> Tensor | None:
    """The label (N,) that is asked for; None where none is."""
    import torch

    return None if label < 0 else torch.full((count,), label, dtype=torch.int64, device=maker.device)


def _frames(states: list) -> dict[str, np.ndarray]:
    """x of every state, and the x̂_0 predicted there: it stands in the state after it."""
    predicted = [state.x0[:, 0].cpu().numpy() for state in states[1:]]
    return {
        "t": np.array([state.t for state in states]),
        "calls": np.array([state.calls for state in states]),
        "x": np.stack([state.x[:, 0].cpu().numpy() for state in states]),
        "x0": np.stack(predicted) if predicted else np.zeros((0, *states[0].x[:, 0].shape), np.float32),
    }


def _named(judge, ends: Tensor, drawing: Tensor) -> dict[str, np.ndarray]:
    """What the judge sees in the ends and in the drawing."""
    after, before = judge.look(ends), judge.look(drawing)
    return {
        "drawing": drawing[0, 0].numpy(),
        "named": after.named.numpy().astype(np.uint8),
        "chances": after.chances.numpy(),
        "drawn": np.array(int(before.named), np.uint8),
        "drawn_chances": before.chances[0].numpy(),
    }


FIRST = tuple(scene(key) for key in (named("diffusion", "digits"),) if key for scene in (Redraw, Turning))
