"""How long a sheet of digits takes, beside the book's own way on the same machine in the same minute.

python -m benchmarks.sampling

Ours: 16 guided digits, 10 network steps of DPM-Solver++. The book's: 20 images, 1,000 steps of DDPM with a network of
64-128-256 channels; 20 of its steps are timed and scaled. Both take turns; medians are compared.
"""

import argparse
import itertools
import statistics
import time

import torch

from benchmarks.book_unet import BookUNet
from core import diffusion
from core.device import describe, pick, settle_threads
from core.diffusion.guidance import classifier_free
from core.diffusion.prediction import clipped
from core.diffusion.samplers import ddpm, dpm_solver_pp
from core.diffusion.schedule import NoiseSchedule

OURS, STEPS, BOOKS, TIMED = 16, 10, 20, 20


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--rounds", type=int, default=5)
    rounds = ask.parse_args().rounds
    settle_threads()
    device = pick()
    denoiser, schedule = diffusion.pretrained("digits", device)
    guided = clipped(classifier_free(denoiser, 1.5), schedule)
    book, book_schedule = BookUNet().to(device).eval(), NoiseSchedule.linear(1000)
    label = torch.arange(OURS, device=device) % 10
    generator = torch.Generator("cpu").manual_seed(0)

    def ours() -> None:
        noise = torch.randn(OURS, 1, 28, 28, generator=generator, device="cpu").to(device)
        *_, end = dpm_solver_pp(guided, schedule, noise, steps=STEPS, label=label)
        end.x.cpu()

    def books() -> None:
        noise = torch.randn(BOOKS, 1, 28, 28, generator=generator, device="cpu").to(device)
        *_, end = itertools.islice(ddpm(book, book_schedule, noise, generator=generator), TIMED + 1)
        end.x.cpu()

    seconds: dict[str, list[float]] = {"ours": [], "book": []}
    for _ in range(rounds + 1):
        for name, work in (("ours", ours), ("book", books)):
            began = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began)
    sheet = statistics.median(seconds["ours"][1:])  # the first round warms up
    whole = statistics.median(seconds["book"][1:]) / TIMED * 1000
    each, book_each = sheet / OURS, whole / BOOKS
    evaluation, book_evaluation = each / (2 * STEPS), book_each / 1000  # guidance asks twice a step
    print(f"{describe(device)}; medians of {rounds} rounds")
    print(f"16 guided digits in 10 network steps: {sheet:.3f} s")
    print(f"the book's way, 20 images in 1,000 steps: {whole:.0f} s (from {TIMED} steps)")
    print(
        f"per image: {book_each / each:.0f} times faster; per image and evaluation: {book_evaluation / evaluation:.1f}"
    )


if __name__ == "__main__":
    main()
