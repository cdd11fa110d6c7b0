"""The page of step 9 without a browser: what it says and computes, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import jobs
from core.diffusion.sampling import SamplingConfig
from tests.pages.apptest import DOTS_LEVELS, finished, message, numbers, said, snapshots, tables, visitor, wait_for
from tests.pages.apptest import TINY_LEVELS as T
from ui import text

pytestmark = pytest.mark.usefixtures("home")
visit = visitor("diffusion_model")
DENOISE, TRAIN, SAMPLERS = (f"diffusion_model.{name}" for name in ("denoise", "train", "samplers"))


# ---- what keeps the runner busy, and what is known ---------------------------------------------------------


def settled(at: AppTest) -> AppTest:
    """The page when nothing is sampled any more."""
    return finished(at, "sampling-")


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


# ---- the first paint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    assert not [s for s in snapshots() if s.key.startswith("sampling-")], "nothing may have to be computed"
    header, parts = message(at, f"{DENOISE}.player")
    assert [track["items"] for track in header["tracks"]] == [16, 16, 16]
    assert len(header["levels"]) == 51 and header["levels"][header["start"]]["level"] == 400
    assert all(len(np.unique(parts[f"values{k}"])) > 50 for k in range(3))
    header, _ = message(at, f"{SAMPLERS}.player")
    assert [track["name"] for track in header["tracks"]] == ["ddpm", "ddim", "heun", "dpm_solver_pp"]
    assert 'class="growing"' in tables(at) and 'class="arithmetic"' in tables(at)


# ---- from noise to data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1000, 600, 20])
def test_the_caption_agrees_with_the_state(level):
    at = visit(denoise__frame=level)
    share = r"([\d.]+(?: × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?)"
    t, levels, signal, noise = numbers(rf"At t = (\d+) of (\d+).*= {share} parts .*= {share} parts", at)
    assert (t, levels) == (level, 1000)
    assert signal == pytest.approx(math.sqrt(alpha_bar(level)), rel=6e-3)
    assert noise == pytest.approx(math.sqrt(1 - alpha_bar(level)), rel=6e-3)
    assert numbers(r"network calls: (\d+); samples: (\d+)", at) == (50, 16)


def test_the_arithmetic_leads_to_the_next_state():
    at = visit(denoise__frame=400)
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
    asked = {f"denoise__{name}": value for name, value in settings.items()} | {"denoise__model": tiny}
    at = settled(visit(**asked, denoise__frame=T))
    assert numbers(r"network calls: (\d+); samples: (\d+)", at) == (calls, samples)
    shown, total = len(message(at, f"{DENOISE}.player")[0]["levels"]), settings.get("steps", T) + 1
    if shown < total:
        assert numbers(r"The slider holds (\d+) of the (\d+) states", at) == (shown, total)
    assert numbers(r"At t = (\d+) of (\d+)", at) == (T, T)
    assert 'class="arithmetic"' in tables(at)
    at = settled(
        visit(language="ko", **{f"denoise__{k}": v for k, v in settings.items()}, denoise__model=tiny, denoise__frame=0)
    )
    assert f"{calls}" in said(at) and f"{samples}" in said(at)


@pytest.mark.parametrize(
    ("model", "sampler", "steps", "eta", "calls"),
    [
        ("blobs", "ddim", 1000, 1, 1000),
        ("blobs", "ddim", 1, 0, 1),
        ("blobs", "heun", 1, 0, 1),
        ("blobs", "dpm_solver_pp", 1, 0, 1),
        ("dots", "ddpm", 3, 0, DOTS_LEVELS),
        ("dots", "heun", DOTS_LEVELS, 0, 2 * DOTS_LEVELS - 1),
        ("dots", "dpm_solver_pp", DOTS_LEVELS, 0, DOTS_LEVELS),
    ],
)
def test_extreme_settings_of_points(request, model, sampler, steps, eta, calls):
    key = request.getfixturevalue(model)
    asked = {"denoise__sampler": sampler, "denoise__steps": steps, "denoise__eta": eta, "denoise__seed": 99_999}
    at = settled(visit(denoise__model="blobs" if model == "blobs" else key, denoise__frame=1000, **asked))
    assert numbers(r"network calls: ([\d,]+); samples: ([\d,]+)", at) == (calls, 2000)
    header, _ = message(at, f"{DENOISE}.player")
    assert [track["kind"] for track in header["tracks"]] == ["points"] * 3
    assert f"{DENOISE}.label" not in {s.key for s in at.selectbox}, "a model without labels is asked for none"


def test_what_is_sent_is_what_the_sampler_gives(tiny):
    at = settled(visit(denoise__model=tiny, denoise__steps=5, denoise__count=3, denoise__label="7", denoise__seed=4))
    config = SamplingConfig(tiny, steps=5, labels=(7,), count=3, seed=4)
    *_, state = config.start()
    _, parts = message(at, f"{DENOISE}.player")
    sent = parts["values0"].reshape(6, 3, 28, 28)[-1] / 255 * 6 - 3
    np.testing.assert_allclose(sent, np.clip(state.frames[-1].x[:, 0], -3, 3), atol=3.01 / 255)


def test_the_last_picture_stays_while_another_is_computed(dots):
    at = visit()
    with busy_runner():
        at.selectbox(key=f"{DENOISE}.model").set_value(dots).run()
        assert not at.exception
        assert "Computing: 0 of 50 steps done" in said(at)
        assert [track["kind"] for track in message(at, f"{DENOISE}.player")[0]["tracks"]] == ["images"] * 3
        assert numbers(r"network calls: (\d+); samples: (\d+)", at) == (50, 16)
        at.selectbox(key=f"{SAMPLERS}.model").set_value(dots).run()
        assert not at.exception
    assert "Computing" not in said(settled(at))
    assert [track["kind"] for track in message(at, f"{DENOISE}.player")[0]["tracks"]] == ["points"] * 3


def test_a_link_with_settings_shows_the_finished_picture_first(tiny):
    with busy_runner():
        at = visit(denoise__model=tiny, denoise__steps=7, denoise__seed=8)
        assert "Computing: 0 of 7 steps done" in said(at)
        assert len(message(at, f"{DENOISE}.player")[0]["levels"]) == 51
    assert len(message(settled(at), f"{DENOISE}.player")[0]["levels"]) == 8


def test_what_nobody_waits_for_any_more_is_left(tiny):
    at = visit(denoise__model=tiny)
    with busy_runner():
        for seed in (101, 102, 103):
            at.number_input(key=f"{DENOISE}.seed").set_value(seed).run()
    settled(at)
    left = [s.status for s in snapshots() if s.key.startswith("sampling-") and s.watchers == 0]
    assert left.count("stopped") == 2


@pytest.mark.parametrize("preset", ["few", "fresh", "unguided", "pushed"])
def test_the_presets_lead_somewhere(tiny, preset):
    at = settled(visit(denoise__model=tiny, denoise__eta=0.5, denoise__sampler="heun"))
    at.button(key=f"{DENOISE}.preset.{preset}").click().run()
    settled(at)
    changed = {"few": ("steps", "3"), "fresh": ("eta", "1"), "unguided": ("label", "none"), "pushed": ("scale", "8")}
    link = next(c.proto for c in at.get("bidi_component") if c.proto.id.endswith(f"-{DENOISE}.link"))
    name, value = changed[preset]
    told = json.loads(link.json)["changed"]
    assert told[f"{DENOISE}.{name}"] == value
    assert not {f"{DENOISE}.{other}" for other in ("eta", "sampler")} & (set(told) - {f"{DENOISE}.{name}"})
    at.button(key=f"{DENOISE}.reset").click().run()
    assert at.selectbox(key=f"{DENOISE}.model").value == "digits"


# ---- four roads -----------------------------------------------------------------------------------------------------


def test_the_race_agrees_with_its_caption(tiny):
    at = settled(visit(samplers__model=tiny, samplers__calls=5, samplers__eta=1, samplers__seed=3, samplers__scale=0))
    assert numbers(r"at most (\d+) times.*all ([\d,]+) levels", at) == (5, T)
    header, parts = message(at, f"{SAMPLERS}.player")
    assert [re.search(r"\d+", track["note"]).group() for track in header["tracks"]] == ["20", "5", "5", "5"]
    first = [parts[f"values{k}"].reshape(-1, 12, 28, 28)[0] for k in range(4)]
    assert all((values == first[0]).all() for values in first), "all four start from the same noise"


def test_another_budget_does_not_run_ddpm_again():
    before = {s.key for s in snapshots()}
    at = settled(visit(samplers__calls=3))
    assert numbers(r"at most (\d+) times", at) == (3,)
    new = {s.title for s in snapshots() if s.key not in before}
    assert new and not [title for title in new if title.startswith("ddpm")]
    chart = at.get("vega_lite_chart")[-1].proto.spec  # of the digits up to 50 calls were measured: no empty decade
    assert re.search(r'"domain": ?\[3(\.0)?, ?100(\.0)?\]', chart)


def test_the_race_at_its_extremes(tiny, dots):
    settled(visit(samplers__model=tiny, samplers__calls=100, samplers__scale=10, samplers__seed=99_999))
    at = settled(visit(language="ko", samplers__model=dots, samplers__calls=3, samplers__eta=1))
    assert message(at, f"{SAMPLERS}.player")[0]["tracks"][0]["items"] == 2000


def test_points_are_measured_on_request(dots, monkeypatch):
    from pages.diffusion_model import samplers

    whole = samplers._measurement
    monkeypatch.setattr(samplers, "_measurement", lambda model: replace(whole(model), entries=whole(model).entries[:2]))
    at = settled(visit(samplers__model=dots))
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
    at = settled(visit(language="ko", denoise__model="fashion", denoise__steps=1, denoise__count=1))
    assert "앵클부츠" in at.selectbox(key=f"{DENOISE}.label").options
    assert at.selectbox(key=f"{DENOISE}.label").value == "each"


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
