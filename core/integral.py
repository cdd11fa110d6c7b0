"""Integrals as sums of rectangles, the way they are introduced at school."""

from collections.abc import Callable

import torch
from torch import Tensor


def edges(low: float, high: float, cells: int) -> Tensor:
    """The ends of `cells` equally wide cells from low to high: (cells + 1,), float64 on the CPU.

    Raises ValueError where there is no cell, or the ends are not finite numbers in their order.
    """
    if cells < 1:
        raise ValueError("An integral needs at least one rectangle.")
    if not (float("-inf") < low < high < float("inf")):
        raise ValueError("An integral needs two finite ends, the lower one first.")
    return torch.linspace(low, high, cells + 1, dtype=torch.float64, device="cpu")


def rectangles(f: Callable[[Tensor], Tensor], low: float, high: float, cells: int) -> tuple[Tensor, Tensor]:
    """Where the rectangles stand, (cells + 1,), and how high each is, (cells,): f in the middle of its cell."""
    ends = edges(low, high, cells)
    return ends, f(0.5 * (ends[1:] + ends[:-1]))


def integral(f: Callable[[Tensor], Tensor], low: float, high: float, cells: int = 2000) -> float:
    """∫ f(x) dx from low to high as the sum of width × height: the midpoint rule.

    Half as wide cells leave a quarter of the error where f is smooth; for a function that has died away, with all its
    slopes, at both ends, as a bell curve has, hardly any error is left.
    """
    ends, heights = rectangles(f, low, high, cells)
    return float((ends[1:] - ends[:-1]) @ heights)
