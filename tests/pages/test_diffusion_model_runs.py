"""Step 9 without a browser: bad links and damaged models, and trainings that are drawn, shared, stopped and diverge."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import jobs
from core.store import key_of, user_store
from tests.pages.apptest import TINY_LEVELS as T
from tests.pages.apptest import finished, message, numbers, said, script, tables, visitor, wait_for
from ui import packing, text

pytestmark = pytest.mark.usefixtures("home")
visit = visitor("diffusion_model")
DENOISE, TRAIN, SAMPLERS = (f"diffusion_model.{name}" for name in ("denoise", "train", "samplers"))
SQUIGGLE = (tuple((0.1 + 0.016 * k, 0.5 + 0.3 * math.sin(k / 6)) for k in range(50)),)


def settled(at: AppTest) -> AppTest:
    """The page when nothing is sampled any more."""
    return finished(at, "sampling-")


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_nonsense_in_a_link_is_put_right_with_a_sentence(language):
    wrong = {
        DENOISE: "steps=-5 eta=7 count=1e9 label=11 clip=maybe seed=nan frame=<script> sampler=../../etc scale=inf "
        "model=diffusion-000000000000",
        TRAIN: "data=secret length= rate=1e308 seed=10000 batch=0 ink=AAAA",
        SAMPLERS: f"calls=4 eta=-1 seed={'9' * 400} scale=x model=%00",
    }
    asked = {
        f"{name.partition('.')[2]}__{key}": value
        for name, pairs in wrong.items()
        for key, value in (pair.split("=") for pair in pairs.split(" "))
    }
    at = visit(language=language, **asked)
    t = text.Words(language)
    t_end = t.label("links.default", name="…").split("…")[1]
    assert said(at).count(t_end) >= 12, "each that made no sense is named"
    for name, low, high, used in (("eta", 0, 1, 1), ("count", 1, 64, 64), ("steps", 1, 1000, 1)):
        sentence = t.label("links.clamped", name=t.words(f"{DENOISE}.{name}"), low=low, high=f"{high:,}", used=used)
        assert sentence.replace("1,000", "1000") in said(at).replace("1,000", "1000")
    assert "<script>" not in said(at) and "secret" not in said(at)
    assert at.selectbox(key=f"{DENOISE}.model").value == "digits"
    assert at.slider(key=f"{DENOISE}.steps").value == 1
    assert at.number_input(key=f"{SAMPLERS}.seed").value in (0, 99_999)
    jobs.runner().close()  # one step of 64 digits and a race of 1,000: nobody has to wait for them here


def test_more_steps_than_the_model_has_levels_are_clamped(tiny):
    at = settled(visit(denoise__model=tiny, denoise__steps=1000))
    assert at.slider(key=f"{DENOISE}.steps").value == T
    assert "goes from 1 to 20; it is now 20" in said(at)


def copy_of(tiny: str, home: Path, name: str) -> tuple[str, Path]:
    """Another model with the same weights, and its file."""
    tensors, record = user_store().load(tiny)
    key = key_of("diffusion", {"copy": name})
    user_store().save(key, tensors, {part: record[part] for part in ("kind", "config", "examples")})
    return key, home / f"{key}.safetensors"


def test_a_model_file_cut_short_is_not_offered(tiny, home):
    key, file = copy_of(tiny, home, "cut short")
    file.write_bytes(file.read_bytes()[:-1000])
    at = visit(denoise__model=key)
    name = text.Words("en").words(f"{DENOISE}.model")
    assert text.Words("en").label("links.default", name=name) in said(at)
    assert at.selectbox(key=f"{DENOISE}.model").value == "digits"


def test_a_damaged_model_is_a_sentence_and_not_tried_again(tiny, home):
    key, file = copy_of(tiny, home, "damaged")
    content = bytearray(file.read_bytes())
    content[-1000:-900] = bytes(100)
    file.write_bytes(content)
    at = visit(denoise__model=key)
    job = jobs.runner().find(at.session_state[f"{DENOISE}.asked"][0])
    wait_for(lambda: job.snapshot().status == "failed")
    if not said(at).count(text.Words("en").label("live.message.model_damaged")):
        at.run()
    assert not at.exception
    assert text.Words("en").label("live.message.model_damaged") in said(at)
    at.run()  # now it has been set aside: it is no longer offered, and its run is left
    version = job.snapshot().version
    at.run()
    assert not at.exception
    assert job.snapshot().version == version


# ---- training -------------------------------------------------------------------------------------------------------


def watched(at: AppTest) -> jobs.Snapshot:
    return jobs.runner().find(at.session_state[f"live.{TRAIN}"]).snapshot()


@pytest.mark.parametrize(
    ("strokes", "enough"),
    [
        ((), False),
        ((((0.5, 0.5),),), False),
        ((((0.5, 0.5), (0.55, 0.5)),), False),
        ((((0.2, 0.5), (0.8, 0.5)),), True),
    ],
)
def test_an_empty_drawing_is_not_trained_on_but_one_straight_line_is(strokes, enough):
    at = visit(train__data="drawing", train__ink=packing.pack_strokes(strokes) if strokes else "")
    assert (text.Words("en").words(f"{TRAIN}.draw.empty") in said(at)) == (not enough)
    assert (f"{TRAIN}.start" in {b.key for b in at.button}) == enough


def test_a_drawn_shape_is_learnt_and_offered(monkeypatch, blobs):
    from pages.diffusion_model import train

    monkeypatch.setitem(train.POINT_STEPS, "short", 60)
    at = visit(train__data="drawing", train__length="short", train__batch=32, train__ink=packing.pack_strokes(SQUIGGLE))
    at.button(key=f"{TRAIN}.start").click().run()
    assert not at.exception
    wait_for(lambda: watched(at).status == "done")
    at.run()
    assert not at.exception
    parameters, steps, _ = numbers(r"Done: ([\d,]+) weights, ([\d,]+) updates, ([\d.,]+) s", at)
    assert steps == 60
    key = watched(at).key
    assert parameters == sum(v.numel() for v in user_store().load(key)[0].values())
    kept = user_store().record(key)["config"]["strokes"]
    assert np.abs(np.array(kept[0]) - np.array(SQUIGGLE[0])).max() < 0.01
    assert key in at.selectbox(key=f"{DENOISE}.model").options or any(
        "Your drawing" in o for o in at.selectbox(key=f"{DENOISE}.model").options
    )
    at.button(key=f"{TRAIN}.use").click().run()
    settled(at)
    assert at.selectbox(key=f"{DENOISE}.model").value == key
    header, parts = message(at, f"{DENOISE}.player")
    assert header["tracks"][0]["items"] == 2000
    # in another session it is offered too, and finished already
    other = visit(denoise__model=key, train__data="drawing", train__length="short", train__batch=32,
                  train__ink=packing.pack_strokes(SQUIGGLE))  # fmt: skip
    assert other.selectbox(key=f"{DENOISE}.model").value == key
    assert f"{TRAIN}.start" not in {b.key for b in other.button}
    settled(other)


def test_a_tiny_run_on_digits(monkeypatch):
    from pages.diffusion_model import train

    monkeypatch.setitem(train.IMAGE_EXAMPLES, "short", 32 * 3)
    at = visit(train__length="short", train__batch=32, train__seed=9_999)
    at.button(key=f"{TRAIN}.start").click().run()
    wait_for(lambda: watched(at).status == "done")
    at.run()
    assert not at.exception
    assert numbers(r"Done: [\d,]+ weights, ([\d,]+) updates", at) == (3,)
    assert tables(at).count('<tr><th scope="row">After 3 updates') == 1


@pytest.mark.parametrize("language", text.languages())
def test_a_rate_that_diverges_says_so(language):
    at = visit(language=language)
    at.button(key=f"{TRAIN}.preset.runaway").click().run()
    if f"{TRAIN}.start" in {b.key for b in at.button}:
        at.button(key=f"{TRAIN}.start").click().run()
    wait_for(lambda: watched(at).status not in ("waiting", "running"))
    at.run()
    assert not at.exception
    assert (watched(at).status, watched(at).message) == ("failed", "diverged")
    step = watched(at).state.training.step
    assert text.Words(language).words(f"{TRAIN}.diverged", step=step) in said(at)


def test_a_run_is_found_again_stopped_and_continued():
    at = visit(train__data="dinosaur", train__length="long", train__batch=32)
    at.button(key=f"{TRAIN}.start").click().run()
    wait_for(lambda: watched(at).state is not None and watched(at).state.training.step > 20)
    at.switch_page(script("overview")).run()
    assert not at.exception
    assert watched(at).status == "running"
    at.query_params.clear()
    at.switch_page(script("diffusion_model")).run()
    assert not at.exception
    assert at.selectbox(key=f"{TRAIN}.data").value == "mnist", "the page forgets its settings, the session not its run"
    step, steps = numbers(r"Update (\d+) of ([\d,]+): loss", at)
    from pages.diffusion_model import train

    assert step > 20 and steps == train.POINT_STEPS["long"]
    # somebody else sees it, but may not stop it
    other = visit(train__data="dinosaur", train__length="long", train__batch=32)
    keys = {b.key for b in other.button}
    assert f"{TRAIN}.join" in keys and not keys & {f"{TRAIN}.leave", f"{TRAIN}.stop"}
    other.button(key=f"{TRAIN}.join").click().run()
    assert watched(at).watchers == 2 and "2 people watching" in said(other)
    assert f"{TRAIN}.stop" not in {b.key for b in other.button}
    other.button(key=f"{TRAIN}.leave").click().run()
    assert not other.exception
    assert (watched(at).status, watched(at).watchers) == ("running", 1), "who started it still watches"
    at.button(key=f"{TRAIN}.stop").click().run()
    wait_for(lambda: watched(at).status == "stopped")
    at.run()
    stopped = watched(at).state.training.step
    assert "stopped at" in said(at)
    losses = watched(at).state.training.losses[:stopped].numpy()
    lately = losses[-min(100, max(1, stopped // 10)) :].mean()  # where the curve ends, and not where it began
    assert numbers(r": loss ([\d.]+)", at) == (pytest.approx(lately, rel=0.006),)
    # continued from the link that names it
    again = visit(train__data="dinosaur", train__length="long", train__batch=32)
    assert again.button(key=f"{TRAIN}.start").label == text.Words("en").label("live.training.continue")
    again.button(key=f"{TRAIN}.start").click().run()
    wait_for(lambda: watched(again).status == "running" and watched(again).state.training.step > stopped)
    assert watched(again).state.training.step < stopped + 3_000
    again.run()
    again.button(key=f"{TRAIN}.stop").click().run()
    wait_for(lambda: watched(again).status == "stopped")
