"""The VAEs at hand: see core/library.py. Importing it imports no torch."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from core import library
from core.store import DamagedModel

if TYPE_CHECKING:
    from core.vae import VAE
    from core.vae_learned import History


def available() -> list[dict]:
    """The record of every finished VAE, those that ship first, then the newest."""
    return library.available("vae")


def key_named(name: str) -> str:
    """The key of the first model of that name, "" where there is none."""
    return next((record["key"] for record in available() if record.get("name") == name), "")


def record(key: str) -> dict:
    """The record of a model. Raises core.store.ModelNotFound or DamagedModel."""
    return library.store_of(key).record(key)


@functools.lru_cache(maxsize=6)
def load(key: str) -> VAE:
    """A model on the CPU, in evaluation mode. Raises core.store.ModelNotFound or DamagedModel."""
    import torch

    from core.vae_learned import restore_vae

    return restore_vae(*library.store_of(key).load(key), torch.device("cpu"))


@functools.lru_cache(maxsize=6)
def history(key: str) -> History:
    """How a model came about. Raises core.store.ModelNotFound or DamagedModel."""
    from core.vae_learned import history_of

    return history_of(*library.store_of(key).load(key))


@functools.lru_cache(maxsize=2)
def decoder(key: str) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Weights (out, in) and biases (out,) of an MLP decoder, layer by layer, float32; without torch.

    Raises core.store.ModelNotFound, or DamagedModel where the file is not that of such a VAE.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    store = library.store_of(key)
    body = record(key)["config"]["network"]["body"]
    try:
        tensors = load_file(store.folder / f"{key}.safetensors")
    except (OSError, SafetensorError) as problem:
        raise DamagedModel(f"The model {key} cannot be read ({problem}).") from problem
    names = sorted(n for n in tensors if n.startswith("decoder.0.") and n.endswith(".weight"))
    if body != "mlp" or not names or "decoder.1.weight" not in tensors:
        raise DamagedModel(f"The decoder of {key} is no perceptron.")
    ends = [name.removesuffix("weight") for name in (*names, "decoder.1.weight")]
    return tuple((tensors[f"{end}weight"], tensors[f"{end}bias"]) for end in ends)
