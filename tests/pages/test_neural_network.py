"""The page of step 6 without a browser: what it says and draws, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import torch

from core import jobs, optimizers
from core.scenes.neural_network import CURVE_POINTS, SURFACES, USED, VARIABLES, AutogradScene, DescentScene, LineScene
from tests.pages.apptest import (
    array,
    described,
    finished,
    layers,
    message,
    number,
    numbers,
    press,
    run,
    said,
    snapshots,
    visitor,
    wait_for,
)
from ui import packing, text

pytestmark = pytest.mark.usefixtures("home")
visit = visitor("neural_network")
AUTOGRAD, DESCENT, CURVE, LINE, DIGITS = (
    f"neural_network.{name}" for name in ("autograd", "descent", "curve", "line", "digits")
)
SEVEN = (((0.3, 0.25), (0.7, 0.25), (0.5, 0.55), (0.45, 0.85)),)


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    for name in (AUTOGRAD, DESCENT, CURVE):
        assert message(at, f"{name}.plane")[0]["frames"]
    assert len(message(at, f"{CURVE}.plane")[0]["frames"]) > 30


# ---- autograd -------------------------------------------------------------------------------------------------------


def test_the_default_expression_has_the_gradients_of_the_book():
    at, sent = visit(), message(visit(), f"{AUTOGRAD}.plane")
    x, w, b, y = (VARIABLES[name] for name in USED["error"])
    error = w * x + b - y
    expected = {"w": 2 * error * x, "x": 2 * error * w, "b": 2 * error, "y": -2 * error}
    value, steps, count, worst, inputs, evaluations = numbers(
        r"f = \*\*(\S+)\*\*.*? of (\d+) steps back gave all (\d+) .*? differ from them by (.+?) at most"
        r".*?the (\d+) inputs .*? (\d+) times",
        at,
    )
    assert value == pytest.approx(error**2, abs=1e-9) and worst < 1e-9
    assert (steps, count, inputs, evaluations) == (5, 9, 4, 8)
    texts = [layer["text"] for (panel, _), layer in layers(sent[0]).items() if panel == "check"]
    last = [words[-1] if isinstance(words, list) else words for words in texts]
    for name, gradient in expected.items():
        at_row = last.index(f"∂f/∂{name}")
        assert [number(v) for v in last[at_row + 1 : at_row + 3]] == pytest.approx([gradient] * 2, abs=1e-6)
        assert last[at_row + 3] == "✓"


def test_values_appear_forwards_and_gradients_backwards():
    sent = message(visit(), f"{AUTOGRAD}.plane")
    graph = {
        name: layer["text"] for (panel, name), layer in layers(sent[0]).items() if panel == "graph" and "text" in layer
    }
    frames = len(sent[0]["frames"])
    assert frames == 1 + 5 + 1 + 5
    shown = [sum(bool(t[f]) for n, t in graph.items() if n.startswith("value")) for f in range(frames)]
    assert shown == [4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9]
    felt = [sum(bool(t[f]) for n, t in graph.items() if n.startswith("gradient")) for f in range(frames)]
    assert felt[:6] == [0] * 6 and felt[6] == 1 and felt == sorted(felt) and felt[-1] == 9


@pytest.mark.parametrize("expression", USED)
@pytest.mark.parametrize("extreme", [-5.0, 0.0, 5.0])
def test_every_expression_at_its_extremes_is_right_or_says_why_not(expression, extreme):
    at = visit({f"{AUTOGRAD}.expression": expression, **{f"{AUTOGRAD}.{n}": extreme for n in USED[expression]}})
    if expression == "log_normal" and extreme <= 0:
        assert "must " in said(at) and "has no value" in said(at)
        assert message(at, f"{AUTOGRAD}.plane")  # the first inputs' picture stands there
        return
    sent = message(at, f"{AUTOGRAD}.plane")
    marks = [layer["text"][-1] for (_, name), layer in layers(sent[0]).items() if name.startswith("mark")]
    assert marks and set(marks) == {"✓"}


def test_the_last_picture_stays_where_there_is_no_value():
    at = visit({f"{AUTOGRAD}.expression": "log_normal", f"{AUTOGRAD}.s": 1.5})
    before = message(at, f"{AUTOGRAD}.plane")
    at.number_input(key=f"{AUTOGRAD}.s").set_value(0.0).run()
    assert not at.exception and "it divides by s" in said(at) and "the last inputs that gave one" in said(at)
    assert message(at, f"{AUTOGRAD}.plane")[0] == before[0]


def test_gradients_of_every_node_are_torchs():
    arrays = AutogradScene("rosenbrock", (1.2, -0.7)).compute()
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.2, -0.7))
    value = 100 * (y - x**2) ** 2 + (x - 1) ** 2
    value.backward()
    for name, leaf in (("x", x), ("y", y)):
        place = list(arrays["name"]).index(name)
        assert arrays["gradients"][-1, place] == pytest.approx(float(leaf.grad), rel=1e-12)
    assert arrays["number"][-1] == pytest.approx(float(value.detach()), rel=1e-12)


# ---- descent --------------------------------------------------------------------------------------------------------


def test_the_paths_are_those_of_torch_optim():
    sent = message(visit(), f"{DESCENT}.plane")
    first = DescentScene()
    makers = {
        "sgd": lambda p: torch.optim.SGD(p, first.rates[0]),
        "momentum": lambda p: torch.optim.SGD(p, first.rates[1], momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, first.rates[2]),
    }
    for rule, make in makers.items():
        point = torch.tensor([first.x, first.y], dtype=torch.float64, requires_grad=True)
        optimizer = make([point])
        for _ in range(first.steps):
            optimizer.zero_grad()
            optimizers.rosenbrock(point).backward()
            optimizer.step()
        x, y = (array(sent, "map", rule, axis)[-1] for axis in "xy")
        assert (x, y) == pytest.approx(point.detach().tolist(), rel=1e-5)
        assert described(sent[0], "map", rule)["grow"] and len(sent[0]["frames"]) == first.steps + 1


def test_a_rate_that_diverges_is_said_with_the_step():
    at = visit({f"{DESCENT}.surface": "ravine", f"{DESCENT}.sgd": 0.3, f"{DESCENT}.steps": 390})
    (step,) = numbers(r"SGD at rate 0\.3 \*\*diverged at step (\d+)", at)
    x, y = SURFACES["ravine"][1]
    # along y each step multiplies by 1 − 0.3 · 20 = −5
    expected = next(k for k in range(400) if abs(y * (-5.0) ** k) > optimizers.FAR)
    assert step == expected
    limit, condition = numbers(r"any rate above \S+ = \*\*(\S+)\*\*\. .*? curvature, is (\S+)\.", at)
    assert (limit, condition) == (0.1, 20)
    (limit,) = numbers(r"at rates below \S+ = \*\*(\S+)\*\*\. The condition", visit())
    steepest = np.linalg.eigvalsh([[802.0, -400.0], [-400.0, 200.0]])[1]  # Rosenbrock's at (1, 1)
    assert limit == pytest.approx(2 / steepest, rel=5e-4) and limit < 0.002  # which is a rate that one can choose


@pytest.mark.parametrize("surface", SURFACES)
def test_every_surface_at_extreme_rates_and_starts(surface):
    (low_x, high_x, low_y, high_y), _ = SURFACES[surface]
    for rate, (x, y) in itertools.product((0.0003, 2.5), ((low_x, low_y), (high_x, high_y))):
        settings = {f"{DESCENT}.{name}": rate for name in ("sgd", "momentum", "adam")}
        settings |= {f"{DESCENT}.surface": surface, f"{DESCENT}.{surface}_x": x, f"{DESCENT}.{surface}_y": y}
        at = visit({**settings, f"{DESCENT}.steps": 10})
        assert "SGD" in said(at) and "nan" not in said(at)


def test_on_the_ridge_of_the_saddle_nobody_leaves_and_that_is_said():
    at = visit({f"{DESCENT}.surface": "saddle", f"{DESCENT}.saddle_y": 0})
    assert "on the ridge" in said(at)
    assert np.nanmax(np.abs(array(message(at, f"{DESCENT}.plane"), "map", "adam", "y"))) == 0
    moved = visit({f"{DESCENT}.surface": "saddle", f"{DESCENT}.saddle_y": 0.02, f"{DESCENT}.sgd": 0.1})
    away = numbers(r"steps: SGD distance (.+?), height", moved)
    assert "on the ridge" not in said(moved) and away[0] < 0.1


# ---- curve ----------------------------------------------------------------------------------------------------------


def test_the_recorded_curve_and_its_sentence_agree():
    at = visit()
    sent = message(at, f"{CURVE}.plane")
    step, count, loss = numbers(r"After (\S+) updates the mean squared error \(points: (\d+)\) is \*\*(.+?)\*\*", at)
    curve = array(sent, "points", "curve", "y")[-1]
    grid = np.linspace(-3, 3, curve.size)
    x, y = np.array(CURVE_POINTS).T
    assert (step, count) == (4000, len(CURVE_POINTS))
    assert loss == pytest.approx(np.mean((np.interp(x, grid, curve) - y) ** 2), rel=0.05)
    shares = sum(
        array(sent, "points", name, "at")[-1, ..., 1].sum(axis=0)
        for _, name in layers(sent[0])
        if name.startswith("shares")
    )
    bias = described(sent[0], "points", "bias")["y"][-1]
    np.testing.assert_allclose(shares + bias, curve, atol=1e-4)


def test_other_settings_show_the_untrained_network():
    at = visit({f"{CURVE}.width": 3, f"{CURVE}.activation": "relu", f"{CURVE}.depth": 2})
    assert "has learnt nothing yet: with 22 random weights" in said(at)  # 3·1+3 + 3·3+3 + 3·1+1
    assert len(message(at, f"{CURVE}.plane")[0]["frames"]) == 1


def test_it_trains_live_stops_goes_on_and_starts_again():
    at = visit({f"{CURVE}.width": 4, f"{CURVE}.steps": 16000, f"{CURVE}.seed": 5})
    press(at, f"{CURVE}.start")
    wait_for(lambda: any(s.state is not None and s.state.training.step > 5 for s in snapshots()))
    run(at)
    press(at, f"{CURVE}.stop")
    finished(at, "curve-")
    (stopped,) = (s for s in snapshots() if s.state is not None and s.state.config.seed == 5)
    reached = stopped.state.training.step
    assert stopped.status == "stopped" and 5 < reached < 16000
    press(at, f"{CURVE}.start")  # goes on
    wait_for(lambda: jobs.runner().find(stopped.key).snapshot().state.training.step > reached)
    run(at)
    press(at, f"{CURVE}.again")
    assert at.session_state[f"{CURVE}.seed"] == 6
    wait_for(lambda: any(s.state is not None and s.state.config.seed == 6 for s in snapshots()))
    wait_for(lambda: jobs.runner().find(stopped.key).snapshot().status in ("stopped", "done"))
    run(at)
    press(at, f"{CURVE}.stop")
    finished(at, "curve-")


def test_one_point_is_fitted_and_none_is_said():
    one = packing.pack_points(((0.5, 1.0),), -3, 3)
    at = visit({f"{CURVE}.points": one, f"{CURVE}.width": 2, f"{CURVE}.steps": 1000})
    press(at, f"{CURVE}.start")
    finished(at, "curve-")
    step, count, loss = numbers(r"After (\S+) updates the mean squared error \(points: (\d+)\) is \*\*(.+?)\*\*", at)
    assert (step, count) == (1000, 1) and loss < 1e-4
    at = visit({f"{CURVE}.points": packing.pack_points((), -3, 3)})
    assert "nothing to fit" in said(at)
    assert message(at, f"{CURVE}.plane")[0]["values"]["points"]["now"] == []
    assert f"{CURVE}.start" not in {button.key for button in at.button}


def test_a_rate_that_diverges_is_said_with_the_update_and_the_last_good_curve_stays():
    at = visit({f"{CURVE}.rate": 10.0, f"{CURVE}.seed": 3})
    press(at, f"{CURVE}.start")
    finished(at, "curve-")
    step, shown = numbers(r"the loss diverged at update (\d+).*?after update (\d+)\.", at)
    assert 0 <= shown < step < 4000
    assert np.isfinite(array(message(at, f"{CURVE}.plane"), "points", "curve", "y")).all()


# ---- line -----------------------------------------------------------------------------------------------------------


def test_the_line_is_numpys_and_the_likelihood_agrees():
    at = visit({f"{LINE}.steps": 390})
    found = numbers(r"line has W = (\S+), b = (\S+)\. Least squares gives W = (\S+), b = \*\*(\S+)\*\*", at)
    points = LineScene().compute()["points"]
    best = np.polyfit(*points.T, 1)
    assert found[2:] == pytest.approx(best, abs=0.006)
    assert found[:2] == pytest.approx(best, abs=0.02)
    assert "the same place" in said(at)
    sent = message(at, f"{LINE}.plane")
    walk = np.stack([array(sent, "map", "walk", axis) for axis in "xy"], axis=1)
    lines = array(sent, "data", "line", "y")
    np.testing.assert_allclose(lines[:, 0], walk[:, 1], rtol=1e-5)  # the same moment in both pictures
    np.testing.assert_allclose(lines[:, 1] - lines[:, 0], walk[:, 0], rtol=1e-3, atol=1e-4)


def test_above_the_limit_it_says_so():
    at = visit({f"{LINE}.rate": 0.9, f"{LINE}.steps": 50})
    rate, limit = numbers(r"A rate of (\S+) is above the limit 2/λ = \*\*(\S+)\*\*", at)
    x = LineScene().compute()["points"][:, 0]
    top = np.linalg.eigvalsh(2 * np.array([[np.mean(x * x), x.mean()], [x.mean(), 1.0]]))[-1]
    assert rate == 0.9 and limit == pytest.approx(2 / top, rel=5e-3)
    at = visit({f"{LINE}.rate": 0.9, f"{LINE}.batch": 1, f"{LINE}.noise": "none", f"{LINE}.n": 1})
    assert "The level one" in said(at) or "diverged" in said(at)


@pytest.mark.parametrize("batch", ["all", 20, 5, 1])
@pytest.mark.parametrize("n", [1, 2, 500])
def test_every_batch_with_few_and_many_points(batch, n):
    at = visit({f"{LINE}.batch": batch, f"{LINE}.n": n, f"{LINE}.noise": "normal", f"{LINE}.steps": 20})
    assert "nan" not in said(at)
    sent = message(at, f"{LINE}.plane")
    if batch != "all" and n > int(batch):
        looked = array(sent, "data", "batch", "at")
        assert looked.shape[1] == int(batch) and np.isnan(looked[0]).all() and np.isfinite(looked[1]).all()


# ---- digits ---------------------------------------------------------------------------------------------------------


def test_a_network_is_trained_and_reads_a_drawing():
    ink = packing.pack_strokes(SEVEN)
    at = visit({f"{DIGITS}.hidden": 64, f"{DIGITS}.epochs": 1, f"{DIGITS}.ink": ink})
    assert "Nothing is trained yet" in said(at)
    first, chance = numbers(r"answers: \*\*(\d)\*\* with probability (\S+) %", at)
    assert first == 7 and chance > 50
    press(at, f"{DIGITS}.start")
    finished(at, "digitmlp-")
    right, wrong = numbers(r"the network with 64 units names \*\*(\S+) %\*\* of 10,000 .* gets (\S+) wrong", at)
    assert "It learnt with earlier settings" not in said(at)
    assert right > 92 and 100 * (100 - right) == pytest.approx(wrong, abs=5.1)
    first, chance = numbers(r"with 64 units after epoch 1: \*\*(\d)\*\* with probability (\S+) %", at)
    assert first == 7
    sent = message(at, f"{DIGITS}.plane")
    assert array(sent, "accuracy", "accuracy", "y")[-1] == pytest.approx(right, abs=0.06)
    assert array(sent, "mistakes", "mistakes", "images").shape == (2, 36, 28, 28)
    chances = array(message(at, f"{DIGITS}.seen_plane"), "chances", "chances", "heights")
    assert chances.sum() == pytest.approx(1, abs=1e-5) and chances.argmax() == 7
    at = press(at, f"{DIGITS}.preset.narrow")
    assert "the network with 64 units names" in said(at) and "It learnt with earlier settings" in said(at)


def test_a_network_of_an_earlier_day_is_looked_at_again():
    jobs.runner().close()  # the runner forgets, the store does not
    at = visit({f"{DIGITS}.hidden": 64, f"{DIGITS}.epochs": 1})
    press(at, f"{DIGITS}.start")
    finished(at, "digitmlp-")
    assert re.search(r"with 64 units names \*\*9\d", said(at))


def test_an_empty_pad_says_what_to_do():
    at = visit({f"{DIGITS}.seed": 1})
    assert "Nothing is written yet" in said(at)


# ---- the page -------------------------------------------------------------------------------------------------------


def test_the_prediction_is_computed():
    at = visit()
    at.radio(key="neural_network.prediction.pick").set_value("true")
    run(at)
    press(at, "neural_network.prediction.lock")
    slope, intercept, mean = numbers(r"slope (\S+) and intercept \*\*(\S+)\*\*\. The noise averages (\S+),", at)
    assert intercept == pytest.approx(5.5, abs=0.01) and slope == pytest.approx(2, abs=0.01)
    assert mean == pytest.approx(0.5, abs=0.005) and "The answer is this" in said(at)
