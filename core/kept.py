"""Checkpoints of runs that have not ended, under `<key>.kept`: in the store, or in memory where it takes nothing."""

import contextlib
import json
from typing import Any

from core.store import ModelNotFound, ModelStore, StoreError

KEPT = ".kept"

Checkpoint = tuple[dict[str, Any], dict[str, Any]]  # tensors by name, and a plain record


class KeptCheckpoints:
    """What runs had learnt when they were last asked. One thread uses it, except for `record` and `forget`."""

    def __init__(self, store: ModelStore | None):
        self._store = store
        self._memory: dict[str, Checkpoint] = {}

    def save(self, key: str, checkpoint: Checkpoint, *, replace: bool = False) -> None:
        """Keep a checkpoint, unless another process has kept more of the same run; `replace` keeps it all the same.

        Raises the store's StoreError after keeping a copy in memory.
        """
        tensors, record = checkpoint
        if self._store is None:
            self._memory[key] = _copied(checkpoint)
            return
        try:
            if replace or not self._is_further(key, record):
                self._store.save(key + KEPT, tensors, record)
            self._memory.pop(key, None)
        except StoreError:
            self._memory[key] = _copied(checkpoint)
            raise

    def load(self, key: str) -> Checkpoint | None:
        """The checkpoint to go on from, on the CPU, or None. Raises StoreError if there is one that cannot be read."""
        if key in self._memory or self._store is None:
            return self._memory.get(key)
        with contextlib.suppress(ModelNotFound):
            return self._store.load(key + KEPT)
        return None

    def record(self, key: str) -> dict[str, Any] | None:
        """The record of the checkpoint without its tensors, or None."""
        if in_memory := self._memory.get(key):
            return in_memory[1]
        if self._store is not None:
            with contextlib.suppress(StoreError):
                return self._store.record(key + KEPT)
        return None

    def records(self) -> list[dict[str, Any]]:
        """The records of all checkpoints in the store, each with the "key" of its run."""
        found = self._store.records(KEPT) if self._store is not None else []
        return [{**record, "key": record["key"].removesuffix(KEPT)} for record in found]

    def interrupted(self) -> list[dict[str, Any]]:
        """Those of runs that nobody has ended and whose result is not in the store."""
        return [r for r in self.records() if not r.get("kept_ended") and r["key"] not in self._store]

    def remove(self, key: str) -> None:
        """Forget the checkpoint of a run that has ended; if the store cannot, it is evicted one day."""
        self._memory.pop(key, None)
        if self._store is not None:
            with contextlib.suppress(StoreError):
                self._store.remove(key + KEPT)

    def forget(self, key: str) -> None:
        """Give the memory back; what is in the store stays."""
        self._memory.pop(key, None)

    def _is_further(self, key: str, record: dict[str, Any]) -> bool:
        with contextlib.suppress(StoreError):
            return _reach(self._store.record(key + KEPT)) > _reach(record)
        return False


def _reach(record: dict[str, Any]) -> float:
    """How far a checkpoint is, comparable among those of one run."""
    return float(record.get("step", record.get("kept_progress", 0.0)))


def _copied(checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint as the store would give it back: on the CPU, apart from the run, the record as plain JSON."""
    tensors, record = checkpoint
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}, json.loads(json.dumps(record))
