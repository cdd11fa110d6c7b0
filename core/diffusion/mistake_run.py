"""Right and wrong code from the same noise, as a run: the states of both, and what can be measured of the difference.

Importing it imports no torch: a page makes a config before anything is computed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from core.run import Config

if TYPE_CHECKING:
    from torch import Tensor

    from core.diffusion.schedule import NoiseSchedule

MISTAKES = ("no_time", "root", "short", "spread", "last_noise", "wrong_end")
DATA = ("digits", "points")
HIDDEN = {  # what a riddle may hide: on digits a network does as well without the time, on points 20 steps hide a root
    "digits": ("root", "short", "spread", "last_noise", "wrong_end"),
    "points": ("no_time", "short", "spread", "last_noise", "wrong_end"),
}
SHOWN = 20  # images that are seen; the rest are only measured
COUNT = {"digits": 40, "points": 2_000}  # samples of each
REAL = {"digits": 1_000, "points": 2_000}  # real ones that they are compared with
LINES = {  # by mistake: where the right function stands and where the wrong one, (file, name) each
    "no_time": (("mistakes", "told_the_time"), ("mistakes", "never_told_the_time")),
    "root": (("forward", "add_noise"), ("mistakes", "add_noise_without_root")),
    "short": (("mistakes", "all_levels"), ("mistakes", "too_few_levels")),
    "spread": (("mistakes", "fresh_noise"), ("mistakes", "fresh_noise_without_root")),
    "last_noise": (("mistakes", "fresh_noise"), ("mistakes", "fresh_noise_to_the_last")),
    "wrong_end": (("mistakes", "fresh_noise"), ("mistakes", "fresh_noise_from_the_wrong_end")),
    "range": (("mistakes", "to_minus_one_and_one"), ("mistakes", "to_zero_and_one")),
}
CORNER = 3  # pixels: a square in each corner of a digit's image, where the data are exactly −1


@dataclass(frozen=True)
class Mark:
    """What was measured of one set of samples."""

    distance: float  # to real data: Fréchet for digits, energy for points
    agreement: float | None  # share of digits that a classifier names as asked; None for points
    noise: float  # digits: standard deviation in the corners, where the data have none; points: see `residue`
    spread: float  # standard deviation of all values, as a share of the data's


@dataclass(frozen=True, eq=False)
class MistakeState:
    """Both walks so far. Arrays are float32: x_t of the images (F, n, H, W) or points (F, N, 2) after every step."""

    right: np.ndarray
    wrong: np.ndarray
    levels: tuple[tuple[int, int], ...]  # the levels of both, right and wrong, for each frame
    real: np.ndarray | None  # real points (500, 2) to see them beside; None for images
    figures: dict[str, float]  # what the mistake changes in numbers: see `figures`
    marks: tuple[Mark, Mark, Mark] | None  # right, wrong, and as many real data; None until both walks are over
    step: int
    steps: int

    @property
    def progress(self) -> float:
        return self.step / (self.steps + 1)


@dataclass(frozen=True)
class MistakeRun(Config):
    """All that a comparison depends on."""

    kind = "mistakes"
    short = True

    mistake: str  # one of MISTAKES, or "range", a choice
    data: str = "digits"  # one of DATA
    steps: int = 20  # of `ancestral`
    seed: int = 0
    clip: bool = True  # hold x̂_0 inside the data's range (images only)

    @property
    def title(self) -> str:
        return f"{self.data} · {self.steps}"  # a run's title is seen by others, and the mistake may be a riddle

    def start(self, checkpoint: None = None) -> Iterator[MistakeState]:
        """Walks both ways at once, one state after each step, and measures at the end. Raises as `mistaken.load`."""
        return compare(self)


def compare(config: MistakeRun) -> Iterator[MistakeState]:
    """Both walks, side by side, from the same noise and with the same fresh noise."""
    import torch

    from core.device import pick
    from core.diffusion.mistaken import load
    from core.diffusion.mistakes import RIGHT, RULES, TRAINED, ancestral
    from core.diffusion.prediction import clipped

    device, images, count = pick(), config.data == "digits", COUNT[config.data]
    shape = (1, 28, 28) if images else (2,)
    label = torch.arange(count, device=device) % 10 if images else None
    rules = RULES[config.mistake]
    walks = []
    for twin, used in (("right", RIGHT), (config.mistake if config.mistake in TRAINED else "right", rules)):
        denoiser, schedule, _ = load(f"{config.data}_{twin}")
        if images and config.clip:
            denoiser = clipped(denoiser, schedule, 0.0 if twin == "range" else -1.0)
        generator = torch.Generator("cpu").manual_seed(config.seed)  # one for each, so that both draw the same
        x = torch.randn(count, *shape, generator=generator, device="cpu").to(device)
        walks.append(ancestral(denoiser, schedule, x, steps=config.steps, rules=used, label=label, generator=generator))
    real = None if images else real_data("points")[:500].float().numpy()
    numbers = figures(config.mistake, schedule, config.steps)
    frames: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    levels: list[tuple[int, int]] = []
    for step, states in enumerate(zip(*walks, strict=True)):
        for kept, state in zip(frames, states, strict=True):
            kept.append(_shown(state.x, images))
        levels.append((states[0].t, states[1].t))
        right, wrong = (np.stack(kept) for kept in frames)
        state = MistakeState(right, wrong, tuple(levels), real, numbers, None, step, config.steps)
        yield state
    ends = [each.x.cpu() for each in states]
    if config.mistake == "range":
        ends[1] = 2 * ends[1] - 1  # measured on the scale of the others
    marks = (mark(config.data, ends[0]), mark(config.data, ends[1]), mark(config.data, other_data(config.data)))
    yield replace(state, marks=marks, step=config.steps + 1)


def figures(mistake: str, schedule: NoiseSchedule, steps: int) -> dict[str, float]:
    """What the mistake changes, in numbers.

    no_time: T. root: a level t, and √(1−ᾱ) and 1−ᾱ there. short: its last level and the share ᾱ that is left there.
    spread: t and s of a step in the middle, σ and σ² there. last_noise and wrong_end: the level t of the last step, the
    standard deviation that it adds, and what it would add at T steps.
    """
    from core.diffusion.mistakes import RULES, too_few_levels
    from core.diffusion.samplers import levels

    T, alpha_bar = schedule.T, schedule.alpha_bar.tolist()
    visited = levels(T, min(steps, T))
    if mistake == "root":
        t = max(1, T // 5)
        return {"t": t, "root": (1 - alpha_bar[t]) ** 0.5, "plain": 1 - alpha_bar[t]}
    if mistake == "short":
        short = too_few_levels(schedule)
        return {"T": short.T, "of": T, "left": float(short.alpha_bar[-1])}
    if mistake == "spread":
        t, s = visited[len(visited) // 2 - 1 : len(visited) // 2 + 1]
        return {
            "t": t,
            "s": s,
            "right": RULES["right"].noise(alpha_bar, t, s),
            "wrong": RULES[mistake].noise(alpha_bar, t, s),
        }
    if mistake in ("last_noise", "wrong_end"):
        added = RULES[mistake].noise
        return {"t": visited[-2], "added": added(alpha_bar, visited[-2], 0), "T": T, "slowly": added(alpha_bar, 1, 0)}
    return {"T": T}


def riddle(number: int, data: str) -> str:
    """The mistake behind a riddle: every five riddles in a row hide all of HIDDEN, in an order of their own."""
    deck, place = divmod(number, len(HIDDEN[data]))
    return HIDDEN[data][int(np.random.default_rng(deck).permutation(len(HIDDEN[data]))[place])]


def mark(kind: str, x: Tensor) -> Mark:
    """What can be measured of samples: digits (N, 1, 28, 28) in −1..1, asked for as 0 to 9 in turn; points (N, 2)."""
    import torch

    from core.metrics import energy_distance, frechet_distance

    real = real_data(kind)
    spread = float(x.double().std() / real.double().std())
    if kind == "points":
        return Mark(energy_distance(x.double(), real), None, residue(x), spread)
    classifier, seen = _judge()
    device = next(classifier.parameters()).device
    with torch.no_grad():
        features = classifier.features(x.to(device))
        named = classifier.to_scores(features).argmax(1).cpu()
    asked = torch.arange(len(x), device="cpu") % 10
    distance = frechet_distance(features.cpu().double(), seen)
    return Mark(distance, float((named == asked).double().mean()), corner_noise(x), spread)


def corner_noise(x: Tensor) -> float:
    """The root mean square distance from −1 of the pixels in the four corners of images (N, 1, H, W)."""
    c = CORNER
    corners = [x[..., :c, :c], x[..., :c, -c:], x[..., -c:, :c], x[..., -c:, -c:]]
    return float(sum((corner.double() + 1).square().mean() for corner in corners) / 4) ** 0.5


def residue(x: Tensor) -> float:
    """How far points (N, 2) lie from the shape, in the mean: the distance to the nearest of many real points."""
    import torch

    return float(torch.cdist(x.double(), real_data("points")).min(dim=1).values.mean())


@functools.lru_cache(maxsize=2)
def real_data(kind: str) -> Tensor:
    """Real data to compare with, which no network has seen: digits in −1..1 (1,000, 1, 28, 28) or points (2,000, 2)."""
    import torch

    from core import data
    from core.diffusion.mistakes import to_minus_one_and_one

    if kind == "digits":
        return to_minus_one_and_one(data.images("mnist", "test").images[: REAL["digits"]])
    return data.shape("moons", REAL["points"], torch.Generator("cpu").manual_seed(1_000_000))


def other_data(kind: str) -> Tensor:
    """As many real data as there are samples, others than those that they are compared with: a floor for every mark."""
    import torch

    from core import data
    from core.diffusion.mistakes import to_minus_one_and_one

    if kind == "points":
        return data.shape("moons", COUNT["points"], torch.Generator("cpu").manual_seed(2_000_000))
    train = data.images("mnist", "train")
    order = torch.argsort(train.labels[:1000], stable=True)  # 0 0 0 … 1 1 1 …
    rows = [order[train.labels[:1000][order] == k % 10][k // 10] for k in range(COUNT["digits"])]  # 0 1 2 … 9 0 1 …
    return to_minus_one_and_one(train.images[torch.stack(rows)])


@functools.lru_cache(maxsize=1)
def _judge():
    """The classifier that ships, and the features that it sees in real digits."""
    import torch

    from core import neural_network

    classifier = neural_network.pretrained("digits")
    device = next(classifier.parameters()).device
    with torch.no_grad():
        seen = torch.cat([classifier.features(block.to(device)).cpu() for block in real_data("digits").split(250)])
    return classifier, seen.double()


def _shown(x: Tensor, images: bool) -> np.ndarray:
    return (x[:SHOWN, 0] if images else x).float().cpu().numpy()
