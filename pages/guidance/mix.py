"""guidance.mix: two labels at once, each with a weight of its own, on digits and where the scores are known."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.guidance_particles import COUNT, WINDOW, Blend
from core.scenes.guidance_pulled import BLENDED, Mixed
from core.shipped import named
from pages import working
from ui import chapter, controls, links, player, text
from ui.plane import Arrows, Axis, Cloud, Ellipses, Panel, plane

ID = "guidance.mix"
DIGITS = tuple(range(10))
FIRST = links.choice(f"{ID}.first", 3, DIGITS)
SECOND = links.choice(f"{ID}.second", 8, DIGITS)
WEIGHTS = {"low": -5.0, "high": 20.0, "step": 0.25}
FIRST_WEIGHT = links.real(f"{ID}.first_weight", 1.5, **WEIGHTS)
SECOND_WEIGHT = links.real(f"{ID}.second_weight", 1.5, **WEIGHTS)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
WIDTH = 800  # pixels of two square panels
SEEN = 2  # digits that are named under a track
ONE = 0.9  # share of the points from which on they are said to have gone into one class
CLASSES = ("left", "right", "top")
PULLS = tuple(
    links.real(f"{ID}.{name}", weight, low=-5.0, high=10.0, step=0.25)
    for name, weight in zip(CLASSES, (1.0, 1.0, 0.0), strict=True)
)
SETTINGS = (FIRST, FIRST_WEIGHT, SECOND, SECOND_WEIGHT, SEED, *PULLS)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as shown:
        if not shown.open:
            return
        t, model = text.current(), named("diffusion", "digits")
        if model:
            _digits(model)
        else:
            text.prose(t.words("guidance.no_digits"))
        controls.presets(
            ID,
            {
                "halves": {FIRST: 3, FIRST_WEIGHT: 1.5, SECOND: 8, SECOND_WEIGHT: 1.5},
                "relatives": {FIRST: 4, FIRST_WEIGHT: 2.0, SECOND: 9, SECOND_WEIGHT: 2.0},
                "seven": {FIRST: 7, FIRST_WEIGHT: 1.5, SECOND: 1, SECOND_WEIGHT: -1.5},
                "push": {FIRST: 0, FIRST_WEIGHT: 0.0, SECOND: 1, SECOND_WEIGHT: -2.0},
            },
        )
        text.prose(f"**{t.words(f'{ID}.exact')}**")
        _points()
        page.derivation("guidance.composed")
        page.code("core/diffusion/guidance.py", "composed", highlight=("none + sum",))


# ---- digits ---------------------------------------------------------------------------------------------------------


def _digits(model: str) -> None:
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
        with st.container(width=90):
            first = int(controls.select(FIRST, look="select", names=str))
        with st.container(width=170):
            one = float(controls.number(FIRST_WEIGHT))
        with st.container(width=90):
            second = int(controls.select(SECOND, look="select", names=str))
        with st.container(width=170):
            other = float(controls.number(SECOND_WEIGHT))
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            seed = int(controls.seed(SEED))
    wanted = Mixed(model, (first, second), (one, other), seed)
    found, shot = working.answer(wanted, ID, Mixed(model))
    if found is not None:
        with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
            _sheets(found)
    working.waiting(wanted, shot, found)


def _sheets(found: working.Answer) -> None:
    """Three players of one clock: both labels, and each alone; what an independent classifier sees in the ends."""
    t, a, asked = text.current(), found.arrays, found.scene
    pulls = [
        t.words(f"{ID}.pull", weight=text.number(w), digit=y) for y, w in zip(asked.labels, asked.weights, strict=True)
    ]
    titles = {"both": " + ".join(pulls).replace("+ −", "− "), "first": pulls[0], "second": pulls[1]}
    tracks = [
        player.Track(
            name,
            titles[name],
            "images",
            a[name].astype(np.float32) / 127.5 - 1,
            role="condition" if name == "both" else "model",
            note=t.words(f"{ID}.track.note", seen=_seen(a["named"][k])),
        )
        for k, name in enumerate(titles)
    ]
    levels = a["t"].tolist()
    player.player(
        tracks,
        [t.label("player.clock", t=level, T=levels[0]) for level in levels],
        key=f"{ID}.player",
        labels={name: t.label(f"player.{name}") for name in (*player.LABELS, "between")},
        height=280,
        scene=asked.key,
    )
    both, chances = a["named"][0], a["chances"][0]
    first, second = asked.labels
    numbers = {
        "count": BLENDED, "first": first, "second": second, "mix": titles["both"],
        "as_first": int((both == first).sum()), "as_second": int((both == second).sum()),
        "as_other": int((~np.isin(both, asked.labels)).sum()),
        "p_first": _percent(chances[:, first].mean()), "p_second": _percent(chances[:, second].mean()),
        "sure": _percent(chances.max(axis=1).mean()),
    }  # fmt: skip
    if first == second:
        same = {name: numbers[name] for name in ("count", "first", "as_first", "sure")}
        text.prose(t.words(f"{ID}.caption.same", weight=text.number(sum(asked.weights)), **same))
    else:
        text.prose(t.words(f"{ID}.caption", **numbers))


def _seen(named_as: np.ndarray) -> str:
    """What was seen, the two most frequent: "3 (8), 8 (4)"; as much as fits under a track."""
    digits, counts = np.unique(named_as, return_counts=True)
    order = np.lexsort((digits, -counts))
    more = ", …" if len(order) > SEEN else ""
    return ", ".join(f"{digits[k]} ({counts[k]})" for k in order[:SEEN]) + more


def _percent(share: float) -> str:
    return f"{100 * float(share):.0f}"


# ---- where the scores are known -------------------------------------------------------------------------------------


def _points() -> None:
    """A cloud under three weights, and the push that it feels at each level."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.exact_controls"):
        weights = []
        for pull in PULLS:
            with st.container(width=180):
                weights.append(float(controls.number(pull)))
    a = scene.shown(Blend(tuple(weights)))
    axes = {"x": Axis("x₁", -WINDOW, WINDOW), "y": Axis("x₂", -WINDOW, WINDOW)}
    exact = Ellipses(name="exact", role="exact", means=a["means"], covs=a["covs"], radii=(1.0,), fill=False,
                     label=t.words(f"{ID}.classes"))  # fmt: skip
    with st.container(width=WIDTH):
        plane(
            [
                Panel(
                    name="cloud",
                    title=t.words(f"{ID}.panel.cloud"),
                    layers=[exact, Cloud(name="cloud", role="model", at=a["at"].astype(np.float32), size=2.0)],
                    equal=True,
                    **axes,
                ),
                Panel(
                    name="push",
                    title=t.words(f"{ID}.panel.push"),
                    layers=[exact, Arrows(name="push", role="condition", at=a["places"], by=a["push"])],
                    equal=True,
                    **axes,
                ),
            ],
            key=f"{ID}.plane",
            frames=[t.label("player.clock", t=level, T=int(a["t"][0])) for level in a["t"].tolist()],
            scene=str(weights),
            height=290,
            glide=True,
        )
    shares = {name: int(most) for name, most in zip(CLASSES, a["most"], strict=True)}
    text.prose(t.words(f"{ID}.points", count=COUNT, **shares))
    if sum(weight > 0 for weight in weights) > 1 and min(weights) >= 0 and a["most"].max() < ONE * COUNT:
        text.prose(t.words(f"{ID}.points.several"))
    elif min(weights) < 0:
        text.prose(t.words(f"{ID}.points.away"))
    if int(a["out"]):
        text.prose(t.words(f"{ID}.out", out=int(a["out"]), count=COUNT))
