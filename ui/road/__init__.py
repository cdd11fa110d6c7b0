"""The road of the ten steps: large on the overview, with pictures that move, and as a strip on every page.

    road.map_of({"diffusion_model": Picture(frames, levels, "caption")})    draws it; a click opens the page
    road.strip("diffusion_model")                                           small: "you are here"

A step without a page is a name and a question, nothing to click.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from ui import catalogue, colours, text
from ui.component import declare, encode

_road = declare("road")


@dataclass(frozen=True)
class Picture:
    """Images on their way: `frames` uint8 (F, N, H, W), 0 paper and 255 ink; `levels` (F,), the t of each frame."""

    frames: np.ndarray
    levels: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or len(self.frames) != len(self.levels):
            raise ValueError("a picture is uint8 (F, N, H, W) with one level for each of its F frames")


# what the arrays of a sketch are called in a file
SKETCHED = re.compile(rf"road_(points|lines|areas)_({'|'.join(colours.ROLES)})")


@dataclass(frozen=True)
class Sketch:
    """Points and lines on their way, in a box from 0 to 1 with y up; NaN is absent.

    parts: `points_<role>` float32 (F, N, 2), `lines_<role>` and `areas_<role>` (F, L, P, 2), all with the same F.
    """

    parts: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        frames = {len(a) for a in self.parts.values()}
        sound = all(
            a.dtype == np.float32 and a.shape[-1] == 2 and a.ndim == (3 if name.startswith("points") else 4)
            for name, a in self.parts.items()
        )
        if not sound or len(frames) != 1 or 0 in frames:
            raise ValueError("a sketch is float32 points (F, N, 2), lines and areas (F, L, P, 2), with one F")


def map_of(pictures: Mapping[str, Picture | Sketch]) -> None:
    """Draw the whole road; `pictures` by step id, the last of images also large, from start to end across the width."""
    t = text.current()
    stops, parts = [], {}
    for step in catalogue.ROAD:
        stop = _stop(step, t) | {"question": t.words(f"overview.step.{step.id}.question")}
        picture = pictures.get(step.id) if stop["href"] is not None else None
        if isinstance(picture, Sketch):
            stop["sketch"] = [
                {"part": f"{step.id}.{name}", "what": name.split("_")[0], "role": name.split("_")[1], "shape": a.shape}
                for name, a in sorted(picture.parts.items())
            ]
            stop["alt"] = t.words(f"overview.step.{step.id}.picture")
            parts |= {f"{step.id}.{name}": a.reshape(-1) for name, a in picture.parts.items()}
        elif picture is not None:
            stop["picture"] = {"part": step.id, "shape": picture.frames.shape, "levels": list(picture.levels)}
            stop["alt"] = t.words(f"overview.step.{step.id}.picture")
            parts[step.id] = picture.frames.reshape(-1)
        stops.append(stop)
    hero = next((s["id"] for s in reversed(stops) if "picture" in s), None)
    words = {name: t.label(f"road.{name}") for name in ("open", "noise", "image")}
    if hero is not None:
        words["hero"] = t.words(f"overview.step.{hero}.picture")
    _draw("overview.map.road", encode({"mode": "map", "stops": stops, "hero": hero, "words": words}, parts))


def strip(here: str) -> None:
    """Draw the small road; `here` is the id of the page that is open."""
    t = text.current()
    stops = [_stop(step, t) for step in catalogue.ROAD]
    words = {"here": t.label("road.here"), "overview": t.words("overview.page.short"), "label": t.label("road.label")}
    _draw("shell.strip", encode({"mode": "strip", "stops": stops, "here": here, "words": words}, {}))


def _stop(step: catalogue.Step, t: text.Words) -> dict[str, object]:
    page = catalogue.page_of_step(step.id)
    title = t.words(f"overview.step.{step.id}.title")
    return {"id": step.id, "number": step.number, "title": title, "href": page.url_path if page else None}


def _draw(key: str, message: bytes) -> None:
    chosen = _road(key=key, data=message, on_go_change=_nothing).go
    if chosen is not None and (page := next((p for p in catalogue.pages() if p.id == chosen), None)) is not None:
        st.switch_page(str(page.file))


def _nothing() -> None:
    """A trigger needs a callback to be reported."""
