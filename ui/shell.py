"""What every page stands in: navigation, language, theme, the presenter's switch, the small road, the quiet line.

Run by the server for every visit (app.py). Nothing heavy is imported here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from ui import catalogue, colours, glossary, links, live, presenter, road, room, text, warmup, wire  # noqa: E402

STYLE = Path(__file__).with_name("style.css")
ICON = str(Path(__file__).with_name("icon.svg"))
HEARTBEAT = 20.0  # seconds between two signs of life; a watcher who gives none for three minutes has left


def main() -> None:
    """One run of the app for one session."""
    language = text.settle()
    presenter.settle()
    presenting = presenter.presenting()
    st.set_page_config(layout="wide", page_icon=ICON, initial_sidebar_state="auto")
    st.html(f"<style>{colours.css()}\n{STYLE.read_text('utf-8')}</style>")
    pages = {page.id: _page(page) for page in catalogue.pages()}
    chosen = st.navigation(list(pages.values()), position="hidden" if presenting else "sidebar", expanded=True)
    here = next(page_id for page_id, page in pages.items() if page == chosen)
    room.arrive()
    links.arrive(here)
    presenter.arrive(here)
    _wire(language, presenting)
    _bar(here, presenting)
    room.note()
    room.asked(here)
    chosen.run()
    links.completed()
    warmup.painted()


def _page(page: catalogue.Page) -> st.Page:
    t = text.current()
    if page.number == 0:
        return st.Page(str(page.file), title=t.words("overview.page.title"), default=True)
    title = f"{page.number} · {t.words(f'overview.step.{page.id}.title')}"
    return st.Page(str(page.file), title=title, url_path=page.url_path)


def _bar(here: str, presenting: bool) -> None:
    """The line above every page: where one is on the road, what the server does, and the few switches."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="shell"):
        with st.container(key="shell-road", width="stretch"):
            if here != "overview":
                road.strip(here)
        tools = st.container(
            horizontal=True, vertical_alignment="center", gap="small", key="shell-tools", width="content"
        )
        with tools:
            going = live.alive()
            st.fragment(_quiet_line, run_every=HEARTBEAT if going else None)()
            glossary.button()
            room.bar()
            if presenting:
                presenter.tools(here)
            st.button(
                t.label("shell.present_end" if presenting else "shell.present"),
                key="shell.present",
                type="tertiary",
                icon=":material/close_fullscreen:" if presenting else ":material/present_to_all:",
                help=t.label("shell.present_help"),
                on_click=presenter.present,
                args=(not presenting,),
            )
            _language()


def _language() -> None:
    """Every language by its own name; the one that is chosen holds from then on."""
    codes = text.languages()
    st.session_state["shell.language"] = st.session_state["language"]
    st.segmented_control(
        text.current().label("shell.language"),
        codes,
        key="shell.language",
        required=True,
        label_visibility="collapsed",
        format_func=lambda code: text.Words(code).label("language.name"),
        on_change=_choose_language,
    )


def _quiet_line() -> None:
    """The device and the runs in progress, once the heavy libraries are there; nothing before that.

    While a run goes on it looks again now and then, from whichever page is open: that is the sign of life which keeps a
    run going that somebody started and went on reading.
    """
    t, words = text.current(), []
    device = sys.modules.get("core.device")
    if device is not None and hasattr(device, "describe"):
        words.append(device.describe(device.pick()))
    going = live.alive()
    if going:
        words.append(t.label("shell.runs", n=len(going)))
    if words:
        st.caption(" · ".join(words), width="content")


def _wire(language: str, presenting: bool) -> None:
    with st.container(key="shell-wire"):
        wire.shell(
            key="shell.wire",
            data={
                "language": language,
                "choice": st.session_state.get("language.choice"),
                "cookie": text.COOKIE,
                "watcher": live.watcher(),
                "watcher_cookie": live.COOKIE,
                "presenting": presenting,
                "session": presenter.session(),
                "parameter": presenter.PARAMETER,
                "theme": colours.theme(),
            },
            on_theme_change=lambda: None,
            on_present_change=presenter.remembered,
            on_address_change=_come_back,
        )
        room.pulse()


def _come_back() -> None:
    links.come_back(st.session_state["shell.wire"].get("address"))


def _choose_language() -> None:
    st.session_state["language.choice"] = st.session_state["shell.language"]


main()
