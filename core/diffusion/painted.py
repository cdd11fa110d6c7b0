"""A noise schedule painted by hand: ᾱ as a curve over the way from the data (0) to the end (1)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from core.diffusion.schedule import NoiseSchedule

KNOTS = 16  # places of the way at which a height is painted: 1/16, 2/16, … 1; at 0 there are the clean data, ᾱ = 1
LOWEST = 1e-5  # of a painted height: nothing of the data at all would need infinitely much noise
STANDSTILL = 1e-9  # the β of a step that was painted without any noise


@dataclass(frozen=True, eq=False)
class Painted:
    """The schedule that comes nearest to a painting, and where that had to be put right."""

    schedule: NoiseSchedule
    rise: tuple[float, float] | None  # from, to: the part of the way in which the painting rises most; None: nowhere
    added: float  # by how much it rises there


def painted(heights: Sequence[float], T: int) -> Painted:
    """The schedule of T levels whose ᾱ follows straight lines through (0, 1) and the heights at 1/K, 2/K, … 1.

    ᾱ_t is a product of numbers below 1 and can only fall: where the painting rises above the lowest height so far, that
    height is kept. Heights are held between 10⁻⁵ and 1. Raises ValueError for no heights, or one that is not finite.
    """
    if not len(heights) or not all(math.isfinite(h) for h in heights):
        raise ValueError("A painted schedule needs at least one height, and all of them finite.")
    wished = torch.tensor([1.0, *heights], dtype=torch.float64, device="cpu").clamp(LOWEST, 1)
    lowest = wished.cummin(dim=0).values  # (K+1,)
    above = wished - lowest  # (K+1,)
    added, highest = float(above.max()), int(above.argmax())
    kept = [k for k, high in enumerate(above.gt(0).tolist()) if not high]  # the knots where the painting holds
    first = max((k for k in kept if k < highest), default=0)
    end = min((k for k in kept if k > highest), default=len(wished))
    rise = (first / len(heights), (end - 1) / len(heights)) if added > 0 else None
    place = torch.arange(1, T + 1, dtype=torch.float64, device="cpu") / T * len(heights)  # t/T in knots: (T,)
    left = place.ceil().long().clamp(1, len(heights)) - 1
    alpha_bar = lowest[left] + (place - left) * (lowest[left + 1] - lowest[left])
    before = torch.cat([torch.ones(1, dtype=torch.float64, device="cpu"), alpha_bar[:-1]])
    return Painted(NoiseSchedule.from_beta((1 - alpha_bar / before).clamp(STANDSTILL, 1 - 1e-9)), rise, added)
