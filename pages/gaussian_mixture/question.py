"""The page's question: whose is (−5, 0) under the book's mixture for the geyser?"""

from __future__ import annotations

from core import scene
from core.scenes import gaussian_mixture as scenes
from pages.gaussian_mixture import common

PLACE = (-5.0, 0.0)  # minutes
OPTIONS = ("short", "long", "half")


def answer() -> tuple[str, dict[str, object]]:
    """Whose the place is, with the responsibilities and what they follow from."""
    found = scene.shown(scenes.QueryScene(None, *PLACE))
    short, long = found["responsibilities"]
    right = "half" if abs(short - long) < 0.1 else "short" if short > long else "long"
    squared = [float(d) ** 2 for d in found["distances"]]
    return right, {
        "away_short": f"{found['away'][0]:.1f}",
        "away_long": f"{found['away'][1]:.1f}",
        "squared_short": f"{squared[0]:.0f}",
        "squared_long": f"{squared[1]:.0f}",
        "share": common.from_log(float(found["log_joint"][0] - found["log_density"])),
        "density": common.from_log(float(found["log_density"])),
    }
