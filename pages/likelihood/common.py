"""What the experiments of step 2 share: code under its names, points on a line, and numbers for sentences."""

from __future__ import annotations

import math

import numpy as np

from ui import text

ENDS = (-6.0, 6.0)  # of the line that points lie on, and of μ
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def row(*xs: float) -> tuple[tuple[float, float], ...]:
    """Points on the line."""
    return tuple((x, 0.0) for x in xs)


def places(points: tuple[tuple[float, float], ...]) -> tuple[float, ...]:
    """The x of points. A link keeps 16 bits of each: one that had two decimals gets them back, so that equal points
    stay where they were put, and a walk that starts exactly there stays on them."""
    xs = (x for x, _ in points)
    return tuple(round(x, 2) if abs(x - round(x, 2)) < 1e-4 else round(x, 6) for x in xs)


def number(value: float) -> str:
    """A log-likelihood or a parameter, with two decimals and a true minus sign."""
    return f"{round(value, 2) + 0.0:,.2f}".replace("-", "−")  # + 0.0: no minus zero


def power_of_log(value: float) -> str:
    """exp(value) as `power` writes it, also where it is too small or too large for a floating-point number."""
    if abs(value) < 600:
        return power(math.exp(value))
    exponent = math.floor(value / math.log(10))
    factor = 10 ** (value / math.log(10) - exponent)
    if round(factor, 2) >= 10:
        factor, exponent = factor / 10, exponent + 1
    return f"{factor:.2f}\u00a0×\u00a010{str(exponent).translate(RAISED)}"


def power(value: float) -> str:
    """A number of any size with three digits, small and large ones as 8.45 × 10⁻⁹, which no line end tears apart."""
    if value == 0 or 1e-3 <= abs(value) < 1e4 or not np.isfinite(value):
        return text.number(value)
    digits, _, exponent = f"{value:.2e}".replace("-", "−", value < 0).partition("e")
    return f"{digits}\u00a0×\u00a010{str(int(exponent)).translate(RAISED)}"
