"""Sampling as a run: which steps become frames, from which noise, and the arithmetic of every step."""

import re
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.diffusion import library, samplers
from core.diffusion.arithmetic import explain
from core.diffusion.point_network import PointNetworkConfig
from core.diffusion.prediction import noise_from_x0
from core.diffusion.sampling import (
    MOST_IMAGES,
    MOST_POINTS,
    SAMPLERS,
    Frame,
    SamplingConfig,
    SamplingState,
    prepared,
    sample,
    shown_steps,
    starting_noise,
    total_steps,
    walk,
)
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import UNetConfig

COSINE = NoiseSchedule.cosine(40)
IMAGES = {"config": {"network": asdict(UNetConfig())}}
POINTS = {"config": {"network": asdict(PointNetworkConfig())}}
CODE = Path(samplers.__file__).read_text(encoding="utf-8")


def denoiser(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
    """A curved one: x̂_0 leans towards the label and saturates, as a network's does, and leaves [−1, 1]."""
    label = torch.full_like(t, -1) if label is None else label
    lean = label.reshape(-1, *[1] * (x.ndim - 1)) / 10
    return noise_from_x0(COSINE, x, t, 1.3 * torch.tanh(2 * x + lean).to(x))


def run(record: dict, schedule: NoiseSchedule = COSINE, **settings: object) -> tuple[SamplingConfig, SamplingState]:
    config = SamplingConfig("toy", **{"count": 3, "steps": 8, **settings})
    *_, state = sample(config, denoiser, schedule, record)
    return config, state


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


RUNS = [("ddpm", 0.0), ("ddim", 0.0), ("ddim", 0.5), ("ddim", 1.0), ("heun", 0.0), ("dpm_solver_pp", 0.0)]
RECORDS = {"images": IMAGES, "points": POINTS}


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize(("sampler", "eta"), RUNS)
def test_frames_are_the_steps_of_the_sampler(sampler, eta, record, on_the_cpu):
    config, state = run(record, sampler=sampler, eta=eta, labels=(0, 4))
    steps = 40 if sampler == "ddpm" else 8
    assert len(state.frames) == steps + 1 and (state.step, state.steps, state.progress) == (steps, steps, 1)

    x, label, drawn = starting_noise(config, record)
    states = list(
        walk(
            sampler,
            prepared(config, denoiser, COSINE, record),
            COSINE,
            x,
            steps=8,
            eta=eta,
            label=label,
            generator=drawn,
        )
    )
    for frame, (now, after) in zip(state.frames, pairwise(states), strict=False):
        assert (frame.t, frame.t_next, frame.calls) == (now.t, after.t, now.calls)
        assert (frame.alpha_bar, frame.alpha_bar_next) == (COSINE.alpha_bar[now.t], COSINE.alpha_bar[after.t])
        for mine, theirs in zip(
            (frame.x, frame.noise, frame.x0, frame.x_next), (now.x, after.noise, after.x0, after.x), strict=True
        ):
            assert mine.dtype == np.float32 and np.array_equal(mine, theirs.numpy())
    end = state.frames[-1]
    assert (end.t, end.alpha_bar, end.calls) == (0, 1.0, states[-1].calls) and np.array_equal(end.x, states[-1].x)
    assert end.noise is end.x0 is end.t_next is end.alpha_bar_next is end.x_next is None


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_the_first_frame_is_the_noise(record):
    config, state = run(record)
    assert np.array_equal(state.frames[0].x, starting_noise(config, record)[0]) and state.frames[0].t == 40


def test_few_frames_are_spread_evenly_with_both_ends():
    assert shown_steps(50, 51) == tuple(range(50)) and shown_steps(8, 51) == tuple(range(8))
    assert shown_steps(1, 51) == (0,)
    for steps, frames in ((1000, 51), (1000, 26), (50, 17), (10, 3)):
        shown = shown_steps(steps, frames)
        assert (shown[0], shown[-1], len(shown)) == (0, steps - 1, frames - 1)
        gaps = [b - a for a, b in pairwise(shown)]
        assert max(gaps) - min(gaps) <= 1
    _, state = run(POINTS, sampler="ddpm", frames=6)
    assert [f.t for f in state.frames] == [40, 30, 20, 11, 1, 0]
    assert [f.t_next for f in state.frames] == [39, 29, 19, 10, 0, None]  # still the next step, not the next frame


def test_every_step_yields_a_state_that_never_changes():
    config = SamplingConfig("toy", "ddim", steps=5, count=2)
    states, copies = [], []
    for state in sample(config, denoiser, COSINE, POINTS):
        states.append(state)
        copies.append([frame.x.copy() for frame in state.frames])
    assert [s.step for s in states] == [1, 2, 3, 4, 5] and [s.calls for s in states] == [1, 2, 3, 4, 5]
    assert [len(s.frames) for s in states] == [1, 2, 3, 4, 6]
    for state, copy in zip(states, copies, strict=True):
        assert all(np.array_equal(frame.x, kept) for frame, kept in zip(state.frames, copy, strict=True))


def test_images_are_held_inside_their_range_and_points_are_not():
    _, clip = run(IMAGES)
    _, free = run(IMAGES, clip=False)
    _, points = run(POINTS)
    assert abs(clip.frames[-1].x).max() <= 1.0001
    assert abs(free.frames[-1].x).max() > 1.1 and abs(points.frames[-1].x).max() > 1.1


def test_guidance_leads_towards_the_label():
    plain, guided, none = (run(IMAGES, labels=(9,), scale=scale)[1].frames[-1].x for scale in (1.0, 3.0, 0.0))
    assert none.mean() < plain.mean() < guided.mean()
    assert np.array_equal(none, run(IMAGES, labels=())[1].frames[-1].x)


# --- where a run starts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_asking_for_more_keeps_those_that_were_there(record):
    few, _ = run(record, count=2)
    many = replace(few, count=40)
    small, large = (starting_noise(config, record)[0] for config in (few, many))
    assert torch.equal(small, large[:2]) and len(large) == 40
    assert not torch.equal(small, starting_noise(replace(few, seed=1), record)[0])
    ends = [run(record, count=count)[1].frames[-1].x for count in (2, 5)]
    np.testing.assert_allclose(ends[0], ends[1][:2], atol=1e-5)


def test_noise_has_the_shape_that_the_network_asks_for():
    assert starting_noise(SamplingConfig("m", count=MOST_IMAGES), IMAGES)[0].shape == (64, 1, 28, 28)
    assert starting_noise(SamplingConfig("m", count=MOST_POINTS), POINTS)[0].shape == (5000, 2)


def test_labels_are_asked_for_in_turn():
    label = starting_noise(SamplingConfig("m", labels=(3, 1, 4), count=8), IMAGES)[1]
    assert label.tolist() == [3, 1, 4, 3, 1, 4, 3, 1] and label.dtype == torch.int64
    assert starting_noise(SamplingConfig("m", labels=tuple(range(10)), count=2), IMAGES)[1].tolist() == [0, 1]
    assert starting_noise(SamplingConfig("m"), IMAGES)[1] is None
    assert starting_noise(SamplingConfig("m", labels=(3,)), POINTS)[1] is None  # a model that knows no labels


@pytest.mark.parametrize(
    ("settings", "record", "said"),
    [
        ({"count": 0}, IMAGES, "Between 1 and 64"),
        ({"count": 65}, IMAGES, "Between 1 and 64"),
        ({"count": 5001}, POINTS, "Between 1 and 5000"),
        ({"labels": (0, 10)}, IMAGES, "labels 0 to 9"),
        ({"labels": (-1, 3)}, IMAGES, "labels 0 to 9"),
        ({"sampler": "euler"}, IMAGES, "ddpm, ddim, heun, dpm_solver_pp, not 'euler'"),
        ({"steps": 0}, POINTS, "steps must lie in"),
        ({"eta": 1.5}, POINTS, "eta must lie in"),
        ({"scale": float("nan")}, IMAGES, "finite number"),
    ],
)
def test_settings_out_of_range_are_refused_in_words(settings, record, said):
    with pytest.raises(ValueError, match=said):
        run(record, **settings)


def test_more_steps_than_levels_are_all_levels():
    assert [total_steps(SamplingConfig("m", name, steps=900), 40) for name in SAMPLERS] == [40] * 4
    assert run(POINTS, steps=900)[1].steps == 40


def test_a_run_is_named_by_its_settings_and_starts_with_the_model_of_that_key(monkeypatch):
    asked = []
    monkeypatch.setattr(library, "load", lambda key: asked.append(key) or (denoiser, COSINE, POINTS))
    config = SamplingConfig("diffusion-0123456789ab", steps=4, count=2)
    *_, state = config.start(None)
    assert asked == ["diffusion-0123456789ab"] and state.progress == 1 and config.short
    changed = [{"sampler": "heun"}, {"steps": 5}, {"eta": 0.1}, {"scale": 1.0}, {"labels": (1,)}, {"clip": False}]
    changed += [{"count": 3}, {"seed": 1}, {"frames": 9}, {"model": "other"}]
    assert len({config.key, *(replace(config, **change).key for change in changed)}) == 11


# --- the arithmetic of a step -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize(("sampler", "eta"), RUNS)
def test_the_arithmetic_ends_at_the_number_that_the_step_led_to(sampler, eta, record):
    config, state = run(record, sampler=sampler, eta=eta, labels=(2, 7, 1))
    place = (1, 0, 5, 20) if record is IMAGES else (2, 1)
    for frame in state.frames[:-1]:
        rows = explain(config, frame, place)
        assert rows[-1].value == pytest.approx(float(frame.x_next[place]), rel=1e-4, abs=1e-5)
        assert rows[0].value == float(frame.noise[place]) and rows[1].value == float(frame.x0[place])
        for row in rows:
            assert row.code in CODE, row.code
            assert row.name and row.numbers and "-" not in row.numbers.replace("e-", "")  # a true minus sign


def evaluated(text: str) -> float:
    plain = text.replace("−", "-").replace("·", "*").replace("²", "**2")
    assert re.fullmatch(r"[\d\s.e+\-*/()]+", plain), plain
    return eval(plain)


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize(("sampler", "eta"), RUNS)
def test_the_numbers_in_a_row_give_its_value(sampler, eta, record):
    """Four digits of each are shown, so that they agree to about three, unless large ones cancel."""
    config, state = run(record, sampler=sampler, eta=eta)
    place = (0, 0, 3, 3) if record is IMAGES else (0, 0)
    seen = set()
    for frame in state.frames[2:-1]:
        for row in explain(config, frame, place):
            if "(" in row.code and row.numbers[0] in "ε" + "v" + "D":
                continue  # what a network or an earlier step says
            seen.add(row.name)
            assert evaluated(row.numbers) == pytest.approx(row.value, rel=0.02, abs=0.01), row
    expected = {
        "ddpm": {"x0", "mean", "variance", "fresh"},
        "ddim": {"x0", "mean"} if eta == 0 else {"x0", "variance", "kept", "mean", "fresh"},
        "heun": {"x0", "slope", "ahead", "both"},
        "dpm_solver_pp": {"x0", "h", "step"},
    }
    assert seen == expected[sampler]


def test_each_row_follows_the_line_that_ran():
    """Values that the frame does not hold, against the sampler's own formulas, for two of its steps."""
    config, state = run(POINTS, sampler="dpm_solver_pp")
    first, second, third = state.frames[:3]
    assert explain(config, first, (0, 0))[3].code == "D = x0"
    assert explain(config, first, (0, 0))[3].value == pytest.approx(float(first.x0[0, 0]), rel=1e-4)
    ratio = [0.5 * np.log(f.alpha_bar / (1 - f.alpha_bar)) for f in (first, second, third)]
    r = (ratio[1] - ratio[0]) / (ratio[2] - ratio[1])
    direction = (1 + 1 / (2 * r)) * second.x0[0, 0] - 1 / (2 * r) * first.x0[0, 0]
    row = explain(config, second, (0, 0))[3]
    assert (
        row.name == "direction"
        and row.code.startswith("D = (1 + 1")
        and row.value == pytest.approx(direction, rel=1e-3)
    )

    config, state = run(POINTS, sampler="heun")
    now = state.frames[2]
    rows = {row.name: row.value for row in explain(config, now, (0, 0))}
    alone = np.sqrt(now.alpha_bar) * now.noise[0, 0] - np.sqrt(1 - now.alpha_bar) * now.x0[0, 0]  # v
    assert rows["slope"] == pytest.approx(alone, rel=1e-4)
    x = torch.tensor(now.x)
    turn = np.arccos(np.sqrt(now.alpha_bar_next)) - np.arccos(np.sqrt(now.alpha_bar))
    v = np.sqrt(now.alpha_bar) * now.noise - np.sqrt(1 - now.alpha_bar) * now.x0
    ahead = x + float(turn) * torch.tensor(v)
    s = torch.full((3,), now.t_next)
    noise = denoiser(ahead, s)[0, 0].item()
    x0 = (ahead[0, 0].item() - np.sqrt(1 - now.alpha_bar_next) * noise) / np.sqrt(now.alpha_bar_next)
    v_ahead = np.sqrt(now.alpha_bar_next) * noise - np.sqrt(1 - now.alpha_bar_next) * x0
    assert rows["ahead"] == pytest.approx(ahead[0, 0].item(), rel=1e-4)
    assert rows["slope_ahead"] == pytest.approx(v_ahead, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(("sampler", "eta"), [("ddpm", 0.0), ("ddim", 0.5)])
def test_the_noise_in_the_arithmetic_is_what_was_drawn(sampler, eta):
    config, state = run(POINTS, sampler=sampler, eta=eta)
    x, _, drawn = starting_noise(config, POINTS)
    for frame in state.frames[:-2]:
        z = torch.randn(x.shape, generator=drawn)[1, 0].item()
        rows = {row.name: row for row in explain(config, frame, (1, 0))}
        recovered = (rows["fresh"].value - rows["mean"].value) / np.sqrt(rows["variance"].value)
        assert recovered == pytest.approx(z, abs=2e-3)


def test_nothing_leads_on_from_the_last_frame():
    config, state = run(POINTS)
    with pytest.raises(ValueError, match="No step leads on"):
        explain(config, state.frames[-1], (0, 0))
    thinned = Frame(20, 0.5, 3, state.frames[0].x, state.frames[0].noise, state.frames[0].x0)
    with pytest.raises(ValueError, match="No step leads on"):
        explain(config, thinned, (0, 0))
