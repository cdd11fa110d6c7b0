"""The diffusion models at hand: those that ship and those that were trained on this machine."""

import functools
from typing import TYPE_CHECKING

from core.store import ModelNotFound, ModelStore, shipped, user_store

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.diffusion.prediction import Denoiser
    from core.diffusion.schedule import NoiseSchedule


def stores() -> tuple[ModelStore, ...]:
    """Where models are looked for, in this order."""
    return shipped(), user_store()


def available() -> list[dict]:
    """The record of every finished diffusion model, those that ship first, then the newest. Imports no torch."""
    found: dict[str, dict] = {}
    for store in stores():
        records = [r for r in store.records() if r.get("kind") == "diffusion"]
        for record in sorted(records, key=lambda r: str(r.get("date", "")), reverse=True):
            found.setdefault(record["key"], record)
    return list(found.values())


def load_weights(key: str) -> "tuple[dict[str, Tensor], dict]":
    """Weights and record of a model. Raises core.store.ModelNotFound, or DamagedModel where its file cannot be read."""
    for store in stores():
        if key in store:
            return store.load(key)
    raise ModelNotFound(f"There is no model {key} on this machine.")


@functools.lru_cache(maxsize=8)
def load(key: str, device: "torch.device | None" = None) -> "tuple[Denoiser, NoiseSchedule, dict]":
    """A model, ready for the samplers, its schedule and its record; kept in memory for the next time.

    Raises core.store.ModelNotFound or DamagedModel.
    """
    from core.diffusion.learned import restore

    weights, record = load_weights(key)
    denoiser, schedule = restore(weights, record, device)
    return denoiser, schedule, record
