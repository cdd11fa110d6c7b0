"""The page of step 9 without a browser: what it says and computes, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import jobs
from core.diffusion import library
from core.diffusion.learned import DiffusionConfig, ScheduleConfig, build_network
from core.diffusion.sampling import SamplingConfig
from core.diffusion.unet import UNetConfig
from core.shipped import key_of_name
from core.store import ModelNotFound, key_of, user_store
from core.training import TrainingConfig
from ui import component, packing, text

ROOT = Path(__file__).resolve().parents[2]
SHELL = str(ROOT / "ui" / "shell.py")
PAGE = "../pages/09_diffusion_model.py"
OVERVIEW = "../pages/00_overview.py"
DENOISE, TRAIN, SAMPLERS = (f"diffusion_model.{name}" for name in ("denoise", "train", "samplers"))
T = 20  # levels of the small image model
SQUIGGLE = (tuple((0.1 + 0.016 * k, 0.5 + 0.3 * math.sin(k / 6)) for k in range(50)),)


# ---- a home with two small models of its own, and the visits ---------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh folder for models, and a fresh runner on it, for the whole file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("TEN_STEPS_HOME", str(folder))
        jobs.runner().close()
        library.load.cache_clear()
        yield folder
        jobs.runner().close()
        library.load.cache_clear()


@pytest.fixture(scope="module")
def tiny(home: Path) -> str:
    """The key of a small image model with few levels: every sampler at every setting takes a moment."""
    network = UNetConfig(widths=(8, 16), embedding=16, heads=1)
    config = DiffusionConfig("mnist", TrainingConfig(1), network, ScheduleConfig("cosine", T))
    model = build_network(network, seed=1)
    with torch.no_grad():  # its last convolution starts at zero: it would predict nothing at all
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
    record = {"kind": "diffusion", "config": config.describe(), "examples": 64}
    user_store().save(config.key, {k: v.detach() for k, v in model.state_dict().items()}, record)
    return config.key


@pytest.fixture(scope="module")
def blobs(home: Path) -> str:
    """The key of the model of the three blobs: the one that ships, else one learnt here in a moment."""
    try:
        return key_of_name("diffusion", "blobs")
    except ModelNotFound:
        *_, state = DiffusionConfig.for_points("blobs", 400, batch_size=128).start()
        tensors, record = state.result()
        user_store().save(state.config.key, tensors, record | {"name": "blobs"})
        return state.config.key


@pytest.fixture(autouse=True)
def quiet_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest names the choices of a widget outside the session, where the fallback language is spoken."""
    monkeypatch.setattr(text, "FALLBACK", text.FALLBACK)


def visit(*, language: str = "en", **settings: object) -> AppTest:
    """The page after its first run. Settings are `denoise_steps=5`."""
    text.FALLBACK = language
    at = AppTest.from_file(SHELL, default_timeout=60)
    at.query_params["lang"] = language
    for name, value in settings.items():
        experiment, _, rest = name.partition("_")
        at.query_params[f"diffusion_model.{experiment}.{rest}"] = str(value)
    at.switch_page(PAGE).run()
    assert not at.exception, [e.message for e in at.exception]
    return at


def settled(at: AppTest, seconds: float = 60) -> AppTest:
    """The page when nothing is sampled any more."""
    until = time.monotonic() + seconds
    while any(s.key.startswith("sampling-") and s.status in ("waiting", "running") for s in snapshots()):
        assert time.monotonic() < until, "sampling takes too long"
        time.sleep(0.02)
    at.run()
    assert not at.exception, [e.message for e in at.exception]
    return at


def snapshots() -> list[jobs.Snapshot]:
    return [job.snapshot() for job in jobs.runner().jobs()]


def said(at: AppTest) -> str:
    """Every sentence on the page."""
    return "\n".join([*(m.value for m in at.markdown), *(c.value for c in at.caption)])


def tables(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html"))


def message(at: AppTest, key: str) -> tuple[dict, dict[str, np.ndarray]]:
    """What a canvas component was sent."""
    found = next(c.proto for c in at.get("bidi_component") if c.proto.id.endswith(f"-{key}"))
    return component.decode(found.bytes)


def numbers(pattern: str, at: AppTest) -> tuple[float, ...]:
    """The numbers in the first sentence that fits the pattern."""
    found = re.search(pattern, said(at))
    assert found, f"nothing on the page fits {pattern!r}"
    return tuple(float(n.replace(",", "").replace("−", "-")) for n in found.groups())


def alpha_bar(t: int, levels: int = 1000) -> float:
    """Nichol and Dhariwal 2021, equation 17, with β at most 0.999."""
    f = [math.cos((k / levels + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(levels + 1)]
    return f[t] / f[0] if t < levels else f[t - 1] / f[0] * 0.001


@dataclass(frozen=True)
class Block:
    """A run that keeps the runner's thread until it is let go."""

    begun: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    title = "block"
    short = True

    @property
    def key(self) -> str:
        return f"block-{id(self.go):x}"

    @property
    def progress(self) -> float:
        return 0.5

    def start(self, checkpoint: object) -> Iterator[Block]:
        self.begun.set()
        self.go.wait(60)
        yield self


@contextmanager
def busy_runner() -> Iterator[None]:
    """As long as this lasts, nothing that is asked for begins."""
    block = Block()
    assert jobs.runner().ask(block, "test").snapshot().status == "waiting"
    assert block.begun.wait(10)
    try:
        yield
    finally:
        block.go.set()
        wait_for(lambda: jobs.runner().find(block.key).snapshot().status == "done")
        jobs.runner().leave(block.key, "test")


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.02)


# ---- the first paint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    t = text.Words(language)
    assert at.title[0].value == t.words("diffusion_model.page.title")
    assert {h.value for h in at.subheader} >= {t.words(f"{name}.title") for name in (DENOISE, TRAIN, SAMPLERS)}
    assert not [s for s in snapshots() if s.key.startswith("sampling-")], "nothing may have to be computed"
    header, parts = message(at, f"{DENOISE}.player")
    assert [track["items"] for track in header["tracks"]] == [16, 16, 16]
    assert len(header["levels"]) == 51 and header["levels"][header["start"]]["level"] == 400
    assert all(len(np.unique(parts[f"values{k}"])) > 50 for k in range(3))
    header, _ = message(at, f"{SAMPLERS}.player")
    assert [track["name"] for track in header["tracks"]] == ["ddpm", "ddim", "heun", "dpm_solver_pp"]
    assert 'class="growing"' in tables(at) and 'class="arithmetic"' in tables(at)


def test_the_first_paint_needs_no_torch(tmp_path):
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file({SHELL!r}, default_timeout=60)
at.switch_page({PAGE!r}).run()
assert not at.exception and at.title, [e.message for e in at.exception]
assert len(at.get("bidi_component")) >= 5
print("torch" in sys.modules)
"""
    environment = os.environ | {"TEN_STEPS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["False"], done.stderr[-2000:]


def test_the_words_that_the_page_asks_for_exist_in_every_language():
    for file in [ROOT / "pages/09_diffusion_model.py", *(ROOT / "pages/diffusion_model").glob("*.py")]:
        source = file.read_text("utf-8")
        own = re.search(r'^ID = "(.+)"', source, re.MULTILINE)
        known = {"{ID}": own.group(1) if own else "", "{PAGE}": "diffusion_model", "{denoise.ID}": DENOISE}
        for asked in re.findall(r"""(?:words|derivation|prediction)\(f?["']([^"']+)["']""", source):
            for name, value in known.items():
                asked = asked.replace(name, value)
            begin, _, _ = asked.partition("{")
            for language in text.languages():
                words = text.sections(text.CONTENT / language / "diffusion_model.md")
                fits = [s for s in words if s == asked or s.startswith(begin if begin != asked else f"{asked}.")]
                assert fits, f"content/{language} has no section {asked} ({file.name})"


# ---- from noise to data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1000, 600, 20])
def test_the_caption_agrees_with_the_state(level):
    at = visit(denoise_frame=level)
    t, levels, signal, noise = numbers(r"At t = (\d+) of (\d+).*= ([\d.e−]+) parts .*= ([\d.e−]+) parts", at)
    assert (t, levels) == (level, 1000)
    assert signal == pytest.approx(math.sqrt(alpha_bar(level)), rel=6e-3)
    assert noise == pytest.approx(math.sqrt(1 - alpha_bar(level)), rel=6e-3)
    assert numbers(r"network calls: (\d+); samples: (\d+)", at) == (50, 16)


def test_the_arithmetic_leads_to_the_next_state():
    at = visit(denoise_frame=400)
    cells = re.findall(r"<td>([^<]*)</td>", tables(at))
    values = [
        float(c.replace("−", "-").replace(",", "")) for c in cells[1::2]
    ]  # ε̂, x̂_0, x_s of DDIM without fresh noise
    assert len(values) == 3
    noise, x0, x_s = values
    left = alpha_bar(380)
    assert x_s == pytest.approx(math.sqrt(left) * x0 + math.sqrt(1 - left) * noise, abs=2e-3)
    header, parts = message(at, f"{DENOISE}.player")
    place = [level["level"] for level in header["levels"]].index(380)
    sent = parts["values0"].reshape(51, 16, 28, 28)[place, 0, 14, 14] / 255 * 6 - 3
    assert x_s == pytest.approx(sent, abs=6 / 255)


@pytest.mark.parametrize(
    ("settings", "calls", "samples"),
    [
        (
            {"sampler": "ddim", "steps": T, "eta": 1, "count": 64, "label": 9, "scale": 10, "clip": 0, "seed": 99_999},
            T,
            64,
        ),
        ({"sampler": "ddim", "steps": 1, "eta": 0, "count": 1, "label": "each", "scale": 0, "seed": 0}, 1, 1),
        ({"sampler": "ddpm", "count": 64, "label": "none", "scale": 10, "clip": 1}, T, 64),
        ({"sampler": "heun", "steps": T, "count": 1, "label": 9, "scale": 10, "clip": 0}, 2 * T - 1, 1),
        ({"sampler": "heun", "steps": 1, "count": 64, "label": "none"}, 1, 64),
        ({"sampler": "dpm_solver_pp", "steps": T, "count": 64, "label": "each", "scale": 10}, T, 64),
        ({"sampler": "dpm_solver_pp", "steps": 1, "count": 1, "label": 0, "scale": 0}, 1, 1),
    ],
)
def test_extreme_settings_of_images(tiny, settings, calls, samples):
    asked = {f"denoise_{name}": value for name, value in settings.items()} | {"denoise_model": tiny}
    at = settled(visit(**asked, denoise_frame=T))
    assert numbers(r"network calls: (\d+); samples: (\d+)", at) == (calls, samples)
    shown, total = len(message(at, f"{DENOISE}.player")[0]["levels"]), settings.get("steps", T) + 1
    if shown < total:
        assert numbers(r"The slider holds (\d+) of the (\d+) states", at) == (shown, total)
    assert numbers(r"At t = (\d+) of (\d+)", at) == (T, T)
    assert 'class="arithmetic"' in tables(at)
    at = settled(
        visit(language="ko", **{f"denoise_{k}": v for k, v in settings.items()}, denoise_model=tiny, denoise_frame=0)
    )
    assert f"{calls}" in said(at) and f"{samples}" in said(at)


@pytest.mark.parametrize(
    ("sampler", "steps", "eta"),
    [("ddim", 1000, 1), ("ddim", 1, 0), ("ddpm", 3, 0), ("heun", 1, 0), ("heun", 300, 0), ("dpm_solver_pp", 1, 0)],
)
def test_extreme_settings_of_points(blobs, sampler, steps, eta):
    asked = {"denoise_sampler": sampler, "denoise_steps": steps, "denoise_eta": eta, "denoise_seed": 99_999}
    at = settled(visit(denoise_model="blobs", denoise_frame=1000, **asked))
    calls = {"ddpm": 1000, "heun": 2 * steps - 1}.get(sampler, steps)
    assert numbers(r"network calls: ([\d,]+); samples: ([\d,]+)", at) == (calls, 2000)
    header, _ = message(at, f"{DENOISE}.player")
    assert [track["kind"] for track in header["tracks"]] == ["points"] * 3
    assert f"{DENOISE}.label" not in {s.key for s in at.selectbox}, "a model without labels is asked for none"


def test_what_is_sent_is_what_the_sampler_gives(tiny):
    at = settled(visit(denoise_model=tiny, denoise_steps=5, denoise_count=3, denoise_label="7", denoise_seed=4))
    config = SamplingConfig(tiny, steps=5, labels=(7,), count=3, seed=4)
    *_, state = config.start()
    _, parts = message(at, f"{DENOISE}.player")
    sent = parts["values0"].reshape(6, 3, 28, 28)[-1] / 255 * 6 - 3
    np.testing.assert_allclose(sent, np.clip(state.frames[-1].x[:, 0], -3, 3), atol=3.01 / 255)


def test_the_last_picture_stays_while_another_is_computed(blobs):
    at = visit()
    with busy_runner():
        at.selectbox(key=f"{DENOISE}.model").select("blobs").run()
        assert not at.exception
        assert "Computing: 0 of 50 steps done" in said(at)
        assert [track["kind"] for track in message(at, f"{DENOISE}.player")[0]["tracks"]] == ["images"] * 3
        assert numbers(r"network calls: (\d+); samples: (\d+)", at) == (50, 16)
        at.selectbox(key=f"{SAMPLERS}.model").select("blobs").run()
        assert not at.exception
    assert "Computing" not in said(settled(at))
    assert [track["kind"] for track in message(at, f"{DENOISE}.player")[0]["tracks"]] == ["points"] * 3


def test_a_link_with_settings_shows_the_finished_picture_first(tiny):
    with busy_runner():
        at = visit(denoise_model=tiny, denoise_steps=7, denoise_seed=8)
        assert "Computing: 0 of 7 steps done" in said(at)
        assert len(message(at, f"{DENOISE}.player")[0]["levels"]) == 51
    assert len(message(settled(at), f"{DENOISE}.player")[0]["levels"]) == 8


def test_what_nobody_waits_for_any_more_is_left(tiny):
    at = visit(denoise_model=tiny)
    with busy_runner():
        for seed in (101, 102, 103):
            at.number_input(key=f"{DENOISE}.seed").set_value(seed).run()
    settled(at)
    left = [s.status for s in snapshots() if s.key.startswith("sampling-") and s.watchers == 0]
    assert left.count("stopped") == 2


@pytest.mark.parametrize("preset", ["few", "fresh", "unguided", "pushed"])
def test_the_presets_lead_somewhere(tiny, preset):
    at = settled(visit(denoise_model=tiny))
    at.button(key=f"{DENOISE}.preset.{preset}").click().run()
    settled(at)
    changed = {"few": ("steps", "3"), "fresh": ("eta", "1"), "unguided": ("label", "none"), "pushed": ("scale", "8")}
    link = next(c.proto for c in at.get("bidi_component") if c.proto.id.endswith(f"-{DENOISE}.link"))
    name, value = changed[preset]
    assert f'"{DENOISE}.{name}": "{value}"' in link.json
    at.button(key=f"{DENOISE}.reset").click().run()
    assert at.selectbox(key=f"{DENOISE}.model").value == "digits"


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
        f"{name.partition('.')[2]}_{key}": value
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
    at = settled(visit(denoise_model=tiny, denoise_steps=1000))
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
    at = visit(denoise_model=key)
    name = text.Words("en").words(f"{DENOISE}.model")
    assert text.Words("en").label("links.default", name=name) in said(at)
    assert at.selectbox(key=f"{DENOISE}.model").value == "digits"


def test_a_damaged_model_is_a_sentence_and_not_tried_again(tiny, home):
    key, file = copy_of(tiny, home, "damaged")
    content = bytearray(file.read_bytes())
    content[-1000:-900] = bytes(100)
    file.write_bytes(content)
    at = visit(denoise_model=key)
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


# ---- four roads -----------------------------------------------------------------------------------------------------


def test_the_race_agrees_with_its_caption(tiny):
    at = settled(visit(samplers_model=tiny, samplers_calls=5, samplers_eta=1, samplers_seed=3, samplers_scale=0))
    assert numbers(r"at most (\d+) times.*all ([\d,]+) levels", at) == (5, T)
    header, parts = message(at, f"{SAMPLERS}.player")
    assert [re.search(r"\d+", track["note"]).group() for track in header["tracks"]] == ["20", "5", "5", "5"]
    first = [parts[f"values{k}"].reshape(-1, 12, 28, 28)[0] for k in range(4)]
    assert all((values == first[0]).all() for values in first), "all four start from the same noise"


def test_another_budget_does_not_run_ddpm_again():
    before = {s.key for s in snapshots()}
    at = settled(visit(samplers_calls=3))
    assert numbers(r"at most (\d+) times", at) == (3,)
    new = {s.title for s in snapshots() if s.key not in before}
    assert new and not [title for title in new if title.startswith("ddpm")]


def test_the_race_at_its_extremes(tiny, blobs):
    settled(visit(samplers_model=tiny, samplers_calls=100, samplers_scale=10, samplers_seed=99_999))
    at = settled(visit(language="ko", samplers_model="blobs", samplers_calls=3, samplers_eta=1))
    assert message(at, f"{SAMPLERS}.player")[0]["tracks"][0]["items"] == 2000


def test_points_are_measured_on_request(blobs, monkeypatch):
    from pages.diffusion_model import samplers

    whole = samplers._measurement
    monkeypatch.setattr(samplers, "_measurement", lambda model: replace(whole(model), entries=whole(model).entries[:2]))
    at = settled(visit(samplers_model="blobs"))
    start = at.button(key=f"{SAMPLERS}.quality.start")
    assert start.label == text.Words("en").label("live.measuring.start")
    start.click().run()
    wait_for(lambda: all(s.status == "done" for s in snapshots() if s.key.startswith("quality-")))
    at.run()
    assert not at.exception
    (count, calls, distance, floor) = numbers(
        r"Measured on ([\d,]+) samples.*network calls: (\d+)\), at a distance of ([−\d.e]+).*gives ([−\d.e]+)\.", at
    )
    assert count == 2000 and calls in (3, 5) and distance > floor
    assert f"{SAMPLERS}.quality.start" not in {b.key for b in at.button}


@pytest.mark.parametrize("language", ["ko", "en"])
def test_without_any_model_the_page_says_so(language, monkeypatch):
    monkeypatch.setattr("core.diffusion.library.available", list)
    at = visit(language=language)
    assert said(at).count(text.Words(language).words(f"{DENOISE}.no_model")) == 2
    assert at.button(key=f"{TRAIN}.start")


def test_clothes_are_asked_for_by_their_names():
    at = settled(visit(language="ko", denoise_model="fashion", denoise_steps=1, denoise_count=1))
    assert "앵클부츠" in at.selectbox(key=f"{DENOISE}.label").options
    assert at.selectbox(key=f"{DENOISE}.label").value == "each"


# ---- training -------------------------------------------------------------------------------------------------------


def watched(at: AppTest) -> jobs.Snapshot:
    return jobs.runner().find(at.session_state[f"live.{TRAIN}"]).snapshot()


def test_an_empty_drawing_is_not_trained_on():
    for ink in ("", packing.pack_strokes((((0.5, 0.5),),))):
        at = visit(train_data="drawing", train_ink=ink)
        assert text.Words("en").words(f"{TRAIN}.draw.empty") in said(at)
        assert f"{TRAIN}.start" not in {b.key for b in at.button}


def test_a_drawn_shape_is_learnt_and_offered(monkeypatch, blobs):
    from pages.diffusion_model import train

    monkeypatch.setitem(train.POINT_STEPS, "short", 60)
    at = visit(train_data="drawing", train_length="short", train_batch=32, train_ink=packing.pack_strokes(SQUIGGLE))
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
    other = visit(denoise_model=key, train_data="drawing", train_length="short", train_batch=32,
                  train_ink=packing.pack_strokes(SQUIGGLE))  # fmt: skip
    assert other.selectbox(key=f"{DENOISE}.model").value == key
    assert f"{TRAIN}.start" not in {b.key for b in other.button}
    settled(other)


def test_a_tiny_run_on_digits(monkeypatch):
    from pages.diffusion_model import train

    monkeypatch.setitem(train.IMAGE_EXAMPLES, "short", 32 * 3)
    at = visit(train_length="short", train_batch=32, train_seed=9_999)
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
    at = visit(train_data="dinosaur", train_length="long", train_batch=32)
    at.button(key=f"{TRAIN}.start").click().run()
    wait_for(lambda: watched(at).state is not None and watched(at).state.training.step > 20)
    at.switch_page(OVERVIEW).run()
    assert not at.exception
    assert watched(at).status == "running"
    at.query_params.clear()
    at.switch_page(PAGE).run()
    assert not at.exception
    assert at.selectbox(key=f"{TRAIN}.data").value == "mnist", "the page forgets its settings, the session not its run"
    step, steps = numbers(r"Update (\d+) of ([\d,]+): loss", at)
    from pages.diffusion_model import train

    assert step > 20 and steps == train.POINT_STEPS["long"]
    # somebody else sees it, but may not stop it
    other = visit(train_data="dinosaur", train_length="long", train_batch=32)
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
    # continued from the link that names it
    again = visit(train_data="dinosaur", train_length="long", train_batch=32)
    assert again.button(key=f"{TRAIN}.start").label == text.Words("en").label("live.training.continue")
    again.button(key=f"{TRAIN}.start").click().run()
    wait_for(lambda: watched(again).status == "running" and watched(again).state.training.step > stopped)
    assert watched(again).state.training.step < stopped + 3_000
    again.run()
    again.button(key=f"{TRAIN}.stop").click().run()
    wait_for(lambda: watched(again).status == "stopped")


# ---- the question ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "picked"), [("en", "yes"), ("ko", "no")])
def test_the_prediction_is_locked_and_then_answered(blobs, language, picked):
    at = visit(language=language)
    name, t = "diffusion_model.prediction", text.Words(language)
    lock = at.button(key=f"{name}.lock")
    assert lock.disabled
    at.radio(key=f"{name}.pick").set_value(picked).run()
    assert "0." not in "".join(re.findall(r"mean squared error.*", said(at)))
    at.button(key=f"{name}.lock").click().run()
    assert not at.exception
    assert at.radio(key=f"{name}.pick").disabled
    right = t.words(f"{name}.option.no")
    verdict = t.label("prediction.right" if picked == "no" else "prediction.wrong", answer=right)
    assert verdict in said(at)
    template = re.escape(t.template(f"{name}.answer"))
    for place, group in (("exact", r"([\d.]+)"), ("learned", r"([\d.]+)"), ("T", r"([\d,]+)")):
        template = template.replace(re.escape("{{" + place + "}}"), group)
    exact, learned, levels = numbers(template, at)
    ours = exact_loss()
    assert exact == pytest.approx(ours, rel=0.05)
    assert learned >= exact * 0.999 and learned < 1.2
    assert levels == 1000
    at.button(key=f"{name}.again").click().run()
    assert not at.radio(key=f"{name}.pick").disabled


def exact_loss(n: int = 50_000) -> float:
    """The least mean squared error of ε̂ on the three blobs, by Bayes' rule in numpy, from draws of its own."""
    from core import shapes

    weights, means, covs = (a.numpy() for a in shapes.blobs_mixture())
    rng = np.random.default_rng(5)
    k = rng.choice(len(weights), n, p=weights)
    x0 = means[k] + np.einsum("nij,nj->ni", np.linalg.cholesky(covs)[k], rng.standard_normal((n, 2)))
    table = np.array([alpha_bar(t) for t in range(1001)])
    t = rng.integers(1, 1001, n)
    a = table[t][:, None]
    noise = rng.standard_normal((n, 2))
    x = np.sqrt(a) * x0 + np.sqrt(1 - a) * noise
    logs, best = [], []
    for w, m, c in zip(weights, means, covs, strict=True):
        spread = a[..., None] * c + (1 - a[..., None]) * np.eye(2)  # (n, 2, 2)
        off = x - np.sqrt(a) * m
        solved = np.linalg.solve(spread, off[..., None])[..., 0]
        logs.append(np.log(w) - 0.5 * (off * solved).sum(1) - 0.5 * np.log(np.linalg.det(spread)))
        best.append(np.sqrt(1 - a) * solved)  # E(ε | x_t, component)
    share = np.exp(np.array(logs) - np.max(logs, axis=0))
    share /= share.sum(0)
    mean = (share[..., None] * np.array(best)).sum(0)
    return float(np.mean((mean - noise) ** 2))
