"""gaussian_mixture.posterior: a point asks which component it came from, and Bayes' rule answers with its numbers."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes import gaussian_mixture as scenes
from pages.gaussian_mixture import common, design
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, DensityAt, Dot, Ellipses, Mixture, Panel, plane

ID = "gaussian_mixture.posterior"
WORLD = links.choice(f"{ID}.world", "plane", ("plane", "geyser"))
PARTS = common.rows(f"{ID}.parts")
X = links.real(f"{ID}.x", 0.0, low=scenes.FAR[0], high=scenes.FAR[1], step=0.1)
Y = links.real(f"{ID}.y", 0.5, low=scenes.FAR[2], high=scenes.FAR[3], step=0.1)
ERUPTION = links.real(f"{ID}.eruption", 3.0, low=scenes.GEYSER_BOX[0], high=scenes.GEYSER_BOX[1], step=0.05)
WAITING = links.real(f"{ID}.waiting", 66.0, low=scenes.GEYSER_BOX[2], high=scenes.GEYSER_BOX[3], step=1.0)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(WORLD, PARTS, X, Y, ERUPTION, WAITING)):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            geyser = controls.select(WORLD) == "geyser"
            across, up = (ERUPTION, WAITING) if geyser else (X, Y)
            for setting in (across, up):
                with st.container(width=190):
                    controls.slider(setting)
            if not geyser:
                st.button(
                    t.words(f"{ID}.designed"),
                    key=f"{ID}.designed",
                    icon=":material/arrow_downward:",
                    on_click=_designed,
                )
        parts = None if geyser else links.value(PARTS)
        box = scenes.GEYSER_BOX if geyser else scenes.FAR
        shown = scene.shown(scenes.MapScene(parts, box))
        asked = scene.shown(scenes.QueryScene(parts, links.value(across), links.value(up)))
        if int(shown["count"]):
            _show(shown, asked, box, geyser, across, up)
            _say(shown, asked)
        else:
            common.nothing(ID)
        controls.presets(
            ID,
            {
                "between": {WORLD: "plane", PARTS: PARTS.default, X: -0.7, Y: 0.2},
                "far": {WORLD: "plane", PARTS: PARTS.default, X: 9.0, Y: 5.0},
                "around": {WORLD: "plane", PARTS: common.NARROW_AND_WIDE, X: -6.0, Y: 0.0},
                "geyser": {WORLD: "geyser", ERUPTION: 3.0, WAITING: 66.0},
            },
        )


def _designed() -> None:
    """The mixture of the first experiment."""
    links.put_all({PARTS: links.value(design.PARTS)})


def _show(shown: dict, asked: dict, box: scenes.Box, geyser: bool, across: links.Setting, up: links.Setting) -> None:
    t, count = text.current(), int(shown["count"])
    axes = common.axes(box)
    if geyser:
        axes = {
            "x": Axis(t.words("gaussian_mixture.axis.eruption"), box[0], box[1]),
            "y": Axis(t.words("gaussian_mixture.axis.waiting"), box[2], box[3]),
        }
    shares, prior = asked["responsibilities"], asked["weights"]
    largest = sorted(np.argsort(-shares)[:3])
    plane(
        [
            Panel(
                name="map",
                title=t.words(f"{ID}.map"),
                **axes,
                layers=[
                    Cloud(name="winners", at=shown["places"], shares=shown["shares"], size=3.0),
                    Ellipses(
                        name="parts",
                        means=shown["means"],
                        covs=shown["covs"],
                        radii=(1.0, 2.0),
                        coloured=True,
                        fill=False,
                    ),
                    *common.labels(shown, 0.92 * box[3]),
                ],
                handles=[Dot(name="query", role="exact", x="x", y="y", jump=True, label=t.words(f"{ID}.handle"))],
                note="p(x) = {p}",
                measures={"p": DensityAt(Mixture(_rows(shown)), "x", "y")},
                weight=1.5,
            ),
            Panel(
                name="bars",
                title=t.words(f"{ID}.after"),
                x=Axis(t.words("gaussian_mixture.sampling.axis.component"), 0.4, count + 0.6, shown=False),
                y=Axis(t.words(f"{ID}.axis.probability"), 0.0, 1.15),
                layers=common.bars(shares, prior, 1.15, t.words(f"{ID}.prior")),
                note="  ".join(f"{common.SHAPES[k]}\u00a0{_brief(float(shares[k]))}" for k in largest),
                weight=0.8,
            ),
        ],
        key=f"{ID}.plane",
        values={"x": across, "y": up},
        height=350,
        invite=t.words(f"{ID}.invite"),
        scene="geyser" if geyser else "plane",
    )


def _rows(shown: dict) -> list[list[float]]:
    """The mixture as rows, for the browser."""
    stds = np.sqrt(np.diagonal(shown["covs"], axis1=1, axis2=2))
    correlation = shown["covs"][:, 0, 1] / stds.prod(axis=1)
    return np.column_stack([shown["weights"], shown["means"], stds, correlation]).tolist()


def _brief(share: float) -> str:
    """A responsibility above the bars, where there is little room; the table has its digits."""
    return "< 0.1%" if share < 0.001 else "> 99.9%" if share > 0.999 else f"{100 * share:.1f}%"


def _shares(asked: dict) -> list[str]:
    """Each component's responsibility in words."""
    logs = asked["log_joint"] - asked["log_density"]
    return [common.responsibility(float(value), len(logs)) for value in logs]


def _say(shown: dict, asked: dict) -> None:
    """Prior × likelihood for each component, their sum, and the shares of it."""
    t, shares = text.current(), _shares(asked)
    head = [t.words(f"{ID}.table.{part}") for part in ("component", "prior", "likelihood", "product", "responsibility")]
    body = [
        [
            common.coloured_short(k),
            f"{asked['weights'][k]:.3f}",
            common.from_log(float(asked["log_likelihood"][k])),
            common.from_log(float(asked["log_joint"][k])),
            f"**{shares[k]}**",
        ]
        for k in range(len(asked["weights"]))
    ]
    density = common.from_log(float(asked["log_density"]))
    common.table(head, [*body, [t.words(f"{ID}.table.sum"), "1", "", f"**{density}**", "100%"]])
    winner, nearest = int(np.argmax(asked["responsibilities"])), int(np.argmin(asked["away"]))
    sentence = "nearest" if winner == nearest else "farther"
    values = {"winner": common.coloured(winner), "share": shares[winner]}
    if sentence == "farther":
        values["nearest"] = common.coloured(nearest)
    said = t.words(f"{ID}.caption.{sentence}", density=density, **values)
    text.prose(f"{said} {t.words(f'{ID}.sure', sure=common.percent(float(shown['sure'])))}")
