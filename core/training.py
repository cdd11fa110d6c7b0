"""One loop that trains every network here. It knows no model, no data set and no screen: it yields.

Stopping is not asking for the next state. Going on is handing the kept checkpoint back: a run that was stopped and
continued equals one that never was.
"""

import contextlib
import copy
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from core.run import Config
from core.store import DamagedModel

Batch = tuple[Tensor, ...]  # the same rows of every tensor of the data
Loss = Callable[[nn.Module, Batch, torch.Generator], Tensor]  # (model, batch, generator) -> a mean over the batch
Checkpoint = tuple[dict[str, Tensor], dict]  # tensors, and a record of plain data

LIMITS = {  # of the numbers in a TrainingConfig
    "steps": (1, 10_000_000),
    "batch_size": (1, 1_000_000),
    "learning_rate": (0.0, 1_000_000.0),
    "beta1": (0.0, 0.99999),
    "beta2": (0.0, 0.999999),
    "warmup": (0, 10_000_000),
    "ema_decay": (0.0, 1.0),
    "seed": (0, 2**40),
}
BAD_RECORD = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RuntimeError)  # raise these
GOOD_EVERY = 50  # updates between two copies of a run to fall back on


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained."""

    steps: int  # updates of the weights
    batch_size: int = 64  # examples for one update
    learning_rate: float = 2e-3  # Adam's, at its highest
    beta1: float = 0.9  # memory of Adam's mean gradient
    beta2: float = 0.99  # memory of Adam's mean squared gradient
    warmup: int = 100  # steps over which the rate rises from zero; then it falls to zero along a cosine
    ema_decay: float = 0.999  # memory of the averaged weights, which are the ones used
    seed: int = 0  # of the order of the examples and of every random draw

    def __post_init__(self) -> None:
        """Raises ValueError for a number that makes no sense."""
        for name, (low, high) in LIMITS.items():
            if not low <= (value := getattr(self, name)) <= high:  # never true of nan
                raise ValueError(f"{name} must lie between {low:,} and {high:,}, but it is {value}.")


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What is known after a step. `average`, `weights` and `checkpoint` are valid until the next state is asked for."""

    step: int  # updates done
    steps: int  # updates in all
    losses: Tensor  # (step,) float32 on the CPU, the loss of every update so far
    rate: float  # examples a second, over the last seconds
    seconds: float  # spent on training, earlier sittings included
    problem: str | None  # "diverged", "out_of_memory" or None; after a problem no further state comes
    parameters: int  # numbers that are learnt
    average: nn.Module  # the model with averaged weights, in evaluation mode
    weights: Callable[[], dict[str, Tensor]]  # copies of the averaged weights
    checkpoint: Callable[[], Checkpoint]  # copies of all that is needed to go on exactly

    @property
    def progress(self) -> float:
        """The share of the updates that are done, 0 to 1."""
        return self.step / self.steps


@dataclass(frozen=True, eq=False)
class Learning:
    """Where a run stands that trains a network. Subclasses add `config`, and what there is to see of it."""

    training: TrainingState

    @property
    def progress(self) -> float:
        return self.training.progress

    @property
    def problem(self) -> str | None:
        return self.training.problem

    @property
    def detail(self) -> str:
        """At which update it was that something went wrong."""
        return str(self.training.step) if self.problem else ""

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on exactly; valid until the next state is asked for."""
        return self.training.checkpoint()


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The rate of update `step` (from 0): a linear warm-up, then a cosine down to zero (Loshchilov and Hutter 2017)."""
    warm = min(1.0, (step + 1) / max(config.warmup, 1))
    return config.learning_rate * warm * (1 + math.cos(math.pi * step / config.steps)) / 2


def train(
    model: nn.Module, loss: Loss, data: Batch, config: TrainingConfig, resume: Checkpoint | None = None
) -> Iterator[TrainingState]:
    """Adam on `loss` over random batches of `data`, one state after every update (Kingma and Ba 2015).

    data: tensors with the same first dimension, on the model's device; batches are rows of them in an order that is
    fresh in each epoch, where no row comes twice (and those that fill no batch sit out).
    The loss draws from the generator it is given, which lives on the CPU, and from no other.
    Ends after config.steps updates, or with a last state that has a problem: "diverged" when the loss is no longer
    finite or has grown tenfold over where it began, "out_of_memory" when the device has no room for an update. That
    state's weights and checkpoint are good ones, of at most a hundred updates before.
    A run that is resumed at its end yields its last state.
    Raises ValueError where the data hold no full batch, or the checkpoint is of another run.
    """
    count = len(data[0])
    if count < config.batch_size:
        raise ValueError(f"A batch of {config.batch_size} cannot be drawn from {count} examples.")
    run = _Run(model, config)
    if resume is not None:
        try:
            run.restore(resume)
        except BAD_RECORD as error:
            raise ValueError(f"This checkpoint does not fit its run ({type(error).__name__}: {error}).") from error
        if run.step == config.steps:
            yield run.state(run.step, 0.0, None)
    recent: deque[tuple[float, int]] = deque(maxlen=50)
    good = newer = run.checkpoint()
    while run.step < config.steps:
        began = time.perf_counter()
        problem = None
        try:
            value = run.update(loss, tuple(column[run.rows(count)] for column in data))
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            problem = "out_of_memory"
        else:
            took = time.perf_counter() - began
            run.seconds += took
            recent.append((took, config.batch_size))
            problem = "diverged" if run.has_diverged(value) else None
        step = run.step
        if problem is not None:
            run.optimizer.zero_grad()  # gives the gradients' memory back
            run.restore(good)
        elif step % GOOD_EVERY == 0:  # a loss tells of the weights before its update: only what went on well is good
            good, newer = newer, run.checkpoint()
        yield run.state(step, sum(n for _, n in recent) / max(sum(s for s, _ in recent), 1e-9), problem)
        if problem is not None:
            return


class _Run:
    """What changes while a network is trained."""

    def __init__(self, model: nn.Module, config: TrainingConfig):
        self.model, self.config = model.train(), config
        self.parameters = sum(p.numel() for p in model.parameters())
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(
            model.parameters(), config.learning_rate, (config.beta1, config.beta2), fused=True
        )
        self.generator = torch.Generator("cpu").manual_seed(config.seed)
        self.losses = torch.zeros(config.steps, device="cpu")  # written once each, so that a view of it never changes
        self.step, self.seconds = 0, 0.0
        self.device = next(model.parameters()).device
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64, device=self.device)
        self._pairs = _floats(self.average), _floats(self.model)  # the tensors themselves, which stay where they are

    def rows(self, count: int) -> Tensor:
        """The row numbers of this step's batch: the epoch's own shuffle, from the seed and the epoch alone."""
        batches = count // self.config.batch_size
        epoch, place = divmod(self.step, batches)
        if epoch != self._epoch:
            shuffle = torch.Generator("cpu").manual_seed(self.config.seed * 1_000_003 + epoch)
            self._order = torch.randperm(count, generator=shuffle, device="cpu").to(self.device)  # (count,)
            self._epoch = epoch
        return self._order[place * self.config.batch_size : (place + 1) * self.config.batch_size]

    def update(self, loss: Loss, batch: Batch) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step)
        with torch.enable_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            value = loss(self.model, batch, self.generator)
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        self._follow()
        number = value.item()
        self.losses[self.step] = number
        self.step += 1
        return number

    @torch.no_grad()
    def _follow(self) -> None:
        # a short memory at first, or the random start would stay in the average for thousands of steps
        weight = 1 - min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        mine, theirs = self._pairs
        torch._foreach_lerp_(mine, theirs, weight)  # mine + weight · (theirs − mine)

    def has_diverged(self, value: float) -> bool:
        if not math.isfinite(value):
            return True
        last = self.losses[max(0, self.step - 20) : self.step].mean().item()
        return self.step > 20 and last > 10 * max(self.losses[0].item(), 1e-3)  # the first is before any update

    def state(self, step: int, rate: float, problem: str | None) -> TrainingState:
        return TrainingState(
            step=step,
            steps=self.config.steps,
            losses=self.losses[:step],
            rate=rate,
            seconds=self.seconds,
            problem=problem,
            parameters=self.parameters,
            average=self.average,
            weights=self.weights,
            checkpoint=self.checkpoint,
        )

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.average.state_dict().items()}

    @torch.no_grad()
    def checkpoint(self) -> Checkpoint:
        tensors = {f"model.{name}": value.clone() for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.weights().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value.clone() for name, value in state.items()}
        tensors["losses"] = self.losses[: self.step].clone()
        tensors["generator"] = self.generator.get_state()
        return tensors, {"step": self.step, "seconds": self.seconds, "training": asdict(self.config)}

    @torch.no_grad()
    def restore(self, checkpoint: Checkpoint) -> None:
        tensors, record = checkpoint
        if record["training"] != asdict(self.config):
            raise ValueError("This checkpoint is of a run with other settings.")
        self.model.load_state_dict(_under("model.", tensors))
        self.average.load_state_dict(_under("average.", tensors))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimizer.", tensors).items():
            index, field = name.split(".", 1)
            state.setdefault(int(index), {})[field] = value.clone()
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.generator.set_state(tensors["generator"].to("cpu"))
        self.step, self.seconds = int(record["step"]), float(record["seconds"])
        self.losses[: self.step] = tensors["losses"].to("cpu")


def _floats(model: nn.Module) -> list[Tensor]:
    """Weights, and BatchNorm's running means and variances."""
    return [value for value in model.state_dict().values() if value.is_floating_point()]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def out_of_memory(error: BaseException) -> bool:
    """Whether this is how PyTorch says that a processor's memory is full, be it CUDA's, Apple's or the computer's."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "can't allocate memory" in text


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A fresh network on the CPU whose first weights come from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # layers draw their weights from the global generator and take no other
        return build()


def restored(build: Callable[[], nn.Module], weights: dict[str, Tensor], device: torch.device) -> nn.Module:
    """A network with these weights, in evaluation mode. Draws no first weights, and so disturbs nobody's generator.

    Raises RuntimeError where names or shapes disagree.
    """
    with torch.device("meta"):  # takes no memory, however large a damaged record says that the network is
        network = build()
    network.load_state_dict(weights, assign=True)
    return network.to(device, torch.float32).eval().requires_grad_(False)


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Within it, what a kept file with wrong contents raises becomes a DamagedModel: the file holds no `what`."""
    try:
        yield
    except BAD_RECORD as error:
        if out_of_memory(error):
            raise
        raise DamagedModel(f"This file holds no {what} that this version can read.") from error


def preview_steps(steps: int) -> tuple[int, ...]:
    """After which updates it is drawn what a model has learnt: 25, 50, 100, … and the last; most happens early."""
    doubling = [25 * 2**k for k in range(20) if 25 * 2**k < steps]
    return (*doubling, steps)


def finished(state: TrainingState, config: Config, device: str) -> Checkpoint:
    """What is kept of a finished training: averaged weights, and a record of how they came about.

    config: has `training` too; device: in words.
    """
    every = max(1, state.step // 500)  # a curve of 500 points says all that a long one does
    blocks = state.losses[: state.step // every * every].reshape(-1, every)
    record = {
        "kind": config.kind,
        "config": config.describe(),
        "parameters": sum(p.numel() for p in state.average.parameters()),
        "examples": state.step * config.training.batch_size,
        "seconds": round(state.seconds, 1),
        "device": device,
        "losses": [round(value, 5) for value in blocks.mean(1).tolist()],
        "losses_every": every,
    }
    return state.weights(), record
