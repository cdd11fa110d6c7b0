"""Every setting of every experiment in a link, and the one place that reads and writes links.

A page declares its settings once, at its top, and hands them to the experiment that they belong to:

    STEPS = links.whole("diffusion_model.denoise.steps", 10, low=1, high=1000)
    ETA = links.real("diffusion_model.denoise.eta", 0.0, low=0.0, high=1.0, step=0.1)
    SAMPLER = links.choice("diffusion_model.denoise.sampler", "ddim", ("ddpm", "ddim", "heun", "dpm"))
    TRACE = links.flag("diffusion_model.denoise.trace", False)
    DIGITS = links.several("diffusion_model.denoise.digits", ("3",), tuple("0123456789"))
    RANGE = links.span("normal.interval.ends", (-1.0, 1.0), low=-5.0, high=5.0, step=0.1)
    SHAPE = links.points("diffusion_model.train.points", low=-3.0, high=3.0)       canvas: an (N, 2) tuple of pairs
    INK = links.strokes("guidance.edit.ink")                                       canvas: strokes of points in 0..1
    PARTS = links.rows("gaussian_mixture.design.parts", ((0.5, -1, 0), …), ((0, 1), (-6, 6), (-6, 6)))   canvas: rows

and then uses ui/controls.py: `steps = controls.slider(STEPS)`. A canvas component's setting has no widget: read it with
`links.value(SHAPE)` and `links.version(SHAPE)` (grows when a link or reset changed it, so that the canvas takes the new
one), and say what was drawn with `links.put(SHAPE, points)`.

The key of a setting is its widget's key, its name in the URL and, in the page's Markdown, the section of its label.
Values in a URL are the same in every language. A value that is out of range is clamped, nonsense is replaced by the
default, and either way `problems()` has a sentence about it; a page that has to bring a setting to what its others
allow does it with `adjust`, so that a link's value is told too. `ui/shell.py` calls `arrive` and `completed`.

What a setting is stands in ui/settings.py; here is what this session has set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

import streamlit as st

from ui import text
from ui.settings import (  # noqa: F401, pages take all of it from here
    Setting,
    choice,
    clamp,
    decode,
    encode,
    flag,
    from_canvas,
    points,
    real,
    rows,
    several,
    span,
    strokes,
    whole,
)

VALUES = "links.values"  # what each setting of the page is now, hidden ones too
PENDING = "links.pending"  # what the link asked for and nobody has read yet, as text
PROBLEMS = "links.problems"  # (setting's key, code, values) to be said
VERSIONS = "links.versions"
KNOWN = "links.known"  # the settings of this page by their keys
ASKED = "links.asked"  # settings that stand where the link put them
SEEN = "links.seen"  # marks of the queries of this page that need not be read again
ADDRESS = "links.address"  # what this page's experiments have written into the address bar
PAGE = "links.page"
FORCED = "links.forced"  # settings that the browser may not have been told yet, and for how many whole runs more
MAX_ADDRESS = 60_000  # characters of an address that are looked at
RUNS = 2  # whole runs that a new value is sent in: the messages of a run that another one interrupts can be lost


@dataclass(frozen=True)
class Problem:
    """Something in a link or a widget that had to be put right: a label's name under `links.problem` and its values."""

    key: str
    code: str
    values: tuple[tuple[str, str], ...] = ()
    kind: str = ""  # of the setting


def arrive(page_id: str) -> None:
    """Called by the shell before a page runs: forgets the page that was left, takes what the link asks for."""
    state = st.session_state
    incoming = {k: st.query_params[k] for k in st.query_params if k.startswith(page_id + ".")}
    moved = state.get(PAGE) != page_id
    if not moved and _mark(incoming) in state[SEEN]:
        return
    if moved:
        left = state.get(PAGE)
        for key in [k for k in state if left and str(k).startswith(left + ".")]:
            del state[key]
        state[PAGE], state[SEEN], state[VALUES], state[PROBLEMS] = page_id, set(), {}, []
        state[ADDRESS], state[KNOWN] = {}, {}
    else:
        _start_over()
    state[SEEN].add(_mark(incoming))
    state.setdefault(VERSIONS, {})
    state[PENDING], state[ASKED] = incoming, set()


def come_back(search: object) -> None:
    """A tab that outlived its server still stands at this query, of which the new session was told the first part only.

    The browser's client sends the address that the tab was opened with; what was set since is in the tab's alone.
    """
    page_id = st.session_state.get(PAGE)
    if page_id is None or not isinstance(search, str) or len(search) > MAX_ADDRESS:
        return
    _start_over()
    asked = parse_qsl(search.removeprefix("?"), keep_blank_values=True)
    st.session_state[PENDING] = {k: v for k, v in asked if k.startswith(page_id + ".")}


def _start_over() -> None:
    """The address was changed in place: what it names will be set, the rest goes back to where it started."""
    state = st.session_state
    for key in list(state[VALUES]):
        state[VERSIONS][key] = state[VERSIONS].get(key, 0) + 1
        state.pop(key, None)
    state[VALUES], state[PROBLEMS] = {}, []


def value(setting: Setting) -> object:
    """What the setting is now: what was set last, else what the link asked for, else its default."""
    values = _store(VALUES)
    if setting.key not in values:
        _store(KNOWN)[setting.key] = setting
        asked = _store(PENDING).pop(setting.key, None)
        if asked is None:
            values[setting.key] = setting.default
        else:
            values[setting.key], problem = decode(setting, asked)
            _store(ASKED, set).add(setting.key)
            if problem:
                _say(setting, problem, values[setting.key])
            _store(VERSIONS)[setting.key] = _store(VERSIONS).get(setting.key, 0) + 1
        _store(FORCED)[setting.key] = RUNS
    return values[setting.key]


def put(setting: Setting, new: object) -> None:
    """Set it from code: what was drawn on a canvas, a preset. A widget of it takes the value on the next run."""
    inside, problem = clamp(setting, new)
    if problem:
        _say(setting, problem, inside)
    _store(VALUES)[setting.key] = inside


def adjust(setting: Setting, new: object) -> None:
    """Set it from a page, since its other settings allow no other value; where a link asked for another, it is said."""
    before = value(setting)
    put(setting, new)
    if setting.key in _store(ASKED, set):
        _store(ASKED, set).discard(setting.key)
        if value(setting) != before:
            _say(setting, "adjusted", new)


def put_all(new: Mapping[Setting, object]) -> None:
    """Set several at once, as a preset's callback does, their widgets included."""
    for setting, wished in new.items():
        put(setting, wished)
        _store(ASKED, set).discard(setting.key)
        st.session_state.pop(setting.key, None)
        _store(VERSIONS)[setting.key] = _store(VERSIONS).get(setting.key, 0) + 1
        _store(FORCED)[setting.key] = RUNS


def reset(settings: tuple[Setting, ...]) -> None:
    """Back to the defaults; a callback, so it runs before any widget exists."""
    keys = {s.key for s in settings}
    st.session_state[PROBLEMS] = [p for p in _store(PROBLEMS, list) if p.key not in keys]
    put_all({s: s.default for s in settings})


def forced(setting: Setting) -> bool:
    """Whether the widget must be told its value again, since the browser may still stand at the widget's own default.

    A widget that is told nothing shows its first choice, and sends that with the next click somewhere else.
    """
    return setting.key in _store(FORCED)


def completed() -> None:
    """Called by the shell at the end of each whole run: what it said has very likely reached the browser."""
    waiting = _store(FORCED)
    for key in list(waiting):
        waiting[key] -= 1
        if waiting[key] <= 0:
            del waiting[key]


def touched(setting: Setting) -> None:
    """A person has set it, so the browser knows; old sentences about the link are done with."""
    _store(FORCED).pop(setting.key, None)
    _store(ASKED, set).discard(setting.key)
    settled(setting.experiment)


def version(setting: Setting) -> int:
    """Grows whenever a link, a preset or a reset changed the setting; a canvas starts anew when it does."""
    value(setting)
    return _store(VERSIONS).get(setting.key, 0)


def within(setting: Setting, **bounds: object) -> Setting:
    """The setting with other bounds or choices, as they follow from another setting just now; its value is clamped."""
    narrowed = replace(setting, **bounds)
    now = value(setting)
    inside, problem = clamp(narrowed, now)
    if problem:
        _say(narrowed, problem, inside)
        _store(VALUES)[setting.key] = inside
    return narrowed


def query(settings: tuple[Setting, ...], *, only_changed: bool) -> dict[str, str]:
    """Settings as a query, keys in order; `only_changed` leaves out what stands at its default."""
    pairs = ((s.key, encode(s, value(s)), encode(s, s.default)) for s in settings)
    return {key: now for key, now, default in pairs if now != default or not only_changed}


def as_asked(experiment: str) -> dict[str, str]:
    """All settings of an experiment as they are now, as plain texts that `open_again` understands."""
    return query(tuple(s for s in _store(KNOWN).values() if s.experiment == experiment), only_changed=False)


def open_again(experiment: str, asked: Mapping[str, str]) -> None:
    """Set an experiment as `as_asked` told; a callback. What is not there any more is left at its default."""
    known = (s for s in _store(KNOWN).values() if s.experiment == experiment)
    put_all({s: decode(s, str(asked[s.key]))[0] if s.key in asked else s.default for s in known})


def published(prefix: str, shown: Mapping[str, str]) -> None:
    """Remember what an experiment has written into the address bar, so that it is not read as a new wish."""
    known = _store(ADDRESS)
    for key in [k for k in known if k.startswith(prefix + ".")]:
        del known[key]
    known.update(shown)
    page_id = st.session_state.get(PAGE, "")
    mine = {k: v for k, v in known.items() if k.startswith(page_id + ".")}
    _store(SEEN, set).add(_mark(mine))


def _mark(query: Mapping[str, str]) -> int:
    """A query in a few bytes: drawings make long ones, and in a lesson each move of a hand makes another."""
    return hash(frozenset(query.items()))


def problems(experiment: str) -> list[str]:
    """One sentence for each thing that had to be put right in this experiment, in the session's language."""
    t = text.current()
    mine = [p for p in _store(PROBLEMS, list) if p.key.startswith(experiment + ".")]
    sentences = (t.label(f"links.{p.code}", name=name_of(p.key, p.kind), **dict(p.values)) for p in mine)
    return list(dict.fromkeys(sentences))


def unread() -> bool:
    """Whether the link holds what is no setting of this page: from another version, or misspelt. Asked at its end."""
    return bool(_store(PENDING))


def settled(experiment: str) -> None:
    """Forget the problems of an experiment; they were said, and something was set since."""
    rest = [p for p in _store(PROBLEMS, list) if not p.key.startswith(experiment + ".")]
    st.session_state[PROBLEMS] = rest


def name_of(key: str, kind: str = "") -> str:
    """The label of a setting: the page's section of that name, else `setting.<last part>` of ui.toml.

    What is set on a canvas has no label of its own and need not have either: it is a drawing, or a place in a picture.
    """
    t = text.current()
    if t.has(key):
        return t.words(key)
    general = f"setting.{key.rpartition('.')[2]}"
    unnamed = "setting.place" if kind in ("whole", "real", "choice") else "setting.drawing"
    return t.label(general if t.has_label(general) else unnamed)


def name_of_choice(key: str, option: str | int) -> str:
    """The label of a choice: section `<key>.<choice>`, else `choice.<choice>` of ui.toml, else the choice itself."""
    t = text.current()
    if t.has(f"{key}.{option}"):
        return t.words(f"{key}.{option}")
    return t.label(f"choice.{option}") if t.has_label(f"choice.{option}") else str(option)


def _say(setting: Setting, code: str, used: object) -> None:
    """Note a problem, and what is used instead; of two alike the later, since that is used now.

    What was asked is not repeated: a link's text is a stranger's.
    """
    bounds = (("low", text.number(setting.low, 6)), ("high", text.number(setting.high, 6)))
    values: tuple[tuple[str, str], ...] = ()
    if code == "clamped" and setting.kind in ("whole", "real"):
        values = (*bounds, ("used", text.number(used, 6)))
    elif code == "clamped":
        code, values = "clamped_span", bounds
    elif code == "stepped":
        values = (("step", text.number(setting.step, 6)), ("used", text.number(used, 6)))
    elif code == "too_many":
        values = (("most", str(setting.most)),)
    elif code in ("unknown", "nonsense"):
        code = "default"
    others = [p for p in _store(PROBLEMS, list) if (p.key, p.code) != (setting.key, code)]
    st.session_state[PROBLEMS] = [*others, Problem(setting.key, code, values, setting.kind)]


def _store(name: str, kind: type = dict):
    if name not in st.session_state:
        st.session_state[name] = kind()
    return st.session_state[name]
