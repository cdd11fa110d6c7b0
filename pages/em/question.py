"""The page's question: by how much does an E step raise the log-likelihood?"""

from __future__ import annotations

import numpy as np

from core import scene
from core.scenes.em import HalfSteps
from pages.em import common


def answer() -> tuple[str, dict[str, object]]:
    """What every E of the book's run changed: the log-likelihood, and the bound."""
    a = scene.shown(HalfSteps())
    e_steps = np.flatnonzero(a["phase"] == 1)
    moved = float(np.abs(a["log_likelihood"][e_steps] - a["log_likelihood"][e_steps - 1]).max())
    raised = a["lower_bound"][e_steps[1:]] - a["lower_bound"][e_steps[1:] - 1]
    right = "nothing" if moved == 0 else "little"
    return right, {"n": len(e_steps), "moved": f"{moved:g}", "raised": common.gap(float(raised.max()))}
