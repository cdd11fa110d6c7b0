"""The picture of em.starts: the path of each run's means, and where each run ends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core.scenes.em import ClassStarts, ManyStarts
from pages.em import common
from ui import text
from ui.links import Setting
from ui.plane import COMPONENTS, Axis, Cloud, Editor, Panel, Paths, Rule, plane

ID = "em.starts"


def draw(
    many: ManyStarts | ClassStarts, a: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray] | None, means: Setting
) -> int | None:
    """The paths of the means, and the log-likelihood at each end. Returns the run that is picked.

    a: the arrays of `many`; own: of one run more, from the means that were placed, the setting `means`.
    """
    t = text.current()
    x, y = common.axes(many.data)
    groups = {"best": a["best"], "other": ~a["best"] & ~a["collapsed"], "collapsed": a["collapsed"]}
    roles = {"best": "model", "other": "noise", "collapsed": "condition"}
    steps, ends = a["steps"], a["log_likelihood"]
    layers = [Cloud(name="data", at=a["x"], faint=True)]
    for name in ("collapsed", "other", "best"):
        paths = _joined(a["paths"], groups[name], len(steps))
        if len(paths):
            layers.append(Paths(name=f"{name}_paths", at=paths, role=roles[name], grow=True, faint=name != "best"))
            layers.append(
                Cloud(
                    name=f"{name}_ends", at=paths.transpose(1, 0, 2), role=roles[name],
                    size={"best": 5, "other": 3.5, "collapsed": 4.5}[name], label=t.words(f"{ID}.{name}"),
                    shares=_triangles(len(paths)) if name == "collapsed" else None,
                )
            )  # fmt: skip
    chosen = _chosen(many, groups)
    if chosen is not None:
        only = np.arange(len(ends)) == chosen
        picked = _joined(a["paths"], only, len(steps))
        layers.append(Paths(name="picked_paths", at=picked, role="score", grow=True))
        layers.append(
            Cloud(name="picked_ends", at=picked.transpose(1, 0, 2), role="score", size=6, label=t.words(f"{ID}.picked"))
        )
    if own is not None:
        moved = _aligned(own, steps)
        layers.append(Paths(name="own_paths", at=moved, role="exact", grow=True))
        layers.append(
            Cloud(name="own_ends", at=moved.transpose(1, 0, 2), role="exact", size=6, label=t.words(f"{ID}.own"))
        )
    order = np.argsort(a["log_likelihood"])
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    at = np.stack([ranks, ends], axis=1)
    values = [*ends, *(own["log_likelihood"] if own is not None else [])]
    low, high = float(min(values)), float(max(values))
    room = max(high - low, 1e-3)
    heights = [
        Cloud(
            name=f"{name}_heights",
            at=at[groups[name]],
            role=roles[name],
            size=4.5,
            pick=True,
            shares=_triangles(groups[name].sum()) if name == "collapsed" else None,
        )  # fmt: skip
        for name in groups
        if groups[name].any()
    ]
    if own is not None:
        heights.append(
            Rule(name="own_height", y=float(own["log_likelihood"][0]), role="exact", label=t.words(f"{ID}.own"))
        )
    if chosen is not None:
        heights.append(Cloud(name="picked", at=at[chosen : chosen + 1], role="score", size=6))
    plane(
        [
            Panel(
                name="data",
                title=t.words(f"{ID}.panel.data"),
                x=x,
                y=y,
                layers=layers,
                handles=[editor()],
                weight=1.3,
            ),
            Panel(
                name="ends",
                title=t.words(f"{ID}.panel.ends"),
                x=Axis(t.words("em.axis.rank"), 0, len(ends) + 1),
                y=Axis(t.words("em.axis.nats"), low - 0.12 * room, high + 0.12 * room),
                layers=heights,
            ),
        ],
        key=f"{ID}.plane",
        values={"means": means},
        frames=[t.words(f"{ID}.moment", i=int(i)) for i in steps],
        height=340,
        invite=t.words(f"{ID}.invite"),
        scene=many.key,
    )
    return chosen


def editor(most: int = 8) -> Editor:
    """The start means to place and to drag."""
    return Editor(name="means", points="means", label=text.current().words(f"{ID}.means"), most=most, role="exact")


def _chosen(many: ManyStarts | ClassStarts, groups: dict[str, np.ndarray]) -> int | None:
    """The run whose end was clicked: read before the plane is drawn, since its path is part of the picture."""
    held = st.session_state.get(f"{ID}.plane")
    said = held.get("state") if isinstance(held, Mapping) else getattr(held, "state", None)
    picked = said.get("picked") if isinstance(said, Mapping) and said.get("scene") == many.key else None
    match picked:
        case [str(layer), int(place)] if layer.removesuffix("_heights") in groups:
            runs = np.flatnonzero(groups[layer.removesuffix("_heights")])
            return int(runs[place]) if 0 <= place < len(runs) else None
    return None


def _joined(paths: np.ndarray, chosen: np.ndarray, steps: int) -> np.ndarray:
    """(R, T, K, 2) -> one path for each mean of each chosen run, (P, T, 2)."""
    return paths[chosen].transpose(0, 2, 1, 3).reshape(-1, steps, 2)


def _triangles(count: int) -> np.ndarray:
    """Shares that give every point the colour of the role "condition" and a shape of its own, as a second cue."""
    return np.eye(len(COMPONENTS))[np.full(count, COMPONENTS.index("condition"))]


def _aligned(own: Mapping[str, np.ndarray], steps: np.ndarray) -> np.ndarray:
    """The paths of one's own run (K, T, 2), at the iterations that the many runs show; its end at the last of them."""
    places = np.searchsorted(own["steps"], steps, side="right") - 1
    places[-1] = len(own["steps"]) - 1
    return own["paths"][0].transpose(1, 0, 2)[:, places]


def say_collapsed(a: Mapping[str, np.ndarray]) -> None:
    """How many runs do not count, if there are any."""
    if a["collapsed"].any():
        highest = common.nats(float(a["log_likelihood"][a["collapsed"]].max()))
        words = text.current().words(f"{ID}.caption.collapsed", count=int(a["collapsed"].sum()), highest=highest)
        text.prose(words, small=True)


def say_picked(a: Mapping[str, np.ndarray], chosen: int) -> None:
    """Which run was clicked, and where it ended."""
    end, iterations = common.nats(float(a["log_likelihood"][chosen])), int(a["iterations"][chosen])
    text.prose(text.current().words(f"{ID}.caption.picked", run=chosen + 1, end=end, i=iterations), small=True)


def say_own(own: Mapping[str, np.ndarray], components: int, top: float | None, means: Setting) -> None:
    """Where one's own start led, beside `top`, the best end of the others, which have so many components."""
    t = text.current()
    reached, count = float(own["log_likelihood"][0]), own["paths"].shape[2]
    if own["twins"][0]:
        placed = own["paths"][0][0]  # (K, 2)
        same = (placed[:, None] == placed[None]).all(axis=2).sum(axis=1) > 1
        common.trouble(ID, "twins", {means: ()}, components=common.names(np.flatnonzero(same)))
    elif own["collapsed"][0]:
        text.prose(t.words(f"{ID}.own.collapsed", k=count, reached=common.nats(reached)))
    elif count != components or top is None:
        text.prose(t.words(f"{ID}.own.reached", k=count, reached=common.nats(reached)))
    else:
        missing = max(0.0, top - reached)
        kind = "best" if missing < 1e-3 else "worse"
        values = {"missing": text.number(missing, 2)} if kind == "worse" else {}
        text.prose(t.words(f"{ID}.own.{kind}", k=count, reached=common.nats(reached), **values))
