"""Every line of every derivation of step 9, at random numbers in float64, and against the code that it explains.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from core.diffusion.forward import add_noise
from core.diffusion.prediction import from_v, v_target, x0_from_noise
from core.diffusion.samplers import SamplerState, ddim, ddpm, dpm_solver_pp, heun
from core.diffusion.schedule import NoiseSchedule
from tests.core.derivations import EveryLine, Sides

GRID = torch.linspace(-15, 15, 6001, dtype=torch.float64)


class Scene:
    """A random schedule, levels s < t, and random vectors (3,) for everything that a formula may name."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        T = 7
        beta = 0.02 + 0.6 * torch.rand(T, generator=self.generator, dtype=torch.float64)
        self.schedule = NoiseSchedule.from_beta(beta)
        self.beta, self.alpha, self.bar = (
            x.tolist() for x in (self.schedule.beta, self.schedule.alpha, self.schedule.alpha_bar)
        )
        self.t = 3 + seed % (T - 2)  # 3..T, so that t−2 exists
        self.s = 1 + seed % (self.t - 1)  # 1..t−1
        self.b, self.a, self.A = self.beta[self.t], self.alpha[self.t], self.bar[self.t]  # β, α, ᾱ at t
        self.Ap, self.As = self.bar[self.t - 1], self.bar[self.s]  # ᾱ at t−1 and at s
        self.tilde = (1 - self.Ap) / (1 - self.A) * self.b  # β̃_t
        self.x0, self.before, self.eps, self.eps_before, self.eps_hat, self.v_hat, self.z, self.any = (
            self.vector() for _ in range(8)
        )
        self.x = math.sqrt(self.A) * self.x0 + math.sqrt(1 - self.A) * self.eps  # x_t

    def vector(self) -> Tensor:
        return torch.randn(3, generator=self.generator, dtype=torch.float64)

    def level(self, x: Tensor, t: int, noise: Tensor) -> Tensor:
        """What the code's one jump makes of x."""
        return add_noise(self.schedule, x[None], torch.tensor([t]), noise[None])[0]


def log_normal(x: Tensor, mean: Tensor | float, variance: float) -> Tensor:
    """log N(x; mean, variance), coordinate by coordinate, in float64."""
    return Normal(torch.as_tensor(mean, dtype=torch.float64), math.sqrt(variance)).log_prob(x)


def expectation(f: Callable[[Tensor], Tensor], mean: Tensor, variance: float) -> Tensor:
    """E f(x) for x ~ N(mean, variance), coordinate by coordinate; exact for a quadratic f."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    return sum(w * f(mean + math.sqrt(variance) * z) for z, w in zip(nodes, weights / weights.sum(), strict=True))


def first(states: Iterator[SamplerState]) -> Tensor:
    """x (3,) after the first step."""
    next(states)
    return next(states).x[0]


def constant(value: Tensor) -> Callable[..., Tensor]:
    """A network that always gives the same answer."""
    return lambda x, t, label=None: value.expand_as(x)


def drawn(seed: int) -> tuple[torch.Generator, Tensor]:
    """A generator, and the first z (3,) that a sampler will draw from it."""
    z = torch.randn(1, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)[0]
    return torch.Generator().manual_seed(seed), z


def gaps(log_a: Callable[[Tensor], Tensor], log_b: Callable[[Tensor], Tensor], c: Scene) -> tuple[Tensor, Tensor]:
    """How far two log densities of x_{t-1} are apart, at three places and a fourth: equal if only a factor differs."""
    apart = torch.stack([(log_a(x) - log_b(x)).sum() for x in (c.any, c.z, c.before, c.eps_hat)])
    return apart[1:], apart[:1].expand(3)


def ddpm_(c: Scene) -> Sides:
    of_x = math.sqrt(c.a) * (1 - c.Ap) / (1 - c.A)
    mean = math.sqrt(c.Ap) * c.b / (1 - c.A) * c.x0 + of_x * c.x  # as step 8 finds it
    yield "noise_form", mean, noise_form(c, c.eps)
    generator, z = drawn(5)
    until_t = NoiseSchedule.from_beta(c.schedule.beta[1 : c.t + 1])  # so that the sampler starts at t
    x = first(ddpm(constant(c.eps_hat), until_t, c.x[None], generator=generator))
    yield "step", noise_form(c, c.eps_hat) + math.sqrt(c.tilde) * z, x
    yield "step", (1 - c.bar[0]) / (1 - c.bar[1]) * c.beta[1], 0.0  # β̃_1


def noise_form(c: Scene, noise: Tensor) -> Tensor:
    """μ̃_t as Ho et al. 2020 write it in equation 11."""
    return (c.x - c.b / math.sqrt(1 - c.A) * noise) / math.sqrt(c.a)


def simple_loss(c: Scene) -> Sides:
    error, level = (c.eps - c.eps_hat).square().sum(), torch.tensor([c.t])
    weight = c.b**2 / (2 * c.tilde * c.a * (1 - c.A))  # of the bound, as step 8 finds it
    divergence = (noise_form(c, c.eps) - noise_form(c, c.eps_hat)).square().sum() / (2 * c.tilde)
    yield "simple", divergence / weight, error  # a choice: the weight becomes 1
    v = math.sqrt(c.A) * c.eps - math.sqrt(1 - c.A) * c.x0
    yield "v", v, v_target(c.schedule, c.x0[None], level, c.eps[None])[0]
    noise = from_v(constant(c.v_hat), c.schedule)(c.x[None], level)[0]
    yield "v_loss", (v - c.v_hat).square().sum(), (c.eps - noise).square().sum() / c.A


def two_levels(c: Scene, *more: float) -> NoiseSchedule:
    """A schedule with ᾱ_s at 1 and ᾱ_t at 2, so that a sampler's first step goes from t to s; `more` are further β."""
    return NoiseSchedule.from_beta(torch.tensor([1 - c.As, 1 - c.A / c.As, *more], dtype=torch.float64))


def ddim_(c: Scene) -> Sides:
    root = math.sqrt(c.As)
    x_s = c.level(c.x0, c.s, c.eps)
    yield "wish", log_normal(x_s, root * c.x0, 1 - c.As), log_normal(c.eps, 0, 1) - math.log(1 - c.As) / 2
    yield "same_noise", c.eps, (c.x - math.sqrt(c.A) * c.x0) / math.sqrt(1 - c.A)
    yield "family", root * c.x0 + math.sqrt(1 - c.As - 0) * c.eps, x_s  # a definition; with σ = 0 it is certain
    sigma = 0.8 * math.sqrt(1 - c.As)
    kept = math.sqrt(1 - c.As - sigma**2)
    mean = root * c.x0 + kept * c.eps
    yield "draw", log_normal(mean + sigma * c.z, mean, sigma**2), log_normal(c.z, 0, 1) - math.log(sigma)
    for i in range(3):
        both = log_normal(GRID, 0, kept**2) + log_normal(c.any[i] - GRID, 0, sigma**2)
        yield "sum", torch.trapezoid(both.exp(), GRID), log_normal(c.any[i], 0, 1 - c.As).exp()
        noise = (GRID - math.sqrt(c.A) * c.x0[i]) / math.sqrt(1 - c.A)  # GRID is x_t here
        back = log_normal(c.any[i], root * c.x0[i] + kept * noise, sigma**2)
        both = back + log_normal(GRID, math.sqrt(c.A) * c.x0[i], 1 - c.A)
        yield "marginal", torch.trapezoid(both.exp(), GRID), log_normal(c.any[i], root * c.x0[i], 1 - c.As).exp()
    x0 = (c.x - math.sqrt(1 - c.A) * c.eps_hat) / math.sqrt(c.A)  # x̂_0
    yield "predicted", x0, x0_from_noise(c.schedule, c.x[None], torch.tensor([c.t]), c.eps_hat[None])[0]
    full = (1 - c.As) / (1 - c.A) * (1 - c.A / c.As)  # σ² for η = 1
    for eta in (0.3, 1.0):
        generator, z = drawn(5)
        walk = ddim(constant(c.eps_hat), two_levels(c), c.x[None], steps=2, eta=eta, generator=generator)
        sigma = eta * math.sqrt(full)
        yield "step", root * x0 + math.sqrt(1 - c.As - sigma**2) * c.eps_hat + sigma * z, first(walk)
    kept_share = c.A / c.As  # ᾱ_t/ᾱ_s: what the way into noise keeps between s and t; so 1/full is "a" of the posterior
    yield "eta", 1 / full, kept_share / (1 - kept_share) + 1 / (1 - c.As)
    x = first(ddim(constant(c.eps_hat), two_levels(c), c.x[None], steps=2))
    yield "certain", root * x0 + math.sqrt(1 - c.As) * c.eps_hat, x
    full = (1 - c.Ap) / (1 - c.A) * (1 - c.A / c.Ap)  # with s = t−1
    yield "ddpm_variance", full, (1 - c.Ap) / (1 - c.A) * (1 - c.a)
    yield "ddpm_variance", full, c.tilde
    left = 1 - c.Ap - c.tilde
    yield "left", left, (1 - c.Ap) * (1 - c.A - c.b) / (1 - c.A)
    yield "left", left, c.a * (1 - c.Ap) ** 2 / (1 - c.A)
    of_noise = math.sqrt(c.a) * (1 - c.Ap) / math.sqrt(1 - c.A)
    yield "ddpm_mean", math.sqrt(left), of_noise
    yield "ddpm_mean", math.sqrt(c.Ap) * c.x0 + of_noise * c.eps, noise_form(c, c.eps)


def heun_(c: Scene) -> Sides:
    at, to = (math.atan2(math.sqrt(1 - a), math.sqrt(a)) for a in (c.A, c.As))
    yield "angle", [math.cos(at), math.sin(at)], [math.sqrt(c.A), math.sqrt(1 - c.A)]
    noise = from_v(constant(c.v_hat), c.schedule)(c.x[None], torch.tensor([c.t]))[0]
    x0 = (c.x - math.sqrt(1 - c.A) * noise) / math.sqrt(c.A)
    yield "turn", x0, math.cos(at) * c.x - math.sin(at) * c.v_hat
    yield "turn", noise, math.sin(at) * c.x + math.cos(at) * c.v_hat
    step = first(ddim(from_v(constant(c.v_hat), two_levels(c)), two_levels(c), c.x[None], steps=2))
    yield "ddim", step, math.cos(to) * x0 + math.sin(to) * noise
    yield "ddim", step, math.cos(to - at) * c.x + math.sin(to - at) * c.v_hat
    yield "slope", math.cos(at) * noise - math.sin(at) * x0, c.v_hat  # d/dφ of cos(φ) x̂_0 + sin(φ) ε̂
    tiny = 1e-3  # the quotient itself, from both sides, with its error of order tiny² taken off by Richardson
    two, one = (
        sum(sign * (math.cos(at + sign * d) * x0 + math.sin(at + sign * d) * noise) for sign in (1, -1)) / (2 * d)
        for d in (2 * tiny, tiny)
    )
    yield "slope", (4 * one - two) / 3, c.v_hat
    last = NoiseSchedule.from_beta(torch.tensor([1 - c.A], dtype=torch.float64))  # heun's last step is this one
    walk = heun(from_v(constant(c.v_hat), last), last, c.x[None], steps=1)
    yield "ahead", c.x + (0 - at) * c.v_hat, first(walk)
    slope, schedule = torch.sin(c.x) + 2 * c.v_hat, two_levels(c)
    slope_ahead = torch.sin(c.x + (to - at) * slope) + c.v_hat
    walk = heun(from_v(varying(c.v_hat), schedule), schedule, c.x[None], steps=2)
    yield "both", c.x + (to - at) * 0.5 * (slope + slope_ahead), first(walk)


def varying(value: Tensor) -> Callable[..., Tensor]:
    """A network whose answer depends on where and when it is asked."""
    return lambda x, t, label=None: torch.sin(x) + t[:, None] * value


def dpm_solver_pp_(c: Scene) -> Sides:
    further = two_levels(c, 0.4)  # with a noisier level at 3
    ratio = [math.log(math.sqrt(a) / math.sqrt(1 - a)) for a in further.alpha_bar[1:].tolist()]  # λ at s, t and there
    h, h_before = ratio[0] - ratio[1], ratio[1] - ratio[2]
    x0 = (c.x - math.sqrt(1 - c.A) * c.eps_hat) / math.sqrt(c.A)
    yield "ddim", c.eps_hat, (c.x - math.sqrt(c.A) * x0) / math.sqrt(1 - c.A)
    step = first(ddim(constant(c.eps_hat), two_levels(c), c.x[None], steps=2))
    yield "ddim", step, math.sqrt(c.As) * x0 + math.sqrt(1 - c.As) * c.eps_hat
    shrink, root = math.sqrt(1 - c.As) / math.sqrt(1 - c.A), math.sqrt(c.As)
    product = math.sqrt(1 - c.As) / math.sqrt(c.As) * (math.sqrt(c.A) / math.sqrt(1 - c.A))
    yield "insert", step, shrink * c.x + root * (1 - product) * x0
    yield "length", math.exp(-h), product
    yield "first", step, shrink * c.x + root * (1 - math.exp(-h)) * x0
    yield "first", step, first(dpm_solver_pp(constant(c.eps_hat), two_levels(c), c.x[None], steps=2))
    _, one, two, _ = dpm_solver_pp(varying(c.eps_hat), further, c.z[None], steps=3)
    D = two.x0 + h / 2 * (two.x0 - one.x0) / h_before
    middle = ratio[1] + h / 2
    yield "line", D, one.x0 + (middle - ratio[2]) / h_before * (two.x0 - one.x0)
    yield "second", two.x, shrink * one.x + root * (1 - math.exp(-h)) * D


class TestDerivations(EveryLine):
    page, scene = "diffusion_model", Scene
    seeds, rtol, atol = 25, 1e-9, 1e-10
    sides = {
        "ddpm": ddpm_,
        "simple_loss": simple_loss,
        "ddim": ddim_,
        "heun": heun_,
        "dpm_solver_pp": dpm_solver_pp_,
    }


def test_sigma_can_be_chosen_as_far_as_the_words_say():
    for seed in range(25):
        c = Scene(seed)
        full = (1 - c.As) / (1 - c.A) * (1 - c.A / c.As)
        assert 0 < full < 1 - c.As  # every η in 0..1 belongs to the family
