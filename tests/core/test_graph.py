"""The graph of an expression: worked out again from any node, checked there, and laid out without collisions."""

from __future__ import annotations

import math

import pytest

from core.autograd import EXPRESSIONS, Value, backward, in_order
from core.graph import BOX, difference, evaluated, layout

AT = {"x": 1.5, "y": 2.0, "w": 0.8, "b": -0.4, "m": 0.3, "s": 2.0}


def built(name: str) -> Value:
    expression = EXPRESSIONS[name]
    return expression.build(**{v: Value(AT[v], v) for v in expression.variables})


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_working_it_out_again_gives_the_same_numbers_and_a_held_node_changes_what_follows_only(name):
    order = in_order(built(name))
    again = evaluated(order, {})
    assert again == pytest.approx([value.number for value in order], rel=1e-14)
    middle = next(k for k, value in enumerate(order) if value.inputs)
    held = evaluated(order, {middle: 7.0})
    assert held[middle] == 7.0 and held[:middle] == again[:middle]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_gradient_of_every_node_is_its_finite_difference(name):
    end = built(name)
    list(backward(end))
    order = in_order(end)
    for k, value in enumerate(order):
        assert value.gradient == pytest.approx(difference(order, k), rel=1e-6, abs=1e-8)


def test_every_operation_is_known():
    x, y = Value(0.7, "x"), Value(1.3, "y")
    end = (x.sin() * y.log() - (x / y).exp()).tanh() + (x - y).relu() + (-x) ** 3
    assert evaluated(in_order(end), {})[-1] == pytest.approx(end.number, rel=1e-14)
    expected = math.tanh(math.sin(0.7) * math.log(1.3) - math.exp(0.7 / 1.3)) + 0 - 0.7**3
    assert end.number == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_inputs_lie_to_the_left_and_no_two_boxes_meet(name):
    end = built(name)
    order, places = in_order(end), layout(end)
    place = {id(value): at for value, at in zip(order, places, strict=True)}
    for value in order:
        assert all(place[id(one)][0] < place[id(value)][0] for one in value.inputs)
    for k, (column, row) in enumerate(places):
        assert all(c != column or abs(r - row) >= 2 * BOX - 1e-9 for c, r in places[:k])
    assert min(row for _, row in places) == 0


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_no_edge_runs_through_a_box(name):
    end = built(name)
    order = in_order(end)
    place = {id(value): at for value, at in zip(order, layout(end), strict=True)}
    for value in order:
        (right, high), edges = place[id(value)], [place[id(one)] for one in value.inputs]
        for left, low in edges:
            for column, row in place.values():
                if left < column < right:
                    assert abs(low + (column - left) / (right - left) * (high - low) - row) >= BOX


def test_a_single_value_has_a_place_too():
    assert layout(Value(1.0, "x")) == [(0.0, 0.0)]
