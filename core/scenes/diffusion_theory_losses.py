"""What `diffusion_theory.losses` draws: the terms of the variational bound of a perfect and of a learned denoiser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.scene import Scene

LEARNED = ("cosine", 1000)  # the schedule and the T of the model that ships
FIRST_LEVELS = 32  # levels that are measured with more points: most of the bound, and of its chance, is there
POINTS = (4000, 300)  # at each of the first levels and at each of the others, with the exact denoiser
LEARNED_POINTS = (400, 30)  # with the network
SAMPLES = 100_000  # for the mean of log p(x_0)


@dataclass(frozen=True)
class Losses(Scene):
    """The bound for the three blobs, term by term. All in nats for a point of two coordinates; rows are t = 1 … T.

    Arrays, (T,) each: error and error_se, the mean of |ε − E[ε|x_t]|² and its standard error; own and own_se, the mean
    of |E[ε|x_t] − ε̂|² of the model "blobs" that ships, NaN on any other schedule; x0 and v, how many times |ε − ε̂|²
    the squared errors of those targets are; alpha_bar; posterior and step (T, 2), the weight w_t and the constant c_t
    of the bound with either variance. prior: the mean of L_T; log_p and log_p_se: of log p(x_0).
    """

    schedule: str = "cosine"  # or "linear"
    T: int = 1000
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import shapes
        from core.diffusion import bound
        from core.diffusion.exact import MixtureDenoiser
        from core.diffusion.schedule import NoiseSchedule
        from core.gaussian_mixture import GaussianMixture

        schedule = NoiseSchedule.cosine(self.T) if self.schedule == "cosine" else NoiseSchedule.linear(self.T)
        mixture = GaussianMixture(*shapes.blobs_mixture())
        exact, learned = MixtureDenoiser(mixture, schedule), self._learned()
        generator = torch.Generator().manual_seed(self.seed)

        def measured(denoiser, points, against=None) -> tuple[np.ndarray, np.ndarray]:
            """The mean over points and its standard error, at every level."""
            means, errors, levels = [], [], torch.arange(1, self.T + 1)
            for part, n in ((levels[:FIRST_LEVELS], points[0]), (levels[FIRST_LEVELS:], points[1])):
                if len(part):
                    x0 = shapes.blobs(n, generator)
                    found = bound.squared_errors(denoiser, schedule, x0, part, generator=generator, against=against)
                    means.append(found.mean(dim=1))
                    errors.append(found.std(dim=1) / n**0.5)
            return torch.cat(means).numpy(), torch.cat(errors).numpy()

        nothing = np.full(self.T, np.nan)
        error, error_se = measured(exact, POINTS)
        own, own_se = measured(learned, LEARNED_POINTS, exact) if learned else (nothing, nothing)
        log_p = mixture.log_prob(shapes.blobs(SAMPLES, generator))
        second = float(mixture.weights @ (mixture.covs.diagonal(dim1=1, dim2=2) + mixture.means.square()).sum(dim=1))
        left = schedule.alpha_bar[-1]
        both = {}
        for name in bound.VARIANCES:
            weights, constants = bound.bound_weights(schedule, name), bound.bound_constants(schedule, 2, name)
            both[name] = torch.stack([weights, constants], dim=1)[1:].numpy()
        return {
            "error": error,
            "error_se": error_se,
            "own": own.astype(np.float32),  # no better than the network's own precision
            "own_se": own_se.astype(np.float32),
            "x0": bound.of_error(schedule, "x0")[1:].numpy(),
            "v": bound.of_error(schedule, "v")[1:].numpy(),
            "alpha_bar": schedule.alpha_bar[1:].numpy(),
            **both,
            # the mean of kl_to_noise over the data, whose |x_0|² is `second` on average
            "prior": (0.5 * (left * second - 2 * (left + torch.log1p(-left)))).numpy(),
            "log_p": log_p.mean().numpy(),
            "log_p_se": (log_p.std() / SAMPLES**0.5).numpy(),
        }

    def _learned(self):
        """The network that ships, asked in its own precision where it lives; None on any other schedule."""
        from core.diffusion.library import load
        from core.shipped import key_of_name
        from core.store import StoreError

        if (self.schedule, self.T) != LEARNED:
            return None
        try:
            denoiser, schedule, _ = load(key_of_name("diffusion", "blobs"))
        except StoreError:
            return None
        if schedule.T != self.T:
            return None

        import torch

        from core.device import pick

        at = pick()

        def asked(x: torch.Tensor, t: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
            return denoiser(x.float().to(at), t.to(at)).to(x)

        return asked


@dataclass(frozen=True)
class End(Scene):
    """How far the end of the way is from noise for the data as a whole: kl (), KL(q(x_T) ‖ N(0, I)) in nats.

    That much of log p(x_0) minus the bound is lost at the end; the rest is lost by the steps back, since for data from
    p the mean gap is KL(q(x_T) ‖ N(0, I)) + Σ_t E KL(q(x_{t−1} | x_t) ‖ p_θ(x_{t−1} | x_t)), by the chain rule of KL.
    The integral over the plane is a sum over a grid.
    """

    schedule: str = "cosine"  # or "linear"
    T: int = 1000

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import shapes
        from core.diffusion.exact import MixtureDenoiser
        from core.diffusion.schedule import NoiseSchedule
        from core.gaussian_mixture import GaussianMixture

        schedule = NoiseSchedule.cosine(self.T) if self.schedule == "cosine" else NoiseSchedule.linear(self.T)
        side = torch.linspace(-8, 8, 241, dtype=torch.float64, device="cpu")
        at = torch.cartesian_prod(side, side)  # (G, 2)
        log_q = MixtureDenoiser(GaussianMixture(*shapes.blobs_mixture()), schedule).marginal(self.T).log_prob(at)
        log_noise = -0.5 * at.square().sum(dim=1) - math.log(2 * math.pi)
        area = float(side[1] - side[0]) ** 2
        return {"kl": ((log_q.exp() * (log_q - log_noise)).sum() * area).clamp(min=0).numpy()}


FIRST = (Losses(), End())
