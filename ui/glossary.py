"""Words and symbols explained, at hand on every page: a button that opens both tables.

Terms are the sections `glossary.term.<name>` of content/<language>/glossary.md: the term in the first line, what it
means below. Symbols are content/formulas/symbols.toml, each with a `tex` and the numbers of the `steps` that use it,
explained by the sections `glossary.symbol.<name>`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from ui import text


@dataclass(frozen=True)
class Symbol:
    """A symbol: its name, its LaTeX and the steps of the road that use it."""

    name: str
    tex: str
    steps: tuple[int, ...]


@lru_cache(maxsize=1)
def symbols() -> tuple[Symbol, ...]:
    """The table of symbols, in the order of the road."""
    table = tomllib.loads((text.CONTENT / "formulas" / "symbols.toml").read_text(encoding="utf-8"))
    return tuple(Symbol(name, entry["tex"], tuple(entry["steps"])) for name, entry in table.items())


def terms(t: text.Words) -> tuple[tuple[str, str], ...]:
    """(term, what it means) of every term, in the file's order."""
    found = text.sections(text.CONTENT / t.language / "glossary.md")
    bodies = (body for name, body in found.items() if name.startswith("glossary.term."))
    return tuple((body.partition("\n")[0], body.partition("\n")[2].strip()) for body in bodies)


def button() -> None:
    """The button that opens the glossary."""
    t = text.current()
    if st.button(t.label("glossary.open"), key="shell.glossary", type="tertiary", icon=":material/menu_book:"):
        _show(t)


def _show(t: text.Words) -> None:
    @st.dialog(t.label("glossary.title"), width="large")
    def dialog() -> None:
        words, marks = st.tabs([t.label("glossary.terms"), t.label("glossary.symbols")])
        with words:
            rows = "".join(f"<dt>{text.plain(name)}</dt><dd>{text.plain(body)}</dd>" for name, body in terms(t))
            st.html(f'<dl class="terms">{rows}</dl>')
        with marks:
            rows = [t.label("glossary.head"), "|:--|:--|:--|"]
            for symbol in symbols():
                steps = ", ".join(str(n) for n in symbol.steps)
                body = t.words(f"glossary.symbol.{symbol.name}").replace("\n", " ")
                rows.append(f"| ${text.coloured(symbol.tex)}$ | {body} | {steps} |")
            text.prose("\n".join(rows))

    dialog()
