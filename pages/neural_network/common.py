"""What the experiments of step 6 share: numbers for sentences."""

from __future__ import annotations

from ui import text

ROUNDING = 1e-14  # what is smaller is zero, but for rounding


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
