"""The frame around every page: languages, navigation, links that arrive, and what they leave behind."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ui import catalogue, code, text

ROOT = Path(__file__).resolve().parents[2]
SHELL = str(ROOT / "ui" / "shell.py")


def app(**query: str) -> AppTest:
    test = AppTest.from_file(SHELL, default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    return test


@pytest.mark.parametrize("language", text.languages())
def test_the_link_s_language_is_spoken(language):
    test = app(lang=language).run()
    assert not test.exception
    assert test.title[0].value == text.Words(language).words("overview.page.title")


def test_an_unknown_language_in_the_link_falls_back():
    test = app(lang="xx").run()
    assert not test.exception
    assert test.session_state["language"] == "en"


def test_the_person_s_choice_is_over_the_link():
    test = app(lang="en").run()
    test.session_state["shell.language"] = "ko"
    test.session_state["language.choice"] = "ko"
    test.run()
    assert test.title[0].value == text.Words("ko").words("overview.page.title")


def test_presenting_hides_the_sidebar_s_navigation_and_ends():
    test = app(lang="en").run()
    test.button(key="shell.present").click().run()
    assert test.session_state["presenting"] is True
    test.button(key="shell.present").click().run()
    assert test.session_state["presenting"] is False


@pytest.mark.parametrize("language", text.languages())
def test_the_glossary_opens(language):
    test = app(lang=language).run()
    test.button(key="shell.glossary").click().run()
    assert not test.exception
    assert any(r"\textcolor" in m.value for m in test.markdown)


def test_the_settings_of_the_server_are_those_that_were_measured():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["fileWatcherType"] == "none"
    assert config["runner"] | {"magicEnabled": False, "postScriptGC": False} == config["runner"]
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["toolbarMode"] == "viewer"


def test_the_catalogue_is_in_order():
    assert [s.number for s in catalogue.ROAD] == list(range(1, 11))
    for page in catalogue.PAGES:
        assert all(e.id.startswith(page.id + ".") for e in page.experiments)
        assert page.url_path.isascii()
    files = {p.name for p in (ROOT / "pages").glob("[0-9]*.py")}
    assert files == {p.file.name for p in catalogue.pages()}
    assert catalogue.following("guidance") is None
    assert catalogue.following("normal").id == "likelihood"
    for ask in (catalogue.page, catalogue.experiment):
        with pytest.raises(KeyError):
            ask("nowhere.at_all")


def test_the_code_that_is_shown_is_the_file_s():
    shown = code.read("ui/packing.py", ["pack_points", "_wrap"])
    assert shown.startswith("def pack_points(") and "\n\n\ndef _wrap(" in shown
    drawn = code.as_html(shown, ("while len(packed",))
    assert drawn.count('class="hit"') == 1
    assert '<i class="kw">def</i>' in drawn
    with pytest.raises(KeyError):
        code.read("ui/packing.py", ["nothing_like_it"])


def test_the_code_that_is_shown_is_escaped_and_whole():
    import html
    import re

    source = code.read("ui/text.py", ["plain", "fill", "Words.words"])
    drawn = code.as_html(source)
    lines = re.findall(r"<span>(.*?)</span>", drawn, re.DOTALL)
    plain = [html.unescape(re.sub(r"</?i[^>]*>", "", line)) for line in lines]
    assert [line if line != " " else "" for line in plain] == source.splitlines()


def scene() -> None:
    import streamlit as st

    from ui import chapter, controls, links, text

    seed = links.whole("overview.map.seed", 3, low=0, high=9)
    shape = links.strokes("overview.map.shape")
    text.settle()
    links.arrive(st.session_state.get("at", "overview"))
    with chapter.Chapter("overview").experiment("overview.map", settings=(seed, shape)):
        st.write(f"seed {controls.slider(seed)} of {len(links.value(shape))} version {links.version(shape)}")


@pytest.fixture
def framed(monkeypatch):
    """An experiment with settings, framed like any other; its words are lent by another section."""
    words = text.Words.words
    lent = {"overview.map.title": "T", "overview.map.question": "Q"}
    monkeypatch.setattr(text.Words, "words", lambda self, name, /, **v: lent.get(name) or words(self, name, **v))
    return AppTest.from_function(scene, default_timeout=60)


def said(test: AppTest) -> str:
    return " ".join(c.value for c in test.caption)


def test_a_link_sets_what_it_names(framed):
    framed.query_params["overview.map.seed"] = "7"
    framed.run()
    assert not framed.exception
    assert framed.slider[0].value == 7
    assert framed.markdown[-1].value.startswith("seed 7")
    assert "Seed" not in said(framed)


@pytest.mark.parametrize(("asked", "used"), [("4000", 9), ("-1", 0), ("<b>x</b>", 3), ("nan", 3), ("", 3)])
def test_a_link_out_of_range_is_clamped_with_a_sentence_that_repeats_nothing_strange(framed, asked, used):
    framed.query_params["overview.map.seed"] = asked
    framed.run()
    assert not framed.exception
    assert framed.slider[0].value == used
    assert "Seed" in said(framed)
    assert "<b>" not in said(framed)
    framed.slider[0].set_value(5).run()
    assert framed.slider[0].value == 5
    assert "Seed" not in said(framed)


def test_reset_goes_back_and_tells_the_canvas(framed):
    framed.query_params["overview.map.seed"] = "7"
    framed.query_params["overview.map.shape"] = "%%%"
    framed.run()
    assert framed.markdown[-1].value == "seed 7 of 0 version 1"
    framed.button(key="overview.map.reset").click().run()
    assert framed.slider[0].value == 3
    assert framed.markdown[-1].value == "seed 3 of 0 version 2"


def test_the_page_that_was_left_is_forgotten(framed):
    framed.run()
    framed.slider[0].set_value(8).run()
    framed.session_state["at"] = "elsewhere"
    framed.run()
    framed.session_state["at"] = "overview"
    framed.run()
    assert framed.slider[0].value == 3


def test_no_page_imports_torch_before_its_first_words():
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
test = AppTest.from_file({SHELL!r}, default_timeout=60).run()
assert not test.exception and test.title
print(sorted(m for m in sys.modules if m in ("torch", "scipy", "altair")))
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"
