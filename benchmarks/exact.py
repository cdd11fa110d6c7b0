"""How long exact scores take: 2,000 particles through 200 levels of a mixture of three normal distributions.

python -m benchmarks.exact
"""

import statistics
import time

import torch

from core import shapes
from core.device import describe, pick, settle_threads
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.samplers import ddim
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture


def main() -> None:
    settle_threads()
    schedule = NoiseSchedule.cosine(1000)
    denoiser = MixtureDenoiser(GaussianMixture(*shapes.blobs_mixture()), schedule)
    start = torch.randn(2000, 2, generator=torch.Generator("cpu").manual_seed(0), device="cpu").to(pick())
    seconds = []
    for _ in range(6):
        began = time.perf_counter()
        for end in ddim(denoiser, schedule, start, steps=200):
            last = end.x
        last.cpu()
        seconds.append(time.perf_counter() - began)
    print(f"{describe(pick())}: 2,000 particles, 200 levels: {statistics.median(seconds[1:]):.3f} s")


if __name__ == "__main__":
    main()
