"""Automatic differentiation of scalars in reverse mode, written out to be read. Everything else here uses torch's.

    x, y = Value(2.0, "x"), Value(-1.0, "y")
    z = (x * y + 3).tanh()
    *_, last = backward(z)           # one step for each node, from z back to what it is made of
    x.gradient                       # dz/dx

Every operation remembers what it was made from and its derivative in each of them; the chain rule does the rest.
Linnainmaa 1970; Baydin, Pearlmutter, Radul and Siskind 2018, section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


class Value:
    """A number, how it was made, and in time its gradient: the derivative of the end in it."""

    def __init__(
        self,
        number: float,
        name: str = "",
        operation: str = "",
        inputs: tuple[Value, ...] = (),
        slopes: tuple[float, ...] = (),
    ):
        self.number = float(number)
        self.name = name  # of a variable, else ""
        self.operation = operation  # that made it: "+", "×", "tanh", …; "" for a variable or a constant
        self.inputs = inputs
        self.slopes = slopes  # ∂ self / ∂ input, for each input
        self.gradient = 0.0  # ∂ end / ∂ self

    def __add__(self, other: Value | float) -> Value:
        other = _value(other)
        return Value(self.number + other.number, "", "+", (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = _value(other)
        return Value(self.number * other.number, "", "×", (self, other), (other.number, self.number))

    def __neg__(self) -> Value:
        return Value(-self.number, "", "−", (self,), (-1.0,))

    def __sub__(self, other: Value | float) -> Value:
        return self + -_value(other)

    def __pow__(self, power: float) -> Value:
        slope = power * self.number ** (power - 1) if power else 0.0
        return Value(self.number**power, "", f"^{power:g}", (self,), (slope,))

    def __truediv__(self, other: Value | float) -> Value:
        return self * _value(other) ** -1

    def exp(self) -> Value:
        e = math.exp(self.number)
        return Value(e, "", "exp", (self,), (e,))

    def log(self) -> Value:
        return Value(math.log(self.number), "", "log", (self,), (1 / self.number,))

    def sin(self) -> Value:
        return Value(math.sin(self.number), "", "sin", (self,), (math.cos(self.number),))

    def tanh(self) -> Value:
        t = math.tanh(self.number)
        return Value(t, "", "tanh", (self,), (1 - t * t,))

    def relu(self) -> Value:
        return Value(max(self.number, 0.0), "", "relu", (self,), (float(self.number > 0),))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: float) -> Value:
        return _value(other) - self


def _value(thing: Value | float) -> Value:
    return thing if isinstance(thing, Value) else Value(thing)


def in_order(end: Value) -> list[Value]:
    """Every value that `end` is made of, and itself: each after its inputs, so that the end comes last."""
    order: list[Value] = []
    seen: set[int] = set()

    def visit(value: Value) -> None:
        if id(value) not in seen:
            seen.add(id(value))
            for one in value.inputs:
                visit(one)
            order.append(value)

    visit(end)
    return order


@dataclass(frozen=True)
class Backward:
    """What a step backward did: the node whose gradient was complete, and what it added to each of its inputs'."""

    node: int  # place in `in_order`
    added: tuple[tuple[int, float, float], ...]  # (input's place, slope, gradient of node × slope)
    gradients: tuple[float, ...]  # of every node, as they are now


def backward(end: Value) -> Iterator[Backward]:
    """The chain rule from the end to the variables: one state for each node, after it has passed its gradient on.

    ∂end/∂input = Σ over what was made from it of ∂end/∂made × ∂made/∂input. Going through the nodes in reverse, each
    has collected all of its sum before it passes it on.
    """
    order = in_order(end)
    place = {id(value): k for k, value in enumerate(order)}
    for value in order:
        value.gradient = 0.0
    end.gradient = 1.0
    for value in reversed(order):
        added = []
        for one, slope in zip(value.inputs, value.slopes, strict=True):
            one.gradient += value.gradient * slope
            added.append((place[id(one)], slope, value.gradient * slope))
        yield Backward(place[id(value)], tuple(added), tuple(v.gradient for v in order))


@dataclass(frozen=True)
class Expression:
    """A function to try autograd on: its variables with their first values, and how it is made of them."""

    variables: Mapping[str, float]
    build: Callable[..., Value]
    tex: str


EXPRESSIONS: dict[str, Expression] = {
    "product": Expression({"x": 2.0, "y": -3.0}, lambda x, y: x * y + x, r"x y + x"),
    "parabola": Expression({"x": 2.0}, lambda x: 5 * x**2, r"5 x^2"),
    "neuron": Expression({"x": 1.5, "w": 0.8, "b": -0.4}, lambda x, w, b: (w * x + b).tanh(), r"\tanh(w x + b)"),
    "error": Expression(
        {"x": 1.0, "y": 3.0, "w": 2.0, "b": 0.5}, lambda x, y, w, b: (w * x + b - y) ** 2, r"(w x + b - y)^2"
    ),
    "rosenbrock": Expression(
        {"x": 0.0, "y": 2.0}, lambda x, y: 100 * (y - x**2) ** 2 + (x - 1) ** 2, r"100 (y - x^2)^2 + (x - 1)^2"
    ),
    "log_normal": Expression(
        {"x": 1.0, "m": 0.0, "s": 2.0},
        lambda x, m, s: -0.5 * ((x - m) / s) ** 2 - s.log(),
        r"-\tfrac12 \bigl(\tfrac{x - m}{s}\bigr)^2 - \log s",
    ),
}


def finite_difference(expression: Expression, at: Mapping[str, float], variable: str, step: float = 1e-5) -> float:
    """(f(x + h) − f(x − h)) / 2h: the same derivative with no calculus, good to h² and to rounding over h."""
    h = step * max(1.0, abs(at[variable]))
    up, down = (
        expression.build(**{name: Value(number + side * h * (name == variable), name) for name, number in at.items()})
        for side in (1, -1)
    )
    return (up.number - down.number) / (2 * h)
