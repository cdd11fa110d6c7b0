"""gaussian_mixture.design: components to add, drag, stretch and weigh; the density as contours and as a surface."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes import gaussian_mixture as scenes
from pages.gaussian_mixture import common
from ui import chapter, controls, links, text
from ui.plane import Arrows, Cloud, Components, Density, Mixture, Panel, plane

ID = "gaussian_mixture.design"
PARTS = common.rows(f"{ID}.parts")
CHOSEN = links.whole(f"{ID}.chosen", 1, low=1, high=common.MOST)  # followed by sliders and picture
AWAY = (0.3, -0.3)  # of the tip of a peak's arrow, in the units of the plane
FIELDS = ("weight", "mean_x", "mean_y", "std_x", "std_y", "correlation")


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(PARTS, CHOSEN)):
        t = text.current()
        _controls()
        parts = links.value(PARTS)
        found = scene.shown(scenes.DesignScene(parts))
        peaks = found.get("peaks", np.zeros((0, 2)))
        density = Mixture("parts")
        layers = [Density(name="density", model=density, show="contours", radii=common.RADII)]
        if len(peaks):
            layers.append(Cloud(name="peaks", role="exact", at=peaks, size=4, label=t.words(f"{ID}.peaks")))
            # a peak often lies under a component's handle: from the corner where no handle is, an arrow shows it
            away = np.full(peaks.shape, AWAY)
            layers.append(Arrows(name="here", role="exact", at=peaks + 2.6 * away, by=-1.6 * away, longest=None))
        plane(
            [
                Panel(
                    name="map",
                    **common.axes(),
                    equal=True,
                    layers=layers,
                    handles=[
                        Components(
                            name="parts",
                            rows="parts",
                            label=t.words(f"{ID}.handle"),
                            most=common.MOST,
                            chosen="chosen",
                        )
                    ],
                    model=density,
                    pointer=t.template(f"{ID}.pointer"),
                    weight=1.25,
                ),
                Panel(
                    name="hill",
                    **common.axes(),
                    kind="surface",
                    layers=[Density(name="hill", model=density, show="surface")],
                ),
            ],
            key=f"{ID}.plane",
            values={"parts": PARTS, "chosen": CHOSEN},
            height=340,
            invite=t.words(f"{ID}.invite"),
        )
        _say(found)
        controls.presets(
            ID,
            {
                "one_peak": {PARTS: common.ONE_PEAK, CHOSEN: 1},
                "three_peaks": {PARTS: common.THREE_PEAKS, CHOSEN: 1},
                "same_mean": {PARTS: common.SAME_MEAN, CHOSEN: 1},
                "ring": {PARTS: common.RING, CHOSEN: 1},
            },
        )


def _controls() -> None:
    """The component that is edited by numbers, its weight, one more, one less; its other numbers under *More*."""
    t, parts = text.current(), links.value(PARTS)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        if parts:
            chosen = controls.select(
                CHOSEN,
                choices=tuple(range(1, len(parts) + 1)),
                names=lambda k: common.short(k - 1),
            )
            with st.container(width=220):
                _slider(chosen - 1, 0)
        st.button(
            t.words(f"{ID}.add"),
            key=f"{ID}.add",
            icon=":material/add:",
            on_click=_add,
            disabled=len(parts) >= common.MOST,
        )
        if parts:
            st.button(
                t.words(f"{ID}.remove"),
                key=f"{ID}.remove",
                icon=":material/remove:",
                on_click=_remove,
                args=(chosen - 1,),
            )
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                for column in range(1, len(FIELDS)):
                    _slider(chosen - 1, column)


def _slider(k: int, column: int) -> None:
    """One number of one component; the rows are the setting, the slider only shows and moves them."""
    low, high = common.COLUMNS[column]
    key = f"{ID}.{FIELDS[column]}"
    now = float(links.value(PARTS)[k][column])
    if st.session_state.get(key) != now:  # told again, a slider that is being moved would jump back
        st.session_state[key] = now
    st.slider(text.current().words(key), low, high, step=0.01, key=key, on_change=_set, args=(k, column, key))


def _set(k: int, column: int, key: str) -> None:
    parts = [list(row) for row in links.value(PARTS)]
    if k < len(parts):
        parts[k][column] = st.session_state[key]
        _take(parts, k)


def _add() -> None:
    """A new component where the others are farthest away."""
    parts = links.value(PARTS)
    gaps = [min([np.hypot(x - row[1], y - row[2]) for row in parts], default=0.0) for x, y in common.FRESH]
    x, y = common.FRESH[int(np.argmax(gaps))]
    _take([*parts, (0.3, x, y, 0.8, 0.8, 0.0)], len(parts))


def _remove(k: int) -> None:
    parts = links.value(PARTS)
    _take([row for i, row in enumerate(parts) if i != k], max(k - 1, 0))


def _take(parts: list, chosen: int) -> None:
    links.put_all({PARTS: tuple(tuple(map(float, row)) for row in parts), CHOSEN: chosen + 1})
    links.settled(ID)


def _say(found: dict[str, np.ndarray]) -> None:
    """How many peaks the components make, the shares that the weights come to, what lies outside the picture."""
    t, count = text.current(), int(found["count"])
    if not count:
        common.nothing(ID)
        return
    peaks = len(found["peaks"])
    compared = "fewer" if peaks < count else "more" if peaks > count else "equal"
    shares = " · ".join(f":{common.role(k)}[φ{_low(k + 1)} = {w:.3g}]" for k, w in enumerate(found["weights"]))
    numbers = {"count": count, "peaks": peaks, "top": text.number(float(found["heights"][0]), 3)}
    inside = common.percent(float(found["inside"]))
    text.prose(f"{shares}. {t.words(f'{ID}.caption.{compared}', **numbers)} {t.words(f'{ID}.inside', inside=inside)}")


def _low(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
