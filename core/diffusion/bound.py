"""The variational bound of a diffusion model, term by term, in nats.

    −log p_θ(x_0) ≤ L_T + L_{T−1} + … + L_1 + L_0                          Ho et al. 2020, equation 5
    L_T      KL(q(x_T | x_0) ‖ N(0, I)): nothing in it can be learnt         (core.diffusion.forward.kl_to_noise)
    L_{t−1}  KL(q(x_{t−1} | x_t, x_0) ‖ p_θ(x_{t−1} | x_t)), for t = 2 … T   (`bound`)
    L_0      −log p_θ(x_0 | x_1), a normal around x̂_0 with σ_1² = β_1        (`bound`)

Nothing here is a network: p_θ is the normal distribution whose mean a Denoiser gives, and whose variance is chosen.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.diffusion.forward import add_noise, kl_to_noise
from core.diffusion.prediction import Denoiser
from core.diffusion.schedule import NoiseSchedule

TARGETS = ("noise", "x0", "v")
VARIANCES = ("posterior", "step")
AT_ONCE = 20_000  # elements that the denoiser is asked about in one call


@dataclass(frozen=True, eq=False)
class Posterior:
    """q(x_{t−1} | x_t, x_0) = N(of_x0 x_0 + of_x x_t, variance I), for t = 0 … T: (T+1,) each; index 0 is not used."""

    of_x0: Tensor
    of_x: Tensor
    variance: Tensor


def posterior(schedule: NoiseSchedule) -> Posterior:
    """Both weights of the mean and the variance. Ho et al. 2020, equations 6 and 7. At t = 1 it is x_0 for certain."""
    alpha_bar, before = schedule.alpha_bar, _before(schedule.alpha_bar)  # ᾱ_t, ᾱ_{t−1}
    noise = (1 - alpha_bar).clamp(min=1e-300)  # index 0 alone is 0
    return Posterior(
        of_x0=before.sqrt() * schedule.beta / noise,
        of_x=schedule.alpha.sqrt() * (1 - before) / noise,
        variance=(1 - before) / noise * schedule.beta,
    )


def model_variance(schedule: NoiseSchedule, variance: str) -> Tensor:
    """σ_t² of p_θ(x_{t−1} | x_t), (T+1,): β̃_t of the posterior, or β_t of the step ("step"). σ_1² = β_1 both times.

    Ho et al. 2020, section 3.2: the first is best for data in one point, the second for data from N(0, I). At t = 1 the
    posterior has no variance at all, and the model needs one to give x_0 a density. Raises ValueError for another name.
    """
    if variance not in VARIANCES:
        raise ValueError(f"The variance is one of {', '.join(VARIANCES)}, not {variance!r}.")
    chosen = (posterior(schedule).variance if variance == "posterior" else schedule.beta).clone()
    chosen[1] = schedule.beta[1]
    return chosen


def bound_weights(schedule: NoiseSchedule, variance: str = "posterior") -> Tensor:
    """w_t, how much the bound makes of |ε − ε̂|² at level t, (T+1,); index 0 is not used.

    β_t² / (2 σ_t² α_t (1−ᾱ_t)): Ho et al. 2020, equation 12. It holds for L_0 too: |x_0 − x̂_0|² / (2 β_1) with
    x_0 − x̂_0 = √(1−ᾱ_1) (ε̂ − ε) / √ᾱ_1, and β_1 = 1−ᾱ_1.
    """
    sigma2 = model_variance(schedule, variance)
    below = 2 * sigma2 * schedule.alpha * (1 - schedule.alpha_bar)
    return schedule.beta.square() / below.clamp(min=1e-300)


def of_error(schedule: NoiseSchedule, target: str) -> Tensor:
    """How many times the squared error of ε̂ that of another target is, (T+1,); index 0 is not used.

    x̂_0 and v̂ follow from ε̂ and x_t, so that |x_0 − x̂_0|² = (1−ᾱ)/ᾱ |ε − ε̂|² and |v − v̂|² = |ε − ε̂|²/ᾱ: Salimans and
    Ho 2022, section 4. target: one of TARGETS.
    """
    alpha_bar = schedule.alpha_bar
    return {"noise": torch.ones_like(alpha_bar), "x0": (1 - alpha_bar) / alpha_bar, "v": 1 / alpha_bar}[target]


def bound_constants(schedule: NoiseSchedule, size: int, variance: str = "posterior") -> Tensor:
    """c_t, what no prediction can change in the term of level t, in nats for data of `size` numbers: (T+1,).

    L_{t−1} is the KL of two normals, whose widths cost D/2 (r − 1 − log r) with r = β̃_t / σ_t²: nothing with the
    posterior's variance. L_0 has D/2 log 2πβ_1, as every normal density has. Index 0 is not used.
    """
    ratio = (posterior(schedule).variance / model_variance(schedule, variance).clamp(min=1e-300)).clamp(min=1e-300)
    constants = size / 2 * (ratio - 1 - ratio.log())
    constants[1] = size / 2 * math.log(2 * math.pi * float(schedule.beta[1]))
    return constants


@torch.no_grad()
def squared_errors(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    x0: Tensor,
    levels: Tensor,
    *,
    generator: torch.Generator,
    against: Denoiser | None = None,
) -> Tensor:
    """|ε − ε̂|² at each of the levels (M,) for each element of the data x0 (N, …), each with a noise of its own: (M, N).

    float64 on the CPU. The denoiser is asked on x0's device in its dtype. against: what is compared with instead of ε.
    If that is the conditional mean E[ε | x_t], the errors add up: E|ε − ε̂|² is E|ε − E[ε|x_t]|², which nobody can
    avoid, and E|E[ε|x_t] − ε̂|², which is the network's own.
    """
    n, errors = len(x0), []
    for chunk in levels.to(x0.device).split(max(1, AT_ONCE // n)):
        t = chunk.repeat_interleave(n)  # (m n,)
        clean = x0.repeat(len(chunk), *[1] * (x0.ndim - 1))  # (m n, …)
        noise = torch.randn(clean.shape, generator=generator, dtype=x0.dtype, device=generator.device).to(x0.device)
        x_t = add_noise(schedule, clean, t, noise)
        wanted = noise if against is None else against(x_t, t)
        apart = (wanted - denoiser(x_t, t)).flatten(1).to("cpu", torch.float64)  # (m n, D)
        errors.append(apart.square().sum(dim=1).reshape(len(chunk), n))
    return torch.cat(errors)


@torch.no_grad()
def bound(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    x0: Tensor,
    *,
    generator: torch.Generator,
    variance: str = "posterior",
) -> Tensor:
    """A lower bound of log p_θ(x_0) in nats for each element of the data x0 (N, …): (N,), float64 on the CPU.

    −(L_T + Σ_t (w_t |ε − ε̂|² + c_t)), an estimate without bias: each expectation over noise stands for one draw.
    """
    levels = torch.arange(1, schedule.T + 1, device="cpu")
    errors = squared_errors(denoiser, schedule, x0, levels, generator=generator)  # (T, N)
    steps = (
        bound_weights(schedule, variance)[1:] @ errors + bound_constants(schedule, x0[0].numel(), variance)[1:].sum()
    )
    return -(kl_to_noise(schedule, x0)[-1] + steps)


def _before(values: Tensor) -> Tensor:
    """The value at t − 1 in the place of t; the first one stays."""
    return torch.cat([values[:1], values[:-1]])
