"""The classifier of noisy digits: what it learns from, what it says, how it is kept, and its pull."""

from dataclasses import replace

import pytest
import torch

from core import data, train
from core.data import Images
from core.diffusion import noisy_classifier
from core.diffusion.forward import signal_and_noise
from core.diffusion.guidance import classifier_guided
from core.diffusion.learned import ScheduleConfig
from core.diffusion.noisy_classifier import (
    NoisyClassificationConfig,
    NoisyClassifier,
    NoisyClassifierConfig,
    accuracies,
    log_prob_of,
    looked_at,
    noisy_classification_loss,
    restore_noisy_classifier,
    train_noisy_classifier,
)
from core.shipped import find, named
from core.store import DamagedModel
from tests.core.test_devices import DevicesAreNamed

CPU = torch.device("cpu")
SCHEDULE = ScheduleConfig(T=20)
SMALL = NoisyClassifierConfig(widths=(4, 6), embedding=8)


@pytest.fixture
def few_images(monkeypatch) -> Images:
    generator = torch.Generator().manual_seed(0)
    images = Images(
        torch.randint(0, 255, (40, 1, 28, 28), generator=generator, dtype=torch.uint8), torch.arange(40) % 10
    )
    monkeypatch.setattr(data, "images", lambda name, split: images)
    return images


def config(steps: int = 26) -> NoisyClassificationConfig:
    made = NoisyClassificationConfig.for_images("mnist", steps, batch_size=8)
    return replace(made, network=SMALL, schedule=SCHEDULE)


def test_it_trains_goes_on_is_kept_and_comes_back(few_images):
    with DevicesAreNamed():
        first = next(train_noisy_classifier(config(), CPU))
        *_, state = train_noisy_classifier(config(), CPU, first.checkpoint())
        weights, record = state.result()
    *_, straight = train_noisy_classifier(config(), CPU)
    assert all(torch.equal(weights[n], v) for n, v in straight.training.weights().items())
    assert record["levels"] == looked_at(20) == [1, *range(2, 21, 2)] and len(record["accuracies"]) == 11
    assert [step for step, _ in straight.looks] == [1, 25, 26]
    network, schedule = restore_noisy_classifier(weights, record, CPU)
    assert schedule.T == 20 and not network.training
    x, t = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(1)), torch.tensor([1, 7, 20])
    torch.testing.assert_close(network(x, t), straight.training.average(x, t))
    with pytest.raises(DamagedModel):
        restore_noisy_classifier({"enter.bias": weights["enter.bias"]}, record, CPU)


def test_the_loss_is_the_cross_entropy_at_every_level(few_images):
    """With a network that only tells how noisy its image is, the loss shows which levels were drawn."""
    seen = []

    def spy(x, t):
        seen.append((x, t))
        return torch.zeros(len(x), 10)

    loss = noisy_classification_loss(SCHEDULE.build())(
        spy, (few_images.images, few_images.labels), torch.Generator().manual_seed(0)
    )
    assert loss.item() == pytest.approx(torch.tensor(10.0).log().item())
    ((x, t),) = seen
    assert sorted(set(t.tolist())) == list(range(1, 21)) and all((t == k).sum() == 2 for k in range(1, 21))
    assert x[t == 20].std() == pytest.approx(1, abs=0.1)  # at the end there is nothing but noise


def test_what_it_says_are_probabilities_and_its_pull_is_their_gradient():
    network = NoisyClassifier(SMALL).eval().requires_grad_(False)
    log_prob = log_prob_of(network)
    x, t = torch.randn(10, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.full((10,), 5)
    everything = torch.stack([log_prob(x, t, torch.full((10,), y)) for y in range(10)]).exp().sum(dim=0)
    torch.testing.assert_close(everything, torch.ones(10))
    schedule, label = SCHEDULE.build(), torch.tensor([3] * 9 + [-1])
    with torch.no_grad():
        noise = classifier_guided(lambda x, t, label=None: 0 * x, log_prob, 2.0, schedule)(x, t, label)
    step = 1e-2 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    change = (log_prob(x + step, t, label.clamp(min=0)) - log_prob(x - step, t, label.clamp(min=0))) / 2
    _, sigma = signal_and_noise(schedule, t, x)
    along = (-noise / (2 * sigma) * step).flatten(1).sum(dim=1)
    torch.testing.assert_close(along[:9], change[:9], rtol=0.05, atol=1e-5)
    assert not noise[9].any()  # nobody asked


def test_the_command_knows_it():
    assert train.KINDS["noisy_classifier"][2] is train_noisy_classifier
    made = train.KINDS["noisy_classifier"][1]("mnist", 2)
    assert (made.training.steps, made.training.batch_size) == (2 * 468, 128)
    assert made.key.startswith("noisy_classifier-")


def test_the_one_that_ships_names_digits_through_noise():
    weights, record = find("noisy_classifier", "digits")
    assert sum(value.numel() * value.element_size() for value in weights.values()) < 1_000_000
    network, schedule = noisy_classifier.load(named("noisy_classifier", "digits"), CPU)
    test = data.mnist("test")
    found = accuracies(network, schedule, test, 100)
    for level, mine, kept in zip(record["levels"], found, record["accuracies"], strict=True):
        spread = (kept * (1 - kept) / 100 + 1e-4) ** 0.5
        assert abs(mine - kept) < 4 * spread, f"at t = {level}"
    assert record["accuracies"][0] > 0.95 and abs(record["accuracies"][-1] - 0.1) < 0.05
