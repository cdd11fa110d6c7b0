"""What is kept for the first paint is what the runs gave, and what ships is what they give today."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core import first_paint, ladder, scene, shapes, shipped
from core.diffusion import guidance_quality, library
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.learned import DiffusionConfig, ScheduleConfig, train_diffusion
from core.diffusion.point_network import PointNetworkConfig
from core.diffusion.prediction import noise_from_x0
from core.diffusion.quality import Entry, QualityConfig, measure
from core.diffusion.sampling import SAMPLERS, SamplingConfig, SamplingState
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import UNetConfig
from core.gaussian_mixture import GaussianMixture
from core.store import ModelNotFound

ROOT = Path(__file__).resolve().parents[2]
SCHEDULE = NoiseSchedule.cosine(60)
SCENES = {one.key for one in scene.first()}  # now, before a test takes the models away that some are named after


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """An empty folder for first paints; nothing is remembered of others."""
    monkeypatch.setattr(first_paint, "FOLDER", tmp_path / "first_paint")
    for read in (first_paint.sampling, first_paint.quality, first_paint.training):
        read.cache_clear()
    yield tmp_path / "first_paint"
    for read in (first_paint.sampling, first_paint.quality, first_paint.training):
        read.cache_clear()


def curved(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
    return noise_from_x0(SCHEDULE, x, t, torch.tanh(2 * x))


@pytest.fixture(params=["images", "points"])
def model(request, monkeypatch) -> str:
    network = UNetConfig() if request.param == "images" else PointNetworkConfig()
    record = {"config": {"network": asdict(network)}}
    monkeypatch.setattr(library, "load", lambda key: (curved, SCHEDULE, record))
    return request.param


def end_of(config) -> SamplingState:
    *_, state = config.start()
    return state


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_whole_run_comes_back_to_the_last_digit(folder, model, sampler):
    config = SamplingConfig("toy", sampler, steps=12, count=3, frames=61)
    file = first_paint.keep_sampling(config)
    assert file == folder / f"{config.key}.npz"
    kept, fresh = first_paint.sampling(config.key), end_of(config)
    assert (kept.progress, kept.calls, len(kept.frames)) == (1, fresh.calls, len(fresh.frames))
    for mine, theirs in zip(kept.frames, fresh.frames, strict=True):
        assert (mine.t, mine.calls, mine.t_next) == (theirs.t, theirs.calls, theirs.t_next)
        assert (mine.alpha_bar, mine.alpha_bar_next) == (theirs.alpha_bar, theirs.alpha_bar_next)
        for name in ("x", "x0", "x_next"):
            a, b = getattr(mine, name), getattr(theirs, name)
            assert (a is None and b is None) or (a.dtype == np.float32 and np.array_equal(a, b)), name
    for mine, theirs in zip(kept.frames[:-1], fresh.frames, strict=False):  # ε̂ follows from x and x̂_0
        assert mine.noise.dtype == np.float32
        np.testing.assert_allclose(mine.noise, theirs.noise, atol=2e-5)
    assert kept.frames[-1].noise is None


def test_a_thinned_run_is_there_to_be_looked_at(folder, model):
    config = SamplingConfig("toy", "ddpm", count=3, frames=11)
    first_paint.keep_sampling(config)
    kept, fresh = first_paint.sampling(config.key), end_of(config)
    assert [f.t for f in kept.frames] == [f.t for f in fresh.frames] and len(kept.frames) == 11
    for mine, theirs in zip(kept.frames, fresh.frames, strict=True):
        assert mine.t_next is mine.x_next is mine.alpha_bar_next is None  # where a step led is not kept
        np.testing.assert_allclose(mine.x, theirs.x, rtol=1e-3, atol=1e-3)
    for mine, theirs in zip(kept.frames[:-1], fresh.frames, strict=False):
        np.testing.assert_allclose(mine.x0, theirs.x0, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(mine.noise, theirs.noise, atol=0.01 + 0.002 / np.sqrt(1 - mine.alpha_bar))


def test_a_race_comes_back(folder, monkeypatch):
    denoiser = MixtureDenoiser(GaussianMixture(*shapes.blobs_mixture()), SCHEDULE)
    record = {"config": {"network": asdict(PointNetworkConfig())}}
    monkeypatch.setattr(library, "load", lambda key: (denoiser, SCHEDULE, record))
    config = QualityConfig("toy", "blobs", (Entry("ddim", 3), Entry("heun", 2)), count=50)
    file = first_paint.keep_quality(config)
    *_, fresh = measure(config)
    kept = first_paint.quality(config.key)
    assert file.suffix == ".json" and (kept.measured, kept.floor, kept.progress) == (fresh.measured, fresh.floor, 1)


def test_a_training_run_comes_back(folder):
    config = replace(
        DiffusionConfig.for_points("moons", 30, batch_size=16),
        network=PointNetworkConfig(width=16, depth=1),
        schedule=ScheduleConfig(T=20),
    )
    first_paint.keep_training(config)
    *_, fresh = train_diffusion(config)
    kept = first_paint.training(config.key)
    assert kept.steps == 30 and np.array_equal(kept.losses, fresh.training.losses.numpy()) and kept.problem is None
    assert kept.rate > 0 and kept.seconds > 0 and kept.device == fresh.device
    assert [step for step, _ in kept.previews] == [25, 30]
    for (_, mine), theirs in zip(kept.previews, fresh.previews, strict=True):
        assert mine.shape == (500, 2)
        np.testing.assert_allclose(mine, theirs.x0.numpy(), atol=5e-3)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut short", b"{", b'{"floor": 1}'])
def test_a_damaged_file_is_none_and_told(folder, caplog, damage):
    folder.mkdir(parents=True)
    for end, read in (
        ("npz", first_paint.sampling),
        ("npz", first_paint.training),
        ("json", first_paint.quality),
    ):
        (folder / f"broken.{end}").write_bytes(damage)
        assert read("broken") is None
    assert caplog.text.count("cannot be read") == 3


def test_what_was_never_kept_is_none(folder):
    assert first_paint.sampling("sampling-0") is first_paint.quality("quality-0") is first_paint.training("x-0") is None


def test_everything_is_made_again_and_what_belongs_to_nothing_goes(folder, monkeypatch, capsys):
    made = []
    for kind in ("sampling", "road", "training", "quality"):
        monkeypatch.setattr(first_paint, f"keep_{kind}", lambda config, kind=kind: made.append((kind, config)) or kind)
    monkeypatch.setattr(shipped, "key_of_name", lambda kind, name: "diffusion-0123456789ab")
    monkeypatch.setattr(scene, "keep", lambda one: made.append(("scenes", one)) or "scenes")
    monkeypatch.setattr(first_paint, "keep_sketch", lambda step: made.append(("sketches", step)) or "sketches")
    folder.mkdir()
    mine = folder / f"{first_paint.denoise_scene('diffusion-0123456789ab').key}.npz"
    for file in (mine, folder / "sampling-of-another-model.npz"):
        file.touch()
    assert first_paint.main(["quality"]) == 0
    assert [kind for kind, _ in made] == ["quality"]
    assert [file.name for file in folder.iterdir()] == [mine.name]

    made.clear()
    assert first_paint.main([]) == 0
    kinds = [kind for kind, _ in made]
    scenes = len(tuple(scene.first()))
    sketches = ["sketches"] * len(first_paint.SKETCHED)
    assert kinds == ["sampling"] * 5 + ["road", *sketches, "training", "quality"] + ["scenes"] * scenes
    assert len({getattr(what, "key", what) for _, what in made}) == 8 + len(sketches) + scenes
    race = [config for kind, config in made if kind == "sampling"][1:]
    assert [config.sampler for config in race] == list(SAMPLERS) and len({config.seed for config in race}) == 1
    with pytest.raises(SystemExit):
        first_paint.main(["paintings"])
    assert "the kinds are sampling" in capsys.readouterr().err


@pytest.mark.parametrize("calls", range(1, 30))
def test_budgets_are_kept_to(calls):
    assert first_paint.steps_for("ddim", calls) == calls
    steps = first_paint.steps_for("heun", calls)
    assert 2 * steps - 1 <= calls < 2 * steps + 1


def test_reading_takes_no_torch(folder, monkeypatch):
    record = {"config": {"network": asdict(PointNetworkConfig())}}
    monkeypatch.setattr(library, "load", lambda key: (curved, SCHEDULE, record))
    config = SamplingConfig("toy", steps=3, count=2)
    first_paint.keep_sampling(config)
    program = (
        "import sys; from pathlib import Path; from core import first_paint; "
        f"first_paint.FOLDER = Path({str(folder)!r}); state = first_paint.sampling({config.key!r}); "
        "assert len(state.frames) == 4; assert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


# --- what ships


@pytest.fixture
def digits() -> str:
    try:
        return shipped.key_of_name("diffusion", "digits")
    except ModelNotFound:
        pytest.skip("no digit model ships yet")


def test_the_first_picture_that_ships_is_what_the_model_draws_today(digits):
    config = first_paint.denoise_scene(digits)
    kept = first_paint.sampling(config.key)
    assert kept is not None, "python -m core.first_paint makes it"
    fresh = end_of(config)
    assert [f.t for f in kept.frames] == [f.t for f in fresh.frames]
    for mine, theirs in zip(kept.frames, fresh.frames, strict=True):
        assert np.median(abs(mine.x - theirs.x)) < 1e-3 and abs(mine.x - theirs.x).mean() < 0.01
        if theirs.noise is not None:
            assert np.median(abs(mine.x0 - theirs.x0)) < 1e-3 and np.median(abs(mine.noise - theirs.noise)) < 1e-3
    assert np.array_equal(kept.frames[0].x, fresh.frames[0].x)  # the noise is the same on every machine


def test_every_first_paint_ships_and_none_is_left_of_other_models(digits):
    sampled = (first_paint.denoise_scene(digits), *first_paint.race_scenes(digits))
    for config in sampled:
        state = first_paint.sampling(config.key)
        assert state is not None and state.frames[-1].x.shape == (config.count, 1, 28, 28)
        beyond = 1.3 if config.sampler == "heun" else 1.001  # whose last step is Euler's, and does not land on x̂_0
        assert len(state.frames) <= config.frames and abs(state.frames[-1].x).max() <= beyond
    picture = first_paint.training(DiffusionConfig.for_images("mnist", first_paint.TRAINING_STEPS).key)
    assert picture is not None and picture.steps == first_paint.TRAINING_STEPS
    assert picture.losses[-50:].mean() < 0.2 * picture.losses[0] and picture.previews[-1][1].shape == (10, 1, 28, 28)
    quality = first_paint.quality_scene(digits)
    race = first_paint.quality(quality.key)
    assert race is not None and [m.entry for m in race.measured] == list(quality.entries)
    assert all(m.distance > 0.5 * race.floor and 0.9 < m.agreement <= 1 for m in race.measured if m.calls >= 10)
    expected = {config.key for config in (*sampled, quality)}
    expected |= {DiffusionConfig.for_images("mnist", first_paint.TRAINING_STEPS).key, "diffusion_model"}
    expected |= SCENES | set(first_paint.SKETCHED)
    expected |= {config.key for config in (*guidance_quality.tables(), *ladder.recorded())}
    assert {file.stem for file in first_paint.FOLDER.glob("*.*")} == expected
