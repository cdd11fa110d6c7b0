"""The network that learns a curve: its shares, its training, its bad input."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from core import curve
from core.curve import ACTIVATIONS, GRID, REACH, SHOWN, CurveConfig, CurveRun, look_at
from core.jobs import Runner
from core.store import ModelStore
from tests.core.test_devices import DevicesAreNamed

POINTS = tuple((x / 5, math.sin(x / 5)) for x in range(-12, 13, 3))
RUN = CurveRun(POINTS, CurveConfig(width=6, depth=2), steps=300)


def last(run: CurveRun, **given: object) -> curve.CurveState:
    *_, state = run.start(**given)
    return state


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("depth", [1, 3])
def test_the_shares_and_b_add_up_to_the_curve_and_the_loss_is_that_of_the_points(activation, depth):
    run = CurveRun(POINTS, CurveConfig(5, depth, activation), steps=10)
    fit = last(run).fits[-1]
    assert fit.shares.shape == (5, GRID) and fit.curve.shape == (GRID,)
    torch.testing.assert_close(fit.shares.sum(dim=0) + fit.bias, fit.curve, rtol=1e-4, atol=1e-5)
    x, y = torch.tensor(POINTS).T
    at = ((x + REACH) / (2 * REACH) * (GRID - 1)).round().long()  # the points lie on the grid
    assert torch.linspace(-REACH, REACH, GRID)[at].sub(x).abs().max() < 1e-5
    assert fit.loss == pytest.approx(float((fit.curve[at] - y).square().mean()), rel=1e-3)


def test_a_unit_computes_what_its_formula_says():
    model = curve.untrained(CurveRun(POINTS, CurveConfig(3, 1, "tanh"))).requires_grad_(False)
    x = torch.tensor([[0.3]])
    first, end = model.hidden[0], model.last
    by_hand = sum(
        float(end.weight[0, j] * torch.tanh(first.weight[j, 0] * 0.3 + first.bias[j])) for j in range(3)
    ) + float(end.bias)
    assert float(model(x)) == pytest.approx(by_hand, rel=1e-5)


def test_it_learns_and_keeps_the_curves_on_its_way():
    state = last(RUN)
    steps = [fit.step for fit in state.fits]
    assert steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == 300
    assert state.fits[-1].loss < 0.05 * state.fits[0].loss
    assert tuple(steps) == look_at(300) and len(look_at(100_000)) == SHOWN
    assert state.problem is None and state.progress == 1


def test_the_identity_makes_a_straight_line_however_deep():
    fit = last(CurveRun(POINTS, CurveConfig(8, 4, "identity"), steps=50)).fits[-1]
    bend = fit.curve[2:] - 2 * fit.curve[1:-1] + fit.curve[:-2]
    assert bend.abs().max() < 1e-5


def test_the_same_seed_is_the_same_curve_and_another_is_not():
    one, two = last(RUN), last(RUN)
    assert torch.equal(one.fits[-1].curve, two.fits[-1].curve)
    other = last(dataclasses.replace(RUN, seed=1))
    assert not torch.equal(one.fits[-1].curve, other.fits[-1].curve)
    assert RUN.key != dataclasses.replace(RUN, seed=1).key


def test_stopped_and_gone_on_is_as_if_it_never_stopped():
    iterator = RUN.start()
    for _ in range(137):
        state = next(iterator)
    checkpoint = state.checkpoint()
    gone_on = last(RUN, checkpoint=checkpoint)
    whole = last(RUN)
    assert [f.step for f in gone_on.fits] == [f.step for f in whole.fits]
    for a, b in zip(gone_on.fits, whole.fits, strict=True):
        assert torch.equal(a.curve, b.curve) and torch.equal(a.shares, b.shares)


def test_a_state_that_was_yielded_never_changes():
    iterator = RUN.start()
    state = [next(iterator) for _ in range(30)][-1]
    before = state.fits[-1].curve.clone()
    list(iterator)
    assert torch.equal(state.fits[-1].curve, before) and state.fits[-1].step <= 30


def test_one_point_is_fitted():
    state = last(CurveRun(((0.5, 1.0),), CurveConfig(4), steps=400))
    assert state.fits[-1].loss < 1e-6


def test_no_point_is_said_and_a_network_that_cannot_be_built_too():
    with pytest.raises(ValueError, match="batch"):
        list(CurveRun(()).start())
    for bad in ({"width": 0}, {"width": 33}, {"depth": 0}, {"depth": 5}, {"activation": "loud"}):
        with pytest.raises(ValueError):
            CurveConfig(**bad)


def test_a_rate_that_diverges_says_at_which_update_and_keeps_the_last_good_state():
    run = CurveRun(POINTS, CurveConfig(12, 3, "identity"), rate=10.0, steps=200)
    states = list(run.start())
    assert states[-1].problem == "diverged" and states[-1].detail == str(states[-1].training.step)
    assert all(s.problem is None for s in states[:-1])
    assert states[-1].fits == states[-2].fits
    tensors, _ = states[-1].checkpoint()
    assert all(torch.isfinite(t).all() for t in tensors.values() if t.is_floating_point())


def test_the_runner_stops_it_in_the_first_second_and_goes_on(tmp_path):
    run = dataclasses.replace(RUN, steps=2000)
    runner = Runner(ModelStore(tmp_path), slice_seconds=0.01)
    try:
        job = runner.ask(run, "a")
        wait(lambda: job.snapshot().state is not None)
        assert runner.stop(run.key, "a")
        wait(lambda: job.snapshot().status in ("stopped", "done"))
        reached = job.snapshot().state.training.step
        assert reached < 2000
        job = runner.ask(run, "a")
        wait(lambda: job.snapshot().status == "done")
        state = job.snapshot().state
        assert state.training.step == 2000 and state.fits[0].step == 0
        assert torch.equal(state.fits[-1].curve, last(run).fits[-1].curve)
    finally:
        runner.close()


def wait(ready) -> None:
    import time

    until = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_every_factory_names_its_device():
    with DevicesAreNamed():
        last(CurveRun(POINTS, CurveConfig(3), steps=3))
