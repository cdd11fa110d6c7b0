"""The race of the samplers: measured against real data, the same whether or not it was stopped on the way."""

import itertools
from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from core import data, shapes
from core.data import Images
from core.diffusion import library, quality
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.point_network import PointNetworkConfig
from core.diffusion.prediction import noise_from_x0
from core.diffusion.quality import Entry, QualityConfig, QualityState, from_result, measure
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import UNetConfig
from core.gaussian_mixture import GaussianMixture
from core.neural_network import to_unit
from core.store import ModelStore

SCHEDULE = NoiseSchedule.cosine(100)
ENTRIES = (Entry("ddim", 1), Entry("ddim", 20), Entry("heun", 5), Entry("ddpm", 1))
POINTS = QualityConfig("toy", "blobs", ENTRIES, count=300, scale=1.0)


@pytest.fixture
def blobs(monkeypatch) -> None:
    """The exact denoiser of the three blobs as the model at hand."""
    denoiser = MixtureDenoiser(GaussianMixture(*shapes.blobs_mixture()), SCHEDULE)
    record = {"config": {"network": asdict(PointNetworkConfig())}}
    monkeypatch.setattr(library, "load", lambda key: (denoiser, SCHEDULE, record))


@pytest.fixture
def digits(monkeypatch) -> dict:
    """A model that knows one real picture of each digit, whatever the noise; and few real pictures to compare with."""
    train, test = data.mnist("train"), data.mnist("test")
    few = {
        "train": Images(train.images[:300], train.labels[:300]),
        "test": Images(test.images[:300], test.labels[:300]),
    }
    monkeypatch.setattr(data, "images", lambda name, split: few[split])
    known = torch.cat([to_unit(train.images[train.labels == k][:1]) for k in range(10)])  # (10, 1, 28, 28)

    def denoiser(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        label = torch.full_like(t, -1) if label is None else label
        x0 = torch.where(label.reshape(-1, 1, 1, 1) < 0, known[0].to(x), known.to(x)[label.clamp(min=0)])
        return noise_from_x0(SCHEDULE, x, t, x0)

    record = {"config": {"network": asdict(UNetConfig())}}
    monkeypatch.setattr(library, "load", lambda key: (denoiser, SCHEDULE, record))
    return few


def race(config: QualityConfig, checkpoint=None) -> list[QualityState]:
    return list(measure(config, checkpoint))


def test_more_steps_come_nearer_and_nothing_much_below_the_floor(blobs):
    states = race(POINTS)
    end = states[-1]
    assert [m.entry for m in end.measured] == list(ENTRIES) and end.progress == 1
    one, many, heun, ddpm = (m.distance for m in end.measured)
    assert one > 0.1 > 10 * abs(many) and abs(heun) < 0.02 and abs(ddpm) < 0.02
    assert 0 < end.floor < 0.03
    assert [m.calls for m in end.measured] == [1, 20, 9, 100]  # 2 · 5 − 1 of Heun's
    assert all(m.agreement is None for m in end.measured)


def test_others_get_their_turn_after_every_step(blobs):
    states = race(POINTS)
    assert len(states) == 1 + (1 + 1) + (20 + 1) + (5 + 1) + (100 + 1)  # the start, each step, and each result
    assert states[0].measured == () and states[0].floor is not None and states[0].progress == 0
    assert all(a.progress <= b.progress for a, b in itertools.pairwise(states))


@pytest.mark.parametrize("stop", [1, 2, 10, 24, 60, 131])
def test_a_race_that_was_stopped_ends_with_the_same_table(blobs, stop, tmp_path):
    whole = race(POINTS)[-1]
    *_, state = itertools.islice(measure(POINTS), stop)
    ModelStore(tmp_path).save("kept", *state.checkpoint())
    states = race(POINTS, ModelStore(tmp_path).load("kept"))
    assert states[0].measured == state.measured  # what was measured is not measured again
    assert len(states) == len(race(replace(POINTS, entries=ENTRIES[len(state.measured) :])))
    assert (states[-1].measured, states[-1].floor) == (whole.measured, whole.floor)


def test_a_table_comes_back_from_the_store(blobs, tmp_path):
    end = race(POINTS)[-1]
    ModelStore(tmp_path).save(POINTS.key, *end.result())
    again = from_result(*ModelStore(tmp_path).load(POINTS.key))
    assert (again.measured, again.floor, again.progress) == (end.measured, end.floor, 1)
    begun = from_result(*QualityState((), None, 0, 4).result())
    assert begun.measured == () and begun.floor is None


def test_each_sampler_starts_from_the_same_noise_and_the_seed_changes_it(blobs):
    twice = race(replace(POINTS, entries=(ENTRIES[1], ENTRIES[1])))[-1].measured
    assert twice[0] == twice[1]
    other = race(replace(POINTS, entries=ENTRIES[1:2], seed=1))[-1].measured
    assert other[0].distance != twice[0].distance


def test_digits_are_named_and_compared_with_the_test_images(digits, monkeypatch):
    monkeypatch.setattr(quality, "BLOCK", 25)
    config = QualityConfig("toy", "mnist", (Entry("ddim", 2),), count=50, scale=1.5)
    states = race(config)
    (m,) = states[-1].measured
    assert m.agreement == 1 and m.calls == 2  # two blocks, each of which asks for 0, 1, … from its start
    assert 0 < states[-1].floor < m.distance  # ten pictures again and again are not the real variety
    assert (
        len([s for s in states if s.floor is None]) == 4
    )  # 300 and 50 real pictures, with a breath after each hundred

    fooled = replace(config, scale=0.0)  # without guidance nothing was asked for
    assert race(fooled)[-1].measured[0].agreement is None
    wrong = Images(digits["train"].images, digits["train"].labels.roll(1))
    monkeypatch.setitem(digits, "train", wrong)  # labels of the real pictures do not matter
    assert race(config)[-1].measured == states[-1].measured


def test_each_block_starts_from_a_noise_of_its_own(digits, monkeypatch):
    model, schedule, record = library.load("toy")
    starts = []

    def spy(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        starts.append(x[0])
        return model(x, t, label)

    monkeypatch.setattr(library, "load", lambda key: (spy, schedule, record))
    race(QualityConfig("toy", "mnist", (Entry("ddim", 1), Entry("heun", 1)), count=100))
    first, second, again, _ = starts  # two blocks of two entries
    assert not torch.equal(first, second) and torch.equal(first, again)


def test_agreement_counts_what_was_not_named_as_asked(digits, monkeypatch):
    good, schedule, record = library.load("toy")

    def slips(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return good(x, t, torch.where(label == 3, 5, label))  # a five for every three

    monkeypatch.setattr(library, "load", lambda key: (slips, schedule, record))
    config = QualityConfig("toy", "mnist", (Entry("ddim", 1),), count=50, scale=1.0)
    assert race(config)[-1].measured[0].agreement == pytest.approx(0.9)


def test_a_race_is_named_by_all_that_it_depends_on():
    changes = [
        {"model": "b"},
        {"dataset": "moons"},
        {"entries": ENTRIES[:1]},
        {"count": 9},
        {"scale": 2.0},
        {"seed": 1},
    ]
    keys = {POINTS.key, *(replace(POINTS, **change).key for change in changes)}
    assert len(keys) == 7 and all(key.startswith("quality-") for key in keys)
    assert not POINTS.short


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": 1}, "At least 2 samples"),
        ({"count": 6000}, "Between 1 and 5000"),
        ({"entries": (Entry("euler", 3),)}, "'euler'"),
        ({"dataset": "squares"}, "squares"),
    ],
)
def test_what_cannot_be_measured_is_said(blobs, change, said):
    with pytest.raises(ValueError, match=said):
        race(replace(POINTS, **change))
