"""A page's question, answered by a class: locked in one by one, revealed to all at once."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from ui import room, text

Answer = Callable[[], tuple[str, Mapping[str, object]]]


@st.fragment
def draw(name: str, options: Sequence[str], answer: Answer) -> None:
    """The question as a member of a room sees it. Arguments as `Chapter.prediction`, whose words it uses.

    The answer is worked out, and its words are sent, only once the owner of the room reveals it.
    """
    topic, joined = room.expect(name, options), room.here()
    if topic is None or joined is None:
        st.rerun()  # the room has ended: the page asks on its own
    t = text.current()
    with st.container(border=True, key=name):
        st.subheader(t.label("prediction.title"), anchor=False)
        text.prose(t.words(f"{name}.question"))
        if topic.status == "revealed":
            _revealed(name, options, topic, answer)
            if joined.owner:
                st.button(
                    t.label("room.vote.again"), key=f"{name}.clear", type="tertiary",
                    on_click=room.clear, args=(name,),
                )  # fmt: skip
            room.ear(name, joined)
        else:
            _open(name, options, topic, joined, answer)


def choose(name: str, options: Sequence[str], locked: bool) -> str | None:
    """The options of a question, one of which can be picked until it is locked in."""
    t = text.current()
    return st.radio(
        t.label("prediction.pick"),
        list(options),
        index=None,
        key=f"{name}.pick",
        label_visibility="collapsed",
        format_func=lambda option: t.words(f"{name}.option.{option}"),
        disabled=locked,
    )


def _open(name: str, options: Sequence[str], topic: room.Topic, joined: room.Room, answer: Answer) -> None:
    t, picked = text.current(), f"{name}.pick"
    if topic.mine is not None:
        st.session_state[picked] = topic.mine  # as it was locked in, before a reload too
    choice = choose(name, options, topic.mine is not None)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{name}.desk"):
        if topic.mine is None:
            st.button(
                t.label("prediction.lock"), key=f"{name}.lock", type="secondary" if joined.owner else "primary",
                disabled=choice is None, on_click=room.answer, args=(name, choice),
            )  # fmt: skip
        if joined.owner:
            st.button(
                t.label("room.reveal"), key=f"{name}.reveal", type="primary", icon=":material/visibility:",
                on_click=room.reveal, args=(name, lambda answers: answer()),
            )  # fmt: skip
        room.ear(name, joined, "room.vote.count")
    if topic.mine is not None and not joined.owner:
        st.caption(t.label("room.vote.wait"))


def _revealed(name: str, options: Sequence[str], topic: room.Topic, answer: Answer) -> None:
    t = text.current()
    right, values = answer()
    verdict = "prediction.right" if topic.mine == right else "prediction.wrong"
    text.prose(t.label(verdict, answer=t.words(f"{name}.option.{right}")))
    st.html(bars([(option, t.words(f"{name}.option.{option}")) for option in options], topic, right))
    text.prose(t.words(f"{name}.answer", **values))


def bars(options: Sequence[tuple[str, str]], topic: room.Topic, right: str) -> str:
    """How many chose each option, as a table with bars; the right one is marked by colour and by a tick."""
    t, rows = text.current(), []
    most = max([*topic.chosen.values(), 1])
    for option, words in options:
        count = topic.chosen[option]
        own = f" <small>{html.escape(t.label('room.vote.mine'))}</small>" if option == topic.mine else ""
        tick = f'<span role="img" aria-label="{html.escape(t.label("room.vote.right"))}">✓</span> '
        rows.append(
            f'<tr class="{"right" if option == right else ""}">'
            f'<th scope="row">{tick if option == right else ""}{text.plain(words)}{own}</th>'
            f'<td><i style="width:{100 * count / most:.1f}%"></i></td><td>{count}</td></tr>'
        )
    caption = html.escape(t.label("room.vote.all", count=topic.count, right=topic.chosen[right]))
    return f'<table class="votes"><caption>{caption}</caption><tbody>{"".join(rows)}</tbody></table>'
