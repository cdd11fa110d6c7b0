"""Presenting without a browser: what a link may ask for, what a freeze holds, and notes for every page and language."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui import catalogue, live, presenter, text

ROOT = Path(__file__).resolve().parents[2]
SHELL = str(ROOT / "ui" / "shell.py")
LESSON = re.compile(r"^## (\d+) · .* \((\d+)", re.MULTILINE)


@pytest.fixture
def state(monkeypatch):
    """A session's state without a session."""
    kept: dict[str, object] = {presenter.PRESENTING: True}
    monkeypatch.setattr(st, "session_state", kept)
    return kept


@pytest.mark.parametrize(("asked", "presents"), [("1", True), ("0", False), ("<b>", False), (None, False)])
def test_a_link_says_whether_it_opens_presenting(asked, presents):
    at = AppTest.from_file(SHELL, default_timeout=60)
    if asked is not None:
        at.query_params["present"] = asked
    at.run()
    assert not at.exception
    assert at.session_state["presenting"] is presents
    assert any(c.proto.id.endswith("-shell.presenter") for c in at.get("bidi_component")) is presents


def test_only_what_the_browser_may_ask_for_is_heard(state):
    for asked in ("<script>", "end ", "nowhere", 7, None, ["freeze"]):
        state[presenter.KEY] = SimpleNamespace(ask=asked)
        presenter._heard()
        assert presenter.ASKED not in state and not presenter.frozen() and presenter.presenting()
    state[presenter.KEY] = SimpleNamespace(ask="em")
    presenter._heard()
    assert state[presenter.ASKED] == "em"


def test_a_freeze_holds_what_was_drawn_and_ends_with_the_page_and_with_presenting(state):
    first, second = (SimpleNamespace(key=k, status="running") for k in "ab")
    presenter.arrive("em")
    assert live.held("place", first) is first
    state[presenter.KEY] = SimpleNamespace(ask="freeze")
    presenter._heard()
    assert live.held("place", second) is first, "the picture of before stands, though the run has gone on"
    assert live.held("another", second) is second, "what was not drawn yet is drawn once"
    state[presenter.KEY] = SimpleNamespace(ask="thaw")
    presenter._heard()
    assert live.held("place", second) is second
    for end in (lambda: presenter.arrive("vae"), lambda: presenter.present(False)):
        state[presenter.FROZEN] = True
        end()
        assert not presenter.frozen()


@pytest.mark.parametrize("language", text.languages())
def test_every_page_has_its_notes_as_plain_text(language):
    t = text.Words(language)
    lessons = dict(
        LESSON.findall((ROOT / "docs" / f"teaching{'.ko' if language == 'ko' else ''}.md").read_text("utf-8"))
    )
    for page in catalogue.pages():
        notes = presenter.notes(page.id, t)
        ids = [point["id"].replace("-", ".") for point in notes["points"]]
        assert ids == [*(e.id for e in page.experiments), "ask", "misunderstood"]
        for point in notes["points"]:
            assert 10 < len(point["text"]) < 320, point
            assert not re.search(r"[*_`$<>]{2}|:\w+\[|\{\{|\]\(", point["text"]), "the browser shows it as it stands"
        minutes = t.words(f"notes.{page.id}.minutes")
        assert minutes == lessons.get(str(page.number), minutes), "the lesson plan says another time"
        assert int(minutes) > 0


def test_notes_are_the_catalogue_s_and_no_others():
    known = {f"notes.{e.id}" for page in catalogue.pages() for e in page.experiments}
    known |= {f"notes.{page.id}.{name}" for page in catalogue.pages() for name in ("minutes", "ask", "misunderstood")}
    assert set(text.sections(text.CONTENT / "en" / "notes.md")) == known
