"""A drawing taken back from a lower level, a part filled in: against the samplers, and against what they promise."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core.diffusion.editing import fill, redraw, told_apart
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.samplers import ddim, ddpm, dpm_solver_pp, heun
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture
from tests.core.test_devices import DevicesAreNamed

COSINE = NoiseSchedule.cosine(100)
MIXTURE = GaussianMixture(
    torch.tensor([0.5, 0.5]), torch.tensor([[1.0, 1.0], [-1.0, 1.0]]), torch.eye(2).expand(2, 2, 2) / 50
)
EXACT = MixtureDenoiser(MIXTURE, COSINE)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# ---- starting below T -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler",
    [ddim, heun, lambda *a, **k: dpm_solver_pp(*a, order=1, **k)],
    ids=["ddim", "heun", "dpm_solver_pp 1"],
)
@pytest.mark.parametrize("begun", [1, 3, 7])
def test_a_walk_from_a_lower_level_is_the_tail_of_the_whole_walk(sampler, begun):
    whole = list(sampler(EXACT, COSINE, noise(5, 2), steps=10))
    middle = whole[begun]
    tail = list(sampler(EXACT, COSINE, middle.x, steps=10 - begun, start=middle.t))
    assert [state.t for state in tail] == [state.t for state in whole[begun:]]
    for mine, theirs in zip(tail, whole[begun:], strict=True):
        assert torch.equal(mine.x, theirs.x)
    assert tail[0].calls == 0 and tail[0].noise is None


def test_ddpm_from_a_lower_level_is_the_tail_of_the_whole_walk():
    drawn = generator(3)
    whole = ddpm(EXACT, COSINE, noise(5, 2), generator=drawn)
    middle = next(state for state in whole if state.t == 40)
    there = drawn.get_state()
    rest = list(whole)
    again = generator()
    again.set_state(there)
    tail = list(ddpm(EXACT, COSINE, middle.x, start=40, generator=again))
    assert len(tail) == 41 and torch.equal(tail[-1].x, rest[-1].x)


@pytest.mark.parametrize("sampler", [ddim, heun, dpm_solver_pp])
@pytest.mark.parametrize(("start", "steps"), [(0, 1), (101, 5), (-3, 1), (10, 11)])
def test_a_level_that_is_not_there_is_refused_at_the_call(sampler, start, steps):
    with pytest.raises(ValueError, match="walk starts from a level in 1..100|number of steps must lie in 1..10"):
        sampler(EXACT, COSINE, noise(2, 2), steps=steps, start=start)


def test_a_redrawing_is_the_jump_and_ddims_way_back():
    drawing, eps = torch.tensor([[1.0, 0.9]] * 4, dtype=torch.float64), noise(4, 2)
    states = list(redraw(EXACT, COSINE, drawing, eps, level=60, steps=15))
    bar = float(COSINE.alpha_bar[60])
    np.testing.assert_allclose(states[0].x, math.sqrt(bar) * drawing + math.sqrt(1 - bar) * eps, rtol=1e-12)
    *_, end = ddim(EXACT, COSINE, states[0].x, steps=15, start=60)
    assert torch.equal(states[-1].x, end.x) and states[-1].t == 0


def test_little_noise_changes_little_and_much_forgets():
    drawing, eps = torch.tensor([[1.0, 1.0]] * 400, dtype=torch.float64), noise(400, 2)
    ends = {}
    for level in (0, 10, 100):
        *_, ends[level] = redraw(EXACT, COSINE, drawing, eps, level=level, steps=30)
    assert torch.equal(ends[0].x, drawing)
    assert float((ends[10].x - drawing).abs().max()) < 0.5
    assert float((ends[100].x[:, 0] < 0).double().mean()) == pytest.approx(0.5, abs=0.1)  # either component
    few = list(redraw(EXACT, COSINE, drawing, eps, level=3, steps=30))
    assert [state.t for state in few] == [3, 2, 1, 0]  # there are no more levels than that


def test_what_noise_leaves_is_the_kl_of_two_normals():
    a, b = noise(3, 4, seed=1), noise(3, 4, seed=2)
    for level in (1, 30, 100):
        bar = float(COSINE.alpha_bar[level])
        normal = [
            torch.distributions.Independent(torch.distributions.Normal(math.sqrt(bar) * x, math.sqrt(1 - bar)), 1)
            for x in (a, b)
        ]
        exact = torch.distributions.kl_divergence(normal[0], normal[1])
        np.testing.assert_allclose(told_apart(COSINE, level, a, b), exact, rtol=1e-8)
    assert told_apart(COSINE, 0, a, torch.cat([a[:2], b[2:]])).tolist() == [0.0, 0.0, math.inf]


# ---- filling in -----------------------------------------------------------------------------------------------------

KNOWN = torch.tensor([True, False])


@pytest.mark.parametrize("looks", [1, 3])
def test_what_is_known_ends_exactly_as_given(looks):
    known = torch.tensor([[0.97, 0.0]] * 50, dtype=torch.float64)
    states = list(fill(EXACT, COSINE, known, KNOWN, noise(50, 2), steps=20, looks=looks, generator=generator(4)))
    end = states[-1]
    assert torch.equal(end.x[:, 0], known[:, 0])
    assert not torch.equal(end.x[:, 1], known[:, 1])
    assert [state.calls for state in states] == [0, *range(looks, 19 * looks + 1, looks), 19 * looks + 1]
    float32 = fill(
        lambda x, t, label=None: 0.1 * x,
        COSINE,
        known.float(),
        KNOWN,
        noise(50, 2).float(),
        steps=5,
        generator=generator(),
    )
    *_, end = float32
    assert torch.equal(end.x[:, 0], known.float()[:, 0])


def test_the_known_part_carries_the_noise_of_its_level():
    known = torch.full((20_000, 2), 0.5, dtype=torch.float64)
    for state in fill(EXACT, COSINE, known, KNOWN, noise(20_000, 2), steps=4, looks=2, generator=generator(6)):
        if 0 < state.t < 100:
            bar = float(COSINE.alpha_bar[state.t])
            part = state.x[:, 0]
            assert float(part.mean()) == pytest.approx(math.sqrt(bar) * 0.5, abs=5 * math.sqrt((1 - bar) / 20_000))
            assert float(part.var()) == pytest.approx(1 - bar, rel=0.05)


def test_more_looks_make_the_parts_agree():
    """Two numbers that are always equal: what is filled in must come to equal what is given, the more often looked."""
    line = GaussianMixture(
        torch.ones(1), torch.zeros(1, 2), torch.tensor([[[1.0, 0.999], [0.999, 1.0]]], dtype=torch.float64)
    )
    denoiser = MixtureDenoiser(line, COSINE)
    given = noise(1000, 1, seed=8).expand(1000, 2)
    apart = []
    for looks in (1, 5):
        *_, end = fill(denoiser, COSINE, given, KNOWN, noise(1000, 2), steps=25, looks=looks, generator=generator(9))
        apart.append(float((end.x[:, 1] - end.x[:, 0]).square().mean().sqrt()))
    assert math.sqrt(0.002) < apart[1] < 0.65 * apart[0], apart  # the first is what the data themselves are apart


def test_nothing_known_is_a_plain_sample_and_all_known_is_the_picture():
    known = torch.zeros(300, 2, dtype=torch.float64)
    nothing, everything = torch.tensor([False, False]), torch.tensor([True, True])
    *_, end = fill(EXACT, COSINE, known, nothing, noise(300, 2), steps=50, generator=generator(1))
    *_, same = ddim(EXACT, COSINE, noise(300, 2), steps=50, eta=1.0, generator=generator(5))
    assert float(end.x[:, 1].mean()) == pytest.approx(1, abs=0.1) == pytest.approx(float(same.x[:, 1].mean()), abs=0.1)
    assert float(end.x[:, 0].abs().mean()) == pytest.approx(float(same.x[:, 0].abs().mean()), abs=0.05)
    *_, end = fill(EXACT, COSINE, known, everything, noise(300, 2), steps=5, generator=generator(1))
    assert torch.equal(end.x, known)


def test_every_tensor_names_its_device():
    x = torch.zeros(3, 2)
    with DevicesAreNamed():
        for state in redraw(EXACT, COSINE, x, x, level=20, steps=4):
            told_apart(COSINE, state.t, state.x, x)
        list(fill(EXACT, COSINE, x, KNOWN, x, steps=4, looks=2, generator=generator()))
