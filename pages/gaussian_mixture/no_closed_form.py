"""gaussian_mixture.no_closed_form: a likelihood without a ceiling, EM that falls into it, and K! names for one fit."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import streamlit as st

from core import scene
from core.scenes import gaussian_mixture_folded as scenes
from pages.gaussian_mixture import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Curve, Ellipses, Line, Panel, Rule, plane

ID = "gaussian_mixture.no_closed_form"
VIEW = links.choice(f"{ID}.view", "shrink", ("shrink", "collapse", "labels"))
POINT = links.whole(f"{ID}.point", 1, low=1, high=scenes.FEW)
EXPONENT = links.real(f"{ID}.exponent", -0.5, low=scenes.EXPONENTS[0], high=scenes.EXPONENTS[1], step=0.1)
FLOORS = {"none": 0.0, "e6": 1e-6, "e4": 1e-4, "e2": 1e-2}  # minutes²
FLOOR = links.choice(f"{ID}.floor", "none", tuple(FLOORS))
ORDERS = tuple("".join(map(str, order)) for order in permutations((1, 2, 3)))
ORDER = links.choice(f"{ID}.order", "123", ORDERS)
TOP = 1.6  # of the density's axis, 1/minute


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(VIEW, POINT, EXPONENT, FLOOR, ORDER)) as opened:
        if not opened.open:
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            view = controls.select(VIEW)
            if view == "labels":
                controls.select(ORDER, names=lambda order: " ".join(order))
            else:
                with st.container(width=130):
                    point = controls.number(POINT) - 1
                with st.container(width=200):
                    exponent = round(controls.slider(EXPONENT), 4)
                if view == "collapse":
                    with st.container(width=190):
                        controls.select(FLOOR, look="select")
        if view == "shrink":
            _shrink(scene.shown(scenes.ShrinkScene(point, exponent)), point, exponent)
        elif view == "collapse":
            floor = FLOORS[links.value(FLOOR)]
            _collapse(scene.shown(scenes.CollapseScene(point, exponent, floor)), point, exponent, floor)
        else:
            _labels(scene.shown(scenes.LabelsScene(tuple(int(c) - 1 for c in links.value(ORDER)))))
        controls.presets(
            ID,
            {
                "spike": {VIEW: "shrink", POINT: 6, EXPONENT: -6.0},
                "collapse": {VIEW: "collapse", POINT: 1, EXPONENT: -0.5, FLOOR: "none"},
                "wider": {VIEW: "collapse", POINT: 1, EXPONENT: -0.4, FLOOR: "none"},
                "floor": {VIEW: "collapse", POINT: 1, EXPONENT: -0.5, FLOOR: "e6"},
            },
        )


def _minutes(low: float = scenes.LINE[0], high: float = scenes.LINE[1]) -> Axis:
    return Axis(text.current().words("gaussian_mixture.axis.eruption"), low, high)


def _dots(points: np.ndarray) -> Cloud:
    """The eruptions on the axis."""
    at = np.column_stack([points, np.full(len(points), 0.02 * TOP)])
    return Cloud(name="points", at=at, size=4.5, label=text.current().words(f"{ID}.data"))


def _shrink(found: dict[str, np.ndarray], point: int, exponent: float) -> None:
    t = text.current()
    low, high = float(found["curve"].min()), float(found["curve"].max())
    room = high - low
    std = common.from_log(exponent * math.log(10))
    plane(
        [
            Panel(
                name="density",
                x=_minutes(),
                y=Axis(t.words(f"{ID}.axis.density"), 0.0, TOP),
                layers=[
                    Curve(name="density", x=found["places"], y=found["density"], fill=True),
                    _dots(found["points"]),
                ],
                note=t.words(f"{ID}.peak", peak=text.number(float(found["peak"]), 3)),
            ),
            Panel(
                name="likelihood",
                x=Axis(t.words(f"{ID}.axis.exponent"), *scenes.EXPONENTS),
                y=Axis(t.words(f"{ID}.axis.log_likelihood"), low - 0.06 * room, high + 0.16 * room),
                layers=[Curve(name="curve", x=found["exponents"], y=found["curve"])],
                handles=[Line(name="sigma", role="exact", x="exponent", label=t.words(f"{ID}.exponent"))],
                note=f"σ = {std} · log L = {text.number(float(found['log_likelihood']), 4)}",
            ),
        ],
        key=f"{ID}.shrink",
        values={"exponent": EXPONENT},
        height=340,
    )
    gain = float(found["tenth"] - found["log_likelihood"])
    text.prose(
        t.words(
            f"{ID}.caption.shrink",
            std=std,
            now=text.number(float(found["log_likelihood"]), 4),
            gain=text.number(gain, 4),
            copies=int(found["copies"]),
            limit=text.number(int(found["copies"]) * math.log(10), 4),
        )
    )


def _collapse(found: dict[str, np.ndarray], point: int, exponent: float, floor: float) -> None:
    t, frames = text.current(), len(found["iterations"])
    stds, steps = found["stds"], found["iterations"]
    smallest = max(float(stds.min()), 1e-12)
    levels = math.floor(math.log10(smallest))
    rules = [Rule(name="floor", role="exact", y=math.sqrt(floor), label=t.words(f"{ID}.floor_line"))] if floor else []
    last_step = max(int(steps[-1]), 1)
    texts = [
        t.words(f"{ID}.frame", step=int(step), log_likelihood=text.number(float(value), 4))
        for step, value in zip(steps, found["log_likelihoods"], strict=True)
    ]
    plane(
        [
            Panel(
                name="density",
                x=_minutes(),
                y=Axis(t.words(f"{ID}.axis.density"), 0.0, TOP),
                layers=[
                    Curve(name="density", x=found["places"], y=found["density"], fill=True),
                    _dots(found["points"]),
                ],
            ),
            Panel(
                name="stds",
                x=Axis(t.words(f"{ID}.axis.step"), 0, last_step),
                y=Axis(t.words(f"{ID}.axis.std"), 10.0 ** min(levels, -2), 10.0, log=True),
                layers=[
                    *rules,
                    *(
                        Curve(
                            name=f"std{k}",
                            role=common.role(k),
                            x=steps.astype(float),
                            y=stds[:, k],
                            grow=True,
                            points=frames <= 30,
                            dashed=k == 1,
                            label=t.words(f"{ID}.std", component=common.name(k)),
                        )
                        for k in range(2)
                    ),
                ],
                seek=True,
            ),
        ],
        key=f"{ID}.collapse",
        frames=texts,
        height=340,
        scene=f"{point} {exponent} {floor}",
    )
    ended, which = str(found["ended"]), int(found["which"])
    values: dict[str, object] = {"component": common.coloured(which), "at": int(found["at"])}
    if ended == "collapsed":
        values["std"] = _tiny(float(stds[-1, which]))
        values["log_likelihood"] = text.number(float(found["log_likelihoods"][-1]), 4)
    elif ended == "floored":
        if not values["at"]:
            ended = "floored.from_start"
            del values["at"]
        values["std"] = text.number(math.sqrt(floor), 2)
        values["log_likelihood"] = text.number(float(found["log_likelihoods"][-1]), 4)
    else:
        values = {
            "at": int(found["at"]),
            "first": text.number(float(stds[-1, 0]), 2),
            "second": text.number(float(stds[-1, 1]), 2),
            "log_likelihood": text.number(float(found["log_likelihoods"][-1]), 4),
        }
    text.prose(t.words(f"{ID}.caption.{ended}", **values))


def _labels(found: dict[str, np.ndarray]) -> None:
    """The fit as it was named first and as it is named now, and what every naming comes to."""
    t = text.current()
    first = scene.shown(scenes.LabelsScene())
    now = " ".join(links.value(ORDER))
    plane(
        [
            Panel(
                name=name,
                title=title,
                **common.axes(),
                equal=True,
                layers=[
                    Ellipses(name="parts", means=shown["means"], covs=shown["covs"], coloured=True),
                    Cloud(name="points", at=shown["points"], shares=shown["shares"]),
                    *common.labels(shown, 3.7),
                ],
            )
            for name, title, shown in (
                ("before", t.words(f"{ID}.before"), first),
                ("after", t.words(f"{ID}.after", order=now), found),
            )
        ],
        key=f"{ID}.labels",
        height=330,
    )
    orders, values = found["orders"] + 1, found["log_likelihoods"]
    common.table(
        [t.words(f"{ID}.table.{part}") for part in ("order", "log_likelihood")],
        [
            [" ".join(map(str, order)), f"{value:.9f}".replace("-", "−")]
            for order, value in zip(orders, values, strict=True)
        ],
    )
    gap = float(values.max() - values.min())
    text.prose(
        t.words(
            f"{ID}.caption.labels",
            names=len(orders),
            gap=_tiny(gap),
            ten=f"{math.factorial(10):,}",
        )
    )


def _tiny(value: float) -> str:
    """A number that may be very small, but not zero unless it is."""
    return common.from_log(math.log(value), 2) if value > 0 else "0"
