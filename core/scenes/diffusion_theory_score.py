"""What `diffusion_theory.score` draws: scores of a mixture, exact and learned, and how far the two are apart."""

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
    from core.gaussian_mixture import GaussianMixture

LEVELS = (1, 2, 5, 10, 20, 30, 50, 75, *range(100, 1001, 50))
BOX = 3.0  # the picture reaches from −BOX to BOX both ways
GRID = 12  # arrows a side
DATA = ("blobs", "humps", "one", "own")
Rows = tuple[tuple[float, ...], ...]


def mixture_of(data: str, own: Rows = ()) -> GaussianMixture:
    """The data's distribution: the three blobs that a network has learnt, another one, or a person's own rows."""
    from core.diffusion import mixtures

    if data == "own":
        return mixtures.from_rows(own)
    return mixtures.on_a_plane("three" if data == "blobs" else data)


def grid() -> np.ndarray:
    """Where arrows begin, (GRID², 2): about one for each 28 pixels of a picture."""
    line = np.linspace(-1, 1, GRID) * BOX * (1 - 1 / GRID)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)


@dataclass(frozen=True)
class LearnedArrows(Scene):
    """The score that a network has learnt for the blobs, at the places of `grid` and at every level of LEVELS.

    Array: by (F, GRID², 2), in the direction of the score and as long as r / (1 + r), where r = √(1−ᾱ_t) |ŝ| = |ε̂|:
    the length grows with the score and never passes 1.
    """

    model: str = ""

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        _, learned = _denoisers("blobs", (), self.model)
        places, count = torch.from_numpy(grid()), GRID * GRID
        t = torch.tensor(LEVELS, device="cpu").repeat_interleave(count)
        noise = _noise(learned, places.repeat(len(LEVELS), 1), t)
        return {"by": _saturated(noise).reshape(len(LEVELS), count, 2).numpy().astype(np.float32)}


@dataclass(frozen=True)
class ScoreAt(Scene):
    """Both scores at one place, at every level.

    Arrays over LEVELS: exact_score, exact_x0 and, with a model, learned_score, learned_x0: (F, 2) each, x̂_0 being what
    Tweedie's formula makes of the score; learned_arrow as in LearnedArrows; share (F,), the density there as a part of
    that at the highest of the means. Also t, alpha_bar (F,), and the mixture's rows (K, 6) as core.diffusion.mixtures
    has them.
    """

    data: str = "blobs"
    own: Rows = ()
    model: str = ""
    x: float = 0.0
    y: float = 0.0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion.mixtures import as_rows
        from core.diffusion.prediction import score_from_noise, x0_from_noise

        exact, learned = _denoisers(self.data, self.own, self.model)
        t = torch.tensor(LEVELS, device="cpu")
        x = torch.tensor([[self.x, self.y]], dtype=torch.float64, device="cpu").expand(len(t), 2)
        found = {}
        for name, denoiser in (("exact", exact), ("learned", learned)):
            if denoiser is None:
                continue
            noise = _noise(denoiser, x, t)
            found[f"{name}_score"] = score_from_noise(exact.schedule, x, t, noise).numpy()
            found[f"{name}_x0"] = x0_from_noise(exact.schedule, x, t, noise).numpy()
            if name == "learned":
                found["learned_arrow"] = _saturated(noise).numpy()
        levels = [exact.marginal(level) for level in LEVELS]
        share = [float((p.log_prob(x[:1]) - p.log_prob(p.means).max()).exp()) for p in levels]
        found |= {"share": np.array(share), "rows": np.array(as_rows(exact.mixture)), "t": np.array(LEVELS)}
        return found | {"alpha_bar": exact.schedule.alpha_bar[list(LEVELS)].numpy()}


@dataclass(frozen=True)
class ScoreError(Scene):
    """How far the learned score of the blobs is from the exact one, level by level.

    Arrays over ERROR_LEVELS: t; mean, error: E|ŝ − s|² over n draws of p_t and its standard error; low, high: the tenth
    and the ninetieth percentile of |ŝ − s|²; size: E|s|² over the same draws; everywhere: the mean over n places spread
    evenly over the picture, where there may be no data at all.
    """

    model: str = ""
    n: int = 4000
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        exact, learned = _denoisers("blobs", (), self.model)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        box = BOX * (2 * torch.rand(self.n, 2, generator=generator, dtype=torch.float64, device="cpu") - 1)
        rows = []
        for level in ERROR_LEVELS:
            drawn = exact.marginal(level).sample(self.n, generator=generator)  # x_t ~ p_t
            wrong, size = _squared(exact, learned, drawn, level)
            around, _ = _squared(exact, learned, box, level)
            tenth, ninetieth = np.quantile(wrong, (0.1, 0.9))
            error = wrong.std(ddof=1) / np.sqrt(self.n)
            rows.append((level, wrong.mean(), error, tenth, ninetieth, size.mean(), around.mean()))
        names = ("t", "mean", "error", "low", "high", "size", "everywhere")
        return dict(zip(names, np.array(rows).T, strict=True))


ERROR_LEVELS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 950, 1000)


def _denoisers(data: str, own: Rows, model: str) -> tuple[MixtureDenoiser, Denoiser | None]:
    """The exact denoiser and, where a model is named, the learned one; both on the same schedule of 1,000 levels."""
    from core.diffusion.exact import MixtureDenoiser
    from core.diffusion.schedule import NoiseSchedule

    mixture = mixture_of(data, own)
    if not model:
        return MixtureDenoiser(mixture, NoiseSchedule.cosine(1000)), None
    from core.diffusion.library import load

    learned, schedule, _ = load(model)
    return MixtureDenoiser(mixture, schedule), learned


def _noise(denoiser: Denoiser, x: Tensor, t: Tensor) -> Tensor:
    """ε̂ in float64 on the CPU, whether a formula or a network on some device says it."""
    import torch

    from core.device import pick
    from core.diffusion.exact import MixtureDenoiser

    if isinstance(denoiser, MixtureDenoiser):
        return denoiser(x, t)
    with torch.no_grad():
        return denoiser(x.float().to(pick()), t.to(pick())).to("cpu", torch.float64)


def _saturated(noise: Tensor) -> Tensor:
    """The score's direction, as long as r / (1 + r) with r = |ε̂|."""
    return -noise / (1 + noise.norm(dim=1, keepdim=True))


def _squared(exact: MixtureDenoiser, learned: Denoiser, x: Tensor, level: int) -> tuple[np.ndarray, np.ndarray]:
    """|ŝ − s|² and |s|² at each place, (N,)."""
    import torch

    t = torch.full((len(x),), level, device="cpu")
    variance = float(1 - exact.schedule.alpha_bar[level])  # s = −ε/√(1−ᾱ)
    true = _noise(exact, x, t)
    wrong = (_noise(learned, x, t) - true).square().sum(dim=1) / variance
    return wrong.numpy(), (true.square().sum(dim=1) / variance).numpy()


def blobs_model() -> str:
    """The key of the model that learnt the blobs and ships, or "" where its file is missing."""
    from core.shipped import key_of_name
    from core.store import StoreError

    try:
        return key_of_name("diffusion", "blobs")
    except StoreError:
        return ""


BLOBS = blobs_model()
START = (0.9, 0.6)  # where the point is at first
FIRST = (
    ScoreAt("blobs", (), BLOBS, *START),
    *((LearnedArrows(BLOBS), ScoreError(BLOBS)) if BLOBS else ()),
)
