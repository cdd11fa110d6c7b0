"""The anatomy of a network: its stages in their true places, each with what it gave out, and one of them large.

    from ui.anatomy import LABELS, Heat, Stage, anatomy

    anatomy(
        [Stage("enter", t.words("..."), (0, 1), maps, shape="(1, 32, 14, 14)", weights=1184, ...), ...],
        [Edge("x", "enter", "folded"), Edge("down0", "up1", "skip", kind="skip")],
        Heat(t.words("..."), {"waves": waves, "told": told}, levels, t=400),
        key="diffusion_model.anatomy.diagram", chosen={"stage": STAGE, "place": PLACE, "t": T},
        labels={name: t.template(f"diffusion_model.anatomy.part.{name}") for name in LABELS},
    )

Choosing a stage, a channel or a place happens in the browser. The stage and the place that were chosen, and the level
that was picked on the heat map, are settings of ui/links.py: they take the new value, and a rerun follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import streamlit as st

from ui import component, links
from ui.links import Setting

LABELS = (
    "diagram", "keys", "invite", "scale", "timed", "channel", "mean", "std", "weights", "none", "shape", "place",
    "head", "looks", "looks_hint", "map", "heat_t", "heat_keys", "stage",
)  # fmt: skip
"""Labels, each translated: the diagram's name, how its keys work, the idle callout, the range of a stage's colours,
what the badge of a timed stage means, a channel ({number}, {of}), mean, standard deviation, weights, no weights, shape
({shape}), a place ({row}, {column}), a head and its top share ({number}, {top}), the title of where a place looks
and how to read it, the maps' name ({number}, {of}), the heat map's level ({t}) and how it is moved, and a stage for a
screen reader ({name}, {shape})."""

_render = component.declare("anatomy")


@dataclass(frozen=True, eq=False)
class Stage:
    """One place where something can be looked at.

    name     names it in links and tests
    label    its title, translated
    at       column and row in the diagram
    maps     (C, H, W) floats
    shape    the shape of what came out, as text
    note     one sentence about it, translated
    weights  how many it learns; None where it is a picture
    moments  (1 + C, 2): mean and standard deviation of all of it, and of each channel
    order    (C,): the channels that the small picture shows first
    kind     "maps" and "signed" are blue below zero and orange above; "grey" shows −1 black and 1 white
    reach    of the colours, from −reach to reach
    timed    whether time and label enter here
    """

    name: str
    label: str
    at: tuple[int, int]
    maps: np.ndarray
    shape: str
    note: str
    weights: int | None
    moments: np.ndarray
    order: np.ndarray
    kind: Literal["maps", "signed", "grey"] = "maps"
    reach: float = 1.0
    timed: bool = False


@dataclass(frozen=True)
class Edge:
    """A way from one stage to another; a skip goes around what lies between. `text` stands beside it, translated."""

    start: str
    end: str
    text: str = ""
    kind: Literal["path", "skip"] = "path"


@dataclass(frozen=True, eq=False)
class Heat:
    """Time against channels: `values` (L, C) in −1..1 at `levels` (L,) of T; `t` is where the picture stands."""

    label: str
    values: np.ndarray
    levels: np.ndarray
    t: int
    T: int


@dataclass(frozen=True, eq=False)
class Looks:
    """Where each place of the stage `stage` looks: shares (heads, P, P) over its P = H·W places; rows add up to 1."""

    stage: str
    shares: np.ndarray
    picture: str  # the stage whose picture is drawn under the chosen place


def encode(
    stages: Sequence[Stage],
    edges: Sequence[Edge],
    heat: Heat,
    looks: Looks,
    *,
    key: str,
    labels: Mapping[str, str],
    asked: Mapping[str, Any] | None = None,
    scene: str = "",
) -> bytes:
    """The message of `anatomy`. Raises ValueError for a missing label, an edge to nowhere, arrays that do not fit."""
    missing = [name for name in LABELS if name not in labels]
    if missing:
        raise ValueError(f"the anatomy lacks the labels {', '.join(missing)}")
    names = [stage.name for stage in stages]
    if len(set(names)) != len(names) or not {e.start for e in edges} | {e.end for e in edges} <= set(names):
        raise ValueError("every stage needs a name of its own, and every edge two of them")
    parts: dict[str, np.ndarray] = {}
    described = []
    for number, stage in enumerate(stages):
        channels, height, width = np.shape(stage.maps)
        if np.shape(stage.moments) != (channels + 1, 2) or len(stage.order) != channels or stage.reach <= 0:
            raise ValueError(
                f"the stage {stage.name} needs moments and an order of its {channels} channels, and reach > 0"
            )
        parts[f"maps{number}"] = np.asarray(stage.maps, np.float32)
        parts[f"moments{number}"] = np.asarray(stage.moments, np.float32)
        described.append(
            {
                "name": stage.name, "label": stage.label, "column": stage.at[0], "row": stage.at[1],
                "size": [channels, height, width], "shape": stage.shape, "note": stage.note, "weights": stage.weights,
                "order": [int(c) for c in stage.order], "kind": stage.kind, "reach": float(stage.reach),
                "timed": stage.timed,
            }
        )  # fmt: skip
    heads, places, _ = looks.shares.shape
    parts["looks"] = np.asarray(looks.shares, np.float32)
    parts["heat"] = np.rint((np.clip(heat.values, -1, 1) + 1) * 127.5).astype(np.uint8)
    parts["levels"] = np.asarray(heat.levels, np.int32)
    header = {
        "key": key, "labels": {name: labels[name] for name in LABELS}, "stages": described,
        "edges": [[e.start, e.end, e.text, e.kind] for e in edges],
        "heat": {"label": heat.label, "size": list(heat.values.shape), "t": int(heat.t), "T": int(heat.T)},
        "looks": {"stage": looks.stage, "heads": heads, "places": places, "picture": looks.picture},
        "asked": dict(asked or {}), "scene": scene,
    }  # fmt: skip
    return component.encode(header, parts)


def anatomy(*described: Any, key: str, chosen: Mapping[str, Setting], **more: Any) -> None:
    """Draw the anatomy; `chosen` are the settings of the stage (a choice), the place and the level t (whole numbers).

    What is sent does not follow what was clicked, only what a link, a preset or a reset asked for.
    """
    asked = {name: links.value(chosen[name]) for name in ("stage", "place")}
    scene = "-".join(str(links.version(chosen[name])) for name in ("stage", "place"))
    kept = st.session_state.get(f"{key}.asked")
    if kept is None or kept[0] != scene:
        kept = st.session_state[f"{key}.asked"] = (scene, asked)
    message = encode(*described, key=key, asked=kept[1], scene=scene, **more)
    listen = partial(_take, key, dict(chosen))
    _render(key=key, data=message, default={"state": None}, on_state_change=listen)


def taken(reported: object, chosen: Mapping[str, Setting]) -> dict[str, Any]:
    """What the browser reported of each setting, without what it cannot be."""
    found: dict[str, Any] = {}
    if not isinstance(reported, Mapping):
        return found
    for name, setting in chosen.items():
        value = reported.get(name)
        if setting.kind == "choice" and value in setting.choices:
            found[name] = value
        elif setting.kind == "whole" and isinstance(value, int) and not isinstance(value, bool):
            found[name] = min(max(value, int(setting.low)), int(setting.high))
    return found


def _take(key: str, chosen: Mapping[str, Setting]) -> None:
    """The settings take what was chosen, before the rerun that follows."""
    held = st.session_state.get(key)
    reported = held.get("state") if isinstance(held, Mapping) else getattr(held, "state", None)
    for name, value in taken(reported, chosen).items():
        links.put(chosen[name], value)
        links.settled(chosen[name].experiment)
