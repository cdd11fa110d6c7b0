"""What makes digits by label, whatever it diffuses: pixels, or the codes of a VAE."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core import library
from core.device import pick
from core.diffusion.guidance import classifier_free
from core.diffusion.prediction import Denoiser, clipped
from core.diffusion.samplers import SamplerState, dpm_solver_pp
from core.diffusion.schedule import NoiseSchedule
from core.vae import VAE


@dataclass(frozen=True, eq=False)
class Maker:
    """A model that knows the ten digits, ready for the samplers."""

    denoiser: Denoiser
    network: nn.Module
    schedule: NoiseSchedule
    shape: tuple[int, ...]  # of what is diffused
    to_images: Callable[[Tensor], Tensor]  # its end as images (N, 1, 28, 28) in [−1, 1]
    vae: VAE | None  # whose codes are diffused; None where pixels are
    device: torch.device

    def guided(self, scale: float) -> Denoiser:
        """With guidance, and x̂_0 held in [−1, 1] where it is a picture."""
        guided = classifier_free(self.denoiser, scale)
        return clipped(guided, self.schedule) if self.vae is None else guided

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """x_T: (count, …), drawn where the generator lives."""
        return torch.randn(count, *self.shape, generator=generator, device=generator.device).to(self.device)

    def walk(self, noise: Tensor, label: Tensor, scale: float, steps: int) -> Iterator[SamplerState]:
        """DPM-Solver++ from this noise: `steps` calls of the network, of twice as many examples where it is guided."""
        label = label.to(noise.device)
        return dpm_solver_pp(self.guided(scale), self.schedule, noise, steps=steps, label=label)

    def images(self, noise: Tensor, label: Tensor, scale: float, steps: int) -> Tensor:
        """The images that the walk ends at, (N, 1, 28, 28)."""
        *_, end = self.walk(noise, label, scale, steps)
        return self.to_images(end.x)


@functools.lru_cache(maxsize=4)
def load(key: str) -> Maker:
    """A diffusion model over pixels or codes by its key. Raises core.store.ModelNotFound or DamagedModel."""
    device = pick()
    weights, record = library.store_of(key).load(key)
    if record.get("kind") == "latent_diffusion":
        from core.diffusion.latent import restore_latent

        model = restore_latent(weights, record, device)
        shape = (model.network.config.dimensions,)
        return Maker(model.denoiser, model.network, model.schedule, shape, model.decode, model.vae, device)
    from core.diffusion.learned import restore_network
    from core.diffusion.prediction import from_v

    network, schedule = restore_network(weights, record, device)
    shape = (network.config.channels, 28, 28)
    return Maker(from_v(network, schedule), network, schedule, shape, lambda x: x.clamp(-1, 1), None, device)
