"""A class that answers together: who may do what, what is shown to whom, and that everything ends."""

from __future__ import annotations

import threading

import pytest

from core import rooms
from core.rooms import Question, RoomError, Rooms, read_code

VOTE = Question(options=("yes", "no"))
GUESS = Question(data=(1.0, 2.5), bounds=((-6.0, 6.0), (0.05, 6.0)))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def house(clock):
    return Rooms(clock)


@pytest.fixture
def code(house):
    """A room of "teacher" with two in it."""
    code = house.begin("teacher")
    house.join(code, "one")
    house.join(code, "two")
    return code


def refused(kind, call, *args):
    with pytest.raises(RoomError) as error:
        call(*args)
    assert error.value.code == kind
    assert str(error.value).endswith(".")


def test_a_code_is_read_as_it_was_meant(house):
    assert len(set(rooms.SIGNS)) == 27 and not set(rooms.SIGNS) & set("OQILUSZBG")
    code = house.begin("teacher")
    assert len(code) == rooms.LENGTH and set(code) <= set(rooms.SIGNS)
    assert read_code("o0Ql-iu sz8bG") == "00011V52886"
    assert read_code("ｋ７ｍ３ｐ") == "K7M3P"
    meant = code.replace("0", "O").replace("1", "l").replace("5", "S").replace("8", "b").lower()
    assert house.join(f" {meant[:2]}-{meant[2:]} ", "one") == code
    for wrong in ("", None, "?", "K7M3P" * 1000, code + "0", code[:-1], 3.5, "\x00"):
        refused("unknown", house.join, wrong, "two")
    assert house.of("two") is None


def test_a_key_makes_another_browser_an_owner(house, code, clock):
    key = house.key("teacher")
    for who in ("one", "stranger"):
        refused("owner", house.key, who)
    for wrong in ("", None, key[:-1], key + "0", code, "ä" * 22, "\ud800", house._rooms[code]):
        refused("unknown", house.lead, wrong, "one")
    assert house.lead(key, "one") == house.lead(key, "tablet") == code
    assert house.of("one").owner and house.of("tablet").owner and house.of("teacher").owner
    assert house.of("two").people == 1 and house.key("tablet") == key
    house.ask("tablet", "vote", VOTE)
    assert house.of("two").topic("vote").expected == 1, "owners are not waited for"
    house.reveal("teacher", "vote")
    assert house.begin("one") == code
    other = house.begin("another")
    refused("owner", house.lead, key, "another")
    refused("owner", house.join, other, "tablet")
    house.lead(key, "fourth")
    refused("full", house.lead, key, "fifth")
    clock.now += rooms.PRESENT + 1  # those who gave no sign of life make room
    house.of("tablet")
    assert house.lead(key, "fifth") == code and house.of("tablet").owner and not house.of("teacher").owner
    house.leave("fifth")
    assert house.farewell("tablet") == code
    refused("unknown", house.lead, key, "fifth")


def test_a_browser_that_guesses_waits_and_nobody_else_does(house, code, clock):
    for _ in range(rooms.MOST_MISSES):
        refused("unknown", house.join, "?", "guesser")
    refused("often", house.join, code, "guesser")
    assert house.join(code, "beside") == code, "a whole class comes from one address"
    clock.now += rooms.PAUSE + 1
    assert house.join(code, "guesser") == code
    for i in range(rooms.REMEMBERED + 50):
        refused("unknown", house.join, "?", f"g{i}")
    assert len(house._misses) == rooms.REMEMBERED


def test_one_has_one_room(house, code):
    assert house.begin("teacher") == code
    assert house.join(code, "teacher") == code and house.of("teacher").owner
    other = house.begin("another")
    refused("owner", house.join, other, "teacher")
    house.join(other, "one")
    assert house.of("one").code == other and house.of("teacher").people == 1
    house.leave("one")
    assert house.of("one") is None and house.farewell("one") is None


def test_answers_are_hidden_until_the_owner_reveals_them(house, code):
    house.ask("teacher", "fit", GUESS)
    assert house.answer("one", "fit", (1, 2)) and house.answer("one", "fit", [0.5, 1])
    mine, theirs = house.of("one").topic("fit"), house.of("two").topic("fit")
    assert (mine.mine, theirs.mine) == ((0.5, 1.0), None)
    assert (theirs.count, theirs.expected, theirs.answers) == (1, 2, ())
    assert house.of("teacher").topic("fit").answers == ()
    house.answer("two", "fit", (-1, 2))
    assert house.close("teacher", "fit") == ((-1.0, 2.0), (0.5, 1.0))
    assert not house.answer("one", "fit", (3, 3))
    assert house.of("two").topic("fit").answers == ()
    house.reveal("teacher", "fit")
    assert house.of("two").topic("fit").answers == ((-1.0, 2.0), (0.5, 1.0))
    house.clear("teacher", "fit")
    assert house.of("two").topic("fit") is None and not house.answer("two", "fit", (1, 2))


def test_votes_are_counted_and_the_owner_s_counts_if_there_is_one(house, code):
    for token in ("one", "teacher", "nobody"):
        house.expect(token, "vote", VOTE)
    house.answer("one", "vote", "yes")
    house.expect("two", "vote", VOTE)  # it is there already: nothing is lost
    assert (house.of("two").topic("vote").count, house.of("two").topic("vote").expected) == (1, 2)
    house.answer("teacher", "vote", "no")
    assert (house.of("two").topic("vote").count, house.of("two").topic("vote").expected) == (2, 3)
    house.reveal("teacher", "vote")
    assert house.of("two").topic("vote").chosen == {"yes": 1, "no": 1}


def test_a_version_grows_with_what_pages_must_draw_anew_and_not_with_answers(house, code):
    seen = []
    for step in (
        lambda: house.ask("teacher", "fit", GUESS),
        lambda: house.close("teacher", "fit"),
        lambda: house.reveal("teacher", "fit"),
        lambda: house.ask("teacher", "fit", GUESS),
        lambda: house.clear("teacher", "fit"),
    ):
        step()
        seen.append(house.of("one").version)
        house.answer("one", "fit", (1, 1))
        assert house.of("one").version == seen[-1]
    assert seen == sorted(set(seen))


def test_only_the_owner_leads(house, code):
    house.ask("teacher", "fit", GUESS)
    for call in (house.close, house.reveal, house.clear):
        refused("owner", call, "one", "fit")
        refused("owner", call, "stranger", "fit")
    refused("owner", house.ask, "one", "fit", GUESS)
    assert house.of("one").topic("fit").status == "open"
    assert house.close("teacher", "never asked") == ()
    house.reveal("teacher", "never asked")
    house.clear("teacher", "never asked")


@pytest.mark.parametrize(
    "answer",
    [
        *((), (1,), (1, 2, 3), (7, 1), (1, 0), (float("nan"), 1), (1, float("inf")), (10**400, 1), (True, 1)),
        *(("1", 2), "yes", None, {1: 2}, [[1], 2], (1j, 1)),
    ],
    ids=repr,
)
def test_an_answer_that_the_question_does_not_allow_is_refused(house, code, answer):
    house.ask("teacher", "fit", GUESS)
    refused("invalid", house.answer, "one", "fit", answer)
    assert house.of("one").topic("fit").count == 0


@pytest.mark.parametrize("answer", ["maybe", "", ["yes"], ("yes",), 0, None, "yes" * 1000])
def test_an_option_that_is_none_is_refused(house, code, answer):
    house.ask("teacher", "vote", VOTE)
    refused("invalid", house.answer, "one", "vote", answer)


def test_questions_have_bounds(house, code):
    for question in (Question(), Question(bounds=((0, float("inf")),)), Question(bounds=((1, 0),))):
        refused("invalid", house.ask, "teacher", "x", question)
    refused("invalid", house.ask, "teacher", "x", Question(bounds=((0, 1),) * (rooms.MOST_NUMBERS + 1)))
    refused("invalid", house.ask, "teacher", "x", Question(options=("a",), bounds=((0, 1),)))
    refused("invalid", house.ask, "teacher", "x" * 65, VOTE)
    for i in range(rooms.MOST_TOPICS):
        house.ask("teacher", f"x{i}", VOTE)
    refused("full", house.ask, "teacher", "one more", VOTE)
    refused("full", house.expect, "one", "one more", VOTE)
    house.ask("teacher", "x3", GUESS)


def test_rooms_members_and_answers_are_bounded(house, code, clock):
    house.ask("teacher", "vote", VOTE)
    for i in range(rooms.MOST_ANSWERS + 50):
        try:
            house.join(code, f"m{i}")
        except RoomError as error:
            assert error.code == "full"
            clock.now += rooms.PRESENT + 1  # those who gave no sign of life make room
            house.of("one")
            house.join(code, f"m{i}")
        house.answer(f"m{i}", "vote", "yes")
    shown = house.of("one")
    assert shown.topic("vote").count == rooms.MOST_ANSWERS
    assert len(house._rooms[code].seen) <= rooms.MOST_MEMBERS
    assert house._where.keys() == house._rooms[code].seen.keys()
    for i in range(rooms.MOST_ROOMS - 1):
        house.begin(f"t{i}")
    refused("full", house.begin, "one more")


def test_a_room_ends_with_its_owner_and_says_so_once_to_everybody(house, code):
    house.leave("teacher")
    assert house.of("one") is None and house.of("teacher") is None
    assert house.farewell("one") == code and house.farewell("one") is None
    assert house.farewell("two") == code
    refused("unknown", house.join, code, "one")
    again = house.begin("teacher")
    assert house.farewell("teacher") is None and house.of("teacher").code == again


def test_a_room_ends_by_itself_and_leaves_nothing(house, code, clock):
    clock.now += rooms.PRESENT + 1
    assert house.of("one").people == 1, "who gives no sign of life is not counted"
    for _ in range(3):
        clock.now += rooms.SILENCE - 1
        assert house.of("one").code == code, "one of them is enough"
    clock.now += rooms.SILENCE + 1
    assert house.of("one") is None and house.farewell("two") == code
    code = house.begin("teacher")
    for _ in range(int(rooms.LONGEST // rooms.SILENCE) + 1):
        clock.now += rooms.SILENCE - 1
        house.of("teacher")
    assert house.of("teacher") is None, "a school day is the longest"
    assert not house._rooms and not house._where
    assert len(house._ended) <= rooms.REMEMBERED


def test_thirty_answer_at_once(house):
    code = house.begin("teacher")
    house.ask("teacher", "fit", GUESS)
    together = threading.Barrier(30)

    def student(i: int) -> None:
        together.wait()
        house.join(code, f"s{i}")
        for k in range(40):
            house.answer(f"s{i}", "fit", (k / 10, 1))
            assert house.of(f"s{i}").topic("fit").mine == (k / 10, 1.0)
        house.answer(f"s{i}", "fit", (i / 10, 1))

    threads = [threading.Thread(target=student, args=(i,)) for i in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house.reveal("teacher", "fit")
    shown = house.of("teacher")
    assert shown.people == 30 and shown.version == 2
    assert [m for m, _ in shown.topic("fit").answers] == [i / 10 for i in range(30)]


def test_a_process_has_one_house():
    assert rooms.rooms() is rooms.rooms()
