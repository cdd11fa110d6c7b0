"""What was drawn, as short text that may stand in a URL, and back.

Points are two 16-bit numbers each, on a grid that holds round numbers, after a dot (without it: from an older link, on
65,535 steps whatever the range); strokes a count and two bytes for each point; zlib and base64 without padding
follow. A drawing that would be longer than `LIMIT` characters is thinned, every second point at a time.
Text that cannot be read is a ValueError.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Sequence

OLD_STEPS = 65_535  # the most that 16 bits hold
LIMIT = 3_000  # characters in a URL
MOST = 60_000  # bytes that a text may unpack to
Point = tuple[float, float]


def pack_points(points: Sequence[Sequence[float]], low: float, high: float) -> str:
    """(N, 2) numbers from low to high as text."""
    kept = list(points)
    while len(packed := _wrap(b"".join(_short(p, low, high) for p in kept))) >= LIMIT:
        kept = kept[::2]
    return packed and f".{packed}"


def as_packed(points: Sequence[Sequence[float]], low: float, high: float) -> tuple[Point, ...]:
    """The points as they come back from a link that holds all of them: on the grid, from low to high."""
    return _on_grid(b"".join(_short(p, low, high) for p in points), low, high, _steps(low, high))


def unpack_points(packed: str, low: float, high: float) -> tuple[Point, ...]:
    """The points of a text; ValueError for anything that `pack_points` did not write."""
    steps = _steps(low, high) if packed.startswith(".") else OLD_STEPS
    raw = _unwrap(packed.removeprefix("."))
    if len(raw) % 4:
        raise ValueError("the points are cut short")
    return _on_grid(raw, low, high, steps)


def _on_grid(raw: bytes, low: float, high: float, steps: int) -> tuple[Point, ...]:
    def place(k: int) -> float:
        return round(low + (high - low) * min(k, steps) / steps, 9) + 0.0  # no minus zero

    return tuple((place(x), place(y)) for x, y in struct.iter_unpack("<HH", raw))


def _steps(low: float, high: float) -> int:
    """The steps of the range: as many as fit so that the multiples of 0.001, else of 0.01 …, lie on the grid."""
    for unit in (1_000, 100, 10, 1):
        first, last = round(low * unit), round(high * unit)
        if abs(low * unit - first) + abs(high * unit - last) < 1e-6 and 0 < last - first <= OLD_STEPS:
            return OLD_STEPS // (last - first) * (last - first)
    return OLD_STEPS


def pack_strokes(strokes: Sequence[Sequence[Sequence[float]]]) -> str:
    """Strokes of points from 0 to 1 as text; a stroke of more than 255 points is written as several that join."""
    kept = [list(s) for s in strokes if len(s)]
    while len(packed := _wrap(b"".join(_bytes(s) for s in kept))) > LIMIT:
        if all(len(s) <= 2 for s in kept):
            kept = kept[::2]
        kept = [s if len(s) <= 2 else [*s[:-1:2], s[-1]] for s in kept]
    return packed


def unpack_strokes(packed: str) -> tuple[tuple[Point, ...], ...]:
    """The strokes of a text; ValueError for anything that `pack_strokes` did not write."""
    raw, at, found = _unwrap(packed), 0, []
    while at < len(raw):
        count = raw[at]
        body = raw[at + 1 : at + 1 + 2 * count]
        if not count or len(body) != 2 * count:
            raise ValueError("a stroke is cut short")
        found.append(tuple((x / 255, y / 255) for x, y in zip(body[::2], body[1::2], strict=True)))
        at += 1 + 2 * count
    return tuple(found)


def _bytes(stroke: list) -> bytes:
    out, at = b"", 0
    while at < len(stroke):
        part = stroke[at : at + 255]
        out += bytes([len(part)]) + bytes(round(255 * min(max(float(v), 0.0), 1.0)) for p in part for v in p)
        if at + 255 >= len(stroke):
            break
        at += 254  # the last point of a part is the first of the next, so that the line has no gap
    return out


def _short(point: Sequence[float], low: float, high: float) -> bytes:
    steps = _steps(low, high)
    return struct.pack("<HH", *(round(steps * min(max((float(v) - low) / (high - low), 0.0), 1.0)) for v in point))


def _wrap(raw: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(raw, 9)).rstrip(b"=").decode() if raw else ""


def _unwrap(packed: str) -> bytes:
    if not packed:
        return b""
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        opened = zlib.decompressobj()
        raw = opened.decompress(data, MOST)
        if not opened.eof:
            raise ValueError("the drawing is cut short or too large")
    except (binascii.Error, zlib.error, UnicodeEncodeError) as wrong:
        raise ValueError("this is no drawing") from wrong
    return raw
