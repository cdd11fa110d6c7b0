"""The shell's part of a room: in by a link, out again, and what is said where there is no way."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core import rooms
from ui import room, text

SHELL = "ui/shell.py"


@pytest.fixture
def house(monkeypatch):
    made = rooms.Rooms()
    monkeypatch.setattr(rooms, "_process_rooms", made)
    return made


def visit(**query: str) -> AppTest:
    at = AppTest.from_file(str(text.CONTENT.parent / SHELL), default_timeout=60)
    for key, value in {"lang": "en", **query}.items():
        at.query_params[key] = value
    return sound(at.run())


def sound(at: AppTest) -> AppTest:
    assert not at.exception, [e.message for e in at.exception]
    return at


def press(at: AppTest, key: str) -> AppTest:
    return sound(at.button(key=key).click().run())


def said(at: AppTest) -> str:
    return "\n".join(c.value for c in at.caption)


def polls(at: AppTest) -> int:
    return sum(c.proto.id.endswith("-shell.pulse") for c in at.get("bidi_component"))


def test_a_room_begins_is_joined_left_and_ends(house):
    teacher = visit()
    assert polls(teacher) == 0, "outside a room nothing polls"
    press(teacher, "shell.room.start")
    code = teacher.session_state["room.code"]
    assert polls(teacher) == 1
    student = visit()
    student.text_input(key="shell.room.code").set_value("?????")
    press(student, "shell.room.join")
    assert text.Words("en").label("room.unknown") in said(student)
    student.text_input(key="shell.room.code").set_value(f" {code.lower()} ")
    press(student, "shell.room.join")
    assert text.Words("en").label("room.member") in said(student) and polls(student) == 1
    assert house.of(teacher.session_state["live.watcher"]).people == 1
    press(student, "shell.room.leave")
    assert polls(student) == 0 and text.Words("en").label("room.ended", code=code) not in said(student)
    again = visit(room=code)
    assert polls(again) == 1
    press(teacher, "shell.room.leave")
    assert text.Words("en").label("room.ended", code=code) in said(sound(again.run()))
    assert polls(again) == 0
    press(again, "shell.room.ok")
    assert text.Words("en").label("room.ended", code=code) not in said(again)


@pytest.mark.parametrize("asked", ["ZZZZZ", "<script>alert(1)</script>", "", "%00", "9" * 5000])
def test_a_link_into_no_room_says_so_and_repeats_nothing(house, asked):
    at = visit(room=asked)
    assert (text.Words("en").label("room.unknown") in said(at)) == bool(asked)
    assert "<script>" not in said(at)
    assert at.title[0].value == text.Words("en").words("overview.page.title")


def test_whoever_owns_a_room_is_told_to_end_it_first(house):
    teacher = press(visit(), "shell.room.start")
    other = house.begin("another")
    teacher.query_params["room"] = other
    assert text.Words("en").label("room.owner") in said(sound(teacher.run()))
    assert house.of(teacher.session_state["live.watcher"]).owner


def test_the_owner_s_link_is_shown_to_the_owner_alone_and_to_no_projector(house, monkeypatch):
    monkeypatch.setattr(room, "address", lambda url, value, parameter: (f"http://a/?{parameter}={value}", True))
    teacher = press(visit(), "shell.room.start")
    code, key = teacher.session_state["room.code"], house.key(teacher.session_state["live.watcher"])
    student = visit(room=code)
    assert [c.value for c in teacher.code] == [f"http://a/?room={code}", f"http://a/?lead={key}"]
    assert not student.code
    tablet = visit(lead=key)
    assert house.of(tablet.session_state["live.watcher"]).owner and polls(tablet) == 1
    wrong = visit(lead=key[::-1])
    assert text.Words("en").label("room.unknown") in said(wrong) and polls(wrong) == 0
    teacher.session_state["presenting"] = True
    assert [c.value for c in sound(teacher.run()).code] == [f"http://a/?room={code}"]
    assert house.of(student.session_state["live.watcher"]).people == 1


def test_a_full_house_says_so(house, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_ROOMS", 0)
    assert text.Words("en").label("room.full") in said(press(visit(), "shell.room.start"))


@pytest.mark.parametrize(
    ("url", "link", "local"),
    [
        ("http://192.168.0.5:8501/em", "http://192.168.0.5:8501/em?room=K7M3P", False),
        ("https://school.example", "https://school.example/?room=K7M3P", False),
        ("http://[fd00::2]:8501/", "http://[fd00::2]:8501/?room=K7M3P", False),
        ("http://localhost:8501/em", "http://localhost:8501/em?room=K7M3P", True),
        ("http://127.0.0.1:8501/?x=1#y", "http://127.0.0.1:8501/?room=K7M3P", True),
        *((url, None, False) for url in (None, "", "javascript:alert(1)", "http://a<b>/", "http://a b/", "http://[x/")),
    ],
)
def test_the_link_is_made_of_the_browser_s_own_address(url, link, local):
    assert room.address(url, "K7M3P") == (link, local)
    assert room.address(url, "a-_9", room.LEAD)[0] == (link and link.replace("room=K7M3P", "lead=a-_9"))


def test_who_is_elsewhere_is_led_to_what_the_class_is_asked(house):
    teacher = press(visit(), "shell.room.start")
    code, owner = teacher.session_state["room.code"], teacher.session_state["live.watcher"]
    student, title = visit(room=code), text.Words("en").words("likelihood.fit.title")
    sentence = text.Words("en").label("room.asked", title=title)
    house.ask(owner, "likelihood.fit", rooms.Question(data=(1.0,), bounds=((0.0, 1.0),)))
    house.ask(owner, "never.heard_of", rooms.Question(options=("yes",)))
    assert [link.proto.label for link in sound(student.run()).get("page_link")].count(sentence) == 1
    assert sentence not in [link.proto.label for link in sound(teacher.run()).get("page_link")]
    house.answer(student.session_state["live.watcher"], "likelihood.fit", (0.5,))
    assert sentence not in [link.proto.label for link in sound(student.run()).get("page_link")]


@pytest.mark.parametrize("language", text.languages())
def test_options_are_words_that_html_can_show_as_they_are(language):
    """A class's answers stand in a table, where neither formulas nor Markdown are drawn."""
    for page in (text.CONTENT / language).glob("*.md"):
        for name, body in text.sections(page).items():
            if ".prediction.option." in name:
                assert not set(body) & set("$*`_[<"), name
