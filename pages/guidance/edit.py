"""guidance.edit: a drawing is noised and denoised into a digit, or a part of it is left out and filled in."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.scenes.guidance_edit import BRUSH, HALVES, THREE, Empty, Fill, Redraw, Turning, drawn
from core.shipped import named
from pages import working
from pages.guidance import sheets
from pages.guidance.scale import percent
from ui import chapter, controls, links, packing, player, sketchpad, text
from ui.plane import Axis, Curve, Panel, Pictures, Words, plane

ID = "guidance.edit"
MODE = links.choice(f"{ID}.mode", "redraw", ("redraw", "fill"))
LABEL = links.choice(f"{ID}.label", "8", ("none", *(str(d) for d in range(10))))
LEVEL = links.whole(f"{ID}.level", 700, low=0, high=1000, step=10)
HALF = links.choice(f"{ID}.half", "left", HALVES)
GAMMA = links.real(f"{ID}.gamma", 2.0, low=-20.0, high=50.0, step=0.1)
LOOKS = links.whole(f"{ID}.looks", 3, low=1, high=8)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
INK = links.strokes(f"{ID}.ink", THREE)
HOLE = links.strokes(f"{ID}.hole")
SETTINGS = (MODE, LABEL, LEVEL, HALF, GAMMA, LOOKS, SEED, INK, HOLE)
PAD = 190  # pixels: two of them fit a projector's 768
HEIGHT = 300
LOWER = tuple(((0.3, y), (0.7, y)) for y in (0.62, 0.74, 0.86))  # painted over: the lower bow of the three


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        t, model = text.current(), named("diffusion", "digits")
        if not model:
            text.prose(t.words("guidance.no_digits"))
            return
        mode = _controls()
        with st.container(horizontal=True, gap="medium", key=f"{ID}.row"):  # the pad goes above where there is no room
            pads, picture = st.container(width=PAD + 10), st.container(width=800)
        with pads:
            strokes = _pad("pad", INK, t.words(f"{ID}.draw"))
            hole = _hole(strokes) if mode == "fill" and links.value(HALF) == "painted" else ()
        with picture:
            _picture(model, mode, strokes, hole)
        _presets()
        page.derivation("guidance.redraw")
        page.derivation("guidance.fill")
        page.code("core/diffusion/editing.py", "redraw", "told_apart", "fill")


def _controls() -> str:
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
        with st.container(width="content"):
            mode = str(controls.select(MODE))
        if mode == "redraw":
            with st.container(width=250):
                controls.slider(LEVEL)
        else:
            with st.container(width=150):
                controls.select(HALF, look="select")
        with st.container(width=150):
            controls.select(LABEL, look="select")
        with st.container(width=200):
            controls.slider(GAMMA)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            if mode == "fill":
                controls.slider(LOOKS)
            controls.seed(SEED)
    return mode


def _presets() -> None:
    redraw = {MODE: "redraw", LABEL: "8", INK: INK.default, GAMMA: GAMMA.default, SEED: 0}
    fill = {MODE: "fill", INK: INK.default, GAMMA: GAMMA.default, SEED: 0, LOOKS: LOOKS.default}
    controls.presets(
        ID,
        {
            "eight": {**redraw, LEVEL: 700},
            "little": {**redraw, LEVEL: 300},
            "much": {**redraw, LEVEL: 1000},
            "half": {**fill, HALF: "left", LABEL: "none"},
            "painted": {**fill, HALF: "painted", LABEL: "none", HOLE: _packed(LOWER), LOOKS: 5},
            "once": {**fill, HALF: "bottom", LABEL: "none", LOOKS: 1},
        },
    )


# ---- drawing --------------------------------------------------------------------------------------------------------


def _packed(strokes: tuple) -> tuple:
    """As a link brings them: one drawing is one scene."""
    return packing.unpack_strokes(packing.pack_strokes(strokes))


def _pad(name: str, setting: links.Setting, title: str, **look: Any) -> tuple:
    """A pad whose strokes are a setting."""
    t = text.current()
    text.prose(title, small=True)
    sketch = sketchpad.sketchpad(
        key=f"{ID}.{name}",
        labels={word: t.label(f"sketchpad.{word}") for word in sketchpad.LABELS if word != "done"},
        strokes=_at_start(setting),
        height=PAD,
        **{"pen": 0.075, "grid": False, "scene": str(links.version(setting)), **look},
    )
    ink = _packed(sketch.strokes)
    links.put(setting, ink)
    return ink


def _at_start(setting: links.Setting) -> tuple:
    """What a link or a preset put on the pad; not what was drawn since."""
    place, version = f"{setting.key}_at_start", links.version(setting)
    if place not in st.session_state or st.session_state[place][0] != version:
        st.session_state[place] = (version, links.value(setting))
    return st.session_state[place][1]


def _hole(strokes: tuple) -> tuple:
    """The pad on which the missing part is painted, over the digit as the model is given it."""
    picture = None
    if strokes:
        picture = sheets.as_ink(drawn(strokes)[0, 0].numpy())
    title = text.current().words(f"{ID}.paint")
    return _pad("hole_pad", HOLE, title, pen=BRUSH / 28, role="noise", backdrop=picture)


# ---- what comes of it -----------------------------------------------------------------------------------------------


def _picture(model: str, mode: str, strokes: tuple, hole: tuple) -> None:
    t = text.current()
    if not strokes:
        text.prose(t.words(f"{ID}.empty"))
        return
    label = -1 if links.value(LABEL) == "none" else int(links.value(LABEL))
    scale = round(float(links.value(GAMMA)), 6)
    seed = int(links.value(SEED))
    if mode == "redraw":
        wanted = Redraw(model, strokes, int(links.value(LEVEL)), label, scale, seed)
        _show(wanted, Redraw(model))
        _turning(Turning(model, strokes, label, scale, seed), Turning(model))
        return
    half = str(links.value(HALF))
    if half == "painted" and not hole:
        text.prose(t.words(f"{ID}.no_hole"))
        return
    hole = hole if half == "painted" else ()
    _show(Fill(model, strokes, half, hole, label, scale, int(links.value(LOOKS)), seed), Redraw(model))


def _show(wanted: Redraw | Fill, before: Redraw) -> None:
    """The player and its sentence, or the one before while the new one is worked out."""
    try:
        found, shot = working.answer(wanted, ID, before)
    except Empty:
        text.prose(text.current().words(f"{ID}.empty"))
        return
    if found is not None:
        with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
            _player(found)
            (_redrawn if isinstance(found.scene, Redraw) else _filled)(found)
    working.waiting(wanted, shot, found)


def _player(found: working.Answer) -> None:
    """x_t and x̂_0 of each noise: the drawing, the drawing with its noise, and the way back."""
    t, a, redrawn = text.current(), found.arrays, isinstance(found.scene, Redraw)
    given = np.broadcast_to(a["drawing"], a["x"][0].shape)
    predicted = a["x0"] if len(a["x0"]) else a["x"]
    x, x0 = a["x"], np.concatenate([predicted, predicted[-1:]])[: len(a["x"])]
    calls = int(a["calls"][-1])
    frames = [
        t.words(f"{ID}.frame", t=int(level), call=int(n), calls=calls)
        for level, n in zip(a["t"], a["calls"], strict=True)
    ]
    if redrawn:  # nothing is predicted while noise is added
        x, x0 = np.concatenate([given[None], x]), np.concatenate([np.full_like(given, np.nan)[None], x0])
        frames = [t.words(f"{ID}.frame.drawing"), *frames]
    else:
        hidden = np.where(a["mask"] > 0, given, 0.0)
        x, x0 = np.concatenate([hidden[None], x]), np.concatenate([np.full_like(given, np.nan)[None], x0])
        frames = [t.words(f"{ID}.frame.hidden"), *frames]
    player.player(
        [
            player.Track("x", t.words(f"{ID}.track.x"), "images", x, -3, 3, show_low=-1, show_high=1, role="data"),
            player.Track("x0", t.words(f"{ID}.track.x0"), "images", x0, -3, 3, show_low=-1, show_high=1, role="model"),
        ],
        frames,
        key=f"{ID}.player",
        labels={name: t.label(f"player.{name}") for name in (*player.LABELS, "between")},
        height=HEIGHT,
        scene=found.scene.key,
    )


def _ruled() -> list:
    """Lines at 0, 50 and 100%, named at their left end."""
    lines = [
        Curve(name=f"line{p}", role="noise", x=np.array([0.0, 1060.0]), y=np.full(2, p / 100), faint=True)
        for p in (0, 50, 100)
    ]
    words = [Words(name=f"percent{p}", role="noise", x=4.0, y=p / 100 + 0.03, text=f"{p}%") for p in (50, 100)]
    return lines + words


def _redrawn(found: working.Answer) -> None:
    """What became of the drawing, and how far noise had left it from that."""
    t, a, scene = text.current(), found.arrays, found.scene
    seen = _seen(a["named"])
    drawn_as = {"drawn": int(a["drawn"]), "sure": percent(a["drawn_chances"].max()), "seen": seen}
    if scene.level == 0:
        text.prose(t.words(f"{ID}.caption.nothing", **drawn_as))
        return
    nats = text.number(float(a["apart"].mean()), 3)
    values = {**drawn_as, "t": scene.level, "nats": nats, "count": scene.count}
    if scene.label < 0:
        text.prose(t.words(f"{ID}.caption.free", **values))
    else:
        became = int((a["named"] == scene.label).sum())
        text.prose(t.words(f"{ID}.caption", label=scene.label, became=became, **values))


def _filled(found: working.Answer) -> None:
    t, a, scene = text.current(), found.arrays, found.scene
    known = int(a["mask"].sum())
    values = {"pixels": a["mask"].size, "seen": _seen(a["named"]), "calls": int(a["calls"][-1]), "looks": scene.looks}
    if known == 0:
        text.prose(t.words(f"{ID}.filled.everything", **values))
        return
    text.prose(t.words(f"{ID}.filled", known=known, **values))
    if known == a["mask"].size:
        text.prose(t.words(f"{ID}.filled.nothing"), small=True)


def _seen(named_as: np.ndarray) -> str:
    """Digits and how often each was seen, the most frequent first: "8 × 4, 3 × 2"."""
    digits, often = np.unique(named_as, return_counts=True)
    order = np.argsort(-often, kind="stable")
    return ", ".join(f"{digits[i]}\u00a0×\u00a0{often[i]}" for i in order)


def _turning(wanted: Turning, before: Turning) -> None:
    """What the drawing becomes at each level of noise: pictures from one noise, and shares over several."""
    found, shot = working.answer(wanted, f"{ID}.turning", before)
    if found is not None:
        with st.container(key=f"{ID}.turning" if found.fresh else f"{ID}.turning_stale"):
            _levels(found)
    working.waiting(wanted, shot, found)


def _levels(found: working.Answer) -> None:
    t, a, scene = text.current(), found.arrays, found.scene
    levels = a["levels"].astype(float)
    step = levels[1] - levels[0]
    boxes = np.array([[v - 0.46 * step, 1.08, v + 0.46 * step, 1.62] for v in levels])
    curves = [Curve(name="kept", role="data", x=levels, y=a["kept"], points=True, dashed=True,
                    label=t.words(f"{ID}.curve.kept", digit=int(a["drawn"])))]  # fmt: skip
    if scene.label >= 0 and scene.label != int(a["drawn"]):
        curves.append(Curve(name="asked", role="condition", x=levels, y=a["asked"], points=True,
                            label=t.words(f"{ID}.curve.asked", digit=scene.label)))  # fmt: skip
    plane(
        [
            Panel(
                name="levels",
                title=t.words(f"{ID}.turning", count=12),
                x=Axis(t.words(f"{ID}.axis.t"), 0.0, 1060.0),
                y=Axis("", -0.04, 1.66, shown=False),  # the pictures stand above 100%, where no share can be
                layers=[
                    Pictures(name="levels", images=sheets.as_ink(a["pictures"]), boxes=boxes),
                    *_ruled(),
                    *curves,
                ],
            )
        ],
        key=f"{ID}.plane",
        height=250,
        scene=scene.key,
    )  # fmt: skip
    if scene.label >= 0 and scene.label != int(a["drawn"]):
        sentence, values = _turn(a["levels"], a["asked"])
        if sentence != "some":
            values["drawn"] = int(a["drawn"])
        text.prose(t.words(f"{ID}.turning.{sentence}", label=scene.label, **values), small=True)


def _turn(levels: np.ndarray, shares: np.ndarray) -> tuple[str, dict[str, int]]:
    """Whether half of the ends are as asked at some level and at all above it: "caption", "some" or "never"."""
    enough = shares >= 0.5
    if not enough.any():
        return "never", {}
    first = int(np.argmax(enough))
    return ("caption" if enough[first:].all() else "some"), {"t": int(levels[first])}
