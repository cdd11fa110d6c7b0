"""What every page promises, walked from the catalogue: a light first paint, all its words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core import jobs
from tests.pages.apptest import ROOT, SHELL, run, said, script, tables, visitor
from ui import catalogue, text

STEPS = [page for page in catalogue.pages() if page.number]
CHARTS = {"diffusion_model": {"altair"}}  # pages whose first paint draws a chart of Altair's
UNFINISHED = re.compile(r"\{\{\w|\bnan\b")
ASKED = re.compile(r"""(?:words|template|derivation|prediction)\(f?(["'])(.+?)\1""")


def every(pages: list[catalogue.Page]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.id)


@pytest.fixture(autouse=True)
def nobody_waits(home) -> Iterator[None]:
    """What a link made the runner do is left when the visit is over."""
    yield
    jobs.runner().close()


# ---- the first paint ------------------------------------------------------------------------------------------------


def components(at: AppTest) -> list[str]:
    return [c.proto.id for c in at.get("bidi_component")]


@every(list(catalogue.pages()))
@pytest.mark.parametrize("language", text.languages())
def test_the_title_and_every_experiment_are_there(page, language):
    at, t = visitor(page.id)(language=language), text.Words(language)
    assert at.title[0].value == t.words(f"{page.id}.page.title")
    if page.number:
        assert {h.value for h in at.subheader} >= {t.words(f"{e.id}.title") for e in page.experiments if e.star}
        assert {e.label for e in at.expander} >= {t.words(f"{e.id}.title") for e in page.experiments if not e.star}
    assert not UNFINISHED.search(said(at) + "\n".join(x.value for x in at.latex))
    for experiment in page.experiments:
        drawn = [key for key in components(at) if f"-{experiment.id}." in key and not key.endswith(".link")]
        if experiment.id != "overview.map":  # no experiment of one's own: nothing to link to, nothing to save
            assert any(key.endswith(f"-{experiment.id}.link") for key in components(at)) == experiment.star
        if experiment.id not in ("diffusion_model.train", "overview.ladder"):  # drawn with tables and a chart
            assert bool(drawn) == experiment.star, experiment.id


@every(STEPS)
@pytest.mark.parametrize("language", text.languages())
def test_a_derivation_and_code_come_when_they_are_opened(page, language):
    at = visitor(page.id)(language=language)
    keys = [fold.proto.id.split("-", 2)[2] for fold in at.expander if fold.proto.id]
    lines = [line for key in keys if key.endswith(".derivation") for line in _lines(key)]
    code = [key for key in keys if ".code." in key]
    closed = len(at.latex), tables(at).count("<pre")
    for key in keys:
        at.session_state[key] = key.endswith(".derivation") or key in code
    run(at)
    shown = "\n".join(x.value for x in at.latex)
    assert lines and all(text.coloured(line) in shown for line in lines)
    assert code and (len(at.latex), tables(at).count("<pre")) == (closed[0] + len(lines), closed[1] + len(code))


def _lines(key: str) -> list[str]:
    page, _, formula = key.removesuffix(".derivation").partition(".")
    return [line.tex for line in text.formulas(page)[formula]]


PAINT = f"""
import json, sys
from core import scene
from streamlit.testing.v1 import AppTest
scene.Scene.compute = None
for page in json.loads(sys.argv[1]):
    before = set(sys.modules)
    at = AppTest.from_file({SHELL!r}, default_timeout=60).switch_page(page).run()
    new = sorted({{"torch", "scipy", "altair"}} & set(sys.modules) - before)
    print(json.dumps([[e.message for e in at.exception], len(at.title), len(at.get("bidi_component")), new]))
"""


@pytest.fixture(scope="module")
def painted(tmp_path_factory) -> dict[str, list]:
    """Each page in a fresh process that can compute no scene: its errors, titles, components and heavy imports."""
    place = {"TEN_STEPS_HOME": str(tmp_path_factory.mktemp("light")), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PAINT, json.dumps([script(page.id) for page in catalogue.pages()])]
    done = subprocess.run(command, env=os.environ | place, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip((page.id for page in catalogue.pages()), seen, strict=True))


@every(list(catalogue.pages()))
def test_the_first_paint_imports_nothing_heavy_and_computes_no_scene(page, painted):
    errors, titles, count, imported = painted[page.id]
    assert not errors and titles
    assert count > (2 * sum(e.star for e in page.experiments) if page.number else 1)  # a picture and a link each
    assert set(imported) <= CHARTS.get(page.id, set())


# ---- words ----------------------------------------------------------------------------------------------------------


def ids(source: str) -> dict[str, str]:
    return dict(re.findall(r'^(ID|PAGE|NAME) = "(.+)"', source, re.MULTILINE))


def asked_for(page: catalogue.Page) -> Iterator[tuple[str, str]]:
    """(file, name) of the words that the page's modules ask for; what is known of a name has been put in."""
    folder = ROOT / "pages" / page.id
    sources = {file.stem: file.read_text("utf-8") for file in [page.file, *folder.glob("*.py")]}
    elsewhere = {f"{stem}.{name}": value for stem, one in sources.items() for name, value in ids(one).items()}
    for stem, source in sources.items():
        known = {"PAGE": page.id} | elsewhere | ids(source)
        for _, asked in ASKED.findall(source):
            yield stem, re.sub(r"\{([\w.]+)\}", lambda place, known=known: known.get(place[1], place[0]), asked)


@every(STEPS)
@pytest.mark.parametrize("language", text.languages())
def test_the_words_that_the_page_asks_for_exist(page, language):
    files = (text.CONTENT / language).glob("*.md")  # a derivation may be another page's
    sections = {name for file in files for name in text.sections(file)}
    seen = list(asked_for(page))
    assert len(seen) > 10
    for file, name in seen:
        begin, place, _ = name.partition("{")
        if not place:
            fits = name in sections or any(s.startswith(f"{name}.") for s in sections)  # a derivation, a prediction
        else:
            fits = not begin or any(s.startswith(begin) for s in sections)
        assert fits, f"content/{language} has no section {name} ({file}.py)"
