"""What guidance.particles, guidance.classifier and guidance.mix draw of data whose scores are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.scene import Scene

if TYPE_CHECKING:
    from torch import Tensor

    from core.diffusion.exact import MixtureDenoiser
    from core.diffusion.prediction import Denoiser

# three classes that overlap: weight, mean x, mean y, std x, std y, correlation
PARTS = (
    (0.4, -1.1, -0.6, 0.7, 0.55, 0.3),
    (0.35, 1.1, -0.6, 0.55, 0.75, 0.0),
    (0.25, 0.0, 1.1, 0.75, 0.5, -0.3),
)
GAMMAS = (0.0, 1.0, 3.0)  # of the first three clouds; the fourth is set
COUNT, FRAMES = 400, 31  # points of a cloud; states that are shown, the start and the end among them
CELLS = 161  # of a grid, each way, that integrals are summed over
MEASURED = (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0)  # γ at which particles are measured, besides the one that is set
MANY = 2_000  # particles behind every measured variance
FINEST = 500  # with more steps than these, only the γ that is set is measured: the rest would keep people waiting
GRID = 13  # arrows each way
WINDOW = 3.6  # the pictures reach from −WINDOW to WINDOW both ways
WIDE = 3  # a picture of equal units that is broader than high reaches further across: WINDOWs that shading covers


def mixture_denoiser(T: int) -> MixtureDenoiser:
    """The exact denoiser for PARTS under a cosine schedule of T levels."""
    from core.diffusion.exact import MixtureDenoiser
    from core.diffusion.mixtures import from_rows
    from core.diffusion.schedule import NoiseSchedule

    return MixtureDenoiser(from_rows(PARTS), NoiseSchedule.cosine(T))


@dataclass(frozen=True)
class Clouds(Scene):
    """Clouds guided by γ = 0, 1, 3 and `gamma` from one noise, with exact scores, by "ode" (ddim) or "sde" (ddpm).

    Arrays: t (F,); at (4, F, COUNT, 2) float16; inside (4, F), the mean of p_t(label | x_t); of the ends mean (4, 2),
    cov (4, 2, 2) and away (4,), how far the mean lies beyond the class's own, in the direction away from the mean of
    all data; exact_inside, exact_trace and exact_away (2,) of p(x) and p(x | label); means (F, 3, 2) and covs
    (F, 3, 2, 2) of the components of p_t; out (4,), how many ended outside the picture.
    """

    label: int = 0
    way: str = "ode"
    gamma: float = 7.0
    T: int = 200
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion.guidance import classifier_free

        denoiser = mixture_denoiser(self.T)
        noise = torch.randn(
            COUNT, 2, generator=torch.Generator("cpu").manual_seed(self.seed), dtype=torch.float64, device="cpu"
        )
        label = torch.full((COUNT,), self.label, device="cpu")
        walks = [
            _walk(classifier_free(denoiser, g), denoiser, noise, label, self.way, self.seed)
            for g in (*GAMMAS, self.gamma)
        ]
        levels = walks[0][0]
        at = torch.stack([x for _, x in walks])  # (4, F, N, 2)
        ends = at[:, -1]
        mixture = denoiser.mixture
        middle = mixture.weights @ mixture.means
        own = mixture.means[self.label]
        outward = (own - middle) / (own - middle).norm()
        marginals = [denoiser.marginal(t) for t in levels]
        grid, area = _grid()
        shares = mixture.responsibilities(grid)  # p(k | x) on the grid: (G, K)
        of_all = mixture.joint_log_prob(grid).exp()  # p(x, k): (G, K)
        own_density = of_all[:, self.label] / mixture.weights[self.label]
        whole = _covariance(mixture.weights, mixture.means, mixture.covs)
        return {
            "t": np.array(levels),
            "at": at.clamp(-6e4, 6e4).numpy().astype(np.float16),
            "inside": np.array(
                [
                    [float(m.responsibilities(x)[:, self.label].mean()) for m, x in zip(marginals, cloud, strict=True)]
                    for cloud in at
                ]
            ),
            "mean": ends.mean(dim=1).numpy(),
            "cov": torch.stack([end.T.cov() for end in ends]).numpy(),
            "away": ((ends.mean(dim=1) - own) @ outward).numpy(),
            "exact_inside": np.array(
                [float(mixture.weights[self.label]), float((own_density * shares[:, self.label]).sum() * area)]
            ),
            "exact_trace": np.array([float(whole.trace()), float(mixture.covs[self.label].trace())]),
            "exact_away": np.array([float((middle - own) @ outward), 0.0]),
            "means": torch.stack([m.means for m in marginals]).numpy(),
            "covs": torch.stack([m.covs for m in marginals]).numpy(),
            "out": (ends.abs() > WINDOW).any(dim=2).sum(dim=1).numpy(),
        }


@dataclass(frozen=True)
class Variances(Scene):
    """The Gaussian case: what guidance by γ samples from data N(0, 2) whose class is N(0, 1), T steps of a cosine.

    Arrays: grid (G,) of γ; closed (3, G) by ode, by sde and of the tilted density (NaN where there is none); walked
    (2, G), exact for T steps; gammas (M,), measured (2, M), the mean square of MANY particles; own_closed (3,) and
    own_walked and own_measured (2,) at `gamma`, which is the only one measured where T is above FINEST; particles
    (2, MANY) float32, where those of `gamma` ended.
    """

    gamma: float = 3.0
    T: int = 200
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion.guided_gaussian import CLOSED, guided_each, nested_gaussians, walked
        from core.diffusion.samplers import ddim, ddpm
        from core.diffusion.schedule import NoiseSchedule

        schedule = NoiseSchedule.cosine(self.T)
        gammas = np.unique([*(MEASURED if self.T <= FINEST else ()), self.gamma])
        guided = guided_each(nested_gaussians(schedule), torch.tensor(gammas, device="cpu"))
        generator = torch.Generator("cpu").manual_seed(self.seed)
        one = torch.randn(MANY, 1, generator=generator, dtype=torch.float64, device="cpu")
        noise = one.expand(MANY, len(gammas)).contiguous()  # the same for every γ
        label = torch.zeros(MANY, dtype=torch.int64, device="cpu")
        *_, by_ode = ddim(guided, schedule, noise, steps=self.T, label=label)
        *_, by_sde = ddpm(guided, schedule, noise, label=label, generator=generator)
        ends = torch.stack([by_ode.x, by_sde.x])  # (2, MANY, M)
        measured = ends.square().mean(dim=1).numpy()
        mine = int(np.flatnonzero(gammas == self.gamma)[0])
        low, high = min(-1.0, self.gamma), max(8.0, self.gamma)
        grid = np.unique([*np.linspace(low, high, 121), 0.5])
        return {
            "grid": grid,
            "closed": np.stack([variance(grid) for variance in CLOSED.values()]),
            "walked": np.stack([walked(schedule, grid, noisy=noisy) for noisy in (False, True)]),
            "gammas": gammas,
            "measured": measured,
            "own_closed": np.array([float(variance(self.gamma)) for variance in CLOSED.values()]),
            "own_walked": np.array([float(walked(schedule, self.gamma, noisy=noisy)) for noisy in (False, True)]),
            "own_measured": measured[:, mine],
            "particles": ends[:, :, mine].float().numpy(),
        }


@dataclass(frozen=True)
class SameArrow(Scene):
    """With exact scores: ∇ log p_t(label | x_t) by autograd, and the difference of two scores, on a grid of points.

    t in 1..T. Arrays: at (G, 2); gradient and difference (G, 2); gap (), the largest distance of the two guided ε̂ at
    γ = `gamma`; posterior (P, WIDE·P), p_t(label | x) over the window and WIDE times as far across, row 0 at low y.
    """

    label: int = 0
    t: int = 60
    gamma: float = 3.0
    T: int = 200

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion.guidance import classifier_free, classifier_guided
        from core.diffusion.prediction import score_from_noise

        denoiser = mixture_denoiser(self.T)
        schedule = denoiser.schedule
        x = _arrow_places()
        t = torch.full((len(x),), self.t, device="cpu")
        label = torch.full((len(x),), self.label, device="cpu")
        none = denoiser(x, t)
        by_classifier = classifier_guided(denoiser, denoiser.log_posterior, 1.0, schedule)(x, t, label)
        pair = (
            classifier_guided(denoiser, denoiser.log_posterior, self.gamma, schedule)(x, t, label),
            classifier_free(denoiser, self.gamma)(x, t, label),
        )
        up, across = (
            torch.linspace(-far * WINDOW, far * WINDOW, far * 61, dtype=torch.float64, device="cpu")
            for far in (1, WIDE)
        )
        plane = torch.stack(torch.meshgrid(across, up, indexing="xy"), dim=-1)  # [row y, column x]
        return {
            "at": x.numpy(),
            "gradient": score_from_noise(schedule, x, t, by_classifier - none).numpy(),
            "difference": score_from_noise(schedule, x, t, denoiser(x, t, label) - none).numpy(),
            "gap": np.array(float((pair[0] - pair[1]).abs().max())),
            "posterior": denoiser.marginal(self.t).responsibilities(plane)[..., self.label].numpy().astype(np.float32),
        }


@dataclass(frozen=True)
class Blend(Scene):
    """A cloud pulled towards, or pushed away from, each class by a weight of its own; exact scores, ddim or ddpm.

    Arrays: t (F,); at (F, COUNT, 2) float16; places (G, 2), push (F, G, 2): the composed guidance, as a score; shares
    (3,), the mean of p(k | x_0) over the ends; most (3,), of how many k is the likeliest class; means (F, 3, 2) and
    covs (F, 3, 2, 2) of p_t; out, how many ended outside the picture.
    """

    weights: tuple[float, float, float] = (1.0, 1.0, 0.0)
    way: str = "ode"
    T: int = 200
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion.guidance import composed
        from core.diffusion.prediction import score_from_noise

        denoiser = mixture_denoiser(self.T)
        guided = composed(denoiser, range(len(PARTS)), self.weights)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        noise = torch.randn(COUNT, 2, generator=generator, dtype=torch.float64, device="cpu")
        levels, at = _walk(guided, denoiser, noise, None, self.way, self.seed)
        places, pushes = _arrow_places(), []
        for level in levels:
            t = torch.full((len(places),), max(level, 1), device="cpu")
            pushes.append(score_from_noise(denoiser.schedule, places, t, guided(places, t) - denoiser(places, t)))
        marginals = [denoiser.marginal(t) for t in levels]
        shares = denoiser.mixture.responsibilities(at[-1])  # (N, K)
        return {
            "t": np.array(levels),
            "at": at.clamp(-6e4, 6e4).numpy().astype(np.float16),
            "places": places.numpy(),
            "push": torch.stack(pushes).numpy().astype(np.float32),
            "shares": shares.mean(dim=0).numpy(),
            "most": shares.argmax(dim=1).bincount(minlength=len(PARTS)).numpy(),
            "means": torch.stack([m.means for m in marginals]).numpy(),
            "covs": torch.stack([m.covs for m in marginals]).numpy(),
            "out": np.array(int((at[-1].abs() > WINDOW).any(dim=1).sum())),
        }


def _walk(
    guided: Denoiser, exact: MixtureDenoiser, noise: Tensor, label: Tensor | None, way: str, seed: int
) -> tuple[list[int], Tensor]:
    """Levels (F,) and points (F, N, 2) of a whole walk from `noise`, by all T levels; FRAMES of its states."""
    import torch

    from core.diffusion.samplers import ddim, ddpm

    schedule = exact.schedule
    if way == "ode":
        states = ddim(guided, schedule, noise, steps=schedule.T, label=label)
    else:  # the same fresh noise in every walk
        fresh = torch.Generator("cpu").manual_seed(seed + 1)
        states = ddpm(guided, schedule, noise, label=label, generator=fresh)
    keep = {round(k * schedule.T / (FRAMES - 1)) for k in range(FRAMES)}
    found = [(state.t, state.x) for state in states if state.t in keep]
    return [t for t, _ in found], torch.stack([x for _, x in found])


def _arrow_places() -> Tensor:
    import torch

    side = torch.linspace(-3, 3, GRID, dtype=torch.float64, device="cpu")
    return torch.cartesian_prod(side, side)


def _grid() -> tuple[Tensor, float]:
    """Places that cover the data, and the area of each."""
    import torch

    side = torch.linspace(-8, 8, CELLS, dtype=torch.float64, device="cpu")
    return torch.cartesian_prod(side, side), float(side[1] - side[0]) ** 2


def _covariance(weights: Tensor, means: Tensor, covs: Tensor) -> Tensor:
    """Of a whole mixture: the mean covariance, and the covariance of the means."""
    from torch import einsum

    away = means - weights @ means
    return einsum("k,kij->ij", weights, covs) + einsum("k,ki,kj->ij", weights, away, away)


FIRST = (Clouds(), Variances(), SameArrow(), Blend())
