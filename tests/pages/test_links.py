"""Links of every experiment: the same scene for everybody, and of what is wrong, old or hostile the nearest, told."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core import jobs, scene
from pages import working
from tests.pages.apptest import said, sound, visitor
from tests.pages.settings import NONSENSE, OF_MODELS, says_the_same, settings, some, texts
from ui import catalogue, links, text

STEPS = [page for page in catalogue.pages() if page.number]
CANVAS = ("points", "strokes", "rows")
UNSENT = "\ud800"  # half a letter: no browser can send it
HOSTILE = [one for one in NONSENSE if len(one) < 1_000 and UNSENT not in one]


def every(pages: list[catalogue.Page]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.id)


# ---- one value at a time --------------------------------------------------------------------------------------------


def test_whatever_a_link_holds_a_setting_is_given_a_value_that_it_may_have():
    chance, read = random.Random(7), 0
    known = [setting for page in catalogue.pages() for setting in settings(page).values()]
    others = [links.encode(setting, setting.default) for setting in known]
    for setting in known:
        for asked in texts(setting, chance, others):
            value, problem = links.decode(setting, asked)
            name = f"{setting.key}={asked[:80]!r}"
            assert links.decode(setting, links.encode(setting, value)) == (value, None), name
            assert links.clamp(setting, value) == (value, None), name
            assert problem or says_the_same(setting, asked, value), f"{name} is {value}, and nothing is said"
            read += 1
    assert read > 20_000


def test_what_is_set_by_hand_is_what_its_link_opens():
    """A slider's 0.1 + 0.2, a point dragged to any pixel, a drawing: the scene is worked out from what a link holds."""
    chance = random.Random(8)
    for page in catalogue.pages():
        for setting in settings(page).values():
            value = some(setting, chance)
            assert links.decode(setting, links.encode(setting, value)) == (value, None), setting.key


# ---- whole pages ----------------------------------------------------------------------------------------------------


class Idle(jobs.Runner):
    """A runner that takes runs and makes none of them, so that a page shows what it has and says what it waits for."""

    def __init__(self) -> None:
        super().__init__(None)
        self._thread = threading.current_thread()


@pytest.fixture(autouse=True)
def idle(home, monkeypatch) -> Iterator[Idle]:
    runner = Idle()
    monkeypatch.setattr(jobs, "runner", lambda: runner)
    monkeypatch.setattr(working, "PATIENCE", 0.0)
    yield runner


@pytest.fixture
def drawn(monkeypatch, idle) -> set[str]:
    """The keys of all scenes and runs that are asked for."""
    seen: set[str] = set()
    hand, ask = scene.at_hand, idle.ask
    monkeypatch.setattr(scene, "at_hand", lambda wanted: (seen.add(wanted.key), hand(wanted))[1])
    monkeypatch.setattr(idle, "ask", lambda config, *who, **how: (seen.add(config.key), ask(config, *who, **how))[1])
    return seen


def shown(at: AppTest) -> dict[str, object]:
    """The values of the widgets in sight, by the key of their setting."""
    kinds = ("slider", "number_input", "selectbox", "radio", "toggle", "button_group")
    return {one.key: one.value for kind in kinds for one in at.get(kind) if one.key}


def copied(at: AppTest) -> dict[str, str]:
    """All that the links of the page's experiments hold."""
    wires = (c.proto for c in at.get("bidi_component") if c.proto.id.endswith(".link"))
    return {key: value for wire in wires for key, value in json.loads(wire.json)["all"].items()}


@every(list(catalogue.pages()))
def test_the_link_that_one_person_copies_opens_the_same_scene_in_the_other_language(page, drawn):
    chance = random.Random(page.number)
    wanted = {key: some(setting, chance) for key, setting in settings(page).items()}
    asked = {key: links.encode(setting, wanted[key]) for key, setting in settings(page).items()}
    seen = []
    for language in text.languages():
        at = visitor(page.id)(asked, language=language)
        values, told = dict(at.session_state[links.VALUES]), {p.key for p in at.session_state[links.PROBLEMS]}
        differ = {key for key in wanted if values[key] != wanted[key]}
        assert differ <= told, "what the link asked for and is not there is told"
        in_sight = {key: value for key, value in shown(at).items() if key in values}
        assert len(in_sight) > len(wanted) / 4
        for key, value in in_sight.items():
            assert value == (list(values[key]) if isinstance(value, list) else values[key]), key
        wanted, asked = values, copied(at)
        assert asked.keys() == values.keys()
        seen.append((values, set(drawn), asked))
        drawn.clear()
    assert seen[0] == seen[1]
    assert not told, "what was copied fits"


def hurt(page: catalogue.Page, turn: str) -> dict[str, str]:
    """Every setting of the page at once: each with another nonsense, or all below or above what there is."""
    known = settings(page)
    if turn == "nonsense":
        first = 5 * page.number
        keys = [*known, *OF_MODELS.get(page.id, ())]
        return {key: HOSTILE[(first + place) % len(HOSTILE)] for place, key in enumerate(keys)}
    if turn == "lowest":
        return {key: "" if setting.kind in CANVAS else "-1e300" for key, setting in known.items()}
    full = {"points": lambda s: [(s.high, s.high)] * 100, "rows": lambda s: [[1e300] * len(s.columns)] * 13}
    return {k: links.encode(s, full[s.kind](s)) if s.kind in full else "1e300" for k, s in known.items()}


@every(STEPS)
@pytest.mark.parametrize(("turn", "language"), [("nonsense", "en"), ("lowest", "ko"), ("highest", "ko")])
def test_a_hostile_link_is_said_and_never_an_error(page, turn, language):
    asked = hurt(page, turn)
    keys = list(asked)
    assert len(keys) >= 5 and {e.id for e in page.experiments} >= {key.rpartition(".")[0] for key in keys}
    at = sound(visitor(page.id)(asked | {f"{page.id}.old.name": "3", "é.<b>": "1"}, language=language))
    assert at.title[0].value == text.Words(language).words(f"{page.id}.page.title")
    notes = [c.value for c in at.caption if "material/info" in c.value]
    assert len(notes) > len(keys) / 3
    assert any(text.Words(language).label("links.unread") in note for note in notes)
    assert not [problem for problem in at.session_state[links.PROBLEMS] if problem.key not in keys]
    assert not any(word in said(at) for word in ("<script>", "<b>", "{{name}}", "alert", "passwd"))


@pytest.mark.parametrize("page_id", OF_MODELS)
def test_a_model_that_another_machine_lacks_is_said_and_the_first_one_opens(page_id):
    plain = visitor(page_id)()
    at = visitor(page_id)(dict.fromkeys(OF_MODELS[page_id], "diffusion-0123456789ab"))
    for key in OF_MODELS[page_id]:
        assert at.session_state[links.VALUES][key] == plain.session_state[links.VALUES][key]
        assert [p.code for p in at.session_state[links.PROBLEMS] if p.key == key] == ["default"]
    assert not [v for v in copied(at).values() if "/" in v or "\\" in v], "no path of this machine is in a link"
