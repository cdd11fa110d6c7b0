"""A diffusion model learnt from data: its loss, its names, its runs, and what comes out."""

import copy
import itertools
import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from core import data, diffusion, shipped
from core.diffusion.learned import (
    DiffusionConfig,
    DiffusionState,
    ScheduleConfig,
    build_network,
    denoising_loss,
    draw_preview,
    preview_steps,
    restore,
    restore_network,
    train_diffusion,
    training_data,
)
from core.diffusion.point_network import PointNetworkConfig
from core.diffusion.samplers import ddim
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import UNetConfig
from core.metrics import energy_distance
from core.store import DamagedModel, ModelNotFound, ModelStore
from core.training import TrainingConfig

CPU = torch.device("cpu")
COSINE = NoiseSchedule.cosine(1000)
SMALL = PointNetworkConfig(width=16, depth=1)
STROKES = (((0.1, 0.2), (0.9, 0.8)), ((0.5, 0.1), (0.5, 0.9), (0.2, 0.9)))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny(steps: int = 60, **training: float) -> DiffusionConfig:
    config = DiffusionConfig.for_points("moons", steps, **{"batch_size": 32, **training})
    return replace(config, network=SMALL, schedule=ScheduleConfig("cosine", 50))


def last(states) -> DiffusionState:
    *_, state = states
    return state


# --- the loss ---------------------------------------------------------------------------------------------------------


class Spy(torch.nn.Module):
    """Predicts x_t / 2 and remembers what it was asked."""

    def __init__(self):
        super().__init__()
        self.asked: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        self.asked.append((x, t, label))
        return x / 2


@pytest.mark.parametrize("shape", [(2,), (1, 4, 4)], ids=["points", "images"])
def test_the_loss_is_the_mean_square_of_what_v_was_missed_by(shape):
    """The noise is worked out from what the network was shown, and v from its definition."""
    raw = torch.randint(0, 256, (40, *shape), generator=generator(), dtype=torch.uint8)
    x0 = raw.double() / 127.5 - 1 if len(shape) == 3 else raw.double()
    spy = Spy()
    batch = (raw if len(shape) == 3 else raw.float(), torch.zeros(40, dtype=torch.int64))
    loss = denoising_loss(COSINE, 0.1)(spy, batch, generator(1))

    x_t, t, _ = spy.asked[0]
    alpha_bar = COSINE.alpha_bar[t].reshape(-1, *[1] * len(shape))
    noise = (x_t.double() - alpha_bar.sqrt() * x0) / (1 - alpha_bar).sqrt()
    v = alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x0
    assert loss.item() == pytest.approx((x_t.double() / 2 - v).square().mean().item(), rel=1e-4)
    assert noise.std().item() == pytest.approx(1, abs=0.2) and abs(noise.mean().item()) < 0.2


def test_levels_are_stratified_and_stay_in_the_schedule():
    spy, loss, batch = Spy(), denoising_loss(COSINE, 0.1), (torch.zeros(50, 2), torch.zeros(50, dtype=torch.int64))
    drawn = generator()
    for _ in range(200):
        loss(spy, batch, drawn)
    levels = torch.stack([t for _, t, _ in spy.asked]) - 1  # (200, 50) in 0..999
    part = torch.arange(50)
    assert bool((levels // 20 == part).all())  # each fiftieth of the levels once in each batch
    counts = (levels - 20 * part).flatten().bincount(minlength=20)
    assert len(counts) == 20 and (counts - 500).abs().max() < 5 * 500**0.5  # and evenly inside of it
    short = NoiseSchedule.cosine(3)
    denoising_loss(short, 0.1)(spy, batch, drawn)
    assert set(spy.asked[-1][1].tolist()) == {1, 2, 3}


def test_labels_are_dropped_for_each_element_alone():
    spy, loss, label = Spy(), denoising_loss(COSINE, 0.1), torch.arange(50) % 10
    drawn = generator()
    for _ in range(200):
        loss(spy, (torch.zeros(50, 2), label), drawn)
    shown = torch.stack([label for _, _, label in spy.asked])  # (200, 50)
    dropped = shown == -1
    assert dropped.double().mean().item() == pytest.approx(0.1, abs=0.01)
    assert dropped.sum(1).double().std().item() == pytest.approx(
        (50 * 0.09) ** 0.5, rel=0.2
    )  # binomial, not all or none
    assert bool((shown == label)[~dropped].all())
    for share, expected in ((0.0, False), (1.0, True)):
        denoising_loss(COSINE, share)(spy, (torch.zeros(50, 2), label), drawn)
        assert bool((spy.asked[-1][2] == -1).all()) is expected


# --- names and records ------------------------------------------------------------------------------------------------

CONFIGS = {
    "digits": DiffusionConfig.for_images("mnist", 700, learning_rate=1e-3),
    "unconditional": replace(DiffusionConfig.for_images("fashion_mnist", 5), network=UNetConfig(labels=0)),
    "dinosaur": DiffusionConfig.for_points("dinosaur", 300, seed=3),
    "drawing": DiffusionConfig.for_points("drawing", 300, STROKES),
    "linear": replace(tiny(), schedule=ScheduleConfig("linear", 200), label_dropout=0.2),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_config_comes_back_from_its_record(config):
    again = DiffusionConfig.from_record(json.loads(json.dumps(config.describe())))
    assert again == config and again.key == config.key
    assert config.key.startswith("diffusion-")


def test_whatever_the_model_depends_on_is_in_its_name():
    keys = {config.key for config in CONFIGS.values()}
    for change in (
        {"label_dropout": 0.3},
        {"schedule": ScheduleConfig("cosine", 51)},
        {"network": replace(SMALL, depth=2)},
        {"training": TrainingConfig(61, 32)},
        {"dataset": "rings"},
        {"dataset": "drawing", "strokes": STROKES},
        {"dataset": "drawing", "strokes": STROKES[:1]},
    ):
        keys.add(replace(tiny(), **change).key)
    assert len(keys) == len(CONFIGS) + 7


def test_the_checksum_of_a_file_is_in_the_name_and_whole_numbers_are_as_good_as_others():
    assert CONFIGS["digits"].describe()["checksum"] == data.checksum("mnist")
    assert CONFIGS["dinosaur"].describe()["checksum"] == data.checksum("datasaurus")
    whole = DiffusionConfig.for_points("drawing", 5, [[[0, 0], [1, 1]]])
    assert whole == DiffusionConfig.for_points("drawing", 5, (((0.0, 0.0), (1.0, 1.0)),))
    assert whole.key == DiffusionConfig.from_record(json.loads(json.dumps(whole.describe()))).key


HOSTILE = {
    "no config": lambda r: r.pop("config"),
    "config of another kind": lambda r: r.update(config=[1, 2]),
    "no network": lambda r: r["config"].pop("network"),
    "network a word": lambda r: r["config"].update(network="a U-Net"),
    "network of the other kind": lambda r: r["config"].update(network={"channels": 1, "widths": [8, 16]}),
    "no layers": lambda r: r["config"].update(network={"channels": 1, "widths": []}),
    "unknown field": lambda r: r["config"]["network"].update(dropout=0.1),
    "another width": lambda r: r["config"]["network"].update(width=17),
    "a width for which there is no memory": lambda r: r["config"]["network"].update(width=10**9),
    "a width in words": lambda r: r["config"]["network"].update(width="wide"),
    "negative depth": lambda r: r["config"]["network"].update(depth=-1),
    "unknown schedule": lambda r: r["config"]["schedule"].update(kind="sawtooth"),
    "no levels": lambda r: r["config"]["schedule"].update(T=0),
    "too many levels": lambda r: r["config"]["schedule"].update(T=10**10),
    "nonsense training": lambda r: r["config"]["training"].update(steps=-5),
    "strokes that are none": lambda r: r["config"].update(strokes=[[1, 2, 3]]),
}


@pytest.mark.parametrize("harm", HOSTILE.values(), ids=HOSTILE)
def test_a_damaged_record_is_told_in_one_sentence(harm):
    weights, record = next(train_diffusion(tiny())).result()
    record = json.loads(json.dumps(record))
    restore(weights, record)
    harm(record)
    with pytest.raises(DamagedModel, match="holds no diffusion model"):
        restore(weights, record)


def test_weights_that_do_not_fit_are_told_in_one_sentence():
    weights, record = next(train_diffusion(tiny())).result()
    for wrong in (
        {},
        {name: value for name, value in weights.items() if name != "leave.bias"},
        weights | {"more": torch.zeros(1)},
        weights | {"leave.bias": torch.zeros(3)},
        weights | {"leave.bias": torch.zeros(2, dtype=torch.int64)},
    ):
        with pytest.raises(DamagedModel):
            restore(wrong, record)


def test_heads_that_the_weights_do_not_know_of_are_checked_too():
    network = build_network(UNetConfig(widths=(8, 16), embedding=16, heads=2), 0)
    config = replace(CONFIGS["digits"], network=network.config)
    for change in ({"heads": 0}, {"heads": 3}, {"channels": 4, "patch": 1}):
        record = {"config": json.loads(json.dumps(config.describe()))}
        restore(network.state_dict(), record)
        record["config"]["network"].update(change)
        if change == {"channels": 4, "patch": 1}:
            restore(network.state_dict(), record)  # the same weights are a network of four channels as well
            continue
        with pytest.raises(DamagedModel):
            restore(network.state_dict(), record)


def test_a_kept_model_is_the_one_that_was_trained(tmp_path):
    state = last(train_diffusion(tiny(), CPU))
    ModelStore(tmp_path).save(state.config.key, *state.result())
    before = torch.get_rng_state()
    network, schedule = restore_network(*ModelStore(tmp_path).load(state.config.key), CPU)
    assert torch.equal(before, torch.get_rng_state())  # other threads may be training
    x, t = torch.randn(5, 2, generator=generator()), torch.tensor([1, 10, 20, 49, 50])
    assert torch.equal(network(x, t), state.training.average(x, t))
    assert not network.training and schedule.T == 50


def test_pretrained_finds_a_model_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "shipped", lambda: ModelStore(tmp_path, read_only=True))
    state = last(train_diffusion(tiny()))
    weights, record = state.result()
    ModelStore(tmp_path).save(state.config.key, weights, {**record, "name": "moons"})
    denoiser, schedule = diffusion.pretrained("moons", CPU)
    x = torch.randn(4, 2, generator=generator(), dtype=torch.float64)
    noise = denoiser(x, torch.tensor([1, 2, 49, 50]))
    assert noise.shape == x.shape and noise.dtype == x.dtype and len(schedule.alpha_bar) == 51
    *_, end = ddim(denoiser, schedule, x.float(), steps=5)
    assert end.x.isfinite().all()
    with pytest.raises(ModelNotFound, match="'digits'"):
        diffusion.pretrained("digits")


def test_of_two_models_with_one_name_the_newer_ships(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "shipped", lambda: ModelStore(tmp_path, read_only=True))
    for key, date in (("diffusion-1", "2026-02-01"), ("diffusion-2", "2026-03-01"), ("diffusion-3", "2026-01-01")):
        record = {"kind": "diffusion", "name": "digits", "date": date}
        ModelStore(tmp_path).save(key, {"w": torch.zeros(1)}, record)
    ModelStore(tmp_path).save("classifier-9", {}, {"kind": "classifier", "name": "digits", "date": "2026-04-01"})
    assert shipped.key_of_name("diffusion", "digits") == "diffusion-2"


# --- data -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["moons", "drawing"])
def test_points_are_drawn_from_the_seed(name):
    config = DiffusionConfig.for_points(name, 5, STROKES if name == "drawing" else ())
    (points, labels), (again, _) = training_data(config, CPU), training_data(config, CPU)
    assert points.dtype == torch.float32 and points.shape == (10_000, 2) and torch.equal(points, again)
    assert bool((labels == -1).all())
    other = replace(config, training=replace(config.training, seed=1))
    assert not torch.equal(points, training_data(other, CPU)[0])


def test_a_network_without_labels_is_told_none():
    images, labels = training_data(CONFIGS["digits"], CPU)
    assert images.shape == (60_000, 1, 28, 28) and images.dtype == torch.uint8 and labels.max() == 9
    unconditional = replace(CONFIGS["digits"], network=UNetConfig(widths=(8, 16), embedding=16, heads=2, labels=0))
    assert bool((training_data(unconditional, CPU)[1] == -1).all())
    small = replace(unconditional, training=TrainingConfig(2, batch_size=4))
    state = last(train_diffusion(small, CPU))
    assert state.problem is None and state.previews[0].x0.shape == (1, 1, 28, 28)


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_point_model_trained_for_seconds_samples_near_its_shape():
    config = DiffusionConfig.for_points("moons", 700, batch_size=256)
    real = data.shape("moons", 1000, generator(99))
    states = train_diffusion(config, CPU)
    untrained = next(states).result()
    distances = []
    for kept in (untrained, last(states).result()):
        denoiser, schedule = restore(*kept, CPU)
        *_, end = ddim(denoiser, schedule, torch.randn(1000, 2, generator=generator()), steps=20)
        distances.append(energy_distance(end.x, real))
    assert distances[0] > 0.05 and distances[1] < 0.15 * distances[0]


def test_previews_come_early_and_often_and_at_the_end():
    assert preview_steps(703) == (25, 50, 100, 200, 400, 703)
    assert preview_steps(100) == (25, 50, 100) and preview_steps(7) == (7,)


def test_previews_all_come_from_the_same_noise():
    states = list(train_diffusion(tiny(), CPU))
    assert [p.step for p in states[-1].previews] == [25, 50, 60]
    assert [len(states[k].previews) for k in (0, 23, 24, 48, 49, 59)] == [0, 0, 1, 1, 2, 3]
    x0 = [p.x0 for p in states[-1].previews]
    assert all(x.shape == (500, 2) and x.device.type == "cpu" for x in x0)
    assert torch.equal(x0[-1], draw_preview(states[-1].training.average, ScheduleConfig("cosine", 50).build(), 0))
    for early, late in itertools.pairwise(x0):  # particles keep their places while the weights move on
        assert 0 < (early - late).norm(dim=1).mean() < 0.5


def test_a_preview_of_images_shows_each_class_once():
    network = build_network(UNetConfig(widths=(8, 16), embedding=16, heads=2, labels=4), 0).eval()
    asked = []
    network.register_forward_pre_hook(lambda _, inputs: asked.append(inputs[2]))
    preview = draw_preview(network, COSINE, 0)
    assert preview.shape == (4, 1, 28, 28) and preview.abs().max() <= 1
    assert asked[0].tolist() == [0, 1, 2, 3, -1, -1, -1, -1] and len(asked) == 10
    assert torch.equal(preview, draw_preview(network, COSINE, 0))
    assert not torch.equal(preview, draw_preview(network, COSINE, 1))


@pytest.mark.parametrize("stop", [24, 25, 40, 60])
def test_a_stopped_run_goes_on_with_its_previews(stop, tmp_path):
    whole = last(train_diffusion(tiny(), CPU))
    *_, state = itertools.islice(train_diffusion(tiny(), CPU), stop)
    ModelStore(tmp_path).save("kept", *state.checkpoint())
    second = last(train_diffusion(tiny(), CPU, resume=ModelStore(tmp_path).load("kept")))
    assert [p.step for p in second.previews] == [25, 50, 60]
    for a, b in zip(whole.previews, second.previews, strict=True):
        assert torch.equal(a.x0, b.x0)
    expected, tensors = whole.checkpoint()[0], second.checkpoint()[0]
    assert expected.keys() == tensors.keys()
    assert all(torch.equal(value, tensors[name]) for name, value in expected.items())


def test_a_run_that_diverges_ends_with_what_it_knew_before():
    states = list(train_diffusion(tiny(2000, learning_rate=1000.0), CPU))
    end = states[-1]
    assert end.problem == "diverged" and len(states) < 2000 and states[-2].problem is None
    tensors, record = end.checkpoint()
    assert all(bool(value.isfinite().all()) for value in tensors.values())
    assert not [name for name in tensors if name.startswith("preview.") and int(name[8:]) > record["step"]]
    restore(*copy.deepcopy(end.result()))


def test_what_makes_no_sense_is_said_at_once():
    for wrong, said in (
        (replace(tiny(), schedule=ScheduleConfig("sawtooth")), "cosine or linear"),
        (replace(tiny(), schedule=ScheduleConfig(T=0)), "between 1 and"),
        (replace(tiny(), dataset="squares"), "squares"),
        (replace(tiny(), dataset="drawing"), "empty"),
    ):
        with pytest.raises(ValueError, match=said):
            next(train_diffusion(wrong, CPU))
