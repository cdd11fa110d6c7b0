"""The player: what an algorithm did, step by step, as pictures that a person can play, step and scrub.

    from ui.player import Track, choose_frames, frames_that_fit, player

    keep = choose_frames(len(states), frames_that_fit(16, tracks=3))
    state = player(
        [
            Track("x", t.label("..."), "images", x_t, low=-3, high=3, show_low=-1, show_high=1, role="model"),
            Track("noise", t.label("..."), "images", noise, low=-3, high=3, palette="signed", role="noise"),
            Track("x0", t.label("..."), "images", x0, role="model"),
        ],
        [(s.t, s.calls) for s in kept_states],
        key="diffusion_model.denoise.player",
        labels={name: t.label(f"player.{name}") for name in LABELS},
    )
    state.frame, state.item, state.pixel      # where it rests; a rerun follows every pause, release and click

Playing, stepping, scrubbing and hovering stay in the browser. What is sent must not depend on what is reported
(do not pass ``selected=state.item``): unchanged data are not sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ui import component

LABELS = ("player", "keys", "transport", "reset", "back", "play", "pause", "forward", "scrub", "speed", "level")
"""Labels that must be given, each translated: the player's name, how the keys work, the name of the transport bar, its
buttons, and ``level``, a template with {t}, {call} and {calls}, the total; the part after " · " is drawn quieter."""
OPTIONAL_LABELS = ("hint", "between")
"""``hint``: an idle callout that goes after first use. ``between``: shown while playing points between two states;
without it they jump from state to state."""
MAX_FRAMES = 100
_HEADER_ROOM = 40_000

Level = tuple[float, int] | str


@dataclass(frozen=True, eq=False)
class Track:
    """One panel of the player, the same frames as its neighbours.

    name     names it in the page, for tests
    label    its title, translated
    kind     "images": values (F, N, H, W), N from 1 to 64;  "points": values (F, N, 2)
    values   floats; a frame that is all NaN is one without a state (no prediction before the first step): drawn empty
    low, high    images: the range that is sent, in 256 steps, what lies outside is cut off.
                 points: the range of both axes; particles outside it are sent too, and may leave the picture
    show_low, show_high    the range that the picture shows, if narrower than what is sent (default: low, high)
    palette  images: "grey" (black to white), "ink" (paper to ink, by theme) or "signed" (blue, neutral, orange)
    role     whose colour the title and the particles take: a role of ui.colours
    note     a caption, translated: one text, or one for each frame
    axes     points: the names of the axes with their units
    backdrop points: (M, 2) that stand still behind the particles, in the colour of data
    trail    points: so many earlier states as a faint trail (the chosen particle shows all)
    """

    name: str
    label: str
    kind: Literal["images", "points"]
    values: np.ndarray
    low: float = -1.0
    high: float = 1.0
    palette: Literal["grey", "ink", "signed"] = "grey"
    role: str = "model"
    note: str | Sequence[str] = ""
    show_low: float | None = None
    show_high: float | None = None
    axes: tuple[str, str] = ("x₁", "x₂")
    backdrop: np.ndarray | None = None
    trail: int = 12


@dataclass(frozen=True)
class PlayerState:
    """Where the player rests: the frame, whether it was playing when something was clicked, and what is chosen.

    item is an image or particle, pixel its (row, column); None where nothing is chosen.
    """

    frame: int
    playing: bool = False
    item: int | None = None
    pixel: tuple[int, int] | None = None


def frames_that_fit(
    items: int, *, kind: str = "images", size: tuple[int, int] = (28, 28), tracks: int = 1, limit: int | None = None
) -> int:
    """How many frames of `tracks` tracks with `items` images of `size` (or points) fit one message; 2 to 100."""
    frame = tracks * items * (size[0] * size[1] if kind == "images" else 4)
    room = (component.MAX_BYTES if limit is None else limit) - _HEADER_ROOM
    return max(2, min(MAX_FRAMES, room // frame))


def choose_frames(total: int, fit: int) -> list[int]:
    """At most `fit` of the frames 0 .. total-1, evenly spaced, the first and the last among them; in order."""
    if total < 1:
        raise ValueError("there is no frame to choose from: total must be at least 1")
    if total <= fit:
        return list(range(total))
    if fit < 2:
        raise ValueError("fit must be at least 2: the first frame and the last are always shown")
    return [round(k * (total - 1) / (fit - 1)) for k in range(fit)]


def encode(
    tracks: Sequence[Track],
    levels: Sequence[Level],
    *,
    key: str,
    labels: Mapping[str, str],
    height: int = 440,
    selected: int | tuple[int, int, int] | None = None,
    start: int = -1,
    start_level: float | None = None,
    scene: str = "",
) -> bytes:
    """The message of `player`, under 2 MB. Raises ValueError with a sentence for what does not fit together."""
    if not 1 <= len(tracks) <= 4:
        raise ValueError(f"a player has 1 to 4 tracks, not {len(tracks)}")
    if not levels:
        raise ValueError("a player needs at least one frame")
    missing = [name for name in LABELS if name not in labels]
    if missing:
        raise ValueError(f"the player lacks the labels {', '.join(missing)}")
    frames = len(levels)
    described, parts = [], {}
    for index, track in enumerate(tracks):
        header, values = _encode_track(track, frames)
        parts[f"values{index}"] = values
        if track.backdrop is not None:
            parts[f"backdrop{index}"] = np.asarray(track.backdrop, np.float32).reshape(-1, 2)
        described.append(header)
    header = {
        "key": key,
        "labels": {name: labels[name] for name in (*LABELS, *OPTIONAL_LABELS) if name in labels},
        "height": height,
        "levels": _levels(levels, labels["level"]),
        "selected": _selection(selected),
        "asked": [start, start_level],
        "start": _start(start, start_level, levels),
        "scene": scene,
        "tracks": described,
    }
    return component.encode(header, parts)


def player(
    tracks: Sequence[Track],
    levels: Sequence[Level],
    *,
    key: str,
    labels: Mapping[str, str],
    height: int = 440,
    selected: int | tuple[int, int, int] | None = None,
    start: int = -1,
    start_level: float | None = None,
    scene: str = "",
) -> PlayerState:
    """Draw the player and say where it rests.

    levels   for each frame (t, calls), put into ``labels["level"]``, or the finished, translated text
    height   CSS pixels of the picture while all tracks stand in one row; the transport takes 52 more
    selected what is chosen at first: an image or particle, or (image, row, column)
    start    the frame of the first paint; negative counts from the end
    start_level  instead: the frame nearest to this level, however many frames there are. When `start`, `start_level`
             or `selected` changes, the player goes there; so give what a link or a preset asked for, not where it rests
    scene    names what is shown; when it changes (a link was opened, reset was pressed) the player begins anew

    A new message otherwise keeps the place: at the end it stays at the end (a live run is followed), elsewhere it
    stays at the level nearest to the one a person left it at.
    """
    message = encode(
        tracks, levels, key=key, labels=labels, height=height, selected=selected, start=start,
        start_level=start_level, scene=scene,
    )  # fmt: skip
    result = _render(key=key, data=message, default={"state": None}, on_state_change=_heard)
    shape = np.shape(tracks[0].values)[1:]
    return read_state(result.state, levels, shape, selected=selected, start=start, start_level=start_level, scene=scene)


def read_state(
    reported: Mapping[str, Any] | None,
    levels: Sequence[Level],
    shape: tuple[int, ...],
    *,
    selected: int | tuple[int, int, int] | None = None,
    start: int = -1,
    start_level: float | None = None,
    scene: str = "",
) -> PlayerState:
    """What the browser reported, for the frames there are now, by the rules that the browser follows too.

    shape is that of one frame of the first track, (N, H, W) or (N, 2): what was chosen and is not there is None.
    """
    begun = reported is None or reported["scene"] != scene
    chosen = _selection(selected)
    choice = chosen if begun or reported["selected"] != chosen else reported
    item, pixel = _chosen(choice["item"], choice["pixel"], shape)
    if begun or reported["asked"] != [start, start_level]:
        return PlayerState(_start(start, start_level, levels), False, item, pixel)
    return PlayerState(_place(reported, levels), bool(reported["playing"]), item, pixel)


_render = component.declare("player")


def _heard() -> None:
    """Streamlit keeps a component's state only where somebody listens to it."""


def _levels(levels: Sequence[Level], template: str) -> list[dict[str, Any]]:
    """Each level as {"level": number or None, "text", "more"}; more is what follows the first " · "."""
    listed = []
    calls = levels[-1][1] if not isinstance(levels[-1], str) else 0
    for level in levels:
        if isinstance(level, str):
            number, whole = None, level
        else:
            number = level[0]
            whole = template
            for name, value in (("t", number), ("calls", calls), ("call", level[1])):
                whole = whole.replace(f"{{{name}}}", f"{value:g}")
        text, _, more = whole.partition(" · ")
        listed.append({"level": number, "text": text, "more": more})
    return listed


def _place(reported: Mapping[str, Any], levels: Sequence[Level]) -> int:
    """The end stays the end; elsewhere the nearest level."""
    last = len(levels) - 1
    if reported["end"]:
        return last
    if reported["level"] is None or isinstance(levels[0], str):
        return min(int(reported["frame"]), last)
    return _nearest(reported["level"], levels)


def _start(start: int, start_level: float | None, levels: Sequence[Level]) -> int:
    if start_level is not None and not isinstance(levels[0], str):
        return _nearest(start_level, levels)
    return max(0, min(len(levels) - 1, start + len(levels) if start < 0 else start))


def _nearest(level: float, levels: Sequence[Level]) -> int:
    """The frame at the level nearest to this one, the earlier of two."""
    return min(range(len(levels)), key=lambda i: abs(levels[i][0] - level))


def _selection(selected: int | tuple[int, int, int] | None) -> dict[str, Any]:
    if selected is None or isinstance(selected, int):
        return {"item": selected, "pixel": None}
    item, row, column = selected
    return {"item": item, "pixel": [row, column]}


def _chosen(
    item: int | None, pixel: Sequence[int] | None, shape: tuple[int, ...]
) -> tuple[int | None, tuple[int, int] | None]:
    if item is None or not 0 <= item < shape[0]:
        return None, None
    if pixel is None or len(shape) < 3 or not (0 <= pixel[0] < shape[1] and 0 <= pixel[1] < shape[2]):
        return int(item), None
    return int(item), (int(pixel[0]), int(pixel[1]))


def _encode_track(track: Track, frames: int) -> tuple[dict[str, Any], np.ndarray]:
    values = np.asarray(track.values, np.float32)
    shape = {"images": 4, "points": 3}.get(track.kind)
    if shape is None or values.ndim != shape or len(values) != frames or (shape == 3 and values.shape[2] != 2):
        wanted = {"images": f"({frames}, N, H, W)", "points": f"({frames}, N, 2)"}.get(track.kind, "images or points")
        raise ValueError(f"track {track.name} has values of shape {values.shape}; the player needs {wanted}")
    if shape == 4 and not 1 <= values.shape[1] <= 64:
        raise ValueError(f"track {track.name} has {values.shape[1]} images; a grid shows 1 to 64")
    if not track.low < track.high:
        raise ValueError(f"track {track.name} needs low < high")
    if not isinstance(track.note, str) and len(track.note) != frames:
        raise ValueError(f"track {track.name} has {len(track.note)} notes for {frames} frames")
    blank = [f for f in range(frames) if np.isnan(values[f]).all()]
    show_low = track.low if track.show_low is None else track.show_low
    show_high = track.high if track.show_high is None else track.show_high
    low, high = track.low, track.high
    if track.kind == "points":  # nothing is cut off: the wire spans all particles
        seen = values[np.isfinite(values)]
        low, high = min(low, seen.min(initial=low)), max(high, seen.max(initial=high))
    header = {
        "name": track.name,
        "label": track.label,
        "kind": track.kind,
        "low": float(low),
        "high": float(high),
        "showLow": float(show_low),
        "showHigh": float(show_high),
        "palette": track.palette,
        "role": track.role,
        "note": track.note if isinstance(track.note, str) else list(track.note),
        "axes": list(track.axes),
        "trail": track.trail,
        "blank": blank,
        "backdrop": track.backdrop is not None,
        "items": values.shape[1],
        "rows": values.shape[2] if track.kind == "images" else 1,
        "columns": values.shape[3] if track.kind == "images" else 1,
    }
    return header, quantise(values, low, high, np.uint8 if track.kind == "images" else np.int16)


def quantise(values: np.ndarray, low: float, high: float, kind: type[np.uint8] | type[np.int16]) -> np.ndarray:
    """`values` from low to high as all the steps of `kind`; what lies outside is cut off, NaN becomes the lowest."""
    limits = np.iinfo(kind)
    steps = limits.max - limits.min
    within = np.clip(np.nan_to_num(values, nan=low, posinf=high, neginf=low), low, high) - np.float32(low)
    return (np.rint(np.minimum(within * np.float32(steps / (high - low)), steps)) + limits.min).astype(kind)
