"""The one loop: it goes on exactly where it stopped, notices when it fails, and does what its formulas say."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor, nn

from core.store import DamagedModel, ModelStore
from core.training import (
    Batch,
    Checkpoint,
    TrainingConfig,
    TrainingState,
    finished,
    learning_rate,
    out_of_memory,
    reading,
    restored,
    seeded,
    train,
)

CONFIG = TrainingConfig(steps=130, batch_size=16, learning_rate=0.01, warmup=20, ema_decay=0.9)


def data(count: int = 100) -> Batch:
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(1))
    return x, x[:, :1].abs()


def network(seed: int = 0) -> nn.Module:
    layers = lambda: nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.SiLU(), nn.Linear(16, 1))  # noqa: E731
    return seeded(layers, seed)


def noisy_loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
    x, y = batch
    return (model(x + 0.1 * torch.randn(x.shape, generator=generator)) - y).square().mean()


def run(config: TrainingConfig = CONFIG, resume: Checkpoint | None = None, seed: int = 0) -> Iterator[TrainingState]:
    return train(network(seed), noisy_loss, data(), config, resume)


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert value.dtype == b[name].dtype and torch.equal(value, b[name]), name


def is_finite(tensors: dict[str, Tensor]) -> bool:
    return all(bool(value.isfinite().all()) for value in tensors.values())


# --- going on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [1, 50, 63, 129, 130])
@pytest.mark.parametrize("by_way_of_the_store", [False, True])
def test_stopped_and_resumed_equals_uninterrupted(stop, by_way_of_the_store, tmp_path):
    *_, whole = run()
    first = run()
    for _ in range(stop):
        state = next(first)
    kept = state.checkpoint()
    first.close()
    if by_way_of_the_store:
        ModelStore(tmp_path).save("run.kept", *kept)
        kept = ModelStore(tmp_path).load("run.kept")
    *_, second = run(resume=kept, seed=7)  # the first weights must not matter

    assert (second.step, second.progress) == (130, 1)
    assert torch.equal(whole.losses, second.losses)
    assert_same(whole.weights(), second.weights())
    assert_same(whole.checkpoint()[0], second.checkpoint()[0])  # BatchNorm, Adam and the generator among them


def test_a_checkpoint_holds_all_that_changes():
    *_, state = run()
    names = set(state.checkpoint()[0])
    assert {"model.1.running_var", "average.1.running_var", "generator", "losses"} <= names
    assert {f"optimizer.{k}.{what}" for k in range(6) for what in ("step", "exp_avg", "exp_avg_sq")} <= names


def test_checkpoints_and_weights_are_copies():
    states = run()
    state = next(states)
    (kept, _), weights = state.checkpoint(), state.weights()
    before = {name: value.clone() for name, value in (kept | weights).items()}
    for _ in range(5):
        next(states)
    assert_same(before, kept | weights)


def test_a_run_resumed_at_its_end_yields_its_last_state_once():
    *_, end = run()
    (again,) = run(resume=end.checkpoint(), seed=3)
    assert (again.step, again.problem, again.rate) == (130, None, 0)
    assert_same(end.weights(), again.weights())


def test_a_checkpoint_of_another_run_is_refused_in_words():
    kept = next(run()).checkpoint()
    with pytest.raises(ValueError, match="other settings"):
        next(run(replace(CONFIG, seed=1), resume=kept))
    with pytest.raises(ValueError, match="does not fit"):
        next(run(resume=({"losses": kept[0]["losses"]}, kept[1])))
    with pytest.raises(ValueError, match="does not fit"):
        next(run(resume=(kept[0], {})))


# --- the formulas -----------------------------------------------------------------------------------------------------


def test_the_rate_warms_up_and_falls_along_a_cosine():
    config = TrainingConfig(steps=1000, learning_rate=2.0, warmup=100)
    for step, expected in [
        (0, 0.02),  # 1/100 of the way up
        (49, 1.0 * (1 + math.cos(math.pi * 0.049)) / 2),
        (99, 2.0 * (1 + math.cos(math.pi * 0.099)) / 2),
        (500, 1.0),
        (750, 1 - math.sqrt(0.5)),
        (999, 1 + math.cos(math.pi * 0.999)),
    ]:
        assert learning_rate(config, step) == pytest.approx(expected, rel=1e-9)
    assert learning_rate(replace(config, warmup=0), 0) == 2.0


class Point(nn.Module):
    """Two weights, pulled towards the data, and a buffer of whole numbers, of which there is no average."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([3.0, -1.0]))
        self.register_buffer("count", torch.tensor(0))


def pull(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
    return (model.weight - batch[0]).square().mean()


def test_every_update_is_adams():
    """Kingma and Ba 2015, algorithm 1, in float64, for a loss whose gradient is known: w − target."""
    config = TrainingConfig(steps=60, batch_size=4, learning_rate=0.3, beta1=0.8, beta2=0.95, warmup=10)
    target = torch.tensor([1.0, 2.0])
    w, m, v = torch.tensor([3.0, -1.0], dtype=torch.float64), torch.zeros(2), torch.zeros(2)
    for k, state in enumerate(train(Point(), pull, (target.expand(8, 2),), config)):
        assert state.losses[k].item() == pytest.approx((w - target).square().mean().item(), rel=1e-4)
        gradient = w - target
        m = 0.8 * m + 0.2 * gradient
        v = 0.95 * v + 0.05 * gradient**2
        step = (m / (1 - 0.8 ** (k + 1))) / ((v / (1 - 0.95 ** (k + 1))).sqrt() + 1e-8)
        w = w - learning_rate(config, k) * step
        torch.testing.assert_close(state.checkpoint()[0]["model.weight"].double(), w, rtol=1e-4, atol=1e-4)
    assert k == 59


def test_the_average_follows_the_weights_and_batchnorm_s_buffers():
    expected = {name: value.double() for name, value in network().state_dict().items() if value.is_floating_point()}
    for k, state in enumerate(run(replace(CONFIG, steps=40))):
        decay = min(0.9, (1 + k) / (10 + k))
        now = {name.removeprefix("model."): value for name, value in state.checkpoint()[0].items() if "model." in name}
        expected = {name: decay * value + (1 - decay) * now[name].double() for name, value in expected.items()}
        weights = state.weights()
        for name, value in expected.items():
            torch.testing.assert_close(weights[name].double(), value, rtol=1e-4, atol=1e-5)
    assert "1.running_mean" in expected and not state.average.training


def rows_seen(count: int, epochs: int, seed: int = 0) -> list[list[int]]:
    seen = []

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        assert batch[0][:, 0].tolist() == batch[1].tolist()  # the same rows of every tensor
        seen.append(batch[1].tolist())
        return pull(model, batch, generator)

    ids = torch.arange(count)
    batches = count // 10
    steps = TrainingConfig(steps=batches * epochs, batch_size=10, seed=seed)
    list(train(Point(), loss, (ids[:, None].float().expand(count, 2), ids), steps))
    return [sum(seen[k * batches : (k + 1) * batches], []) for k in range(epochs)]


def test_every_row_comes_once_an_epoch_in_an_order_of_its_own():
    epochs = rows_seen(50, 3)
    assert [sorted(epoch) for epoch in epochs] == [list(range(50))] * 3
    assert epochs[0] != epochs[1] != epochs[2] and epochs != rows_seen(50, 3, seed=1)


def test_rows_that_fill_no_batch_sit_out_and_others_the_next_time():
    first, second = rows_seen(58, 2)
    assert len(set(first)) == len(set(second)) == 50
    assert set(first) != set(second)


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [300.0, 1000.0, 1_000_000.0])
def test_a_rate_that_is_too_high_is_noticed_and_the_last_good_weights_come_back(rate):
    config = TrainingConfig(steps=2000, batch_size=4, learning_rate=rate)
    *_, state = train(Point(), pull, (torch.zeros(8, 2),), config)
    assert state.problem == "diverged" and 20 < state.step < 2000
    assert state.losses[-20:].mean() > 10 * state.losses[0]
    torch.testing.assert_close(state.weights()["weight"], torch.tensor([3.0, -1.0]))
    assert state.checkpoint()[1]["step"] == 0


def test_a_number_missing_in_the_data_is_noticed():
    x, y = data()
    x[40] = math.nan
    states = list(train(network(), noisy_loss, (x, y), CONFIG))
    assert [s.problem for s in states] == [None] * (len(states) - 1) + ["diverged"]
    assert len(states) <= 6 and states[-1].losses[-1].isnan()  # it comes in the first epoch
    assert is_finite(states[-1].weights()) and is_finite(states[-1].checkpoint()[0])


def faulty(at: int, fault: Callable[[nn.Module], Tensor]) -> Callable[..., Tensor]:
    calls = 0

    def loss(model: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        nonlocal calls
        calls += 1
        value = noisy_loss(model, batch, generator)
        return value + fault(model) if calls == at else value

    return loss


def no_slope(model: nn.Module) -> Tensor:
    """A finite zero whose gradient is not a number."""
    return sum((p - p.detach()).abs().sqrt().sum() for p in model.parameters())


def no_room(model: nn.Module) -> Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("at", [1, 50, 51, 100])
def test_weights_that_an_update_has_spoilt_are_never_handed_back(at):
    """The loss of that update is still finite, and every 50 updates the run is copied to fall back on."""
    *_, state = train(network(), faulty(at, no_slope), data(), CONFIG)
    assert state.problem == "diverged" and state.step == at + 1
    assert is_finite(state.weights()) and is_finite(state.checkpoint()[0])
    assert state.checkpoint()[1]["step"] <= at - 1


@pytest.mark.parametrize("at", [1, 120])
def test_out_of_memory_ends_the_run_with_a_checkpoint_that_leads_to_the_same_end(at):
    *_, whole = run()
    *_, state = train(network(), faulty(at, no_room), data(), CONFIG)
    assert (state.problem, state.step, len(state.losses)) == ("out_of_memory", at - 1, at - 1)
    assert state.checkpoint()[1]["step"] == (0 if at == 1 else 50)
    *_, second = run(resume=state.checkpoint(), seed=5)
    assert_same(whole.checkpoint()[0], second.checkpoint()[0])


def test_other_errors_are_not_hidden():
    def broken(model: nn.Module) -> Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        list(train(network(), faulty(3, broken), data(), CONFIG))


def test_out_of_memory_is_recognised_on_every_device():
    assert out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"))
    assert out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not out_of_memory(RuntimeError("shape mismatch"))


def test_too_few_rows_for_a_batch_is_said():
    with pytest.raises(ValueError, match="batch of 16 cannot be drawn from 10"):
        next(train(network(), noisy_loss, data(10), CONFIG))


@pytest.mark.parametrize(
    "nonsense",
    [
        {"steps": 0},
        {"steps": 10**12},
        {"batch_size": 0},
        {"learning_rate": math.nan},
        {"learning_rate": -1.0},
        {"learning_rate": math.inf},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"warmup": -1},
        {"ema_decay": 1.1},
        {"seed": -1},
        {"seed": 10**30},
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(nonsense):
    with pytest.raises(ValueError, match=f"{next(iter(nonsense))} must lie between"):
        TrainingConfig(**{"steps": 5, **nonsense})


# --- what is handed out -----------------------------------------------------------------------------------------------


def test_a_run_learns():
    *_, state = run(replace(CONFIG, steps=600))
    assert state.losses[-50:].mean() < 0.2 * state.losses[:10].mean()
    x, y = data()
    assert (state.average(x) - y).square().mean() < 0.05


@pytest.mark.parametrize("loss", [noisy_loss, faulty(90, no_slope)], ids=["to the end", "diverging"])
def test_losses_that_were_yielded_never_change(loss):
    kept = [(state.losses, state.losses.clone()) for state in train(network(), loss, data(), CONFIG)]
    assert [len(losses) for losses, _ in kept] == list(range(1, len(kept) + 1))
    for losses, copy in kept:
        torch.testing.assert_close(losses, copy, rtol=0, atol=0, equal_nan=True)


def test_nothing_leaks_into_whoever_asks_and_nothing_is_drawn_from_the_global_generator():
    before = torch.get_rng_state()
    with torch.no_grad():  # as a careless consumer might
        states = run()
        with_grad = [next(states).losses[0] for _ in range(5)]
        assert not torch.is_grad_enabled()
    next(states)
    assert torch.is_grad_enabled() and len(with_grad) == 5
    assert not torch.is_autocast_enabled("cpu")
    assert torch.equal(before, torch.get_rng_state())


def test_a_seed_names_the_first_weights():
    assert_same(network(3).state_dict(), network(3).state_dict())
    assert not torch.equal(network(3)[0].weight, network(4)[0].weight)


def test_restored_draws_nothing_and_gives_the_same_network():
    *_, state = run()
    before = torch.get_rng_state()
    model = restored(
        lambda: nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.SiLU(), nn.Linear(16, 1)),
        {name: value.double() if value.is_floating_point() else value for name, value in state.weights().items()},
        torch.device("cpu"),
    )
    assert torch.equal(before, torch.get_rng_state())
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    torch.testing.assert_close(model(data()[0]), state.average(data()[0]))  # in float32, whatever was kept
    with pytest.raises(RuntimeError):
        restored(lambda: nn.Linear(2, 3), state.weights(), torch.device("cpu"))


def test_wrong_contents_are_a_damaged_model_and_full_memory_is_not():
    for error in (KeyError("config"), TypeError("no such field"), RuntimeError("size mismatch")):
        with pytest.raises(DamagedModel, match="This file holds no toy that this version can read."), reading("toy"):
            raise error
    with pytest.raises(RuntimeError, match="out of memory"), reading("toy"):
        raise RuntimeError("CUDA out of memory")


def test_the_record_of_a_finished_run_is_plain_and_its_curve_short():
    class Config:
        kind = "toy"
        training = replace(CONFIG, steps=1200)

        def describe(self) -> dict:
            return asdict(self.training)

    *_, state = run(Config.training)
    weights, record = finished(state, Config(), "an abacus")
    assert_same(weights, state.weights())
    assert json.loads(json.dumps(record)) == record
    assert (record["kind"], record["device"], record["examples"]) == ("toy", "an abacus", 1200 * 16)
    assert record["parameters"] == 2 * 16 + 16 + 2 * 16 + 16 + 1
    assert (record["losses_every"], len(record["losses"])) == (2, 600)
    assert record["losses"][0] == pytest.approx(state.losses[:2].mean().item(), abs=1e-5)
