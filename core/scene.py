"""A scene: what a page draws, as plain arrays, worked out from frozen settings.

    @dataclass(frozen=True)
    class Curve(Scene):
        mean: float = 0.0

        def compute(self) -> dict[str, np.ndarray]:
            from core import normal          # torch is imported here, after the first paint
            ...

    arrays = shown(Curve(mean=1.0))          # kept with the project, worked out before, or worked out now

The scenes of a page are in core/scenes/<page>.py. Those that its first paint needs are listed there as FIRST; they are
kept in models/first_paint under their key, so that the first picture waits for no import. `python -m core.first_paint
scenes` works them out again, and a test compares.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "models" / "first_paint"
PAGES = (
    "normal",
    "likelihood",
    "multivariate_normal",
    "gaussian_mixture",
    "em",
    "neural_network",
    "vae",
    "diffusion_theory_back",
    "diffusion_theory_forward",
    "diffusion_theory_losses",
    "diffusion_theory_hierarchy",
    "diffusion_theory_score",
    "diffusion_model_anatomy",
    "guidance_bayes",
    "guidance_scale",
    "guidance_edit",
    "guidance_particles",
    "guidance_pulled",
)
FORMAT = 1  # part of every key: what was kept by another version is not looked at
MOST_BYTES = 64_000_000  # of arrays that are remembered, all sessions together

_log = logging.getLogger(__name__)


class Memory:
    """Arrays by scene, those that were asked for last at the end; how many bytes they are is known at any time."""

    def __init__(self):
        self._lock = threading.Lock()
        self._found: OrderedDict[Scene, Mapping[str, np.ndarray]] = OrderedDict()
        self.bytes = 0

    def get(self, scene: Scene) -> Mapping[str, np.ndarray] | None:
        with self._lock:
            found = self._found.get(scene)
            if found is not None:
                self._found.move_to_end(scene)
            return found

    def put(self, scene: Scene, arrays: Mapping[str, np.ndarray]) -> None:
        with self._lock:
            self.bytes += _size(arrays) - _size(self._found.pop(scene, {}))
            self._found[scene] = arrays
            while len(self._found) > 1 and self.bytes > MOST_BYTES:
                self.bytes -= _size(self._found.popitem(last=False)[1])


_remembered = Memory()


@dataclasses.dataclass(frozen=True)
class Scene:
    """Frozen settings, all of them plain data that can be hashed, and what follows from them."""

    @property
    def key(self) -> str:
        """A name made of the class and all settings."""
        settings = json.dumps([FORMAT, dataclasses.asdict(self)], sort_keys=True)
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"scene-{hashlib.sha256(f'{name} {settings}'.encode()).hexdigest()[:12]}"

    def compute(self) -> Mapping[str, np.ndarray]:
        """The arrays of the scene, by calls of core/; the same settings give the same arrays."""
        raise NotImplementedError


def shown(scene: Scene) -> Mapping[str, np.ndarray]:
    """The arrays of a scene, read-only: as they ship, as they were worked out last, or worked out now."""
    found = at_hand(scene)
    return remember(scene, scene.compute()) if found is None else found


def at_hand(scene: Scene) -> Mapping[str, np.ndarray] | None:
    """The arrays of a scene, read-only, as they ship or were worked out last; None where there is work to do."""
    found = _remembered.get(scene)
    if found is not None:
        return found
    found = _kept(scene.key)
    return None if found is None else remember(scene, found)


def remember(scene: Scene, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Keeps what was worked out in memory for whoever asks next; returns it, read-only.

    Copied, since an array may be a few rows of a large one, all of which a view would hold in memory.
    """
    found = {name: np.asarray(values).copy() for name, values in arrays.items()}
    for array in found.values():
        array.flags.writeable = False
    _remembered.put(scene, found)
    return found


def keep(scene: Scene) -> Path:
    """Works a scene out and keeps it with the project. Returns the file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{scene.key}.npz"
    save(file, **scene.compute())
    return file


def save(file: Path, **arrays: np.ndarray) -> None:
    """Writes an npz, whole or not at all: what was there before stays where the disk takes no more (OSError)."""
    temporary = file.with_suffix(".tmp.npz")
    try:
        np.savez_compressed(temporary, **arrays)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def first() -> Iterator[Scene]:
    """Every scene that a first paint needs."""
    for page in PAGES:
        yield from import_module(f"core.scenes.{page}").FIRST


def _size(arrays: Mapping[str, np.ndarray]) -> int:
    return sum(array.nbytes for array in arrays.values())


def _kept(key: str) -> dict[str, np.ndarray] | None:
    file = FOLDER / f"{key}.npz"
    if not file.is_file():
        return None
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as damage:
        _log.warning("The first paint %s cannot be read (%s); it is worked out again.", key, damage)
        return None
