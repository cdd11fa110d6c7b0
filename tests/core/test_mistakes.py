"""One wrong line each: every mistake's mark is found by a check that the right code passes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import Tensor

from core import train
from core.diffusion import mistake_run, mistaken
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.forward import add_noise
from core.diffusion.mistake_run import HIDDEN, LINES, MISTAKES, MistakeRun, corner_noise, figures, riddle
from core.diffusion.mistaken import MistakenConfig, train_mistaken
from core.diffusion.mistakes import RIGHT, RULES, TRAINED, Rules, add_noise_without_root, ancestral, to_zero_and_one
from core.diffusion.samplers import ddim, ddpm
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture
from core.scenes.diffusion_model_mistakes import LEVELS, RangeScene
from tests.core.test_devices import DevicesAreNamed
from ui import code

SCHEDULE = NoiseSchedule.cosine(1000)
N, STEPS = 4_000, 25


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixture(weights: list[float], means: list[float], std: float) -> GaussianMixture:
    """Normals on a line, in float64."""
    return GaussianMixture(
        torch.tensor(weights, dtype=torch.float64),
        torch.tensor(means, dtype=torch.float64)[:, None],
        torch.full((len(weights), 1, 1), std**2, dtype=torch.float64),
    )


NORMAL = mixture([1.0], [0.5], 0.8)  # one normal: too little noise shows as too little spread
TWO = mixture([0.9, 0.1], [1.0, -1.0], 0.0)  # two single points: noise that is left shows as distance to them


def samples(data: GaussianMixture, rules: Rules, steps: int = STEPS) -> Tensor:
    """Samples (N,) by the exact denoiser: whatever is wrong with them is the rules'."""
    x = torch.randn(N, 1, generator=generator(1), dtype=torch.float64)
    *_, end = ancestral(MixtureDenoiser(data, SCHEDULE), SCHEDULE, x, steps=steps, rules=rules, generator=generator(2))
    return end.x[:, 0]


# ---- the right rules ------------------------------------------------------------------------------------------------


def test_the_right_rules_are_ddpm_and_ddim_with_fresh_noise():
    schedule = NoiseSchedule.cosine(30)
    denoiser = MixtureDenoiser(mixture([0.3, 0.7], [-1.0, 1.0], 0.2), schedule)
    x = torch.randn(50, 1, generator=generator(1), dtype=torch.float64)
    *_, mine = ancestral(denoiser, schedule, x, steps=30, generator=generator(3))
    *_, theirs = ddpm(denoiser, schedule, x, generator=generator(3))
    torch.testing.assert_close(mine.x, theirs.x, rtol=1e-8, atol=1e-8)
    *_, mine = ancestral(denoiser, schedule, x, steps=7, generator=generator(3))
    *_, theirs = ddim(denoiser, schedule, x, steps=7, eta=1.0, generator=generator(3))
    torch.testing.assert_close(mine.x, theirs.x, rtol=1e-8, atol=1e-8)


def test_right_and_wrong_begin_alike_and_draw_the_same():
    x = torch.randn(5, 1, generator=generator(1), dtype=torch.float64)
    walks = [
        list(ancestral(MixtureDenoiser(TWO, SCHEDULE), SCHEDULE, x, steps=10, rules=rules, generator=generator(2)))
        for rules in (RIGHT, RULES["last_noise"])
    ]
    for right, wrong in zip(walks[0][:-1], walks[1][:-1], strict=True):
        assert torch.equal(right.x, wrong.x)
    assert not torch.equal(walks[0][-1].x, walks[1][-1].x)


@pytest.mark.parametrize("mistake", LINES)
def test_right_and_wrong_differ_in_one_line(mistake):
    """Of what runs: neither the name nor what is said about it counts."""
    bodies = []
    for file, name in LINES[mistake]:
        lines = [line.strip() for line in code.read(f"core/diffusion/{file}.py", [name]).splitlines()]
        last_said = max((k for k, line in enumerate(lines) if line.endswith('"""')), default=0)
        bodies.append(lines[last_said + 1 :])
    assert len(bodies[0]) == len(bodies[1])
    changes = difflib.SequenceMatcher(None, *bodies, autojunk=False).get_opcodes()
    changed = [tag for tag, *_ in changes if tag != "equal"]
    assert changed == ["replace"]
    assert sum(a != b for a, b in zip(*bodies, strict=True)) == 1


@pytest.mark.parametrize("mistake", LINES)
def test_the_lines_that_are_shown_are_the_ones_that_run(mistake):
    rules = RULES[mistake]
    changed = [f.name for f in fields(Rules) if getattr(rules, f.name) is not getattr(RIGHT, f.name)]
    assert len(changed) == 1
    (_, right), (_, wrong) = LINES[mistake]
    assert (getattr(RIGHT, changed[0]).__name__, getattr(rules, changed[0]).__name__) == (right, wrong)


# ---- the marks ------------------------------------------------------------------------------------------------------


def too_little_spread(rules: Rules) -> bool:
    """With many steps: with few, even the right code falls short by some percent, by the error of its steps."""
    return float(samples(NORMAL, rules, steps=200).std()) < 0.95 * 0.8


def noise_is_left(rules: Rules) -> float:
    """How far samples lie from the two points that all data are."""
    return float((samples(TWO, rules).abs() - 1).square().mean().sqrt())


def wrong_shares(rules: Rules) -> bool:
    """Whether the larger of the two points gets another share of the samples than 0.9, by more than chance."""
    share = float((samples(TWO, rules) > 0).double().mean())
    return abs(share - 0.9) > 0.05  # five standard errors are 0.024, and the steps have an error of their own


def not_of_variance_one(rules: Rules) -> bool:
    """Whether x_t of data with variance one has another variance than one."""
    x0, noise = (torch.randn(20_000, 1, generator=generator(k), dtype=torch.float64) for k in (4, 5))
    x_t = rules.add_noise(SCHEDULE, x0, torch.full((20_000,), 200), noise)
    return abs(float(x_t.var()) - 1) > 0.05


def blind(rules: Rules) -> bool:
    """Whether the answer is the same at two levels."""
    told = rules.time(lambda x, t, label=None: x * t[:, None])
    x = torch.ones(1, 1)
    return torch.equal(told(x, torch.tensor([1])), told(x, torch.tensor([900])))


CHECKS: dict[str, Callable[[Rules], bool]] = {
    "no_time": blind,
    "root": not_of_variance_one,
    "short": wrong_shares,
    "spread": too_little_spread,
    "last_noise": lambda rules: 0.03 < noise_is_left(rules) < 0.3,
    "wrong_end": lambda rules: noise_is_left(rules) > 0.5,
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_leaves_its_mark_and_the_right_code_does_not(mistake):
    assert CHECKS[mistake](RULES[mistake])
    assert not CHECKS[mistake](RIGHT)


def test_the_noise_that_is_left_is_what_the_last_step_added():
    added = figures("last_noise", SCHEDULE, STEPS)
    assert added["t"] == 40
    assert math.isclose(added["added"], math.sqrt(1 - float(SCHEDULE.alpha_bar[40])))
    assert math.isclose(added["slowly"], math.sqrt(float(SCHEDULE.beta[1])))
    assert math.isclose(noise_is_left(RULES["last_noise"]), added["added"], rel_tol=0.05)
    assert math.isclose(figures("wrong_end", SCHEDULE, STEPS)["added"], 1.0, rel_tol=1e-3)
    x = torch.randn(N, 1, generator=generator(1), dtype=torch.float64)
    few = samples(TWO, RULES["last_noise"], steps=10), samples(TWO, RULES["last_noise"], steps=200)
    assert len(x) == N and (few[0].abs() - 1).std() > 5 * (few[1].abs() - 1).std()  # the more steps, the less of it


def test_the_other_figures():
    left = SCHEDULE.alpha_bar.numpy()
    root = figures("root", SCHEDULE, STEPS)
    assert root["t"] == 200 and np.allclose([root["root"], root["plain"]], [np.sqrt(1 - left[200]), 1 - left[200]])
    short = figures("short", SCHEDULE, STEPS)
    assert short["T"] == 400 and math.isclose(short["left"], left[400], rel_tol=1e-9)
    spread = figures("spread", SCHEDULE, 20)
    t, s = int(spread["t"]), int(spread["s"])
    variance = (1 - left[s]) / (1 - left[t]) * (1 - left[t] / left[s])
    assert np.allclose([spread["right"], spread["wrong"]], [np.sqrt(variance), variance])
    assert figures("short", NoiseSchedule.cosine(1), 1)["T"] == 1  # nothing is left to cut


def test_noise_without_its_root_is_a_variance():
    x0, noise = torch.ones(1, 1), torch.full((1, 1), 2.0)
    t, left = torch.tensor([300]), float(SCHEDULE.alpha_bar[300])
    assert math.isclose(float(add_noise_without_root(SCHEDULE, x0, t, noise)), left**0.5 + 2 * (1 - left), rel_tol=1e-6)
    assert math.isclose(float(add_noise(SCHEDULE, x0, t, noise)), left**0.5 + 2 * (1 - left) ** 0.5, rel_tol=1e-6)


@pytest.mark.parametrize("data", HIDDEN)
def test_every_five_riddles_hide_all_five(data):
    hidden = [riddle(k, data) for k in range(20)]
    for deck in range(0, 20, 5):
        assert sorted(hidden[deck : deck + 5]) == sorted(HIDDEN[data])
    assert set(HIDDEN[data]) < set(MISTAKES) and hidden[:5] != hidden[5:10]


def test_corners_are_measured_against_black():
    images = torch.full((2, 1, 28, 28), -1.0)
    assert corner_noise(images) == 0
    images[..., 10:18, 10:18] = 1.0
    assert corner_noise(images) == 0
    noisy = images + 0.1 * torch.randn(images.shape, generator=generator())
    assert 0.06 < corner_noise(noisy) < 0.14


# ---- networks and runs ----------------------------------------------------------------------------------------------


def test_a_twin_is_named_by_its_mistake_and_everything_else():
    right, wrong = (MistakenConfig.of(twin, "moons", 5) for twin in ("right", "no_time"))
    assert right.key != wrong.key and right.run == wrong.run
    assert MistakenConfig.from_record(wrong.describe()) == wrong
    with pytest.raises(ValueError, match="trained as one of"):
        MistakenConfig.of("short", "moons", 5)
    with pytest.raises(ValueError, match="range"):
        MistakenConfig.of("range", "moons", 5)


@pytest.mark.parametrize("twin", ["right", "no_time", "root"])
def test_a_twin_trains_stops_and_goes_on(twin):
    config = MistakenConfig.of(twin, "moons", 4, batch_size=16)
    cpu = torch.device("cpu")
    with DevicesAreNamed():
        states = train_mistaken(config, cpu)
        next(states)
        kept = next(states).checkpoint()
        *_, whole = train_mistaken(config, cpu)
        *_, resumed = train_mistaken(config, cpu, kept)
    weights, record = whole.result()
    assert all(torch.equal(value, weights[name]) for name, value in resumed.result()[0].items())
    assert record["kind"] == "mistaken" and record["config"]["twin"] == twin


def test_the_command_takes_a_mistake_for_a_mistaken_network_only(capsys):
    a = train.arguments(["mistaken", "--dataset", "moons", "--mistake", "root"])
    assert train.KINDS["mistaken"][1](a.dataset, 0.03, **a.settings) == MistakenConfig.of("root", "moons", 3)
    assert train.mistaken_config("mnist", 1).training.steps == 468
    with pytest.raises(SystemExit):
        train.arguments(["diffusion", "--mistake", "root"])
    assert "--mistake" in capsys.readouterr().err


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_points_that_ship_show_each_mark(mistake):
    """The networks that the page shows: right near the data, wrong farther than chance by the mark of its mistake."""
    steps = 100 if mistake == "root" else 20  # few steps jump over the small noise levels where a root is missed
    *_, end = MistakeRun(mistake, "points", steps).start()
    right, wrong, real = end.marks
    assert end.right.shape == end.wrong.shape == (steps + 1, mistake_run.COUNT["points"], 2)
    assert np.array_equal(end.right[0], end.wrong[0])
    assert right.noise < 0.05 and right.distance < 0.01 and 0.9 < right.spread < 1.05 and real.distance < 0.005
    if mistake in ("no_time", "root", "last_noise", "wrong_end"):
        assert wrong.noise > 1.4 * right.noise
    if mistake == "spread":
        assert wrong.spread < 0.85
    if mistake not in ("last_noise", "root"):  # the energy distance hardly sees a little grain
        assert wrong.distance > 2 * right.distance


def test_a_run_of_digits_measures_all_three(monkeypatch):
    monkeypatch.setattr(mistake_run, "COUNT", {"digits": 10, "points": 2_000})
    states = list(MistakeRun("wrong_end", "digits", steps=3).start())
    assert [state.step for state in states] == [0, 1, 2, 3, 4] and states[-1].progress == 1
    right, wrong, real = states[-1].marks
    assert states[-1].right.shape == (4, 10, 28, 28) and states[-1].levels[-1] == (0, 0)
    assert real.agreement > 0.85 and real.noise == 0 and wrong.noise > 0.8 > right.noise
    assert set(mistaken.TWINS) == {"right", *TRAINED}


def test_two_ranges_two_ratios():
    a = RangeScene(index=2, seed=1).compute()
    left = SCHEDULE.alpha_bar.numpy()[1:]
    np.testing.assert_allclose(a["std"][0], 2 * a["std"][1], rtol=1e-5)
    np.testing.assert_allclose(a["ratio"], a["std"][:, None] ** 2 * left / (1 - left))
    for row, first in zip(a["ratio"], a["even"], strict=True):
        assert row[first - 1] < 1 <= row[first - 2]
    noise = torch.randn(1, 1, 28, 28, generator=generator(1)).numpy()[0, 0]
    level = left[LEVELS[0] - 1]
    for k, shown in enumerate(a["noised"][:, 0]):
        clean = (shown - np.sqrt(1 - level) * noise) / np.sqrt(level)
        assert abs(clean.min() + 1 - k) < 1e-4 and abs(clean.max() - 1) < 2e-2
    assert to_zero_and_one(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0, 1]
