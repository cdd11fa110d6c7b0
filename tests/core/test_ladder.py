"""The ladder: every rung draws what it says, distances as an independent computation has them, and a climb is kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from core import data, data_files, ladder, rungs
from core.data import Images
from core.ladder import LadderConfig
from core.metrics import energy_distance, frechet_distance
from core.multivariate_normal import MultivariateNormal
from core.point_vae import PointVAERun
from core.store import ModelNotFound
from core.training import TrainingConfig


def ready(rung: rungs.Rung) -> rungs.Ready:
    while True:
        try:
            next(rung)
        except StopIteration as end:
            return end.value


@pytest.fixture
def quick(monkeypatch) -> Iterator[None]:
    """VAEs of points that learn for a moment, few pictures, few levels of work."""
    tiny = lambda shape, network: PointVAERun(shape, network, TrainingConfig(3, 32))  # noqa: E731
    monkeypatch.setattr(rungs, "PointVAERun", tiny)
    monkeypatch.setattr(rungs, "STEPS", 2)
    monkeypatch.setattr(rungs, "ITERATIONS", {"images": 2, "points": 5})
    monkeypatch.setattr(ladder, "SHOWN", {"images": 4, "points": 30})
    yield


def test_points_climb_and_are_measured_as_anybody_would(quick):
    config = LadderConfig("blobs", 60, (0, 1))
    states = list(config.start())
    end = states[-1]
    assert [r.step for r in end.rungs] == [step for step, _ in ladder.RUNGS["points"]]
    assert end.progress == 1 and all(a.progress <= b.progress for a, b in zip(states, states[1:], strict=False))
    normal = end.rungs[0]
    held_out = torch.Generator().manual_seed(1_000_003)
    real = data.shape("blobs", 60, held_out)
    fitted = MultivariateNormal.fit(data.shape("blobs", rungs.POINTS, torch.Generator().manual_seed(0)))
    for seed in (0, 1):
        drawn = fitted.sample(60, generator=torch.Generator().manual_seed(seed))
        assert normal.distances[seed] == pytest.approx(energy_distance(drawn, real), abs=1e-12)
        assert normal.frechet[seed] == pytest.approx(frechet_distance(drawn, real), abs=1e-12)
    assert end.floors[0] == pytest.approx(energy_distance(data.shape("blobs", 60, held_out), real), abs=1e-12)
    assert normal.parameters == 5 and normal.trained_on == "" and normal.samples.shape == (30, 2)
    assert end.rungs[1].parameters == 7 + 8 * 2 + 8 * 3
    assert end.rungs[-1].trained_on, "a model that ships says on what it was trained"


def test_a_normal_that_matches_two_moments_looks_perfect_to_frechet_alone():
    """Why the energy distance stands first: rings and the normal of their moments are one to Fréchet."""
    fitted = ready(rungs.normal_of_points("rings"))
    real = data.shape("rings", 2_000, torch.Generator().manual_seed(5))
    other = data.shape("rings", 2_000, torch.Generator().manual_seed(6))
    drawn = fitted.draw(2_000, torch.Generator().manual_seed(7))
    assert frechet_distance(drawn, real) < 0.02
    assert energy_distance(drawn, real) > 10 * abs(energy_distance(other, real))


def test_pictures_climb_with_what_is_there(quick, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    mnist = {split: data.mnist(split) for split in ("train", "test")}
    few = {"train": torch.randperm(60_000, generator=generator)[:400], "test": torch.arange(60)}
    cut = {split: Images(mnist[split].images[at], mnist[split].labels[at]) for split, at in few.items()}
    monkeypatch.setattr(data, "images", lambda name, split: cut[split])
    *_, end = LadderConfig("mnist", 20, (0,)).start()
    steps = [(r.step, r.variant) for r in end.rungs]
    assert {"multivariate_normal", "em", "diffusion_model", "guidance"} <= {step for step, _ in steps}
    for climbed in end.rungs:
        assert climbed.samples.shape == (4, 28, 28) and climbed.samples.dtype == np.uint8
        assert len(climbed.distances) == 1 and np.isfinite(climbed.distances).all() and climbed.sampling > 0
    normal, mixture = end.rungs[:2]
    assert normal.parameters == 784 + 784 * 785 // 2
    assert mixture.parameters == 9 + 10 * 50 + 10 * 50 * 51 // 2 + 784 + 784 * 50
    for name in ("vae", "diffusion_theory"):
        thrown = [r.samples for r in end.rungs if (r.step, r.variant) == (name, "sample")]
        assert all(set(np.unique(s)) <= {0, 255} for s in thrown), "thrown pixels are black or white"


def test_a_climb_is_kept_and_read_without_loss(quick, tmp_path):
    config = LadderConfig("moons", 40, (3,))
    *_, state = config.start()
    ladder.keep(state, config, tmp_path)
    found = ladder.kept(config, tmp_path)
    assert (found.floors, found.frechet_floors, found.device) == (state.floors, state.frechet_floors, state.device)
    np.testing.assert_array_equal(found.real, state.real)
    for mine, theirs in zip(found.rungs, state.rungs, strict=True):
        np.testing.assert_array_equal(mine.samples, theirs.samples)
        for name in ("step", "variant", "parameters", "training", "trained_on", "sampling", "distances", "frechet"):
            assert getattr(mine, name) == getattr(theirs, name)
    assert ladder.kept(LadderConfig("moons", 41), tmp_path) is None


@pytest.mark.parametrize("config", ladder.recorded(), ids=lambda config: config.dataset)
def test_what_ships_has_every_rung(config):
    found = ladder.kept(config)
    assert [(r.step, r.variant) for r in found.rungs] == list(ladder.RUNGS["images" if config.images else "points"])
    assert all(len(r.distances) == len(found.floors) == len(config.seeds) for r in found.rungs)


def test_data_that_are_not_here_are_said_and_the_other_climbs_go_on(quick, monkeypatch, capsys):
    def away(name: str, split: str) -> Images:
        raise data_files.DataError("Clothes are not here.")

    monkeypatch.setattr(data, "images", away)
    monkeypatch.setattr(ladder, "keep", lambda state, config: config.dataset)
    assert ladder.main(["fashion_mnist", "moons"]) == 1
    said = capsys.readouterr()
    assert said.out == "moons\n" and said.err == "Clothes are not here.\n"


def test_a_model_that_is_not_here_leaves_its_rung_out(quick, monkeypatch):
    def missing(kind: str, name: str) -> str:
        raise ModelNotFound("not here")

    monkeypatch.setattr("core.shipped.key_of_name", missing)
    *_, end = LadderConfig("rings", 20, (0,)).start()
    assert [r.step for r in end.rungs] == ["multivariate_normal", "em", "vae", "diffusion_theory"] and end.progress == 1


@pytest.mark.parametrize("config", [LadderConfig("cats"), LadderConfig("moons", 5)])
def test_nonsense_is_refused(config):
    with pytest.raises(ValueError, match="ladder"):
        next(config.start())
