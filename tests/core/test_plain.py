"""What crosses to the process of the runs arrives as it was, and bytes that are no such message make nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import math
import pkgutil
import random
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import core
from core.curve import CurveConfig, CurveRun
from core.diffusion.guidance_quality import GuidanceQuality
from core.diffusion.latent import LatentConfig
from core.diffusion.learned import DiffusionConfig
from core.diffusion.mistake_run import MistakeRun
from core.diffusion.mistaken import MistakenConfig
from core.diffusion.noisy_classifier import NoisyClassificationConfig
from core.diffusion.point_network import PointNetworkConfig
from core.diffusion.quality import Entry, QualityConfig
from core.diffusion.sampling import SamplingConfig
from core.digit_mlp import DigitRun
from core.hierarchical_learned import HierarchyRun
from core.job import Snapshot
from core.ladder import LadderConfig
from core.neural_network import ClassificationConfig
from core.plain import NotPlain, pack, unpack
from core.point_vae import PointVAEConfig, PointVAERun
from core.run import Config
from core.scene_run import SceneRun
from core.scenes.diffusion_theory_back import Ends, Walks
from core.scenes.diffusion_theory_forward import OneNumber, Ways
from core.scenes.em import ManyStarts
from core.scenes.em_more import HowMany
from core.scenes.guidance_edit import Fill, Redraw, Turning
from core.scenes.guidance_latent import Side
from core.scenes.guidance_pulled import Mixed, Pair
from core.scenes.guidance_scale import Asked, Sweep
from core.scenes.vae import PosteriorScene
from core.store import shipped
from core.training import Learning, TrainingConfig
from core.vae_bound import BoundRun
from core.vae_learned import VAERun

SHORT = TrainingConfig(2, 8)
STROKES = (((0.25, 0.5), (0.75, 1.0)), ((0.0, 0.0),))
POINTS = DiffusionConfig.for_points("moons", 3)
CONFIGS = [
    CurveRun(((-1.0, 0.5), (1.0, -0.5)), CurveConfig(4, 2, "relu"), 0.1, 3, 2),
    DigitRun(hidden=16),
    DiffusionConfig.for_images("mnist", 703),
    DiffusionConfig.for_points("drawing", 500, STROKES),
    MistakenConfig("twin", POINTS),
    LatentConfig("vae-1", "mnist", SHORT, PointNetworkConfig()),
    NoisyClassificationConfig("mnist", SHORT),
    ClassificationConfig("mnist", SHORT),
    VAERun("mnist", SHORT),
    HierarchyRun("mnist", SHORT),
    PointVAERun("moons"),
    LadderConfig("moons"),
    BoundRun("vae-1"),
    SamplingConfig("m", labels=(3, 7)),
    QualityConfig("m", "drawing", (Entry("ddim", 5),), strokes=STROKES),
    GuidanceQuality("m", (0.0, 1.5)),
    MistakeRun("root"),
    Walks(),
    Ends(),
    Ways(),
    OneNumber(),
    ManyStarts(),
    HowMany(),
    Redraw("m", STROKES),
    Turning("m", STROKES),
    Fill("m", hole=STROKES),
    Side("p", "c"),
    Pair("m", "c"),
    Mixed("m"),
    Sweep("m"),
    Asked("m"),
    PosteriorScene(strokes=STROKES),
]


def same(one: Any, other: Any) -> bool:
    """Whether a value arrived as it was: types, shapes and bits; what acts, as None."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and same(one.numpy(), other.numpy())
    if dataclasses.is_dataclass(one):
        fields = dataclasses.fields(one)
        return type(one) is type(other) and all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields)
    if callable(one):
        return other is None
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or one != one and other != other


def kinds(base: type) -> Iterator[type]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


# ---- what crosses ---------------------------------------------------------------------------------------------------


def test_every_config_of_a_run_crosses_and_keeps_its_key():
    for module in pkgutil.walk_packages(core.__path__, "core."):
        if module.name != "core.train":
            importlib.import_module(module.name)
    ours = {kind for base in (Config, SceneRun) for kind in kinds(base) if kind.__module__.startswith("core.")}
    assert {type(config) for config in CONFIGS} == ours
    for config in CONFIGS:
        again = unpack(pack(config))
        assert again == config and same(config, again) and again.key == config.key, config
        assert (again.title, again.short) == (config.title, config.short)


def last(states: Iterator[Any]) -> Any:
    *_, state = states
    return state


def shipped_as(kind: str, dataset: str) -> str:
    return next(r["key"] for r in shipped().records() if (r["kind"], r["config"]["dataset"]) == (kind, dataset))


def states() -> Iterator[Any]:
    """One of each run that takes a fraction of a second."""
    for config in (CONFIGS[0], POINTS, PointVAERun("moons", PointVAEConfig(), SHORT), ManyStarts(count=3)):
        yield last(config.start())
    yield last(Walks(particles=4).start())
    yield last(MistakeRun("root", "points", 2).start())
    yield last(SamplingConfig(shipped_as("diffusion", "moons"), steps=2, count=2, labels=(1,)).start())
    for config in (
        VAERun("mnist", SHORT),
        HierarchyRun("mnist", SHORT),
        ClassificationConfig("mnist", SHORT),
        NoisyClassificationConfig("mnist", SHORT),
        DiffusionConfig.for_images("mnist", 2),
        DigitRun(hidden=16, epochs=1),
        LadderConfig("moons", 20),
        BoundRun(shipped_as("vae", "mnist"), 20, 2),
        QualityConfig(shipped_as("diffusion", "moons"), "moons", (Entry("ddim", 1),), count=20),
        Turning(shipped_as("diffusion", "mnist"), STROKES),
    ):
        yield next(iter(config.start()))


def test_what_runs_yield_crosses_without_what_acts():
    arrays = learning = 0
    for state in states():
        shot = Snapshot("k", "a title", "running", state, None, "", 2, "ann", 7, 0.25)
        again = unpack(pack(shot))
        assert same(shot, again), state
        assert again.state.progress == state.progress
        arrays += len(pack(shot)) > 1000
        if isinstance(state, Learning):
            learning += 1
            assert again.state.training.average is None and again.state.training.checkpoint is None
    assert arrays >= 8 and learning >= 8


PLAIN = {
    "nothing": None,
    "numbers": (True, 0, -(2**62), 0.1, math.inf, -math.inf, math.nan, 5e-324),
    "words": ["", '가나다 \u2028 "\\', "\ud800", {"tuple": 1, "array": [], "of": ()}],
    "keys": {1: "int", "1": "str", (2, "x"): [], None: {}, 1.5: {0: {}}},
    "arrays": [
        np.array(2.5),
        np.zeros((0, 3), np.float32),
        np.arange(12, dtype=np.int16).reshape(3, 4)[::2, ::-1],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([[True, False]]),
        np.array([math.nan, math.inf, -0.0], np.float16),
        np.array([2**63], np.uint64),
    ],
    "tensors": (
        torch.tensor(3, device="cpu"),
        torch.tensor([[True]], device="cpu"),
        torch.zeros((2, 0), dtype=torch.float16, device="cpu"),
        torch.arange(6.0, device="cpu").reshape(2, 3).T,
    ),
    "inside": ((), [], [()], ([({"a": (np.ones(1),)},)],)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_data_arrives_as_it_was(name):
    assert same(PLAIN[name], unpack(pack(PLAIN[name])))


def test_arrays_arrive_as_copies_and_numpys_numbers_as_pythons():
    array, learnt = np.arange(3, dtype=">i4"), torch.nn.Parameter(torch.ones(2, device="cpu"))
    swapped, tensor = unpack(pack([array, learnt]))
    assert swapped.dtype == "<i4" and swapped.tolist() == [0, 1, 2] and not tensor.requires_grad
    swapped[0] = tensor[0] = 7
    assert array[0] == 0 and learnt[0] == 1
    assert same(unpack(pack([np.float32(0.5), np.int8(3), np.bool_(True)])), [0.5, 3, True])
    network = torch.nn.Linear(1, 1, device="cpu")
    assert unpack(pack({"f": math.sqrt, "network": network, "class": CurveRun})) == dict.fromkeys(
        ("f", "network", "class")
    )


def holding_itself() -> list:
    found: list = []
    found.append(found)
    return found


@dataclasses.dataclass
class Elsewhere:
    x: int = 1


REFUSED = {
    "a set": {1, 2},
    "bytes": b"x",
    "a complex number": 1j,
    "NumPy's complex number": np.complex64(1),
    "NumPy's date": np.datetime64("2026-01-01"),
    "an array of objects": np.array([None]),
    "an array of words": np.array(["a"]),
    "a structured array": np.zeros(1, "f4,i4"),
    "an array of complex numbers": np.ones(2, complex),
    "a tensor of complex numbers": torch.ones(2, dtype=torch.complex64, device="cpu"),
    "a tensor of a type that NumPy lacks": torch.ones(2, dtype=torch.bfloat16, device="cpu"),
    "a sparse tensor": torch.eye(2, device="cpu").to_sparse(),
    "a generator": torch.Generator("cpu"),
    "a tuple with names": namedtuple("Pair", "a b")(1, 2),
    "a dataclass of another project": Elsewhere(),
    "a value that holds itself": holding_itself(),
    "something inside": OrderedDict(a=[(CONFIGS[0], {0: {3}})]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_cross_is_refused_at_once(name):
    with pytest.raises(NotPlain):
        pack(REFUSED[name])


# ---- what is no message ---------------------------------------------------------------------------------------------


def message(tree: Any, arrays: bytes = bytes(64)) -> bytes:
    written = (tree if isinstance(tree, str) else json.dumps(tree)).encode()
    return len(written).to_bytes(4, "little") + written + arrays


def of(module: Any, name: Any, **fields: Any) -> dict:
    return {"of": [module, name], "fields": fields}


HOSTILE = [
    "[" * 100_000,
    '{"list":' * 50_000,
    "9" * 5000,
    "nul",
    {},
    {"pickle": "x"},
    {"tuple": 3},
    {"tuple": "ab"},
    {"dict": [[1]]},
    {"dict": [[[], 1]]},
    {"dict": {"a": 1}},
    {"array": []},
    {"array": ["<f4", 3, 0]},
    {"array": [None, [1], 0]},
    {"array": [["<f4"], [1], 0]},
    *({"array": [kind, [1], 0]} for kind in ("|O", "O", "|O8", "<U1", "|S4", "|V8", "<c8", "<M8[s]", "<f3", "<f4,<f4")),
    *(
        {"array": ["<f4", shape, 0]}
        for shape in ([-1], [17], [2**62, 4], [2**32, 2**32], [10**30], [1.5], ["1"], [True])
    ),
    *({"array": ["<f4", [1], offset]} for offset in (-4, 61, 10**30, 1.0, True)),
    {"array": ["<f4", [1] * 200, 0]},
    {"array": ["<u2", [0, 2**62, 2**62], 0], "tensor": True},
    of("os", "system"),
    of("builtins", "object"),
    of("corexec", "X"),
    of("core", "CurveRun"),
    of("core.curve", "no_such"),
    of("core.curve", "train_curve"),
    of("core.curve", "CurveNetwork"),
    of("core.curve", "math"),
    of("core.curve", "TrainingConfig", **dataclasses.asdict(SHORT)),  # of another module
    of("core.curve", "CurveConfig"),
    of("core.curve", "CurveConfig", width=1, depth=1, activation="relu", more=1),
    of("core.curve", "CurveConfig.__init__"),
    of("core.curve", "torch.Tensor"),
    of("core.curve", ""),
    of("core..curve", "CurveConfig", width=1, depth=1, activation="relu"),
    of("core./curve", "CurveConfig"),
    of("", "CurveConfig"),
    of(None, "CurveConfig"),
    of(["core"], "x"),
    {"of": ["core.curve", "CurveConfig"], "fields": [1]},
    {"of": "core.curve", "fields": {}},
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tree", HOSTILE, ids=lambda tree: str(tree)[:60])
def test_what_is_no_message_makes_nothing(tree):
    for whole in (tree, [1, tree]) if not isinstance(tree, str) else (tree,):
        with pytest.raises(NotPlain):
            unpack(message(whole))


def test_bytes_that_are_cut_or_changed_make_nothing_else():
    whole = pack({"config": CONFIGS[0], "x": np.arange(4.0), "y": torch.ones(3, device="cpu")})
    for end in range(len(whole)):
        with pytest.raises(NotPlain):
            unpack(whole[:end])
    draw = random.Random(3)
    for _ in range(1500):
        changed = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            changed[draw.randrange(len(whole))] = draw.randrange(256)
        with contextlib.suppress(NotPlain):
            unpack(bytes(changed))
        with contextlib.suppress(NotPlain):
            unpack(draw.randbytes(draw.randrange(40)))
