"""What the experiments of step 3 share: numbers and matrices in formulas, and the two-dimensional axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from ui import text
from ui.plane import Axis

PAGE = "multivariate_normal"


def decimal(value: float, digits: int = 2) -> str:
    """A number for a formula: so many decimals, no minus before a zero, powers of ten where decimals say nothing."""
    value = float(value)
    if not np.isfinite(value):
        return r"\text{–}" if np.isnan(value) else (r"\infty" if value > 0 else r"-\infty")
    if value and not 10.0**-digits <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    shown = f"{value:.{digits}f}"
    return shown.lstrip("-") if float(shown) == 0 else shown


def matrix(rows: Sequence[Sequence[float]] | np.ndarray, digits: int = 2) -> str:
    """A matrix, or a column where each row is one number, as LaTeX."""
    lines = [" & ".join(decimal(v, digits) for v in np.atleast_1d(row)) for row in rows]
    return r"\begin{pmatrix} " + r" \\ ".join(lines) + r" \end{pmatrix}"


def formula(*parts: str) -> None:
    """Formulas with numbers in them, beside one another where there is room."""
    with st.container(horizontal=True, vertical_alignment="center", gap="large"):
        for part in parts:
            st.container(width="content").latex(text.coloured(part))


def axes(wide: float, high: float) -> tuple[Axis, Axis]:
    """x and y, without a unit, to `wide` and `high` on both sides."""
    t = text.current()
    return tuple(Axis(t.words(f"{PAGE}.axis.{name}"), -end, end) for name, end in (("x", wide), ("y", high)))
