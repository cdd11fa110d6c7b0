"""A class in one room: the switch above every page, and what experiments and questions need of it.

    joined = room.here()                               core.rooms.Room as this browser may see it, or None: alone
    room.desk("likelihood.fit", room.Question(…), answer=(mean, std))     ask, hand in, reveal
    room.ear("likelihood.fit", joined)                 draws the fragment that it stands in anew when the topic changes
    room.secret(joined, "likelihood.fit")              whether a picture would give an answer away just now

Outside a room nothing here polls. In one, a fragment of the shell looks every few seconds and sends one small message;
ears (ui/pulse) hear it in the browser, and only what has changed is drawn anew. `?room=CODE` in any link leads in, and
`?lead=KEY`, which only the owner is shown, makes another browser an owner too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

import streamlit as st

from core.rooms import Question, Room, RoomError, Topic, rooms
from ui import catalogue, live, presenter, text
from ui.pulse import ear as _ear
from ui.pulse import pulse as _pulse

__all__ = [
    "Question", "Room", "Topic",
    "answer", "arrive", "asked", "bar", "clear", "desk", "ear", "expect", "here", "note", "pulse", "reveal", "secret",
]  # fmt: skip

OWNER_EVERY, MEMBER_EVERY = 2.0, 3.0  # seconds between two looks at the room
PARAMETER, LEAD = "room", "lead"
EVERY = "shell.room.every"  # in place of a topic's name: all of them
CODE, NOTE, TROUBLE, ARRIVED = "room.code", "room.note", "room.trouble", "room.arrived"
LOCAL = re.compile(r"localhost|127(\.\d{1,3}){3}|::1|0\.0\.0\.0")
PLACE = re.compile(r"[\w.\-\[\]:]+")  # of an address: host and port, nothing that could be anything else
PATH = re.compile(r"[\w/\-.]*")


def here() -> Room | None:
    """The room that this browser is in, and a sign of life for it; None where it is alone."""
    return rooms().of(live.watcher())


def answer(name: str, given: object) -> bool:
    """Give this browser's answer to a topic; False where it came too late or is none."""
    try:
        return rooms().answer(live.watcher(), name, given)
    except RoomError:
        return False


def expect(name: str, options: Sequence[str]) -> Topic | None:
    """A topic that the page asks by itself, opened if nobody has yet; None where the room has ended."""
    _try(rooms().expect, name, Question(options=tuple(options)))
    joined = here()
    return joined.topic(name) if joined is not None else None


def reveal(name: str, prepare: Callable[[tuple], object] | None = None) -> None:
    """Take no more answers, work out what is drawn of them (`prepare`), and show them to everybody."""
    answers = _try(rooms().close, name)
    if answers is not None and prepare is not None:
        prepare(answers)
    _try(rooms().reveal, name)


def clear(name: str) -> None:
    """Take a topic away with its answers."""
    _try(rooms().clear, name)


def secret(joined: Room | None, name: str) -> bool:
    """Whether this member is to find the answer to a topic without being shown it: it is asked and not yet revealed."""
    topic = joined.topic(name) if joined is not None and not joined.owner else None
    return topic is not None and topic.status != "revealed"


def ear(name: str, joined: Room, said: str = "", place: str = "") -> None:
    """Hears of changes of a topic as it was drawn, or (name EVERY) of any, or (name "") of none.

    said: a label's name; its {{count}} of answers, or of people, and its {{expected}} are kept up to date.
    place: where it stands, if not where the topic is asked.
    """
    topic = joined.topic(name)
    _ear(
        key=f"{place or name or 'shell.room'}.ear",
        data=_news(joined)
        | {"topic": name, "every": name == EVERY, "version": topic.version if topic else 0, "said": _template(said)},
        on_changed_change=lambda: None,
        width="content",
    )


def desk(
    name: str,
    joined: Room,
    question: Question | None,
    answer: Sequence[float] | None,
    prepare: Callable[[tuple], object] | None = None,
) -> None:
    """The line on which an experiment is asked, answered and revealed.

    question: what the owner would ask now, None if it cannot be asked.  answer: what this member would hand in now,
    None if it is not complete.  prepare: called with all answers before they are shown; what takes long is remembered.
    """
    t, topic = text.current(), joined.topic(name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{name}.desk"):
        if topic is None and joined.owner:
            st.button(
                t.label("room.ask"), key=f"{name}.ask", icon=":material/groups:", help=t.label("room.ask_help"),
                disabled=question is None, on_click=_try, args=(rooms().ask, name, question),
            )  # fmt: skip
        elif topic is not None and topic.status != "revealed" and joined.owner:
            st.button(
                t.label("room.reveal"), key=f"{name}.reveal", type="primary", icon=":material/visibility:",
                on_click=reveal, args=(name, prepare),
            )  # fmt: skip
        elif topic is not None and topic.status == "open":
            st.button(
                t.label("room.hand_in" if topic.mine is None else "room.again"), key=f"{name}.hand_in", type="primary",
                icon=":material/how_to_vote:", disabled=answer is None or tuple(answer) == topic.mine,
                on_click=_hand_in, args=(name, answer),
            )  # fmt: skip
        if topic is not None and joined.owner:
            st.button(
                t.label("room.close"), key=f"{name}.close", type="tertiary", icon=":material/close:",
                on_click=clear, args=(name,),
            )  # fmt: skip
        waiting = topic is not None and topic.status != "revealed"
        ear(name, joined, "room.handed_in" if waiting else "")


# ---- the shell's part -----------------------------------------------------------------------------------------------


def arrive() -> None:
    """Called by the shell before a page runs: into the room that the link names; out of one that has ended."""
    state, key, code = st.session_state, st.query_params.get(LEAD), st.query_params.get(PARAMETER)
    if (key or code) and state.get(ARRIVED) != (key, code):
        state[ARRIVED], state[NOTE] = (key, code), None
        try:
            if key:
                rooms().lead(key, live.watcher())
            else:
                rooms().join(code, live.watcher())
        except RoomError as error:
            state[NOTE] = (error.code, "")
    joined, ended = here(), rooms().farewell(live.watcher())
    before = state.get(CODE)
    state[CODE] = joined.code if joined is not None else None
    if joined is not None:
        state[TROUBLE] = None
    elif ended or (before and not rooms().exists(before)):
        state[NOTE] = ("ended", ended or before)


def bar() -> None:
    """The button of the line above every page: start, join, see and leave a room. In one, it shows the code."""
    t, joined = text.current(), here()
    label = t.label("room.open") if joined is None else f"**{joined.code}**"
    # one key for both, so that it stays open when the room begins and shows the way in
    with st.popover(label, key="shell.room", type="tertiary", icon=":material/groups:"):
        if joined is None:
            _alone(t)
            return
        st.html(f'<div class="room-code">{joined.code}</div>')
        ear("", joined, "room.people")
        if joined.owner:
            st.caption(t.label("room.link"))
            if _link(t, PARAMETER, joined.code, "room.square"):
                st.caption(f":material/info: {t.label('room.local')}")
            if not presenter.presenting():  # what a projector shows is everybody's
                with st.expander(t.label("room.lead"), icon=":material/key:"):
                    st.caption(t.label("room.lead_what"))
                    _link(t, LEAD, rooms().key(live.watcher()), "room.lead_square")
        else:
            st.caption(t.label("room.member"))
        st.button(
            t.label("room.end" if joined.owner else "room.leave"), key="shell.room.leave",
            icon=":material/logout:", on_click=_leave,
        )  # fmt: skip


def note() -> None:
    """What has to be said about a room that has ended, or that a link could not lead into."""
    t, said = text.current(), st.session_state.get(NOTE)
    if not said:
        return
    code, room_code = said
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="room-note"):
        sentence = t.label("room.ended", code=room_code) if code == "ended" else t.label(f"room.{code}")
        st.caption(f":material/info: {sentence}", width="content")
        st.button(
            t.label("room.ok"), key="shell.room.ok", type="tertiary", on_click=st.session_state.pop, args=(NOTE, None)
        )


@st.fragment
def asked(page_id: str) -> None:
    """Where the class is asked something that this member has not answered: a way there from every page."""
    t, joined = text.current(), here()
    if joined is None or joined.owner:
        return
    with st.container(key="room-asked", gap="small"):
        for topic in joined.topics:
            page = catalogue.page_of(topic.name)
            if page is None or topic.status != "open" or topic.mine is not None:
                continue
            label = t.label("room.asked", title=t.words(f"{topic.name}.title"))
            if page.id == page_id:
                st.caption(f":material/groups: {label}")
            else:
                st.page_link(str(page.file), label=label, icon=":material/groups:")
        ear(EVERY, joined)


def pulse() -> None:
    """The one thing that polls, and only in a room."""
    joined = here()
    if joined is not None:
        st.fragment(_beat, run_every=OWNER_EVERY if joined.owner else MEMBER_EVERY)(joined.code)


def _beat(code: str) -> None:
    joined = here()
    if joined is None or joined.code != code:
        st.rerun()
    _pulse(key="shell.pulse", data=_news(joined))


def _news(joined: Room) -> dict[str, object]:
    """What ui/pulse/news.js describes: no answer, and nothing that says who somebody is."""
    topics = {topic.name: [topic.version, topic.count, topic.expected] for topic in joined.topics}
    return {"code": joined.code, "clock": joined.version, "people": joined.people, "topics": topics}


def _alone(t: text.Words) -> None:
    st.caption(t.label("room.what"))
    st.button(t.label("room.start"), key="shell.room.start", type="primary", icon=":material/add:", on_click=_begin)
    with st.form("shell.room.form", border=False):
        st.text_input(t.label("room.code"), key="shell.room.code", max_chars=12, autocomplete="off")
        st.form_submit_button(t.label("room.join"), key="shell.room.join", icon=":material/login:", on_click=_join)
    if trouble := st.session_state.get(TROUBLE):
        st.caption(f":material/info: {t.label(f'room.{trouble}')}")


def _link(t: text.Words, parameter: str, value: str, alt: str) -> bool:
    """The link to the page that the owner is on, as his browser calls it, and the same as a picture for tablets.

    Returns whether it leads nowhere from other machines; then there is no picture.
    """
    link, local = address(st.context.url, value, parameter)
    if link is not None:
        st.code(link, language=None, wrap_lines=True)
    if link is not None and not local:
        import segno

        drawn = segno.make(link, error="m").svg_data_uri(border=2, omitsize=True)
        st.html(f'<img class="room-square" alt="{html.escape(t.label(alt))}" src="{html.escape(drawn)}">')
    return local


def address(url: str | None, value: str, parameter: str = PARAMETER) -> tuple[str | None, bool]:
    """A link into a room from the address that a browser uses, and whether it leads nowhere from other machines."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname or ""
    except ValueError:
        return None, False
    if parts.scheme not in ("http", "https") or not PLACE.fullmatch(parts.netloc) or not PATH.fullmatch(parts.path):
        return None, False
    link = urlunsplit((parts.scheme, parts.netloc, parts.path or "/", f"{parameter}={value}", ""))
    return link, LOCAL.fullmatch(host) is not None


def _begin() -> None:
    try:
        rooms().begin(live.watcher())
        st.session_state[NOTE] = st.session_state[TROUBLE] = None
    except RoomError as error:
        st.session_state[TROUBLE] = error.code


def _join() -> None:
    try:
        rooms().join(st.session_state["shell.room.code"], live.watcher())
        st.session_state[NOTE] = st.session_state[TROUBLE] = None
    except RoomError as error:
        st.session_state[TROUBLE] = error.code


def _leave() -> None:
    rooms().leave(live.watcher())
    rooms().farewell(live.watcher())  # who ends a room need not be told
    st.session_state[CODE] = None


def _hand_in(name: str, given: Sequence[float]) -> None:
    answer(name, given)


def _try(call: Callable, *arguments: object) -> object:
    """As this browser; nothing happens where the room has ended meanwhile or belongs to somebody else."""
    try:
        return call(live.watcher(), *arguments)
    except RoomError:
        return None


def _template(name: str) -> str:
    return text.current().template(name) if name else ""
