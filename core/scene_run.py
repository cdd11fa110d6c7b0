"""A scene that takes seconds: it is worked out step by step, and so is a run of core.jobs as well.

A page shows it at once where it is at hand (`core.scene.at_hand`), and otherwise asks the job runner for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from core.scene import Scene


@dataclass(frozen=True, eq=False)
class Working:
    """How far a scene has come; `arrays` are there when it is done."""

    done: int  # steps
    total: int
    arrays: Mapping[str, np.ndarray] | None = None

    @property
    def progress(self) -> float:
        return self.done / max(self.total, 1)


@dataclass(frozen=True)
class SceneRun(Scene):
    """A scene whose work is an iterator of states; the last one holds the arrays. See core.job.RunConfig."""

    short: ClassVar[bool] = True

    def steps(self) -> Iterator[Working]:
        """Works the scene out, one state after each step."""
        raise NotImplementedError

    def compute(self) -> Mapping[str, np.ndarray]:
        *_, last = self.steps()
        return last.arrays

    @property
    def title(self) -> str:
        return type(self).__name__

    def start(self, checkpoint: None = None) -> Iterator[Working]:
        """What the job runner calls; there is nothing to go on from."""
        return self.steps()
