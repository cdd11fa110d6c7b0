"""What guidance.bayes draws: a digit that is asked for under another name, and the terms of Bayes' rule at a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.scene import Scene

Rows = tuple[tuple[float, ...], ...]
STEP, T = 50, 1000  # levels of the slider: every STEP-th of T
LEVELS = tuple(range(STEP, T + 1, STEP))
# each class: weight, mean x, mean y, std x, std y, correlation
PARTS: Rows = (
    (0.35, -1.5, -0.9, 0.55, 0.4, 0.3),
    (0.35, 1.5, -0.9, 0.4, 0.6, 0.0),
    (0.3, 0.0, 1.5, 0.6, 0.4, -0.3),
    (0.25, 0.0, 0.0, 0.3, 0.3, 0.0),
)


@dataclass(frozen=True)
class Noised(Scene):
    """A test digit at every level of the slider, and what the digits model says of it without and with a label.

    digit: what was drowned; label: what is asked for; the same noise at every level, drawn from `seed`.
    Arrays: levels (L,); alpha_bar (L,) float64; clean (28, 28); x, none and given (L, 28, 28) float32.
    Raises core.store.StoreError where the model is missing or damaged.
    """

    digit: int = 4
    label: int = 9
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import data
        from core.device import pick
        from core.diffusion import pretrained
        from core.diffusion.forward import add_noise

        device = pick()
        denoiser, schedule = pretrained("digits", device)
        test = data.mnist("test")
        first = (test.labels == self.digit).nonzero()[3, 0]  # a plain one of its kind
        clean = test.images[first : first + 1].float() / 127.5 - 1  # (1, 1, 28, 28) in [−1, 1]
        noise = torch.randn(clean.shape, generator=torch.Generator("cpu").manual_seed(self.seed), device="cpu")
        t = torch.tensor(LEVELS, device="cpu")
        every = (len(t), -1, -1, -1)
        x = add_noise(schedule, clean.expand(every), t, noise.expand(every))
        label = torch.full((len(t),), self.label, device="cpu")
        with torch.no_grad():  # one call on 2N, as core.diffusion.guidance does
            both = denoiser(
                torch.cat([x, x]).to(device),
                torch.cat([t, t]).to(device),
                torch.cat([torch.full_like(label, -1), label]).to(device),
            )
        none, given = both.cpu().chunk(2)
        return {
            "levels": np.array(LEVELS),
            "alpha_bar": schedule.alpha_bar[list(LEVELS)].numpy(),
            "clean": clean[0, 0].numpy(),
            "x": x[:, 0].numpy(),
            "none": none[:, 0].numpy(),
            "given": given[:, 0].numpy(),
        }


@dataclass(frozen=True)
class Rotation(Scene):
    """How far the learned difference at one level of `Noised` is from a gradient: share (), of core.diffusion.bayes."""

    digit: int = 4
    label: int = 9
    seed: int = 0
    t: int = 600
    probes: int = 128

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.device import pick
        from core.diffusion import pretrained
        from core.diffusion.bayes import rotation_share

        device = pick()
        denoiser, _ = pretrained("digits", device)
        noisy = Noised(self.digit, self.label, self.seed).compute()["x"][LEVELS.index(self.t)]

        def difference(x: torch.Tensor) -> torch.Tensor:
            t = torch.full((len(x),), self.t, device=x.device)
            return denoiser(x, t, torch.full_like(t, self.label)) - denoiser(x, t)

        generator = torch.Generator("cpu").manual_seed(self.seed)
        x = torch.tensor(noisy, device=device)[None]  # (1, 28, 28)
        share = rotation_share(difference, x, probes=self.probes, generator=generator)
        return {"share": np.array(share, np.float32)}


@dataclass(frozen=True)
class Levels(Scene):
    """ᾱ at every level of the slider, of the schedule of the digits model, whether the model is there or not."""

    def compute(self) -> Mapping[str, np.ndarray]:
        from core.diffusion.schedule import NoiseSchedule

        return {"alpha_bar": NoiseSchedule.cosine(T).alpha_bar[list(LEVELS)].numpy()}


@dataclass(frozen=True)
class AtPoint(Scene):
    """The terms of Bayes' rule at one point: an array for each field of core.diffusion.bayes.Terms. y counts from 0."""

    parts: Rows = PARTS[:3]
    t: int = 600
    y: int = 1
    gamma: float = 3.0
    x: tuple[float, float] = (0.7, 1.0)

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion.bayes import terms

        found = terms(exact(self.parts), torch.tensor(self.x, dtype=torch.float64), self.t, self.y, self.gamma)
        return {name: value.numpy() for name, value in vars(found).items()}


def exact(parts: Rows):
    """The exact denoiser of a mixture that is given by its rows, with the schedule of the digits model."""
    from core.diffusion.exact import MixtureDenoiser
    from core.diffusion.schedule import NoiseSchedule
    from core.scenes.gaussian_mixture import mixture_of

    return MixtureDenoiser(mixture_of(parts), NoiseSchedule.cosine(T))


FIRST: tuple[Scene, ...] = (Levels(), Noised(), AtPoint(), Rotation())
