"""The diffusion models at hand: see core/library.py."""

import functools
from typing import TYPE_CHECKING

from core import library

if TYPE_CHECKING:
    import torch

    from core.diffusion.prediction import Denoiser
    from core.diffusion.schedule import NoiseSchedule


def available() -> list[dict]:
    """The record of every finished diffusion model, those that ship first, then the newest. Imports no torch."""
    return library.available("diffusion")


@functools.lru_cache(maxsize=8)
def load(key: str, device: "torch.device | None" = None) -> "tuple[Denoiser, NoiseSchedule, dict]":
    """A model, ready for the samplers, its schedule and its record; kept in memory for the next time.

    Raises core.store.ModelNotFound or DamagedModel.
    """
    from core.diffusion.learned import restore

    weights, record = library.store_of(key).load(key)
    denoiser, schedule = restore(weights, record, device)
    return denoiser, schedule, record
