"""What `diffusion_model.mistakes` draws of the book's choice: the same digit and the same noise in two ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.scene import Scene

LEVELS = (100, 250, 400, 550, 700, 850)


@dataclass(frozen=True)
class RangeScene(Scene):
    """A test digit on its way into noise, with pixels in [−1, 1] and in [0, 1], on the cosine schedule of T = 1000.

    Arrays: levels (L,); noised (2, L, 28, 28) float32, each in its own range; std (2,), the standard deviation of all
    test pixels in each range; ratio (2, T), the signal-to-noise ratio ᾱ σ²/(1 − ᾱ) of these data at t = 1 … T; even
    (2,), the first level where it is below one.
    """

    index: int = 0
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import data
        from core.diffusion.forward import add_noise
        from core.diffusion.mistakes import to_minus_one_and_one, to_zero_and_one
        from core.diffusion.schedule import NoiseSchedule

        schedule = NoiseSchedule.cosine(1000)
        images = data.images("mnist", "test").images
        generator = torch.Generator("cpu").manual_seed(self.seed)
        noise = torch.randn(1, 1, 28, 28, generator=generator, device="cpu").expand(len(LEVELS), -1, -1, -1)
        t = torch.tensor(LEVELS, device="cpu")
        noised, spreads = [], []
        for scale in (to_minus_one_and_one, to_zero_and_one):
            x0 = scale(images[self.index][None]).expand(len(LEVELS), -1, -1, -1)
            noised.append(add_noise(schedule, x0, t, noise)[:, 0].numpy())
            spreads.append(float(scale(images[:1000]).double().std()))
        ratio = np.array([std**2 * schedule.signal_to_noise[1:].numpy() for std in spreads])  # (2, T)
        return {
            "levels": np.array(LEVELS),
            "noised": np.stack(noised),
            "std": np.array(spreads),
            "ratio": ratio,
            "even": 1 + np.argmax(ratio < 1, axis=1),
        }
