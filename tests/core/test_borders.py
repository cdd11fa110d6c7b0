"""Imports run one way: pages -> ui and core, ui -> a few of core's rooms, core -> none of them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted(ROOT.glob("core/**/*.py"))
UI = sorted(ROOT.glob("ui/**/*.py"))
PAGES = sorted(ROOT.glob("pages/**/*.py"))
UI_NAMES = {p.stem if p.is_file() else p.name for p in (ROOT / "ui").iterdir() if p.suffix == ".py" or p.is_dir()}
RUNS = {"core.jobs", "core.device"}
MEMORY = {"core.allocator"}  # how the server keeps what is freed: nothing that is taught


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path, *, only_top: bool = False) -> set[str]:
    """Dotted names that a file imports; only those made on import, if `only_top` (not under TYPE_CHECKING)."""
    found, todo = set(), list(ast.parse(path.read_text(encoding="utf-8")).body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(path)} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif only_top and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        elif only_top and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
            continue
        todo += list(ast.iter_child_nodes(node))
    return found


def under(names: set[str], *roots: str) -> set[str]:
    return {n for n in names if any(n == r or n.startswith(r + ".") for r in roots)}


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_knows_no_screen(path):
    assert not under(imports(path), "streamlit", "altair", "ui", "pages")


@pytest.mark.parametrize("path", UI, ids=name_of)
def test_ui_knows_no_algorithm(path):
    of_core = under(imports(path), "core") - {"core"}
    allowed = {"shell.py": RUNS, "live.py": RUNS, "room.py": {"core.rooms"}, "warmup.py": MEMORY}.get(path.name, set())
    assert {name for name in of_core if not under({name}, *allowed)} == set()
    assert not under(imports(path), "pages", "torch")


@pytest.mark.parametrize("path", [*UI, *PAGES, ROOT / "app.py"], ids=name_of)
def test_nothing_heavy_is_imported_before_the_first_word(path):
    assert not under(imports(path, only_top=True), "torch", "scipy", "altair", "pandas", "matplotlib")


@pytest.mark.parametrize("path", [*CORE, *UI, *PAGES, ROOT / "app.py"], ids=name_of)
def test_no_bare_imports(path):
    """`ui/` is first on the import path of the running app, so `import links` would find ui/links.py, once more."""
    bare = {n.partition(".")[0] for n in imports(path)} & UI_NAMES
    assert bare <= sys.stdlib_module_names


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pages_do_not_know_each_other(path):
    mine = {path.stem.partition("_")[2], path.parent.name}
    others = {n.split(".")[1] for n in under(imports(path), "pages") if "." in n}
    assert others <= mine | {"working"}  # scenes that take seconds, the same for every page
