"""Whose turn it is, and what is remembered."""

from types import SimpleNamespace

from core.job import Run
from core.turns import HEAD_START, Turns


def turns(*keys: str, remembered: int = 2) -> Turns:
    """Runs that wait, in this order; capitals are long ones."""
    made = Turns(remembered)
    for key in keys:
        made.add(Run(SimpleNamespace(key=key, title=key, short=key.islower()), "ann"))
    return made


def taken(queue: Turns, count: int) -> str:
    order = ""
    for _ in range(count):
        run = queue.choose()
        queue.to_the_end(run)
        order += run.key
    return order


def test_short_runs_have_a_head_start_and_then_the_kinds_alternate():
    queue = turns("A", "b", "c", "D")
    assert taken(queue, 12) == "bcbcAbDcAbDc"
    assert HEAD_START == 4


def test_the_head_start_comes_back_while_only_long_runs_wait():
    queue = turns("A", "b")
    assert taken(queue, 6) == "bbbbAb"
    queue.get("b").status = "done"
    assert taken(queue, 3) == "AAA"
    queue.get("b").status = "waiting"
    assert taken(queue, 5) == "bbbAb"


def test_runs_of_one_length_only_take_turns():
    assert taken(turns("a", "b"), 5) == "ababa"
    assert taken(turns("A", "B"), 4) == "ABAB"


def test_a_wish_comes_first_and_nothing_is_nobodys_turn():
    queue = turns("a", "b", "C")
    queue.get("C").wish = "stop"
    assert queue.choose().key == "C"
    assert turns().choose() is None and queue.get("x") is None


def test_the_runs_that_ended_first_are_forgotten():
    queue = turns("a", "b", "c", "d", remembered=1)
    for key in ("b", "c", "a"):
        run = queue.get(key)
        run.status = "done"
        queue.to_the_end(run)
    queue.get("c").wish = "save"  # not kept yet
    assert queue.forget_ended() == ["b"] and queue.forget_ended() == []
    assert [run.key for run in queue] == ["d", "c", "a"]
    forgotten = turns("b").get("b")
    queue.to_the_end(forgotten)
    assert queue.get("b") is None
