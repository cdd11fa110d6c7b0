"""What the experiments of step 6 share: numbers for sentences."""

from __future__ import annotations

import numpy as np

from ui import text

ROUNDING = 1e-14  # what is smaller is zero, but for rounding


def until_gone(x: np.ndarray, y: np.ndarray, far: float) -> tuple[np.ndarray, np.ndarray]:
    """A walk (S,), (S,) from within `far`, as far as it can be drawn.

    The first step that ends farther out goes its own way up to there, and what comes after is left out (NaN). Bounding
    each coordinate by itself would turn that step elsewhere.
    """
    x, y = (np.array(v, dtype=float) for v in (x, y))
    out = np.flatnonzero((np.abs(x) > far) | (np.abs(y) > far))
    if not len(out):
        return x, y
    first = int(out[0])
    before, after = (np.array([x[k], y[k]]) for k in (first - 1, first))
    by = after - before
    share = min((np.sign(d) * far - b) / d for b, d in zip(before, by, strict=True) if d)
    x[first], y[first] = before + share * by
    x[first + 1 :], y[first + 1 :] = np.nan, np.nan
    return x, y


def size(value: float, digits: int = 2) -> str:
    """A number for a sentence: a power of ten where it is very small or very large, zero below rounding."""
    if abs(value) < ROUNDING:
        return "0"
    said = text.number(value, digits)
    mantissa, _, exponent = said.partition("e")
    if not exponent:
        return said
    power = str(int(exponent.replace("−", "-"))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{power}"
