"""What guidance does, measured: on a toy that draws exactly what is asked for, and by an independent computation."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from core import data, first_paint
from core.data import Images
from core.diffusion import guidance_quality, judge, makers
from core.diffusion.guidance_quality import GuidanceQuality, keep, measure, read
from core.diffusion.prediction import noise_from_x0
from core.diffusion.schedule import NoiseSchedule
from core.neural_network import to_unit

SCHEDULE = NoiseSchedule.cosine(1000)
FIRST = torch.linspace(-0.9, 0.9, 10)  # the toy's digits: pictures of one grey each
CONFIG = GuidanceQuality("toy", (0.0, 1.0, 1.5), count=40, seeds=(0, 1), steps=3)
pytestmark = pytest.mark.usefixtures("on_the_cpu")  # where the toy is


class Greys:
    """A judge's classifier that reads the grey of a picture: its features are four of the pixels."""

    def parameters(self):
        yield FIRST

    def features(self, x: Tensor) -> Tensor:
        return x[:, 0, :2, :2].flatten(1)

    def to_scores(self, features: Tensor) -> Tensor:
        return -50 * (features.mean(dim=1, keepdim=True) - FIRST).square()


def toy(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
    asked = torch.full((len(x),), -1) if label is None else label
    grey = torch.where(asked >= 0, FIRST[asked.clamp(min=0)], torch.tensor(0.0))
    return noise_from_x0(SCHEDULE, x, t, grey[:, None, None, None] + 0.02 * x)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    grey = ((FIRST + 1) * 127.5).round().to(torch.uint8)
    shift = torch.randint(-9, 10, (600, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    labels = torch.arange(600) % 10
    images = (grey[labels][:, None, None, None].int() + shift).clamp(0, 255).to(torch.uint8)
    split = {"train": Images(images[:400], labels[:400]), "test": Images(images[400:], labels[400:])}
    monkeypatch.setattr(data, "mnist", lambda which: split[which])
    monkeypatch.setattr(judge.neural_network, "pretrained", lambda name, device=None: Greys())
    maker = makers.Maker(toy, None, SCHEDULE, (1, 28, 28), lambda x: x.clamp(-1, 1), None, torch.device("cpu"))
    monkeypatch.setattr(makers, "load", lambda key: maker)
    return split


def test_what_is_measured_is_what_an_independent_computation_finds(small):
    *_, end = measure(CONFIG)
    assert end.progress == 1 and [m.scale for m in end.measured] == [0.0, 1.0, 1.5] * 2
    (plain, _), (none, _) = end.at(1.0), end.at(0.0)
    assert plain.agreement == 1 and none.agreement == pytest.approx(0.1, abs=0.11)
    assert sum(map(sum, end.confusion(1.0))) == 80 and np.diag(end.confusion(1.0)).tolist() == [8] * 10

    maker, label = makers.load("toy"), torch.arange(40) % 10
    noise = torch.randn(40, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    ends = maker.images(noise, label, 1.0, 3)
    pixels = ends.flatten(1).double().numpy()
    real = to_unit(small["test"].images).flatten(1).double().numpy()
    within = np.mean([pixels[k::10].var(axis=0, ddof=1).sum() for k in range(10)])
    truth = np.mean([real[k::10].var(axis=0, ddof=1).sum() for k in range(10)])
    assert plain.spread == pytest.approx(within / truth, rel=1e-6)

    def moments(images: Tensor) -> tuple[np.ndarray, np.ndarray]:
        features = images[:, 0, :2, :2].flatten(1).double().numpy()
        return features.mean(axis=0), np.cov(features.T)

    (m1, c1), (m2, c2) = moments(ends), moments(to_unit(small["test"].images))
    root = np.sqrt(np.linalg.eigvals(c1 @ c2).clip(0)).real.sum()
    assert plain.distance == pytest.approx(((m1 - m2) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * root, abs=1e-5)
    assert len(end.floors) == 2 and end.floors[0] != end.floors[1]


def test_all_scales_begin_with_one_noise_and_every_step_gives_others_a_turn():
    *_, twice = measure(replace(CONFIG, scales=(1.0, 1.0), seeds=(0,)))
    assert twice.measured[0] == twice.measured[1]
    states = list(measure(replace(CONFIG, scales=(1.0,), seeds=(0,))))
    assert len(states) == 1 + 1 + 3 + 1  # real ones, their floor, the steps of one block but the last, the result
    assert all(a.progress <= b.progress for a, b in zip(states, states[1:], strict=False))


@pytest.mark.parametrize("count", [0, 10, 35])
def test_digits_are_counted_in_tens(count):
    with pytest.raises(ValueError, match="counted in tens"):
        list(measure(replace(CONFIG, count=count)))


def test_a_table_is_kept_and_comes_back_and_a_damaged_one_is_none(tmp_path, monkeypatch):
    file = keep(CONFIG, tmp_path)
    *_, end = measure(CONFIG)
    kept = read(CONFIG.key, tmp_path)
    assert kept.measured == end.measured and kept.floors == end.floors and kept.progress == 1
    assert read("guidance-000000000000", tmp_path) is None
    monkeypatch.setattr(first_paint, "FOLDER", tmp_path)
    first_paint._guidance.cache_clear()
    assert first_paint.guidance(CONFIG).measured == end.measured
    file.write_text(json.dumps({"measured": 3}))
    first_paint._guidance.cache_clear()
    assert first_paint.guidance(CONFIG) is None
    first_paint._guidance.cache_clear()


def test_the_command_measures_what_ships(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(guidance_quality, "tables", lambda: (CONFIG, replace(CONFIG, model="latent_diffusion-1")))
    assert guidance_quality.main(["latent_diffusion", "--store", str(tmp_path)]) == 0
    assert [file.suffix for file in tmp_path.iterdir()] == [".json"] and str(tmp_path) in capsys.readouterr().out


def test_few_digits_are_compared_with_few_real_ones(monkeypatch):
    looked = []
    monkeypatch.setattr(
        judge.Judge,
        "looks",
        lambda self, images: looked.append(len(images)) or iter([self.look(to_unit(images)).features]),
    )
    for count in (20, 40):
        list(measure(replace(CONFIG, count=count, scales=(1.0,), seeds=(0,))))
    assert looked == [100, 20, 200, 40]  # the test images, then as many training images as are made


def test_balanced_blocks_hold_as_many_of_each_and_no_image_twice():
    labels = torch.arange(600) % 10
    first, second = (judge.balanced(labels, 50, block) for block in (0, 1))
    assert torch.bincount(labels[first]).tolist() == [5] * 10 == torch.bincount(labels[second]).tolist()
    assert not set(first.tolist()) & set(second.tolist())


def test_the_recorded_table_of_the_model_that_ships_tells_the_story():
    """Agreement rises with γ, variety falls at first, and the distance is least between 1 and 2, near the floor."""
    table = first_paint.guidance(guidance_quality.tables()[0])
    scales = sorted({m.scale for m in table.measured})

    def mean(value, scale: float) -> float:
        return float(np.mean([value(m) for m in table.at(scale)]))

    best = min(scales, key=lambda s: mean(lambda m: m.distance, s))
    assert 1 < best < 2
    agreement = [mean(lambda m: m.agreement, s) for s in scales]
    variety = [mean(lambda m: m.spread, s) for s in scales if s <= 3]
    assert agreement[0] < 0.2 and agreement[-1] > 0.98 and variety == sorted(variety, reverse=True)
    assert mean(lambda m: m.distance, best) < 1.8 * float(np.mean(table.floors))
    assert all(sum(map(sum, m.named)) == 4000 for m in table.measured)
