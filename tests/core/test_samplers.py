"""Every sampler against closed forms: on Gaussian data each step is linear, on mixtures the ODE's end is known."""

import dataclasses
import inspect
import math

import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm

from core.diffusion.exact import MixtureDenoiser
from core.diffusion.samplers import SamplerState, ddim, ddpm, dpm_solver_pp, heun, levels
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture

COSINE = NoiseSchedule.cosine(1000)
LINEAR = NoiseSchedule.linear(1000)
SHORT = NoiseSchedule.linear(20, beta_start=0.01, beta_end=0.4)
VARIANCE = 0.3  # of the Gaussian data


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(schedule: NoiseSchedule, variance: float = VARIANCE) -> MixtureDenoiser:
    return MixtureDenoiser(
        GaussianMixture(torch.ones(1), torch.zeros(1, 1), torch.tensor([[[variance]]], dtype=torch.float64)), schedule
    )


def marginal_variance(schedule: NoiseSchedule, t: int, variance: float = VARIANCE) -> float:
    return float(schedule.alpha_bar[t] * variance + 1 - schedule.alpha_bar[t])


ONE = torch.ones(1, 1, dtype=torch.float64)
DETERMINISTIC = {
    "ddim": lambda d, s, x, **kw: ddim(d, s, x, **kw),
    "heun": lambda d, s, x, **kw: heun(d, s, x, **kw),
    "dpm_solver_pp 1": lambda d, s, x, **kw: dpm_solver_pp(d, s, x, order=1, **kw),
    "dpm_solver_pp 2": lambda d, s, x, **kw: dpm_solver_pp(d, s, x, order=2, **kw),
}
ALL = DETERMINISTIC | {
    "ddpm": lambda d, s, x, steps=None, **kw: ddpm(d, s, x, generator=generator(), **kw),
    "ddim, eta 1": lambda d, s, x, **kw: ddim(d, s, x, eta=1.0, generator=generator(), **kw),
}


# --- closed forms on Gaussian data -----------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [SHORT, COSINE], ids=["linear, 20 levels", "cosine, 1000 levels"])
def test_ddpm_has_the_variance_of_its_recursion(schedule):
    """With x̂_0 = g x_t, a step is x_{t-1} = a x_t + b z. a from two starts under the same noise, b from z itself."""
    start = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    drawn = generator(4)
    states = ddpm(gaussian(schedule), schedule, start, generator=generator(4))
    before = next(states).x
    measured, expected = 1.0, 1.0
    for state in states:
        z = torch.randn(2, 1, generator=drawn, dtype=torch.float64)
        a, b = torch.linalg.solve(torch.cat([before, z], dim=1), state.x[:, 0]).tolist()
        measured = a**2 * measured + b**2

        s, t = state.t, state.t + 1
        beta, alpha = float(schedule.beta[t]), float(schedule.alpha[t])
        bar, bar_before = float(schedule.alpha_bar[t]), float(schedule.alpha_bar[s])
        g = math.sqrt(bar) * VARIANCE / marginal_variance(schedule, t)  # E[x_0 | x_t] = g x_t
        a = (math.sqrt(bar_before) * beta * g + math.sqrt(alpha) * (1 - bar_before)) / (1 - bar)
        expected = a**2 * expected + beta * (1 - bar_before) / (1 - bar)
        assert measured == pytest.approx(expected, rel=1e-6)
        before = state.x
    assert b == pytest.approx(0, abs=1e-10)  # no noise at the last step


def test_ddpm_samples_the_data_when_steps_are_fine():
    """A single draw from each of 4,000 starts; every level's variance is within its sampling error."""
    start = torch.randn(4000, 1, generator=generator(1), dtype=torch.float64)
    for state in ddpm(gaussian(COSINE), COSINE, start, generator=generator(2)):
        if state.t % 100 == 0:
            exact = marginal_variance(COSINE, state.t)
            assert float(state.x.var()) == pytest.approx(exact, rel=4 * math.sqrt(2 / 4000) + 0.01)


@pytest.mark.parametrize("steps", [1, 3, 10, 20])
@pytest.mark.parametrize("name", ["ddim", "dpm_solver_pp 1"])
def test_ddim_has_exact_linear_factors(name, steps):
    """A step multiplies by (α_s α_t c + σ_s σ_t) / (α_t² c + σ_t²), where c is the variance of the data."""
    x = 1.0
    states = DETERMINISTIC[name](gaussian(SHORT), SHORT, ONE, steps=steps)
    t = next(states).t
    for state in states:
        bar_t, bar_s = float(SHORT.alpha_bar[t]), float(SHORT.alpha_bar[state.t])
        x *= math.sqrt(bar_t * bar_s) * VARIANCE + math.sqrt((1 - bar_t) * (1 - bar_s))
        x /= marginal_variance(SHORT, t)
        assert state.x.item() == pytest.approx(x, rel=1e-12)
        t = state.t


def test_ddim_with_eta_one_and_all_levels_is_ddpm():
    start = torch.randn(5, 1, generator=generator(3), dtype=torch.float64)
    one = list(ddpm(gaussian(SHORT), SHORT, start, generator=generator()))
    other = list(ddim(gaussian(SHORT), SHORT, start, steps=SHORT.T, eta=1.0, generator=generator()))
    for a, b in zip(one, other, strict=True):
        assert (a.t, a.calls) == (b.t, b.calls)
        torch.testing.assert_close(a.x, b.x)


@pytest.mark.parametrize("eta", [0.25, 0.5, 1.0])
def test_ddim_with_eta_keeps_the_marginals_of_a_known_x0(eta):
    """A denoiser that knows x_0 makes every x_s exactly N(√ᾱ_s x_0, 1−ᾱ_s), whatever eta. Song et al. 2021, lemma 1."""
    x0 = 0.7

    def knowing(x, t, label=None):
        bar = SHORT.alpha_bar[t][:, None]
        return (x - bar.sqrt() * x0) / (1 - bar).sqrt()

    n = 40_000
    bar = float(SHORT.alpha_bar[SHORT.T])
    start = math.sqrt(bar) * x0 + math.sqrt(1 - bar) * torch.randn(n, 1, generator=generator(8), dtype=torch.float64)
    for state in ddim(knowing, SHORT, start, steps=6, eta=eta, generator=generator(9)):
        bar = float(SHORT.alpha_bar[state.t])
        assert float(state.x.mean()) == pytest.approx(math.sqrt(bar) * x0, abs=4 / math.sqrt(n))
        assert float(state.x.var()) == pytest.approx(1 - bar, rel=4 * math.sqrt(2 / n), abs=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_eta_is_the_share_of_fresh_noise(eta):
    """σ = η √((1−ᾱ_s)/(1−ᾱ_t)) √(1 − ᾱ_t/ᾱ_s): what a denoiser that sees no noise leaves over. Song et al., eq. 16."""
    states = ddim(lambda x, t, label: 0 * x, SHORT, ONE, steps=4, eta=eta, generator=generator(5))
    drawn = generator(5)
    before = next(states)
    for state in states:
        bar_t, bar_s = float(SHORT.alpha_bar[before.t]), float(SHORT.alpha_bar[state.t])
        std = eta * math.sqrt((1 - bar_s) / (1 - bar_t)) * math.sqrt(1 - bar_t / bar_s)
        z = torch.randn(1, 1, generator=drawn, dtype=torch.float64)
        torch.testing.assert_close(state.x, math.sqrt(bar_s / bar_t) * before.x + std * z)
        before = state


def test_heun_is_the_trapezoid_in_the_angle():
    """On Gaussian data v = (1−c) sin φ cos φ / (c cos² φ + sin² φ) · x: every step is a number, worked out here."""

    def slope(t):
        phi = math.acos(math.sqrt(SHORT.alpha_bar[t]))
        return phi, (1 - VARIANCE) * math.sin(phi) * math.cos(phi) / marginal_variance(SHORT, t)

    x = 1.0
    states = heun(gaussian(SHORT), SHORT, ONE, steps=5)
    t = next(states).t
    for state in states:
        (phi, here), (phi_s, there) = slope(t), slope(state.t)
        h = phi_s - phi
        x *= 1 + h * here if state.t == 0 else 1 + h / 2 * (here + there * (1 + h * here))
        assert state.x.item() == pytest.approx(x, rel=1e-12)
        t = state.t


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_standard_normal_data_stand_still(name):
    """Data N(0, 1) are noise already: v = 0. Heun sees it exactly, the others, which aim at x̂_0, as steps get fine."""
    *_, end = DETERMINISTIC[name](gaussian(COSINE, variance=1.0), COSINE, ONE, steps=100)
    assert end.x.item() == pytest.approx(1.0, abs=1e-9 if name == "heun" else 0.02)


# --- order of convergence on a mixture -------------------------------------------------------------------------------

# In one dimension the ODE keeps the order of the points, and so it maps quantiles to quantiles: its end is known.
WEIGHTS, MEANS, STDS = (0.6, 0.4), (1.0, -1.5), (0.6, 0.5)
EVEN_IN_ANGLE = NoiseSchedule.cosine(1024, offset=0.0)  # φ = arctan(σ/α) falls evenly, down to 0


def even_in_log_ratio(T: int) -> NoiseSchedule:
    """λ = log(α/σ) rises evenly from −4 at level T to 4 at level 0; but level 0 itself is clean, as always."""
    alpha_bar = torch.sigmoid(2 * torch.linspace(4, -4, T + 1, dtype=torch.float64))
    alpha_bar[0] = 1
    return NoiseSchedule.from_beta(1 - alpha_bar[1:] / alpha_bar[:-1])


EVEN_IN_LOG_RATIO = even_in_log_ratio(1024)


def mixture_1d() -> GaussianMixture:
    return GaussianMixture(
        torch.tensor(WEIGHTS, dtype=torch.float64),
        torch.tensor(MEANS, dtype=torch.float64)[:, None],
        torch.tensor(STDS, dtype=torch.float64)[:, None, None] ** 2,
    )


def transported(schedule: NoiseSchedule, x: float, level: int) -> float:
    """Where the exact ODE takes x from level T to another level: F_level⁻¹(F_T(x)), with F by SciPy."""

    def cumulative(y: float, t: int) -> float:
        bar = float(schedule.alpha_bar[t])
        parts = zip(WEIGHTS, MEANS, STDS, strict=True)
        return sum(w * norm.cdf(y, math.sqrt(bar) * m, math.sqrt(bar * s**2 + 1 - bar)) for w, m, s in parts)

    share = cumulative(x, schedule.T)
    return brentq(lambda y: cumulative(y, level) - share, -20, 20, xtol=1e-13)


START = torch.randn(101, 1, generator=generator(6), dtype=torch.float64)


def median_errors(name: str, schedule: NoiseSchedule, numbers: list[int], level: int = 0) -> list[float]:
    """Against the exact transport, where the walk passes `level`; the median, since the maximum sits at the border
    between the two basins, where the flow is steep, and stalls."""
    exact = torch.tensor([[transported(schedule, x, level)] for x in START[:, 0].tolist()], dtype=torch.float64)
    denoiser = MixtureDenoiser(mixture_1d(), schedule)
    errors = []
    for steps in numbers:
        (there,) = (s for s in DETERMINISTIC[name](denoiser, schedule, START, steps=steps) if s.t == level)
        errors.append(float((there.x - exact).abs().median()))
    return errors


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("dpm_solver_pp 1", 1), ("heun", 2), ("dpm_solver_pp 2", 2)])
def test_order_of_convergence(name, order):
    """Up to level 128, which all these walks visit: the last, infinite step in λ would blur the order."""
    errors = median_errors(name, EVEN_IN_LOG_RATIO, [32, 64, 128, 256], level=128)
    assert math.log2(errors[0] / errors[-1]) / 3 == pytest.approx(order, abs=0.1), errors


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("dpm_solver_pp 1", 1), ("heun", 2)])
def test_order_of_convergence_down_to_clean_data(name, order):
    errors = median_errors(name, EVEN_IN_ANGLE, [32, 64, 128, 256])
    assert math.log2(errors[0] / errors[-1]) / 3 == pytest.approx(order, abs=0.1), errors


@pytest.mark.parametrize("schedule", [COSINE, LINEAR], ids=["cosine", "linear"])
def test_second_order_pays(schedule):
    first = median_errors("ddim", schedule, [40])[0]
    assert median_errors("heun", schedule, [20])[0] < first / 2  # 39 calls against 40
    assert median_errors("dpm_solver_pp 2", schedule, [40])[0] < first / 4


def test_heun_in_the_angle_where_heun_in_sigma_fails():
    """The cosine schedule starts at σ/α = 20,000; ten Heun steps in σ/α, as Karras et al. take them, go astray."""
    (in_angle,) = median_errors("heun", COSINE, [10])
    denoiser = MixtureDenoiser(mixture_1d(), COSINE)
    alpha = COSINE.alpha_bar.sqrt().tolist()
    sigma = ((1 - COSINE.alpha_bar) / COSINE.alpha_bar).sqrt().tolist()
    y = START / alpha[COSINE.T]
    for t, s in zip(levels(1000, 10)[:-1], levels(1000, 10)[1:], strict=True):
        slope = denoiser(y * alpha[t], torch.full((len(y),), t))
        ahead = y + (sigma[s] - sigma[t]) * slope
        if s > 0:
            slope_ahead = denoiser(ahead * alpha[s], torch.full((len(y),), s))
            ahead = y + (sigma[s] - sigma[t]) * (slope + slope_ahead) / 2
        y = ahead
    exact = torch.tensor([[transported(COSINE, x, 0)] for x in START[:, 0].tolist()], dtype=torch.float64)
    in_sigma = float((y - exact).abs().median())
    assert in_angle < 0.05 < 1 < in_sigma


# --- what every sampler promises -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(3, 1), (2, 1, 4, 4)])
def test_states(name, dtype, shape):
    seen = []

    def denoiser(x, t, label=None):
        assert x.shape == shape and x.dtype == dtype
        assert t.shape == (len(x),) and t.dtype == torch.int64 and label is asked
        seen.append(int(t[0]))
        return 0.1 * x

    asked = torch.zeros(shape[0], dtype=torch.int64)
    start = torch.randn(shape, generator=generator(), dtype=dtype)
    states = list(ALL[name](denoiser, SHORT, start, steps=7, label=asked))
    steps = SHORT.T if name == "ddpm" else 7
    assert [s.t for s in states] == (list(range(20, -1, -1)) if name == "ddpm" else [20, 17, 14, 11, 9, 6, 3, 0])
    first = states[0]
    assert first.x is start and (first.noise, first.x0, first.calls) == (None, None, 0)
    assert [s.calls for s in states[1:]] == ([2, 4, 6, 8, 10, 12, 13] if name == "heun" else list(range(1, steps + 1)))
    assert len(seen) == states[-1].calls
    for before, state in zip(states[:-1], states[1:], strict=True):
        assert state.x.shape == state.noise.shape == state.x0.shape == shape
        assert state.x.dtype == state.noise.dtype == state.x0.dtype == dtype
        bar = float(SHORT.alpha_bar[before.t])
        torch.testing.assert_close(math.sqrt(bar) * state.x0 + math.sqrt(1 - bar) * state.noise, before.x)
    if name != "heun":
        torch.testing.assert_close(states[-1].x, states[-1].x0)


def copied(state: SamplerState) -> dict[str, torch.Tensor]:
    return {name: v.clone() for name in ("x", "noise", "x0") if (v := getattr(state, name)) is not None}


@pytest.mark.parametrize("name", ALL)
def test_what_was_handed_out_never_changes(name):
    start = torch.randn(4, 1, generator=generator())
    kept = [(state, copied(state)) for state in ALL[name](gaussian(SHORT), SHORT, start, steps=5)]
    for state, copies in kept:
        for field, copy in copies.items():
            assert torch.equal(getattr(state, field), copy)
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.t = 3


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_picture(name):
    start = torch.randn(4, 1, generator=generator())
    one, other = (list(ALL[name](gaussian(SHORT), SHORT, start, steps=5))[-1].x for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize("name", ALL)
def test_no_gradient_mode_leaks_out_of_a_yield(name):
    inside = []

    def denoiser(x, t, label=None):
        inside.append(torch.is_grad_enabled())
        return x

    states = ALL[name](denoiser, SHORT, torch.zeros(2, 1, requires_grad=True), steps=5)
    for state in states:
        assert torch.is_grad_enabled()
        assert state.t == SHORT.T or not state.x.requires_grad
        if state.t < 10:
            break  # a walk that is left half-way leaks nothing either
    assert torch.is_grad_enabled()
    assert not any(inside)


@pytest.mark.parametrize("name", ["ddim", "heun", "dpm_solver_pp 1", "dpm_solver_pp 2", "ddim, eta 1"])
@pytest.mark.parametrize("steps", [0, -1, 21])
def test_steps_outside_the_schedule_are_refused_at_the_call(name, steps):
    with pytest.raises(ValueError, match=r"1\.\.20"):
        ALL[name](gaussian(SHORT), SHORT, ONE, steps=steps)  # no next()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("steps", [1, 2, 19, 20])
def test_extreme_numbers_of_steps_work(name, steps):
    states = list(ALL[name](gaussian(SHORT), SHORT, torch.ones(2, 1), steps=steps))
    assert states[-1].t == 0 and bool(states[-1].x.isfinite().all())


def test_other_bad_arguments_are_refused_at_the_call():
    denoiser = gaussian(SHORT)
    for order in (0, 3):
        with pytest.raises(ValueError, match="order"):
            dpm_solver_pp(denoiser, SHORT, ONE, steps=5, order=order)
    for eta in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="eta"):
            ddim(denoiser, SHORT, ONE, steps=5, eta=eta, generator=generator())
    with pytest.raises(ValueError, match=r"torch\.Generator"):
        ddim(denoiser, SHORT, ONE, steps=5, eta=0.5)
    with pytest.raises(ValueError, match=r"torch\.Generator"):
        ddpm(denoiser, SHORT, ONE, generator=None)
    with pytest.raises(ValueError, match="floating"):
        heun(denoiser, SHORT, torch.ones(1, 1, dtype=torch.int64), steps=5)
    with pytest.raises(TypeError):
        ddim(denoiser, SHORT, ONE)
    with pytest.raises(TypeError):
        ddim(denoiser, SHORT, ONE, steps=5.5)


def test_a_sampler_keeps_the_name_and_the_arguments_that_it_was_written_with():
    assert ddim.__name__ == "ddim" and "eta" in inspect.signature(ddim).parameters and "η" not in ddim.__doc__


@pytest.mark.parametrize(("T", "steps"), [(1000, 1000), (1000, 999), (1000, 7), (10, 4), (3, 3), (1, 1)])
def test_levels(T, steps):
    visited = levels(T, steps)
    assert visited == [round(T * k / steps) for k in reversed(range(steps + 1))]
    assert (visited[0], visited[-1]) == (T, 0)
    assert all(s < t for t, s in zip(visited[:-1], visited[1:], strict=True))


def test_noise_is_drawn_from_the_generator_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    list(ddpm(gaussian(SHORT), SHORT, torch.ones(2, 1), generator=generator()))
    list(ddim(gaussian(SHORT), SHORT, torch.ones(2, 1), steps=5))
    assert torch.equal(state, torch.get_rng_state())
