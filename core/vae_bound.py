"""The importance-weighted bound as the number of samples grows, and the test log-likelihood, as runs that can go on.

L_k = E log 1/k Σ_i p(x, z_i) / q(z_i | x)        ELBO = L_1 ≤ L_2 ≤ … ≤ log p(x)     Burda et al. 2016, theorem 1
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from core import vae_library
from core.run import Config
from core.training import Checkpoint
from core.vae import VAE, binarized, log_weights
from core.vae_posterior import grid_posterior

COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # k at which a curve is looked at
MOST = 5000
MOST_EXACT = 12  # images whose log p(x) is summed over a grid beside
BATCH = 4  # images at a time: a turn of a run stays short
SAMPLES = 1000  # decoded at a time for each image of a batch
PUBLISHED = {"vae": -86.76, "iwae_5": -85.54, "iwae_50": -84.78}  # one stochastic layer: Burda et al. 2016, table 1
PUBLISHED_EPOCHS = sum(3**i for i in range(8))  # passes over the data there: section 5
MEASURED = Path(__file__).resolve().parent.parent / "models" / "vae_likelihood.json"  # by benchmarks/vae.py


def bound_by_count(log_weight: Tensor, counts: tuple[int, ...] = COUNTS) -> Tensor:
    """L_k of each image for every k of `counts`, from log weights (n, K): (len(counts), n).

    For each k the mean over the K // k groups that use no sample twice, so that it has no bias. A k over K is left NaN.
    """
    n, total = log_weight.shape
    found = torch.full((len(counts), n), math.nan, dtype=log_weight.dtype, device=log_weight.device)
    for row, k in enumerate(counts):
        if k <= total:
            groups = log_weight[:, : total // k * k].reshape(n, -1, k)  # (n, groups, k)
            found[row] = (groups.logsumexp(dim=2) - math.log(k)).mean(dim=1)
    return found


@torch.no_grad()
def weights_of(model: VAE, x: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """k log weights log p(x, z) − log q(z | x) of each image (n, 1, 28, 28), in bounded memory: (n, k)."""
    parts = [
        log_weights(model, x, min(SAMPLES, k - begin), generator).T.double()  # (n, S)
        for begin in range(0, k, SAMPLES)
    ]
    return torch.cat(parts, dim=1)


def held_out(dataset: str, likelihood: str, count: int, seed: int) -> Tensor:
    """The first test images as a model sees them, (count, 1, 28, 28) in [0, 1]; thrown once for a Bernoulli."""
    from core import data

    x = data.images(dataset, "test").images[:count].float() / 255
    return binarized(x, torch.Generator("cpu").manual_seed(seed)) if likelihood == "bernoulli" else x


@dataclass(frozen=True)
class BoundRun(Config):
    """A measurement of L_k on test images."""

    kind = "bound"

    model: str  # its key
    images: int = 100
    k: int = 1000  # samples of z for each image
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that make no sense."""
        if not 1 <= self.k <= MOST or not 1 <= self.images <= 10_000:
            raise ValueError(f"k lies between 1 and {MOST:,}, the images between 1 and 10,000.")

    @property
    def title(self) -> str:
        return f"log p(x) · {self.images} × {self.k}"

    @property
    def short(self) -> bool:
        return self.images * self.k <= 200_000

    def start(self, checkpoint: Checkpoint | None = None) -> "Iterator[BoundState]":
        """Measures, from the start or from a checkpoint. What the job runner calls."""
        return measure(self, checkpoint)


@dataclass(frozen=True, eq=False)
class BoundState:
    """How far a measurement is."""

    config: BoundRun
    curves: Tensor  # (len(counts), done) float64: L_k of each image so far
    exact: Tensor  # (done,) float64: log p(x) by a grid; empty where there is none, or where it would take too long

    @property
    def progress(self) -> float:
        return self.curves.shape[1] / self.config.images

    @property
    def counts(self) -> tuple[int, ...]:
        """The k that are looked at: those of COUNTS below the run's own, and that one."""
        return counts_of(self.config.k)

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on: each image has a generator of its own."""
        tensors = {"curves": self.curves, "exact": self.exact}
        return tensors, {"config": asdict(self.config), "step": self.curves.shape[1]}

    def result(self) -> Checkpoint:
        """The finished measurement."""
        return {"curves": self.curves, "exact": self.exact}, {"kind": "bound", "config": asdict(self.config)}


def counts_of(k: int) -> tuple[int, ...]:
    """COUNTS up to k, and k."""
    return tuple(sorted({*(c for c in COUNTS if c < k), k}))


def from_result(tensors: dict[str, Tensor], record: dict) -> BoundState:
    """The state in what `BoundState.result` gave."""
    return BoundState(BoundRun(**record["config"]), tensors["curves"], tensors["exact"])


def measure(config: BoundRun, resume: Checkpoint | None = None) -> Iterator[BoundState]:
    """One state after every BATCH images. Raises core.store.ModelNotFound where the model is not there."""
    model = vae_library.load(config.model)
    dataset = vae_library.record(config.model)["config"]["dataset"]
    x = held_out(dataset, model.config.likelihood, config.images, config.seed)
    counts = counts_of(config.k)
    curves = torch.zeros(len(counts), 0, dtype=torch.float64, device="cpu")
    exact = torch.zeros(0, dtype=torch.float64, device="cpu")
    if resume is not None:
        curves, exact = resume[0]["curves"], resume[0]["exact"]
    gridded = model.config.latent == 2 and config.images <= MOST_EXACT
    if curves.shape[1] == config.images:
        yield BoundState(config, curves, exact)
    while (done := curves.shape[1]) < config.images:
        # a generator for each batch: a run that goes on draws what it would have drawn
        generator = torch.Generator("cpu").manual_seed(config.seed * 1_000_003 + done)
        batch = x[done : done + (1 if config.short else BATCH)]  # short runs are watched as they grow
        curves = torch.cat([curves, bound_by_count(weights_of(model, batch, config.k, generator), counts)], dim=1)
        if gridded:
            found = [grid_posterior(model, one[None]).log_evidence for one in batch]
            exact = torch.cat([exact, torch.tensor(found, dtype=torch.float64, device="cpu")])
        yield BoundState(config, curves, exact)
