"""The frame of a page: title and idea, experiments, derivations, code, a question, what is next.

    page = chapter.begin("diffusion_model")
    with page.experiment("diffusion_model.denoise", settings=(STEPS, ETA, SAMPLER)) as scene:
        if scene.open:                       # always True for the starred; the folded ones run only when opened
            ...                              # widgets, picture, sentence
            page.derivation("diffusion_model.ddpm")
            page.code("core/diffusion/samplers.py", "ddim", highlight=("x0 =",))
    page.prediction("diffusion_model.prediction", ("yes", "no"), lambda: ("no", {"loss": "0.03"}))
    page.end()

Sections of the page's Markdown that the frame draws (all need to be there in every language):

    <page>.page.title, <page>.page.idea, <page>.page.next                    title, one sentence, what is left open
    <experiment>.title, <experiment>.question                                above each experiment
    <page>.<formula>.title, <page>.<formula>.<line>                          a derivation's name, a reason for each line
    <prediction>.question, .option.<option>, .answer                         `.answer` has the answer's placeholders

An experiment may be drawn inside a function under `@st.fragment`: address bar, link and reset work there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui import catalogue, code, links, live, presenter, room, saving, text, vote, wire
from ui.links import Setting


@dataclass(frozen=True)
class Scene:
    """What an experiment's body may want to know: whether it is open."""

    open: bool


def begin(page_id: str) -> Chapter:
    """Draw the head of a page: its title and its idea. The strip of ten steps is the shell's."""
    t = text.current()
    with st.container(key="page-head", gap=None):
        st.title(t.words(f"{page_id}.page.title"), anchor=False)
        text.prose(t.words(f"{page_id}.page.idea"))
        return Chapter(page_id, st.container(key="page-notes", gap=None))


@dataclass(frozen=True)
class Chapter:
    """A page that has begun. `notes` is where it says what in its link it did not understand."""

    id: str
    notes: DeltaGenerator | None = None

    @contextmanager
    def experiment(self, experiment_id: str, settings: Sequence[Setting] = ()) -> Iterator[Scene]:
        """The frame of one experiment, with a link to its `settings` and a way back to their defaults."""
        t, settings = text.current(), tuple(settings)
        wrong = [s.key for s in settings if s.experiment != experiment_id]
        if wrong:
            raise ValueError(f"settings of another experiment than {experiment_id}: {', '.join(wrong)}")
        for setting in settings:
            links.value(setting)
        title = t.words(f"{experiment_id}.title")
        star = catalogue.experiment(experiment_id).star
        with st.container(key=f"experiment-{experiment_id}"):
            body, is_open = st.container(key=f"{experiment_id}.body"), True
            if star:
                head = body.container(
                    horizontal=True, vertical_alignment="center", gap="small", key=f"{experiment_id}.head"
                )
                head.subheader(title, anchor=False, width="stretch")
            else:
                # with changed settings it starts open; one that was opened by hand, or has begun so, keeps its start:
                # another one would make it a new expander, in which the keyboard's place and a drag are lost
                seen = live.last().setdefault(f"{experiment_id}.fold", {"open": False, "begun": False})
                changed = bool(links.query(settings, only_changed=True))
                seen["begun"] = seen["begun"] or changed and not seen["open"]
                body = body.expander(title, expanded=seen["begun"], key=f"{experiment_id}.fold", on_change="rerun")
                is_open = bool(body.open)
                seen["open"] = seen["open"] or is_open
                head = body.container(horizontal=True, horizontal_alignment="right", gap="small")
            with body:
                if is_open:
                    with st.container(key=f"{experiment_id}.question", gap=None):
                        text.prose(t.words(f"{experiment_id}.question"))
                notes = st.container(key=f"{experiment_id}.notes", gap=None)
                yield Scene(is_open)
            with notes:
                for sentence in links.problems(experiment_id):
                    st.caption(f":material/info: {sentence}")
            if is_open:
                with head:
                    self._address(experiment_id, settings)

    def _address(self, experiment_id: str, settings: tuple[Setting, ...]) -> None:
        """*Reset*, *copy link* and *save*, drawn last because only now everything is what it is."""
        t = text.current()
        changed = links.query(settings, only_changed=True)
        links.published(experiment_id, changed)
        if settings:
            st.button(
                t.label("scene.reset"),
                key=f"{experiment_id}.reset",
                type="tertiary",
                icon=":material/restart_alt:",
                disabled=not changed,
                on_click=links.reset,
                args=(settings,),
            )
        with st.container(width="content"):
            wire.scene(
                key=f"{experiment_id}.link",
                data={
                    "id": experiment_id,
                    "anchor": experiment_id.replace(".", "-"),
                    "path": catalogue.page(self.id).url_path,
                    "session": st.session_state.get(presenter.SESSION, ""),
                    "changed": changed,
                    "all": links.query(settings, only_changed=False),
                    "label": t.label("scene.copy"),
                    "copied": t.label("scene.copied"),
                    "by_hand": t.label("scene.by_hand"),
                    "title": t.words(f"{experiment_id}.title"),
                    "script": saving.SCRIPT,
                    "words": {word: t.label(f"scene.{word}") for word in saving.WORDS},
                },
                width="content",
            )

    def derivation(self, name: str, *, open: bool = False) -> None:
        """A formula, folded: one line at a time, each with its reason."""
        t = text.current()
        page, _, formula_id = name.partition(".")
        lines = text.formulas(page).get(formula_id)
        if not lines:
            raise text.WordsError(f"content/formulas/{page}.toml has no formula {formula_id!r}")

        def draw() -> None:
            for line in lines:
                with st.container(key=f"line-{name}.{line.id}", gap=None):
                    st.latex(text.coloured(line.tex))
                    text.prose(t.words(f"{name}.{line.id}"), small=True)

        _fold(t.words(f"{name}.title"), ":material/function:", f"{name}.derivation", draw, open)

    def code(self, path: str, *names: str, highlight: Sequence[str] = (), trained: bool = False) -> None:
        """The source of functions or classes of a file, folded; lines that contain a text of `highlight` are marked.

        trained: it ran when the model learnt, and not for what is on the screen.
        """
        t = text.current()
        title = f"{t.label('code.trained' if trained else 'code.title')} · " + ", ".join(
            f"`{name.rpartition('.')[2]}`" for name in names
        )
        source, place = code.read(path, names), "-".join((path, *names, *highlight))

        def draw() -> None:
            st.caption(f"`{path}` · {', '.join(f'`{n}`' for n in names)}")
            code.show(source, highlight)

        _fold(title, ":material/code:", f"{self.id}.code.{place}", draw)

    def prediction(
        self, name: str, options: Sequence[str], answer: Callable[[], tuple[str, Mapping[str, object]]]
    ) -> None:
        """A question to answer before the page does. `answer` is called only then: (right option, values).

        In a room the class answers it together (ui/vote.py).
        """
        if room.here() is not None:
            vote.draw(name, tuple(options), answer)
            return
        t, state = text.current(), st.session_state
        picked, locked = f"{name}.pick", f"{name}.locked"
        with st.container(border=True, key=name):
            st.subheader(t.label("prediction.title"), anchor=False)
            text.prose(t.words(f"{name}.question"))
            choice = vote.choose(name, options, state.get(locked, False))
            if not state.get(locked):
                st.button(
                    t.label("prediction.lock"),
                    key=f"{name}.lock",
                    disabled=choice is None,
                    type="primary",
                    on_click=state.__setitem__,
                    args=(locked, True),
                )
                return
            right, values = answer()
            verdict = "prediction.right" if choice == right else "prediction.wrong"
            text.prose(t.label(verdict, answer=t.words(f"{name}.option.{right}")))
            text.prose(t.words(f"{name}.answer", **values))
            st.button(
                t.label("prediction.again"), key=f"{name}.again", type="tertiary",
                on_click=_forget, args=(picked, locked),
            )  # fmt: skip

    def end(self) -> None:
        """What this step leaves open, which is where the next one begins; glossary and symbols."""
        t = text.current()
        if self.notes is not None and links.unread():
            self.notes.caption(f":material/info: {t.label('links.unread')}")
        step = next((s for s in catalogue.ROAD if s.id == self.id), None)
        if step is not None:
            with st.container(key="page-end", gap="small"):
                st.subheader(t.label("next.title"), anchor=False)
                text.prose(t.words(f"{self.id}.page.next"))
                _onward(step.id)


@st.fragment
def _fold(title: str, icon: str, key: str, draw: Callable[[], None], open: bool = False) -> None:
    """What is read once, folded: made and sent when it is opened, or it would be two fifths of every redrawing."""
    with st.expander(title, icon=icon, expanded=open, key=key, on_change="rerun") as fold:
        if fold.open:
            draw()


def _onward(step_id: str) -> None:
    """The next step's name, and a link where it has a page."""
    t, step = text.current(), catalogue.following(step_id)
    if step is None:
        return
    label = f"{step.number} · {t.words(f'overview.step.{step.id}.title')}"
    page = catalogue.page_of_step(step.id)
    if page is not None:
        st.page_link(str(page.file), label=label, icon=":material/arrow_forward:")
    else:
        text.prose(f"→ **{label}**")


def _forget(*keys: str) -> None:
    for key in keys:
        st.session_state.pop(key, None)
