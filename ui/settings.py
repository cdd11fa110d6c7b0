"""One thing that a person can set: what it may be, and how it is written in a link. It knows no session.

A value that is allowed is one that a link can hold: numbers of six digits, points on a grid, a drawing that fits. So
the scene on the screen is the one that its link opens, to the last digit. Pages take all of this from `ui.links`,
whose docstring shows each kind.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ui import packing

MAX_TEXT = 4_000  # characters of one value, beyond which it is none of ours
MOST_POINTS = 1_000  # of a canvas that sets no limit of its own


@dataclass(frozen=True)
class Setting:
    """One thing that a person can set. `kind`: whole, real, choice, flag, several, span, points, strokes, rows."""

    key: str
    kind: str
    default: object
    choices: tuple[str | int, ...] = ()
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    columns: tuple[tuple[float, float], ...] = ()  # of rows: the bounds of each number of a row
    most: int = 0  # of rows and points: how many there may be; 0: as many as a link can hold

    @property
    def experiment(self) -> str:
        """Id of the experiment that the setting belongs to: the first two parts of its key."""
        return ".".join(self.key.split(".")[:2])


def whole(key: str, default: int, *, low: int, high: int, step: int = 1) -> Setting:
    """A whole number from low to high."""
    return Setting(key, "whole", default, low=low, high=high, step=step)


def real(key: str, default: float, *, low: float, high: float, step: float) -> Setting:
    """A number from low to high."""
    return Setting(key, "real", float(default), low=low, high=high, step=step)


def choice(key: str, default: str | int, choices: tuple[str | int, ...]) -> Setting:
    """One of a few names, which are never translated."""
    return Setting(key, "choice", default, tuple(choices))


def flag(key: str, default: bool = False) -> Setting:
    """Yes or no."""
    return Setting(key, "flag", default)


def several(key: str, default: tuple[str | int, ...], choices: tuple[str | int, ...]) -> Setting:
    """Any number of a few names, in the order of the choices."""
    return Setting(key, "several", tuple(default), tuple(choices))


def span(key: str, default: tuple[float, float], *, low: float, high: float, step: float) -> Setting:
    """Two numbers, the lower first."""
    return Setting(key, "span", (float(default[0]), float(default[1])), low=low, high=high, step=step)


def points(key: str, default: tuple = (), *, low: float, high: float, most: int = 0) -> Setting:
    """Points of a plane, a tuple of (x, y), both from low to high. 16 bits each in a link."""
    return Setting(key, "points", tuple(default), low=low, high=high, most=most)


def strokes(key: str, default: tuple = ()) -> Setting:
    """What was drawn: a tuple of strokes, each a tuple of (x, y) from 0 to 1. 8 bits each in a link."""
    return Setting(key, "strokes", tuple(default), low=0.0, high=1.0)


def rows(key: str, default: tuple, columns: tuple[tuple[float, float], ...], *, most: int = 8) -> Setting:
    """A few rows of numbers, such as the components of a mixture; `columns` has the bounds of each number of a row."""
    return Setting(key, "rows", tuple(tuple(map(float, row)) for row in default), columns=columns, most=most)


def encode(setting: Setting, value: object) -> str:
    """The value as it stands in a link."""
    match setting.kind:
        case "flag":
            return "1" if value else "0"
        case "several":
            return "-".join(str(v) for v in value)
        case "span":
            return "_".join(_short(v) for v in value)
        case "points":
            return packing.pack_points(value, setting.low, setting.high)
        case "strokes":
            return packing.pack_strokes(value)
        case "rows":
            return "~".join("_".join(_short(v) for v in row) for row in value)
        case "real":
            return _short(value)
        case _:
            return str(value)


def decode(setting: Setting, asked: str) -> tuple[object, str | None]:
    """(value, problem code or None) for a text from a link. Never raises: nonsense gives the default."""
    asked = asked.strip()
    if asked == encode(setting, setting.default):
        return setting.default, None
    if len(asked) > MAX_TEXT:  # the beginning of something else, which may look like a value
        return setting.default, "nonsense"
    try:
        match setting.kind:
            case "flag":
                known = {"1": True, "0": False, "true": True, "false": False}
                return known[asked.lower()], None
            case "choice":
                named = {str(c): c for c in setting.choices}
                return (named[asked], None) if asked in named else _nearest(setting, as_number(asked))
            case "several":
                named = {str(c): c for c in setting.choices}
                parts = [p for p in asked.split("-") if p]
                kept = tuple(c for c in setting.choices if str(c) in parts)
                return kept, None if all(p in named for p in parts) else "dropped"
            case "points":
                return clamp(setting, packing.unpack_points(asked, setting.low, setting.high))
            case "strokes":
                drawn = packing.unpack_strokes(asked)
                if clamp(setting, drawn)[0] != drawn:
                    raise ValueError("more than a link of ours holds")
                return drawn, None
            case "rows":
                return clamp(setting, tuple(tuple(as_number(p) for p in r.split("_")) for r in asked.split("~") if r))
            case "span":
                lower, upper = (as_number(p) for p in asked.split("_"))
                return clamp(setting, (lower, upper))
            case _:
                return clamp(setting, as_number(asked))
    except (ValueError, KeyError, OverflowError):
        return setting.default, "nonsense"


def clamp(setting: Setting, value: object) -> tuple[object, str | None]:
    """(the nearest value that is allowed, a problem code if it is another by more than a link's last digit, else None).

    Raises ValueError for rows of another number of columns.
    """
    match setting.kind:
        case "whole":
            inside = min(max(value, setting.low), setting.high)
            inside = int(setting.low + round((inside - setting.low) / setting.step) * setting.step)
            inside = inside if inside <= setting.high else int(inside - setting.step)
            if inside == value:
                return inside, None
            return inside, "stepped" if setting.low <= value <= setting.high else "clamped"
        case "real":
            return _inside(value, setting.low, setting.high), _out([value], [(setting.low, setting.high)], "clamped")
        case "span":
            ends = tuple(sorted(_inside(v, setting.low, setting.high) for v in value))
            turned = "clamped" if tuple(sorted(value)) != tuple(value) else None
            return ends, turned or _out(value, [(setting.low, setting.high)] * 2, "clamped")
        case "choice":
            return (value, None) if value in setting.choices else (setting.default, "unknown")
        case "several":
            kept = tuple(c for c in setting.choices if c in value)
            return kept, None if len(kept) == len(value) else "dropped"
        case "points":
            kept = tuple(tuple(point) for point in value[: setting.most or MOST_POINTS])
            if kept != setting.default:
                kept = packing.as_packed(kept, setting.low, setting.high)
            return kept, None if len(kept) == len(value) else "too_many"
        case "strokes":
            return packing.unpack_strokes(packing.pack_strokes(value)), None
        case "rows":
            if any(len(row) != len(setting.columns) for row in value):
                raise ValueError("a row has another number of columns")
            kept = tuple(
                tuple(_inside(v, low, high) for v, (low, high) in zip(row, setting.columns, strict=True))
                for row in value[: setting.most]
            )
            if len(kept) < len(value):
                return kept, "too_many"
            return kept, next((p for row in value if (p := _out(row, setting.columns, "clamped_rows"))), None)
        case _:
            return value, None


def from_canvas(setting: Setting, said: object) -> object | None:
    """What a browser says that a setting is now, brought within its bounds; None for what it cannot be."""
    try:
        match setting.kind:
            case "points":
                return clamp(setting, tuple((as_number(x), as_number(y)) for x, y in said))[0]
            case "rows":
                return clamp(setting, tuple(tuple(as_number(v) for v in row) for row in said))[0]
            case "real" | "whole":
                return clamp(setting, as_number(said))[0]
    except (TypeError, ValueError, OverflowError):
        return None
    return None


def as_number(asked: str | float) -> float:
    """The number in a text; ValueError for what is none, or not finite."""
    number = float(asked)
    if not math.isfinite(number) or "_" in str(asked):  # Python reads 1_0 as ten; in a link these are two numbers
        raise ValueError(asked)
    return number


def _nearest(setting: Setting, number: float) -> tuple[object, str | None]:
    """The choice that is the nearest number, and a problem code if it is another; ValueError where none is a number."""
    numbers = {}
    for option in setting.choices:
        with contextlib.suppress(ValueError):
            numbers[option] = as_number(option)
    found = min(numbers, key=lambda option: abs(numbers[option] - number))
    return found, None if numbers[found] == number else "nearest"


def _short(value: float) -> str:
    return f"{float(value):.6g}"


def _inside(value: float, low: float, high: float) -> float:
    """The number as a link writes it, within its bounds."""
    return min(max(float(_short(value)) + 0.0, float(low)), float(high))  # no minus zero


def _out(values: Sequence[float], bounds: Sequence[tuple[float, float]], code: str) -> str | None:
    """The code, if a number lies out of its bounds."""
    return code if any(not low <= v <= high for v, (low, high) in zip(values, bounds, strict=True)) else None
