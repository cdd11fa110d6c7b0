"""diffusion_model.mistakes: one wrong line, its samples beside the right ones, and the riddle which line it was."""

from __future__ import annotations

import ast
import difflib
import html

import numpy as np
import streamlit as st

from core import scene
from core.diffusion.mistake_run import COUNT, LINES, MISTAKES, REAL, Mark, MistakeRun, MistakeState, riddle
from core.job import Snapshot
from core.scenes.diffusion_model_mistakes import RangeScene
from pages import working
from pages.diffusion_model import common, train
from ui import chapter, code, controls, links, live, player, redraw, text
from ui.plane import Axis, Curve, Panel, Rule, plane

ID = "diffusion_model.mistakes"
MODE = links.choice(f"{ID}.mode", "compare", ("compare", "guess", "range"))
BUG = links.choice(f"{ID}.bug", "root", MISTAKES)
DATA = links.choice(f"{ID}.data", "digits", ("digits", "points"))
STEPS = links.whole(f"{ID}.steps", 20, low=2, high=200)
CLIP = links.flag(f"{ID}.clip", True)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
RIDDLE = links.whole(f"{ID}.riddle", 0, low=0, high=9_999)
INDEX = links.whole(f"{ID}.index", 0, low=0, high=199)
SETTINGS = (MODE, BUG, DATA, STEPS, CLIP, SEED, RIDDLE, INDEX)
HEIGHT = 300


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as shown:
        if not shown.open:
            return
        mode, asked = _controls()
        shot = _asked(asked)
        going = shot.status in live.ACTIVE
        # once they are over there is no fragment any more, which ends the polling
        walks = st.fragment(_walks, run_every=0.7) if going else _walks
        walks(asked, mode == "guess" and not _revealed(asked.data), going, redraw.place())
        if mode == "guess":
            _guess(asked, shot.state)
        elif shot.state is not None:
            _told(asked, shot.state)
        if mode == "range":
            _range()
        controls.presets(
            ID,
            {
                "grain": {MODE: "compare", BUG: "last_noise", DATA: "digits", STEPS: 20},
                "unseen": {MODE: "compare", BUG: "last_noise", DATA: "digits", STEPS: 200},
                "time": {MODE: "compare", BUG: "no_time", DATA: "points", STEPS: 20},
                "smooth": {MODE: "compare", BUG: "spread", DATA: "points", STEPS: 20},
                "riddle": {MODE: "guess"},
                "book": {MODE: "range"},
            },
        )
        page.code("core/diffusion/mistakes.py", "ancestral")


def _controls() -> tuple[str, MistakeRun]:
    """The row of controls, and the run that they ask for."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        with st.container(width="content"):
            mode = str(controls.select(MODE))
        bug = "range"
        if mode == "compare":
            with st.container(width=235):
                bug = str(controls.select(BUG, look="select"))
        elif mode == "guess":
            with st.container(width=140):
                controls.number(RIDDLE)
        data = "digits"
        if mode != "range":
            with st.container(width="content"):
                data = str(controls.select(DATA))
        if mode == "guess":
            bug = riddle(int(links.value(RIDDLE)), data)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            steps = int(controls.slider(STEPS))
            clip = bool(controls.toggle(CLIP)) if data == "digits" else True
            if mode == "range":
                controls.number(INDEX)
            seed = controls.seed(SEED)
    return mode, MistakeRun(bug, data, steps, seed, clip)


def _asked(config: MistakeRun) -> Snapshot:
    """The run of this config, asked for now; the one that this place asked for before is left."""
    from core import jobs

    runner, place, failed = jobs.runner(), f"{ID}.asked", f"{ID}.failed"
    before = st.session_state.get(place)
    if before not in (None, config.key):
        runner.leave(before, live.watcher())
    st.session_state[place] = config.key
    known = runner.find(config.key) if st.session_state.get(failed) == config.key else None
    job = known or runner.ask(config, live.watcher())  # what failed here is not tried again by a mere look
    working.wait_a_moment([job])
    shot = job.snapshot()
    st.session_state[failed] = config.key if shot.status == "failed" else None
    return shot


def _walks(asked: MistakeRun, hidden: bool, was_going: bool, inside: str | None) -> None:
    """Both walks as far as they are, and how far that is; the experiment is drawn anew when they are over."""
    from core import jobs

    t, runner, last = text.current(), jobs.runner(), live.last()
    runner.seen(live.watcher())
    job = runner.find(asked.key)
    shot = live.held(f"{ID}.walks.{asked.key}", job.snapshot() if job else None)
    going = shot is not None and shot.status in live.ACTIVE
    if was_going and not going:
        redraw.again(inside)
    if shot is not None and shot.state is not None:
        last[ID] = (asked, shot.state, hidden)
    if ID in last:  # before the first state there is the picture of before
        _player(*last[ID])
    if going:
        step, steps = (shot.state.step, shot.state.steps) if shot.state is not None else (0, asked.steps)
        text.prose(t.words(f"{ID}.waiting", step=min(step, steps), steps=steps), small=True)
    elif shot is not None and shot.status == "failed":
        text.prose(live.message(shot.message or "failed"), small=True)


def _name(mistake: str) -> str:
    return text.current().words(f"{ID}.bug.{mistake}")


def _player(asked: MistakeRun, state: MistakeState, hidden: bool) -> None:
    """Both walks from the same noise."""
    t, images = text.current(), asked.data == "digits"
    names = (
        t.words(f"{ID}.track.{'book' if asked.mistake == 'range' else 'right'}"),
        "?" if hidden else _name(asked.mistake),
    )
    tracks = []
    for name, title, values, role in zip(
        ("right", "wrong"), names, (state.right, state.wrong), ("data", "model"), strict=True
    ):
        if not images:
            axes = tuple(t.words(f"diffusion_model.denoise.axis.{a}") for a in ("x", "y"))
            tracks.append(
                player.Track(name, title, "points", values, -3, 3, role=role, axes=axes, trail=0, backdrop=state.real)
            )
        elif asked.mistake == "range" and name == "wrong":
            shades = {"low": -1.0, "high": 2.0, "show_low": 0.0, "show_high": 1.0}
            tracks.append(player.Track(name, title, "images", values, **shades, role=role))
        else:
            tracks.append(player.Track(name, title, "images", values, **common.GREY, role=role))
    steps = len(state.levels) - 1
    keep = player.choose_frames(steps + 1, player.frames_that_fit(values.shape[1], kind=tracks[0].kind, tracks=2))
    for k, track in enumerate(tracks):
        tracks[k] = player.Track(**{**track.__dict__, "values": track.values[keep]})
    player.player(
        tracks,
        [t.words(f"{ID}.step", step=k, steps=state.steps) for k in keep],
        key=f"{ID}.player",
        labels=common.player_labels(),
        height=HEIGHT,
        scene=asked.key if not hidden else f"riddle {links.value(RIDDLE)}",
    )


def _told(asked: MistakeRun, state: MistakeState) -> None:
    """What the line does, its numbers, the marks, and both versions of the line."""
    text.prose(_words(asked, state))
    _marks(asked, state.marks, _name(asked.mistake))
    _lines(asked.mistake)


def _words(asked: MistakeRun, state: MistakeState) -> str:
    """What the line does, with its numbers, and what to look for in these data."""
    t, look = text.current(), f"{ID}.look.{asked.mistake}.{asked.data}"
    words = t.words(f"{ID}.mark.{asked.mistake}", **_figures(asked, state))
    return f"{words} {t.words(look)}" if t.has(look) else words


def _figures(asked: MistakeRun, state: MistakeState) -> dict[str, str]:
    """The numbers of a mistake's sentence, as its section wants them."""
    wanted = text.placeholders(text.current().template(f"{ID}.mark.{asked.mistake}"))
    values = {**state.figures, "steps": asked.steps}
    shown = {name: text.number(float(value), 2 if isinstance(value, float) else 6) for name, value in values.items()}
    if "left" in values:
        shown["left"] = f"{100 * values['left']:.0f}"
    return {name: shown[name] for name in wanted}


def _marks(asked: MistakeRun, marks: tuple[Mark, Mark, Mark] | None, name: str) -> None:
    """A table: right, wrong, and real data."""
    t = text.current()
    if marks is None:
        return
    images = asked.data == "digits"
    columns = ["distance", *(["agreement"] if images else []), "noise", "spread"]
    head = "".join(f"<th>{text.plain(t.words(f'{ID}.table.{column}.{asked.data}'))}</th>" for column in columns)
    rows = ""
    right = t.words(f"{ID}.track.{'book' if asked.mistake == 'range' else 'right'}")
    for title, mark in zip((right, name, t.words(f"{ID}.table.real")), marks, strict=True):
        cells = "".join(f"<td>{_cell(column, getattr(mark, column))}</td>" for column in columns)
        rows += f'<tr><th scope="row">{html.escape(title)}</th>{cells}</tr>'
    st.html(f'<table class="marks"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>')
    compared = {"count": f"{COUNT[asked.data]:,}", "real": f"{REAL[asked.data]:,}"}
    text.prose(t.words(f"{ID}.table.caption.{asked.data}", **compared), small=True)


def _cell(column: str, value: float) -> str:
    return f"{100 * value:.0f}%" if column in ("agreement", "spread") else text.number(value, 2)


def _lines(mistake: str) -> None:
    """Both versions of the function, the lines that differ marked."""
    t = text.current()
    sources = [code.read(f"core/diffusion/{file}.py", [name]) for file, name in LINES[mistake]]
    named = ("range", "book") if mistake == "range" else ("right", "wrong")
    row = st.container(horizontal=True, gap="small", key=f"{ID}.lines")  # side by side where there is room for both
    for which, source, marked in zip(named, sources, differing(*sources), strict=True):
        with row.container(width=500):
            st.markdown(f"**{t.words(f'{ID}.line.{which}')}**")
            code.show(source, marked)


def differing(*sources: str) -> tuple[tuple[str, ...], ...]:
    """The lines in which two functions differ, of each; their names and docstrings always do and are passed over."""
    bodies = [_body(source) for source in sources]
    found: tuple[list[str], list[str]] = ([], [])
    for kind, a, b, c, d in difflib.SequenceMatcher(None, *bodies, autojunk=False).get_opcodes():
        if kind != "equal":
            found[0].extend(bodies[0][a:b])
            found[1].extend(bodies[1][c:d])
    return tuple(map(tuple, found))


def _body(source: str) -> list[str]:
    """The lines of a function below its docstring."""
    function = ast.parse(source).body[0]
    return [line.strip() for line in source.splitlines()[function.body[0].end_lineno :]]


# ---- the riddle -----------------------------------------------------------------------------------------------------


def _revealed(data: str) -> bool:
    return (links.value(RIDDLE), data) in st.session_state.get(f"{ID}.answers", {})


def _guess(asked: MistakeRun, state: MistakeState | None) -> None:
    """Six answers, one of them right; the marks help before it is revealed, the line is shown after."""
    t, number = text.current(), links.value(RIDDLE)
    answers: dict[tuple[int, str], str] = st.session_state.setdefault(f"{ID}.answers", {})
    given = (number, asked.data) in answers
    if state is not None:
        _marks(asked, state.marks, _name(asked.mistake) if given else "?")
    picked = st.pills(
        t.words(f"{ID}.guess.which"), list(MISTAKES), key=f"{ID}.pick.{number}.{asked.data}", format_func=_name,
        disabled=given,
    )  # fmt: skip
    if not given:
        st.button(
            t.words(f"{ID}.guess.reveal"), key=f"{ID}.reveal", type="primary", disabled=picked is None,
            on_click=answers.__setitem__, args=((number, asked.data), picked),
        )  # fmt: skip
        return
    truth, answer = asked.mistake, answers[number, asked.data]
    right = sum(said == riddle(*which) for which, said in answers.items())
    verdict = t.words(f"{ID}.guess.{'right' if answer == truth else 'wrong'}", name=_name(truth))
    text.prose(f"{verdict} {t.words(f'{ID}.guess.score', right=right, of=len(answers))}")
    st.button(
        t.words(f"{ID}.guess.next"), key=f"{ID}.next", icon=":material/casino:",
        on_click=links.put_all, args=({RIDDLE: (number + 1) % 10_000},),
    )  # fmt: skip
    if state is not None:
        text.prose(_words(asked, state))
        _lines(truth)


# ---- the book's choice ----------------------------------------------------------------------------------------------


def _range() -> None:
    """The same digit and the same noise with pixels in [−1, 1] and in [0, 1]: which drowns first, and the reason."""
    t = text.current()
    a = scene.shown(RangeScene(int(links.value(INDEX)), int(links.value(SEED))))
    left, right = st.columns([6, 5], gap="medium")
    with left:
        st.markdown(f"**{t.words(f'{ID}.range.rows')}**")
        levels, rows = a["levels"].tolist(), ""
        for name, images in zip(("right", "book"), (a["noised"][0], 2 * a["noised"][1] - 1), strict=True):
            title = html.escape(t.words(f"{ID}.range.row.{name}"))
            rows += (
                f'<tr><th scope="row">{title}</th><td><img alt="{title}" src="{train.png(images[:, None])}"></td></tr>'
            )
        st.html(f'<table class="growing">{rows}</table>')
        text.prose(t.words(f"{ID}.range.levels", levels=", ".join(map(str, levels))), small=True)
        even = dict(zip(("right", "book"), a["even"].tolist(), strict=True))
        stds = dict(zip(("std_right", "std_book"), (text.number(v, 3) for v in a["std"]), strict=True))
        text.prose(t.words(f"{ID}.range.caption", **even, **stds))
    with right:
        st.markdown(f"**{t.words(f'{ID}.range.chart')}**")
        levels = np.arange(1.0, a["ratio"].shape[1] + 1)
        seen = np.log10(a["ratio"])
        layers = [
            Curve(name=name, role=role, x=levels, y=np.clip(seen[k], -4, 4), label=t.words(f"{ID}.range.row.{name}"))
            for k, (name, role) in enumerate((("right", "data"), ("book", "model")))
        ]
        layers.append(Rule(name="even", role="exact", y=0.0, label=t.words(f"{ID}.range.even")))
        axes = Axis(t.words(f"{ID}.range.x"), 0, len(levels)), Axis(t.words(f"{ID}.range.y"), -3, 3)
        plane([Panel(name="ratio", x=axes[0], y=axes[1], layers=layers)], key=f"{ID}.range_plane", height=260)
