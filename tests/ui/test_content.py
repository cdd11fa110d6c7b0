"""Every word exists in every language, with the same places for values; every formula that is used exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ui import catalogue, colours, glossary, text

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = text.languages()
FILES = sorted({p.name for p in text.CONTENT.glob("*/*.md")})
SOURCES = sorted([*ROOT.glob("ui/**/*.py"), *ROOT.glob("pages/**/*.py")])
ROLE = re.compile(r":([a-z]+)\[")


def labels(language: str) -> dict[str, str]:
    return text._labels(language, text._stamp(text.CONTENT / language / "ui.toml"))


def test_there_are_two_languages_at_least_and_korean_comes_first():
    assert LANGUAGES[:2] == ("ko", "en")


@pytest.mark.parametrize("file", FILES)
def test_sections_and_their_places_are_the_same_in_every_language(file):
    tables = {language: text.sections(text.CONTENT / language / file) for language in LANGUAGES}
    first = tables[LANGUAGES[0]]
    for language, table in tables.items():
        assert set(table) == set(first), f"{file} differs between {LANGUAGES[0]} and {language}"
        for name, body in table.items():
            assert text.placeholders(body) == text.placeholders(first[name]), f"{language}: {name}"
            assert body, f"{language}: {name} is empty"
            assert name.startswith(file.removesuffix(".md") + "."), name


def test_labels_and_their_places_are_the_same_in_every_language():
    first = labels(LANGUAGES[0])
    for language in LANGUAGES:
        table = labels(language)
        assert set(table) == set(first)
        for name, body in table.items():
            assert text.placeholders(body) == text.placeholders(first[name]), f"{language}: {name}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_coloured_words_name_roles_that_exist(language):
    for file in FILES:
        for name, body in text.sections(text.CONTENT / language / file).items():
            marked = {m for m in ROLE.findall(body) if m != "material"}
            assert marked <= set(colours.ROLES), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_road_has_its_words(language):
    t = text.Words(language)
    for step in catalogue.ROAD:
        assert t.words(f"overview.step.{step.id}.title")
        assert t.words(f"overview.step.{step.id}.question")
    for page in catalogue.pages():
        assert t.words(f"{page.id}.page.title")
        assert t.words(f"{page.id}.page.idea")
        if page.number:
            assert t.words(f"{page.id}.page.next")
            assert all(t.words(f"{e.id}.{part}") for e in page.experiments for part in ("title", "question"))


def called(name: str) -> set[str]:
    """The literal first arguments of calls to a method of that name in ui/ and pages/."""
    found = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr=called_name), args=[ast.Constant(value=str(literal)), *_]):
                    if called_name == name:
                        found.add(literal)
    return found


def test_labels_that_the_code_asks_for_exist():
    assert called("label") <= set(labels("en"))


def test_words_that_the_code_asks_for_exist():
    missing = {name for name in called("words") if not text.Words("en").has(name)}
    assert not missing


def test_formulas_that_the_code_asks_for_exist_and_have_a_reason_for_each_line():
    for name in called("formula"):
        assert text.Words("en").formula(name)
    for name in called("derivation"):
        page, _, formula = name.partition(".")
        lines = text.formulas(page)[formula]
        for language in LANGUAGES:
            assert text.Words(language).words(f"{name}.title")
            for line in lines:
                assert text.Words(language).words(f"{name}.{line.id}")


def test_every_formula_has_roles_that_exist_and_braces_that_close():
    for file in (text.CONTENT / "formulas").glob("*.toml"):
        for symbol in glossary.symbols() if file.stem == "symbols" else ():
            assert text.coloured(symbol.tex)
        for lines in text.formulas(file.stem).values():
            for line in lines:
                assert r"\role" not in text.coloured(line.tex)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_symbol_is_explained_and_nothing_else(language):
    t = text.Words(language)
    explained = text.sections(text.CONTENT / language / "glossary.md")
    symbols = {name.rpartition(".")[2] for name in explained if name.startswith("glossary.symbol.")}
    assert symbols == {s.name for s in glossary.symbols()}
    assert all(1 <= n <= 10 for s in glossary.symbols() for n in s.steps)
    assert all(term and meaning for term, meaning in glossary.terms(t))
