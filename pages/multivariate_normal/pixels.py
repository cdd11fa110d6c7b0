"""multivariate_normal.pixels: one normal distribution for pictures of 784 pixels."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.multivariate_normal import AXES, PixelsScene
from pages.multivariate_normal import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Panel, Pictures, Words, plane

ID = "multivariate_normal.pixels"
DATASETS = ("mnist", "fashion_mnist")
EVERYTHING = "all"
DATASET = links.choice(f"{ID}.dataset", "mnist", DATASETS)
LABEL = links.choice(f"{ID}.label", EVERYTHING, (EVERYTHING, *range(10)))
RIDGE = links.choice(f"{ID}.ridge", "0.0001", ("0", "0.0001", "0.001", "0.01", "0.1"))
AXIS = links.whole(f"{ID}.axis", 1, low=1, high=AXES)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
SETTINGS = (DATASET, LABEL, RIDGE, AXIS, SEED)
WIDE = 5  # pictures in a row of a grid
PIXELS = 784


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as experiment:
        if not experiment.open:
            return
        from core import data

        t = text.current()
        here = tuple(name for name in DATASETS if data.available(name))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            dataset = controls.select(DATASET, choices=here)
            with st.container(width=190):
                label = controls.select(LABEL, look="select", names=lambda k: _class(dataset, k))
            ridge = controls.select(RIDGE)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                seed = controls.seed(SEED)
        if "fashion_mnist" not in here:
            text.prose(t.words(f"{ID}.no_clothes"), small=True)
        asked = PixelsScene(
            dataset, -1 if label == EVERYTHING else int(label), float(ridge), int(links.value(AXIS)), seed
        )
        try:
            with st.spinner(t.words(f"{ID}.working")):  # a data set that nobody has fitted yet takes seconds
                shown = scene.shown(asked)
        except data.DataError:
            text.prose(t.words(f"{ID}.no_data"))
            return
        _axes(shown)
        controls.slider(AXIS)
        _samples(shown)
        _sentences(shown, float(ridge))
        controls.presets(
            ID,
            {
                "ones": {DATASET: "mnist", LABEL: 1},
                "eights": {DATASET: "mnist", LABEL: 8},
                "noisy": {RIDGE: "0.1"},
            }
            | ({"shirts": {DATASET: "fashion_mnist", LABEL: 0}} if "fashion_mnist" in here else {}),
        )
        page.code("core/pixels.py", "fit", "PixelNormal.sample", "PixelNormal.ridged")


def _class(dataset: str, label: str | int) -> str:
    t = text.current()
    if label == EVERYTHING:
        return t.words(f"{ID}.all")
    return t.words(f"{ID}.class.{label}") if dataset == "fashion_mnist" else str(label)


def _axes(shown: dict[str, np.ndarray]) -> None:
    """The mean and the leading eigenvectors, and below them a walk along one."""
    t, axis = text.current(), int(links.value(AXIS))
    wide, share = AXES + 1, np.diff(shown["explained"], prepend=0.0)
    boxes = [(k + 0.04, 0.04, k + 0.96, 0.96) for k in range(wide)]
    below = [t.words(f"{ID}.mean"), *(f"{k + 1} · {100 * s:.0f}%" for k, s in enumerate(share))]
    captions = [
        Words(name=f"name{k}", role="exact", x=k + 0.5, y=-0.2, align="center", text=words)
        for k, words in enumerate(below)
    ]
    strip = Panel(
        name="axes", title=t.words(f"{ID}.axes"), equal=True,
        x=Axis("", 0.0, float(wide), shown=False), y=Axis("", -0.35, 1.0, shown=False),
        layers=[
            Pictures(name="mean", images=shown["mean"][None], boxes=np.array(boxes[:1])),
            Pictures(name="eigen", images=shown["axes"], boxes=np.array(boxes[1:]), signed=True),
            *captions,
        ],
    )  # fmt: skip
    plane([strip], key=f"{ID}.axes_plane", height=150)
    walk = Panel(
        name="walk", title=t.words(f"{ID}.walk", axis=axis, std=text.number(float(shown["std"]))), equal=True,
        x=Axis("", 0.0, 7.0, shown=False), y=Axis("", -0.35, 1.0, shown=False),
        layers=[
            Pictures(name="walk", images=shown["walk"], boxes=np.array(boxes[:7])),
            *(
                Words(name=f"c{c}", role="exact", x=c + 3.5, y=-0.2, align="center", text=_steps(c))
                for c in range(-3, 4)
            ),
        ],
    )  # fmt: skip
    plane([walk], key=f"{ID}.walk_plane", height=150)


def _steps(c: int) -> str:
    return "μ" if c == 0 else f"μ {'−' if c < 0 else '+'} {abs(c) if abs(c) > 1 else ''}√λ v"


def _samples(shown: dict[str, np.ndarray]) -> None:
    """Real pictures, samples, and the real ones mirrored at the mean."""
    t, count = text.current(), len(shown["real"])
    boxes = np.array(
        [(k % WIDE, -(k // WIDE) - 1.0, k % WIDE + 0.94, -(k // WIDE) - 0.06) for k in range(count)], float
    )
    panels = [
        Panel(
            name=name, title=t.words(f"{ID}.{name}"), equal=True,
            x=Axis("", 0.0, float(WIDE), shown=False), y=Axis("", -count / WIDE, 0.0, shown=False),
            layers=[Pictures(name=name, images=shown[name], boxes=boxes)],
        )
        for name in ("real", "sampled", "mirrored")
    ]  # fmt: skip
    plane(panels, key=f"{ID}.samples_plane", height=290)


def _sentences(shown: dict[str, np.ndarray], ridge: float) -> None:
    t = text.current()
    numbers = {name: int(shown[name]) for name in ("count", "constant", "rank")}
    text.prose(
        t.words(
            f"{ID}.caption",
            outside=f"{100 * float(shown['outside']):.0f}",
            empty=f"{100 * float(shown['empty']):.0f}",
        )
    )
    flat = PIXELS - numbers["rank"]
    if flat:
        values = {"constant": numbers["constant"], "rank": numbers["rank"], "flat": flat}
        text.prose(t.words(f"{ID}.singular", count=f"{numbers['count']:,}", **values))
    else:
        text.prose(t.words(f"{ID}.regular", count=f"{numbers['count']:,}", least=common.decimal(float(shown["least"]))))
    if not ridge:
        text.prose(t.words(f"{ID}.unridged" if flat else f"{ID}.unridged_regular"))
        return
    values = {"ridge": f"{ridge:g}", "std": text.number(255 * np.sqrt(ridge), 2)}
    if flat:
        text.prose(t.words(f"{ID}.ridged", flat=flat, shift=text.number(float(shown["shift"])), **values))
    else:
        text.prose(t.words(f"{ID}.ridged_regular", **values))
