"""The graph of an expression: worked out again from any of its nodes, and laid out to be drawn.

core.autograd finds the gradients by the chain rule. Here every node's is checked without it: the node is moved a
little, and all that is made from it is worked out anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, islice, permutations

from core.autograd import Value, in_order

OPERATIONS: dict[str, Callable[..., float]] = {
    "+": lambda a, b: a + b,
    "×": lambda a, b: a * b,
    "−": lambda a: -a,
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
}
BOX = 0.42  # half the height of a node's box, in rows
MOST_LEAVES = 6  # of which all orders are tried
TRIED = 4  # free rows for a node, the nearest first


def evaluated(order: Sequence[Value], given: Mapping[int, float]) -> list[float]:
    """The number of every node when some, by their place in `order`, are held at given numbers."""
    place = {id(value): k for k, value in enumerate(order)}
    numbers: list[float] = []
    for k, value in enumerate(order):
        if k in given:
            numbers.append(given[k])
        elif not value.inputs:
            numbers.append(value.number)
        else:
            numbers.append(_applied(value.operation, [numbers[place[id(one)]] for one in value.inputs]))
    return numbers


def difference(order: Sequence[Value], node: int, step: float = 1e-5) -> float:
    """(end(v + h) − end(v − h)) / 2h, where v is the number of one node and everything after it follows."""
    h = step * max(1.0, abs(order[node].number))
    up, down = (evaluated(order, {node: order[node].number + side * h})[-1] for side in (1, -1))
    return (up - down) / (2 * h)


def _applied(operation: str, numbers: list[float]) -> float:
    if operation.startswith("^"):
        return numbers[0] ** float(operation[1:])
    return OPERATIONS[operation](*numbers)


def layout(end: Value) -> list[tuple[float, float]]:
    """A (column, row) for each node of `in_order(end)`: inputs to the left of what is made of them, rows 0, 1, … up.

    A leaf stands one column before its first use. Of all orders of the leaves, the one with the fewest edges that
    cross one another or run through a box.
    """
    order = in_order(end)
    place = {id(value): k for k, value in enumerate(order)}
    inputs = [[place[id(one)] for one in value.inputs] for value in order]
    columns = [0] * len(order)
    for k, made_of in enumerate(inputs):
        columns[k] = 1 + max((columns[j] for j in made_of), default=-1)
    for k, made_of in enumerate(inputs):
        if not made_of:
            columns[k] = min((columns[j] for j in range(len(order)) if k in inputs[j]), default=1) - 1
    leaves = [k for k, made_of in enumerate(inputs) if not made_of]
    orders = permutations(leaves) if len(leaves) <= MOST_LEAVES else [tuple(leaves)]
    best = min((_rows(inputs, columns, leaves_in_order) for leaves_in_order in orders), key=lambda r: r[0])
    return [(float(column), row) for column, row in zip(columns, best[1], strict=True)]


def _rows(
    inputs: list[list[int]], columns: list[int], leaves: tuple[int, ...]
) -> tuple[tuple[int, float], list[float]]:
    """The rows when the leaves lie in this order, and what speaks against it: meetings of edges, and their length."""
    rows = [0.0] * len(inputs)
    for row, leaf in enumerate(leaves):
        rows[leaf] = float(row)
    placed = list(leaves)
    for k, made_of in enumerate(inputs):
        if made_of:
            middle = sum(rows[j] for j in made_of) / len(made_of)
            taken = [rows[j] for j in placed if columns[j] == columns[k]]
            free = (row for row in _around(middle) if all(abs(row - other) >= 2 * BOX for other in taken))
            tried = list(islice(free, TRIED))
            through = [_through(rows, columns, [(j, row) for j in made_of], columns[k], placed) for row in tried]
            rows[k] = tried[through.index(min(through))]
            placed.append(k)
    low = min(rows)
    rows = [row - low for row in rows]
    edges = [(j, k) for k, made_of in enumerate(inputs) for j in set(made_of)]
    met = 0
    for j, k in edges:
        met += 3 * _through(rows, columns, [(j, rows[k])], columns[k], range(len(rows)))
    for n, (i, j) in enumerate(edges):
        for k, m in edges[:n]:
            if columns[i] == columns[k] and columns[j] == columns[m]:
                met += (rows[i] - rows[k]) * (rows[j] - rows[m]) < 0
    return (met, sum(abs(rows[j] - rows[k]) for j, k in edges)), rows


def _through(
    rows: list[float], columns: list[int], edges: list[tuple[int, float]], end: int, nodes: Iterable[int]
) -> int:
    """How many boxes of some nodes are run through by edges from a node to a (column `end`, row)."""
    met = 0
    for a in nodes:
        for j, row in edges:
            if columns[j] < columns[a] < end:
                middle = rows[j] + (columns[a] - columns[j]) / (end - columns[j]) * (row - rows[j])
                met += abs(middle - rows[a]) < BOX
    return met


def _around(row: float) -> Iterator[float]:
    """The row itself, then places ever farther from it."""
    yield row
    for away in count(1):
        yield from (row + away / 2, row - away / 2)
