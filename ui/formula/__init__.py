"""A formula whose terms are chosen: a click, a tap, or the arrow keys.

    formula(key="overview.trace.formula", cells=[Cell("L"), Cell("="), Cell(sub("x", "0"), "clean", "data"), …],
            names={"clean": t.words("…")}, label=t.words("…"), chosen=TERM)

The setting `chosen`, of kind choice, holds the name of the term that is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import streamlit as st

from ui import component, links
from ui.links import Setting
from ui.maths import Node

_render = component.declare("formula", borrowed=("maths.js",))


@dataclass(frozen=True)
class Cell:
    """A piece of the formula: what is written, the term that a click on it chooses ("" for none), its colour's role."""

    maths: Node
    term: str = ""
    role: str = "exact"


def encode(cells: Sequence[Cell], names: Mapping[str, str], label: str, chosen: str) -> bytes:
    """The message of `formula`. Raises ValueError where a term has no name."""
    terms = list(dict.fromkeys(cell.term for cell in cells if cell.term))
    if unnamed := [term for term in terms if term not in names]:
        raise ValueError(f"terms without a name: {', '.join(unnamed)}")
    header = {
        "cells": [asdict(cell) for cell in cells], "terms": {term: names[term] for term in terms}, "label": label,
        "chosen": chosen,
    }  # fmt: skip
    return component.encode(header, {})


def formula(*, key: str, cells: Sequence[Cell], names: Mapping[str, str], label: str, chosen: Setting) -> str:
    """Draw it; returns the term that is chosen. names: what each term is called, translated; label: the formula's."""
    message = encode(cells, names, label, str(links.value(chosen)))
    _render(key=key, data=message, default={"term": None}, on_term_change=partial(_take, key, chosen))
    return str(links.value(chosen))


def _take(key: str, chosen: Setting) -> None:
    """The setting takes the term that was chosen, before the rerun that follows."""
    held = st.session_state.get(key)
    term = held.get("term") if isinstance(held, Mapping) else getattr(held, "term", None)
    if term in chosen.choices and term != links.value(chosen):
        links.put(chosen, term)
        links.settled(chosen.experiment)
