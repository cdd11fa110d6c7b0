"""What the scale of guidance does, measured: agreement, variety and the distance to real digits, as a run.

At each scale and seed as many of each digit are made; the classifier that ships names them, and on its features the
Fréchet distance to the test images is taken. Real digits are never at zero either: `floors` are the same distance of as
many training images, others for each seed.

python -m core.diffusion.guidance_quality      measures what ships and keeps the tables; it takes a GPU
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.run import Config
from core.shipped import named

FIRST_PAINT = Path(__file__).resolve().parents[2] / "models" / "first_paint"
AT_ONCE = 500  # digits that are made together, on a GPU; on a CPU fewer, so that others get their turn
AT_ONCE_CPU = 50
SCALES = (0.0, 0.5, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)  # of the recorded measurement
LATENT_SCALES = (1.0, 1.5, 2.0, 3.0)
RECORDED = 4000  # digits at each scale and seed: 400 of each digit
SEEDS = (0, 1, 2)
REAL = 5  # test images for each digit that is made, if there are so many: a quick measurement must not wait for them


@dataclass(frozen=True)
class GuidanceQuality(Config):
    """All that a measurement depends on."""

    kind = "guidance"

    model: str  # key of a diffusion model, over pixels or over codes
    scales: tuple[float, ...]
    count: int = 200  # digits at each scale and seed, a multiple of ten
    seeds: tuple[int, ...] = (0,)
    steps: int = 10  # of DPM-Solver++

    @property
    def title(self) -> str:
        return f"γ × {len(self.scales)} × {self.count}"

    def start(self, checkpoint: None = None) -> Iterator[GuidanceState]:
        """Measures one scale after the other. What the job runner calls; a measurement begins anew."""
        return measure(self)


@dataclass(frozen=True)
class AtScale:
    """What one scale did with one seed."""

    scale: float
    seed: int
    distance: float  # Fréchet, to the test images
    spread: float  # variance of the images of one digit, as a share of the real one
    named: tuple[tuple[int, ...], ...]  # how often digit i was asked for and j was seen

    @property
    def agreement(self) -> float:
        """The share that was seen as asked for."""
        return sum(row[digit] for digit, row in enumerate(self.named)) / max(sum(map(sum, self.named)), 1)


@dataclass(frozen=True)
class GuidanceState:
    """The measurement so far."""

    measured: tuple[AtScale, ...]
    floors: tuple[float, ...]  # real against real, one for each seed; empty until they are known
    done: int
    total: int

    @property
    def progress(self) -> float:
        return self.done / max(self.total, 1)

    def at(self, scale: float) -> tuple[AtScale, ...]:
        """All seeds at one scale."""
        return tuple(m for m in self.measured if m.scale == scale)

    def confusion(self, scale: float) -> list[list[int]]:
        """All seeds together: how often digit i was asked for and j was seen, (10, 10)."""
        return [[sum(m.named[i][j] for m in self.at(scale)) for j in range(10)] for i in range(10)]


def measure(config: GuidanceQuality) -> Iterator[GuidanceState]:
    """One state after every step of the samplers. Raises ValueError for a count that is no multiple of ten."""
    import torch

    from core import data
    from core.diffusion import judge as judging
    from core.diffusion.makers import load
    from core.metrics import frechet_distance

    if config.count < 20 or config.count % 10:
        raise ValueError(f"Digits are counted in tens, at least 20 of them, not {config.count}.")
    maker, judge = load(config.model), judging.Judge()
    at_once = AT_ONCE if maker.device.type == "cuda" else AT_ONCE_CPU
    blocks = -(-config.count // at_once)
    total, done = len(config.scales) * len(config.seeds) * blocks, 0
    test, train = data.mnist("test"), data.mnist("train")
    seen, wanted = [], REAL * config.count
    images = test.images if wanted >= len(test.labels) else test.images[judging.balanced(test.labels, wanted)]
    for features in judge.looks(images):
        seen.append(features)
        yield GuidanceState((), (), 0, total)
    real, real_spread = torch.cat(seen), judging.real_spread()
    floors: tuple[float, ...] = ()
    for block in range(len(config.seeds)):
        places = judging.balanced(train.labels, config.count, block)
        features = torch.cat(list(judge.looks(train.images[places])))
        floors = (*floors, frechet_distance(features, real))
        yield GuidanceState((), floors, 0, total)

    measured: tuple[AtScale, ...] = ()
    label = torch.arange(config.count, device="cpu") % 10
    for seed in config.seeds:
        for scale in config.scales:
            generator = torch.Generator("cpu").manual_seed(seed)  # one noise for all scales
            ends = []
            for part in label.split(at_once):
                for state in maker.walk(maker.noise(len(part), generator), part, scale, config.steps):
                    if state.t > 0:
                        yield GuidanceState(measured, floors, done, total)
                ends.append(maker.to_images(state.x).cpu())
                done += 1
            images = torch.cat(ends)
            looked = judge.look(images)
            named = judging.confusion(label, looked.named).tolist()
            spread = judging.spread(images, label) / real_spread
            distance = frechet_distance(looked.features, real)
            measured = (*measured, AtScale(scale, seed, distance, spread, tuple(map(tuple, named))))
            yield GuidanceState(measured, floors, done, total)


def recorded(model: str, scales: Sequence[float] = SCALES) -> GuidanceQuality:
    """The measurement that ships for a model."""
    return GuidanceQuality(model, tuple(scales), RECORDED, SEEDS)


def tables() -> tuple[GuidanceQuality, ...]:
    """The measurements that ship: the digit model over pixels, and the one over codes where it is there."""
    scales = {"diffusion": SCALES, "latent_diffusion": LATENT_SCALES}
    keys = {kind: named(kind, "digits") for kind in scales}
    return tuple(recorded(key, scales[kind]) for kind, key in keys.items() if key)


def keep(config: GuidanceQuality, folder: Path) -> Path:
    """Measures, and keeps the table as JSON. Returns the file."""
    *_, state = config.start()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{config.key}.json"
    table = {"floors": state.floors, "measured": [asdict(m) for m in state.measured], "config": asdict(config)}
    file.write_text(json.dumps(table) + "\n", encoding="utf-8")
    return file


def read(key: str, folder: Path) -> GuidanceState | None:
    """What was kept, or None. Imports no torch. Raises ValueError, KeyError or TypeError for a file of another kind."""
    file = folder / f"{key}.json"
    if not file.is_file():
        return None
    kept = json.loads(file.read_text(encoding="utf-8"))
    rows = (row | {"named": tuple(map(tuple, row["named"]))} for row in kept["measured"])
    return GuidanceState(tuple(AtScale(**row) for row in rows), tuple(kept["floors"]), 1, 1)


def main(argv: list[str] | None = None) -> int:
    """Measures what ships, or only the models of a kind."""
    ask = argparse.ArgumentParser(prog="python -m core.diffusion.guidance_quality", description=__doc__.splitlines()[0])
    ask.add_argument("kinds", nargs="*", help="diffusion, latent_diffusion; default: both")
    ask.add_argument("--store", type=Path, default=FIRST_PAINT, help="folder for the tables")
    a = ask.parse_args(argv)
    for config in tables():
        if not a.kinds or config.model.rpartition("-")[0] in a.kinds:
            print(keep(config, a.store), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
