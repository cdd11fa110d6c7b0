"""A run, watched: it starts, shows what it does, is found again, stops for its owner alone, and goes on."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
from streamlit.testing.v1 import AppTest

from core import jobs
from ui import links, live, text

GATE = threading.Event()


@dataclass(frozen=True)
class Counted:
    """A state of the run below."""

    progress: float
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Counting:
    """A run that counts to ten, one number whenever the gate opens."""

    key: str = "counting-0"
    title: str = "counting"
    short: bool = True

    def start(self, checkpoint):
        for i in range(11):
            while i and not GATE.wait(0.01):
                yield Counted(i / 10)
            yield Counted(i / 10)


@pytest.fixture
def runner(monkeypatch):
    GATE.clear()
    made = jobs.Runner(None, slice_seconds=0.01)
    monkeypatch.setattr(jobs, "runner", lambda: made)
    yield made
    GATE.set()
    made.close()


def scene() -> None:
    import streamlit as st
    from tests_live_scene import Counting

    from ui import live

    def draw(shot) -> None:
        st.write("nothing yet" if shot is None else f"state {shot.status}")

    live.watch("diffusion_model.train", Counting, draw, config_key=st.session_state.get("key", Counting().key))


@pytest.fixture
def app(runner, monkeypatch):
    import sys
    import types

    module = types.ModuleType("tests_live_scene")
    module.Counting = Counting
    monkeypatch.setitem(sys.modules, "tests_live_scene", module)

    def open_app() -> AppTest:
        test = AppTest.from_function(scene, default_timeout=30)
        test.session_state["language"] = "en"
        return test.run()

    return open_app


def until(test: AppTest, status: str) -> AppTest:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        test.run()
        if test.markdown[-1].value == f"state {status}":
            assert not test.exception
            return test
        time.sleep(0.02)
    pytest.fail(f"never {status}: {test.markdown[-1].value}")


def keys(test: AppTest) -> set[str]:
    return {b.key.rpartition(".")[2] for b in test.button}


def test_nothing_runs_until_it_is_started(app, runner):
    assert app().markdown[-1].value == "nothing yet"
    assert runner.jobs() == ()
    assert live.runs() == ()


def test_a_run_is_started_shown_and_ends(app, runner):
    test = app()
    test.button(key="diffusion_model.train.start").click().run()
    until(test, "running")
    assert keys(test) == {"stop"}
    assert "training" in test.caption[0].value
    assert [s.key for s in live.runs()] == ["counting-0"]
    GATE.set()
    until(test, "done")
    assert keys(test) == set()
    assert "100%" in test.caption[0].value


def test_another_session_finds_the_run_and_may_leave_but_not_stop_it(app, runner):
    first, second = app(), app()
    first.button(key="diffusion_model.train.start").click().run()
    until(first, "running")
    second.run()
    assert keys(second) == {"join"}
    second.button(key="diffusion_model.train.join").click().run()
    assert keys(second) == {"leave"}
    assert runner.jobs()[0].snapshot().watchers == 2
    first.run()
    assert keys(first) == {"stop", "leave"}
    second.button(key="diffusion_model.train.leave").click().run()
    assert keys(second) == {"join"}
    assert runner.jobs()[0].snapshot().status in live.ACTIVE


def test_a_run_that_has_gone_since_it_was_listed_is_not_shown(app, runner, monkeypatch):
    test = app()
    test.button(key="diffusion_model.train.start").click().run()
    until(test, "running")
    monkeypatch.setattr(runner, "find", lambda key: None)
    assert runner.active() and not test.run().exception
    assert keys(test) == {"start"}


def test_a_stopped_run_is_continued(app):
    test = app()
    test.button(key="diffusion_model.train.start").click().run()
    until(test, "running")
    test.button(key="diffusion_model.train.stop").click().run()
    until(test, "stopped")
    assert test.button(key="diffusion_model.train.start").label == "Go on training"
    test.button(key="diffusion_model.train.start").click().run()
    until(test, "running")


def test_other_settings_offer_a_new_run_beside_the_one_that_goes_on(app):
    test = app()
    test.button(key="diffusion_model.train.start").click().run()
    until(test, "running")
    test.session_state["key"] = "counting-another"
    test.run()
    assert keys(test) == {"start", "stop"}


@pytest.mark.parametrize("language", text.languages())
def test_every_code_has_a_sentence(language, monkeypatch):
    monkeypatch.setattr(text, "current", lambda: text.Words(language))
    codes = ["diverged", "out_of_memory", "failed", "checkpoint_unusable", "store_full", "store_read_only"]
    codes += ["store_busy", "store_failed", "model_not_found", "model_damaged", "model_foreign", "model_newer"]
    assert len({live.message(code) for code in codes}) == len(codes)
    assert live.message("never heard of") == live.message("failed")
    assert live.duration(59) != live.duration(61)


@pytest.mark.parametrize("progress", [0.37, "a third"])
def test_an_interrupted_run_is_offered_whatever_its_settings(app, runner, monkeypatch, progress):
    note = {"place": "diffusion_model.train", "by": "somebody", "settings": ["no", "settings"]}
    mine = {"key": "counting-9", "date": "2026-01-01", "kept_progress": progress, "kept_note": note}
    others = [{"key": "no-note"}, {"key": "foreign", "kept_note": 7}, {**mine, "key": "elsewhere", "kept_note": {}}]
    monkeypatch.setattr(runner, "interrupted", lambda: [*others, mine, {**mine, "date": "2025-01-01"}])
    test = app()
    assert keys(test) == {"start", "resume"}
    assert test.caption[0].value == text.Words("en").label(
        "live.interrupted", percent="37" if progress == 0.37 else "0"
    )
    test.button(key="diffusion_model.train.resume").click().run()
    until(test, "running")
    assert keys(test) == {"stop"}


def test_the_last_pictures_of_a_page_are_let_go_with_it(monkeypatch):
    state = {links.PAGE: "em"}
    monkeypatch.setattr(live.st, "session_state", state)
    live.last()["em.starts"] = picture = object()
    assert live.last()["em.starts"] is picture
    state[links.PAGE] = "vae"
    assert live.last() == {}
    state[links.PAGE] = "em"
    assert live.last() == {}, "it is worked out or fetched again"
