"""The models at hand: those that ship and those that were trained on this machine. Importing it imports no torch."""

from core.store import ModelNotFound, ModelStore, shipped, user_store


def stores() -> tuple[ModelStore, ...]:
    """Where models are looked for, in this order."""
    return shipped(), user_store()


def available(kind: str) -> list[dict]:
    """The record of every finished model of a kind ("diffusion", "vae", …), those that ship first, then the newest."""
    found: dict[str, dict] = {}
    for store in stores():
        records = [r for r in store.records() if r.get("kind") == kind]
        for record in sorted(records, key=lambda r: str(r.get("date", "")), reverse=True):
            found.setdefault(record["key"], record)
    return list(found.values())


def store_of(key: str) -> ModelStore:
    """The first store that has a model. Raises core.store.ModelNotFound where none does."""
    for store in stores():
        if key in store:
            return store
    raise ModelNotFound(f"There is no model {key} on this machine.")
