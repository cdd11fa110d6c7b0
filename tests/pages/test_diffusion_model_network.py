"""Two folded experiments of step 9 without a browser: inside the network, and one wrong line."""

from __future__ import annotations

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.diffusion.mistake_run import LINES, MISTAKES, riddle
from core.diffusion.schedule import NoiseSchedule
from pages.diffusion_model import anatomy, mistakes
from tests.pages.apptest import filled, finished, fits, message, press, said, tables, visitor
from ui import code, text
from ui.anatomy import taken

pytestmark = pytest.mark.usefixtures("home")
visit = visitor("diffusion_model")
ANATOMY, MISTAKE = (f"diffusion_model.{name}" for name in ("anatomy", "mistakes"))


def diagram(at: AppTest) -> tuple[dict, dict[str, np.ndarray]]:
    return message(at, f"{ANATOMY}.diagram")


def stage(at: AppTest, name: str) -> tuple[dict, np.ndarray, np.ndarray]:
    """A stage as it was sent: what is said of it, its maps, its moments."""
    header, parts = diagram(at)
    number = next(k for k, one in enumerate(header["stages"]) if one["name"] == name)
    one = header["stages"][number]
    return one, parts[f"maps{number}"].reshape(one["size"]), parts[f"moments{number}"].reshape(-1, 2)


def walked(at: AppTest) -> AppTest:
    """The page when both walks are over."""
    return finished(at, "mistakes-")


def table(at: AppTest) -> list[list[str]]:
    """The rows of the marks, each with its title."""
    found = next(body for body in tables(at).split("</table>") if 'class="marks"' in body)
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', found)
    return [[title, *re.findall(r"<td>(.*?)</td>", cells)] for title, cells in rows]


def plain(words: str) -> str:
    """Words without the spaces that differ."""
    return re.sub(r"\s+", " ", words)


def lines(at: AppTest) -> list[str]:
    """The two functions that stand side by side at the end of the page, right and wrong, by their names."""
    bodies = (re.sub("<[^>]*>", "", element.proto.body) for element in at.get("html"))
    found = [match[1] for body in bodies if (match := re.match(r"\s*def (\w+)", body))]
    pairs = {(right, wrong) for (_, right), (_, wrong) in LINES.values()}
    return next((list(pair) for pair in zip(found, found[1:], strict=False) if pair in pairs), [])


# ---- inside the network ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_diagram_has_every_stage_and_its_extremes(language):
    at = visit(language=language, anatomy__t=1000, anatomy__stage="attention", anatomy__label="9", anatomy__index=199)
    header, parts = diagram(at)
    names = [one["name"] for one in header["stages"]]
    within = ["enter", "down0", "down1", "attention", "middle", "up0", "up1", "leave"]
    assert names == ["x", *within, "v", "noise", "x0", "clean"]
    assert [one["row"] for one in header["stages"][1:9]] == [1, 1, 2, 2, 2, 2, 1, 1]
    assert header["asked"] == {"stage": "attention", "place": 24} and header["heat"]["t"] == 1000
    assert parts["looks"].size == 4 * 49 * 49
    np.testing.assert_allclose(parts["looks"].reshape(4, 49, 49).sum(-1), 1, rtol=1e-4)
    assert ["down0", "up1"] in [edge[:2] for edge in header["edges"] if edge[3] == "skip"]
    assert "{{" not in said(at)
    wish = {"anatomy__source": "run", "anatomy__t": 1, "anatomy__stage": "clean"}
    at = visit(language=language, anatomy__time="told", anatomy__order="strong", **wish)
    assert "{{" not in said(at) and diagram(at)[0]["heat"]["t"] == 50
    assert "clean" not in [one["name"] for one in diagram(at)[0]["stages"]]  # nobody knows what a run will end in


def test_the_numbers_are_those_of_the_maps():
    at = visit(anatomy__t=399, anatomy__order="varied")
    for name in ("down0", "up1", "v"):
        one, maps, moments = stage(at, name)
        np.testing.assert_allclose(moments[0], [maps.mean(), maps.std()], rtol=1e-3, atol=1e-4)
        spread = maps.reshape(len(maps), -1).std(1)
        assert one["order"][0] == int(spread.argmax())
    assert sum(one["weights"] or 0 for one in diagram(at)[0]["stages"]) == 420_612 - 24_832 - 1_408
    _, x, _ = stage(at, "x")
    left = float(NoiseSchedule.cosine(1000).alpha_bar[399])
    found = filled(f"{ANATOMY}.follows", at)
    assert (found["t"], found["signal"], found["noise"]) == (
        399, float(f"{left**0.5:.3g}"), float(f"{(1 - left) ** 0.5:.3g}"),
    )  # fmt: skip
    _, v, _ = stage(at, "v")
    for name, expected in (
        ("noise", (1 - left) ** 0.5 * x + left**0.5 * v),
        ("x0", left**0.5 * x - (1 - left) ** 0.5 * v),
    ):
        np.testing.assert_allclose(stage(at, name)[1], expected, atol=1e-4)
    truth = filled(f"{ANATOMY}.truth", at)
    off = np.sqrt(np.mean((stage(at, "x0")[1] - stage(at, "clean")[1]) ** 2))
    assert truth["x0_off"] == float(f"{off:.2g}")


def test_the_label_reaches_the_blocks_and_nonsense_is_put_right():
    plain, told = (stage(visit(anatomy__t=700, anatomy__label=label), "middle")[1] for label in ("none", "3"))
    assert np.abs(plain - told).max() > 0.1
    at = visit(anatomy__seed=1, anatomy__t="x", anatomy__label="33", anatomy__index=-4, anatomy__stage="attic")
    assert diagram(at)[0]["asked"]["stage"] == "down0" and diagram(at)[0]["heat"]["t"] == 400


def test_what_the_browser_reports_is_looked_at():
    chosen = {"stage": anatomy.STAGE, "place": anatomy.PLACE, "t": anatomy.T}
    good = {"stage": "up1", "place": 3, "t": 999}
    assert taken(good, chosen) == good
    assert taken({"stage": "attic", "place": True, "t": 5_000}, chosen) == {"t": 1000}
    assert taken(None, chosen) == taken("up1", chosen) == {}


# ---- one wrong line -------------------------------------------------------------------------------------------------


def test_each_mistake_shows_its_samples_its_marks_and_its_line():
    at = walked(visit(mistakes__bug=MISTAKES[0], mistakes__data="points"))
    for mistake in MISTAKES[1::2]:
        at = walked(at.selectbox(key=f"{MISTAKE}.bug").set_value(mistake).run())
        header, parts = message(at, f"{MISTAKE}.player")
        assert len(header["levels"]) == 21 and [track["name"] for track in header["tracks"]] == ["right", "wrong"]
        starts = []
        for k, track in enumerate(header["tracks"]):
            steps = parts[f"values{k}"].reshape(21, -1)[0].astype(float) + 32_768
            starts.append(steps / 65_535 * (track["high"] - track["low"]) + track["low"])
        np.testing.assert_allclose(*starts, atol=0.01)  # from the same noise
        assert filled(f"{MISTAKE}.mark.{mistake}", at)
        assert plain(text.Words("en").words(f"{MISTAKE}.look.{mistake}.points")) in plain(said(at))
        rows = table(at)
        assert [len(row) for row in rows] == [4, 4, 4]
        assert rows[1][0] == text.Words("en").words(f"{MISTAKE}.bug.{mistake}")
        assert lines(at) == [name for _, name in LINES[mistake]]


def test_at_the_extremes_there_is_an_answer():
    at = walked(visit(mistakes__bug="short", mistakes__data="points", mistakes__steps=200, language="ko"))
    assert len(message(at, f"{MISTAKE}.player")[0]["levels"]) <= 100 and len(table(at)) == 3
    at = walked(visit(mistakes__bug="last_noise", mistakes__steps=-3, mistakes__data="points", mistakes__riddle="x"))
    assert float(filled(f"{MISTAKE}.mark.last_noise", at)["t"]) == 500
    assert len(message(at, f"{MISTAKE}.player")[0]["levels"]) == 3
    at = walked(visit(mistakes__bug="nobody", mistakes__data="points"))
    assert at.selectbox(key=f"{MISTAKE}.bug").value == mistakes.BUG.default


@pytest.mark.parametrize("language", text.languages())
def test_a_riddle_hides_its_answer_until_it_is_given(language):
    words = text.Words(language)
    at = walked(visit(language=language, mistakes__mode="guess", mistakes__data="points", mistakes__riddle=4))
    hidden = riddle(4, "points")
    assert message(at, f"{MISTAKE}.player")[0]["tracks"][1]["label"] == "?" and table(at)[1][0] == "?"
    assert lines(at) == []
    pills = at.get("button_group")
    given = next(group for group in pills if group.key == f"{MISTAKE}.pick.4.points")
    assert at.button(key=f"{MISTAKE}.reveal").disabled
    at = given.set_value([hidden]).run() if isinstance(given.value, list) else given.set_value(hidden).run()
    at = walked(press(at, f"{MISTAKE}.reveal"))
    assert plain(words.words(f"{MISTAKE}.look.{hidden}.points")) in plain(said(at))
    assert words.words(f"{MISTAKE}.guess.score", right=1, of=1) in said(at)
    assert table(at)[1][0] == words.words(f"{MISTAKE}.bug.{hidden}")
    at = walked(press(at, f"{MISTAKE}.next"))
    assert message(at, f"{MISTAKE}.player")[0]["tracks"][1]["label"] == "?"


def test_the_books_range_is_a_choice():
    at = walked(visit(mistakes__mode="range", mistakes__index=5, mistakes__steps=2))
    found = filled(f"{MISTAKE}.range.caption", at)
    assert found["book"] < found["right"] and abs(found["std_right"] / found["std_book"] - 2) < 0.02
    assert fits(f"{MISTAKE}.mark.range", at) is not None and len(table(at)) == 3
    assert mistakes.BUG.choices == MISTAKES


def test_without_models_both_say_so(monkeypatch, tmp_path):
    from core.store import ModelStore

    monkeypatch.setattr("core.library.stores", lambda: (ModelStore(tmp_path),))
    monkeypatch.setattr("core.shipped.shipped", lambda: ModelStore(tmp_path))
    from core.diffusion import mistaken

    mistaken.load.cache_clear()
    at = walked(visit(anatomy__t=5, mistakes__bug="short", mistakes__data="points", mistakes__seed=77))
    assert text.Words("en").words("diffusion_model.denoise.no_model") in said(at)
    assert not at.exception


@pytest.mark.parametrize("mistake", LINES)
def test_one_line_of_each_function_is_marked_and_none_of_what_is_said_about_it(mistake):
    sources = [code.read(f"core/diffusion/{file}.py", [name]) for file, name in LINES[mistake]]
    for source, marked in zip(sources, mistakes.differing(*sources), strict=True):
        assert len(marked) == 1
        assert code.as_html(source, marked).count('class="hit"') == 1
