"""The choice of a device: the best there is, the one asked for, or a plain sentence."""

import pytest
import torch

from core import device


def machine(monkeypatch, *, cuda=0, mps=False):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"), [(0, False, "cpu"), (0, True, "mps"), (1, False, "cuda"), (2, True, "cuda")]
)
def test_takes_the_best_there_is(monkeypatch, cuda, mps, best):
    machine(monkeypatch, cuda=cuda, mps=mps)
    assert device.pick() == device.pick("auto") == torch.device(best)
    assert device.pick("cpu") == torch.device("cpu")


def test_takes_the_one_asked_for(monkeypatch):
    machine(monkeypatch, cuda=2)
    assert device.pick("cuda:1") == torch.device("cuda", 1)
    assert device.pick(" CUDA ") == torch.device("cuda")


@pytest.mark.parametrize("name", ["", "gpu", "tpu", "cpu:", "cuda:x", "cuda:-1", "cuda:1:2", "xla"])
def test_an_unknown_name_is_told_what_would_be_right(monkeypatch, name):
    machine(monkeypatch, cuda=1)
    with pytest.raises(ValueError, match="choose auto, cpu, mps, cuda"):
        device.pick(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_an_absent_device_is_told_what_is_there(monkeypatch, name):
    machine(monkeypatch)
    with pytest.raises(ValueError, match=r"This machine has no (cuda|mps) device; choose one of: cpu\."):
        device.pick(name)


def test_an_absent_number_is_told_how_many_there_are(monkeypatch):
    machine(monkeypatch, cuda=2)
    with pytest.raises(ValueError, match="has 2"):
        device.pick("cuda:2")


def test_describes_a_device_in_words(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card of {device}")
    assert device.describe("cuda:1") == "card of cuda:1"
    assert device.describe("mps") == "Apple GPU (MPS)"
    assert device.describe(torch.device("cpu")) == f"CPU × {torch.get_num_threads()}"
