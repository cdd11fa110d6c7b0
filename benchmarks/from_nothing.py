"""What 45,000 training images make of a fresh network: time, memory, and the share of digits named as asked.

python -m benchmarks.from_nothing
"""

import resource
import time

import torch

from core import neural_network
from core.device import describe, pick, settle_threads
from core.diffusion.guidance import classifier_free
from core.diffusion.learned import DiffusionConfig, train_diffusion
from core.diffusion.prediction import clipped, from_v
from core.diffusion.samplers import dpm_solver_pp

IMAGES, SAMPLES = 45_000, 1_000


def main() -> None:
    settle_threads()
    device = pick()
    config = DiffusionConfig.for_images("mnist", IMAGES // 64)
    began = time.perf_counter()
    *_, state = train_diffusion(config, device)
    took = time.perf_counter() - began
    schedule = config.schedule.build()
    denoiser = clipped(classifier_free(from_v(state.training.average, schedule), 1.5), schedule)
    classifier = neural_network.pretrained("digits", device)
    generator = torch.Generator("cpu").manual_seed(0)
    right = 0
    for _ in range(SAMPLES // 100):
        label = torch.arange(100, device=device) % 10
        noise = torch.randn(100, 1, 28, 28, generator=generator, device="cpu").to(device)
        *_, end = dpm_solver_pp(denoiser, schedule, noise, steps=10, label=label)
        with torch.no_grad():
            right += int((classifier(end.x).argmax(1) == label).sum())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{describe(device)}: {state.training.step * 64:,} images in {took:.0f} s ({state.training.rate:.0f} a second)"
    )
    print(f"named as asked at scale 1.5: {right / SAMPLES:.1%} of {SAMPLES}; peak memory {memory:.2f} GiB")


if __name__ == "__main__":
    main()
