"""Sheets of digits in rows and columns, each with what the judge sees in it where that is not what was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ui.plane import Words

ROW = 1.16  # of a sheet, in widths of a picture: a little air between the rows


def grid(arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, list[Words]]:
    """The pictures (N, 28, 28) uint8, their boxes (N, 4) and the names of those seen as another digit.

    arrays: labels (C,), images (R, C, 28, 28) in [−1, 1], named (R, C). Row 0 at the top.
    """
    images, seen, labels = arrays["images"], arrays["named"], arrays["labels"]
    rows, columns = seen.shape
    ink = as_ink(images).reshape(-1, 28, 28)
    low = [(c + 0.03, middle(rows, r) - 0.47) for r in range(rows) for c in range(columns)]
    boxes = np.array([(x, y, x + 0.94, y + 0.94) for x, y in low])
    wrong = [
        Words(name=f"wrong{r}_{c}", role="model", x=c + 0.95, y=middle(rows, r) - 0.36, text=f"→{seen[r, c]}",
              align="right")
        for r in range(rows) for c in range(columns) if seen[r, c] != labels[c]
    ]  # fmt: skip
    return ink, boxes, wrong


def middle(rows: int, row: int) -> float:
    """The height of a row's middle."""
    return (rows - 1 - row + 0.5) * ROW


def as_ink(images: np.ndarray) -> np.ndarray:
    """Images in [−1, 1] as uint8, 0 the paper and 255 the ink; what lies outside is cut off."""
    return np.rint((images.clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def gamma(scale: float) -> str:
    """A scale's name on a picture."""
    return f"γ = {plain(scale)}"


def plain(scale: float) -> str:
    """A scale as a number for people."""
    return f"{scale:g}".replace("-", "−")
