"""One loop that trains every network here. It knows no model, no data set and no screen: it yields.

Stopping is not asking for the next state. Going on is handing the kept checkpoint back: a run that was stopped and
continued equals one that never was.
"""

import copy
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, ...]  # the same rows of every tensor of the data
Loss = Callable[[nn.Module, Batch, torch.Generator], Tensor]  # (model, batch, generator) -> a mean over the batch
Checkpoint = tuple[dict[str, Tensor], dict]  # tensors, and a record of plain data


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


@dataclass(frozen=True)
class TrainingState:
    """What is known after a step. `average`, `weights` and `checkpoint` are valid until the next state is asked for."""

    step: int  # updates done
    steps: int  # updates in all
    losses: Tensor  # (step,) float32 on the CPU, the loss of every update so far
    rate: float  # examples a second, over the last seconds
    seconds: float  # spent on training, earlier sittings included
    problem: str | None  # "diverged", or None; after a problem no further state comes
    average: nn.Module  # the model with averaged weights, in evaluation mode
    weights: Callable[[], dict[str, Tensor]]  # copies of the averaged weights
    checkpoint: Callable[[], Checkpoint]  # copies of all that is needed to go on exactly

    @property
    def progress(self) -> float:
        """The share of the updates that are done, 0 to 1."""
        return self.step / self.steps


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The rate of update `step` (from 0): a linear warm-up, then a cosine down to zero (Loshchilov and Hutter 2017)."""
    warm = min(1.0, (step + 1) / max(config.warmup, 1))
    return config.learning_rate * warm * (1 + math.cos(math.pi * step / config.steps)) / 2


def train(
    model: nn.Module, loss: Loss, data: Batch, config: TrainingConfig, resume: Checkpoint | None = None
) -> Iterator[TrainingState]:
    """Adam on `loss` over random batches of `data`, one state after every update (Kingma and Ba 2015).

    data: tensors with the same first dimension, on the model's device; batches are rows of them, each row once an
    epoch, in a fresh order. The loss draws from the generator it is given, which lives on the CPU.
    Ends after config.steps updates, or with a last state whose problem is "diverged" when the loss is no longer finite
    or has grown tenfold over where it began; that state's weights and checkpoint are the last good ones.
    Raises ValueError where the data hold no full batch.
    """
    count = len(data[0])
    if count < config.batch_size:
        raise ValueError(f"A batch of {config.batch_size} cannot be drawn from {count} examples.")
    run = _Run(model, config)
    if resume is not None:
        run.restore(resume)
    recent: deque[tuple[float, int]] = deque(maxlen=50)
    good = run.checkpoint()
    while run.step < config.steps:
        began = time.perf_counter()
        value = run.update(loss, tuple(column[run.rows(count)] for column in data))
        took = time.perf_counter() - began
        run.seconds += took
        recent.append((took, config.batch_size))
        step, diverged = run.step, run.has_diverged(value)
        if diverged:
            run.restore(good)
        elif step % 50 == 0:
            good = run.checkpoint()
        yield TrainingState(
            step=step,
            steps=config.steps,
            losses=run.losses[:step],
            rate=sum(n for _, n in recent) / sum(s for s, _ in recent),
            seconds=run.seconds,
            problem="diverged" if diverged else None,
            average=run.average,
            weights=run.weights,
            checkpoint=run.checkpoint,
        )
        if diverged:
            return


class _Run:
    """What changes while a network is trained."""

    def __init__(self, model: nn.Module, config: TrainingConfig):
        self.model, self.config = model.train(), config
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(
            model.parameters(), config.learning_rate, (config.beta1, config.beta2), fused=True
        )
        self.generator = torch.Generator("cpu").manual_seed(config.seed)
        self.losses = torch.zeros(config.steps, device="cpu")  # written once each, so that a view of it never changes
        self.step, self.seconds = 0, 0.0
        self.device = next(model.parameters()).device
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64, device=self.device)

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
        mine, theirs = _floats(self.average), _floats(self.model)  # BatchNorm's running means and variances among them
        torch._foreach_lerp_(mine, theirs, weight)

    def has_diverged(self, value: float) -> bool:
        if not math.isfinite(value):
            return True
        last = self.losses[max(0, self.step - 20) : self.step].mean().item()
        return self.step > 20 and last > 10 * max(self.losses[:5].mean().item(), 1e-3)

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
    return [value for value in model.state_dict().values() if value.is_floating_point()]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A fresh network on the CPU whose first weights come from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # layers draw their weights from the global generator and take no other
        return build()


def finished(state: TrainingState, kind: str, config: Any, device: str) -> Checkpoint:
    """What is kept of a finished training: averaged weights, and a record of how they came about.

    config: has `training` and `describe()`; device: in words.
    """
    every = max(1, state.step // 500)  # a curve of 500 points says all that a long one does
    blocks = state.losses[: state.step // every * every].reshape(-1, every)
    record = {
        "kind": kind,
        "config": config.describe(),
        "parameters": sum(p.numel() for p in state.average.parameters()),
        "examples": state.step * config.training.batch_size,
        "seconds": round(state.seconds, 1),
        "device": device,
        "losses": [round(value, 5) for value in blocks.mean(1).tolist()],
        "losses_every": every,
    }
    return state.weights(), record
