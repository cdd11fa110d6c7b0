"""What guidance samples where everything can be worked out: data N(0, 2), those that bear the label N(0, 1).

All scores are straight lines through 0, so what is sampled is a normal distribution around 0, and its variance tells
all. Bradley and Nakkiran 2024 (arXiv 2408.09000) show with this example that classifier-free guidance by γ samples
p(x)^{1−γ} p(x | y)^γ neither by ODE nor by SDE. The variances below are the limits of infinitely fine steps; `walked`
is the exact one for finitely many. Functions of γ take a number or an array, and give float64.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core.diffusion.forward import signal_and_noise
from core.diffusion.prediction import Denoiser
from core.diffusion.schedule import NoiseSchedule

ALL, ASKED = 2.0, 1.0  # variances: of all data, and of those that bear the label 0
Numbers = float | np.ndarray


def tilted_variance(gamma: Numbers) -> np.ndarray:
    """2/(γ+1), of the density proportional to p(x) p(y | x)^γ. NaN for γ ≤ −1, where there is no such density."""
    gamma = np.asarray(gamma, np.float64)
    return np.where(gamma > -1, 2 / np.where(gamma > -1, gamma + 1, 1), np.nan)


def ode_variance(gamma: Numbers) -> np.ndarray:
    """2^{1−γ}: where the probability-flow ODE of the guided score ends. Bradley and Nakkiran 2024, section 3."""
    return 2 ** (1 - np.asarray(gamma, np.float64))


def sde_variance(gamma: Numbers) -> np.ndarray:
    """(2 − 2^{2−2γ})/(2γ − 1): where the reverse SDE of the guided score ends. Bradley and Nakkiran 2024, section 3.

    At γ = ½ that is 0/0, and its limit 2 log 2. With u = (2γ−1) log 2 it is 2 log 2 · (1 − e^{−u})/u everywhere.
    """
    u = (2 * np.asarray(gamma, np.float64) - 1) * math.log(2)
    away = np.where(u == 0, 1, u)
    return 2 * math.log(2) * np.where(u == 0, 1, -np.expm1(-u) / away)


def nested_gaussians(schedule: NoiseSchedule) -> Denoiser:
    """The exact Denoiser: label 0 for N(0, 1), none for N(0, 2), each value of x by itself. x: (N, …)."""

    def denoiser(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        signal, sigma = signal_and_noise(schedule, t, x)  # √ᾱ, √(1−ᾱ): (N, 1, …)
        variance = torch.full_like(signal, ALL)
        if label is not None:
            variance = torch.where(label.to(x.device).reshape(signal.shape) == 0, ASKED, variance)
        return sigma * x / (signal**2 * variance + sigma**2)  # −√(1−ᾱ) ∇ log N(x; 0, ᾱ v + 1 − ᾱ)

    return denoiser


def guided_each(denoiser: Denoiser, gammas: Tensor) -> Denoiser:
    """Classifier-free guidance by another γ in each column of x (N, G), gammas (G,), so that all walk at once."""

    def guided(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        none, conditional = denoiser(x, t, None), denoiser(x, t, label)
        return none + gammas.to(x) * (conditional - none)

    return guided


def walked(schedule: NoiseSchedule, gamma: Numbers, *, noisy: bool) -> np.ndarray:
    """The exact variance after all T steps, from N(0, 1): of ddpm where noisy, else of ddim. Infinite if too large.

    ε̂ is c x, with c the same for all x, so a step is x_s = m x_t + noise of variance n, and V_s = m² V_t + n.
    """
    alpha_bar, beta = schedule.alpha_bar.tolist(), schedule.beta.tolist()
    gamma = np.asarray(gamma, np.float64)
    variance = np.ones_like(gamma)
    for t in range(schedule.T, 0, -1):
        a, b = alpha_bar[t], alpha_bar[t - 1]
        rate = (1 - gamma) / (a * ALL + 1 - a) + gamma / (a * ASKED + 1 - a)  # the guided score is −rate · x
        noise, x0 = math.sqrt(1 - a) * rate, (1 - (1 - a) * rate) / math.sqrt(a)  # ε̂ and x̂_0 of x = 1
        if noisy:  # the mean and the variance of q(x_{t−1} | x_t, x̂_0). Ho et al. 2020, equation 7
            step = (math.sqrt(b) * beta[t] * x0 + math.sqrt(1 - beta[t]) * (1 - b)) / (1 - a)
            fresh = (1 - b) / (1 - a) * beta[t]
        else:  # Song, Meng and Ermon 2021, equation 12 with σ = 0
            step, fresh = math.sqrt(b) * x0 + math.sqrt(1 - b) * noise, 0.0
        variance = np.square(step) * variance + fresh
    return variance


CLOSED: dict[str, Callable[[Numbers], np.ndarray]] = {
    "ode": ode_variance,
    "sde": sde_variance,
    "tilted": tilted_variance,
}
