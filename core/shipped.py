"""Finding a model that ships by what it is and what it is called, since its key is a hash."""

from typing import TYPE_CHECKING

from core.store import ModelNotFound, shipped

if TYPE_CHECKING:
    from torch import Tensor


def key_of_name(kind: str, name: str) -> str:
    """The key of the newest model that ships under this name. Raises core.store.ModelNotFound if none does.

    kind: "diffusion" or "classifier"; name: as given to `python -m core.train --name`, such as "digits".
    """
    found = [record for record in shipped().records() if (record.get("kind"), record.get("name")) == (kind, name)]
    if not found:
        raise ModelNotFound(f"No {kind} model named {name!r} comes with this version.")
    return max(found, key=lambda record: str(record.get("date", "")))["key"]


def named(kind: str, name: str) -> str:
    """The same, "" where none ships."""
    try:
        return key_of_name(kind, name)
    except ModelNotFound:
        return ""


def find(kind: str, name: str) -> "tuple[dict[str, Tensor], dict]":
    """Weights and record of the model that ships under this name. Raises core.store.ModelNotFound if none does."""
    return shipped().load(key_of_name(kind, name))
