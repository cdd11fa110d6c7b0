"""States that ship with the project, so that a page is a finished picture before anything heavy is imported.

    first_paint.load("diffusion_model")            the arrays of models/first_paint/<page>.npz, or None
    first_paint.road_picture("diffusion_model")    the picture of that step on the road, or None

For the road the file holds either `road_frames`, uint8 (F, N, H, W), 0 paper and 255 ink, the first frame the start and
the last one the end, and `road_levels`, integers (F,), the t of each frame (about 17 frames of 24 images look best); or
points and lines, `road_<points|lines|areas>_<role>`, float32 (F, N, 2) or (F, L, P, 2) in a box from 0 to 1.
"""

from __future__ import annotations

import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from ui import road

FOLDER = Path(__file__).resolve().parents[1] / "models" / "first_paint"


def load(page_id: str) -> dict[str, np.ndarray] | None:
    """The arrays of a page's first paint, read-only; None where the file is missing or damaged."""
    file = FOLDER / f"{page_id}.npz"
    return _load(file, file.stat().st_mtime_ns) if file.is_file() else None


@lru_cache(maxsize=16)
def _load(file: Path, stamp: int) -> dict[str, np.ndarray] | None:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    for array in found.values():
        array.flags.writeable = False
    return found


def road_picture(step_id: str) -> road.Picture | road.Sketch | None:
    """The step's picture on the road; None where its first paint has none that can be drawn."""
    arrays = load(step_id) or {}
    drawn = {name.removeprefix("road_"): a for name, a in arrays.items() if road.SKETCHED.fullmatch(name)}
    try:
        if drawn:
            return road.Sketch(drawn)
        if not {"road_frames", "road_levels"} <= set(arrays):
            return None
        return road.Picture(arrays["road_frames"], tuple(int(t) for t in arrays["road_levels"]))
    except (ValueError, TypeError):
        return None
