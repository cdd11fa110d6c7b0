"""The sketchpad: a square to draw in with mouse, finger, pen or arrow keys.

from ui.sketchpad import LABELS, sketchpad

sketch = sketchpad(key="diffusion_model.train.shape", labels={name: t.label(f"sketchpad.{name}") for name in LABELS})
sketch.strokes    # (((x, y), ...), ...) in the unit square, y down; after every stroke a rerun follows
sketch.done       # True in the one run that follows a press of "done"
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ui import component

Stroke = tuple[tuple[float, float], ...]

LABELS = ("pad", "keys", "tools", "undo", "clear", "done", "invite", "full")
"""Labels, each translated: the pad's name, how its keys work, the name of the row of buttons, the buttons (without
``done`` there is no such button), ``invite``, shown while the pad is empty, and ``full``, shown when nothing more can
be drawn, a template with {strokes} and {points}."""
MAX_STROKES = 64
MAX_POINTS = 1500

_render = component.declare("sketchpad")


@dataclass(frozen=True)
class Sketch:
    """What is on the pad: polylines in the unit square, y down; a stroke of one point is a dot."""

    strokes: tuple[Stroke, ...]
    done: bool = False


def clean(strokes: object, *, max_strokes: int = MAX_STROKES, max_points: int = MAX_POINTS) -> tuple[Stroke, ...]:
    """Whatever came from a link or a browser, as strokes: within the square, rounded to 3 decimals, capped in number.

    What is no stroke, or no point of one, is left out.
    """
    kept: list[Stroke] = []
    room = max_points
    for stroke in strokes if _is_list(strokes) else ():
        points = [p for p in map(_point, stroke if _is_list(stroke) else ()) if p is not None][:room]
        if points and len(kept) < max_strokes:
            kept.append(tuple(points))
            room -= len(points)
    return tuple(kept)


def encode(
    *,
    key: str,
    labels: Mapping[str, str],
    strokes: Iterable[Iterable[tuple[float, float]]] = (),
    height: int = 320,
    pen: float = 0.012,
    role: str = "data",
    grid: bool = True,
    scene: str = "",
    backdrop: np.ndarray | None = None,
    max_strokes: int = MAX_STROKES,
    max_points: int = MAX_POINTS,
) -> bytes:
    """The message of `sketchpad`. Raises ValueError if a label is missing."""
    missing = [name for name in LABELS if name not in labels and name != "done"]
    if missing:
        raise ValueError(f"the sketchpad lacks the labels {', '.join(missing)}")
    start = clean(list(strokes), max_strokes=max_strokes, max_points=max_points)
    header = {
        "key": key,
        "labels": {name: labels[name] for name in LABELS if name in labels},
        "strokes": start,
        "height": height,
        "pen": pen,
        "role": role,
        "grid": grid,
        "scene": scene,
        "limit": {"strokes": max_strokes, "points": max_points},
    }
    if backdrop is None:
        return component.encode(header, {})
    picture = np.ascontiguousarray(backdrop, np.uint8)
    header["backdrop"] = list(picture.shape)
    return component.encode(header, {"backdrop": picture})


def sketchpad(
    *,
    key: str,
    labels: Mapping[str, str],
    strokes: Iterable[Iterable[tuple[float, float]]] = (),
    height: int = 320,
    pen: float = 0.012,
    role: str = "data",
    grid: bool = True,
    scene: str = "",
    backdrop: np.ndarray | None = None,
    max_strokes: int = MAX_STROKES,
    max_points: int = MAX_POINTS,
) -> Sketch:
    """Draw the pad and say what is on it.

    strokes  what is on it at first (from a link, an example); when this changes, the pad shows it
    height   its side in CSS pixels, where there is room
    pen      thickness of the line as a part of the side: 0.012 for a shape, about 0.08 for a digit
    role     whose colour the line takes: a role of ui.colours
    grid     quarter lines
    scene    names what is drawn; when it changes, the pad begins anew with `strokes`
    backdrop a picture under the drawing, (H, W) uint8, 0 the paper and 255 the ink
    """
    start = [list(stroke) for stroke in strokes]
    message = encode(
        key=key,
        labels=labels,
        strokes=start,
        height=height,
        pen=pen,
        role=role,
        grid=grid,
        scene=scene,
        backdrop=backdrop,
        max_strokes=max_strokes,
        max_points=max_points,
    )
    result = _render(key=key, data=message, default={"strokes": None}, on_strokes_change=_heard, on_done_change=_heard)
    drawn = start if result.strokes is None else result.strokes
    return Sketch(clean(drawn, max_strokes=max_strokes, max_points=max_points), bool(result.done))


def _heard() -> None:
    """Streamlit keeps a component's state only where somebody listens to it."""


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _point(point: object) -> tuple[float, float] | None:
    if not _is_list(point) or len(point) != 2:
        return None
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in point):
        return None
    return tuple(round(min(1.0, max(0.0, float(v))), 3) for v in point)
