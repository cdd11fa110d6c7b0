"""The lesson plans link to scenes that exist, the same in both languages; the READMEs agree on the commands."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

import pytest

from ui import catalogue, links

ROOT = Path(__file__).resolve().parents[2]
LESSONS = [ROOT / "docs" / name for name in ("teaching.md", "teaching.ko.md")]
READMES = [ROOT / name for name in ("README.md", "README.ko.md")]
SERVER = "http://127.0.0.1:8501/"
LINK = re.compile(r"\]\((?P<to>[^()\s]+)\)")
COMMAND = re.compile(r"^    (python3 -m venv .*)$", re.MULTILINE)


def app_links(file: Path) -> list[str]:
    """Every link of a document into the app, in order."""
    return [to for to in LINK.findall(file.read_text("utf-8")) if to.startswith(SERVER)]


@cache
def settings(page_id: str) -> dict[str, links.Setting]:
    """The settings that a page's modules declare, by their keys; not those that depend on the models at hand."""
    package = importlib.import_module(f"pages.{page_id}")
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    return {s.key: s for module in modules for value in vars(module).values() for s in within(value)}


def within(value: object) -> list[links.Setting]:
    """The settings in a module's variable: itself, or what a tuple, a list or a table of it holds."""
    if isinstance(value, links.Setting):
        return [value]
    if isinstance(value, dict):
        return [s for pair in value.items() for part in pair for s in within(part)]
    return [s for part in value for s in within(part)] if isinstance(value, tuple | list) else []


def page_of(address: SplitResult) -> catalogue.Page:
    return next(page for page in catalogue.pages() if page.url_path == address.path.strip("/"))


@pytest.mark.parametrize("link", app_links(LESSONS[0]))
def test_a_lessons_link_opens_the_scene_that_it_names(link):
    address = urlsplit(link)
    page = page_of(address)
    if not address.fragment:
        assert not address.query, "a setting is somewhere, so the link has to lead there"
        return
    named = {e.id.replace(".", "-"): e for e in page.experiments}
    experiment = named[address.fragment]
    asked = dict(parse_qsl(address.query, strict_parsing=True))
    known, opens = settings(page.id), experiment.star
    for key, wish in asked.items():
        setting = known[key]
        assert setting.experiment == experiment.id, f"{key} belongs to another experiment"
        value, problem = links.decode(setting, wish)
        assert problem is None, f"{key}={wish}: {problem}"
        opens = opens or links.encode(setting, value) != links.encode(setting, setting.default)
    assert opens, "a folded experiment opens only if a setting differs from its default"


def test_both_languages_link_to_the_same_scenes():
    english, korean = (app_links(file) for file in LESSONS)
    assert english == korean


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.name)
def test_every_step_has_its_question_three_demos_and_an_exercise(file):
    lessons = re.split(r"^## (?=\d)", file.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert [int(lesson.split()[0]) for lesson in lessons] == [step.number for step in catalogue.ROAD]
    for lesson, step in zip(lessons, catalogue.ROAD, strict=True):
        found = [urlsplit(to) for to in LINK.findall(lesson) if to.startswith(SERVER)]
        assert {page_of(address).id for address in found} == {step.id}
        assert not found[0].query and not found[0].fragment, "the question stands on the page as it opens"
        assert len(re.findall(r"^[123]\. \[", lesson, re.MULTILINE)) == 3
        exercise = lesson.rpartition("\n\n**")[2]
        assert SERVER in exercise


@pytest.mark.parametrize("file", [*READMES, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda file: file.name)
def test_files_that_a_document_links_to_are_there(file):
    for to in LINK.findall(file.read_text("utf-8")):
        if "://" not in to:
            assert (file.parent / to.partition("#")[0]).exists(), to


def test_both_readmes_give_the_same_two_commands():
    english, korean = (COMMAND.findall(file.read_text("utf-8")) for file in READMES)
    assert english == korean
    app, tests = english
    assert app.endswith("streamlit run app.py") and "pytest" in tests
    first = next(line for line in READMES[0].read_text("utf-8").splitlines() if "requirements-dev.txt" in line)
    assert first.strip() == tests, "continuous integration runs the first line that names requirements-dev.txt"
