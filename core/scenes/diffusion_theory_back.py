"""What `diffusion_theory.reverse` and `small_steps` draw: the way back with the exact score, and one step of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.scene import Scene
from core.scene_run import SceneRun, Working

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from core.diffusion.exact import MixtureDenoiser
    from core.diffusion.samplers import SamplerState

T = 1000  # levels of the schedule; a walk visits some of them
SCHEDULES = ("cosine", "linear")
ODES = ("ddim", "heun")
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REACH = {1: 4.5, 2: 3.0}  # the pictures go from −REACH to REACH, by dimension
FRAMES = 41
CELLS = 44
BINS = 45
SHOWN = 400  # particles that are sent for a picture of two dimensions
PATHS = {1: 40, 2: 8}  # whose whole way is drawn
MEASURED = (1, 2, 5, 10, 20, 50, 100)  # steps that the error is measured at
DRAWS = 3  # times that the SDE is asked, each time with other noise
MANY = {1: 2000, 2: 800}  # particles of a measurement, by dimension


def denoiser_of(data: str, dimensions: int, schedule: str) -> MixtureDenoiser:
    """The exact denoiser of the data of that name under the schedule of that name."""
    from core.diffusion.exact import MixtureDenoiser
    from core.diffusion.mixtures import named
    from core.diffusion.schedule import NoiseSchedule

    make = NoiseSchedule.cosine if schedule == "cosine" else NoiseSchedule.linear
    return MixtureDenoiser(named(data, dimensions), make(T))


def walk(
    denoiser: MixtureDenoiser, name: str, x: Tensor, steps: int, generator: Generator | None = None
) -> Iterator[SamplerState]:
    """The way back from x: "sde" by fresh noise in every step (DDPM over these levels), "ddim" or "heun" by the ODE."""
    from core.diffusion import samplers

    if name == "heun":
        return samplers.heun(denoiser, denoiser.schedule, x, steps=steps)
    eta = 1.0 if name == "sde" else 0.0
    return samplers.ddim(denoiser, denoiser.schedule, x, steps=steps, eta=eta, generator=generator)


@dataclass(frozen=True)
class Walks(SceneRun):
    """N particles on their way back by the SDE and by the ODE, from the same x_T.

    Arrays: t (F,), the levels of the frames, F of the steps + 1 states; sde, ode (F, M, D): the particles that are
    drawn, the first of N; sde_far, ode_far, floor: the Wasserstein distance of all N ends to the data, and of as many
    draws from the data themselves, on average; sde_std, ode_std, std: of the ends and of the data.
    One dimension: heat (rows of x, columns of t), the exact p_t over the box; edges (BINS + 1,), sde_bars, ode_bars
    (F, BINS) of all N; line, exact (F, ·), the exact density at the frames' levels. Two: density (F, CELLS, CELLS), and
    the heights (F, 4) of its contours.
    """

    dimensions: int = 1
    data: str = "humps"
    schedule: str = "cosine"
    sampler_steps: int = 100
    ode: str = "ddim"
    particles: int = 1000
    seed: int = 0

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.mixtures import spread
        from core.diffusion.reverse import expected_wasserstein, wasserstein

        denoiser = denoiser_of(self.data, self.dimensions, self.schedule)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        start = torch.randn(self.particles, self.dimensions, generator=generator, dtype=torch.float64, device="cpu")
        frames = min(self.sampler_steps + 1, FRAMES)
        chosen = set(np.linspace(0, self.sampler_steps, frames).round().astype(int).tolist())
        found: dict[str, np.ndarray] = {}
        edges, total, done = np.linspace(-REACH[1], REACH[1], BINS + 1), 2 * frames + 1, 0
        for name, sampler in (("sde", "sde"), ("ode", self.ode)):
            kept = []
            for step, state in enumerate(walk(denoiser, sampler, start, self.sampler_steps, generator)):
                if step in chosen:
                    kept.append((state.t, state.x))
                    done += 1
                    yield Working(done, total)
            end = kept[-1][1]
            found["t"] = np.array([t for t, _ in kept])
            found[name] = torch.stack([x[:SHOWN] for _, x in kept]).numpy().astype(np.float32)
            found[f"{name}_far"] = wasserstein(end, denoiser.mixture).numpy()
            found[f"{name}_std"] = np.array(float((end.var(dim=0, correction=0)).mean().sqrt()))
            if self.dimensions == 1:
                bars = [np.histogram(x[:, 0].numpy(), edges)[0] for _, x in kept]
                found[f"{name}_bars"] = np.stack(bars) / (self.particles * np.diff(edges))
        found |= self._truth(denoiser, found["t"]) | ({"edges": edges} if self.dimensions == 1 else {})
        found["floor"] = np.array(expected_wasserstein(denoiser.mixture, self.particles))
        found["std"] = np.array(spread(denoiser.mixture))
        yield Working(total, total, found)

    def _truth(self, denoiser: MixtureDenoiser, levels: np.ndarray) -> dict[str, np.ndarray]:
        """The exact p_t at the frames' levels, and in one dimension at all levels as a map."""
        import torch

        found = {}
        marginals = [denoiser.marginal(t) for t in levels.tolist()]
        if self.dimensions == 1:
            line = torch.linspace(-REACH[1], REACH[1], 181, dtype=torch.float64, device="cpu")[:, None]
            heat = [denoiser.marginal(t).log_prob(line[::2]).exp() for t in range(0, T + 1, 10)]
            found["heat"] = torch.stack(heat, dim=1).numpy().astype(np.float32)
            found["line"] = line[:, 0].numpy()
            found["exact"] = torch.stack([p.log_prob(line).exp() for p in marginals]).numpy().astype(np.float32)
            return found
        side = torch.linspace(-REACH[2], REACH[2], CELLS, dtype=torch.float64, device="cpu")
        places = torch.cartesian_prod(side, side).flip(1)
        density = torch.stack([p.log_prob(places).exp().reshape(CELLS, CELLS) for p in marginals])
        part = torch.tensor([0.6, 1.2, 1.8, 2.6], dtype=torch.float64, device="cpu").square().mul(-0.5).exp()
        found["density"] = density.numpy().astype(np.float32)
        found["heights"] = (density.amax(dim=(1, 2))[:, None] * part).numpy().astype(np.float32)
        return found


@dataclass(frozen=True)
class Ends(SceneRun):
    """How far from the data the way back ends, against the number of steps: the SDE, and two ways along the ODE.

    In one dimension x_T are the quantiles of N(0, 1) instead of draws, so that the ODE's errors hold no chance; the
    SDE's hold that of its own noise. Arrays over MEASURED, S of them: steps; sde (S, DRAWS); ddim, heun (S,);
    heun_calls (S,): of the score (the others call once a step); floor: that of MANY draws from the data, on
    average. For one Gaussian in one dimension also sde_theory and ddim_theory (S,), by the exact recursion.
    """

    dimensions: int = 1
    data: str = "humps"
    schedule: str = "cosine"

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.reverse import expected_wasserstein, wasserstein

        denoiser, many = denoiser_of(self.data, self.dimensions, self.schedule), MANY[self.dimensions]
        generator = torch.Generator("cpu").manual_seed(0)
        if self.dimensions == 1:
            shares = (torch.arange(many, dtype=torch.float64, device="cpu") + 0.5) / many
            start = torch.special.ndtri(shares)[:, None]
        else:
            start = torch.randn(many, 2, generator=generator, dtype=torch.float64, device="cpu")
        found: dict[str, list] = {"sde": [], "ddim": [], "heun": [], "heun_calls": []}
        for k, steps in enumerate(MEASURED):
            yield Working(k, len(MEASURED))
            *_, end = walk(denoiser, "sde", start.repeat(DRAWS, 1), steps, generator)
            found["sde"].append(wasserstein(end.x.reshape(DRAWS, many, -1), denoiser.mixture).tolist())
            for ode in ODES:
                *_, end = walk(denoiser, ode, start, steps)
                found[ode].append(float(wasserstein(end.x, denoiser.mixture)))
            found["heun_calls"].append(end.calls)
        arrays = {name: np.array(values) for name, values in found.items()} | {"steps": np.array(MEASURED)}
        arrays["floor"] = np.array(expected_wasserstein(denoiser.mixture, many))
        if self.dimensions == 1 and self.data == "one":
            arrays |= self._theory(denoiser)
        yield Working(len(MEASURED), len(MEASURED), arrays)

    def _theory(self, denoiser: MixtureDenoiser) -> dict[str, np.ndarray]:
        from core.diffusion.reverse import gaussian_way_back, wasserstein_normal
        from core.diffusion.samplers import levels

        mean, variance = float(denoiser.mixture.means[0, 0]), float(denoiser.mixture.covs[0, 0, 0])
        found = {}
        for name, eta in (("sde", 1.0), ("ddim", 0.0)):
            far = []
            for steps in MEASURED:
                m, v = gaussian_way_back(denoiser.schedule, mean, variance, levels(T, steps), eta)
                far.append(wasserstein_normal(m, v**0.5, mean, variance**0.5))
            found[f"{name}_theory"] = np.array(far)
        return found


@dataclass(frozen=True)
class OneStep(Scene):
    """One step back from level t to level s, from x: the exact q(x_s | x_t) and the normal nearest to it.

    Arrays: line (M,), exact, normal (M,): both densities; mean, std: theirs; kl: KL(exact ‖ normal) here, in nats;
    wide (W,), p_s, p_t (W,): the marginals; sizes (S,): lengths of a step, t − s from 1 to t; beta (S,): the share of
    noise that such a step takes back, 1 − ᾱ_t/ᾱ_s; kl_here (S,), and kl_mean (S,): the mean over x_t ~ p_t;
    beta_now: that of this step.
    """

    data: str = "humps"
    schedule: str = "cosine"
    t: int = 600
    s: int = 300
    x: float = 0.5

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion.reverse import kl_to_best_normal, reverse_posterior

        denoiser = denoiser_of(self.data, 1, self.schedule)
        mixture, schedule = denoiser.mixture, denoiser.schedule
        x = torch.tensor([[self.x]], dtype=torch.float64, device="cpu")
        posterior = reverse_posterior(mixture, schedule, self.s, self.t, x)
        line = torch.linspace(-REACH[1], REACH[1], 801, dtype=torch.float64, device="cpu")
        fine = _around(posterior.means[0, :, 0], posterior.covs[:, 0, 0].sqrt(), posterior.weights[0])
        line = torch.cat([line, fine]).sort().values  # a narrow peak is not to fall between two
        sizes = np.unique(np.geomspace(1, self.t, 28).round().astype(int))
        grid = torch.linspace(-REACH[1], REACH[1], 61, dtype=torch.float64, device="cpu")[:, None]
        weight = denoiser.marginal(self.t).log_prob(grid).softmax(dim=0)  # of each place under p_t
        ratio = schedule.alpha_bar[self.t] / schedule.alpha_bar  # ᾱ_t/ᾱ_s for every s
        here, mean = [], []
        for size in sizes.tolist():
            both = reverse_posterior(mixture, schedule, self.t - size, self.t, torch.cat([x, grid]))
            kl = kl_to_best_normal(both, cells=600)
            here.append(float(kl[0]))
            mean.append(float(weight @ kl[1:]))
        wide = torch.linspace(-REACH[1], REACH[1], 301, dtype=torch.float64, device="cpu")[:, None]
        return {
            "line": line.numpy(),
            "exact": posterior.log_prob(line[None])[0].exp().numpy(),
            "normal": posterior.log_prob_of_best_normal(line[None])[0].exp().numpy(),
            "mean": posterior.mean()[0, 0].numpy(),
            "std": posterior.cov()[0, 0, 0].sqrt().numpy(),
            "kl": kl_to_best_normal(posterior)[0].numpy(),
            "wide": wide[:, 0].numpy(),
            "p_s": denoiser.marginal(self.s).log_prob(wide).exp().numpy(),
            "p_t": denoiser.marginal(self.t).log_prob(wide).exp().numpy(),
            "sizes": sizes,
            "beta": (1 - ratio[self.t - torch.from_numpy(sizes)]).numpy(),
            "kl_here": np.array(here),
            "kl_mean": np.array(mean),
            "beta_now": (1 - ratio[self.s]).numpy(),
        }


def _around(means: Tensor, std: Tensor, weights: Tensor) -> Tensor:
    """Places within four deviations of each component that counts, (·,)."""
    import torch

    z = torch.linspace(-4, 4, 81, dtype=torch.float64, device="cpu")
    seen = weights > 1e-6
    return (means[seen, None] + std[seen, None] * z).flatten()


@dataclass(frozen=True)
class OneJump(Scene):
    """Where the humps' exact denoiser sends N draws of x_T in one jump to level 0.

    Arrays: ends (N,); ratio: the density of the data at the mean of the ends as a part of that at a hump.
    """

    particles: int = 2000
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        denoiser = denoiser_of("humps", 1, "cosine")
        generator = torch.Generator("cpu").manual_seed(self.seed)
        start = torch.randn(self.particles, 1, generator=generator, dtype=torch.float64, device="cpu")
        *_, end = walk(denoiser, "ddim", start, 1)
        mixture = denoiser.mixture
        places = torch.stack([end.x.mean(dim=0), mixture.means[1]])
        between, hump = mixture.log_prob(places).tolist()
        return {"ends": end.x[:, 0].numpy(), "ratio": np.array(np.exp(between - hump))}


NAMES = ("humps", "three", "one")
LONGEST = Walks(schedule="linear", sampler_steps=1000)  # of a preset: all levels, as the book's DDPM takes them
FIRST = (Walks(), LONGEST, *(Ends(d, data, schedule) for d in (1, 2) for data in NAMES for schedule in SCHEDULES))
