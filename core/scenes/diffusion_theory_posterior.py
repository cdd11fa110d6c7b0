"""What `diffusion_theory.posterior` draws: one step back for one number, at every level of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.scene import Scene


@dataclass(frozen=True)
class StepBack(Scene):
    """All that q(x_{t−1} | x_t, x_0) depends on, (T+1,) each; index 0 is not used.

    Arrays: alpha, beta, alpha_bar; of_x0, of_x and variance, the weights of the mean and the variance.
    """

    schedule: str = "cosine"  # or "linear"
    T: int = 10

    def compute(self) -> Mapping[str, np.ndarray]:
        from core.diffusion.bound import posterior
        from core.diffusion.schedule import NoiseSchedule

        schedule = NoiseSchedule.cosine(self.T) if self.schedule == "cosine" else NoiseSchedule.linear(self.T)
        back = posterior(schedule)
        return {
            "alpha": schedule.alpha.numpy(),
            "beta": schedule.beta.numpy(),
            "alpha_bar": schedule.alpha_bar.numpy(),
            "of_x0": back.of_x0.numpy(),
            "of_x": back.of_x.numpy(),
            "variance": back.variance.numpy(),
        }
