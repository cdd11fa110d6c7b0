"""guidance.scale: the same digits from the same noise at one scale after another, and what the scale does, measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core import first_paint
from core.diffusion import guidance_quality
from core.diffusion.guidance_quality import GuidanceQuality, GuidanceState
from core.scenes.guidance_scale import FIXED, Sweep
from core.shipped import named
from pages import working
from pages.guidance import sheets
from ui import chapter, charts, controls, links, live, text
from ui.plane import Axis, Panel, Pictures, Words, plane

ID = "guidance.scale"
DIGITS = links.several(f"{ID}.digits", tuple(range(10)), tuple(range(10)))
GAMMA = links.real(f"{ID}.gamma", 20.0, low=-20.0, high=50.0, step=0.1)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
SETTINGS = (DIGITS, GAMMA, SEED)
COUNT = 200  # digits of the quick measurement
HEIGHT = 372
COMMAND = "python -m core.diffusion.guidance_quality"


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        t, model = text.current(), named("diffusion", "digits")
        if not model:
            text.prose(t.words("guidance.no_digits"))
            return
        wanted = _controls(model)
        with st.container(horizontal=True, gap="medium", key=f"{ID}.row"):  # one below the other where there is no room
            left, right = st.container(width=600), st.container(width=440)
        with left:
            if wanted is None:
                text.prose(t.words(f"{ID}.nothing"))
            else:
                _sweep(wanted, model)
        with right:
            _measured(model)
        controls.presets(
            ID,
            {
                "usual": {GAMMA: 1.3},
                "hard": {GAMMA: 50.0},
                "away": {GAMMA: -2.0},
                "one": {DIGITS: (8,), GAMMA: 20.0},
            },
        )
        page.code("core/diffusion/guidance.py", "classifier_free")


def _controls(model: str) -> Sweep | None:
    """What is asked for; None where no digit is."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
        with st.container(width="content"):  # ten digits in a row, on a projector too
            digits = controls.pills(DIGITS)
        with st.container(width=300):
            gamma = controls.slider(GAMMA)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            seed = controls.seed(SEED)
    if not digits:
        return None
    return Sweep(model, tuple(digits), (*FIXED, round(float(gamma), 6)), int(seed))


def _sweep(wanted: Sweep, model: str) -> None:
    found, shot = working.answer(wanted, ID, Sweep(model))
    if found is not None:
        with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
            _grid(found)
    working.waiting(wanted, shot, found)


def _grid(found: working.Answer) -> None:
    """A row a scale, a column a digit and its noise; what is seen as another digit says so."""
    t, a, scales = text.current(), found.arrays, found.scene.scales
    rows, columns = a["named"].shape
    images, boxes, wrong = sheets.grid(a)
    words = [
        Words(
            name=f"gamma{r}", role="condition", x=-0.12, y=sheets.middle(rows, r), text=sheets.gamma(s), align="right"
        )
        for r, s in enumerate(scales)
    ]
    plane(
        [
            Panel(
                name="sheet",
                title=t.words(f"{ID}.sheet"),
                x=Axis("", -1.9, columns, shown=False),
                y=Axis("", 0.0, rows * sheets.ROW, shown=False),
                layers=[Pictures(name="digits", role="model", images=images, boxes=boxes), *wrong, *words],
                equal=True,
            )
        ],
        key=f"{ID}.plane",
        height=HEIGHT,
        scene=found.scene.key,
    )
    right = (a["named"] == a["labels"]).sum(axis=1)
    said = {"count": columns, "plain": int(right[1]), "gamma": sheets.plain(scales[-1]), "own": int(right[-1])}
    text.prose(t.words(f"{ID}.caption", none=int(right[0]), **said))


# ---- measured -------------------------------------------------------------------------------------------------------


def _measured(model: str) -> None:
    """The recorded measurement, and a quick one of the scale that is set, on request."""
    kept = first_paint.guidance(guidance_quality.recorded(model))
    gamma = round(float(links.value(GAMMA)), 6)
    config = GuidanceQuality(model, (gamma,), COUNT, (int(links.value(SEED)),))

    def show(shot: Any) -> None:
        state = shot.state if shot is not None and shot.state is not None and shot.state.measured else None
        if kept is not None or state is not None:
            _charts(kept, state)
        _sentences(kept, state)

    live.watch(f"{ID}.quality", lambda: config, show, config_key=config.key, kind="measuring")


def _charts(kept: GuidanceState | None, own: GuidanceState | None) -> None:
    t = text.current()
    shares = [("condition", "agreement", lambda m: m.agreement), ("data", "spread", lambda m: m.spread)]
    high = 10.0 if own is None else max(10.0, own.measured[0].scale)
    low = 0.0 if own is None else min(0.0, own.measured[0].scale)
    wider = (low - 1) * 1.06 + 1, (high + 1) * 1.06 - 1  # so that a mark at an end is whole
    x = charts.Axis(t.words(f"{ID}.axis.gamma"), *wider, symlog=True)
    curves = [_curve(kept, role, t.words(f"{ID}.curve.{name}"), value) for role, name, value in shares if kept]
    curves += [_own(own, role, t.words(f"{ID}.own.{name}"), value) for role, name, value in shares if own]
    top = max([1.25] + [1.05 * m.spread for m in (own.measured if own else ())])  # far out, errors count as variety
    y = charts.Axis(t.words(f"{ID}.axis.share"), -0.05, top)
    charts.show(charts.curves(curves, x, y, height=196), key=f"{ID}.shares")
    distance = [_curve(kept, "model", t.words(f"{ID}.curve.distance"), lambda m: m.distance)] if kept else []
    if kept:
        floors = np.array(kept.floors)
        distance.append(
            charts.Curve("exact", [low, high], [floors.mean()] * 2, t.words(f"{ID}.curve.floor"),
                         low=[floors.min()] * 2, high=[floors.max()] * 2)
        )  # fmt: skip
    if own:
        distance.append(_own(own, "model", t.words(f"{ID}.own.distance"), lambda m: m.distance))
    everything = [m.distance for state in (kept, own) if state for m in state.measured]
    everything += list(kept.floors) if kept else []
    ends = 10 ** np.floor(np.log10(min(everything))), 10 ** np.ceil(np.log10(max(everything)))
    y = charts.Axis(t.words(f"{ID}.axis.distance"), float(ends[0]), float(ends[1]), log=True, ticks=3)
    charts.show(charts.curves(distance, x, y, height=196), key=f"{ID}.distances")


def _curve(state: GuidanceState, role: str, name: str, value: Any) -> charts.Curve:
    """The mean over the seeds at each scale, and a bar from the least to the most."""
    scales = sorted({m.scale for m in state.measured})
    each = [[value(m) for m in state.at(scale)] for scale in scales]
    low, high = [min(v) for v in each], [max(v) for v in each]
    return charts.Curve(role, scales, [float(np.mean(v)) for v in each], name, points=True, low=low, high=high)


def _own(state: GuidanceState, role: str, name: str, value: Any) -> charts.Curve:
    m = state.measured[0]
    return charts.Curve(role, [m.scale], [value(m)], name, points=True)


def _sentences(kept: GuidanceState | None, own: GuidanceState | None) -> None:
    t = text.current()
    if kept is not None:
        best = min({m.scale for m in kept.measured}, key=lambda s: np.mean([m.distance for m in kept.at(s)]))
        least = min({m.scale for m in kept.measured}, key=lambda s: np.mean([m.spread for m in kept.at(s)]))
        last = max(m.scale for m in kept.measured)
        values = {
            "count": f"{sum(map(sum, kept.at(best)[0].named)):,}",
            "seeds": len(kept.floors),
            "best": sheets.plain(best),
            "distance": text.number(float(np.mean([m.distance for m in kept.at(best)])), 2),
            "floor": text.number(float(np.mean(kept.floors)), 2),
            "agreement": percent(np.mean([m.agreement for m in kept.at(best)])),
            "spread": percent(np.mean([m.spread for m in kept.at(best)])),
            "last": sheets.plain(last),
            "last_agreement": percent(np.mean([m.agreement for m in kept.at(last)])),
            "last_distance": text.number(float(np.mean([m.distance for m in kept.at(last)])), 2),
            "least": sheets.plain(least),
            "least_spread": percent(np.mean([m.spread for m in kept.at(least)])),
        }
        text.prose(t.words(f"{ID}.measured", **values))
        text.prose(t.words(f"{ID}.recorded", command=COMMAND), small=True)
    else:
        text.prose(t.words("guidance.unrecorded", command=COMMAND) + " " + t.words(f"{ID}.quick"), small=True)
    if own is not None:
        m = own.measured[0]
        values = {"gamma": sheets.plain(m.scale), "agreement": percent(m.agreement), "spread": percent(m.spread)}
        values |= {"distance": text.number(m.distance, 2), "floor": text.number(own.floors[0], 2)}
        text.prose(t.words(f"{ID}.mine", count=sum(map(sum, m.named)), **values), small=True)


def percent(share: float) -> str:
    return f"{100 * float(share):.1f}"
