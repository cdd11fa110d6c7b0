"""How long a sweep of guidance takes, beside the same sweep made picture by picture, in the same minute.

python -m benchmarks.guidance

Ours: 10 digits at 6 scales from one noise each, 10 network steps of DPM-Solver++, the digits of a scale together and
both predictions from one call. The peer: every picture by itself, and two calls a step, as one writes it from the
formula. Both take turns; medians are compared, and the pictures have to agree. Then the price of a drawing taken back
(6 noises, 12 steps) and of a half filled in (6 noises, 20 steps, 3 looks), as the page asks for them. Seconds are those
on the clock and, in brackets, of the processor: on a quiet machine they agree.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor

from core.device import describe, settle_threads
from core.diffusion.makers import Maker, load
from core.diffusion.prediction import Denoiser, clipped
from core.diffusion.samplers import dpm_solver_pp
from core.scenes.guidance_edit import Fill, Redraw
from core.scenes.guidance_scale import FIXED, STEPS
from core.shipped import key_of_name

SCALES = (*FIXED, 20.0)


def in_two_calls(denoiser: Denoiser, scale: float) -> Denoiser:
    """Guidance as one writes it from the formula."""

    def guided(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        none = denoiser(x, t, None)
        return none + scale * (denoiser(x, t, label) - none)

    return guided


def one_by_one(maker: Maker, noise: Tensor, label: Tensor) -> Tensor:
    """The whole sweep, picture by picture: (60, 1, 28, 28)."""
    ends = []
    for scale in SCALES:
        guided = clipped(in_two_calls(maker.denoiser, scale), maker.schedule)
        for x, y in zip(noise.split(1), label.split(1), strict=True):
            *_, end = dpm_solver_pp(guided, maker.schedule, x, steps=STEPS, label=y)
            ends.append(maker.to_images(end.x))
    return torch.cat(ends).cpu()


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--rounds", type=int, default=5)
    rounds = ask.parse_args().rounds
    settle_threads()
    key = key_of_name("diffusion", "digits")
    maker = load(key)
    label = torch.arange(10, device=maker.device)
    noise = maker.noise(10, torch.Generator("cpu").manual_seed(0))

    def ours() -> Tensor:
        return torch.cat([maker.images(noise, label, scale, STEPS) for scale in SCALES]).cpu()

    work = {"ours": ours, "picture by picture": lambda: one_by_one(maker, noise, label)}
    work |= {"redraw": lambda: Redraw(key).compute(), "fill": lambda: Fill(key).compute()}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        made = {}
        for name, go in work.items():
            began = time.perf_counter(), time.process_time()
            made[name] = go()
            if turn > 0:  # the first round warms up
                seconds[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    # guidance of 8 and 20 multiplies rounding errors too: what is compared is the mean
    apart = float((made["ours"] - made["picture by picture"]).abs().mean())
    median = {name: [statistics.median(part) for part in zip(*values, strict=True)] for name, values in seconds.items()}
    took = {name: f"{clock:.2f} s ({busy:.2f} s)" for name, (clock, busy) in median.items()}
    ratio = median["ours"][1] / median["picture by picture"][1]
    print(f"{describe(maker.device)}; medians of {rounds} rounds")
    print(f"10 digits x {len(SCALES)} scales, {STEPS} steps: {took['ours']}")
    print(f"picture by picture: {took['picture by picture']}; ratio of the processor's seconds {ratio:.2f}")
    print(f"the pictures differ by {apart:.1e} on average")
    print(f"a drawing taken back: {took['redraw']}; a half filled in: {took['fill']} (the judge included)")


if __name__ == "__main__":
    main()
