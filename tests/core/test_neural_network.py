"""The digit classifier: its loss, and that the one that ships names digits."""

import itertools
import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from core import data, neural_network
from core.data import Images
from core.neural_network import (
    ClassificationConfig,
    Classifier,
    ClassifierConfig,
    accuracy,
    classification_loss,
    pretrained,
    restore_classifier,
    to_unit,
    train_classifier,
)
from core.store import DamagedModel, ModelNotFound
from core.training import TrainingConfig, seeded

CPU = torch.device("cpu")
SMALL = ClassifierConfig(widths=(4, 8), features=16)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Brightest(nn.Module):
    """Scores a picture by the grey level of its first ten pixels of the middle row, and remembers what it saw."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.seen: list[Tensor] = []

    def features(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return self.weight * x[:, 0, 14, 9:19]

    def to_scores(self, features: Tensor) -> Tensor:
        return features

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)


def dots(labels: Tensor) -> Tensor:
    """Black pictures with one white pixel that gives the label away."""
    images = torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8)
    images[torch.arange(len(labels)), 0, 14, 9 + labels] = 255
    return images


def test_the_loss_is_minus_the_log_of_the_right_class_s_share(monkeypatch):
    monkeypatch.setattr(neural_network, "DROPPED", 0.0)
    labels = torch.tensor([0, 5, 9])
    model = Brightest()
    loss = classification_loss(model, (dots(labels), labels), generator())
    scores = model(model.seen[0]).double()
    shares = scores.exp() / scores.exp().sum(1, keepdim=True)
    assert loss.item() == pytest.approx(-shares[torch.arange(3), labels].log().mean().item(), rel=1e-5)


def test_pictures_are_moved_by_up_to_two_pixels_each_way_and_filled_with_background():
    model, image, moves, drawn = Brightest(), dots(torch.tensor([5])), set(), generator()
    for _ in range(300):
        classification_loss(model, (image, torch.tensor([5])), drawn)
        x = model.seen[-1]
        assert x.shape == (1, 1, 28, 28) and set(x.unique().tolist()) == {-1.0, 1.0}
        row, column = (x[0, 0] == 1).nonzero()[0].tolist()
        moves.add((row - 14, column - 14))
    assert moves == set(itertools.product(range(-2, 3), repeat=2))


def test_grey_levels_become_minus_one_to_one():
    assert to_unit(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


def test_accuracy_is_the_share_of_right_answers():
    labels = torch.arange(1203) % 10  # more than two blocks, the last not full
    images = dots(labels)
    assert accuracy(Brightest(), images, labels) == 1
    assert accuracy(
        Brightest(), images, torch.where(torch.arange(1203) < 401, (labels + 1) % 10, labels)
    ) == pytest.approx(802 / 1203)


def test_features_are_what_the_scores_are_read_from():
    model = seeded(lambda: Classifier(SMALL), 0).eval()
    x = torch.randn(5, 1, 28, 28, generator=generator())
    features = model.features(x)
    assert features.shape == (5, 16) and bool((features >= 0).all())
    torch.testing.assert_close(model(x), features @ model.to_scores.weight.T + model.to_scores.bias)


def test_a_classifier_learns_is_kept_and_comes_back(monkeypatch):
    labels = torch.arange(600) % 10
    monkeypatch.setattr(data, "images", lambda name, split: Images(dots(labels).roll(3, 2) // 2, labels))
    config = ClassificationConfig("mnist", TrainingConfig(60, batch_size=32, learning_rate=0.01, warmup=5), SMALL)
    *_, state = train_classifier(config, CPU)
    assert state.progress == 1 and state.problem is None
    assert state.training.losses[-5:].mean() < state.training.losses[:5].mean()
    weights, record = state.result()
    record = json.loads(json.dumps(record))
    assert record["kind"] == "classifier" and 0 <= record["test_accuracy"] <= 1
    model = restore_classifier(weights, record, CPU)
    x = to_unit(dots(labels[:7]))
    assert torch.equal(model(x), state.training.average(x)) and not model.training

    for harm in ({"widths": []}, {"widths": [4, 9]}, {"widths": 4}, {"features": "many"}, {"depth": 3}):
        damaged = {"config": {**record["config"], "network": {**record["config"]["network"], **harm}}}
        with pytest.raises(DamagedModel, match="holds no classifier"):
            restore_classifier(weights, damaged, CPU)
    for nothing in ({}, {"config": None}, {"config": {"network": []}}):
        with pytest.raises(DamagedModel):
            restore_classifier(weights, nothing, CPU)
    with pytest.raises(DamagedModel):
        restore_classifier({}, record, CPU)


def test_a_classifier_that_was_stopped_goes_on_exactly():
    config = ClassificationConfig("mnist", TrainingConfig(12, batch_size=8, warmup=2), SMALL)
    *_, whole = train_classifier(config, CPU)
    *_, state = itertools.islice(train_classifier(config, CPU), 5)
    *_, second = train_classifier(config, CPU, state.checkpoint())
    expected, weights = whole.training.weights(), second.training.weights()
    assert all(torch.equal(value, weights[name]) for name, value in expected.items())


def test_a_classifier_is_named_by_its_settings_and_its_data():
    config = ClassificationConfig("mnist", TrainingConfig(60))
    assert config.describe()["checksum"] == data.checksum("mnist")
    others = [replace(config, network=SMALL), replace(config, dataset="fashion_mnist")]
    assert len({config.key, *(other.key for other in others)}) == 3 and not config.short


def test_the_classifier_that_ships_names_digits():
    test = data.mnist("test")
    assert accuracy(pretrained("digits", CPU), test.images[:2000], test.labels[:2000]) >= 0.992


def test_a_classifier_that_does_not_ship_is_told():
    with pytest.raises(ModelNotFound, match="No classifier model named 'letters'"):
        pretrained("letters")
