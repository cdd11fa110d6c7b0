"""What `diffusion_theory.hierarchy` draws: a VAE of two levels beside one of one; the bound of T levels of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core import library
from core.scene import Scene, shown

if TYPE_CHECKING:
    from torch import Tensor

    from core.gaussian_mixture import GaussianMixture

SHIPPED = "two_levels"  # the model that ships
IN_USE = 0.01  # activity of a latent unit above which it says something: Burda et al. 2016, section 5.2
K, COMPARED = 100, 100  # samples for each image, and images, of the bound on log p(x)
IMAGES = 1000  # test images of every other mean
LEVELS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 500, 1000)  # where the bound is worked out
VARIANCES = ("step", "posterior", "best")  # of core.diffusion.levels, in the order of the terms
CHOICES = (1, 2, 3, 4, 5, 6, 20, 100, 1000)  # of T on the page, all of them in LEVELS
COLUMNS = 7  # levels that are drawn at most


@dataclass(frozen=True)
class TwoLevelsScene(Scene):
    """A VAE of two levels, and one of one level beside it, on the same test images and from the same noise.

    model, beside: their keys; beside "" where there is none. Arrays, for two levels and then for one (M = 2, or 1):
    examples (n, 28, 28) uint8; rebuilt and drawn (M, n, 28, 28) uint8, drawn from one noise of z_1; same_top
    (10, 28, 28), one z_2 and ten z_1; new_top (10, 28, 28), ten z_2 and one noise of z_1; lower (L,) and upper (U,),
    nats of each unit of z_1 and z_2, the largest first; lower_active, upper_active (), how many are in use; one (L',),
    one_active (), the same of one level. Means over images, (M, 4): ELBO, reconstruction, KL of z_1, KL of z_2.
    log_likelihood (M, COMPARED), the bound on log p(x) by K samples of each image.
    """

    model: str = ""
    beside: str = ""
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import hierarchical_vae, vae, vae_dial, vae_library
        from core.hierarchical_learned import HierarchyRun, draw_preview, noises, restore_hierarchy
        from core.vae_bound import held_out
        from core.vae_learned import as_bytes, examples_of
        from core.vae_learned import draw_preview as draw_one

        cpu = torch.device("cpu")
        weights, record = library.store_of(self.model).load(self.model)
        run, model = HierarchyRun.from_record(record["config"]), restore_hierarchy(weights, record, cpu)
        x = held_out(run.dataset, run.network.likelihood, IMAGES, 0)
        examples = examples_of(run)
        use = hierarchical_vae.use(model, x, torch.Generator().manual_seed(0))
        pictures = [draw_preview(model, 0, examples, self.seed)]
        lower, upper = float(use.lower.sum()), float(use.upper.sum())
        means = [(use.reconstruction - lower - upper, use.reconstruction, lower, upper)]
        few = x[:COMPARED]
        bounds = [hierarchical_vae.importance_bound(model, few, K, torch.Generator().manual_seed(0))]
        top, noise = noises(run.network, 10, self.seed)
        with torch.no_grad():
            _, same = hierarchical_vae.sample_latents(model, top[:1].expand_as(top), noise)
            _, new = hierarchical_vae.sample_latents(model, top, noise[:1].expand_as(noise))
            same_top, new_top = (as_bytes(model.mean_image(z)) for z in (same, new))
        found = {
            "examples": examples, "same_top": same_top, "new_top": new_top,
            "lower": use.lower.sort(descending=True).values, "upper": use.upper.sort(descending=True).values,
            "lower_active": (use.lower_activity > IN_USE).sum(), "upper_active": (use.upper_activity > IN_USE).sum(),
        }  # fmt: skip
        if self.beside:
            other = vae_library.load(self.beside)
            one = vae_dial.use(other, x, torch.Generator().manual_seed(0))
            pictures.append(draw_one(other, 0, examples, self.seed))
            kl = float(one.kl.sum())
            means.append((one.reconstruction - kl, one.reconstruction, kl, 0.0))
            bounds.append(vae.importance_bound(other, few, K, torch.Generator().manual_seed(0)))
            found |= {"one": one.kl, "one_active": torch.tensor(one.in_use, device="cpu")}
        arrays = {name: value.numpy() for name, value in found.items()}
        return arrays | {
            "rebuilt": np.stack([p.reconstructed.numpy() for p in pictures]),
            "drawn": np.stack([p.drawn.numpy() for p in pictures]),
            "means": np.array(means, np.float32),
            "log_likelihood": np.stack([b.numpy() for b in bounds]).astype(np.float32),
        }


@dataclass(frozen=True)
class LevelBoundScene(Scene):
    """The bound of T levels of noise with the best decoder, for the three blobs, against T.

    Arrays: levels (L,); terms (L, V, 3), L_T, Σ L_{t−1} and L_0 for each variance of VARIANCES,
    nats for each point; log_density (), E log p(x_0); errors (L, most + 1), the squared error of the best denoiser at
    each level 0 … T, then NaN.
    """

    def compute(self) -> Mapping[str, np.ndarray]:
        from core.diffusion import levels
        from core.diffusion.schedule import NoiseSchedule

        mixture = _blobs()
        rows, kept = [], np.full((len(LEVELS), LEVELS[-1] + 1), np.nan)
        for k, T in enumerate(LEVELS):
            schedule = NoiseSchedule.cosine(T)
            errors = levels.squared_errors(mixture, schedule)
            kept[k, : T + 1] = errors.numpy()
            every = [levels.bound_terms(mixture, schedule, errors, choice) for choice in VARIANCES]
            rows.append([(terms.last, float(terms.steps.sum()), terms.first) for terms in every])
        return {
            "levels": np.array(LEVELS),
            "terms": np.array(rows),
            "log_density": np.array(levels.mean_log_density(mixture)),
            "errors": kept,
        }


@dataclass(frozen=True)
class LadderScene(Scene):
    """Points on their way up through T levels of noise, and others on their way down through the best decoder.

    Arrays: shown (C,), the levels that are drawn, 0 and T among them; up and down (C, count, 2) float32, in the order
    of the levels.
    """

    T: int = 1
    variance: str = "step"
    seed: int = 0
    count: int = 220

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion import levels
        from core.diffusion.schedule import NoiseSchedule

        mixture, schedule = _blobs(), NoiseSchedule.cosine(self.T)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        x0 = mixture.sample(self.count, generator=generator)
        errors = torch.zeros(self.T + 1, dtype=torch.float64, device="cpu")
        if self.variance == "best":  # the others need no errors
            errors = _errors(self.T)
        variance = levels.reverse_variances(schedule, errors, 2, self.variance)
        start = torch.randn(x0.shape, generator=generator, dtype=x0.dtype, device="cpu")
        drawn = shown_levels(self.T)
        up = [x for t, x in enumerate(levels.encoded(x0, schedule, generator)) if t in drawn]
        way_down = levels.decoded(start, mixture, schedule, variance, generator)
        down = [x for k, x in enumerate(way_down) if self.T - k in drawn]
        return {
            "shown": np.array(drawn),
            "up": torch.stack(up).numpy().astype(np.float32),
            "down": torch.stack(down[::-1]).numpy().astype(np.float32),
        }


def shown_levels(T: int) -> tuple[int, ...]:
    """The levels that are drawn: all of them where they are few, else COLUMNS of them, evenly from 0 to T."""
    if T < COLUMNS:
        return tuple(range(T + 1))
    return tuple(round(T * k / (COLUMNS - 1)) for k in range(COLUMNS))


def models() -> dict[str, dict]:
    """The records of the VAEs of two levels on this machine, by name (the one that ships) or key."""
    found: dict[str, dict] = {}
    for record in library.available("hierarchical"):
        found.setdefault(SHIPPED if record.get("name") == SHIPPED else record["key"], record)
    return found


def beside(record: dict) -> str:
    """The key of the VAE of one level that is nearest to one of two: the same data and lower network, trained alike.

    Where none was, the one whose training was nearest to it; "" where no VAE of that network is at hand.
    """
    config = record["config"]
    same = [
        other
        for other in library.available("vae")
        if all(other["config"][part] == config[part] for part in ("dataset", "beta"))
        and other["config"]["network"] == config["network"]["lower"]
    ]
    return min(same, key=lambda other: _training_differs(other, record))["key"] if same else ""


def _training_differs(one: dict, other: dict) -> tuple[bool, float]:
    """Whether two trainings differ, and by how many updates' worth of images."""
    a, b = one["config"]["training"], other["config"]["training"]
    return a != b, abs(a["steps"] * a["batch_size"] - b["steps"] * b["batch_size"])


def _errors(T: int) -> Tensor:
    """The squared errors of the best denoiser for T levels; those that ship take no time."""
    import torch

    from core.diffusion import levels
    from core.diffusion.schedule import NoiseSchedule

    if T in LEVELS:
        kept = shown(LevelBoundScene())["errors"][LEVELS.index(T), : T + 1]
        return torch.tensor(kept, dtype=torch.float64, device="cpu")
    return levels.squared_errors(_blobs(), NoiseSchedule.cosine(T))


def _blobs() -> GaussianMixture:
    from core import shapes
    from core.gaussian_mixture import GaussianMixture

    return GaussianMixture(*shapes.blobs_mixture())


def _first() -> tuple[Scene, ...]:
    """What takes long, of the models that are there."""
    shipped = models().get(SHIPPED)
    found: list[Scene] = [TwoLevelsScene(shipped["key"], beside(shipped))] if shipped else []
    return (*found, LevelBoundScene(), LadderScene(1), LadderScene(1000))


FIRST: tuple[Scene, ...] = _first()
