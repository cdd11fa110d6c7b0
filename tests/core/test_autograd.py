"""Autograd against torch's and against finite differences; the optimisers against torch.optim."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import optimizers
from core.autograd import EXPRESSIONS, Value, backward, finite_difference, in_order
from core.optimizers import SGD, SURFACES, Adam, Momentum, critical_rate, descend
from tests.core.test_devices import DevicesAreNamed

number = st.floats(-2.5, 2.5)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_gradients_are_those_of_finite_differences(name):
    expression = EXPRESSIONS[name]
    leaves = {n: Value(v, n) for n, v in expression.variables.items()}
    end = expression.build(**leaves)
    *_, last = backward(end)
    order = in_order(end)
    for variable, leaf in leaves.items():
        assert leaf.gradient == pytest.approx(finite_difference(expression, expression.variables, variable), rel=1e-6)
        assert last.gradients[order.index(leaf)] == leaf.gradient


@settings(max_examples=60, deadline=None)
@given(number, number, st.floats(0.2, 2))
def test_every_operation_against_torch(a, b, c):
    def build(x, y, s, module):
        if module is torch:
            return (x * y - 3).tanh() + s.log() * (x + 2).sin() / s + (y - x).relu() ** 2 - (-x).exp() + 2 - y * 0.5
        return (x * y - 3).tanh() + s.log() * (x + 2).sin() / s + (y - x).relu() ** 2 - (-x).exp() + 2 - y * 0.5

    mine = [Value(v) for v in (a, b, c)]
    end = build(*mine, None)
    list(backward(end))
    theirs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (a, b, c)]
    value = build(*theirs, torch)
    value.backward()
    assert end.number == pytest.approx(value.item(), rel=1e-12, abs=1e-12)
    for one, other in zip(mine, theirs, strict=True):
        assert one.gradient == pytest.approx(other.grad.item(), rel=1e-10, abs=1e-10)


def test_a_variable_that_is_used_twice_gets_both_shares_and_each_step_says_what_it_added():
    x = Value(3.0, "x")
    end = x * x + x
    steps = list(backward(end))
    assert x.gradient == 7
    order = in_order(end)
    assert [s.node for s in steps] == list(reversed(range(len(order)))) and order[-1] is end
    for step in steps:
        for place, slope, amount in step.added:
            assert amount == steps[-1].gradients[step.node] * slope
            assert order[place] in order[step.node].inputs
    assert steps[0].gradients[-1] == 1 and sum(a for s in steps for p, _, a in s.added if order[p] is x) == 7
    list(backward(end))
    assert x.gradient == 7  # a second pass begins anew


def test_edges_of_the_operations():
    zero = Value(0.0)
    end = zero.relu() + zero**0
    list(backward(end))
    assert zero.gradient == 0 and end.number == 1
    with pytest.raises(ValueError):
        Value(-1.0).log()


RULES = {
    "sgd": (SGD(0.0005), lambda p: torch.optim.SGD(p, 0.0005)),
    "momentum": (Momentum(0.0002, 0.9), lambda p: torch.optim.SGD(p, 0.0002, momentum=0.9)),
    "adam": (Adam(0.05), lambda p: torch.optim.Adam(p, 0.05)),
}


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("rule", RULES)
def test_the_rules_are_those_of_torch(rule, surface):
    mine, theirs = RULES[rule]
    about = SURFACES[surface]
    point = torch.tensor(about.start, dtype=torch.float64, requires_grad=True)
    optimizer = theirs([point])
    for state in descend(about.height, point.detach().clone(), mine, 150):
        torch.testing.assert_close(state.point, point.detach(), rtol=1e-6, atol=1e-8)
        assert state.height == pytest.approx(float(about.height(point.detach())), rel=1e-6, abs=1e-9)
        optimizer.zero_grad()
        about.height(point).backward()
        torch.testing.assert_close(state.gradient, point.grad, rtol=1e-5, atol=1e-6)
        optimizer.step()
    assert state.step == 150 and not state.diverged


@pytest.mark.parametrize("name", SURFACES)
def test_the_lowest_points_are_lowest(name):
    about = SURFACES[name]
    lowest = torch.tensor(about.minimum, dtype=torch.float64)
    assert torch.autograd.functional.jacobian(about.height, lowest).abs().max() < 1e-12
    around = lowest + 0.01 * torch.randn(100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (about.height(around) > about.height(lowest)).all()
    assert about.x[0] <= about.start[0] <= about.x[1] and about.y[0] <= about.start[1] <= about.y[1]


def test_above_the_critical_rate_the_walk_runs_away_and_says_so():
    hessian = torch.autograd.functional.hessian(optimizers.ravine, torch.zeros(2, dtype=torch.float64))
    rate = critical_rate(hessian)
    assert rate == pytest.approx(0.1)
    start = torch.tensor([3.0, 1.0])
    *_, calm = descend(optimizers.ravine, start, SGD(0.98 * rate), 300)
    *_, wild = descend(optimizers.ravine, start, SGD(1.1 * rate), 300)
    assert not calm.diverged and calm.height < 1e-4
    assert wild.diverged and wild.step < 300
    *_, over = descend(optimizers.rosenbrock, start, SGD(1.0), 300)
    assert over.diverged and (math.isinf(over.height) or over.point.abs().max() > optimizers.FAR)
    with pytest.raises(ValueError):
        critical_rate(-torch.eye(2))


def test_every_tensor_names_its_device():
    with DevicesAreNamed():
        for rule, _ in RULES.values():
            list(descend(optimizers.rosenbrock, torch.zeros(2, device="cpu"), rule, 3))
