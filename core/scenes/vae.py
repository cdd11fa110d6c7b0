"""What the page `vae` draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from core import vae_library
from core.scene import Scene
from core.scene_run import SceneRun, Working

WATCHED, MAP = "small", "map"  # models that ship: the run of the first paint, and the one with two latent units
BETAS = ("0.25", "1", "4", "16")  # of the models beta_…, whose pixels have a standard deviation of BASE
BASE = 0.5
MANY = 100_000  # draws behind every mean and variance
WINDOW = (-2.5, 3.5)  # of z
NINE = (  # a drawing between a four and a nine
    ((0.36, 0.2), (0.36, 0.36), (0.42, 0.46), (0.54, 0.46), (0.64, 0.4)),
    ((0.66, 0.18), (0.64, 0.45), (0.62, 0.65), (0.6, 0.85)),
)


@dataclass(frozen=True)
class HistoryScene(Scene):
    """How a kept model came about, and what it does with test images.

    Arrays: losses (L,) and parts (P, 2), means over blocks of updates, `steps` updates in all; examples (n, 28, 28)
    uint8; previews: at (F,) updates, reconstructed and drawn (F, n, 28, 28) uint8. Where nobody watched the run there
    are no parts and one preview, drawn now. test (2,): −E_q log p(x | z) and KL on 1,000 test images, nats per image.
    """

    model: str = ""

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.vae import elbo
        from core.vae_bound import held_out
        from core.vae_learned import VAERun, draw_preview, examples_of

        record, model = vae_library.record(self.model), vae_library.load(self.model)
        history = vae_library.history(self.model)
        run = VAERun.from_record(record["config"])
        examples, previews = history.examples, history.previews
        if not previews:
            now = draw_preview(model, run.training.steps, found := examples_of(run), run.training.seed)
            examples, previews = found.numpy(), ((now.step, now.reconstructed.numpy(), now.drawn.numpy()),)
        x = held_out(run.dataset, run.network.likelihood, 1000, 0)
        with torch.no_grad():
            bound = elbo(model, x, torch.Generator().manual_seed(0))
        return {
            "losses": history.losses,
            "parts": history.parts,
            "steps": np.array(run.training.steps),
            "examples": examples,
            "at": np.array([step for step, _, _ in previews]),
            "reconstructed": np.stack([images for _, images, _ in previews]),
            "drawn": np.stack([images for _, _, images in previews]),
            "test": np.array([-float(bound.reconstruction.mean()), float(bound.kl.sum(dim=1).mean())], np.float32),
        }


@dataclass(frozen=True)
class MapScene(Scene):
    """Test images where the encoder of a model with two latent units puts them.

    Arrays: at (N, 2) float32, the mean of q(z | x); labels (N,) uint8; images (N, 28, 28) uint8, as the model
    sees them.
    """

    model: str = ""
    count: int = 400

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import data

        record, model = vae_library.record(self.model), vae_library.load(self.model)
        test = data.images(record["config"]["dataset"], "test")
        images = test.images[: self.count, 0]
        if model.config.likelihood == "bernoulli":
            images = (images > 127).to(torch.uint8) * 255
        with torch.no_grad():
            mean, _ = model.encode(images[:, None].float() / 255)
        return {
            "at": mean.numpy(),
            "labels": test.labels[: self.count].numpy().astype(np.uint8),
            "images": images.numpy(),
        }


@dataclass(frozen=True)
class PosteriorScene(SceneRun):
    """The true posterior of a drawing, or of a test image where nothing is drawn, beside the encoder's guess.

    Arrays: image (28, 28) uint8 as the model sees it; mean and std (2,) of q; box (4,): z₁ low, z₁ high, z₂ low, z₂
    high; density (96, 96) float32 of p(z | x) on it, row 0 at low z₂; log_evidence, elbo and kl, nats.
    """

    model: str = ""
    strokes: tuple[tuple[tuple[float, float], ...], ...] = tuple(
        tuple((round(x * 255) / 255, round(y * 255) / 255) for x, y in stroke) for stroke in NINE
    )  # as a link brings them
    index: int = 0  # of the test image

    def steps(self) -> Iterator[Working]:
        from core import data
        from core.drawing import as_digit
        from core.vae_posterior import grid_posterior

        record, model = vae_library.record(self.model), vae_library.load(self.model)
        drawing = as_digit(self.strokes)
        dataset = record["config"]["dataset"]
        image = data.images(dataset, "test").images[self.index, 0] if drawing is None else drawing.image
        x = image[None, None].float() / 255
        if model.config.likelihood == "bernoulli":
            x = (x > 0.5).float()
        found = grid_posterior(model, x)
        arrays = {
            "image": (x[0, 0] * 255).round().byte().numpy(),
            "mean": found.mean.numpy(),
            "std": found.std.numpy(),
            "box": np.array(found.box, np.float32),
            "density": found.density.numpy(),
            "log_evidence": np.array(found.log_evidence, np.float32),
            "elbo": np.array(found.elbo, np.float32),
            "kl": np.array(found.kl, np.float32),
        }
        yield Working(1, 1, arrays)


@dataclass(frozen=True)
class GradientScene(Scene):
    """One draw of ε after another, and three estimators of the gradient of E_q log p(x | z).

    parameter: a place in core.gradients.PARAMETERS. Arrays: noise and z (F,); value and slope (F,) of log p(x | z)
    there; estimates (M, F) of the chosen parameter, by METHODS; running (M, F), their mean so far; exact (); curve of
    log p(x | z) over grid (G,); density of q over it; from MANY draws: mean and var (M,), edges (B + 1,), heights
    (M, B).
    """

    mean: float = 0.4
    std: float = 0.6
    parameter: str = "mean"
    draws: int = 40
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import gradients, normal

        problem = gradients.Problem(self.mean, self.std)
        column = gradients.PARAMETERS.index(self.parameter)
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(MANY, generator=generator, dtype=torch.float64)
        every = torch.stack(
            [gradients.ESTIMATORS[m](problem, noise)[:, column] for m in gradients.METHODS]
        )  # (M, MANY)
        first = noise[: self.draws]
        z = gradients.sample(problem, first)
        estimates = every[:, : self.draws]
        grid = torch.linspace(*WINDOW, 201, dtype=torch.float64)
        middle, spread = float(every[0].mean()), float(every[:2].std(dim=1).max())
        edges = torch.linspace(middle - 3 * spread, middle + 3 * spread, 49, dtype=torch.float64)
        heights = torch.stack([torch.histc(e.float(), 48, float(edges[0]), float(edges[-1])) for e in every])
        return {
            "noise": first.numpy(),
            "z": z.numpy(),
            "value": gradients.log_likelihood(problem, z).numpy(),
            "slope": gradients.slope(problem, z).numpy(),
            "estimates": estimates.numpy(),
            "running": (estimates.cumsum(dim=1) / torch.arange(1, self.draws + 1)).numpy(),
            "exact": gradients.exact(problem)[column].numpy(),
            "grid": grid.numpy(),
            "curve": gradients.log_likelihood(problem, grid).numpy(),
            "density": normal.prob(grid, self.mean, self.std).numpy(),
            "mean": every.mean(dim=1).numpy(),
            "var": every.var(dim=1).numpy(),
            "edges": edges.numpy(),
            "heights": heights.numpy(),
        }


@dataclass(frozen=True)
class BoundScene(Scene):
    """The bound on a few test images against the number of samples, and log p(x) by a grid.

    Arrays: counts (C,); curves (C, n) float32, L_k of each image; exact (n,) float32, or empty where the model has
    other than two latent units.
    """

    model: str = ""
    images: int = 8
    k: int = 5000
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        from core.vae_bound import BoundRun

        *_, state = BoundRun(self.model, self.images, self.k, self.seed).start()
        return {
            "counts": np.array(state.counts),
            "curves": state.curves.numpy().astype(np.float32),
            "exact": state.exact.numpy().astype(np.float32),
        }


@dataclass(frozen=True)
class DialScene(Scene):
    """What each trained setting of the dial makes of 1,000 test images.

    Arrays, for V models: beta (V,); error, reconstruction and kl (V,); units (V, 10) KL of each unit, the largest
    first; in_use (V,); examples (n, 28, 28), rebuilt and drawn (V, n, 28, 28) uint8; constant and difference (V,): what
    separates the two readings of the loss, by the formula and by the numbers.
    """

    models: tuple[str, ...] = ()

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import vae_dial
        from core.vae_bound import held_out
        from core.vae_learned import VAERun, draw_preview, examples_of

        rows: dict[str, list] = {}
        for key in self.models:
            run, model = VAERun.from_record(vae_library.record(key)["config"]), vae_library.load(key)
            x, std = held_out(run.dataset, run.network.likelihood, 1000, 0), run.network.std
            found = vae_dial.use(model, x, torch.Generator().manual_seed(0))
            picture = draw_preview(model, 0, examples := examples_of(run), run.training.seed)
            error, kl = (torch.tensor(v, dtype=torch.float64) for v in (found.squared_error, float(found.kl.sum())))
            one = vae_dial.beta_loss(error, kl, std, run.beta)
            other = run.beta * vae_dial.beta_loss(error, kl, std * run.beta**0.5, 1.0)
            row = {
                "beta": run.beta, "error": found.squared_error, "reconstruction": found.reconstruction, "kl": float(kl),
                "units": found.kl.numpy(), "in_use": found.in_use, "rebuilt": picture.reconstructed.numpy(),
                "drawn": picture.drawn.numpy(), "constant": vae_dial.dial_constant(std, run.beta),
                "difference": float(one - other), "loss": float(one),
            }  # fmt: skip
            for name, value in row.items():
                rows.setdefault(name, []).append(value)
        return {name: np.array(values) for name, values in rows.items()} | {"examples": examples.numpy()}


def beta_models() -> tuple[str, ...]:
    """The keys of the models beta_… that are there, the smallest β first."""
    return tuple(key for beta in BETAS if (key := vae_library.key_named(f"beta_{beta}")))


def _first() -> tuple[Scene, ...]:
    """What stands open at the first paint, and what takes long, of the models that are there."""
    watched, two = vae_library.key_named(WATCHED), vae_library.key_named(MAP)
    found: list[Scene] = [HistoryScene(watched)] if watched else []
    if two:
        found += [MapScene(two), PosteriorScene(two), BoundScene(two)]
    return (*found, GradientScene())


FIRST: tuple[Scene, ...] = _first()
