"""em.half_steps: the whole history of one run, E and M one at a time, with the bound and the gap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.em import PHASES, Generated, HalfSteps
from pages.em import close_up, common
from ui import chapter, controls, links, presenter, text
from ui.plane import COMPONENTS, Axis, Bars, Cloud, Curve, Dot, Editor, Ellipses, Panel, Words, plane

ID = "em.half_steps"
UNSET = -5.0  # a mean that nobody has placed yet; no picture reaches so far
DATA = links.choice(f"{ID}.data", "faithful", common.DATA)
START = links.choice(f"{ID}.start", "book", ("book", "kmeans", "random", "own"))
K = links.whole(f"{ID}.k", 2, low=1, high=8)
ITERATIONS = links.whole(f"{ID}.iterations", 100, low=1, high=100)
TOLERANCE = links.choice(f"{ID}.tolerance", "1e-4", ("1e-2", "1e-4", "1e-6", "0"))
FLOOR = links.choice(f"{ID}.floor", "1e-6", ("0", "1e-6", "0.05"))
ZOOM = links.flag(f"{ID}.zoom", False)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
DRAW = links.whole(f"{ID}.draw", 0, low=0, high=9999)
MOMENT = links.whole(f"{ID}.moment", 10, low=0, high=400)  # by default after the M of the fifth iteration
MEANS = tuple(
    tuple(links.real(f"{ID}.{axis}{k + 1}", UNSET, low=UNSET, high=220.0, step=0.01) for axis in "xy") for k in range(8)
)
OWN = links.points(
    f"{ID}.points",
    (
        (-1.9, -0.8), (-1.5, -1.3), (-1.2, -0.6), (-1.0, -1.1), (-0.7, -1.5), (-0.6, -0.4), (0.4, 0.9), (0.9, 1.4),
        (1.1, 0.7), (1.5, 1.2), (1.8, 1.8), (2.1, 0.9), (2.4, -2.2),
    ),
    low=-3.0,
    high=3.0,
    most=60,
)  # fmt: skip
SETTINGS = (
    DATA,
    START,
    K,
    ITERATIONS,
    TOLERANCE,
    FLOOR,
    ZOOM,
    SEED,
    DRAW,
    MOMENT,
    OWN,
    *(s for pair in MEANS for s in pair),
)
MOST_LETTERS = 24
LOWEST = 1e-3  # a floor of less holds only what would collapse; all the data sets are far wider


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        wanted = _controls()
        shown = common.last_good(ID, wanted)
        if shown.scene is None:
            first = HalfSteps("own", OWN.default, "kmeans") if wanted.data == "own" else HalfSteps()
            shown = common.Shown(first, scene.shown(first), shown.refused)
        frame = _picture(shown, wanted)
        _sentences(shown, wanted, frame)
        begin = {MOMENT: MOMENT.default}
        controls.presets(
            ID,
            {
                "book": {DATA: "faithful", START: "book", K: 2, TOLERANCE: "1e-4", ITERATIONS: 100} | begin,
                "long": {DATA: "faithful", START: "own", K: 2, TOLERANCE: "0", ITERATIONS: 100}
                | begin
                | {MEANS[0][0]: 3.0, MEANS[0][1]: 70.0, MEANS[1][0]: 3.2, MEANS[1][1]: 70.0},
                "four": {DATA: "faithful", START: "kmeans", K: 4, TOLERANCE: "1e-4", SEED: 0} | begin,
                "twins": {DATA: "faithful", START: "own", K: 2, TOLERANCE: "1e-4"}
                | {setting: value for pair in MEANS[:2] for setting, value in zip(pair, (3.0, 70.0), strict=True)},
                "collapse": {DATA: "own", START: "random", K: 5, FLOOR: "0", SEED: 0, OWN: OWN.default} | begin,
            },
        )
        _generated(shown, frame)


def _controls() -> HalfSteps:
    """The controls, and the history that they ask for."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        with st.container(width=175):
            data = controls.select(DATA, look="select")
        count = int(links.value(K))
        kinds = START.choices if data == "faithful" and count == 2 else START.choices[1:]
        if links.value(START) not in kinds:  # the book's start is for two components over Old Faithful
            links.adjust(START, kinds[0])
        start = controls.select(START, choices=kinds)
        with st.container(width=170):
            count = controls.slider(K)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            controls.toggle(ZOOM)
            iterations = controls.slider(ITERATIONS)
            tolerance = controls.select(TOLERANCE)
            floor = controls.select(FLOOR)
            seed = controls.seed(SEED) if start in ("random", "kmeans") else 0
    means = _own_means(data, count) if start == "own" else ()
    own = tuple(links.value(OWN)) if data == "own" else ()
    return HalfSteps(data, own, start, count, means, seed, iterations, float(tolerance), float(floor))


def _own_means(data: str, count: int) -> tuple[tuple[float, float], ...]:
    """The means that a person has placed; one that lies outside the picture is put on its diagonal."""
    means = []
    for k, (x, y) in enumerate(MEANS[:count]):
        place = (float(links.value(x)), float(links.value(y)))
        if not common.inside(data, place):
            part = (k + 1) / (count + 1)
            place = tuple(round(low + part * (high - low), 2) for low, high in common.BOXES[data])
            links.adjust(x, place[0])
            links.adjust(y, place[1])
        means.append(place)
    return tuple(means)


def _picture(shown: common.Shown, wanted: HalfSteps) -> int:
    """Points and ellipses, the two curves, and the gap. Returns the frame at which the picture rests."""
    t, a, history = text.current(), shown.arrays, shown.scene
    half = 2 * a["iteration"] - (a["phase"] == 1)  # how many half steps were made
    likelihood, bound = a["log_likelihood"], a["lower_bound"]
    x, y = common.axes(history.data)
    handles = []
    if wanted.start == "own":
        handles = [
            Dot(
                name=f"mean{k + 1}",
                x=f"x{k + 1}",
                y=f"y{k + 1}",
                role=COMPONENTS[k],
                label=t.words(f"{ID}.mean", k=k + 1),
            )
            for k in range(len(wanted.means))
        ]
    if wanted.data == "own":
        handles.insert(0, Editor(name="points", points="points", label=t.words(f"{ID}.points"), most=OWN.most))
    values = {f"{axis}{k + 1}": s for k, pair in enumerate(MEANS) for axis, s in zip("xy", pair, strict=True)}
    values = {name: s for name, s in values.items() if wanted.start == "own" and int(name[1:]) <= len(wanted.means)}
    if wanted.data == "own":
        values["points"] = OWN
    last = float(half[-1])
    if zoomed := links.value(ZOOM) and len(half) > 6:
        first = len(half) * 2 // 5
        low, high = _window(likelihood[first:], bound[first:])
        steps = Axis(t.words("em.axis.half_steps"), float(half[first]) - 0.3, last + 0.3)
    else:
        low, high = _window(likelihood[2:], bound[2:]) if len(half) > 2 else _window(likelihood, bound)
        steps = Axis(t.words("em.axis.half_steps"), -0.3, max(2.0, last) * 1.02 + 0.3)
    below = []
    if likelihood[0] < low and not zoomed:  # the first rise is too large for the picture: its foot is named
        foot = f"↓ {common.nats(likelihood[0], 3)}"
        below = [Words(name="below", x=max(2.0, last) * 0.02 + 2.2, y=low + 0.13 * (high - low), text=foot)]
    nothing = np.full(len(half), np.nan)
    first, opened = _first_moment()
    state = plane(
        [
            Panel(
                name="data",
                title=t.words(f"{ID}.panel.data"),
                x=x,
                y=y,
                layers=[
                    Cloud(
                        name="points", at=a["x"], shares=a["shares"],
                        size=11 if wanted.data == "own" else None,  # a rim around the handles that move them
                    ),
                    Ellipses(name="components", means=a["means"], covs=a["covs"], weights=a["weights"], coloured=True),
                ],
                handles=handles,
                note=[t.words(f"{ID}.note.weights", weights=_weights(w)) for w in a["weights"]],
                weight=1.2,
            ),
            Panel(
                name="curves",
                x=steps,
                y=Axis(t.words("em.axis.nats"), low, high),
                layers=[
                    Curve(name="whole", x=half, y=likelihood, faint=True),
                    Curve(name="whole_bound", x=half, y=bound, role="latent", dashed=True, faint=True),
                    Curve(
                        name="gaps", x=np.stack([half, half, nothing], axis=1).ravel(), role="condition",
                        faint=len(half) > 2 * MOST_LETTERS,  # close together they would hide the curves
                        y=np.stack([bound, likelihood, nothing], axis=1).ravel(),
                    ),
                    Curve(name="log_likelihood", x=half, y=likelihood, grow=True, label=t.words("em.log_likelihood")),
                    Curve(
                        name="lower_bound", x=half, y=bound, role="latent", grow=True, dashed=True,
                        label=t.words("em.lower_bound"),
                    ),
                    Curve(
                        name="gap", x=np.stack([half, half], axis=1), y=np.stack([bound, likelihood], axis=1),
                        role="condition", label=t.words("em.gap"),
                    ),
                    *below,
                    *_letters(half, a["phase"], steps.low, low + 0.045 * (high - low)),
                ],
                note=[_numbers(*both) for both in zip(likelihood, bound, strict=True)],
                seek=True,
            ),
            close_up.panel(a, weight=0.9),
        ],
        key=f"{ID}.plane",
        values=values,
        frames=_moments(a),
        moves=[PHASES[p] for p in a["phase"]],
        height=296,
        start=min(first, len(half) - 1),
        glide=True,
        invite=t.words(f"{ID}.invite"),
        scene=f"{history.data} {history.start} {history.components} {history.seed} {opened}",
    )  # fmt: skip
    frame = min(state.frame, len(half) - 1)
    if frame != min(links.value(MOMENT), len(half) - 1):
        links.adjust(MOMENT, frame)  # so that a link leads to this moment
    return frame


def _first_moment() -> tuple[int, int]:
    """Where the plane begins, and how often a link, a preset or a reset has said so.

    What a person clicks is not told back: the message would be sent anew after every half step.
    """
    version, held = links.version(MOMENT), st.session_state.get(f"{ID}.first")
    if held is None or held[1] != version:
        held = st.session_state[f"{ID}.first"] = (int(links.value(MOMENT)), version)
    return held


def _letters(half: np.ndarray, phase: np.ndarray, first: float, y: float) -> list[Words]:
    """E and M under the stretch of the curves that each of them draws, where there is room for all."""
    shown = np.flatnonzero((half - 1 >= first) & (half > 0))
    if len(shown) > MOST_LETTERS / (1.5 if presenter.presenting() else 1.0):  # larger letters for a projector
        return []
    roles = {1: "latent", 2: "model"}
    return [
        Words(
            name=f"letter{i}", role=roles[phase[i]], x=float(half[i]) - 0.5, y=y, text=PHASES[phase[i]], align="center"
        )
        for i in shown
    ]


def _sentences(shown: common.Shown, wanted: HalfSteps, frame: int) -> None:
    """What the last half step did, in numbers; what went wrong; what the book prints."""
    t, a, history = text.current(), shown.arrays, shown.scene
    likelihood, bound, phase = a["log_likelihood"], a["lower_bound"], PHASES[a["phase"][frame]]
    now = {"log_likelihood": common.nats(likelihood[frame])}
    if shown.refused:
        _refused(shown.refused, wanted)
    if phase == "start":
        said = t.words(f"{ID}.caption.start", **now)
    elif phase == "E" and frame == 1:
        said = t.words(f"{ID}.caption.first", **now)
    elif phase == "E":
        closed = bound[frame] - a["bound_before"][frame]
        said = t.words(f"{ID}.caption.e", closed=common.gap(closed), iteration=a["iteration"][frame], **now)
    else:
        changes = {
            "risen": likelihood[frame] - a["likelihood_before"][frame],
            "bound": bound[frame] - a["bound_before"][frame],
            "gap": likelihood[frame] - bound[frame],
        }
        now["iteration"] = a["iteration"][frame]
        if max(map(abs, changes.values())) < common.ROUNDING:
            said = t.words(f"{ID}.caption.still", **now)
        else:
            numbers = dict(zip(changes, common.together(*changes.values()), strict=True))
            said = t.words(f"{ID}.caption.m", **numbers, **now)
    text.prose(said)
    problem = str(a["problem"])
    if problem and not shown.refused:
        outs = {"collapsed": {FLOOR: "1e-6"}, "twins": _apart(history), "empty": {START: "kmeans"}}
        common.trouble(ID, problem, outs[problem], components=common.names(a["troubled"]))
    elif a["floored"].any() and not shown.refused:
        _floored(history)
    if int(a["states"]) > len(likelihood):
        text.prose(t.words(f"{ID}.thinned", shown=len(likelihood), states=int(a["states"])), small=True)
    if history.start == "book":
        numbers = {"true": common.nats(likelihood[0], 3), "book": common.nats(float(a["book"]), 3)}
        text.prose(t.words(f"{ID}.book", hidden=int(a["hidden"]), n=len(a["x"]), **numbers), small=True)


def _floored(history: HalfSteps) -> None:
    """The floor holds a component up: a tiny one keeps it from collapsing, one of some size makes it wider."""
    floor = links.name_of_choice(FLOOR.key, links.value(FLOOR))
    if history.floor < LOWEST:
        common.trouble(ID, "floored", {K: max(1, history.components - 1)}, floor=floor)
    else:
        std = text.number(float(np.sqrt(history.floor)), 2)
        common.trouble(ID, "held", {FLOOR: "1e-6"}, floor=floor, std=std)


def _apart(history: HalfSteps) -> dict[links.Setting, object]:
    return {START: "kmeans"} if history.data != "faithful" or history.components != 2 else {START: "book"}


def _refused(reason: str, wanted: HalfSteps) -> None:
    """Why EM could not begin, and what to do."""
    if reason == "too_few_points":
        n = len(wanted.own)
        common.trouble(ID, reason, {K: n} if n else {OWN: OWN.default}, k=wanted.components, n=n)
    elif reason == "flat_start":
        common.trouble(ID, reason, {FLOOR: "1e-6"})
    else:
        common.trouble(ID, "not_finite", {OWN: OWN.default})


def _generated(shown: common.Shown, frame: int) -> None:
    """New points from the mixture of this moment, beside the real ones."""
    t, a, history = text.current(), shown.arrays, shown.scene
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.generate"):
        with st.container(gap=None):
            text.prose(f"**{t.words(f'{ID}.generated.title')}**")
            moment = _moment(a["iteration"][frame], a["phase"][frame]).partition(" · ")[0]
            kind = "faithful" if history.data == "faithful" else "other"
            text.prose(t.words(f"{ID}.generated.{kind}", moment=moment, n=len(a["x"])), small=True)
        seed = int(links.value(DRAW))
        st.button(
            t.words(f"{ID}.generated.again"),
            key=f"{ID}.draw_again",
            icon=":material/casino:",
            on_click=links.put_all,
            args=({DRAW: (seed + 1) % 10_000},),
        )
    try:
        made = scene.shown(Generated(history, frame, seed))
    except ValueError:  # a mixture that left the range of numbers has no density to draw from
        common.trouble(f"{ID}.generated", "no_draw", {})
        return
    x, y = common.axes(history.data)
    real = {"role": "data", "label": t.words("em.real")}
    new = {"role": "model", "label": t.words("em.generated")}
    edges, heights = made["edges"], made["heights"]
    top = float(max(heights.max(), made["new_heights"].max())) * 1.1
    counts = Axis(t.words("em.axis.count"), 0, max(top, 1.0))
    plane(
        [
            Panel(name="real", x=x, y=y, layers=[Cloud(name="real", at=a["x"], **real)]),
            Panel(name="new", x=x, y=y, layers=[Cloud(name="new", at=made["new"], **new)]),
            Panel(
                name="histogram",
                x=Axis(y.name, y.low, y.high),
                y=counts,
                layers=[
                    Bars(name="real", edges=edges, heights=heights, **real),
                    Bars(name="new", edges=edges, heights=made["new_heights"], outline=True, **new),
                ],
            ),
        ],
        key=f"{ID}.new",
        height=230,
        scene=f"{history.data}",
    )


def _moment(iteration: int, phase: int) -> str:
    t = text.current()
    name = PHASES[int(phase)].lower()
    return t.words(f"{ID}.moment.{name}", i=int(iteration)) if name != "start" else t.words(f"{ID}.moment.start")


def _moments(a: Mapping[str, np.ndarray]) -> list[str]:
    """The text of each frame; after the last half step nothing comes next."""
    said = [_moment(i, p) for i, p in zip(a["iteration"], a["phase"], strict=True)]
    if len(said) > 1:
        said[-1] = f"{said[-1].partition(' · ')[0]} · {text.current().words(f'{ID}.moment.end')}"
    return said


def _weights(weights: np.ndarray) -> str:
    return ", ".join(f"{w:.2f}" for w in weights)


def _numbers(likelihood: float, bound: float) -> str:
    t = text.current()
    said = {"log_likelihood": common.nats(likelihood, 3)}
    if np.isnan(bound):
        return t.words(f"{ID}.note.start", **said)
    return t.words(f"{ID}.note.both", bound=common.nats(bound, 3), **said)


def _window(likelihood: np.ndarray, bound: np.ndarray) -> tuple[float, float]:
    """The ends of an axis on which these moments of both curves are to be seen."""
    values = np.concatenate([likelihood, bound[np.isfinite(bound)]])
    low, top = float(values.min()), float(values.max())
    room = max(top - low, 0.01)  # closer together, all ticks would read the same
    return low - 0.08 * room, top + 0.2 * room
