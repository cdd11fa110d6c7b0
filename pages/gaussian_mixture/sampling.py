"""gaussian_mixture.sampling: which component, then which point; a few draws slowly, then all the others."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes import gaussian_mixture as scenes
from pages.gaussian_mixture import common, design
from ui import chapter, controls, links, text
from ui.plane import Arrows, Axis, Cloud, Ellipses, Panel, Words, plane

ID = "gaussian_mixture.sampling"
PARTS = common.rows(f"{ID}.parts")
DRAWS = links.choice(f"{ID}.draws", 1000, (100, 1000, 3000))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
SLOW = 8  # draws whose two throws are shown one by one
QUICK = 16  # frames for all the others


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(PARTS, DRAWS, SEED)):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            draws = controls.select(DRAWS)
            with st.container(width=330):
                seed = controls.seed(SEED)
            st.button(
                t.words(f"{ID}.designed"), key=f"{ID}.designed", icon=":material/arrow_downward:", on_click=_designed
            )
        parts = links.value(PARTS)
        found = scene.shown(scenes.SamplingScene(parts, draws, seed))
        if int(found["count"]):
            _show(found, f"{parts} {draws} {seed}")
            _say(found)
        else:
            common.nothing(ID)
        controls.presets(
            ID,
            {
                "three": {PARTS: PARTS.default, DRAWS: 1000},
                "rare": {PARTS: common.RARE, DRAWS: 100},
                "ring": {PARTS: common.RING, DRAWS: 3000},
            },
        )


def _designed() -> None:
    """The mixture of the experiment above."""
    links.put_all({PARTS: links.value(design.PARTS)})


def timeline(draws: int) -> list[tuple[int, int]]:
    """(draws that have landed, 1 while the next one has only chosen its component) for each frame.

    Nothing, then both throws of each of the first draws, then ever more at once.
    """
    slow = [(n, throw) for n in range(SLOW) for throw in (0, 1)] + [(SLOW, 0)]
    many = np.unique(np.geomspace(SLOW + 1, draws, QUICK).round().astype(int)) if draws > SLOW else []
    return slow + [(int(n), 0) for n in many]


def _show(found: dict[str, np.ndarray], name: str) -> None:
    t, count, chosen, points = text.current(), int(found["count"]), found["chosen"], found["points"]
    moments = timeline(len(points))
    landed = np.array([n for n, _ in moments])
    counts = np.array([np.bincount(chosen[:n], minlength=count) for n in landed])  # (F, K)
    shares = counts / np.maximum(landed, 1)[:, None]
    clouds = np.where(np.arange(len(points)) < landed[:, None], 1.0, np.nan)[:, :, None] * points  # (F, n, 2)
    early = clouds[:, :SLOW].copy()  # the first few are drawn larger as long as they are the only ones
    early[2 * SLOW + 1 :] = np.nan
    lit = np.tile(found["weights"], (len(moments), 1))
    at, by, last = (np.full((len(moments), 1, 2), np.nan) for _ in range(3))
    texts, marks = [], []
    for f, (n, choosing) in enumerate(moments):
        slow = n < SLOW if choosing else 0 < n <= SLOW and f <= 2 * SLOW
        k = int(chosen[n if choosing else n - 1]) if choosing or slow else 0
        if choosing or slow:
            lit[f] = np.eye(count)[k]
        if slow and not choosing:
            at[f, 0], by[f, 0], last[f, 0] = found["means"][k], points[n - 1] - found["means"][k], points[n - 1]
        marks.append((k + 1, found["weights"][k], "▼" if choosing or slow else ""))
        if choosing:
            texts.append(t.words(f"{ID}.frame.first", n=n + 1, component=common.name(k)))
        elif slow:
            x, y = (text.number(float(v), 3) for v in points[n - 1])
            texts.append(t.words(f"{ID}.frame.second", n=n, x=x, y=y))
        else:
            texts.append(t.words(f"{ID}.frame.many", n=f"{n:,}"))
    high = 1.15 * max(float(shares.max()), float(found["weights"].max()))
    dice = common.bars(shares, found["weights"], high, t.words(f"{ID}.weight"))
    dice.append(
        Words(
            name="chosen",
            role="exact",
            x=[m[0] for m in marks],
            y=[min(float(m[1]) + 0.06 * high, high) for m in marks],
            text=[m[2] for m in marks],
            align="center",
        )
    )
    notes = [" · ".join(f"{common.SHAPES[k]}\u00a0{c:,}" for k, c in enumerate(row)) for row in counts]
    onehot = np.eye(count)[chosen]
    plane(
        [
            Panel(
                name="dice",
                title=t.words(f"{ID}.throw.first"),
                x=Axis(t.words(f"{ID}.axis.component"), 0.4, count + 0.6, shown=False),
                y=Axis(t.words(f"{ID}.axis.share"), 0.0, high),
                layers=dice,
                note=notes,
                weight=0.7,
            ),
            Panel(
                name="plane",
                title=t.words(f"{ID}.throw.second"),
                **common.axes(),
                equal=True,
                layers=[
                    Ellipses(name="parts", means=found["means"], covs=found["covs"], weights=lit, coloured=True),
                    Cloud(name="points", at=clouds, shares=onehot),
                    Cloud(name="early", at=early, shares=onehot[:SLOW], size=5),
                    Arrows(name="away", role="exact", at=at, by=by, longest=None),
                    Cloud(name="last", role="exact", at=last, size=6),
                    *common.labels(found, 3.7),
                ],
            ),
        ],
        key=f"{ID}.plane",
        frames=texts,
        height=360,
        scene=name,
    )


def _say(found: dict[str, np.ndarray]) -> None:
    """All draws counted: each share beside its weight, and how far chance alone carries them apart."""
    t, draws, weights = text.current(), len(found["chosen"]), found["weights"]
    counts = np.bincount(found["chosen"], minlength=len(weights))
    error = np.sqrt(weights * (1 - weights) / draws)
    common.table(
        [t.words(f"{ID}.table.{part}") for part in ("component", "weight", "count", "share", "error")],
        [
            [common.coloured_short(k), f"{w:.3f}", f"{c:,}", f"{c / draws:.3f}", f"{e:.3f}"]
            for k, (w, c, e) in enumerate(zip(weights, counts, error, strict=True))
        ],
    )
    text.prose(t.words(f"{ID}.caption", n=f"{draws:,}"))
