"""Formulas for a component: MathML as plain nested lists, which the browser turns into elements, never into HTML.

    sub("p", "t") + …        a list of nodes; each node is a text, or [tag, child, …]

A text of letters becomes an identifier, of digits a number, anything else an operator.
"""

from __future__ import annotations

from typing import Any

Node = str | list[Any]


def row(*parts: Node) -> Node:
    """Parts side by side."""
    return ["mrow", *parts]


def sub(base: Node, below: Node) -> Node:
    """A base with something small below right."""
    return ["msub", base, below]


def hat(base: Node) -> Node:
    """A base with a hat: an estimate."""
    return ["mover", base, "^"]


def root(inside: Node) -> Node:
    """A square root."""
    return ["msqrt", inside]


def call(name: Node, *inside: Node) -> Node:
    """name(inside): `"|"` and `","` between arguments are given as arguments too."""
    return row(name, "(", *inside, ")")
