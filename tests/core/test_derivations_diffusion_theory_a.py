"""Every line of step 8's derivations of the way in, the step back, the bound and the losses, at random numbers.

Each derivation is a generator of (line, left side, right side); a line may be looked at from several sides.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from core.diffusion.bound import bound_constants, bound_weights, model_variance, of_error, posterior
from core.diffusion.forward import add_noise, kl_to_noise, step_by_step
from core.diffusion.prediction import from_v, from_x0, noise_from_x0, v_target, x0_from_noise
from core.diffusion.schedule import NoiseSchedule
from tests.core.derivations import EveryLine, Sides
from ui import text

GRID = torch.linspace(-15, 15, 6001, dtype=torch.float64)
MINE = ("one_jump", "step_back", "kl_terms", "simple_loss", "conversions")


class Scene:
    """A random schedule, a level t, and random vectors (3,) for everything that a formula may name."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        T = 7
        beta = 0.02 + 0.6 * torch.rand(T, generator=self.generator, dtype=torch.float64)
        self.schedule = NoiseSchedule.from_beta(beta)
        self.beta, self.alpha, self.bar = (
            x.tolist() for x in (self.schedule.beta, self.schedule.alpha, self.schedule.alpha_bar)
        )
        self.t = 3 + seed % (T - 2)  # 3..T, so that t−2 exists
        self.b, self.a, self.A = self.beta[self.t], self.alpha[self.t], self.bar[self.t]  # β, α, ᾱ at t
        self.Ap = self.bar[self.t - 1]  # ᾱ at t−1
        self.tilde = (1 - self.Ap) / (1 - self.A) * self.b  # β̃_t
        self.x0, self.before, self.eps, self.eps_before, self.eps_hat, self.v_hat, self.z, self.any = (
            torch.randn(3, generator=self.generator, dtype=torch.float64) for _ in range(8)
        )
        self.x = math.sqrt(self.A) * self.x0 + math.sqrt(1 - self.A) * self.eps  # x_t

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


def gaps(log_a: Callable[[Tensor], Tensor], log_b: Callable[[Tensor], Tensor], c: Scene) -> tuple[Tensor, Tensor]:
    """How far two log densities of x_{t-1} are apart, at three places and a fourth: equal if only a factor differs."""
    apart = torch.stack([(log_a(x) - log_b(x)).sum() for x in (c.any, c.z, c.before, c.eps_hat)])
    return apart[1:], apart[:1].expand(3)


def constant(value: Tensor) -> Callable[..., Tensor]:
    """A network that always gives the same answer."""
    return lambda x, t, label=None: value.expand_as(x)


def one_jump(c: Scene) -> Sides:
    a, a1, b, b1 = c.a, c.alpha[c.t - 1], c.b, c.beta[c.t - 1]
    one, two = math.sqrt(a * b1), math.sqrt(b)  # coefficients of the two pieces of noise
    yield "one_step", c.schedule.alpha, 1 - c.schedule.beta
    x = math.sqrt(a) * c.before + math.sqrt(b) * c.eps
    yield "draw", log_normal(x, math.sqrt(a) * c.before, b), log_normal(c.eps, 0, 1) - math.log(b) / 2
    middle = math.sqrt(a1) * c.before + math.sqrt(b1) * c.eps_before  # x_{t-1}
    x = math.sqrt(a) * middle + math.sqrt(b) * c.eps
    yield "two_steps", math.sqrt(a) * (math.sqrt(a1) * c.before + math.sqrt(b1) * c.eps_before) + two * c.eps, x
    yield "expand", math.sqrt(a * a1) * c.before + one * c.eps_before + two * c.eps, x
    for total in c.any:  # the density of a sum, by convolution
        both = log_normal(GRID, 0, one**2) + log_normal(total - GRID, 0, two**2)
        yield "sum", torch.trapezoid(both.exp(), GRID), log_normal(total, 0, a * b1 + b).exp()
    yield "variance", a * b1 + b, a * (1 - a1) + 1 - a
    yield "variance", a * b1 + b, 1 - a * a1
    merged = (one * c.eps_before + two * c.eps) / math.sqrt(1 - a * a1)
    yield "merged", math.sqrt(a * a1) * c.before + math.sqrt(1 - a * a1) * merged, x
    yield "merged", (one**2 + two**2) / (1 - a * a1), 1.0
    of_x0, of_noise = 1.0, []  # coefficients of x_0, and of the noise of each step
    for i in range(1, c.t + 1):
        of_x0 *= math.sqrt(c.alpha[i])
        of_noise = [math.sqrt(c.alpha[i]) * k for k in of_noise] + [math.sqrt(c.beta[i])]
    product = math.prod(c.alpha[1 : c.t + 1])
    yield "repeat", of_x0, math.sqrt(product)
    yield "repeat", sum(k * k for k in of_noise), 1 - product
    yield "alpha_bar", c.A, product
    yield "alpha_bar", c.level(c.x0, c.t, c.eps), c.x
    yield "jump", log_normal(c.x, math.sqrt(c.A) * c.x0, 1 - c.A), log_normal(c.eps, 0, 1) - math.log(1 - c.A) / 2


def step_back(c: Scene) -> Sides:
    def joint(x: Tensor) -> Tensor:
        """log q(x_t | x_{t-1}) + log q(x_{t-1} | x_0)."""
        return log_normal(c.x, math.sqrt(c.a) * x, c.b) + log_normal(x, math.sqrt(c.Ap) * c.x0, 1 - c.Ap)

    def exponent(x: Tensor) -> Tensor:
        step = (c.x - math.sqrt(c.a) * x).square() / c.b
        return -0.5 * (step + (x - math.sqrt(c.Ap) * c.x0).square() / (1 - c.Ap))

    whole = log_normal(c.x, math.sqrt(c.A) * c.x0, 1 - c.A)
    for i in range(3):  # Bayes' fraction is a density of x_{t-1}: all in all it is one
        step, jump = (
            log_normal(c.x[i], math.sqrt(c.a) * GRID, c.b),
            log_normal(GRID, math.sqrt(c.Ap) * c.x0[i], 1 - c.Ap),
        )
        yield "bayes", torch.trapezoid((step + jump - whole[i]).exp(), GRID), 1.0
    yield "markov", *gaps(lambda x: joint(x) - whole, joint, c)
    yield "insert", *gaps(joint, exponent, c)
    a = c.a / c.b + 1 / (1 - c.Ap)
    b = math.sqrt(c.a) / c.b * c.x + math.sqrt(c.Ap) / (1 - c.Ap) * c.x0
    yield "collect", *gaps(exponent, lambda x: -0.5 * (a * x * x - 2 * b * x), c)
    yield "square", *gaps(exponent, lambda x: -a / 2 * (x - b / a).square(), c)
    yield "normal", joint(c.any) - whole, log_normal(c.any, b / a, 1 / a)
    yield "denominator", a, (c.a * (1 - c.Ap) + c.b) / (c.b * (1 - c.Ap))
    yield "denominator", a, (1 - c.A) / (c.b * (1 - c.Ap))
    yield "variance", 1 / a, (1 - c.Ap) / (1 - c.A) * c.b
    back = posterior(c.schedule)
    yield "variance", 1 / a, back.variance[c.t]
    of_x = math.sqrt(c.a) * (1 - c.Ap) / (1 - c.A)
    mean = math.sqrt(c.Ap) * c.b / (1 - c.A) * c.x0 + of_x * c.x
    yield "mean", b / a, c.tilde * b
    yield "mean", b / a, mean
    yield "mean", b / a, back.of_x0[c.t] * c.x0 + back.of_x[c.t] * c.x


def noise_form(c: Scene, noise: Tensor) -> Tensor:
    """μ̃_t as Ho et al. 2020 write it in equation 11."""
    return (c.x - c.b / math.sqrt(1 - c.A) * noise) / math.sqrt(c.a)


class StraightModel:
    """A model of one number whose guess is x̂_0 = k_t x_t + m_t: everything about it is known in closed form."""

    def __init__(self, c: Scene, variance: str):
        self.schedule, back = c.schedule, posterior(c.schedule)
        self.sigma2 = model_variance(c.schedule, variance).tolist()
        self.of_x0, self.of_x, self.tilde = back.of_x0.tolist(), back.of_x.tolist(), back.variance.tolist()
        rng = np.random.default_rng(c.t)
        self.k, self.m = rng.uniform(0, 1, c.schedule.T + 1), rng.normal(0, 0.3, c.schedule.T + 1)

    def minus_log_p(self, x0: float) -> float:
        """−log p_θ(x_0): a straight line of a normal number plus noise is normal at every step."""
        mean, variance = 0.0, 1.0
        for t in range(self.schedule.T, 0, -1):
            slope = self.of_x0[t] * self.k[t] + self.of_x[t]
            mean, variance = slope * mean + self.of_x0[t] * self.m[t], slope**2 * variance + self.sigma2[t]
        return -float(log_normal(torch.tensor(x0), mean, variance))

    def terms(self, x0: float) -> tuple[float, float, float]:
        """L_T, the sum of L_{t−1}, and L_0 for one x_0."""
        bar, one = self.schedule.alpha_bar.tolist(), torch.tensor(x0, dtype=torch.float64)
        between = 0.0
        for t in range(2, self.schedule.T + 1):
            ratio = self.tilde[t] / self.sigma2[t]
            apart = expectation(
                lambda x, t=t: (self.of_x0[t] * (x0 - self.k[t] * x - self.m[t])).square(),
                math.sqrt(bar[t]) * one,
                1 - bar[t],
            )
            between += float(apart) / (2 * self.sigma2[t]) + 0.5 * (ratio - 1 - math.log(ratio))
        last = expectation(
            lambda x: -log_normal(one, self.k[1] * x + self.m[1], self.sigma2[1]), math.sqrt(bar[1]) * one, 1 - bar[1]
        )
        q = Normal(math.sqrt(bar[-1]) * one, math.sqrt(1 - bar[-1]))
        return float(kl_divergence(q, Normal(0.0, 1.0))), between, float(last)


def kl_terms(c: Scene) -> Sides:
    for variance in ("posterior", "step"):
        model = StraightModel(c, variance)
        for x0 in c.x0.tolist():
            yield "sum", max(0.0, model.minus_log_p(x0) - sum(model.terms(x0))), 0.0
    end = Normal(math.sqrt(c.bar[-1]) * c.x0, math.sqrt(1 - c.bar[-1]))
    whole = kl_divergence(end, Normal(torch.zeros(3).double(), 1.0)).sum()
    yield "names", expectation(lambda x: end.log_prob(x) - log_normal(x, 0, 1), end.mean, 1 - c.bar[-1]).sum(), whole
    squared = c.x0.square().sum()
    yield "prior", whole, 0.5 * (c.bar[-1] * squared - 3 * c.bar[-1] - 3 * math.log(1 - c.bar[-1]))
    yield "prior", whole, kl_to_noise(c.schedule, c.x0[None])[-1, 0]
    right, wrong = noise_form(c, c.eps), noise_form(c, c.eps_hat)
    joint = log_normal(c.x, math.sqrt(c.a) * c.any, c.b) + log_normal(c.any, math.sqrt(c.Ap) * c.x0, 1 - c.Ap)
    q = Normal(right, math.sqrt(c.tilde))
    yield "normals", joint - log_normal(c.x, math.sqrt(c.A) * c.x0, 1 - c.A), q.log_prob(c.any)
    for sigma2 in (c.tilde, c.b, 0.7):
        p, ratio = Normal(wrong, math.sqrt(sigma2)), c.tilde / sigma2
        difference = (c.any - wrong).square().sum() / (2 * sigma2) - (c.any - right).square().sum() / (2 * c.tilde)
        yield "ratio", (q.log_prob(c.any) - p.log_prob(c.any)).sum(), difference - 3 / 2 * math.log(ratio)
        around = expectation(lambda x: (x - wrong).square(), right, c.tilde).sum()
        apart = (right - wrong).square().sum()
        yield "average", around, apart + 3 * c.tilde
        widths = 3 / 2 * (ratio - 1 - math.log(ratio))
        yield "kl", kl_divergence(q, p).sum(), apart / (2 * sigma2) + widths
    same = kl_divergence(q, Normal(wrong, math.sqrt(c.tilde))).sum()
    yield "equal", same, (right - wrong).square().sum() / (2 * c.tilde)
    yield "equal", bound_constants(c.schedule, 3)[c.t], 0.0
    r = c.tilde / c.b
    yield "kl", bound_constants(c.schedule, 3, "step")[c.t], 3 / 2 * (r - 1 - math.log(r))
    density = -log_normal(c.x0, c.any, c.beta[1]).sum()
    constant_1 = 3 / 2 * math.log(2 * math.pi * c.beta[1])
    yield "decoder", density, (c.x0 - c.any).square().sum() / (2 * c.beta[1]) + constant_1
    yield "decoder", bound_constants(c.schedule, 3)[1], constant_1


def simple_loss(c: Scene) -> Sides:
    yield "solve", c.x0, (c.x - math.sqrt(1 - c.A) * c.eps) / math.sqrt(c.A)
    of_x = math.sqrt(c.a) * (1 - c.Ap) / (1 - c.A)
    mean = math.sqrt(c.Ap) * c.b / (1 - c.A) * c.x0 + of_x * c.x
    factor = c.b / (math.sqrt(c.a) * (1 - c.A))
    yield "replace", mean, factor * (c.x - math.sqrt(1 - c.A) * c.eps) + of_x * c.x
    yield "factor", factor + of_x, (c.b + c.a - c.A) / (math.sqrt(c.a) * (1 - c.A))
    yield "factor", factor + of_x, 1 / math.sqrt(c.a)
    yield "noise_form", mean, noise_form(c, c.eps)
    right, wrong = noise_form(c, c.eps), noise_form(c, c.eps_hat)
    yield "means", right - wrong, c.b / (math.sqrt(c.a) * math.sqrt(1 - c.A)) * (c.eps_hat - c.eps)
    error = (c.eps - c.eps_hat).square().sum()
    for sigma2 in (c.tilde, c.b, 0.7):
        weight = c.b**2 / (2 * sigma2 * c.a * (1 - c.A))
        yield "weighted", (right - wrong).square().sum() / (2 * sigma2), weight * error
    first, second = (c.b**2 / (2 * sigma2 * c.a * (1 - c.A)) for sigma2 in (c.tilde, c.b))
    yield "two", [first, second], [c.b / (2 * c.a * (1 - c.Ap)), c.b / (2 * c.a * (1 - c.A))]
    yield "two", [bound_weights(c.schedule, name)[c.t] for name in ("posterior", "step")], [first, second]
    x_1 = c.level(c.x0, 1, c.eps)
    x0_hat = (x_1 - math.sqrt(1 - c.bar[1]) * c.eps_hat) / math.sqrt(c.bar[1])
    w_1 = 1 / (2 * c.alpha[1])
    yield "last", (c.x0 - x0_hat).square().sum() / (2 * c.beta[1]), w_1 * error
    yield "last", [bound_weights(c.schedule, name)[1] for name in ("posterior", "step")], [w_1, w_1]
    yield (
        "simple",
        kl_divergence(Normal(right, math.sqrt(c.tilde)), Normal(wrong, math.sqrt(c.tilde))).sum() / first,
        error,
    )


def conversions(c: Scene) -> Sides:
    signal, sigma, t = math.sqrt(c.A), math.sqrt(1 - c.A), torch.tensor([c.t])
    yield "jump", c.level(c.x0, c.t, c.eps), signal * c.x0 + sigma * c.eps
    yield "clean", (c.x - sigma * c.eps) / signal, c.x0
    yield "clean", (c.x - signal * c.x0) / sigma, c.eps
    yield "clean", x0_from_noise(c.schedule, c.x[None], t, c.eps[None])[0], c.x0
    yield "clean", noise_from_x0(c.schedule, c.x[None], t, c.x0[None])[0], c.eps
    v = signal * c.eps - sigma * c.x0
    yield "v", v, v_target(c.schedule, c.x0[None], t, c.eps[None])[0]
    yield "noise_of_v", sigma * c.x + signal * v, (1 - c.A) * c.eps + c.A * c.eps
    yield "noise_of_v", from_v(constant(v), c.schedule)(c.x[None], t)[0], c.eps
    yield "clean_of_v", signal * c.x - sigma * v, c.A * c.x0 + (1 - c.A) * c.x0
    yield "clean_of_v", signal * c.x - sigma * v, c.x0
    x0_hat = (c.x - sigma * c.eps_hat) / signal
    v_hat = signal * c.eps_hat - sigma * x0_hat
    yield "clean_of_v", signal * c.x - sigma * v_hat, x0_hat
    yield "clean", from_x0(constant(x0_hat), c.schedule)(c.x[None], t)[0], c.eps_hat
    error = (c.eps - c.eps_hat).square().sum()
    yield "x0_loss", (c.x0 - x0_hat).square().sum(), (1 - c.A) / c.A * error
    yield "v_loss", (v - v_hat).square().sum(), error / c.A
    yield "x0_loss", of_error(c.schedule, "x0")[c.t], (1 - c.A) / c.A
    yield "v_loss", of_error(c.schedule, "v")[c.t], 1 / c.A


class TestDerivations(EveryLine):
    page, scene = "diffusion_theory", Scene
    seeds, rtol, atol = 10, 1e-9, 1e-10
    ordered = False
    sides = {
        "one_jump": one_jump,
        "step_back": step_back,
        "kl_terms": kl_terms,
        "simple_loss": simple_loss,
        "conversions": conversions,
    }
    elsewhere = set(text.formulas("diffusion_theory")) - set(MINE)  # in the files of those who wrote them


def test_the_chain_is_the_steps_that_the_derivation_writes():
    c = Scene(3)
    *_, end = step_by_step(c.schedule, c.x0[None], generator=torch.Generator().manual_seed(5))
    generator, x = torch.Generator().manual_seed(5), c.x0
    for t in range(1, c.schedule.T + 1):
        noise = torch.randn(1, 3, generator=generator, dtype=torch.float64)[0]
        x = math.sqrt(c.alpha[t]) * x + math.sqrt(c.beta[t]) * noise
    torch.testing.assert_close(end.x[0], x)
