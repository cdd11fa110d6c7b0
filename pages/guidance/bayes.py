"""guidance.bayes: guidance derived from Bayes' rule, each term tied to its arrow, and the same on a digit."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.guidance_bayes import LEVELS, PARTS, STEP, AtPoint, Levels, Noised, Rotation, T
from core.store import StoreError
from pages.guidance import bayes_lines
from ui import chapter, controls, links, text
from ui.derivation import LABELS, Digits, derivation

ID = "guidance.bayes"
LINES = ("bayes", "gradient", "only", "difference", "guided", "noise")
COLUMNS = ((0.02, 1.0), (-3.0, 3.0), (-3.0, 3.0), (0.1, 2.0), (0.1, 2.0), (-0.95, 0.95))

LEVEL = links.whole(f"{ID}.t", 600, low=STEP, high=T, step=STEP)
GAMMA = links.real(f"{ID}.gamma", 3.0, low=-2.0, high=50.0, step=0.1)
Y = links.whole(f"{ID}.y", 2, low=1, high=len(PARTS))
X1 = links.real(f"{ID}.x1", 0.7, low=-3.0, high=3.0, step=0.05)
X2 = links.real(f"{ID}.x2", 1.0, low=-3.0, high=3.0, step=0.05)
LINE = links.choice(f"{ID}.line", "guided", LINES)
ROWS = links.rows(f"{ID}.parts", PARTS, COLUMNS, most=len(PARTS))
COUNT = links.whole(f"{ID}.classes", 3, low=1, high=len(PARTS))
DIGIT = links.whole(f"{ID}.digit", 4, low=0, high=9)
LABEL = links.whole(f"{ID}.label", 9, low=0, high=9)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
SETTINGS = (LEVEL, GAMMA, Y, X1, X2, LINE, ROWS, COUNT, DIGIT, LABEL, SEED)

TWO = ((0.5, -1.4, 0.0, 0.5, 0.7, 0.0), (0.5, 1.4, 0.0, 0.5, 0.7, 0.0), *PARTS[2:])
INSIDE = ((0.7, 0.0, 0.0, 1.4, 1.4, 0.0), (0.3, 0.6, 0.3, 0.3, 0.3, 0.0), *PARTS[2:])
OVERLAP = ((0.5, -0.3, 0.0, 0.9, 0.6, 0.6), (0.5, 0.3, 0.0, 0.9, 0.6, -0.6), *PARTS[2:])
USUAL = {LEVEL: 600, GAMMA: 3.0, Y: 2, X1: 0.7, X2: 1.0, LINE: "guided", ROWS: PARTS, COUNT: 3}
PRESETS = {
    "usual": USUAL | {DIGIT: 4, LABEL: 9},
    "two": USUAL | {ROWS: TWO, COUNT: 2, LEVEL: 400, X1: -0.8, X2: 1.0},
    "away": USUAL | {GAMMA: -1.0, LINE: "only"},
    "inside": USUAL | {ROWS: INSIDE, COUNT: 2, LEVEL: 300, X1: 1.8, X2: -0.6, LINE: "difference"},
    "overlap": USUAL | {ROWS: OVERLAP, COUNT: 2, LEVEL: 300, X1: -1.4, X2: -0.2},
    "fifty": USUAL | {GAMMA: 50.0},
    "one": USUAL | {COUNT: 1, Y: 1, LINE: "difference"},
}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        count = int(links.value(COUNT))
        if int(links.value(Y)) > count:
            links.adjust(Y, count)
        if len(links.value(ROWS)) < len(PARTS):  # a link may bring fewer rows than there may be classes
            links.adjust(ROWS, (*links.value(ROWS), *PARTS[len(links.value(ROWS)) :]))
        _picture(count)
        _below(count)
        page.derivation("guidance.from_bayes")
        page.code("core/diffusion/guidance.py", "classifier_free", highlight=("return none + scale",))
        page.code("core/diffusion/bayes.py", "terms", highlight=("guided=", "guided_noise="))
        page.code("core/diffusion/exact.py", "MixtureDenoiser.score", "MixtureDenoiser.log_posterior")


def _picture(count: int) -> None:
    """The derivation, its picture and the digit."""
    t = text.current()
    a = scene.shown(Levels())
    derivation(
        key=f"{ID}.derivation",
        values={
            "t": LEVEL, "gamma": GAMMA, "y": Y, "x1": X1, "x2": X2, "parts": ROWS, "line": LINE, "digit": DIGIT,
            "label": LABEL,
        },
        count=count,
        levels=LEVELS,
        alpha_bar=a["alpha_bar"],
        lines=bayes_lines.lines(),
        names=bayes_lines.NAMES,
        labels={name: t.template(f"{ID}.part.{name}") for name in LABELS},
        bounds={
            "gamma": (GAMMA.low, GAMMA.high, GAMMA.step), "gamma_slider": (-1, 10, GAMMA.step),
            "x1": (X1.low, X1.high, X1.step), "x2": (X2.low, X2.high, X2.step),
        },
        digits=_digits(),
    )  # fmt: skip


def _digits() -> Digits | None:
    """The digit at every level; None, and a sentence, where the model that knows digits is not there."""
    try:
        a = scene.shown(Noised(int(links.value(DIGIT)), int(links.value(LABEL)), int(links.value(SEED))))
    except StoreError:
        text.prose(f":material/info: {text.current().words(f'{ID}.no_model')}")
        return None
    return Digits(a["clean"], a["x"], a["none"], a["given"])


def _below(count: int) -> None:
    """What the numbers say where the point was let go; presets and the rest of the settings."""
    t = text.current()
    gamma, y = float(links.value(GAMMA)), int(links.value(Y))
    parts = tuple(tuple(map(float, part)) for part in links.value(ROWS)[:count])
    at = (float(links.value(X1)), float(links.value(X2)))
    a = scene.shown(AtPoint(parts, int(links.value(LEVEL)), y - 1, gamma, at))
    text.prose(
        t.words(
            f"{ID}.caption",
            y=y,
            posterior=text.number(float(np.exp(a["log_p_y_given_x"]))),
            prior=text.number(float(np.exp(a["log_p_y"]))),
            classifier=text.number(float(np.linalg.norm(a["classifier"]))),
            score=text.number(float(np.linalg.norm(a["score"]))),
            guided=text.number(float(np.linalg.norm(a["guided"]))),
            gamma=text.number(gamma),
        )
    )
    _learned()
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"{ID}.more"):
        with st.container(width="stretch"):
            controls.presets(ID, PRESETS)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            controls.slider(COUNT)
            controls.seed(SEED)


def _learned() -> None:
    """That a learned difference need not be a gradient, and how far one of ours is from it."""
    turning = Rotation()
    try:
        share = float(scene.shown(turning)["share"])
    except StoreError:
        return
    share = 5 * round(20 * share)  # no nearer: 128 probes miss the whole Jacobian's 20.1% by about one in a hundred
    values = {"digit": turning.digit, "label": turning.label, "t": turning.t, "share": share}
    text.prose(text.current().words(f"{ID}.learned", **values), small=True)
