"""The page's question: humps at ±2, a perfect network, one jump from x_T. Where do all points land?"""

from __future__ import annotations

import numpy as np

from core import scene
from core.scenes.diffusion_theory_back import OneJump
from ui import text


def answer() -> tuple[str, dict[str, object]]:
    """Where the exact denoiser sends them, and how much of the data lies there."""
    a = scene.shown(OneJump())
    ends = a["ends"]
    farthest = float(np.abs(ends).max())
    right = "between" if farthest < 1 else "humps"
    said = {"n": f"{len(ends):,}", "mean": text.number(float(ends.mean()), 1), "farthest": text.number(farthest, 1)}
    return right, said | {"ratio": text.number(float(a["ratio"]), 1)}
