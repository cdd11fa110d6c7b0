"""The small digit network: its formula, its looks, going on where it stopped."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from core import data
from core.data import Images
from core.digit_mlp import WRONG, DigitMLP, DigitRun, look, probabilities
from core.store import DamagedModel
from tests.core.test_devices import DevicesAreNamed

RUN = DigitRun(hidden=16, epochs=1, batch_size=1000, rate=0.02)


@pytest.fixture(scope="module")
def trained():
    *_, state = RUN.start()
    return state


def test_it_computes_what_its_formula_says():
    model, image = DigitMLP(7).requires_grad_(False), data.mnist("test").images[:3]
    x = image.reshape(3, 784).float() / 255
    hidden = (x @ model.first.weight.T + model.first.bias).clamp(min=0)
    torch.testing.assert_close(model(image), hidden @ model.second.weight.T + model.second.bias)


def test_it_learns_and_says_what_it_gets_wrong(trained):
    before, after = trained.looks
    assert (before.epoch, after.epoch) == (0, 1) and after.accuracy > 0.8 > 0.3 > before.accuracy
    test = data.mnist("test")
    said = probabilities(after.weights, test.images).argmax(dim=1)
    assert after.accuracy == pytest.approx(float((said == test.labels).double().mean()), abs=1e-9)
    assert len(after.wrong) == WRONG
    assert torch.equal(said[after.wrong], after.said) and (after.said != test.labels[after.wrong]).all()
    assert (after.sure.diff() <= 0).all()


def test_probabilities_add_up_to_one_and_other_weights_are_refused(trained):
    chances = probabilities(trained.looks[-1].weights, data.mnist("test").images[:5])
    torch.testing.assert_close(chances.sum(dim=1), torch.ones(5))
    with pytest.raises(DamagedModel):
        probabilities({"first.bias": torch.zeros(4)}, data.mnist("test").images[:1])
    with pytest.raises(DamagedModel):
        probabilities({}, data.mnist("test").images[:1])


def test_going_on_is_as_if_it_never_stopped(trained):
    iterator = RUN.start()
    state = [next(iterator) for _ in range(25)][-1]
    *_, gone_on = RUN.start(state.checkpoint())
    for name, value in trained.looks[-1].weights.items():
        assert torch.equal(gone_on.looks[-1].weights[name], value)
    tensors, record = gone_on.result()
    assert record["accuracies"][-1] == [1, gone_on.looks[-1].accuracy]
    assert set(tensors) == set(trained.looks[-1].weights)


def test_a_network_without_a_mistake_has_an_empty_list():
    model = DigitMLP(4).requires_grad_(False)
    images = data.mnist("test").images[:6]
    found = look(model, Images(images, model(images).argmax(dim=1)), 3)
    assert found.accuracy == 1 and len(found.wrong) == 0 and found.epoch == 3


def test_a_rate_that_diverges_says_so():
    *_, state = dataclasses.replace(RUN, rate=1000.0).start()
    assert state.problem == "diverged" and int(state.detail) > 0 and state.looks[0].epoch == 0


def test_bad_sizes_are_said_and_keys_differ():
    with pytest.raises(ValueError, match="hidden"):
        DigitRun(hidden=0)
    assert RUN.key != dataclasses.replace(RUN, hidden=17).key and RUN.key.startswith("digitmlp-")


def test_every_factory_names_its_device():
    with DevicesAreNamed():
        next(RUN.start())
