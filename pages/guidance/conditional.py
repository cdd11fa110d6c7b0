"""guidance.conditional: digits asked for by name, and how often the judge agrees, digit by digit."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import first_paint
from core.diffusion import guidance_quality
from core.diffusion.guidance_quality import SCALES, GuidanceState
from core.scenes.guidance_scale import MOST, Asked
from core.shipped import named
from core.store import shipped
from pages import working
from pages.guidance import sheets
from pages.guidance.scale import COMMAND, percent
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Panel, Paths, Pictures, Words, plane

ID = "guidance.conditional"
ASKED = links.rows(f"{ID}.asked", ((2,), (0,), (2,), (6,)), ((0, 9),), most=MOST)
GAMMA = links.choice(f"{ID}.gamma", "1.5", tuple(f"{scale:g}" for scale in SCALES))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
SETTINGS = (ASKED, GAMMA, SEED)
FIELD = f"{ID}.field"  # the text field's key: what is typed, before it is digits
ROWS = 4
Z = 1.96  # standard errors of a 95% interval


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as experiment:
        if not experiment.open:
            return
        t, model = text.current(), named("diffusion", "digits")
        if not model:
            text.prose(t.words("guidance.no_digits"))
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            with st.container(width=220):
                digits = _asked()
            with st.container(width=150):
                scale = float(controls.select(GAMMA, look="select", names=lambda v: sheets.gamma(float(v))))
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                seed = controls.seed(SEED)
        with st.container(horizontal=True, gap="medium", key=f"{ID}.row"):  # one below the other where there is no room
            left, right = st.container(width=530), st.container(width=460)
        with left:
            if digits:
                _sheet(Asked(model, digits, scale, ROWS, int(seed)), model)
            else:
                text.prose(t.words(f"{ID}.nothing", most=MOST))
        with right:
            _agreement(first_paint.guidance(guidance_quality.recorded(model)), scale)
        rows = {name: tuple((float(d),) for d in name) for name in ("0123456789", "314159", "8")}
        controls.presets(
            ID,
            {
                "all": {ASKED: rows["0123456789"], GAMMA: "1.5"},
                "unasked": {ASKED: rows["314159"], GAMMA: "0"},
                "plain": {ASKED: rows["0123456789"], GAMMA: "1"},
                "one": {ASKED: rows["8"], GAMMA: "3"},
            },
        )


def _asked() -> tuple[int, ...]:
    """The field; the digits that are in it, in their order."""
    t = text.current()
    version = links.version(ASKED)
    if FIELD not in st.session_state or st.session_state.get(f"{FIELD}.version") != version or links.forced(ASKED):
        st.session_state[FIELD] = "".join(str(round(row[0])) for row in links.value(ASKED))
        st.session_state[f"{FIELD}.version"] = version
    st.text_input(
        t.words(f"{ID}.asked"),
        key=FIELD,
        max_chars=40,
        help=t.words(f"{ID}.asked.help", most=MOST),
        on_change=links.touched,
        args=(ASKED,),
    )
    digits = tuple(int(c) for c in st.session_state[FIELD] if c in "0123456789")[:MOST]
    links.adjust(ASKED, tuple((float(d),) for d in digits))
    return digits


def _sheet(wanted: Asked, model: str) -> None:
    found, shot = working.answer(wanted, ID, Asked(model))
    if found is not None:
        with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
            _grid(found)
    working.waiting(wanted, shot, found)


def _grid(found: working.Answer) -> None:
    t, a = text.current(), found.arrays
    rows, columns = a["named"].shape
    images, boxes, wrong = sheets.grid(a)
    plane(
        [
            Panel(
                name="sheet",
                x=Axis("", 0.0, columns, shown=False),
                y=Axis("", 0.0, rows * sheets.ROW, shown=False),
                layers=[Pictures(name="digits", role="model", images=images, boxes=boxes), *wrong],
                equal=True,
            )
        ],
        key=f"{ID}.plane",
        height=300,
        scene=found.scene.key,
    )
    right, total = int((a["named"] == a["labels"]).sum()), a["named"].size
    low, high = interval(right, total)
    said = {"right": right, "total": total, "low": percent(low), "high": percent(high)}
    text.prose(t.words(f"{ID}.caption", gamma=sheets.plain(found.scene.scale), **said))


def _agreement(kept: GuidanceState | None, scale: float) -> None:
    """The share of each digit that is seen as asked for, with its interval; the recorded measurement."""
    t = text.current()
    if kept is None or not kept.at(scale):
        text.prose(t.words("guidance.unrecorded", command=COMMAND), small=True)
        return
    table = np.array(kept.confusion(scale))
    right, totals = table.diagonal(), table.sum(axis=1)
    shares = right / totals
    ends = np.array([interval(int(k), int(n)) for k, n in zip(right, totals, strict=True)])  # (10, 2)
    lowest = float(np.floor(ends.min() * 20 - 0.2) / 20)
    low = max(0.0, min(lowest, 0.95))
    whiskers = np.array([[[d, ends[d, 0]], [d, ends[d, 1]]] for d in range(10)])
    names = [  # below all shares: an axis would not name every digit
        Words(name=f"digit{d}", role="condition", x=d, y=low - 0.09 * (1 - low), text=str(d), align="center")
        for d in range(10)
    ]
    plane(
        [
            Panel(
                name="agreement",
                title=t.words(f"{ID}.agreement", gamma=sheets.plain(scale), count=f"{int(totals[0]):,}"),
                x=Axis("", -0.6, 9.6, shown=False),
                y=Axis(t.words(f"{ID}.axis.share"), low - 0.12 * (1 - low), 1.0 + 0.06 * (1 - low)),
                layers=[
                    Paths(name="intervals", role="model", at=whiskers),
                    Cloud(name="shares", role="model", at=np.stack([np.arange(10.0), shares], axis=1), size=5.0),
                    *names,
                ],
            )
        ],
        key=f"{ID}.shares",
        height=300,
    )  # fmt: skip
    worst = int(np.argmin(shares))
    others = table[worst].copy()
    others[worst] = -1
    values = {"gamma": sheets.plain(scale), "all": _nearly(int(right.sum()), int(totals.sum())), "worst": worst}
    values |= {"share": percent(shares[worst]), "other": int(np.argmax(others)), "times": int(others.max())}
    values |= {"count": f"{int(totals[worst]):,}", "missed": percent(1 - _accuracy())}
    text.prose(t.words(f"{ID}.measured" if others.max() > 0 else f"{ID}.perfect", **_only(values, others.max() > 0)))
    text.prose(t.words("guidance.recorded", command=COMMAND), small=True)


def _accuracy() -> float:
    """The share of real test digits that the classifier which judges here names rightly, from its record."""
    return float(shipped().record(named("classifier", "digits"))["test_accuracy"])


def _nearly(right: int, total: int) -> str:
    """A share in percent. What is not all of them is not told as 100.0."""
    shown = percent(right / total)
    return f"{100 * right / total:.2f}" if shown == "100.0" and right < total else shown


def _only(values: dict, mistaken: bool) -> dict:
    return values if mistaken else {name: values[name] for name in ("gamma", "count", "missed")}


def interval(right: int, total: int) -> tuple[float, float]:
    """The 95% interval of a share, right of total. Wilson 1927: unlike ± standard errors it stays within 0 and 1."""
    share, spread = right / total, Z**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * np.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
