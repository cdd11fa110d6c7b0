"""diffusion_theory.score: the exact score of a mixture, the one a network has learnt, and how far they are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.diffusion_theory_score import (
    BLOBS,
    BOX,
    DATA,
    LEVELS,
    START,
    LearnedArrows,
    ScoreAt,
    ScoreError,
    grid,
)
from core.store import StoreError
from ui import chapter, controls, links, text
from ui.plane import (
    Arrows,
    Axis,
    Cloud,
    Components,
    Curve,
    Density,
    Dot,
    Mixture,
    Noised,
    Panel,
    Rule,
    Slopes,
    plane,
)

ID = "diffusion_theory.score"
SHAPE = links.choice(f"{ID}.data", "blobs", DATA)
X = links.real(f"{ID}.x", START[0], low=-BOX, high=BOX, step=0.01)
Y = links.real(f"{ID}.y", START[1], low=-BOX, high=BOX, step=0.01)
LEVEL = links.whole(f"{ID}.t", 150, low=1, high=1000)
OWN = links.rows(
    f"{ID}.own",
    ((0.6, -1.0, -0.6, 0.35, 0.7, 0.4), (0.4, 1.1, 0.8, 0.6, 0.3, 0.0)),
    ((0.05, 1.0), (-2.6, 2.6), (-2.6, 2.6), (0.1, 1.5), (0.1, 1.5), (-0.95, 0.95)),
    most=4,
)
SETTINGS = (SHAPE, X, Y, LEVEL, OWN)
LONGEST = 22.0  # CSS pixels of an arrow whose score is without end


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    t = text.current()
    with page.experiment(ID, settings=SETTINGS):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            data = controls.select(SHAPE)
            with st.container(width=160):
                controls.slider(X)
            with st.container(width=160):
                controls.slider(Y)
        own = tuple(links.value(OWN)) if data == "own" else ()
        if data == "own" and not own:
            text.prose(t.words(f"{ID}.empty"))
            _picture(data, np.zeros((0, 6)), None, None)
        else:
            a, learned = _scores(data, own)
            frame = _picture(data, a["rows"], a, learned)
            _sentences(a, frame, learned)
        controls.presets(
            ID,
            {
                "ridge": {SHAPE: "humps", X: 0.0, Y: 0.3, LEVEL: 50},
                "clean": {SHAPE: "blobs", X: START[0], Y: START[1], LEVEL: 1},
                "empty": {SHAPE: "blobs", X: 2.4, Y: 2.4, LEVEL: 20},
                "noise": {SHAPE: "blobs", X: 2.4, Y: 2.4, LEVEL: 1000},
                "one": {SHAPE: "one", X: -1.0, Y: 1.2, LEVEL: 100},
                "own": {SHAPE: "own", LEVEL: 100},
            },
        )


def _scores(
    data: str, own: tuple[tuple[float, ...], ...]
) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray] | None]:
    """Both scores at the point; the learned arrows and errors, where there is a network for these data."""
    place = (float(links.value(X)), float(links.value(Y)))
    if data == "blobs" and BLOBS:
        try:
            learned = {**scene.shown(LearnedArrows(BLOBS)), **scene.shown(ScoreError(BLOBS))}
            return scene.shown(ScoreAt(data, own, BLOBS, *place)), learned
        except StoreError:  # its file is damaged: the exact score needs none
            pass
    return scene.shown(ScoreAt(data, own, "", *place)), None


def _picture(
    data: str, rows: np.ndarray, a: Mapping[str, np.ndarray] | None, learned: Mapping[str, np.ndarray] | None
) -> int:
    """The panels; returns the frame at which they rest."""
    t = text.current()
    alpha_bar = [float(v) for v in a["alpha_bar"]] if a is not None else [1.0] * len(LEVELS)
    mixture = Mixture("own" if data == "own" else tuple(tuple(map(float, row)) for row in rows))
    noised, unit = Noised(mixture, alpha_bar), [math.sqrt(1 - v) for v in alpha_bar]
    x, y = (Axis(t.words(f"{ID}.axis.{name}"), -BOX, BOX) for name in "xy")
    ground = Density(name="density", model=noised, show="contours", role="data", radii=(0.6, 1.2, 1.8, 2.6))
    here = Slopes(name="here", model=noised, place=("x", "y"), unit=unit, longest=2.2 * LONGEST)
    point = Dot(name="point", x="x", y="y", label=t.words(f"{ID}.point"), role="noise", jump=data != "own")
    marks = [] if a is None else [Cloud(name="x0", at=a["exact_x0"][:, None], role="data", size=5, label="x̂₀")]
    places = grid() if learned is not None else None  # where there is another picture, from the same places
    panels = [
        Panel(
            name="exact",
            title=t.words(f"{ID}.panel.exact"),
            x=x,
            y=y,
            layers=[ground, Slopes(name="arrows", model=noised, at=places, unit=unit, longest=LONGEST), here, *marks],
            handles=[
                *([Components(name="own", rows="own", most=4, label=t.words(f"{ID}.own"))] if data == "own" else []),
                point,
            ],
            equal=True,
        )
    ]
    if learned is None:
        hill = Density(name="hill", model=noised, show="surface", role="data")
        panels.append(Panel(name="hill", title=t.words(f"{ID}.panel.hill"), x=x, y=y, layers=[hill], kind="surface"))
    else:
        by = a["learned_arrow"][:, None]
        at = np.array([[float(links.value(X)), float(links.value(Y))]])
        length = 2.2 * LONGEST * float(np.linalg.norm(by, axis=2).max())
        panels += [
            Panel(
                name="learned",
                title=t.words(f"{ID}.panel.learned"),
                x=x,
                y=y,
                layers=[
                    ground,
                    Arrows(name="arrows", at=grid(), by=learned["by"], longest=LONGEST, role="model"),
                    here,
                    Arrows(name="own_arrow", at=at, by=by, longest=length, role="model"),
                    Cloud(name="x0", at=a["learned_x0"][:, None], role="model", size=5, label="x̂₀"),
                ],
                handles=[point],
                equal=True,
            ),
            _errors(learned),
        ]
    first, opened = _first_frame()
    values = {"x": X, "y": Y} | ({"own": OWN} if data == "own" else {})
    state = plane(
        panels,
        key=f"{ID}.plane",
        values=values,
        frames=[f"t = {level} · ᾱ = {text.number(left, 3)}" for level, left in zip(LEVELS, alpha_bar, strict=True)],
        start=first,
        height=352,
        invite=t.words(f"{ID}.invite"),
        scene=f"{data} {opened}",
    )
    if state.frame != _frame(int(links.value(LEVEL))):
        links.adjust(LEVEL, LEVELS[state.frame])  # so that a link leads to this level
    return state.frame


def _errors(learned: Mapping[str, np.ndarray]) -> Panel:
    """|ŝ − s|² against t: its mean over p_t with its spread, its mean over the whole picture, and |s|² beside it."""
    t, level = text.current(), learned["t"]
    least = 10.0 ** math.floor(math.log10(max(float(learned["mean"].min()), 1e-9)))
    return Panel(
        name="error",
        title=t.words(f"{ID}.panel.error"),
        x=Axis(t.words(f"{ID}.axis.t"), 1, 1000, log=True),
        y=Axis(t.words(f"{ID}.axis.error"), least, 1e5, log=True),
        layers=[
            Curve(name="size", x=level, y=learned["size"], role="exact", label=t.words(f"{ID}.size")),
            Curve(name="everywhere", x=level, y=learned["everywhere"], role="noise", label=t.words(f"{ID}.everywhere")),
            Curve(name="low", x=level, y=learned["low"], faint=True),
            Curve(name="high", x=level, y=learned["high"], faint=True),
            Curve(name="mean", x=level, y=learned["mean"], points=True, label=t.words(f"{ID}.mean")),
            Rule(name="now", x=[float(v) for v in LEVELS], role="noise"),
        ],
        weight=1.05,
    )


def _frame(level: int) -> int:
    """The frame nearest to a level."""
    return int(np.abs(np.array(LEVELS) - level).argmin())


def _first_frame() -> tuple[int, int]:
    """Where the plane begins, and how often a link, a preset or a reset has said so; see pages/em/half_steps.py."""
    version, held = links.version(LEVEL), st.session_state.get(f"{ID}.first")
    if held is None or held[1] != version:
        held = st.session_state[f"{ID}.first"] = (_frame(int(links.value(LEVEL))), version)
    return held


def _sentences(a: Mapping[str, np.ndarray], frame: int, learned: Mapping[str, np.ndarray] | None) -> None:
    """The numbers at the point, and how large the learned score's error is at this level."""
    t = text.current()
    level = LEVELS[frame]
    said = {"t": level, "x": text.number(float(links.value(X)), 3), "y": text.number(float(links.value(Y)), 3)}
    said |= {"score": pair(a["exact_score"][frame]), "x0": pair(a["exact_x0"][frame])}
    if learned is None:
        text.prose(t.words(f"{ID}.caption", **said))
        return
    both = {"learned": pair(a["learned_score"][frame]), "learned_x0": pair(a["learned_x0"][frame])}
    text.prose(t.words(f"{ID}.caption.both", **said, **both))
    k = int(np.abs(np.log(learned["t"]) - np.log(level)).argmin())
    wrong = {name: text.number(float(learned[name][k]), 2) for name in ("mean", "error", "size", "everywhere")}
    share = text.number(100 * float(learned["mean"][k] / learned["size"][k]), 2)
    text.prose(t.words(f"{ID}.caption.error", t=int(learned["t"][k]), share=share, **wrong))
    text.prose(t.words(f"{ID}.caption.why"), small=True)


def pair(values: np.ndarray) -> str:
    """A vector for a sentence."""
    return f"({text.number(float(values[0]), 3)}, {text.number(float(values[1]), 3)})"
