"""Scenes that take seconds, for every page: shown at once where they are at hand, else run while the last one stays."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from core import scene
from core.job import Job, Snapshot
from core.scene_run import SceneRun
from ui import live, redraw, text

PATIENCE = 0.4  # seconds that a page waits for a quick run, if nothing else runs, before it shows the last picture


@dataclass(frozen=True, eq=False)
class Answer:
    """What is on screen: a scene and its arrays."""

    scene: SceneRun
    arrays: Mapping[str, np.ndarray]
    fresh: bool = True  # False while the scene that was asked for is not done: then this is the one before it


def answer(wanted: SceneRun, slot: str, before: SceneRun | None = None) -> tuple[Answer | None, Snapshot | None]:
    """The arrays of a scene, and the run that is waited for or that failed where they are not there yet.

    slot: names the place by its experiment's id; its last answer is returned meanwhile, at first that of `before` if
    that is at hand. A run that this place asked for and wants no longer is left.
    """
    place = f"working.{slot}"
    arrays = scene.at_hand(wanted)
    shot = None
    if arrays is not None:
        _leave_other(place, None)
    else:
        shot = _run(wanted, place)
        if shot.status == "done" and shot.state is not None:
            arrays, shot = scene.remember(wanted, shot.state.arrays), None
    if arrays is not None:
        found = live.last()[place] = Answer(wanted, arrays)
        return found, None
    last = live.last().get(place)
    if last is None and before is not None and (kept := scene.at_hand(before)) is not None:
        last = Answer(before, kept)
    return (replace(last, fresh=False) if last else None), shot


def _run(wanted: SceneRun, place: str) -> Snapshot:
    """The run of a scene, asked for or joined, after a moment's patience."""
    from core import jobs

    _leave_other(place, wanted.key)
    runner, failed = jobs.runner(), st.session_state.setdefault(f"{place}.failed", set())
    st.session_state[f"{place}.asked"] = wanted.key
    # what failed here is not tried again by a mere look at the page
    job = (wanted.key in failed and runner.find(wanted.key)) or runner.ask(wanted, live.watcher())
    wait_a_moment([job])
    shot = job.snapshot()
    if shot.status == "failed":
        failed.add(wanted.key)
    return shot


def wait_a_moment(asked: Collection[Job]) -> None:
    """Wait for quick runs, for a shorter time the more others there are: in a busy class they will not be quick."""
    from core import jobs

    if not asked:
        return
    others = max(0, len(jobs.runner().active()) - len(asked))
    until = time.monotonic() + PATIENCE / (1 + others)
    while time.monotonic() < until and any(job.glance().status in live.ACTIVE for job in asked):
        time.sleep(0.03)


def _leave_other(place: str, key: str | None) -> None:
    asked = st.session_state.get(f"{place}.asked")
    if asked and asked != key:
        from core import jobs

        jobs.runner().leave(asked, live.watcher())
        st.session_state[f"{place}.asked"] = None


def waiting(wanted: SceneRun, shot: Snapshot | None, found: Answer | None) -> None:
    """How far the run is that an experiment waits for, which is drawn anew when it is done; or that it failed."""
    if shot is None:
        return
    if shot.status in live.ACTIVE:
        _wait(wanted.key, found is not None, redraw.place())
    else:
        text.prose(live.message(shot.message or "failed"), small=True)


@st.fragment(run_every=0.7)
def _wait(key: str, kept: bool, inside: str | None) -> None:
    from core import jobs

    jobs.runner().seen(live.watcher())
    job = jobs.runner().find(key)
    shot = live.held(f"working.{key}", job.snapshot() if job else None)
    if shot is None or shot.status not in live.ACTIVE:
        redraw.again(inside)
    share = shot.state.progress if shot.state is not None else 0.0
    words = "working.kept" if kept else "working.first"
    text.prose(text.current().label(words, percent=round(100 * share)), small=True)
