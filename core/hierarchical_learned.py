"""A VAE of two levels learnt from images: its settings, its loss, its training as a run, and the finished model."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from core import data
from core.device import pick
from core.hierarchical_vae import HierarchicalVAE, HierarchyConfig, elbo, sample_latents
from core.run import Config
from core.training import Batch, Checkpoint, Loss, TrainingConfig, reading, restored
from core.vae import VAEConfig, binarized
from core.vae_learned import (
    EXAMPLES,
    MOST_BETA,
    PARTS,
    PREVIEWS,
    Preview,
    VAEState,
    as_bytes,
    begun,
    learn,
)


@dataclass(frozen=True)
class HierarchyRun(Config):
    """All that a trained VAE of two levels depends on; its hash is the model's name."""

    kind = "hierarchical"

    dataset: str  # "mnist" or "fashion_mnist"
    training: TrainingConfig
    network: HierarchyConfig = field(default_factory=HierarchyConfig)
    beta: float = 1.0  # weight of both levels' KL in the loss; only 1 is the bound

    def __post_init__(self) -> None:
        """Raises ValueError for a weight that makes no sense."""
        if not 0 <= self.beta <= MOST_BETA:
            raise ValueError(f"β lies between 0 and {MOST_BETA:g}, but it is {self.beta}.")

    @classmethod
    def from_record(cls, record: dict) -> "HierarchyRun":
        """The config that `describe` wrote. Raises one of BAD_RECORD where the record is no such thing."""
        lower = record["network"]["lower"]
        lower = VAEConfig(**{**lower, "hidden": tuple(lower["hidden"])})
        network = HierarchyConfig(**{**record["network"], "lower": lower})
        return cls(record["dataset"], TrainingConfig(**record["training"]), network, record["beta"])

    def describe(self) -> dict:
        """Plain data that name this model, the checksum of its data among them."""
        return {**asdict(self), "checksum": data.checksum(self.dataset)}

    @property
    def title(self) -> str:
        levels = f"{self.network.lower.latent} + {self.network.upper}"
        return f"{self.dataset} · VAE {levels} · {self.training.steps} × {self.training.batch_size}"

    def start(self, checkpoint: Checkpoint | None = None) -> Iterator[VAEState]:
        """Trains, from the start or from a checkpoint. What the job runner calls."""
        return train_hierarchy(self, resume=checkpoint)


def negative_elbo(likelihood: str, beta: float, note: Callable[[Tensor], None] | None = None) -> Loss:
    """The mean of −log p(x | z_1) + β (lower + upper) over a batch, in nats for each image; `note` is told the three.

    As in core.vae_learned.negative_elbo, the pixels of a Bernoulli are thrown anew at every look.
    """

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        x = batch[0].float() / 255  # (N, 1, 28, 28) in [0, 1]
        if likelihood == "bernoulli":
            x = binarized(x, generator)
        bound = elbo(model, x, generator)
        lower, upper = bound.lower.sum(dim=1), bound.upper.sum(dim=1)
        if note is not None:
            note(torch.stack([-bound.reconstruction.mean(), lower.mean(), upper.mean()]).detach())
        return (beta * (lower + upper) - bound.reconstruction).mean()

    return loss


def train_hierarchy(
    config: HierarchyRun, device: torch.device | None = None, resume: Checkpoint | None = None
) -> Iterator[VAEState]:
    """Trains a VAE of two levels, one state after every update; a state's parts are (step, 3), the lower KL second.

    Raises core.data.DataError where there are no data.
    """

    def build(images: Tensor) -> HierarchicalVAE:
        model = HierarchicalVAE(config.network)
        model.lower = begun(config.network.lower, images)
        return model

    def loss(note: Callable[[Tensor], None]) -> Loss:
        return negative_elbo(config.network.likelihood, config.beta, note)

    return learn(config, build, loss, draw_preview, device, resume, count=3)


@torch.no_grad()
def draw_preview(model: HierarchicalVAE, step: int, examples: Tensor, seed: int) -> Preview:
    """The examples through the middle of q(z_1 | x) and back, and ten draws from the top down."""
    device = next(model.parameters()).device
    mean, _ = model.encode(examples[:, None].to(device).float() / 255)
    _, z1 = sample_latents(model, *(noise.to(device) for noise in noises(model.config, 10, seed)))
    return Preview(step, as_bytes(model.mean_image(mean)), as_bytes(model.mean_image(z1)))


def noises(config: HierarchyConfig, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise for n draws from the top down, of z_2 (n, upper) and of z_1 (n, latent).

    That of z_1 is what a VAE of one level is given for the same seed, so that their pictures start from one noise.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    noise1 = torch.randn(n, config.lower.latent, generator=generator, device="cpu")
    return torch.randn(n, config.upper, generator=generator, device="cpu"), noise1


def restore_hierarchy(weights: dict[str, Tensor], record: dict, device: torch.device | None = None) -> HierarchicalVAE:
    """A kept VAE of two levels in evaluation mode. Raises core.store.DamagedModel where weights and record disagree."""
    with reading("VAE of two levels"):
        config = HierarchyRun.from_record(record["config"]).network
        own = {name: value for name, value in weights.items() if not name.startswith((PREVIEWS, PARTS, EXAMPLES))}
        return restored(lambda: HierarchicalVAE(config), own, device or pick())
