"""What a page shows before anything has been computed: states of the real runs, kept under their config's key.

python -m core.first_paint        runs them all again and writes models/first_paint/; a test compares
"""

import argparse
import json
import logging
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, wraps
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from core import scene
from core.diffusion.guidance_quality import GuidanceQuality, GuidanceState, read, tables
from core.diffusion.quality import Entry, Measured, QualityConfig, QualityState
from core.diffusion.sampling import SAMPLERS, Frame, SamplingConfig, SamplingState
from core.ladder import recorded

if TYPE_CHECKING:
    from core.diffusion.learned import DiffusionConfig

_log = logging.getLogger(__name__)
FOLDER = Path(__file__).resolve().parent.parent / "models" / "first_paint"
DIGITS = tuple(range(10))
KINDS = ("sampling", "road", "sketches", "training", "quality", "scenes")
SKETCHED = (
    "normal",
    "likelihood",
    "multivariate_normal",
    "gaussian_mixture",
    "em",
    "neural_network",
    "vae",
    "diffusion_theory",
    "guidance",
)
TRAINING_STEPS = 703  # 45,000 images: about a minute on two quiet cores


def denoise_scene(model: str) -> SamplingConfig:
    """The first picture of `diffusion_model.denoise`: sixteen digits, fifty steps of DDIM."""
    return SamplingConfig(model, "ddim", steps=50, scale=1.5, labels=DIGITS, count=16, seed=0, frames=51)


def road_scene(model: str) -> SamplingConfig:
    """The small picture of this step on the overview's road."""
    return SamplingConfig(model, "ddim", steps=50, scale=1.5, labels=DIGITS, count=24, seed=1, frames=17)


def race_scenes(model: str) -> tuple[SamplingConfig, ...]:
    """The first picture of `diffusion_model.samplers`: twelve digits by each sampler from one noise, ten calls each."""
    base = SamplingConfig(model, scale=1.5, labels=DIGITS, count=12, seed=0, frames=26)
    return tuple(replace(base, sampler=name, steps=steps_for(name, 10)) for name in SAMPLERS)


def quality_scene(model: str) -> QualityConfig:
    """The first chart of `diffusion_model.samplers`: the digit model, measured."""
    budgets = (5, 10, 20, 50)
    few = tuple(Entry(name, steps_for(name, calls)) for name in SAMPLERS[1:] for calls in budgets)
    return QualityConfig(model, "mnist", (*few, Entry("ddim", 50, eta=1.0)), count=1000, scale=1.3)


def steps_for(sampler: str, calls: int) -> int:
    """How many steps of a sampler cost at most so many calls of the network (DDPM takes all levels anyway)."""
    return (calls + 1) // 2 if sampler == "heun" else calls


# what reading a file that is cut short or altered may raise; the page then computes what it would have shown
DAMAGE = (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile, zlib.error)
T = TypeVar("T")


def _unless_damaged(read: Callable[[str], T | None]) -> Callable[[str], T | None]:
    """The same reader, which gives None where the file cannot be read, and says so in the log."""

    @lru_cache(maxsize=16)
    @wraps(read)
    def careful(key: str) -> T | None:
        try:
            return read(key)
        except DAMAGE as damage:
            _log.warning("The first paint %s cannot be read (%s); it is left out.", key, damage)
            return None

    return careful


@_unless_damaged
def sampling(key: str) -> SamplingState | None:
    """The kept states of a sampling run, or None. Reads arrays and imports no torch."""
    file = FOLDER / f"{key}.npz"
    if not file.is_file():
        return None
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
        t, calls, alpha_bar = (kept[name] for name in ("t", "calls", "alpha_bar"))
        x, x0 = (kept[name].astype(np.float32) for name in ("x", "x0"))
        whole = bool(kept["whole"])
    left = alpha_bar[:-1].reshape(-1, *[1] * (x0.ndim - 1))  # (F−1, 1, …)
    # x_t = √ᾱ x̂_0 + √(1−ᾱ) ε̂ gives one of the three; in float64, since √(1−ᾱ) is small near the end
    noise = ((x[:-1] - np.sqrt(left) * x0.astype(np.float64)) / np.sqrt(1 - left)).astype(np.float32)
    frames = []
    for k in range(len(x0)):
        onward = (int(t[k + 1]), float(alpha_bar[k + 1]), x[k + 1]) if whole else ()
        frames.append(Frame(int(t[k]), float(alpha_bar[k]), int(calls[k]), x[k], noise[k], x0[k], *onward))
    frames.append(Frame(0, 1.0, int(calls[-1]), x[-1], None, None))
    return SamplingState(tuple(frames), len(frames) - 1, len(frames) - 1, int(calls[-1]))


def keep_sampling(config: SamplingConfig) -> Path:
    """Runs a scene and keeps its states: x and x̂_0, from which ε̂ follows. Returns the file."""
    *_, state = config.start()
    steps = state.frames[:-1]
    whole = all(now.t_next == after.t for now, after in pairwise(state.frames))
    dtype = np.float32 if whole else np.float16  # whole runs are worked out to the last digit, others are looked at
    return _write(
        config.key,
        t=np.array([frame.t for frame in state.frames]),
        calls=np.array([frame.calls for frame in state.frames]),
        alpha_bar=np.array([frame.alpha_bar for frame in state.frames]),
        x=np.stack([frame.x for frame in state.frames]).astype(dtype),
        x0=np.stack([frame.x0 for frame in steps]).astype(dtype),
        whole=np.array(whole),
    )


@_unless_damaged
def quality(key: str) -> QualityState | None:
    """A kept race, or None. Imports no torch."""
    file = FOLDER / f"{key}.json"
    if not file.is_file():
        return None
    kept = json.loads(file.read_text(encoding="utf-8"))
    measured = tuple(Measured(Entry(**row.pop("entry")), **row) for row in kept["measured"])
    return QualityState(measured, kept["floor"], 1, 1)


def keep_quality(config: QualityConfig) -> Path:
    """Measures a race and keeps the table. Returns the file."""
    *_, state = config.start()
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{config.key}.json"
    table = {"floor": state.floor, "measured": [asdict(m) for m in state.measured], "config": asdict(config)}
    file.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return file


@_unless_damaged
def _guidance(key: str) -> GuidanceState | None:
    return read(key, FOLDER)


def guidance(config: GuidanceQuality) -> GuidanceState | None:
    """A kept measurement of guidance, or None: `python -m core.diffusion.guidance_quality` makes it. No torch."""
    return _guidance(config.key)


@dataclass(frozen=True, eq=False)
class TrainingPicture:
    """What a training run looked like at its end."""

    steps: int
    losses: np.ndarray  # (steps,)
    rate: float  # examples a second
    seconds: float
    device: str
    previews: tuple[tuple[int, np.ndarray], ...]  # (update, what the model drew then: (10, 1, 28, 28) or (500, 2))
    problem: str | None = None


@_unless_damaged
def training(key: str) -> TrainingPicture | None:
    """A kept training run, or None. Imports no torch."""
    file = FOLDER / f"{key}.npz"
    if not file.is_file():
        return None
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
        previews = tuple(zip(kept["preview_steps"].tolist(), kept["previews"].astype(np.float32), strict=True))
        losses, seconds = kept["losses"], float(kept["seconds"])
        rate, device = float(kept["rate"]), str(kept["device"])
    return TrainingPicture(len(losses), losses, rate, seconds, device, previews)


def keep_training(config: "DiffusionConfig") -> Path:
    """Trains, and keeps the losses and the previews, not the weights. Returns the file."""
    *_, state = config.start()
    return _write(
        config.key,
        losses=state.training.losses.numpy(),
        seconds=np.array(state.training.seconds),
        rate=np.array(state.training.rate),
        device=np.array(state.device),
        preview_steps=np.array([p.step for p in state.previews]),
        previews=np.stack([p.x0.numpy() for p in state.previews]).astype(np.float16),
    )


def keep_road(config: SamplingConfig) -> Path:
    """Runs a scene and keeps it as the small picture of step 9 on the road: uint8, 0 paper and 255 ink."""
    *_, state = config.start()
    x = np.stack([frame.x[:, 0] for frame in state.frames])  # (F, N, 28, 28)
    ink = np.rint((x.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    return _write("diffusion_model", road_frames=ink, road_levels=np.array([frame.t for frame in state.frames]))


def keep_sketch(step: str) -> Path:
    """Draws the small picture of a step of the road other than step 9, and keeps it under the id of that step."""
    from core import road

    if step == "vae":
        frames = road.decoded_plane()
        return _write(step, road_frames=frames, road_levels=np.arange(len(frames)))
    return _write(step, **{f"road_{name}": values for name, values in road.sketches()[step]().items()})


def _write(key: str, **arrays: np.ndarray) -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{key}.npz"
    scene.save(file, **arrays)
    return file


def main(argv: list[str] | None = None) -> int:
    """Runs every first paint again, or the kinds that are named, and takes away what belongs to none."""
    from core.diffusion.learned import DiffusionConfig
    from core.shipped import key_of_name

    ask = argparse.ArgumentParser(prog="python -m core.first_paint", description=__doc__.splitlines()[0])
    ask.add_argument("kinds", nargs="*", help="of " + ", ".join(KINDS))
    kinds = ask.parse_args(argv).kinds or KINDS
    if not set(kinds) <= set(KINDS):
        ask.error(f"the kinds are {', '.join(KINDS)}")
    model = key_of_name("diffusion", "digits")
    scenes = {
        "sampling": (keep_sampling, (denoise_scene(model), *race_scenes(model))),
        "road": (keep_road, (road_scene(model),)),
        "training": (keep_training, (DiffusionConfig.for_images("mnist", TRAINING_STEPS),)),
        "quality": (keep_quality, (quality_scene(model),)),
        "scenes": (scene.keep, tuple(scene.first())),
    }
    expected = {"diffusion_model", *SKETCHED}
    expected |= {config.key for _, configs in scenes.values() for config in configs}
    expected |= {config.key for config in (*tables(), *recorded())}  # made by commands of their own: they take a GPU
    for file in FOLDER.glob("*.*"):
        if file.stem not in expected:
            file.unlink()
    scenes["sketches"] = (keep_sketch, SKETCHED)
    for kind in (kind for kind in KINDS if kind in kinds):
        keep, configs = scenes[kind]
        for config in configs:
            print(keep(config), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
