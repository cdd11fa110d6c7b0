"""A class in one room, by several visits without a browser: who sees what, and when."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core import rooms
from tests.pages.apptest import SHELL, press, run, said, script, sound, tables
from ui import text


@pytest.fixture(autouse=True)
def house(monkeypatch):
    """A fresh house for every test."""
    made = rooms.Rooms()
    monkeypatch.setattr(rooms, "_process_rooms", made)
    return made


def visit(page_id: str, language: str = "en", **query: str) -> AppTest:
    text.FALLBACK = language
    at = AppTest.from_file(SHELL, default_timeout=60)
    at.query_params["lang"] = language
    for key, value in query.items():
        at.query_params[key] = value
    return run(at.switch_page(script(page_id)))


def code_of(at: AppTest) -> str:
    return at.session_state["room.code"]


@pytest.mark.parametrize("language", text.languages())
def test_a_class_answers_the_page_s_question(language):
    t, name = text.Words(language), "em.prediction"
    right = t.words(f"{name}.option.nothing")
    teacher = press(visit("em", language), "shell.room.start")
    students = [visit("em", language, room=code_of(teacher).lower()) for _ in range(3)]
    for at, choice in zip(students, ("most", "nothing", "most"), strict=True):
        sound(at.radio(key=f"{name}.pick").set_value(choice).run())
        press(at, f"{name}.lock")
        assert t.label("room.vote.wait") in said(at)
        assert right not in said(at) + tables(at), "the answer is not sent before it is revealed"
        assert at.radio(key=f"{name}.pick").disabled
        with pytest.raises(KeyError):
            at.button(key=f"{name}.reveal")
    press(run(teacher), f"{name}.reveal")
    for at in (teacher, *map(run, students)):
        assert right in said(at)
        assert t.label("room.vote.all", count=3, right=1) in tables(at)
    verdicts = [t.label(v, answer=right) for v in ("prediction.wrong", "prediction.right")]
    assert verdicts[0] in said(students[0]) and verdicts[1] in said(students[1])
    assert tables(students[1]).count(t.label("room.vote.mine")) == 1
    press(teacher, f"{name}.clear")
    assert right not in said(run(students[0]))
    press(students[0], "shell.room.leave")
    assert not students[0].radio(key=f"{name}.pick").disabled, "alone, the page asks as ever"
