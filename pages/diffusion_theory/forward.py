"""diffusion_theory.forward: a picture drowns in noise, in small steps and in one jump; when is nothing left of it?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.diffusion_theory_forward import SUBJECTS, Levels, Ways, kind
from pages import working
from pages.diffusion_theory import one_number
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Curve, Dot, Painter, Panel, Photographs, Pictures, Rule, Words, plane

ID = "diffusion_theory.forward"
EDGE = 3.2  # the pictures' panels reach from −EDGE to EDGE
KNOTS = tuple((k / 16, 1 - k / 16) for k in range(1, 17))  # a straight line
SUBJECT = links.choice(f"{ID}.subject", "chelsea", SUBJECTS)
SCHEDULE = links.choice(f"{ID}.schedule", "linear", ("linear", "cosine", "own"))
T = links.whole(f"{ID}.levels", 1000, low=2, high=2000)
OWN = links.points(f"{ID}.painting", KNOTS, low=0.0, high=1.0, most=len(KNOTS))
MOMENT = links.whole(f"{ID}.moment", 150, low=0, high=2000)  # t where the picture rests
X = links.real(f"{ID}.x", -0.55, low=-EDGE, high=EDGE, step=0.01)
Y = links.real(f"{ID}.y", 0.65, low=-EDGE, high=EDGE, step=0.01)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
SETTINGS = (SUBJECT, SCHEDULE, T, OWN, MOMENT, X, Y, SEED)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        wanted = _controls()
        found, shot = working.answer(wanted, ID, Ways())
        if found is not None:
            with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
                frame = _picture(wanted, found)
                _sentences(found.scene, int(found.arrays["t"][frame]))
        working.waiting(wanted, shot, found)
        _presets()
        if found is not None:
            one_number.draw(found, frame, links.value(X), links.value(Y), EDGE)
        page.derivation("diffusion_theory.one_jump")
        page.code("core/diffusion/forward.py", "step_by_step", "add_noise", "kl_to_noise")


def _levels(ways: Ways) -> Mapping[str, np.ndarray]:
    return scene.shown(Levels(ways.subject, ways.schedule, ways.T, ways.heights))


def _controls() -> Ways:
    """The row of controls, and what they ask for."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        with st.container(width=190):
            subject = controls.select(SUBJECT, look="select")
        schedule = controls.select(SCHEDULE)
        with st.container(width=150):
            count = controls.number(T)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            seed = controls.seed(SEED)
    return Ways(subject, schedule, int(count), _heights() if schedule == "own" else (), seed)


def _heights() -> tuple[float, ...]:
    """What was painted, at the knots: the straight line where nothing was, and lines between fewer or other places."""
    painted = links.value(OWN) or KNOTS
    if len(painted) != len(KNOTS):
        x, y = np.array(sorted(((0.0, 1.0), *painted))).T
        painted = tuple((k, float(np.interp(k, x, y))) for k, _ in KNOTS)
    links.adjust(OWN, painted)
    return tuple(float(y) for _, y in painted)


def _start(wanted: Ways, share: np.ndarray) -> tuple[int, int]:
    """The frame that the plane begins with, and a number that grows when a link, a preset or a reset says so.

    share (F,): the part of the way at each frame. Where a person scrubs to is not told back: the message would be sent
    anew. With another T it stays at the same part of the way.
    """
    version, moment, place = links.version(MOMENT), int(links.value(MOMENT)), f"{ID}.begun"
    held = st.session_state.get(place)
    if held is None or held[0] != version:
        held = (version, wanted.subject, wanted.T, moment)
    elif held[1:3] != (wanted.subject, wanted.T):
        held = (version, wanted.subject, wanted.T, round(moment / held[2] * wanted.T))
    st.session_state[place] = held
    return int(np.abs(share - held[3] / held[2]).argmin()), version


def _picture(wanted: Ways, found: working.Answer) -> int:
    """Both ways into noise, ᾱ, and on one scale signal-to-noise and KL. Returns the frame where it rests."""
    t, ways, a = text.current(), found.scene, found.arrays
    shown, T, levels = a["t"], ways.T, _levels(ways)
    start, opened = _start(wanted, shown / T)
    dot = Dot(name="place", x="x", y="y", label=t.words(f"{ID}.place"), role="condition")
    handles = []
    if ways.schedule == "own":
        handles = [Painter(name="painting", points="painting", label=t.words(f"{ID}.painting"), role="condition")]
    share = Axis(t.words(f"{ID}.axis.share"), 0, 1)
    moment = Rule(name="moment", x=[float(k / T) for k in shown], role="exact")
    keep = np.unique(np.linspace(0, T, 201).round().astype(int))
    along, size = keep / T, int(levels["size"])
    snr, kl = levels["snr"][keep], levels["kl"][keep] / size
    state = plane(
        [
            _pictures(ways.subject, "steps", a["steps"], [dot]),
            _pictures(ways.subject, "jump", a["jump"], []),
            Panel(
                name="alpha_bar",
                title=t.words(f"{ID}.panel.alpha_bar"),
                x=share,
                y=Axis(t.words(f"{ID}.axis.alpha_bar"), 0, 1.02),
                layers=[Curve(name="alpha_bar", x=along, y=levels["alpha_bar"][keep], role="data"), moment],
                handles=handles,
                note=[f"ᾱ = {text.number(levels['alpha_bar'][k])}" for k in shown],
            ),
            Panel(
                name="scale",
                title=t.words(f"{ID}.panel.scale"),
                x=share,
                y=Axis(t.words(f"{ID}.axis.scale"), 1e-6, 1e4, log=True),
                layers=[
                    Curve(name="snr", x=along[1:], y=snr[1:], role="data"),
                    Curve(name="kl", x=along[1:], y=kl[1:], role="latent", dashed=True),
                    moment,
                    _name("snr", along, snr, 0.42, 12.0),
                    _name("kl", along, kl, 0.25, 0.012),
                ],
            ),
        ],
        key=f"{ID}.plane",
        values={"x": X, "y": Y} | ({"painting": OWN} if handles else {}),
        frames=[f"t = {k} · {t.words(f'{ID}.of', T=T)}" for k in shown],
        start=start,
        height=262,
        invite=t.words(f"{ID}.invite"),
        scene=f"{ways.subject} {T} {opened}",
    )  # fmt: skip
    if found.fresh:
        links.adjust(MOMENT, int(shown[state.frame]))
    return state.frame


def _name(name: str, along: np.ndarray, values: np.ndarray, share: float, beside: float) -> Words:
    """The name of a curve over it or under it, so that no legend takes height from the pictures."""
    at = min(max(float(np.interp(share, along[1:], values[1:])) * beside, 3e-6), 3e3)
    role = {"snr": "data", "kl": "latent"}[name]
    return Words(name=f"{name}_name", x=share, y=at, text=text.current().words(f"{ID}.{name}"), role=role)


def _pictures(subject: str, name: str, x: np.ndarray, handles: list[Dot]) -> Panel:
    """What the subject has become, at every level that is shown."""
    t, of = text.current(), kind(subject)
    if of == "points":
        axes = [Axis(t.words(f"{ID}.axis.{c}"), -EDGE, EDGE) for c in "xy"]
        layer = Cloud(name=name, at=x, role="data")
    else:
        axes = [Axis("", -EDGE, EDGE, shown=False)] * 2
        side = 1 if of == "photograph" else 4
        corner = -EDGE + 2 * EDGE * np.arange(side + 1) / side
        boxes = [[corner[c], -corner[r + 1], corner[c + 1], -corner[r]] for r in range(side) for c in range(side)]
        pictured = Photographs if of == "photograph" else Pictures
        layer = pictured(name=name, images=x[:, None] if of == "photograph" else x, boxes=np.array(boxes))
    x, y = axes
    title = t.words(f"{ID}.panel.{name}")
    return Panel(name=name, title=title, x=x, y=y, layers=[layer], handles=handles, equal=True)


def _sentences(wanted: Ways, now: int) -> None:
    """What the moment is made of, how far it is from noise, and how far the end is."""
    t, levels = text.current(), _levels(wanted)
    size = int(levels["size"])
    if wanted.schedule == "own":
        _put_right(levels)
    what = t.words(f"{ID}.what.{kind(wanted.subject)}", size=f"{size:,}")
    if now == 0:
        said = t.words(f"{ID}.caption.clean", what=what)
    else:
        left, kl = float(levels["alpha_bar"][now]), float(levels["kl"][now])
        parts = {"signal": text.number(left**0.5), "noise": text.number((1 - left) ** 0.5)}
        said = t.words(
            f"{ID}.caption", t=now, T=wanted.T, **parts, snr=text.number(levels["snr"][now]), kl=text.number(kl),
            what=what, share=text.number(kl / size),
        )  # fmt: skip
    end = float(levels["kl"][-1])
    # of a few numbers, ten nats are everything: so each number has a limit too
    verdict = "noise" if end < 0.1 else "nearly" if end < 10 and end < 0.1 * size else "far"
    text.prose(said)
    text.prose(t.words(f"{ID}.end.{verdict}", kl=text.number(end), T=wanted.T))
    if kind(wanted.subject) != "points":
        text.prose(t.words(f"{ID}.cut"), small=True)


def _put_right(levels) -> None:
    """A painting that rises is no schedule: what is wrong with it, and what was drawn instead."""
    t, (first, last) = text.current(), levels["rise"]
    if np.isnan(first):
        return
    with st.container(key=f"{ID}.trouble", gap="small"):
        numbers = {"first": text.number(first), "last": text.number(last), "added": text.number(levels["added"])}
        text.prose(f":material/info: {t.words(f'{ID}.trouble.rises', **numbers)}")
        falling = np.minimum.accumulate(_heights())
        st.button(
            t.words(f"{ID}.trouble.rises.out"),
            key=f"{ID}.way_out",
            icon=":material/undo:",
            on_click=links.put_all,
            args=({OWN: tuple((x, float(y)) for (x, _), y in zip(KNOTS, falling, strict=True))},),
        )


def _presets() -> None:
    """Moments worth seeing, one press away."""
    late = tuple((x, 0.97 if x < 0.8 else 0.01) for x, _ in KNOTS)
    bumpy = (0.92, 0.82, 0.68, 0.54, 0.43, 0.36, 0.38, 0.48, 0.6, 0.66, 0.62, 0.48, 0.32, 0.18, 0.08, 0.01)
    rising = tuple((x, y) for (x, _), y in zip(KNOTS, bumpy, strict=True))
    controls.presets(
        ID,
        {
            "book": {SUBJECT: "chelsea", SCHEDULE: "linear", T: 1000, MOMENT: 1000},
            "few": {SUBJECT: "chelsea", SCHEDULE: "linear", T: 10, MOMENT: 10},
            "cosine": {SUBJECT: "chelsea", SCHEDULE: "cosine", T: 1000, MOMENT: 500},
            "dinosaur": {SUBJECT: "dinosaur", SCHEDULE: "linear", T: 1000, MOMENT: 150, X: -1.4, Y: 1.6},
            "late": {SUBJECT: "coffee", SCHEDULE: "own", T: 1000, OWN: late, MOMENT: 750},
            "rising": {SUBJECT: "coffee", SCHEDULE: "own", T: 1000, OWN: rising, MOMENT: 500},
        },
    )
