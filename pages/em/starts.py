"""em.starts: many runs from many places, and one from where a person put the means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.em import ManyStarts, OwnStart
from pages.em import common
from ui import chapter, controls, links, text
from ui.plane import COMPONENTS, Axis, Cloud, Editor, Panel, Paths, Rule, plane

ID = "em.starts"
DATA = links.choice(f"{ID}.data", "faithful", common.PROPER)
KIND = links.choice(f"{ID}.kind", "random", ("book", "random", "kmeans"))
K = links.whole(f"{ID}.k", 3, low=2, high=8)
RUNS = links.whole(f"{ID}.runs", 40, low=10, high=100, step=10)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
MEANS = links.points(f"{ID}.means", (), low=-5.0, high=220.0, most=8)
SETTINGS = (DATA, KIND, K, RUNS, SEED, MEANS)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        many = _controls()
        a = scene.shown(many)
        placed = tuple(links.value(MEANS))
        own, refused = None, ""
        if placed:
            shown = common.last_good(ID, OwnStart(many.data, placed))
            own, refused = (shown.arrays if shown.scene is not None else None), shown.refused
        chosen = _picture(many, a, own)
        _sentences(many, a, own, chosen)
        if refused:
            common.trouble(ID, "not_finite", {MEANS: ()})
        controls.presets(
            ID,
            {
                "random": {DATA: "faithful", K: 3, KIND: "random", RUNS: 40, SEED: 0, MEANS: ()},
                "spread": {DATA: "faithful", K: 3, KIND: "kmeans", RUNS: 40, SEED: 0, MEANS: ()},
                "many": {DATA: "blobs", K: 6, KIND: "random", RUNS: 40, SEED: 0, MEANS: ()},
                "own": {DATA: "faithful", K: 3, KIND: "random", RUNS: 40, SEED: 0}
                | {MEANS: ((4.0, 60.0), (4.5, 80.0), (2.0, 80.0))},
                "twins": {DATA: "faithful", K: 2, KIND: "random", RUNS: 40, SEED: 0}
                | {MEANS: ((3.0, 70.0), (3.0, 70.0))},
            },
        )


def _controls() -> ManyStarts:
    """The controls, and the runs that they ask for."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        with st.container(width=185):
            data = controls.select(DATA, look="select")
        count = int(links.value(K))
        kinds = KIND.choices if data == "faithful" and count == 2 else KIND.choices[1:]
        if links.value(KIND) not in kinds:
            links.adjust(KIND, kinds[0])
        kind = controls.select(KIND, choices=kinds)
        with st.container(width=150):
            count = controls.slider(K)
        with st.container(width=150):
            runs = controls.slider(RUNS)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            seed = controls.seed(SEED)
    if any(not common.inside(data, place) for place in links.value(MEANS)):
        links.adjust(MEANS, ())
        links.put_all({MEANS: ()})  # they were placed over other data
    return ManyStarts(data, count, kind, 1 if kind == "book" else runs, seed)


def _picture(many: ManyStarts, a: dict[str, np.ndarray], own: dict[str, np.ndarray] | None) -> int | None:
    """The paths of the means, and the log-likelihood at each end. Returns the run that is picked."""
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
                handles=[Editor(name="means", points="means", label=t.words(f"{ID}.means"), most=8, role="exact")],
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
        values={"means": MEANS},
        frames=[t.words(f"{ID}.moment", i=int(i)) for i in steps],
        height=340,
        invite=t.words(f"{ID}.invite"),
        scene=many.key,
    )
    return chosen


def _chosen(many: ManyStarts, groups: dict[str, np.ndarray]) -> int | None:
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


def _aligned(own: dict[str, np.ndarray], steps: np.ndarray) -> np.ndarray:
    """The paths of one's own run (K, T, 2), at the iterations that the many runs show; its end at the last of them."""
    places = np.searchsorted(own["steps"], steps, side="right") - 1
    places[-1] = len(own["steps"]) - 1
    return own["paths"][0].transpose(1, 0, 2)[:, places]


def _sentences(
    many: ManyStarts, a: dict[str, np.ndarray], own: dict[str, np.ndarray] | None, chosen: int | None
) -> None:
    """How often the best was found, what else was, and where one's own start led."""
    t = text.current()
    sound = ~a["collapsed"]
    numbers = {"runs": len(a["best"]), "kind": links.name_of_choice(KIND.key, many.kind), "k": many.components}
    if sound.any():
        top = float(a["log_likelihood"][sound].max())
        different = len(np.unique(np.round(a["log_likelihood"][sound], 3)))
        said = {"found": int(a["best"].sum()), "best": common.nats(top), "different": different}
        text.prose(t.words(f"{ID}.caption", **numbers, **said))
    else:
        text.prose(t.words(f"{ID}.caption.none", **numbers))
    if a["collapsed"].any():
        highest = common.nats(float(a["log_likelihood"][a["collapsed"]].max()))
        text.prose(t.words(f"{ID}.caption.collapsed", count=int(a["collapsed"].sum()), highest=highest), small=True)
    if chosen is not None:
        end = common.nats(float(a["log_likelihood"][chosen]))
        text.prose(t.words(f"{ID}.caption.picked", run=chosen + 1, end=end, i=int(a["iterations"][chosen])), small=True)
    if own is None:
        return
    reached, count = float(own["log_likelihood"][0]), own["paths"].shape[2]
    if own["twins"][0]:
        placed = own["paths"][0][0]  # (K, 2)
        same = (placed[:, None] == placed[None]).all(axis=2).sum(axis=1) > 1
        common.trouble(ID, "twins", {MEANS: ()}, components=common.names(np.flatnonzero(same)))
    elif own["collapsed"][0]:
        text.prose(t.words(f"{ID}.own.collapsed", k=count, reached=common.nats(reached)))
    elif count != many.components or not sound.any():
        text.prose(t.words(f"{ID}.own.reached", k=count, reached=common.nats(reached)))
    else:
        missing = max(0.0, top - reached)
        kind = "best" if missing < 1e-3 else "worse"
        values = {"missing": text.number(missing, 2)} if kind == "worse" else {}
        text.prose(t.words(f"{ID}.own.{kind}", k=count, reached=common.nats(reached), **values))
