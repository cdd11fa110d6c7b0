"""The page's question: how high is a narrow density, and how likely is a single point?"""

from __future__ import annotations

from ui import text

OPTIONS = ("zero", "equal", "one")
STD = 0.1
NEAR = 0.001


def answer() -> tuple[str, dict[str, object]]:
    """Height, probability of the point and of a short stretch around it, computed now."""
    from core import normal

    peak = float(normal.prob(0.0, 0.0, STD))
    point = float(normal.interval_probability(0.0, 0.0, 0.0, STD))
    stretch = float(normal.interval_probability(-NEAR / 2, NEAR / 2, 0.0, STD))
    right = "zero" if point == 0 and peak > 1 else "equal" if point == peak else "one"
    numbers = {"peak": peak, "point": point, "width": NEAR, "stretch": stretch}
    return right, {name: text.number(value, 3) for name, value in numbers.items()}
