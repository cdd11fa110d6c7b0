"""The plane: pictures of one or two dimensions that a person edits with mouse, finger or keys.

    from ui.plane import Axis, Cloud, Density, Dot, Normal, Panel, plane

    state = plane(
        [
            Panel(
                name="data",
                x=Axis(t.words("normal.axis.x"), -6, 6),
                y=Axis(t.words("normal.axis.density"), 0, 1),
                layers=[Density(name="curve", model=Normal("mean", "std"), role="model")],
                handles=[Dot(name="mean", x="mean", y=0.0, label=t.words("normal.parameters.mean"))],
                note="μ = {mean:2}, σ = {std:2}",
            ),
        ],
        key="normal.parameters.plane",
        values={"mean": MEAN, "std": STD},  # settings of ui/links.py: what a person drags is in the link
    )
    state.frame, state.picked

`layers.py` beside this file lists what can be drawn, `parts.py` the handles, `models.py` the densities that follow a
finger. The panels of one plane stand side by side and share its values, its frames and its transport. What is dragged
changes at once in every panel; when it is let go, the settings take the new values (before the rerun, so that a slider
of the same setting stands right) and a rerun follows.

A value is a setting of kind real or whole (a number), points (a list of (x, y)) or rows (a list of rows).
With `frames`, one text for each, arrays with a dimension more in front change from frame to frame, and a transport bar
plays, steps and scrubs them without asking the server. Text in the browser is never HTML.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from ui import component, links, text
from ui.links import Setting
from ui.plane.layers import (
    COMPONENTS,
    Arrows,
    Band,
    Bars,
    Cloud,
    Contours,
    Curve,
    Density,
    Ellipses,
    Heat,
    Layer,
    Mapped,
    Paths,
    Photographs,
    Pictures,
    Rule,
    Slopes,
    Sticks,
    Surface,
    Words,
)
from ui.plane.models import (
    Conditional,
    DensityAt,
    Gaussian,
    Linear,
    LogLikelihood,
    MahalanobisAt,
    Marginal,
    Mixture,
    MomentOf,
    Noised,
    Normal,
    Probability,
)
from ui.plane.parts import (
    Axis,
    Components,
    Dot,
    Editor,
    Ellipse,
    Line,
    Painter,
    Panel,
)

__all__ = [
    "COMPONENTS", "Arrows", "Axis", "Band", "Bars", "Cloud", "Components", "Conditional", "Contours", "Curve",
    "Density", "DensityAt", "Dot", "Editor", "Ellipse", "Ellipses", "Gaussian", "Heat", "Layer", "Line", "Linear",
    "LogLikelihood", "MahalanobisAt", "Mapped", "Marginal", "Mixture", "MomentOf", "Noised", "Normal", "Painter",
    "Panel",
    "Paths", "Photographs", "Pictures", "PlaneState", "Probability", "Rule", "Slopes", "Sticks", "Surface", "Words",
    "encode", "plane",
]  # fmt: skip

OWN_LABELS = ("plane", "keys", "undo", "clear", "remove", "full", "turn")
TRANSPORT_LABELS = ("transport", "reset", "back", "play", "pause", "forward", "scrub", "speed", "between")
MAX_FRAMES = 400
KINDS = ("real", "whole", "points", "rows")

_render = component.declare("plane")


@dataclass(frozen=True)
class PlaneState:
    """Where a plane rests: its frame, and the point that was picked, as (layer's name, index), or None."""

    frame: int = 0
    picked: tuple[str, int] | None = None


def plane(
    panels: Sequence[Panel],
    *,
    key: str,
    values: Mapping[str, Setting] | None = None,
    frames: Sequence[str] = (),
    start: int = -1,
    scene: str = "",
    **look: Any,
) -> PlaneState:
    """Draw a plane and say where it rests. What only the browser uses (`look`) is listed in `encode`.

    panels   1 to 4, side by side where there is room
    values   what handles move, by the names that layers and handles use; each is a setting of ui/links.py
    frames   a text for each frame, shown top left ("step 3"); the part after " · " is drawn quieter
    start    the frame of the first paint; negative counts from the end
    scene    names what is shown; when it changes, the plane goes to `start` anew. A new message otherwise keeps the
             frame, and at the end stays at the end
    look     moves, height, glide, invite

    Raises ValueError with a sentence for what does not fit together.
    """
    values = dict(values or {})
    message = encode(
        panels, key=key, values=values, frames=frames, start=start, scene=scene, heard=_heard_so_far(key), **look
    )
    listen = partial(_take, key, values)
    result = _render(key=key, data=message, default={"state": None}, on_state_change=listen)
    return read_state(result.state, panels, frames, start=start, scene=scene)


def encode(
    panels: Sequence[Panel],
    *,
    key: str,
    values: Mapping[str, Setting] | None = None,
    frames: Sequence[str] = (),
    start: int = -1,
    scene: str = "",
    heard: int = 0,
    moves: Sequence[str] = (),
    height: int = 400,
    glide: bool = False,
    invite: str = "",
) -> bytes:
    """The message of `plane`, under 2 MB. Raises ValueError with a sentence for what does not fit together.

    heard    the number of the browser's last report that the values know of
    moves    a short name for what leads to each frame ("E"), written on the button that does it; none, or one a frame
    height   CSS pixels of the pictures; titles, legend and transport come on top
    glide    while playing, what lies between two frames is drawn between them, and labelled so
    invite   an idle callout, gone after first use
    """
    if not 1 <= len(panels) <= 4:
        raise ValueError(f"a plane has 1 to 4 panels, not {len(panels)}")
    if len(frames) > MAX_FRAMES:
        raise ValueError(f"a plane shows at most {MAX_FRAMES} frames, not {len(frames)}")
    if moves and len(moves) != len(frames):
        raise ValueError(f"{len(frames)} frames need as many moves, not {len(moves)}")
    values = values or {}
    wrong = [name for name, setting in values.items() if setting.kind not in KINDS]
    if wrong:
        raise ValueError(f"these values of a plane are no numbers, points or rows: {', '.join(wrong)}")
    t = text.current()
    parts: dict[str, np.ndarray] = {}
    header = {
        "key": key,
        "labels": {name: t.label(f"plane.{name}") for name in OWN_LABELS}
        | {name: t.label(f"player.{name}") for name in TRANSPORT_LABELS},
        "height": height,
        "frames": list(frames),
        "moves": list(moves),
        "start": _first(start, len(frames)),
        "glide": glide,
        "invite": invite,
        "scene": scene,
        "heard": heard,
        "values": {name: _value(setting) for name, setting in values.items()},
        "panels": [_plain(panel, f"{i}", parts, len(frames)) for i, panel in enumerate(panels)],
    }
    return component.encode(header, parts)


def read_state(
    reported: object, panels: Sequence[Panel], frames: Sequence[str], *, start: int = -1, scene: str = ""
) -> PlaneState:
    """What the browser reported, checked: anything that does not fit what is shown now is left out."""
    first = _first(start, len(frames))
    if not isinstance(reported, Mapping) or reported.get("scene") != scene:
        return PlaneState(first)
    frame, count = reported.get("frame"), reported.get("frames")
    last = max(len(frames) - 1, 0)
    if not _is_whole(frame):
        frame = first
    elif _is_whole(count) and frame == max(count, 1) - 1:  # the end stays the end
        frame = last
    picked = reported.get("picked")
    clouds = {
        layer.name: np.shape(layer.at)[-2]
        for panel in panels
        for layer in panel.layers
        if isinstance(layer, Cloud) and layer.pick
    }
    known = (
        isinstance(picked, (list, tuple))
        and len(picked) == 2
        and _is_whole(picked[1])
        and 0 <= picked[1] < clouds.get(str(picked[0]), 0)
    )
    return PlaneState(min(max(frame, 0), last), (str(picked[0]), picked[1]) if known else None)


def taken(reported: object, values: Mapping[str, Setting]) -> dict[Setting, object]:
    """What the browser says that its values are now, checked and brought within each setting's bounds."""
    said = reported.get("values") if isinstance(reported, Mapping) else None
    found = {}
    for name, setting in values.items():
        if isinstance(said, Mapping) and name in said:
            value = links.from_canvas(setting, said[name])
            if value is not None:
                found[setting] = value
    return found


def _take(key: str, values: Mapping[str, Setting]) -> None:
    """The settings take what was dragged, before the rerun that follows."""
    reported = _state_of(key)
    new = {s: v for s, v in taken(reported, values).items() if v != links.value(s)}
    if new:
        links.put_all(new)
        for experiment in {setting.experiment for setting in new}:
            links.settled(experiment)


def _state_of(key: str) -> object:
    held = st.session_state.get(key)
    return held.get("state") if isinstance(held, Mapping) else getattr(held, "state", None)


def _heard_so_far(key: str) -> int:
    """The number of the last report that was heard: older ones in what the browser gets back are out of date."""
    reported = _state_of(key)
    serial = reported.get("serial") if isinstance(reported, Mapping) else 0
    return serial if _is_whole(serial) else 0


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _first(start: int, count: int) -> int:
    return max(0, min(count - 1, start + count if start < 0 else start)) if count else 0


def _value(setting: Setting) -> dict[str, Any]:
    now = links.value(setting)
    described: dict[str, Any] = {"kind": setting.kind, "now": now}
    if setting.kind == "rows":
        described["columns"] = [list(column) for column in setting.columns]
    else:
        described |= {"low": setting.low, "high": setting.high, "step": setting.step}
    return described


def _plain(part: object, path: str, parts: dict[str, np.ndarray], frames: int) -> Any:
    """A panel, layer, handle, model or measure as plain data; its arrays go into `parts`."""
    match part:
        case np.ndarray():
            raise ValueError(f"{path} must not be an array: give a list")
        case np.generic():
            return part.item()
        case dict():
            return {str(k): _plain(v, f"{path}.{k}", parts, frames) for k, v in part.items()}
        case list() | tuple():
            return [_plain(v, f"{path}.{i}", parts, frames) for i, v in enumerate(part)]
        case None | bool() | int() | float() | str():
            return part
    described: dict[str, Any] = {"kind": type(part).__name__.lower()}
    if isinstance(part, Panel):
        described["kind"] = part.kind
    arrays = part.DIMENSIONS if isinstance(part, Layer) else {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if field.name in arrays and value is not None:
            described[field.name] = _array(part.name, field.name, value, arrays[field.name], frames)
            parts[f"{path}.{field.name}"] = described[field.name].pop("values")
            described[field.name]["part"] = f"{path}.{field.name}"
        elif not (isinstance(part, Panel) and field.name == "kind"):
            described[field.name] = _plain(value, f"{path}.{field.name}", parts, frames)
    return described


def _array(layer: str, name: str, value: object, dimensions: int, frames: int) -> dict[str, Any]:
    array = np.asarray(value)
    with np.errstate(over="ignore"):  # what is too large for 32 bits lies outside of every picture
        array = array if array.dtype == np.uint8 else array.astype(np.float32)
    framed = array.ndim == dimensions + 1
    if array.ndim not in (dimensions, dimensions + 1) or (framed and len(array) != frames):
        raise ValueError(
            f"the layer {layer} has {name} of shape {array.shape}; it needs {dimensions} dimensions, "
            f"or one more in front for {frames} frames"
        )
    return {"values": array, "shape": list(array.shape), "framed": framed}
