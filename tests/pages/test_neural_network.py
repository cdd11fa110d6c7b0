"""The page of step 6 without a browser: what it says and draws, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import jobs, optimizers
from core.scenes.neural_network import CURVE_POINTS, SURFACES, USED, VARIABLES, AutogradScene, DescentScene, LineScene
from ui import component, packing, text

ROOT = Path(__file__).resolve().parents[2]
SHELL = str(ROOT / "ui" / "shell.py")
PAGE = "../pages/06_neural_network.py"
AUTOGRAD, DESCENT, CURVE, LINE, DIGITS = (
    f"neural_network.{name}" for name in ("autograd", "descent", "curve", "line", "digits")
)
SEVEN = (((0.3, 0.25), (0.7, 0.25), (0.5, 0.55), (0.45, 0.85)),)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh folder for models, and a fresh runner on it, for the whole file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("TEN_STEPS_HOME", str(folder))
        jobs.runner().close()
        yield folder
        jobs.runner().close()


@pytest.fixture(autouse=True)
def quiet_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest names the choices of a widget outside the session, where the fallback language is spoken."""
    monkeypatch.setattr(text, "FALLBACK", text.FALLBACK)


def visit(settings: dict[str, object] | None = None, *, language: str = "en") -> AppTest:
    """The page after its first run; settings are those of a link."""
    text.FALLBACK = language
    at = AppTest.from_file(SHELL, default_timeout=60)
    at.query_params["lang"] = language
    for name, value in (settings or {}).items():
        at.query_params[name] = str(value)
    return run(at.switch_page(PAGE))


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, [e.message for e in at.exception]
    return at


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click()
    return run(at)


def said(at: AppTest) -> str:
    """Every sentence, its colours left out."""
    return re.sub(r"<[^>]+>", "", "\n".join([*(m.value for m in at.markdown), *(c.value for c in at.caption)]))


def number(said: str) -> float:
    """A number of a sentence, such as 4.0 × 10⁻⁸."""
    plain = said.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")).replace(",", "")
    mantissa, _, power = plain.partition(" × 10")
    return float(mantissa) * 10 ** float(power or 0)


def numbers(pattern: str, at: AppTest) -> tuple[float, ...]:
    found = re.search(pattern, said(at))
    assert found, f"nothing on the page fits {pattern!r}:\n{said(at)}"
    return tuple(number(n) for n in found.groups())


class Sent:
    """What a plane was sent."""

    def __init__(self, at: AppTest, key: str):
        found = next(c.proto for c in at.get("bidi_component") if c.proto.id.endswith(f"-{key}"))
        self.header, self.parts = component.decode(found.bytes)
        self.layers = {
            (panel["name"], layer["name"]): layer for panel in self.header["panels"] for layer in panel["layers"]
        }

    def array(self, panel: str, layer: str, name: str) -> np.ndarray:
        described = self.layers[panel, layer][name]
        return self.parts[described["part"]].reshape(described["shape"])


def finished(at: AppTest, key: str = "curve-", seconds: float = 120) -> AppTest:
    """The page when nothing of that kind is being trained any more."""
    until = time.monotonic() + seconds
    while any(s.key.startswith(key) and s.status in ("waiting", "running") for s in snapshots()):
        assert time.monotonic() < until, "training takes too long"
        time.sleep(0.02)
    return run(at)


def snapshots() -> list[jobs.Snapshot]:
    return [job.snapshot() for job in jobs.runner().jobs()]


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    t = text.Words(language)
    assert at.title[0].value == t.words("neural_network.page.title")
    assert {h.value for h in at.subheader} >= {t.words(f"{name}.title") for name in (AUTOGRAD, DESCENT, CURVE)}
    for name in (AUTOGRAD, DESCENT, CURVE):
        assert Sent(at, f"{name}.plane").header["frames"]
    assert len(Sent(at, f"{CURVE}.plane").header["frames"]) > 30


def test_the_first_paint_needs_no_torch(tmp_path):
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file({SHELL!r}, default_timeout=60)
at.switch_page({PAGE!r}).run()
assert not at.exception and at.title, [e.message for e in at.exception]
assert len(at.get("bidi_component")) >= 4
print("torch" in sys.modules, "scipy" in sys.modules, "altair" in sys.modules)
"""
    environment = os.environ | {"TEN_STEPS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=90)
    assert done.stdout.split() == ["False", "False", "False"], done.stderr[-2000:]


def test_the_words_that_the_page_asks_for_exist_in_every_language():
    for file in [ROOT / "pages/06_neural_network.py", *(ROOT / "pages/neural_network").glob("*.py")]:
        source = file.read_text("utf-8")
        own = re.search(r'^ID = "(.+)"', source, re.MULTILINE)
        for asked in re.findall(r"""words\(f?["']([^"']+)["']""", source):
            name = asked.replace("{ID}", own.group(1) if own else "")
            if "{" not in name:
                assert all(text.Words(language).has(name) for language in text.languages()), name


# ---- autograd -------------------------------------------------------------------------------------------------------


def test_the_default_expression_has_the_gradients_of_the_book():
    at, sent = visit(), Sent(visit(), f"{AUTOGRAD}.plane")
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
    texts = [layer["text"] for (panel, _), layer in sent.layers.items() if panel == "check"]
    last = [words[-1] if isinstance(words, list) else words for words in texts]
    for name, gradient in expected.items():
        at_row = last.index(f"∂f/∂{name}")
        assert [number(v) for v in last[at_row + 1 : at_row + 3]] == pytest.approx([gradient] * 2, abs=1e-6)
        assert last[at_row + 3] == "✓"


def test_values_appear_forwards_and_gradients_backwards():
    sent = Sent(visit(), f"{AUTOGRAD}.plane")
    graph = {
        name: layer["text"] for (panel, name), layer in sent.layers.items() if panel == "graph" and "text" in layer
    }
    frames = len(sent.header["frames"])
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
        return
    sent = Sent(at, f"{AUTOGRAD}.plane")
    marks = [layer["text"][-1] for (_, name), layer in sent.layers.items() if name.startswith("mark")]
    assert marks and set(marks) == {"✓"}


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
    sent = Sent(visit(), f"{DESCENT}.plane")
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
        x, y = (sent.array("map", rule, axis)[-1] for axis in "xy")
        assert (x, y) == pytest.approx(point.detach().tolist(), rel=1e-5)
        assert sent.layers["map", rule]["grow"] and len(sent.header["frames"]) == first.steps + 1


def test_a_rate_that_diverges_is_said_with_the_step():
    at = visit({f"{DESCENT}.surface": "ravine", f"{DESCENT}.sgd": 0.3, f"{DESCENT}.steps": 390})
    (step,) = numbers(r"SGD at rate 0\.3 \*\*diverged at step (\d+)", at)
    x, y = SURFACES["ravine"][1]
    # along y each step multiplies by 1 − 0.3 · 20 = −5
    expected = next(k for k in range(400) if abs(y * (-5.0) ** k) > optimizers.FAR)
    assert step == expected
    limit, condition = numbers(r"any rate above \S+ = \*\*(\S+)\*\*\. .*? curvature, is (\S+)\.", at)
    assert (limit, condition) == (0.1, 20)


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
    assert np.nanmax(np.abs(Sent(at, f"{DESCENT}.plane").array("map", "adam", "y"))) == 0
    moved = visit({f"{DESCENT}.surface": "saddle", f"{DESCENT}.saddle_y": 0.02, f"{DESCENT}.sgd": 0.1})
    away = numbers(r"steps: SGD (.+?) and", moved)
    assert "on the ridge" not in said(moved) and away[0] < 0.1


# ---- curve ----------------------------------------------------------------------------------------------------------


def test_the_recorded_curve_and_its_sentence_agree():
    at = visit()
    sent = Sent(at, f"{CURVE}.plane")
    step, count, loss = numbers(r"After (\S+) updates the mean squared error \(points: (\d+)\) is \*\*(.+?)\*\*", at)
    curve = sent.array("points", "curve", "y")[-1]
    grid = np.linspace(-3, 3, curve.size)
    x, y = np.array(CURVE_POINTS).T
    assert (step, count) == (4000, len(CURVE_POINTS))
    assert loss == pytest.approx(np.mean((np.interp(x, grid, curve) - y) ** 2), rel=0.05)
    shares = sum(
        sent.array("points", name, "at")[-1, ..., 1].sum(axis=0) for _, name in sent.layers if name.startswith("shares")
    )
    bias = sent.layers["points", "bias"]["y"][-1]
    np.testing.assert_allclose(shares + bias, curve, atol=1e-4)


def test_other_settings_show_the_untrained_network():
    at = visit({f"{CURVE}.width": 3, f"{CURVE}.activation": "relu", f"{CURVE}.depth": 2})
    assert "has learnt nothing yet: with 22 random weights" in said(at)  # 3·1+3 + 3·3+3 + 3·1+1
    assert len(Sent(at, f"{CURVE}.plane").header["frames"]) == 1


def test_it_trains_live_stops_goes_on_and_starts_again():
    at = visit({f"{CURVE}.width": 4, f"{CURVE}.steps": 16000, f"{CURVE}.seed": 5})
    press(at, f"{CURVE}.start")
    until = time.monotonic() + 60
    while not any(s.state is not None and s.state.training.step > 5 for s in snapshots()):
        assert time.monotonic() < until
        time.sleep(0.01)
    run(at)
    press(at, f"{CURVE}.stop")
    finished(at)
    (stopped,) = (s for s in snapshots() if s.state is not None and s.state.config.seed == 5)
    reached = stopped.state.training.step
    assert stopped.status == "stopped" and 5 < reached < 16000
    press(at, f"{CURVE}.start")  # goes on
    until = time.monotonic() + 60
    while jobs.runner().find(stopped.key).snapshot().state.training.step <= reached:
        assert time.monotonic() < until
        time.sleep(0.01)
    run(at)
    press(at, f"{CURVE}.again")
    assert at.session_state[f"{CURVE}.seed"] == 6
    wait_for(lambda: any(s.state is not None and s.state.config.seed == 6 for s in snapshots()))
    wait_for(lambda: jobs.runner().find(stopped.key).snapshot().status in ("stopped", "done"))
    run(at)
    press(at, f"{CURVE}.stop")
    finished(at)


def wait_for(ready: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_one_point_is_fitted_and_none_is_said():
    one = packing.pack_points(((0.5, 1.0),), -3, 3)
    at = visit({f"{CURVE}.points": one, f"{CURVE}.width": 2, f"{CURVE}.steps": 1000})
    press(at, f"{CURVE}.start")
    finished(at)
    step, count, loss = numbers(r"After (\S+) updates the mean squared error \(points: (\d+)\) is \*\*(.+?)\*\*", at)
    assert (step, count) == (1000, 1) and loss < 1e-4
    at = visit({f"{CURVE}.points": packing.pack_points((), -3, 3)})
    assert "nothing to fit" in said(at)
    assert Sent(at, f"{CURVE}.plane").header["values"]["points"]["now"] == []
    assert f"{CURVE}.start" not in {button.key for button in at.button}


def test_a_rate_that_diverges_is_said_with_the_update_and_the_last_good_curve_stays():
    at = visit({f"{CURVE}.rate": 10.0, f"{CURVE}.seed": 3})
    press(at, f"{CURVE}.start")
    finished(at)
    step, shown = numbers(r"the loss diverged at update (\d+).*?after update (\d+)\.", at)
    assert 0 <= shown < step < 4000
    assert np.isfinite(Sent(at, f"{CURVE}.plane").array("points", "curve", "y")).all()


# ---- line -----------------------------------------------------------------------------------------------------------


def test_the_line_is_numpys_and_the_likelihood_agrees():
    at = visit({f"{LINE}.steps": 390})
    found = numbers(r"line has W = (\S+), b = (\S+)\. Least squares gives W = (\S+), b = \*\*(\S+)\*\*", at)
    points = LineScene().compute()["points"]
    best = np.polyfit(*points.T, 1)
    assert found[2:] == pytest.approx(best, abs=0.006)
    assert found[:2] == pytest.approx(best, abs=0.02)
    assert "the same place" in said(at)
    sent = Sent(at, f"{LINE}.plane")
    walk = np.stack([sent.array("map", "walk", axis) for axis in "xy"], axis=1)
    lines = sent.array("data", "line", "y")
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
    sent = Sent(at, f"{LINE}.plane")
    if batch != "all" and n > int(batch):
        looked = sent.array("data", "batch", "at")
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
    right, wrong = numbers(r"After epoch 1 it names \*\*(\S+) %\*\* of 10,000 unseen digits and gets (\S+) wrong", at)
    assert right > 92 and 100 * (100 - right) == pytest.approx(wrong, abs=5.1)
    first, chance = numbers(r"with 64 units after epoch 1: \*\*(\d)\*\* with probability (\S+) %", at)
    assert first == 7
    sent = Sent(at, f"{DIGITS}.plane")
    assert sent.array("accuracy", "accuracy", "y")[-1] == pytest.approx(right, abs=0.06)
    assert sent.array("mistakes", "mistakes", "images").shape == (2, 36, 28, 28)
    chances = Sent(at, f"{DIGITS}.seen_plane").array("chances", "chances", "heights")
    assert chances.sum() == pytest.approx(1, abs=1e-5) and chances.argmax() == 7


def test_a_network_of_an_earlier_day_is_looked_at_again():
    jobs.runner().close()  # the runner forgets, the store does not
    at = visit({f"{DIGITS}.hidden": 64, f"{DIGITS}.epochs": 1})
    press(at, f"{DIGITS}.start")
    finished(at, "digitmlp-")
    assert re.search(r"After epoch 1 it names \*\*9\d", said(at))


def test_an_empty_pad_says_what_to_do():
    at = visit({f"{DIGITS}.seed": 1})
    assert "Nothing is written yet" in said(at)


# ---- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize("bad", ["", "nan", "1e999", "-3", "<script>", "가", "9" * 400])
def test_a_hostile_link_is_said_and_never_an_error(language, bad):
    names = (f"{AUTOGRAD}.expression", f"{AUTOGRAD}.x", f"{DESCENT}.surface", f"{DESCENT}.sgd", f"{DESCENT}.steps")
    names += (f"{CURVE}.points", f"{CURVE}.width", f"{CURVE}.rate", f"{LINE}.slope", f"{LINE}.n", f"{DIGITS}.ink")
    at = visit(dict.fromkeys(names, bad), language=language)
    assert at.title and "<script>" not in said(at)


def test_the_prediction_is_computed():
    at = visit()
    at.radio(key="neural_network.prediction.pick").set_value("true")
    run(at)
    press(at, "neural_network.prediction.lock")
    slope, intercept, mean = numbers(r"slope (\S+) and intercept \*\*(\S+)\*\*\. The noise averages (\S+),", at)
    assert intercept == pytest.approx(5.5, abs=0.01) and slope == pytest.approx(2, abs=0.01)
    assert mean == pytest.approx(0.5, abs=0.005) and "The answer is this" in said(at)
