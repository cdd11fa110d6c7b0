"""A class in one room, by several visits without a browser: who sees what, and when."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from streamlit.testing.v1 import AppTest

from core import em_starts, rooms
from core.scenes.em import TO_THE_END, table
from tests.pages.apptest import SHELL, described, filled, fits, layer, message, press, run, said, script, sound, tables
from ui import links, text

XS = (-1.2, -0.3, 0.1, 0.8, 1.1)
POINTS = links.encode(links.points("x.y.points", (), low=-6.0, high=6.0), tuple((x, 0.0) for x in XS))


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


def keys(at: AppTest) -> set[str]:
    return {button.key for button in at.button}


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


FIT, SURFACE = "likelihood.fit", "likelihood.surface"


def planes(at: AppTest, experiment: str) -> int:
    """How many planes of an experiment are drawn."""
    return sum(c.proto.id.endswith(f"-{experiment}.plane") for c in at.get("bidi_component"))


@pytest.mark.parametrize("language", text.languages())
def test_a_class_guesses_the_best_curve(language):
    t = text.Words(language)
    teacher = press(visit("likelihood", language, **{f"{FIT}.points": POINTS, f"{FIT}.mean": "2"}), "shell.room.start")
    students = [visit("likelihood", language, room=code_of(teacher)) for _ in range(3)]
    guesses = [(0.0, 1.0), (1.5, 2.0), (-0.4, 1.2)]
    press(teacher, f"{FIT}.ask")
    for at, (mean, std) in zip(students, guesses, strict=True):
        sound(run(at).slider(key=f"{FIT}.mean").set_value(mean).run())
        sound(at.slider(key=f"{FIT}.std").set_value(std).run())
        assert keys(at) & {f"{FIT}.best", f"{FIT}.preset.one", f"{FIT}.ask", f"{FIT}.reveal"} == set()
        header, _ = message(at, f"{FIT}.plane")
        assert [p for p, _ in header["values"]["points"]["now"]] == pytest.approx(XS, abs=1e-3)
        assert not any(handle["name"] == "points" for handle in header["panels"][0]["handles"])
        assert layer(at, f"{FIT}.plane", "line", "data")[1]["at"][:, 0] == pytest.approx(XS, abs=1e-3)
        assert t.template(f"{FIT}.caption.below").partition("{{")[0] not in said(at), (
            "where the top is, is not said yet"
        )
        press(at, f"{FIT}.hand_in")
        assert at.button(key=f"{FIT}.hand_in").disabled, "until the curve is another"
        assert not planes(at, SURFACE), "its top is the answer"
        assert t.label("room.held", title=t.words(f"{FIT}.title")) in said(at)
    assert keys(run(teacher)) & {f"{FIT}.best", f"{FIT}.hand_in"} == set()
    assert planes(teacher, SURFACE)
    press(teacher, f"{FIT}.reveal")
    assert planes(run(students[0]), SURFACE)
    best = (np.mean(XS), np.std(XS))
    *below, middle = [
        stats.norm(*best).logpdf(XS).sum() - stats.norm(*guess).logpdf(XS).sum()
        for guess in (*guesses, np.mean(guesses, axis=0))
    ]
    for at in (teacher, run(students[0]), visit("likelihood", language, room=code_of(teacher))):
        assert layer(at, f"{FIT}.plane", "dial", "guesses")[1]["at"] == pytest.approx(np.array(sorted(guesses)))
        assert described(message(at, f"{FIT}.plane")[0], "dial", "best_mean")["x"] == pytest.approx(best[0], abs=1e-3)
        caption = filled(f"{FIT}.class.caption", at, language)
        assert caption["n"] == 3 and caption["mean"] == pytest.approx(1.1 / 3, abs=0.0051)
        assert caption["std_spread"] == pytest.approx(np.std([1, 2, 1.2]), abs=0.0051)
        assert caption["median"] == pytest.approx(np.median(below), abs=0.01)
        assert caption["best"] == pytest.approx(min(below), rel=0.06)
        assert filled(f"{FIT}.class.crowd", at, language)["beaten"] == sum(b > middle for b in below)
    assert layer(students[0], f"{FIT}.plane", "dial", "mine")[1]["at"] == pytest.approx(np.array([guesses[0]]))
    assert f"{FIT}.best" in keys(students[0])
    press(teacher, f"{FIT}.close")
    assert f"{FIT}.preset.one" in keys(run(students[0]))
    sound(teacher.button(key=f"{FIT}.preset.same").click().run())
    assert teacher.button(key=f"{FIT}.ask").disabled, "there is no best curve to be found"
    press(teacher, f"{FIT}.preset.groups")
    press(teacher, f"{FIT}.ask")
    press(teacher, f"{FIT}.reveal")
    assert t.words(f"{FIT}.class.none") in said(teacher)


STARTS = "em.starts"
PLACED = {
    "left and right": ((2.0, 55.0), (4.3, 80.0), (4.6, 85.0)),
    "again": ((2.0, 55.0), (4.3, 80.0), (4.6, 85.0)),
    "all left": ((1.8, 50.0), (2.0, 55.0), (2.2, 60.0)),
}


@pytest.mark.parametrize("language", text.languages())
def test_a_class_starts_em_everywhere(language):
    t = text.Words(language)
    teacher = press(visit("em", language, **{f"{STARTS}.runs": "10"}), "shell.room.start")
    students = [visit("em", language, room=code_of(teacher)) for _ in PLACED]
    press(teacher, f"{STARTS}.ask")
    assert t.words(f"{STARTS}.class.asking", k=3) in said(teacher)
    for at, means in zip(students, PLACED.values(), strict=True):
        assert at.session_state["links.values"].get(f"{STARTS}.means") == ()
        assert run(at).button(key=f"{STARTS}.hand_in").disabled, "until all means are placed"
        assert t.words(f"{STARTS}.class.placed", n=0, k=3) in said(at)
        assert {f"{STARTS}.k", f"{STARTS}.seed"} & {w.key for w in (*at.slider, *at.number_input)} == set()
        header, _ = message(at, f"{STARTS}.class")
        assert [(x["name"], x["most"]) for x in header["panels"][0]["handles"]] == [("means", 3)]
        at.session_state["links.values"][f"{STARTS}.means"] = means
        assert t.words(f"{STARTS}.class.placed", n=3, k=3) in said(run(at))
        press(at, f"{STARTS}.hand_in")
    press(run(teacher), f"{STARTS}.reveal")
    runs = [
        em_starts.fit(table("faithful"), em_starts.by_hand(table("faithful"), torch.tensor(means)), **TO_THE_END)
        for means in PLACED.values()
    ]
    ends = [round(fit.log_likelihood, 4) for fit in runs]
    for at in (teacher, run(students[2])):
        caption = filled(f"{STARTS}.class.caption", at, language)
        assert (caption["found"], caption["runs"], caption["best"]) == (ends.count(max(ends)), 3, max(ends))
        assert len(layer(at, f"{STARTS}.plane", "ends", "best_heights")[1]["at"]) == ends.count(max(ends))
        listed = fits(f"{STARTS}.class.ends", at, language)["listed"]
        assert f"{min(ends):.4f}".replace("-", "−") in listed
    own = layer(students[2], f"{STARTS}.plane", "data", "own_paths")[1]["at"]
    assert own[:, 0] == pytest.approx(np.array(PLACED["all left"]))
    press(teacher, f"{STARTS}.close")
    assert f"{STARTS}.k" in {slider.key for slider in run(students[0]).slider}
