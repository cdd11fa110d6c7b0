"""A run, watched: its state as it grows, and *start*, *leave*, *stop* and *continue*.

    def draw(snapshot):                     # snapshot: core.jobs.Snapshot or None (nothing was started yet)
        ...                                 # charts of snapshot.state; called every `every` seconds while it runs
    live.watch("diffusion_model.train", make_config, draw)

`make_config()` gives the frozen config of the run as the page's settings are now; it may import what is heavy, since it
is called only when a person starts a run, or when there is one to look at. `config_key`, where the page knows it
without that import, lets the run be found again after a change of page.

A run that was interrupted, by the end of its server or because everybody had gone, is offered in its place with the
settings that it had, by the note that is kept with it.

The page is polled only while a run goes on, and the poll is the person's sign of life. Everything shown is a snapshot:
the newest, or (`held`) while a presenter has frozen the screen the one that stood there then.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
from collections.abc import Callable
from typing import Any

import streamlit as st

from ui import links, presenter, text

EVERY = 1.5  # seconds between two looks at a run
WATCHER = "live.watcher"
COOKIE = "ten_steps_watcher"
_TOKEN = re.compile(r"[0-9a-f]{16}")
ACTIVE = ("waiting", "running")
LAST = "live.last"  # (page, {place: what it showed last})


def watcher() -> str:
    """This browser's name among the watchers of runs: a random one, which a cookie keeps over a reload.

    Whoever starts a run may stop it from any tab of the same browser.
    """
    if WATCHER not in st.session_state:
        kept = str(st.context.cookies.get(COOKIE))
        st.session_state[WATCHER] = kept if _TOKEN.fullmatch(kept) else secrets.token_hex(8)
    return st.session_state[WATCHER]


def runs() -> tuple[Any, ...]:
    """The runs that are waiting or running on this server, without their states; nothing is begun for it."""
    jobs = sys.modules.get("core.jobs")
    return jobs.runner().active() if hasattr(jobs, "runner") else ()


def alive() -> tuple[Any, ...]:
    """The same, and a sign of life from this session for all the runs that it watches."""
    going = runs()
    if going and WATCHER in st.session_state:
        _jobs().runner().seen(watcher())
    return going


def watch(
    name: str,
    make_config: Callable[[], Any],
    draw: Callable[[Any], None],
    *,
    config_key: str | None = None,
    kind: str = "training",
    every: float = EVERY,
) -> Any:
    """Draw the run of `make_config()` and its buttons; returns its snapshot as it was just now, or None.

    `name` is the experiment's id: it names the widgets and remembers, for this session, which run is watched.
    While a run goes on, it is shown even if the settings say another by now, and *start* is for the new one.
    `kind` picks the words: "training" or "measuring" (`live.<kind>.start` and others in ui.toml).
    """
    shot = held(name, _snapshot(name, config_key))
    running = shot is not None and shot.status in ACTIVE
    panel = st.fragment(_panel, run_every=every if running else None)
    panel(name, make_config, draw, config_key, kind, running)
    return shot


def last() -> dict[str, Any]:
    """What the places of this page showed last, while the page is open: thirty people's pictures are gigabytes."""
    page, kept = st.session_state.get(links.PAGE), st.session_state.get(LAST)
    if kept is None or kept[0] != page:
        kept = st.session_state[LAST] = (page, {})
    return kept[1]


def held(name: str, shot: Any) -> Any:
    """What to draw at the place `name`: this snapshot, or while the screen is frozen the one that was drawn last."""
    if not presenter.presenting():
        return shot
    kept = st.session_state.setdefault(presenter.HELD, {})
    if not presenter.frozen():
        kept[name] = shot
    return kept.setdefault(name, shot)


def _panel(
    name: str, make_config: Callable, draw: Callable, config_key: str | None, kind: str, was_running: bool
) -> None:
    shot = held(name, _snapshot(name, config_key))
    running = shot is not None and shot.status in ACTIVE
    if running and _joined(name, shot):
        _jobs().runner().seen(watcher())
    if running != was_running:  # begin or end polling: the fragment has to be made anew
        st.rerun()
    left = _interrupted(name) if shot is None else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{name}.live"):
        _buttons(name, shot, make_config, config_key, kind)
        if left is not None:
            _offer(name, left, make_config, config_key, kind)
        if shot is not None:
            _status(shot, kind)
    draw(shot)


def _buttons(name: str, shot: Any, make_config: Callable, config_key: str | None, kind: str) -> None:
    """*Start* or *continue* where nothing goes on; *join* another's run, *stop* one's own, *leave* a shared one."""
    t = text.current()
    running = shot is not None and shot.status in ACTIVE
    other = shot is not None and config_key is not None and config_key != shot.key
    if shot is None or other or shot.status in ("stopped", "failed"):
        ended = shot is not None and not other or shot is None and _is_kept(config_key)
        st.button(
            t.label(f"live.{kind}.continue" if ended else f"live.{kind}.start"), key=f"{name}.start", type="primary",
            icon=":material/play_arrow:", on_click=start, args=(name, make_config),
        )  # fmt: skip
    if running and not _joined(name, shot):
        st.button(
            t.label("live.join"), key=f"{name}.join", icon=":material/group_add:",
            on_click=start, args=(name, make_config),
        )  # fmt: skip
    elif running:
        mine = shot.owner == watcher()
        if mine:
            stop = t.label("live.stop")
            st.button(stop, key=f"{name}.stop", icon=":material/stop:", on_click=_stop, args=(shot.key,))
        if not mine or shot.watchers > 1:
            st.button(
                t.label("live.leave"), key=f"{name}.leave", icon=":material/logout:",
                help=t.label("live.leave_help"), on_click=_leave, args=(name, shot.key),
            )  # fmt: skip


def _status(shot: Any, kind: str) -> None:
    """What the run does, in words; its progress, its time and who else watches."""
    t = text.current()
    words = t.label(f"live.{kind}.{shot.status}", percent=f"{100 * _progress(shot):.0f}")
    if shot.seconds:
        words += " · " + duration(shot.seconds)
    if shot.watchers > 1:
        words += " · " + t.label("live.watchers", n=shot.watchers)
    if presenter.frozen() and shot.status in ACTIVE:
        words = t.label("live.frozen", at=words)
    st.caption(words, width="content")
    if shot.message:
        st.caption(message(shot.message), width="content")


def _progress(shot: Any) -> float:
    """How far a run is, 0 to 1; before its first state, what it goes on from."""
    if shot.state is not None:
        return getattr(shot.state, "progress", 0.0)
    return 1.0 if shot.status == "done" else _kept_progress(_jobs().runner().kept(shot.key) or {})


def _kept_progress(record: dict) -> float:
    progress = record.get("kept_progress")
    return progress if isinstance(progress, float) else 0.0


def message(code: str) -> str:
    """The sentence for a job's message code; of a code that has none, that something failed."""
    t = text.current()
    return t.label(f"live.message.{code}" if t.has_label(f"live.message.{code}") else "live.message.failed")


def duration(seconds: float) -> str:
    """Seconds as minutes and seconds in the session's language."""
    t, whole = text.current(), round(seconds)
    if whole < 60:
        return t.label("live.seconds", s=whole)
    return t.label("live.minutes", m=whole // 60, s=f"{whole % 60:02d}")


def start(name: str, make_config: Callable) -> None:
    """Start the run that the settings ask for, or go on with it, and watch it in this place; a callback."""
    note = {"place": name, "by": _mark(), "settings": links.as_asked(_experiment(name))}
    _show(name, _jobs().runner().ask(make_config(), watcher(), note=note).key)


def _interrupted(name: str) -> dict | None:
    """The record of the run of this place that was interrupted last, this browser's own before others'; or None."""
    found = [record for record in _jobs().runner().interrupted() if _note(record).get("place") == name]
    mine = _mark()
    return max(found, key=lambda r: (_note(r).get("by") == mine, str(r.get("date", ""))), default=None)


def _is_kept(key: str | None) -> bool:
    return key is not None and _jobs().runner().kept(key) is not None


def _offer(name: str, record: dict, make_config: Callable, config_key: str | None, kind: str) -> None:
    """How far it had come, and a button that goes on with it, under the settings that it had if these are others."""
    t = text.current()
    if record["key"] != config_key:
        st.button(
            t.label(f"live.{kind}.continue"), key=f"{name}.resume", icon=":material/resume:",
            on_click=_resume, args=(name, make_config, _note(record).get("settings")),
        )  # fmt: skip
    st.caption(t.label("live.interrupted", percent=f"{100 * _kept_progress(record):.0f}"), width="content")


def _resume(name: str, make_config: Callable, asked: object) -> None:
    links.open_again(_experiment(name), asked if isinstance(asked, dict) else {})
    start(name, make_config)


def _note(record: dict) -> dict:
    note = record.get("kept_note")
    return note if isinstance(note, dict) else {}


def _mark() -> str:
    """This browser among those that started runs, as it may stand in a file: its name among the watchers is a key."""
    return hashlib.sha256(watcher().encode()).hexdigest()[:12]


def _experiment(name: str) -> str:
    return ".".join(name.split(".")[:2])


def _show(name: str, key: str) -> None:
    """Watch another run from now on: what is held of the one before is let go."""
    st.session_state[f"live.{name}"] = key
    st.session_state.get(presenter.HELD, {}).pop(name, None)


def _stop(key: str) -> None:
    _jobs().runner().stop(key, watcher())


def _leave(name: str, key: str) -> None:
    _jobs().runner().leave(key, watcher())
    st.session_state.pop(f"live.{name}", None)


def _snapshot(name: str, config_key: str | None) -> Any:
    """The run to show: the one that this session watches while it goes on, else the one that the settings say.

    After a reload the session is new and the settings may be: then one of the same kind that this browser has started.
    """
    job = _find(st.session_state.get(f"live.{name}"))
    if job is not None and (shot := job.snapshot()).status in ACTIVE:
        return shot
    asked = _find(config_key)
    if config_key and (asked is None or asked.glance().status not in ACTIVE):
        kind = config_key.partition("-")[0]
        for shot in runs():
            mine = shot.owner == watcher() and shot.key.partition("-")[0] == kind
            if mine and (found := _find(shot.key)) is not None:  # it may have gone since it was listed
                return found.snapshot()
    job = asked or job
    return job.snapshot() if job is not None else None


def _joined(name: str, shot: Any) -> bool:
    """Whether this session watches the run: it joined, or its browser started the run before a reload."""
    return st.session_state.get(f"live.{name}") == shot.key or shot.owner == watcher()


def _find(key: str | None) -> Any:
    return _jobs().runner().find(key) if key and ("core.jobs" in sys.modules) else None


def _jobs() -> Any:
    from core import jobs

    return jobs
