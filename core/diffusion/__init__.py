"""Diffusion, from adding noise to taking it away."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from core.diffusion.prediction import Denoiser
    from core.diffusion.schedule import NoiseSchedule


def pretrained(name: str = "digits", device: "torch.device | None" = None) -> "tuple[Denoiser, NoiseSchedule]":
    """A model that ships, ready for the samplers, and its schedule. device: where it runs; default: the best there is.

    Raises core.store.ModelNotFound for an unknown name.
    """
    from core.diffusion.learned import restore  # here, so that importing this package costs nothing
    from core.shipped import find

    return restore(*find("diffusion", name), device)
