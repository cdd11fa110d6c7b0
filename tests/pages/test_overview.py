"""overview.map: ten stops in order, a link and a picture where there is a page, words everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import ladder
from pages.overview import trace
from tests.pages.apptest import message, said, visitor
from ui import catalogue, component, first_paint, formula, road, text

ROOT = Path(__file__).resolve().parents[2]


def messages(language: str) -> list[tuple[dict, dict]]:
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    test.query_params["lang"] = language
    test.run()
    assert not test.exception
    found = [c.proto for c in test.get("bidi_component")]
    return [component.decode(p.bytes) for p in found if p.component_name == "ten_steps.road"]


@pytest.mark.parametrize("language", text.languages())
def test_the_road_has_ten_stops_and_links_those_with_a_page(language):
    (header, parts), t = messages(language)[0], text.Words(language)
    assert [s["number"] for s in header["stops"]] == list(range(1, 11))
    for stop in header["stops"]:
        assert stop["title"] == t.words(f"overview.step.{stop['id']}.title")
        assert stop["question"] == t.words(f"overview.step.{stop['id']}.question")
        page = catalogue.page_of_step(stop["id"])
        assert stop["href"] == (page.url_path if page else None)
        if "picture" in stop:
            assert page is not None
            assert parts[stop["id"]].size == np.prod(stop["picture"]["shape"])


def frames(count: int = 4) -> np.ndarray:
    return np.zeros((count, 2, 28, 28), np.uint8)


def save(folder: Path, **arrays: np.ndarray) -> None:
    np.savez(folder / "diffusion_model.npz", **arrays)


def test_a_picture_is_read_and_the_last_one_is_large(tmp_path, monkeypatch):
    monkeypatch.setattr(first_paint, "FOLDER", tmp_path)
    save(tmp_path, road_frames=frames(), road_levels=np.array([1000, 500, 100, 0]))
    picture = first_paint.road_picture("diffusion_model")
    assert picture.levels == (1000, 500, 100, 0)
    if catalogue.page_of_step("diffusion_model"):
        header, parts = messages("en")[0]
        assert header["hero"] == "diffusion_model"
        assert parts["diffusion_model"].size == frames().size


@pytest.mark.parametrize("damage", ["absent", "cut short", "no zip", "wrong shape", "wrong type", "no picture"])
def test_without_a_good_picture_the_road_still_stands(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(first_paint, "FOLDER", tmp_path)
    file = tmp_path / "diffusion_model.npz"
    if damage == "wrong shape":
        save(tmp_path, road_frames=frames(), road_levels=np.arange(3))
    elif damage == "wrong type":
        save(tmp_path, road_frames=frames().astype(np.float32), road_levels=np.arange(4))
    elif damage == "no picture":
        save(tmp_path, x=np.zeros(3))
    elif damage == "no zip":
        file.write_bytes(b"this is no archive")
    elif damage == "cut short":
        save(tmp_path, road_frames=frames(), road_levels=np.arange(4))
        file.write_bytes(file.read_bytes()[:500])
    header, parts = messages("ko")[0]
    assert header["hero"] is None
    assert not parts
    assert not any("picture" in s for s in header["stops"])


def test_a_sketch_is_read_and_sent(tmp_path, monkeypatch):
    monkeypatch.setattr(first_paint, "FOLDER", tmp_path)
    points, lines = np.zeros((5, 7, 2), np.float32), np.full((5, 1, 9, 2), np.nan, np.float32)
    np.savez(tmp_path / "normal.npz", road_points_data=points, road_lines_model=lines, other=np.zeros(3))
    sketch = first_paint.road_picture("normal")
    assert set(sketch.parts) == {"points_data", "lines_model"}
    header, parts = messages("en")[0]
    stop = next(s for s in header["stops"] if s["id"] == "normal")
    assert {(layer["what"], layer["role"], tuple(layer["shape"])) for layer in stop["sketch"]} == {
        ("points", "data", (5, 7, 2)),
        ("lines", "model", (5, 1, 9, 2)),
    }
    assert stop["alt"] and header["hero"] is None and parts["normal.lines_model"].size == lines.size
    np.savez(tmp_path / "normal.npz", road_points_data=points, road_lines_model=lines[:4])
    assert first_paint.road_picture("normal") is None


def test_every_step_with_a_page_has_a_picture():
    for step in catalogue.ROAD:
        if catalogue.page_of_step(step.id):
            assert first_paint.road_picture(step.id) is not None, f"python -m core.first_paint sketches ({step.id})"


def test_a_picture_that_is_none_is_refused():
    with pytest.raises(ValueError, match="picture"):
        road.Picture(frames(), (1, 2))


# ---- the ladder and the trace ---------------------------------------------------------------------------------------


def climbed(dataset: str, seeds: int = 2) -> ladder.LadderState:
    """A climb made up of plain numbers: two rungs, the second farther away than the first."""
    samples = np.zeros((20, 28, 28), np.uint8) if dataset in ladder.IMAGES else np.zeros((50, 2), np.float32)
    frechet = () if dataset in ladder.IMAGES else (0.5, 0.6)[:seeds]
    rungs = (
        ladder.Climbed("multivariate_normal", "", 1234, 0.2, "", 0.5, (2.0, 2.2)[:seeds], frechet, samples),
        ladder.Climbed("diffusion_model", "", 5678, 130.0, "a box", 1.5, (8.0, 8.4)[:seeds], frechet, samples),
    )
    return ladder.LadderState(rungs, (0.4, 0.6)[:seeds], frechet and (0.1, 0.2)[:seeds], samples, 1, 1, "a box")


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize("dataset", ["mnist", "dinosaur"])
def test_the_ladder_says_what_was_measured_and_where_it_rises(language, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(ladder, "FOLDER", tmp_path)
    monkeypatch.setattr(ladder.kept, "__defaults__", (tmp_path,))
    config, t = ladder.LadderConfig(dataset), text.Words(language)
    ladder.keep(climbed(dataset), config, tmp_path)
    at = visitor("overview")({"overview.ladder.data": dataset}, language=language)
    rows = next(h for h in at.get("html") if 'class="ladder"' in h.proto.body).proto.body
    assert "1,234" in rows and "5,678" in rows and ">2.1<" in rows and ">8.2<" in rows and "<svg" not in rows
    assert rows.count("(a box)") == 1  # where the one that was trained before learnt, which need not be this machine
    names = {k: t.words(f"overview.ladder.step.{k}") for k in ("multivariate_normal", "diffusion_model")}
    body = said(at)
    best = t.words("overview.ladder.caption", best=names["multivariate_normal"], distance="2.1", low="0.4", high="0.6")
    rises = t.words("overview.ladder.rises", before=names["multivariate_normal"], after=names["diffusion_model"])
    assert best.replace("\u00a0", " ") in body and rises in body
    for name in ("no_label", "below_zero", "recorded.points"):
        assert (t.words(f"overview.ladder.{name}") in body) == (dataset == "dinosaur")


@pytest.mark.parametrize("language", text.languages())
def test_one_seed_claims_no_range_of_chance(language, tmp_path, monkeypatch):
    monkeypatch.setattr(ladder.kept, "__defaults__", (tmp_path,))
    ladder.keep(climbed("moons", seeds=1), ladder.LadderConfig("moons"), tmp_path)
    at, t = visitor("overview")({"overview.ladder.data": "moons"}, language=language), text.Words(language)
    best = t.words("overview.ladder.step.multivariate_normal")
    words = t.words("overview.ladder.once", best=best, distance="2", floor="0.4")
    assert words.replace("\u00a0", " ") in said(at)


def test_another_seed_climbs_live_and_a_second_ruler_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(ladder.kept, "__defaults__", (tmp_path,))
    ladder.keep(climbed("moons"), ladder.LadderConfig("moons"), tmp_path)
    at = visitor("overview")({"overview.ladder.data": "moons", "overview.ladder.ruler": "frechet"})
    rows = next(h for h in at.get("html") if 'class="ladder"' in h.proto.body).proto.body
    assert ">0.55<" in rows and "Fréchet distance" in rows
    at = visitor("overview")({"overview.ladder.data": "moons", "overview.ladder.seed": 5})
    assert at.button(key="overview.ladder.start") and not any('class="ladder"' in h.proto.body for h in at.get("html"))


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize("name", trace.TERMS)
def test_every_symbol_names_the_steps_that_build_it(language, name):
    t = text.Words(language)
    for term, experiments in trace.TERMS[name].items():
        at = visitor("overview")(
            {
                "overview.trace.guided_term": "label",
                "overview.trace.formula": name,
                f"overview.trace.{name}_term": term,
            },
            language=language,
        )
        header, _ = message(at, f"overview.trace.{name}")
        assert header["chosen"] == term and set(header["terms"]) == set(trace.TERMS[name])
        linked = [link.proto.label for link in at.get("page_link")]
        for experiment in experiments:
            page = catalogue.page(experiment.partition(".")[0])
            assert f"{page.number} · {t.words(f'{experiment}.title')}" in linked
            assert catalogue.experiment(experiment)
            assert t.words(f"overview.trace.{term}.{experiment}") in said(at)


def test_a_formula_whose_term_has_no_name_is_refused():
    with pytest.raises(ValueError, match="without a name: noise"):
        formula.encode([formula.Cell("ε", "noise")], {}, "", "noise")
