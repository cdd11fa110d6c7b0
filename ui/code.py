"""The code that just ran, read from its file and shown; never imported, never a copy.

source = code.read("core/diffusion/samplers.py", ["ddim"])     the text of those functions or classes
code.show(source, highlight=("x0 =",))                         drawn, lines that contain such a text marked
"""

from __future__ import annotations

import ast
import html
import io
import keyword
import threading
import tokenize
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_parsing = threading.Lock()  # Python 3.11 counts the depth of a tree for all threads together, and stumbles over two


def read(path: str, names: Sequence[str]) -> str:
    """Source of the named functions, classes or methods ("Class.method") of a file under the project's root.

    KeyError where the file does not define one of them: the page would show something else than what ran.
    """
    file = ROOT / path
    return _read(file, file.stat().st_mtime_ns, tuple(names))


@lru_cache(maxsize=512)
def _read(file: Path, stamp: int, names: tuple[str, ...]) -> str:
    source = file.read_text(encoding="utf-8")
    with _parsing:
        found = dict(_defined(ast.parse(source)))
    lines, parts = source.splitlines(), []
    for name in names:
        if name not in found:
            raise KeyError(f"{file.name} defines no {name!r}")
        node = found[name]
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        block = lines[first - 1 : node.end_lineno]
        indent = len(block[0]) - len(block[0].lstrip())
        parts.append("\n".join(line[indent:] for line in block))
    return "\n\n\n".join(parts)


def _defined(tree: ast.AST, prefix: str = ""):
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name, node
            yield from _defined(node, f"{prefix}{node.name}.")


def show(source: str, highlight: Sequence[str] = ()) -> None:
    """Draw Python source with its lines that contain one of `highlight` marked."""
    import streamlit as st

    st.html(as_html(source, tuple(highlight)))


@lru_cache(maxsize=512)
def as_html(source: str, highlight: tuple[str, ...] = ()) -> str:
    """Python source as HTML: every token escaped and classed (kw, st, cm, nu), a `<span>` a line."""
    lines = source.splitlines()
    marks: list[list[tuple[int, int, str]]] = [[] for _ in lines]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = _kind(token)
        if kind:
            (row, start), (last, end) = token.start, token.end
            for line in range(row, last + 1):
                left = start if line == row else 0
                right = end if line == last else len(lines[line - 1])
                marks[line - 1].append((left, right, kind))
    rows = []
    for line, spans in zip(lines, marks, strict=True):
        out, at = "", 0
        for left, right, kind in spans:
            out += html.escape(line[at:left], quote=False)
            out += f'<i class="{kind}">{html.escape(line[left:right], quote=False)}</i>'
            at = right
        out += html.escape(line[at:], quote=False)
        chosen = ' class="hit"' if any(text in line for text in highlight) else ""
        rows.append(f"<span{chosen}>{out or ' '}</span>")
    return f'<pre class="code" tabindex="0"><code>{"".join(rows)}</code></pre>'


def _kind(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.COMMENT:
        return "cm"
    if token.type == tokenize.STRING:
        return "cm" if token.string.startswith(('"""', "'''")) else "st"
    if token.type == tokenize.NUMBER:
        return "nu"
    return "kw" if token.type == tokenize.NAME and keyword.iskeyword(token.string) else ""
