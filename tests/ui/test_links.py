"""Links: what is written can be read, whatever else is read gives something usable, and it is said."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ui import links, packing

WHOLE = links.whole("p.e.whole", 10, low=1, high=1000)
STEPPED = links.whole("p.e.stepped", 15, low=5, high=98, step=10)
REAL = links.real("p.e.real", 0.0, low=-1.0, high=1.0, step=0.1)
CHOICE = links.choice("p.e.choice", "ddim", ("ddpm", "ddim", 7))
FLAG = links.flag("p.e.flag", True)
SEVERAL = links.several("p.e.several", (3,), tuple(range(10)))
SPAN = links.span("p.e.span", (-1.0, 1.0), low=-5.0, high=5.0, step=0.1)
POINTS = links.points("p.e.points", low=-3.0, high=3.0)
STROKES = links.strokes("p.e.strokes")
ROWS = links.rows("p.e.rows", ((0.5, -1.0),), ((0.0, 5.0), (-10.0, 10.0)), most=3)
FEW = links.points("p.e.few", low=-1.0, high=1.0, most=2)
ALL = (WHOLE, STEPPED, REAL, CHOICE, FLAG, SEVERAL, SPAN, POINTS, STROKES, ROWS, FEW)
unit = st.floats(0, 1)


def allowed(setting: links.Setting, value: object) -> bool:
    match setting.kind:
        case "whole":
            on_grid = (value - setting.low) % setting.step == 0
            return isinstance(value, int) and setting.low <= value <= setting.high and on_grid
        case "real":
            return isinstance(value, float) and setting.low <= value <= setting.high
        case "choice":
            return value in setting.choices
        case "flag":
            return isinstance(value, bool)
        case "several":
            return all(v in setting.choices for v in value) and len(set(value)) == len(value)
        case "span":
            return setting.low <= value[0] <= value[1] <= setting.high
        case "points":
            few = not setting.most or len(value) <= setting.most
            return few and all(math.isfinite(v) and setting.low <= v <= setting.high for p in value for v in p)
        case "rows":
            inside = all(low <= v <= high for row in value for v, (low, high) in zip(row, setting.columns, strict=True))
            return inside and len(value) <= setting.most
        case _:
            return all(0 <= v <= 1 for stroke in value for p in stroke for v in p)


@pytest.mark.parametrize("setting", ALL, ids=lambda s: s.kind)
@settings(max_examples=150, deadline=None)
@given(
    asked=st.one_of(
        st.text(max_size=60),
        st.from_regex(r"-?[0-9.]{1,12}(e[0-9]{1,4})?(_-?[0-9.]{1,5})?", fullmatch=True),
        st.sampled_from(["nan", "inf", "-inf", "1e999", "１２", "0x10", "", "--", "_", "9" * 5000, "eJw", "💥"]),
    )
)
def test_any_text_gives_an_allowed_value(setting, asked):
    value, problem = links.decode(setting, asked)
    assert allowed(setting, value)
    known = ["clamped", "stepped", "clamped_rows", "too_many", "nonsense", "dropped", "unknown", "nearest"]
    assert problem is None or problem in known


@pytest.mark.parametrize("setting", ALL, ids=lambda s: s.kind)
def test_defaults_survive_a_link(setting):
    assert links.decode(setting, links.encode(setting, setting.default)) == (setting.default, None)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 1000), st.sampled_from(CHOICE.choices), st.sets(st.integers(0, 9)))
def test_values_survive_a_link(number, name, digits):
    assert links.decode(WHOLE, links.encode(WHOLE, number)) == (number, None)
    assert links.decode(CHOICE, links.encode(CHOICE, name)) == (name, None)
    ordered = tuple(sorted(digits))
    assert links.decode(SEVERAL, links.encode(SEVERAL, ordered)) == (ordered, None)


@pytest.mark.parametrize(
    ("setting", "asked", "value", "problem"),
    [
        (WHOLE, "5000", 1000, "clamped"),
        (WHOLE, "-3", 1, "clamped"),
        (WHOLE, "2.4", 2, "stepped"),
        (WHOLE, "many", 10, "nonsense"),
        (STEPPED, "97", 95, "stepped"),
        (STEPPED, "99", 95, "clamped"),
        (REAL, "nan", 0.0, "nonsense"),
        (REAL, "2", 1.0, "clamped"),
        (SPAN, "3_-9", (-5.0, 3.0), "clamped"),
        (SPAN, "3", (-1.0, 1.0), "nonsense"),
        (SEVERAL, "3-12", (3,), "dropped"),
        (CHOICE, "euler", "ddim", "nonsense"),
        (CHOICE, "7", 7, None),
        (CHOICE, "7.00", 7, None),
        (CHOICE, "-1e9", 7, "nearest"),
        (ROWS, "1_2~3_4", ((1.0, 2.0), (3.0, 4.0)), None),
        (ROWS, "9_2", ((5.0, 2.0),), "clamped_rows"),
        (ROWS, "1_2~3_4~1_1~2_2", ((1.0, 2.0), (3.0, 4.0), (1.0, 1.0)), "too_many"),
        (ROWS, "1_2_3", ((0.5, -1.0),), "nonsense"),
        (ROWS, "1_nan", ((0.5, -1.0),), "nonsense"),
        (ROWS, "", (), None),
        (FEW, links.encode(FEW, ((0, 0), (1, 1), (-1, 1))), ((0, 0), (1, 1)), "too_many"),
    ],
)
def test_what_is_out_of_range_is_clamped_and_named(setting, asked, value, problem):
    found, said = links.decode(setting, asked)
    assert said == problem
    if setting is FEW:
        assert np.allclose(found, value, atol=1e-4)
    else:
        assert found == value


@pytest.mark.parametrize(
    ("setting", "said", "value"),
    [
        (WHOLE, 7.4, 7),
        (WHOLE, "7", 7),
        (WHOLE, math.inf, None),
        (REAL, 3, 1.0),
        (REAL, None, None),
        (REAL, [1], None),
        (FEW, [[0, 9], [-9, 0.5], [0, 0]], ((0.0, 1.0), (-1.0, 0.5))),
        (FEW, [[0, 1, 2]], None),
        (FEW, [["a", 1]], None),
        (FEW, 5, None),
        (FEW, [], ()),
        (ROWS, [[9, 9]], ((5.0, 9.0),)),
        (ROWS, [[1]], None),
        (ROWS, {"a": 1}, None),
        (CHOICE, "ddpm", None),
    ],
)
def test_what_a_canvas_says_is_brought_within_bounds_or_not_believed(setting, said, value):
    assert links.from_canvas(setting, said) == value


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(unit, unit), max_size=200))
def test_points_survive_a_link_to_16_bits(drawn):
    points = [(6 * x - 3, 6 * y - 3) for x, y in drawn]
    back = packing.unpack_points(packing.pack_points(points, -3, 3), -3, 3)
    assert len(back) == len(points)
    for got, given_point in zip(back, points, strict=True):
        assert got == pytest.approx(given_point, abs=6 / 65_535)


@pytest.mark.parametrize("low, high", [(-3, 3), (-6, 6), (0, 1), (-4, 4), (-10, 10), (-2.5, 2.5), (0, 30)])
def test_round_numbers_survive_a_link_exactly(low, high):
    points = [(round(low + k * 0.037, 3), round(high - k * 0.01, 2)) for k in range(27)]
    assert packing.unpack_points(packing.pack_points(points, low, high), low, high) == tuple(points)


@pytest.mark.parametrize("low, high", [(-1e-3, 1.0), (0, 1e6), (-math.pi, math.pi), (0, 65.5355)])
def test_points_of_any_range_survive_a_link_nearly(low, high):
    points = [(low, high), ((low + high) / 3, low)]
    back = packing.unpack_points(packing.pack_points(points, low, high), low, high)
    np.testing.assert_allclose(back, points, atol=(high - low) / 30_000, rtol=0)
    assert all(low - 1e-9 <= v <= high + 1e-9 for point in back for v in point)


def test_an_older_link_to_points_is_still_read():
    older = "eNpjYPj_f1XXGR8AEScESw"  # ((-3, 3), (0.25, -1.2)) on 65,535 steps from -3 to 3
    np.testing.assert_allclose(packing.unpack_points(older, -3, 3), ((-3, 3), (0.25, -1.2)), atol=9.2e-5, rtol=0)


def test_points_beyond_the_grid_stay_within_the_range():
    beyond = "." + packing._wrap(b"\xff" * 4)  # 60,000 steps from -3 to 3
    assert packing.unpack_points(beyond, -3, 3) == ((3.0, 3.0),)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(unit, unit), min_size=1, max_size=40), max_size=6))
def test_strokes_survive_a_link_to_8_bits(strokes):
    back = packing.unpack_strokes(packing.pack_strokes(strokes))
    assert [len(s) for s in back] == [len(s) for s in strokes]
    for got, drawn in zip(back, strokes, strict=True):
        for a, b in zip(got, drawn, strict=True):
            assert a == pytest.approx(b, abs=0.5001 / 255)


def test_a_drawing_is_thinned_until_it_fits():
    spiral = [[(0.5 + r / 4000 * math.cos(r), 0.5 + r / 4000 * math.sin(r)) for r in range(2000)] for _ in range(8)]
    packed = packing.pack_strokes(spiral)
    assert 0 < len(packed) <= packing.LIMIT
    assert len(packing.unpack_strokes(packed)) >= 8
    noise = [((i * 7919 % 1009) / 1009, (i * 104729 % 997) / 997) for i in range(20_000)]
    assert len(packing.pack_points(noise, 0, 1)) <= packing.LIMIT


def test_a_long_stroke_joins_again_without_a_gap():
    line = [(i / 600, 0.5) for i in range(600)]
    parts = packing.unpack_strokes(packing.pack_strokes([line]))
    for before, after in zip(parts, parts[1:], strict=False):
        assert before[-1] == after[0]


def test_a_bomb_is_refused():
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(3_000_000))).decode()
    with pytest.raises(ValueError, match="large"):
        packing.unpack_points(bomb, 0, 1)


def test_settings_know_their_experiment():
    assert WHOLE.experiment == "p.e"


def test_a_widget_is_told_its_value_until_two_whole_runs_have_said_it(monkeypatch):
    """The messages of a run that another interrupts can be lost; the widget then stands at its first choice."""
    state: dict = {links.PENDING: {CHOICE.key: "7"}}
    monkeypatch.setattr(links.st, "session_state", state)
    assert links.value(CHOICE) == 7 and links.forced(CHOICE)
    links.completed()
    assert links.forced(CHOICE)
    links.completed()
    assert not links.forced(CHOICE)
    links.put_all({CHOICE: "ddpm"})
    assert links.forced(CHOICE)
    links.touched(CHOICE)
    assert not links.forced(CHOICE)


def test_an_experiment_is_set_again_as_it_was_asked_for(monkeypatch):
    state: dict = {links.PENDING: {WHOLE.key: "30", FLAG.key: "0"}}
    monkeypatch.setattr(links.st, "session_state", state)
    assert (links.value(WHOLE), links.value(FLAG), links.value(CHOICE)) == (30, False, "ddim")
    asked = links.as_asked("p.e")
    assert asked == {WHOLE.key: "30", FLAG.key: "0", CHOICE.key: "ddim"}
    links.put_all({WHOLE: 7, FLAG: True, CHOICE: 7})
    links.open_again("p.e", {WHOLE.key: "5000", FLAG.key: ["0"], "p.e.gone": "1"})
    assert (links.value(WHOLE), links.value(FLAG), links.value(CHOICE)) == (1000, True, "ddim")
    links.open_again("p.e", asked)
    assert links.as_asked("p.e") == asked


def test_what_a_page_has_to_change_is_told_once_and_only_of_a_link(monkeypatch):
    state: dict = {links.PENDING: {WHOLE.key: "30", REAL.key: "0.5"}}
    monkeypatch.setattr(links.st, "session_state", state)
    links.value(REAL)
    links.adjust(WHOLE, 20)
    links.adjust(WHOLE, 10)
    links.put_all({REAL: 0.25})  # a person's wish from here on
    links.adjust(REAL, 0.0)
    assert [(p.key, p.code) for p in state[links.PROBLEMS]] == [(WHOLE.key, "adjusted")]
    assert (links.value(WHOLE), links.value(REAL)) == (10, 0.0)


def test_an_hour_of_drawing_leaves_little_behind(monkeypatch):
    state: dict = {links.PAGE: "p"}
    monkeypatch.setattr(links.st, "session_state", state)
    for k in range(200):
        links.published("p.e", {POINTS.key: f"{k:03d}" * 1000})
    assert len(state[links.SEEN]) == 200
    assert sum(map(sys.getsizeof, state[links.SEEN])) < 200 * 64


def test_a_tab_that_outlived_its_server_is_set_as_its_own_address_says(monkeypatch):
    state: dict = {links.PAGE: "p", links.PENDING: {}, links.VERSIONS: {}}
    monkeypatch.setattr(links.st, "session_state", state)
    assert links.value(WHOLE) == 10
    links.put(WHOLE, 12)
    state[WHOLE.key] = 12
    for nothing in (None, 7, "?p.e.whole=9" + "0" * 100_000):
        links.come_back(nothing)
        assert links.value(WHOLE) == 12
    links.come_back("?lang=ko&p.e.whole=30&q.e.whole=4&%FF=%00&p.e.real")
    assert WHOLE.key not in state and links.value(WHOLE) == 30
    assert state[links.PENDING] == {"p.e.real": ""}
