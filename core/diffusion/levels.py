"""A VAE of T levels whose encoder is not learnt but adds noise: its bound, where the best decoder is known.

    q(x_t | x_{t−1}) = N(√α_t x_{t−1}, β_t I)          p(x_{t−1} | x_t) = N(μ̃_t(x_t, x̂_0), σ_t² I)      p(x_T) = N(0, I)

    log p(x_0) ≥ −L_T − Σ_{t=2}^T L_{t−1} − L_0        Ho et al. 2020, equations 3, 5, 7 and 8

    L_T     = KL(q(x_T | x_0) ‖ p(x_T)), without a parameter
    L_{t−1} = E KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} | x_t)) = D/2 (β̃_t/σ_t² − 1 − log β̃_t/σ_t²) + c_t² e_t / 2σ_t²
    L_0     = −E log p(x_0 | x_1) = D/2 log 2πσ_1² + e_1 / 2σ_1²

with c_t = √ᾱ_{t−1} β_t/(1−ᾱ_t), the weight of x̂_0 in μ̃_t, and e_t = E‖x_0 − x̂_0‖², the denoiser's squared error. Of all
denoisers E[x_0 | x_t] has the smallest; for data from a mixture of normals it is known, and e_t by a sum over a grid.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.diffusion.bound import model_variance, posterior
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture

VARIANCES = ("step", "posterior", "best")  # of p(x_{t−1} | x_t): β_t, that of q(x_{t−1} | x_t, x_0), the best there is
REACH = 7.0  # standard deviations of the noisy data that the grid spans on each side
FINE = 0.5  # of the smallest standard deviation: the step of the grid


@dataclass(frozen=True, eq=False)
class LevelTerms:
    """The bound of T levels by its terms, nats for each point, means over the data."""

    last: float  # L_T: how far the end of the encoder is from the prior
    steps: Tensor  # L_1 … L_{T−1}: (T−1,) float64
    first: float  # L_0: minus the log density of the data under the last step down

    @property
    def bound(self) -> float:
        return -self.last - float(self.steps.sum()) - self.first


def squared_errors(mixture: GaussianMixture, schedule: NoiseSchedule) -> Tensor:
    """e_t = E‖x_0 − E[x_0 | x_t]‖² for t = 0 … T, (T+1,) float64; e_0 = 0. Data of one or two dimensions.

    E‖x_0 − x̂_0‖² = E‖x_0‖² − E‖x̂_0‖², since the error of a conditional mean is orthogonal to it. The mean over x_t is a
    sum over a grid, whose error falls faster than any power of its step where the density is a mixture of normals.
    Raises ValueError for data of other dimensions.
    """
    denoiser = MixtureDenoiser(mixture, schedule)
    square = second_moment(mixture)
    errors = [0.0]
    for t in range(1, schedule.T + 1):
        x, mass = _grid(denoiser.marginal(t))  # (P, D), (P,)
        alpha_bar = schedule.alpha_bar[t]
        noise = denoiser(x, torch.full((len(x),), t, device="cpu"))
        x0 = (x - (1 - alpha_bar).sqrt() * noise) / alpha_bar.sqrt()  # E[x_0 | x_t]
        errors.append(square - float((mass * x0.square().sum(dim=1)).sum()))
    return torch.tensor(errors, dtype=torch.float64, device="cpu").clamp(min=0)


def reverse_variances(schedule: NoiseSchedule, errors: Tensor, size: int, choice: str) -> Tensor:
    """σ_t² for t = 0 … T, (T+1,); index 0 is not used. `size`: the dimensions D of the data.

    "step" and "posterior": core.diffusion.bound.model_variance. "best": β̃_t + c_t² e_t/D, the σ_t² with the largest
    bound; Bao et al. 2022, theorem 1. `errors`, from squared_errors, matter for it alone. Raises ValueError for another
    choice.
    """
    if choice != "best":
        return model_variance(schedule, choice)
    known = posterior(schedule)
    return known.variance + known.of_x0.square() * errors / size


def bound_terms(mixture: GaussianMixture, schedule: NoiseSchedule, errors: Tensor, choice: str = "step") -> LevelTerms:
    """The terms of the bound with the best denoiser, in the mean over the data. `errors` from squared_errors."""
    size = mixture.means.shape[1]
    variance = reverse_variances(schedule, errors, size, choice)  # σ_t²: (T+1,)
    known = posterior(schedule)  # c_t and β̃_t: (T+1,)
    left = float(schedule.alpha_bar[-1])
    last = 0.5 * (left * second_moment(mixture) - size * left - size * math.log1p(-left))
    ratio = known.variance[2:] / variance[2:]
    steps = 0.5 * size * (ratio - 1 - ratio.log()) + known.of_x0[2:].square() * errors[2:] / (2 * variance[2:])
    first = 0.5 * size * math.log(2 * math.pi * float(variance[1])) + float(errors[1] / (2 * variance[1]))
    return LevelTerms(last, steps, first)


def mean_log_density(mixture: GaussianMixture) -> float:
    """E log p(x_0) over the data themselves, by the same sum over a grid: no bound lies above it."""
    x, mass = _grid(mixture)
    return float((mass * mixture.log_prob(x)).sum())


def second_moment(mixture: GaussianMixture) -> float:
    """E‖x_0‖²."""
    within = mixture.covs.diagonal(dim1=1, dim2=2).sum(dim=1)  # (K,)
    return float((mixture.weights * (within + mixture.means.square().sum(dim=1))).sum())


def encoded(x0: Tensor, schedule: NoiseSchedule, generator: torch.Generator) -> Iterator[Tensor]:
    """x_0, x_1, … x_T, (N, D) each: the encoder, one level after the other."""
    yield x0
    x = x0
    for t in range(1, schedule.T + 1):
        x = float(schedule.alpha[t]) ** 0.5 * x + float(schedule.beta[t]) ** 0.5 * _normal_like(x, generator)
        yield x


def decoded(
    x: Tensor, mixture: GaussianMixture, schedule: NoiseSchedule, variance: Tensor, generator: torch.Generator
) -> Iterator[Tensor]:
    """x_T, x_{T−1}, … x_0 drawn from p, (N, D) each, with the best denoiser; its last step draws noise as well.

    x: (N, D) drawn from p(x_T); variance: from reverse_variances.
    """
    denoiser = MixtureDenoiser(mixture, schedule)
    known = posterior(schedule)
    yield x
    for t in range(schedule.T, 0, -1):
        alpha_bar = float(schedule.alpha_bar[t])
        noise = denoiser(x, torch.full((len(x),), t, device="cpu"))
        x0 = (x - (1 - alpha_bar) ** 0.5 * noise) / alpha_bar**0.5
        mean = float(known.of_x0[t]) * x0 + float(known.of_x[t]) * x  # Ho et al. 2020, equation 7
        x = mean + float(variance[t]) ** 0.5 * _normal_like(x, generator)
        yield x


def _grid(mixture: GaussianMixture) -> tuple[Tensor, Tensor]:
    """Places (P, D) that cover a mixture, and the probability of the cell around each, (P,)."""
    size = mixture.means.shape[1]
    if size > 2:
        raise ValueError("A sum over a grid is for data of one or two dimensions.")
    step = FINE * float(torch.linalg.eigvalsh(mixture.covs).min().sqrt())
    widths = REACH * mixture.covs.diagonal(dim1=1, dim2=2).sqrt()  # (K, D)
    low, high = (mixture.means - widths).amin(dim=0), (mixture.means + widths).amax(dim=0)  # (D,)
    axes = [
        torch.arange(float(a), float(b) + step, step, dtype=torch.float64, device="cpu")
        for a, b in zip(low, high, strict=True)
    ]
    x = torch.cartesian_prod(*axes).reshape(-1, size)
    return x, mixture.log_prob(x).exp() * step**size


def _normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)
