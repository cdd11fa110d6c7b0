"""Presenting: whether this session does, whether its screen is frozen, and what the browser is told of it.

    presenter.settle()              at the start of a run: what the link says
    presenter.arrive(here)          when the page is known: a freeze ends with the page that it was for
    presenter.tools(here)           the buttons beside *Present*, and the keys behind them (ui/wire/presenter.js)
    presenter.presenting(), presenter.frozen()

A link with `?present=1` opens presenting; the browser takes that out of the address again, and the tab remembers it
over a reload. A copied link never has it. While the screen is frozen, the browser lets nothing play, and pages draw
what `live.held` kept: a poll goes on, draws the same again and is the sign of life that keeps a run going.
"""

from __future__ import annotations

import secrets

import streamlit as st

from ui import catalogue, text, wire

PRESENTING = "presenting"
FROZEN = "presenter.frozen"
SESSION = "presenter.session"
ASKED = "presenter.asked"
PAGE = "presenter.page"
HELD = "live.held"
PARAMETER = "present"
KEY = "shell.presenter"
WORDS = (
    "frozen", "thaw", "freeze", "notes", "keys", "close", "window", "blocked", "minutes", "ask", "misunderstood",
    "key_experiment", "key_step", "key_blank", "key_notes", "key_freeze", "key_keys", "key_end",
)  # fmt: skip


def settle() -> None:
    """At a session's first run: what the link says."""
    if SESSION not in st.session_state:
        st.session_state[SESSION] = secrets.token_hex(8)
        st.session_state[PRESENTING] = st.query_params.get(PARAMETER) == "1"


def arrive(here: str) -> None:
    """Let go of a freeze when another page is open: it was for what stood on the last one."""
    if st.session_state.get(PAGE) != here:
        st.session_state[PAGE] = here
        st.session_state[FROZEN] = False
        st.session_state.pop(HELD, None)


def presenting() -> bool:
    """Whether the page is presented, with larger type and nothing at the side."""
    return bool(st.session_state.get(PRESENTING, False))


def frozen() -> bool:
    """Whether the presenter holds every picture as it is."""
    return presenting() and bool(st.session_state.get(FROZEN, False))


def present(on: bool) -> None:
    """Begin or end presenting; a freeze ends with it."""
    st.session_state[PRESENTING] = on
    st.session_state[FROZEN] = False
    st.session_state.pop(HELD, None)


def session() -> str:
    """A name for this session, by which the browser knows that the server has begun a new one for the same tab."""
    return st.session_state[SESSION]


def remembered() -> None:
    """The tab was presenting before it was loaded again."""
    present(True)


def tools(here: str) -> None:
    """The presenter's buttons and keys. A run of their own, so that a freeze changes nothing else on the page."""
    st.fragment(_tools)(here)


def notes(here: str, t: text.Words) -> dict[str, object]:
    """The speaker's notes for a page: its title, its minutes, and points of an id, a name and plain text."""
    points = [
        {"id": e.id.replace(".", "-"), "name": t.words(f"{e.id}.title"), "text": t.words(f"notes.{e.id}")}
        for e in catalogue.page(here).experiments
    ]
    for name in ("ask", "misunderstood"):
        points.append({"id": name, "name": t.label(f"presenter.{name}"), "text": t.words(f"notes.{here}.{name}")})
    return {
        "title": t.words(f"{here}.page.title"),
        "minutes": t.label("presenter.minutes", n=t.words(f"notes.{here}.minutes")),
        "points": points,
    }


def _tools(here: str) -> None:
    t = text.current()
    pages = [page.id for page in catalogue.pages()]
    place = pages.index(here)
    wire.presenter(
        key=KEY,
        data={
            "page": here,
            "before": pages[place - 1] if place else None,
            "after": pages[place + 1] if place + 1 < len(pages) else None,
            "frozen": frozen(),
            "words": {name: t.label(f"presenter.{name}") for name in WORDS if name != "minutes"},
            "notes": notes(here, t),
        },
        on_ask_change=_heard,
        width="content",
    )
    asked = st.session_state.pop(ASKED, None)
    if asked == "end":
        st.rerun()
    if asked in pages:
        st.switch_page(str(catalogue.page(asked).file))


def _heard() -> None:
    """What the browser asks for: "freeze", "thaw", "end", or the id of a page; anything else is not heard."""
    asked = getattr(st.session_state.get(KEY), "ask", None)
    if asked in ("freeze", "thaw"):
        st.session_state[FROZEN] = asked == "freeze"
    elif asked == "end":
        present(False)
        st.session_state[ASKED] = asked
    elif asked in [page.id for page in catalogue.pages()]:
        st.session_state[ASKED] = asked
