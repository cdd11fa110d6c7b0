"""em.starts: many runs from many places, and one from where a person put the means."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.scenes.em import ManyStarts, OwnStart
from pages import working
from pages.em import common, starts_picture
from pages.em import starts_together as together
from ui import chapter, controls, links, room, text

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
        joined = room.here()
        topic = together.settle(joined, MEANS)
        if joined is not None and topic is not None:
            together.draw(joined, topic, MEANS)
            return
        wanted = _controls()
        if joined is not None:
            room.desk(ID, joined, together.question(wanted.data, wanted.components), None)
        found, shot = working.answer(wanted, ID, ManyStarts())
        if found is not None:
            with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
                _picture(found, wanted.data)
        working.waiting(wanted, shot, found)
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


def _picture(found: working.Answer, data: str) -> None:
    """The runs, one's own among them, and what they say."""
    many, placed, own, refused = found.scene, tuple(links.value(MEANS)), None, ""
    if placed and many.data == data:  # else the data are still others than those that it was placed over
        shown = common.last_good(ID, OwnStart(data, placed))
        own, refused = (shown.arrays if shown.scene is not None else None), shown.refused
    chosen = starts_picture.draw(many, found.arrays, own, MEANS)
    _sentences(many, found.arrays, own, chosen)
    if refused:
        common.trouble(ID, "not_finite", {MEANS: ()})


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
        runs, seed = 1, 0
        if kind != "book":  # that is a single one
            with st.container(width=150):
                runs = controls.slider(RUNS)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                seed = controls.seed(SEED)
    if any(not common.inside(data, place) for place in links.value(MEANS)):
        links.adjust(MEANS, ())
        links.put_all({MEANS: ()})  # they were placed over other data
    return ManyStarts(data, count, kind, runs, seed)


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
    starts_picture.say_collapsed(a)
    if chosen is not None:
        starts_picture.say_picked(a, chosen)
    if own is not None:
        starts_picture.say_own(own, many.components, top if sound.any() else None, MEANS)
