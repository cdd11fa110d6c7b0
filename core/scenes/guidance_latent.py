"""What `guidance.latent` draws: digits by diffusion over pixels and over the codes of a VAE, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.scene_run import SceneRun, Working

EACH = 2  # of each digit


@dataclass(frozen=True)
class Side(SceneRun):
    """Ten digits, twice, by label and seed: over pixels, over codes, and by the VAE alone.

    Arrays: pixels, codes, alone (20, 28, 28) float32 in [−1, 1], the labels 0 … 9 again and again; pixels_named,
    codes_named (20,) uint8; call (2,) int64, multiply-adds of one network call for one picture, over pixels and codes;
    decoder () int64, once a picture; seconds (2,) float64 of the whole sheet, on this machine just now.
    """

    pixels: str
    codes: str
    scale: float = 1.5
    sampler_steps: int = 10
    seed: int = 0

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.judge import Judge
        from core.diffusion.makers import load
        from core.operations import multiply_adds

        over_pixels, over_codes, judge = load(self.pixels), load(self.codes), Judge()
        label = torch.arange(10, device="cpu").repeat(EACH)
        sheets, seconds, calls = [], [], []
        yield Working(0, 3)
        for done, maker in enumerate((over_pixels, over_codes), start=1):
            generator = torch.Generator("cpu").manual_seed(self.seed)
            noise = maker.noise(len(label), generator)
            maker.images(noise[:1], label[:1], self.scale, 1)  # the first call of a network is slower than the others
            began = time.perf_counter()
            sheets.append(maker.images(noise, label, self.scale, self.sampler_steps).cpu())
            seconds.append(time.perf_counter() - began)
            one = torch.ones(1, dtype=torch.int64, device=maker.device)
            calls.append(multiply_adds(maker.network, noise[:1], one))
            yield Working(done, 3)
        code = over_codes.noise(len(label), torch.Generator("cpu").manual_seed(self.seed))
        decoder = multiply_adds(over_codes.vae.decoder, code[:1])
        with torch.no_grad():
            alone = over_codes.vae.mean_image(code).clamp(0, 1) * 2 - 1
        yield Working(
            3,
            3,
            {
                "pixels": sheets[0][:, 0].numpy(),
                "codes": sheets[1][:, 0].numpy(),
                "alone": alone[:, 0].cpu().numpy(),
                "pixels_named": judge.look(sheets[0]).named.numpy().astype(np.uint8),
                "codes_named": judge.look(sheets[1]).named.numpy().astype(np.uint8),
                "call": np.array(calls),
                "decoder": np.array(decoder),
                "seconds": np.array(seconds),
            },
        )


def operations(call: int, decoder: int, steps: int, scale: float) -> int:
    """Multiply-adds of a whole picture: guidance asks twice a step, except at scale 0 and 1; the decoder draws once."""
    return call * steps * (1 if scale in (0, 1) else 2) + decoder
