"""A small network learns a curve through points: what it computes, what each hidden unit adds, and how it is trained.

    config = CurveRun(points=((-1.0, 0.5), (1.0, -0.5)), width=8)
    for state in config.start():
        state.fits[-1].curve                      # the network's values on GRID

The last layer adds up: f(x) = b + Σ_j w_j h_j(x). Each term w_j h_j(x) is the share of one hidden unit.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from core.run import Config
from core.training import BAD_RECORD, Batch, Checkpoint, Learning, TrainingConfig, seeded, train

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}
WIDTHS, DEPTHS = (1, 32), (1, 4)
REACH = 3.0  # the grid goes from −REACH to REACH
GRID = 121
SHOWN = 40  # fits that are kept along a training, the first and the last among them


@dataclass(frozen=True)
class CurveConfig:
    """What the network is built from."""

    width: int = 12  # units in each hidden layer
    depth: int = 1  # hidden layers
    activation: str = "tanh"

    def __post_init__(self) -> None:
        """Raises ValueError for a network that cannot be built."""
        for name, (low, high) in (("width", WIDTHS), ("depth", DEPTHS)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, but it is {getattr(self, name)}.")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"The activation is one of {', '.join(ACTIVATIONS)}.")


class CurveNetwork(nn.Module):
    """A number to a number through hidden layers of units."""

    def __init__(self, config: CurveConfig):
        super().__init__()
        self.activation = ACTIVATIONS[config.activation]
        sizes = [1] + [config.width] * config.depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.last = nn.Linear(config.width, 1)
        with torch.no_grad():  # bends of the first layer lie where the points are, not all at x = 0
            first = self.hidden[0]
            nn.init.uniform_(first.weight, -2.0, 2.0)
            first.bias.copy_(-first.weight[:, 0] * torch.empty_like(first.bias).uniform_(-REACH, REACH))

    def units(self, x: Tensor) -> Tensor:
        """What the last hidden layer makes of x (N, 1): (N, width)."""
        h = x
        for layer in self.hidden:
            h = self.activation(layer(h))
        return h

    def shares(self, x: Tensor) -> Tensor:
        """What each unit adds to the curve, w_j h_j(x): (N, 1) to (N, width)."""
        return self.last.weight[0] * self.units(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.units(x))  # (N, 1)


def squared_error(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
    """The mean of (y − f(x))² over points (N, 1), (N, 1)."""
    x, y = batch
    return (y - model(x)).square().mean()


@dataclass(frozen=True, eq=False)
class Fit:
    """The network after `step` updates, on a grid of `GRID` places from −REACH to REACH."""

    step: int
    curve: Tensor  # (GRID,) float32
    shares: Tensor  # (width, GRID) float32; with `bias` they add up to the curve
    bias: float
    loss: float  # the mean squared error at the points


@torch.no_grad()
def look(model: CurveNetwork, points: Tensor, step: int) -> Fit:
    """What a network computes now. points: (N, 2) float32."""
    x = torch.linspace(-REACH, REACH, GRID, device=points.device)[:, None]
    at, y = points[:, :1], points[:, 1:]
    loss = (y - model(at)).square().mean() if len(points) else torch.tensor(math.nan, device=points.device)
    return Fit(step, model(x)[:, 0], model.shares(x).T.contiguous(), float(model.last.bias[0]), float(loss))


@dataclass(frozen=True)
class CurveRun(Config):
    """All that a trained curve depends on. The job runner calls `start`."""

    kind = "curve"
    short = True

    points: tuple[tuple[float, float], ...]
    network: CurveConfig = field(default_factory=CurveConfig)
    rate: float = 0.01  # Adam's, at its highest
    steps: int = 4000
    seed: int = 0

    @property
    def training(self) -> TrainingConfig:
        return TrainingConfig(
            steps=self.steps,
            batch_size=max(1, len(self.points)),  # all points at every update
            learning_rate=self.rate,
            warmup=20,
            ema_decay=0.0,  # what is drawn is the network itself, no average of it
            seed=self.seed,
        )

    @property
    def title(self) -> str:
        return f"{self.network.depth} × {self.network.width} {self.network.activation}"

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[CurveState]":
        """Trains, from the start or from a checkpoint."""
        return train_curve(self, checkpoint)


@dataclass(frozen=True, eq=False)
class CurveState(Learning):
    """Where the training of a curve stands."""

    config: CurveRun
    fits: tuple[Fit, ...]  # along the way, and never changed: the first before any update

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on exactly, the fits so far among it; valid until the next state is asked for."""
        tensors, record = self.training.checkpoint()
        for number, fit in enumerate(self.fits):
            tensors |= {f"fits.{number}.curve": fit.curve, f"fits.{number}.shares": fit.shares}
        record["fits"] = [[fit.step, fit.bias, fit.loss] for fit in self.fits]
        return tensors, record


def look_at(steps: int) -> tuple[int, ...]:
    """The updates after which the network is looked at: close together at first, when it changes most."""
    return tuple(sorted({round(steps * (k / (SHOWN - 1)) ** 2.5) for k in range(SHOWN)}))


def untrained(config: CurveRun) -> CurveNetwork:
    """The network before its first update."""
    return seeded(lambda: CurveNetwork(config.network), config.seed)


def train_curve(config: CurveRun, resume: Checkpoint | None = None) -> Iterator[CurveState]:
    """Adam on the squared error at all points, one state after every update. ValueError without a point.

    A network of a few hundred weights is faster on the CPU than on any GPU.
    """
    points = torch.tensor(config.points, dtype=torch.float32, device="cpu").reshape(-1, 2)
    model = untrained(config)
    looks = set(look_at(config.steps))
    fits = (look(model, points, 0),) if resume is None else _fits(resume)
    resume = None if resume is None else _without_fits(resume)
    for state in train(model, squared_error, (points[:, :1], points[:, 1:]), config.training, resume):
        if state.problem is None and state.step in looks and state.step > fits[-1].step:
            fits = (*fits, look(state.average, points, state.step))
        yield CurveState(state, config, fits)


def _fits(checkpoint: Checkpoint) -> tuple[Fit, ...]:
    tensors, record = checkpoint
    try:
        return tuple(
            Fit(int(step), tensors[f"fits.{n}.curve"], tensors[f"fits.{n}.shares"], float(bias), float(loss))
            for n, (step, bias, loss) in enumerate(record["fits"])
            if step <= record["step"]
        )
    except BAD_RECORD as error:
        raise ValueError(f"This checkpoint holds no curves ({type(error).__name__}: {error}).") from error


def _without_fits(checkpoint: Checkpoint) -> Checkpoint:
    tensors, record = checkpoint
    return {k: v for k, v in tensors.items() if not k.startswith("fits.")}, record
