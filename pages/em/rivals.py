"""em.rivals: EM, gradient ascent and k-means from one start."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.em_more import Rivals
from pages.em import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Curve, Ellipses, Panel, Paths, plane

ID = "em.rivals"
DATA = links.choice(f"{ID}.data", "faithful", common.PROPER)
START = links.choice(f"{ID}.start", "kmeans", ("book", "kmeans", "random"))
K = links.whole(f"{ID}.k", 2, low=2, high=6)
RATE = links.choice(f"{ID}.rate", "0.3", ("0.01", "0.03", "0.1", "0.3", "1", "3"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
ROLES = {"em": "model", "ascent": "score", "k_means": "condition"}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(DATA, START, K, RATE, SEED)) as shown:
        if not shown.open:
            return
        wanted = _controls()
        a = scene.shown(wanted)
        frame = _picture(a, wanted)
        _sentences(a, wanted, frame)
        controls.presets(
            ID,
            {
                "book": {DATA: "faithful", START: "book", K: 2, RATE: "0.3"},
                "slow": {DATA: "faithful", START: "kmeans", K: 2, RATE: "0.03"},
                "fast": {DATA: "faithful", START: "kmeans", K: 2, RATE: "1"},
                "round": {DATA: "blobs", START: "kmeans", K: 3, RATE: "0.3", SEED: 1},
            },
        )
        page.code("core/rivals.py", "gradient_ascent", "_ascend", "_gradient")
        page.code("core/rivals.py", "k_means", "_lloyd")


def _controls() -> Rivals:
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        with st.container(width=185):
            data = controls.select(DATA, look="select")
        kinds = START.choices if data == "faithful" and int(links.value(K)) == 2 else START.choices[1:]
        if links.value(START) not in kinds:
            links.adjust(START, kinds[0])
        start = controls.select(START, choices=kinds)
        with st.container(width=150):
            count = controls.slider(K)
        with st.container(width=170):
            rate = controls.select(RATE, look="select")
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            seed = controls.seed(SEED)
    return Rivals(data, start, int(count), int(seed), float(rate))


def _picture(a: dict[str, np.ndarray], wanted: Rivals) -> int:
    """Where the three stand, the log-likelihood of the two that have one, and the distortion of the third."""
    t = text.current()
    x, y = common.axes(wanted.data)
    T = len(a["em"]) - 1
    steps = np.arange(T + 1.0)
    count = Axis(t.words(f"{ID}.axis.iteration"), 0, float(T))
    names = {key: t.words(f"{ID}.{key}") for key in ROLES}
    later = np.concatenate([a["em"][1:], a["ascent"][1:]])
    top = float(max(a["em"].max(), a["ascent"].max()))
    low = max(float(later.min()), top - 3.0)  # beyond, a rate that is too large would flatten everything else
    room = max(top - low, 1e-3)
    high, floor = float(a["distortion"][1:].max()), float(a["distortion"].min())
    if a["distortion"][0] < 4 * floor:  # from the book's start the first distance is far above all others
        high = float(a["distortion"].max())
    spread = max(high - floor, 1e-3 * max(high, 1e-3))
    state = plane(
        [
            Panel(
                name="data",
                x=x,
                y=y,
                layers=[
                    Cloud(name="data", at=a["x"], faint=True),
                    *(_covered(a, key) for key in ("ascent", "em")),
                    *(
                        Paths(name=f"{key}_path", at=_path(a[means]), role=ROLES[key], grow=True)
                        for key, means in (("em", "em_means"), ("ascent", "ascent_means"), ("k_means", "centres"))
                    ),
                    Cloud(name="k_means", at=a["centres"], role=ROLES["k_means"], size=5.5, label=names["k_means"]),
                ],
                weight=1.2,
            ),
            Panel(
                name="curves",
                x=count,
                y=Axis(t.words("em.axis.nats"), low - 0.06 * room, top + 0.1 * room),
                layers=[
                    Curve(name="em", x=steps, y=a["em"], role=ROLES["em"], grow=True, label=names["em"]),
                    Curve(
                        name="ascent", x=steps, y=a["ascent"], role=ROLES["ascent"], grow=True, dashed=True,
                        label=names["ascent"],
                    ),
                ],
                title=t.words(f"{ID}.panel.likelihood"),
                seek=True,
            ),
            Panel(
                name="distortion",
                title=t.words(f"{ID}.panel.distortion"),
                x=count,
                y=Axis(t.words(f"{ID}.axis.distortion"), floor - 0.06 * spread, high + 0.12 * spread),
                layers=[
                    Curve(
                        name="k_means", x=steps, y=a["distortion"], role=ROLES["k_means"], grow=True,
                        label=names["k_means"],
                    )
                ],
                seek=True,
                weight=0.8,
            ),
        ],
        key=f"{ID}.plane",
        frames=[t.words(f"{ID}.moment", i=i) for i in range(T + 1)],
        height=310,
        glide=True,
        scene=wanted.key,
    )  # fmt: skip
    return min(state.frame, T)


def _covered(a: dict[str, np.ndarray], key: str) -> Ellipses:
    t = text.current()
    return Ellipses(
        name=key, means=a[f"{key}_means"], covs=a[f"{key}_covs"], role=ROLES[key], radii=(2.0,), fill=False,
        label=t.words(f"{ID}.{key}"),
    )  # fmt: skip


def _path(means: np.ndarray) -> np.ndarray:
    """(T, K, 2) -> (K, T, 2)."""
    return means.transpose(1, 0, 2)


def _sentences(a: dict[str, np.ndarray], wanted: Rivals, frame: int) -> None:
    """Where each stands now, and what ended badly."""
    t = text.current()
    numbers = {
        "i": frame,
        "em": common.nats(float(a["em"][frame])),
        "ascent": common.nats(float(a["ascent"][frame])),
        "distortion": text.number(float(a["distortion"][frame]), 4),
    }
    text.prose(t.words(f"{ID}.caption", **numbers))
    reached = float(a["ascent"].max())
    sooner = int(np.argmax(a["em"] >= reached - 1e-12))
    problem = str(a["problems"][1])
    fell = bool((np.diff(a["ascent"]) < -1e-9).any())
    if problem:
        step = int(a["ended"][1])
        text.prose(f":material/info: {t.words(f'{ID}.problem.{problem}', i=step, rate=f'{wanted.rate:g}')}")
    elif fell:
        text.prose(f":material/info: {t.words(f'{ID}.fell', rate=f'{wanted.rate:g}')}")
    elif a["em"].max() >= reached:
        said = {"T": len(a["em"]) - 1, "reached": common.nats(reached), "sooner": sooner}
        text.prose(t.words(f"{ID}.sooner", **said), small=True)
    text.prose(t.words(f"{ID}.ended", em=int(a["ended"][0]), k_means=int(a["ended"][2])), small=True)
