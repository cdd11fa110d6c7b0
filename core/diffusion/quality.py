"""How good is what comes out, and what did it cost: samplers measured against network calls, as a run.

Images are measured by the Fréchet distance between the features that a digit classifier sees in them and in as many
real test images; points by the energy distance to as many points of the shape. Zero cannot be reached with finitely
many: `floor` is the same distance between real and real. The energy distance is measured without bias, so that between
real and real it falls on either side of zero: there, `floor` is its root mean square over a few draws.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from core.run import Config

if TYPE_CHECKING:
    from torch import Tensor

    from core.training import Checkpoint

BLOCK = 50  # images that are sampled at once: five of each digit
DRAWS = 8  # sets of real points from which the floor is known


@dataclass(frozen=True)
class Entry:
    """One sampler in the race, with one budget."""

    sampler: str
    steps: int
    eta: float = 0.0


@dataclass(frozen=True)
class QualityConfig(Config):
    """All that a measured race depends on."""

    kind = "quality"

    model: str  # a model's key
    dataset: str  # what the samples are compared with
    entries: tuple[Entry, ...]
    count: int = 500  # samples, and as many real ones
    scale: float = 1.3  # of guidance, for a model that knows labels
    seed: int = 0
    strokes: tuple[tuple[tuple[float, float], ...], ...] = ()  # of a drawing

    @property
    def title(self) -> str:
        return f"{self.dataset} · {len(self.entries)} × {self.count}"

    def start(self, checkpoint: "Checkpoint | None" = None) -> "Iterator[QualityState]":
        """Measures one entry after the other. What the job runner calls."""
        return measure(self, checkpoint)


@dataclass(frozen=True)
class Measured:
    """What one entry achieved."""

    entry: Entry
    calls: int  # of the network, for each sample
    distance: float  # to real data; Fréchet for images, energy for points
    agreement: float | None  # share of images that the classifier names as asked; None for points


@dataclass(frozen=True)
class QualityState:
    """The race so far."""

    measured: tuple[Measured, ...]
    floor: float | None  # real against real, with equally many; None until it is known
    done: int  # blocks of samples
    total: int

    @property
    def progress(self) -> float:
        return self.done / max(self.total, 1)

    def checkpoint(self) -> "Checkpoint":
        """The entries that are measured; a race goes on with the next one."""
        return self.result()

    def result(self) -> "Checkpoint":
        """The measured race, as a table of numbers and a record."""
        import torch

        rows = [[m.calls, m.distance, -1.0 if m.agreement is None else m.agreement] for m in self.measured]
        floor = float("nan") if self.floor is None else self.floor
        record = {"kind": "quality", "entries": [asdict(m.entry) for m in self.measured]}
        tensors = {
            "rows": torch.tensor(rows, dtype=torch.float64, device="cpu").reshape(-1, 3),
            "floor": torch.tensor(floor, dtype=torch.float64, device="cpu"),
        }
        return tensors, record


def from_result(tensors: "dict[str, Tensor]", record: dict) -> QualityState:
    """The state that `result` kept."""
    measured = tuple(
        Measured(Entry(**entry), int(calls), distance, None if agreement < 0 else agreement)
        for entry, (calls, distance, agreement) in zip(record["entries"], tensors["rows"].tolist(), strict=True)
    )
    floor = float(tensors["floor"])
    return QualityState(measured, None if math.isnan(floor) else floor, 1, 1)


def measure(config: QualityConfig, checkpoint: "Checkpoint | None" = None) -> Iterator[QualityState]:
    """Samples with every entry from the same noise and measures the ends; one state after every block of samples."""
    import torch

    from core.diffusion.library import load
    from core.diffusion.sampling import SamplingConfig, begin

    if config.count < 2:
        raise ValueError(f"At least 2 samples have to be compared, not {config.count}.")
    denoiser, schedule, record = load(config.model)
    network = record["config"]["network"]
    measured = from_result(*checkpoint).measured if checkpoint else ()
    images = "dimensions" not in network
    judge = (_ImageJudge if images else _PointJudge)(config, record)
    size = BLOCK if images else config.count
    blocks = -(-config.count // size)
    total = len(config.entries) * blocks
    for _ in judge.prepare():
        yield QualityState(measured, None, len(measured) * blocks, total)
    yield QualityState(measured, judge.floor, len(measured) * blocks, total)

    labels = tuple(range(network["labels"]))
    for entry in config.entries[len(measured) :]:
        settings = SamplingConfig(
            config.model, entry.sampler, entry.steps, entry.eta, config.scale, labels, seed=config.seed
        )
        ends, calls = [], 0
        for block in range(blocks):
            part = replace(settings, count=min(size, config.count - block * size), seed=config.seed + block)
            for state in begin(part, denoiser, schedule, record):
                x, calls = state.x, state.calls
                if state.t > 0:  # a breath after each step, so that others get their turn
                    yield QualityState(measured, judge.floor, len(measured) * blocks + block, total)
            ends.append(x.cpu())
        distance, agreement = judge(torch.cat(ends))
        measured = (*measured, Measured(entry, calls, distance, agreement))
        yield QualityState(measured, judge.floor, len(measured) * blocks, total)


class _ImageJudge:
    """The Fréchet distance to the test images in the features of the classifier that ships, and what it names them."""

    def __init__(self, config: QualityConfig, record: dict):
        from core import data, neural_network

        self.classifier = neural_network.pretrained({"mnist": "digits", "fashion_mnist": "fashion"}[config.dataset])
        self.labels = record["config"]["network"]["labels"]
        self.asked = self.labels > 0 and config.scale != 0
        self.test, train = data.images(config.dataset, "test").images, data.images(config.dataset, "train").images
        self.train = train[: config.count]
        self.floor: float | None = None

    def prepare(self) -> Iterator[None]:
        """Looks at the real images, with a breath after each block of them."""
        import torch

        from core.neural_network import to_unit

        seen = []
        for images in (self.test, self.train):
            features = []
            for block in images.split(100):
                features.append(self._look(to_unit(block))[0])
                yield
            seen.append(torch.cat(features))
        self.real = seen[0]  # (10,000, F)
        self.floor = self._distance(seen[1])

    def __call__(self, x: "Tensor") -> tuple[float, float | None]:
        import torch

        features, named = self._look(x)
        wanted = torch.arange(len(x), device="cpu") % BLOCK % max(self.labels, 1)  # as each block asks
        return self._distance(features), float((named == wanted).double().mean()) if self.asked else None

    def _distance(self, features: "Tensor") -> float:
        from core.metrics import frechet_distance

        return frechet_distance(features, self.real)

    def _look(self, x: "Tensor") -> "tuple[Tensor, Tensor]":
        import torch

        device = next(self.classifier.parameters()).device
        found = []
        with torch.no_grad():
            for block in x.split(500):
                features = self.classifier.features(block.to(device))
                found.append((features.cpu(), self.classifier.to_scores(features).argmax(1).cpu()))
        return torch.cat([f for f, _ in found]).double(), torch.cat([n for _, n in found])  # (N, F), (N,)


class _PointJudge:
    """The energy distance to points of the shape that the model did not learn from."""

    def __init__(self, config: QualityConfig, record: dict):
        import torch

        from core.diffusion.learned import draw_points

        generator = torch.Generator("cpu").manual_seed(config.seed + 1_000_000)  # not the seed of the training points
        self.real, *others = (
            draw_points(config.dataset, config.strokes, config.count, generator) for _ in range(1 + DRAWS)
        )
        self.floor = math.sqrt(sum(self(points)[0] ** 2 for points in others) / DRAWS)

    def prepare(self) -> Iterator[None]:
        """Nothing more to do."""
        return iter(())

    def __call__(self, x: "Tensor") -> tuple[float, float | None]:
        from core.metrics import energy_distance

        return energy_distance(x.double(), self.real), None
