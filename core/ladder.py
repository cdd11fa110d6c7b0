"""The ladder: the same data by every step of the road that generates, with what each costs and how near it comes.

Distances are to data that no rung has learnt from, and are shown as measured, rises included. For pictures it is the
Fréchet distance on the features of the classifier that ships, for points the energy distance with the Fréchet distance
beside it, which sees two moments and nothing else. The floors are the same distances of as many real data.

python -m core.ladder                   climbs for every data set that ships and keeps the tables
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.data_files import DataError
from core.run import Config
from core.store import ModelNotFound

if TYPE_CHECKING:
    from torch import Tensor

    from core.kept import Checkpoint
    from core.rungs import Rung

FOLDER = Path(__file__).resolve().parent.parent / "models" / "first_paint"
IMAGES = ("mnist", "fashion_mnist")
SHAPES = ("moons", "rings", "blobs", "dinosaur")
SHOWN = {"images": 20, "points": 1_000}  # of the samples of the first seed
AT_ONCE = 50  # images that are drawn together, so that others get their turn
SEEDS = (0, 1, 2)
# (step of the road, variant): variants are the decoder's mean image or a throw of its pixels
RUNGS = {
    "images": (
        ("multivariate_normal", ""), ("em", ""), ("vae", "mean"), ("vae", "sample"), ("diffusion_theory", "mean"),
        ("diffusion_theory", "sample"), ("diffusion_model", ""), ("guidance", ""),
    ),
    "points": (("multivariate_normal", ""), ("em", ""), ("vae", ""), ("diffusion_theory", ""), ("diffusion_model", "")),
}  # fmt: skip


@dataclass(frozen=True)
class LadderConfig(Config):
    """All that a climb depends on."""

    kind = "ladder"

    dataset: str  # one of IMAGES or SHAPES
    count: int = 2_000
    seeds: tuple[int, ...] = SEEDS

    @property
    def images(self) -> bool:
        return self.dataset in IMAGES

    @property
    def title(self) -> str:
        return f"{self.dataset} · {self.count}"

    def start(self, checkpoint: Checkpoint | None = None) -> Iterator[LadderState]:
        """Climbs rung after rung. What the job runner calls; a climb that was stopped begins anew."""
        return climb(self)


@dataclass(frozen=True, eq=False)
class Climbed:
    """One rung."""

    step: str  # id of the step of the road
    variant: str  # "mean" or "sample" of a decoder, else ""
    parameters: int
    training: float  # seconds that it took to learn
    trained_on: str  # device in words; "" where it was learnt in this very run
    sampling: float  # seconds for 1,000 samples
    distances: tuple[float, ...]  # one a seed
    frechet: tuple[float, ...]  # of points, beside the energy distance; empty for pictures
    samples: np.ndarray  # of the first seed: (n, 28, 28) uint8, 255 the ink, or (n, 2) float32


@dataclass(frozen=True, eq=False)
class LadderState:
    """The climb so far."""

    rungs: tuple[Climbed, ...]
    floors: tuple[float, ...]  # real against real, one a seed
    frechet_floors: tuple[float, ...]
    real: np.ndarray  # held-out data, as the samples are
    done: int
    total: int
    device: str  # in words

    @property
    def progress(self) -> float:
        return self.done / self.total


def climb(config: LadderConfig) -> Iterator[LadderState]:
    """One state after every bit of work. A rung whose model is not here is left out.

    Raises ValueError for an unknown data set or too few samples, core.data.DataError where the data are not here.
    """
    import torch

    from core.device import describe, pick

    kind = "images" if config.images else "points"
    if config.dataset not in (*IMAGES, *SHAPES) or config.count < 20:
        raise ValueError("The ladder is climbed with a data set that it knows, and at least 20 samples.")
    judge = _Images(config) if config.images else _Points(config)
    total, device = len(RUNGS[kind]), describe(pick())
    climbed: tuple[Climbed, ...] = ()

    def state(done: int) -> LadderState:
        floors, frechet = (tuple(f[k] for f in judge.floors) for k in (0, 1))
        return LadderState(climbed, floors, frechet if kind == "points" else (), judge.shown, done, total, device)

    for done, (step, variant) in enumerate(RUNGS[kind]):
        try:
            making = rung(config.dataset, step, variant)
            ready = yield from _told(making, lambda done=done: state(done))
        except ModelNotFound:
            continue
        ready.draw(2, torch.Generator("cpu").manual_seed(0))  # what is set up at a first call is no cost of a sample
        seconds, measured, samples = 0.0, [], None
        for seed in config.seeds:
            generator, parts = torch.Generator("cpu").manual_seed(seed), []
            at_once = config.count if kind == "points" or "cuda" in pick().type else AT_ONCE
            for begin in range(0, config.count, at_once):
                began = time.perf_counter()
                parts.append(ready.draw(min(at_once, config.count - begin), generator))
                seconds += time.perf_counter() - began
                yield state(done)
            drawn = torch.cat(parts)
            samples = judge.show(drawn) if samples is None else samples
            measured.append(judge(drawn))
            yield state(done)
        distances, frechet = (tuple(m[k] for m in measured) for k in (0, 1))
        each = 1_000 * seconds / (config.count * len(config.seeds))
        found = Climbed(
            step, variant, ready.parameters, ready.seconds, ready.where, each, distances,
            frechet if kind == "points" else (), samples,
        )  # fmt: skip
        climbed = (*climbed, found)
        yield state(done + 1)
    yield state(total)


def rung(dataset: str, step: str, variant: str) -> Rung:
    """The generator of core/rungs.py that makes a step ready. Raises ModelNotFound where its model is not here."""
    from core import rungs

    if dataset in IMAGES:
        made: Mapping[str, Callable[[], Rung]] = {
            "multivariate_normal": lambda: rungs.normal_of_images(dataset),
            "em": lambda: rungs.mixture_of_images(dataset),
            "vae": lambda: rungs.vae_of_images(dataset, variant),
            "diffusion_theory": lambda: rungs.hierarchy_of_images(dataset, variant),
            "diffusion_model": lambda: rungs.diffusion_of_images(dataset, 0.0),
            "guidance": lambda: rungs.diffusion_of_images(dataset, rungs.GUIDANCE),
        }
    else:
        made = {
            "multivariate_normal": lambda: rungs.normal_of_points(dataset),
            "em": lambda: rungs.mixture_of_points(dataset),
            "vae": lambda: rungs.vae_of_points(dataset, 1),
            "diffusion_theory": lambda: rungs.vae_of_points(dataset, 2),
            "diffusion_model": lambda: rungs.diffusion_of_points(dataset),
        }
    return made[step]()


def _told(making: Rung, state: Callable[[], LadderState]) -> Iterator[LadderState]:
    """Goes through a rung's work with a state after each bit of it, and returns what is ready."""
    while True:
        try:
            next(making)
        except StopIteration as end:
            return end.value
        yield state()


class _Images:
    """Fréchet distances to the test images, on the classifier's features."""

    def __init__(self, config: LadderConfig):
        import torch

        from core import data
        from core.diffusion import judge
        from core.metrics import frechet_distance

        self.judge = judge.Judge(name={"mnist": "digits", "fashion_mnist": "fashion"}[config.dataset])
        test, train = data.images(config.dataset, "test"), data.images(config.dataset, "train")
        self.real = torch.cat(list(self.judge.looks(test.images)))
        self.shown = test.images[: SHOWN["images"], 0].numpy()
        self.distance = frechet_distance
        places = [judge.balanced(train.labels, config.count, block) for block in range(len(config.seeds))]
        self.floors = [
            (frechet_distance(torch.cat(list(self.judge.looks(train.images[at]))), self.real), 0.0) for at in places
        ]

    def __call__(self, images: Tensor) -> tuple[float, float]:
        return self.distance(self.judge.look(2 * images - 1).features, self.real), 0.0

    @staticmethod
    def show(images: Tensor) -> np.ndarray:
        return (images[: SHOWN["images"], 0].clamp(0, 1) * 255).round().byte().numpy()


class _Points:
    """Energy and Fréchet distances to points of the shape that nobody has learnt from."""

    def __init__(self, config: LadderConfig):
        import torch

        from core import data

        generator = torch.Generator("cpu").manual_seed(1_000_003)
        self.real = data.shape(config.dataset, config.count, generator)
        self.shown = self.show(self.real)
        others = [data.shape(config.dataset, config.count, generator) for _ in config.seeds]
        self.floors = [self(points) for points in others]

    def __call__(self, points: Tensor) -> tuple[float, float]:
        from core.metrics import energy_distance, frechet_distance

        return energy_distance(points, self.real), frechet_distance(points, self.real)

    @staticmethod
    def show(points: Tensor) -> np.ndarray:
        return points[: SHOWN["points"]].float().numpy()


# ---- what ships -----------------------------------------------------------------------------------------------------


def keep(state: LadderState, config: LadderConfig, folder: Path = FOLDER) -> Path:
    """Writes a climb as plain arrays. Returns the file."""
    rows = [{k: v for k, v in asdict(r).items() if k != "samples"} for r in state.rungs]
    table = json.dumps({"rungs": rows, "floors": state.floors, "frechet": state.frechet_floors, "on": state.device})
    samples = {f"samples{k}": r.samples for k, r in enumerate(state.rungs)}
    file = folder / f"{config.key}.npz"
    np.savez_compressed(file, table=np.array(table), real=state.real, **samples)
    return file


def kept(config: LadderConfig, folder: Path = FOLDER) -> LadderState | None:
    """The climb that ships, or None. Imports no torch. Raises OSError, ValueError or KeyError for a damaged file."""
    file = folder / f"{config.key}.npz"
    if not file.is_file():
        return None
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        table = json.loads(str(arrays["table"]))
        rungs = tuple(
            Climbed(
                **row | {"distances": tuple(row["distances"]), "frechet": tuple(row["frechet"])},
                samples=arrays[f"samples{k}"],
            )
            for k, row in enumerate(table["rungs"])
        )
        real = arrays["real"]
    return LadderState(rungs, tuple(table["floors"]), tuple(table["frechet"]), real, 1, 1, table["on"])


def recorded() -> tuple[LadderConfig, ...]:
    """The climbs that ship, that of clothes too, whose pictures do not."""
    return tuple(LadderConfig(dataset) for dataset in (*IMAGES, *SHAPES))


def main(argv: list[str] | None = None) -> int:
    """Climbs for the data sets that are named, or for those that ship."""
    ask = argparse.ArgumentParser(prog="python -m core.ladder", description=__doc__.splitlines()[0])
    ask.add_argument("datasets", nargs="*", help="of " + ", ".join((*IMAGES, *SHAPES)))
    a = ask.parse_args(argv)
    missing = 0
    for config in [LadderConfig(dataset) for dataset in a.datasets] or recorded():
        try:
            *_, state = config.start()
        except DataError as error:  # clothes do not ship, and there may be no way to fetch them
            print(error, file=sys.stderr, flush=True)
            missing = 1
            continue
        print(keep(state, config), flush=True)
    return missing


if __name__ == "__main__":
    sys.exit(main())
