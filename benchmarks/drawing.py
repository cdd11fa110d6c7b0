"""How long a model of a shape that a person drew takes to learn, and how near its particles come to the drawing.

python -m benchmarks.drawing
"""

import math
import time

import torch

from core import shapes
from core.device import describe, pick, settle_threads
from core.diffusion.learned import DiffusionConfig, train_diffusion
from core.diffusion.prediction import from_v
from core.diffusion.samplers import ddim
from core.metrics import energy_distance

STEPS, SAMPLES, ASKED = 2_000, 2_000, 20.0  # the page's medium length; seconds
SPIRAL = tuple(
    (0.5 + r * math.cos(a), 0.5 + r * math.sin(a)) for k in range(60) for a, r in ((k / 6, 0.05 + 0.4 * k / 60),)
)


def main() -> None:
    settle_threads()
    device, generator = pick(), torch.Generator("cpu").manual_seed(1)
    config = DiffusionConfig.for_points("drawing", STEPS, (SPIRAL,))
    began, worked = time.perf_counter(), time.process_time()
    *_, state = train_diffusion(config, device)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    schedule = config.schedule.build()
    start = torch.randn(SAMPLES, 2, generator=generator, device="cpu").to(device)
    *_, end = ddim(from_v(state.training.average, schedule), schedule, start, steps=50)
    real, other = (shapes.points_along((SPIRAL,), SAMPLES, generator) for _ in range(2))
    far, chance = energy_distance(end.x, real), energy_distance(real, other)
    print(f"{describe(device)}: {STEPS:,} updates in {took:.1f} s, {worked:.1f} s of CPU (asked for: {ASKED:.0f} s)")
    print(f"energy distance of {SAMPLES:,} particles to the drawing {far:.4f}; drawing to drawing {chance:.4f}")


if __name__ == "__main__":
    main()
