"""The small picture of each step on the overview's road: what the step's algorithm does, state by state.

Points (F, N, 2) and lines (F, L, P, 2) over F frames, in a box from 0 to 1 both ways, y up; NaN is absent. A name says
what they are, as `points_data` or `lines_model`; an area is a line whose inside is filled. The last frame is the end.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core import data, limit, normal, vae
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.guidance import classifier_free
from core.diffusion.mixtures import named
from core.diffusion.samplers import ddim
from core.diffusion.schedule import NoiseSchedule
from core.em import expectation_maximization
from core.em_starts import book_start
from core.gaussian_mixture import GaussianMixture
from core.likelihood import ascend, fit_normal
from core.multivariate_normal import MultivariateNormal
from core.optimizers import SURFACES, Adam, Momentum, descend
from core.sources import Exponential

FRAMES = 24
LED_TO = 0  # the blob of step 10 that is asked for
Sketch = dict[str, np.ndarray]


def sketches() -> dict[str, Callable[[], Sketch]]:
    """The pictures that are drawn with points and lines, by the id of their step."""
    return {
        "normal": means_gather,
        "likelihood": curve_climbs,
        "multivariate_normal": ellipse_settles,
        "gaussian_mixture": draws_gather,
        "em": half_steps,
        "neural_network": walks_descend,
        "diffusion_theory": noise_returns,
        "guidance": noise_is_led,
    }


def means_gather() -> Sketch:
    """Step 1: means of twelve exponential draws, ever more of them, under the normal that theory predicts."""
    counts = np.unique(np.geomspace(10, 5_000, FRAMES).round().astype(int))
    source = Exponential()
    law = limit.predicted(source, 12, "mean")
    edges = torch.linspace(-3.5, 3.5, 36, dtype=torch.float64, device="cpu")
    box = Box((-3.5, 3.5), (0.0, 0.5))
    areas = []
    for state in limit.gather(source, 12, counts.tolist(), generator=_generator()):
        heights, _ = torch.histogram(law.standardised(state.values), edges, density=True)
        x, y = edges.repeat_interleave(2)[1:-1], heights.repeat_interleave(2)
        areas.append(box.place(torch.stack([x, y], dim=1)))
    x = torch.linspace(-3.5, 3.5, 80, dtype=torch.float64, device="cpu")
    theory = box.place(torch.stack([x, normal.prob(x, 0.0, 1.0)], dim=1))
    return {"areas_data": _stack(areas)[:, None], "lines_exact": _still(theory, len(areas))}


def curve_climbs() -> Sketch:
    """Step 2: gradient ascent carries a curve to where the heights of 40 people are most likely."""
    heights = data.body_measurements().height
    x = heights[torch.randperm(len(heights), generator=_generator(), device="cpu")[:40]]
    mean, std = fit_normal(x)
    scaled = (x - mean) / std
    states = list(ascend(scaled, (-2.4, 0.75), rate=0.12, steps=60, coordinates="log_std"))
    chosen = [states[k] for k in np.linspace(0, len(states) - 1, FRAMES).round().astype(int)]
    box = Box((-4.0, 4.0), (-0.06, 0.6))
    grid = torch.linspace(-4, 4, 80, dtype=torch.float64, device="cpu")
    curves = [box.place(torch.stack([grid, normal.prob(grid, s.mean, s.std)], dim=1)) for s in chosen]
    points = box.place(torch.stack([scaled, torch.zeros_like(scaled)], dim=1))
    return {"areas_model": _stack(curves)[:, None], "points_data": _still(points, FRAMES)[:, 0]}


def ellipse_settles() -> Sketch:
    """Step 3: mean and covariance of height and weight as people come in one by one."""
    x = data.body_measurements().columns("height", "weight")
    x = x[torch.randperm(len(x), generator=_generator(), device="cpu")[:200]]
    box = Box.around(x)
    points, lines = [], []
    for n in np.unique(np.geomspace(3, len(x), FRAMES).round().astype(int)):
        fitted = MultivariateNormal.fit(x[:n])
        shown = box.place(x)
        shown[n:] = np.nan
        points.append(shown)
        lines.append(_stack([box.place(_ellipse(fitted.mean, fitted.cov, radius)) for radius in (1.0, 2.0)]))
    return {"points_data": _stack(points), "lines_model": _stack(lines)}


def draws_gather() -> Sketch:
    """Step 4: draws from a mixture of three, each in the colour of its component."""
    mixture = GaussianMixture(
        torch.tensor([0.35, 0.4, 0.25], device="cpu"),
        torch.tensor([[-2.6, 0.6], [0.6, -0.7], [2.9, 1.1]], device="cpu"),
        torch.tensor([[[0.5, 0.0], [0.0, 0.5]], [[1.6, 0.5], [0.5, 0.4]], [[0.3, -0.2], [-0.2, 0.5]]], device="cpu"),
    )
    k, x = mixture.sample_with_components(240, generator=_generator())
    box = Box((-5.0, 5.0), (-3.0, 3.4))
    counts = np.geomspace(1, len(x), FRAMES).round().astype(int)
    sketch = {}
    for component, name in enumerate(("model", "score", "condition")):
        points = []
        for n in counts:
            shown = box.place(x)
            shown[n:] = np.nan
            points.append(shown[(k == component).numpy()])
        line = box.place(_ellipse(mixture.means[component], mixture.covs[component], 2.0))
        sketch |= {f"points_{name}": _stack(points), f"lines_{name}": _still(line, FRAMES)}
    return sketch


def half_steps() -> Sketch:
    """Step 5: EM from the book's start, half a step a frame; a point has the colour of its likelier component."""
    x = data.old_faithful().values
    box = Box((1.0, 5.6), (38.0, 100.0))
    placed = box.place(x)
    sketch: dict[str, list[np.ndarray]] = {f"{what}_{name}": [] for what in ("points", "lines") for name in ROLES[:2]}
    for state in expectation_maximization(x, book_start(), tolerance=0, max_iterations=9):
        shares = state.responsibilities
        for component, name in enumerate(ROLES[:2]):
            mine = torch.zeros(len(x), dtype=torch.bool, device="cpu")
            if shares is not None:
                mine = shares.argmax(dim=1) == component
            sketch[f"points_{name}"].append(np.where(mine.numpy()[:, None], placed, np.nan))
            mixture = state.mixture
            lines = [box.place(_ellipse(mixture.means[component], mixture.covs[component], r)) for r in (1.0, 2.0)]
            sketch[f"lines_{name}"].append(_stack(lines))
    frames = len(sketch["points_model"])
    none_yet = np.full_like(placed, np.nan)
    return {name: _stack(values) for name, values in sketch.items()} | {
        "points_noise": _stack([placed if f == 0 else none_yet for f in range(frames)])
    }


def walks_descend() -> Sketch:
    """Step 6: gradient descent with momentum and Adam, down the same ravine from one start."""
    surface = SURFACES["ravine"]
    box = Box(surface.x, surface.y)
    angle = torch.linspace(0, 2 * math.pi, 60, dtype=torch.float64, device="cpu")
    rings = []
    for height in (0.4, 2.0, 5.0, 10.0, 18.0):  # x² + 20 y² = 2 h is an ellipse
        ring = torch.stack([(2 * height) ** 0.5 * angle.cos(), (height / 10) ** 0.5 * angle.sin()], dim=1)
        rings.append(box.place(ring))
    sketch = {"lines_noise": np.repeat(_stack(rings)[None], FRAMES, axis=0)}
    start = torch.tensor(surface.start, device="cpu")
    for name, rule in (("model", Momentum(0.02)), ("latent", Adam(0.25))):
        walk = box.place(torch.stack([state.point for state in descend(surface.height, start, rule, 69)]))
        frames = []
        for f in range(FRAMES):
            shown = walk.copy()
            shown[3 * f + 1 :] = np.nan
            frames.append(shown)
        sketch[f"lines_{name}"] = _stack(frames)[:, None]
        sketch[f"points_{name}"] = walk[::3][:, None]
    return sketch


def noise_returns() -> Sketch:
    """Step 8: noise walks back into three blobs along the probability-flow ODE, by their exact score."""
    mixture = named("three", 2)
    denoiser = MixtureDenoiser(mixture, NoiseSchedule.cosine(1000))
    start = torch.randn(180, 2, generator=_generator(), dtype=torch.float64, device="cpu")
    box = Box((-3.9, 3.9), (-2.4, 2.4))
    walk = np.stack([box.place(state.x) for state in ddim(denoiser, denoiser.schedule, start, steps=2 * FRAMES)][::2])
    trails = []
    for f in range(len(walk)):
        shown = walk[:, :14].transpose(1, 0, 2).copy()  # (L, F, 2)
        shown[:, f + 1 :] = np.nan
        trails.append(shown)
    ellipses = _stack(
        [box.place(_ellipse(m, c, r)) for m, c in zip(mixture.means, mixture.covs, strict=True) for r in (1.0, 2.0)]
    )
    return {
        "lines_data": np.repeat(ellipses[None], len(walk), axis=0),
        "lines_score": _stack(trails),
        "points_score": walk,
    }


def noise_is_led() -> Sketch:
    """Step 10: the same noise as in step 8, as it walks by itself and as guidance by γ = 3 leads it into one blob."""
    mixture = named("three", 2)
    denoiser = MixtureDenoiser(mixture, NoiseSchedule.cosine(1000))
    start = torch.randn(180, 2, generator=_generator(), dtype=torch.float64, device="cpu")
    label = torch.full((len(start),), LED_TO, device="cpu")
    box = Box((-3.9, 3.9), (-2.4, 2.4))
    walks = {}
    for name, scale in (("points_noise", 0.0), ("points_condition", 3.0)):
        states = ddim(classifier_free(denoiser, scale), denoiser.schedule, start, steps=2 * FRAMES, label=label)
        walks[name] = np.stack([box.place(state.x) for state in states][::2])
    ellipses = {}
    for k, (mean, cov) in enumerate(zip(mixture.means, mixture.covs, strict=True)):
        lines = ellipses.setdefault("lines_condition" if k == LED_TO else "lines_data", [])
        lines += [box.place(_ellipse(mean, cov, radius)) for radius in (1.0, 2.0)]
    frames = len(walks["points_noise"])
    return walks | {name: np.repeat(_stack(lines)[None], frames, axis=0) for name, lines in ellipses.items()}


ROLES = ("model", "score", "condition")


class Box:
    """The part of the plane that a picture shows, brought to 0..1 both ways."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]):
        self.low, self.high = np.array([x[0], y[0]]), np.array([x[1], y[1]])

    @classmethod
    def around(cls, x: Tensor, margin: float = 0.12) -> "Box":
        """The box of all points, and a margin."""
        low, high = x.amin(dim=0).numpy(), x.amax(dim=0).numpy()
        edge = margin * (high - low)
        return cls(*zip(low - edge, high + edge, strict=True))

    def place(self, points: Tensor) -> np.ndarray:
        """(…, 2) as float32 in the box."""
        return ((points.numpy() - self.low) / (self.high - self.low)).astype(np.float32)


def decoded_plane() -> np.ndarray:
    """Step 7: what the decoder draws at 24 places of its latent plane, as they spread out from the middle.

    uint8 (F, 24, 28, 28), 0 paper and 255 ink, over frames from all places at z = 0 to a grid of ±1.8.
    """
    model = vae.pretrained("map", torch.device("cpu"))
    y, x = torch.meshgrid(
        torch.linspace(1.2, -1.2, 4, device="cpu"), torch.linspace(-1.8, 1.8, 6, device="cpu"), indexing="ij"
    )
    places = torch.stack([x, y], dim=-1).reshape(-1, 2)  # (24, 2)
    with torch.no_grad():
        images = [model.mean_image(s * places)[:, 0] for s in torch.linspace(0, 1, 17, device="cpu")]
    return (torch.stack(images).clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def _ellipse(mean: Tensor, cov: Tensor, radius: float) -> Tensor:
    """The points at Mahalanobis distance `radius`: μ + r L (cos, sin)."""
    angle = torch.linspace(0, 2 * math.pi, 48, dtype=torch.float64, device="cpu")
    circle = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
    return mean + circle @ torch.linalg.cholesky(cov).T


def _generator() -> torch.Generator:
    return torch.Generator("cpu").manual_seed(1)


def _stack(arrays: list[np.ndarray]) -> np.ndarray:
    return np.stack(arrays).astype(np.float32)


def _still(points: np.ndarray, frames: int) -> np.ndarray:
    """One line or set of points in every frame: (F, 1, P, 2)."""
    return np.repeat(points[None, None], frames, axis=0)
