"""The generative steps of the road, each made ready to draw the same kind of data: what core/ladder.py climbs.

A rung is a generator: it yields while it works, so that others get their turn, and returns what is `Ready` to draw.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from core import data, library, pixels
from core.device import pick
from core.diffusion.learned import restore
from core.diffusion.makers import load as load_maker
from core.diffusion.samplers import dpm_solver_pp
from core.em import expectation_maximization
from core.em_starts import start
from core.gaussian_mixture import GaussianMixture
from core.hierarchical_learned import restore_hierarchy
from core.hierarchical_vae import HierarchicalVAE, sample_latents
from core.multivariate_normal import MultivariateNormal
from core.point_vae import PointVAEConfig, PointVAERun, sample
from core.vae import VAE, binarized
from core.vae_learned import restore_vae

AXES = 50  # of the pictures' variance: a mixture in 784 dimensions would have more numbers than the data
COMPONENTS = {"images": 10, "points": 8}
ITERATIONS = {"images": 30, "points": 100}  # of EM
STEPS = 20  # of DPM-Solver++
GUIDANCE = 1.3  # the scale at which the digits lie nearest to real ones: docs/benchmarks.md
ONE_LEVEL, TWO_LEVELS = ("vae", "one_level"), ("hierarchical", "two_levels")  # kind and name of models that ship
POINTS = 10_000  # points of a shape that a model is fitted to

Draw = Callable[[int, torch.Generator], Tensor]


@dataclass(frozen=True, eq=False)
class Ready:
    """A model that can draw.

    parameters: numbers that were learnt; seconds: that this took; where: on what, in words, "" for here and now
    draw: (n, generator) -> images (n, 1, 28, 28) in [0, 1], or points (n, 2)
    """

    parameters: int
    seconds: float
    where: str
    draw: Draw


Rung = Generator[None, None, Ready]


# ---- pictures -------------------------------------------------------------------------------------------------------


def normal_of_images(dataset: str) -> Rung:
    """Step 3: one normal distribution over 784 pixels; its draws are cut off at black and white."""
    began = time.perf_counter()
    train = data.images(dataset, "train").images
    yield
    fitted = pixels.fit(train)
    seconds = time.perf_counter() - began
    yield
    size = len(fitted.mean)

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return fitted.sample(n, generator=generator).clamp(0, 1).reshape(n, 1, 28, 28).float()

    return Ready(size + size * (size + 1) // 2, seconds, "", draw)


def mixture_of_images(dataset: str) -> Rung:
    """Step 5: a mixture of ten, fitted by EM to where the pictures lie along the 50 axes of largest variance."""
    began = time.perf_counter()
    train = data.images(dataset, "train").images
    fitted = pixels.fit(train)
    yield
    axes = fitted.axes[:, :AXES]  # (P, D)
    x = (train.flatten(1).double() / 255 - fitted.mean) @ axes  # (N, D)
    mixture = yield from _fit(x, "images")
    seconds = time.perf_counter() - began

    def draw(n: int, generator: torch.Generator) -> Tensor:
        flat = fitted.mean + mixture.sample(n, generator=generator) @ axes.T
        return flat.clamp(0, 1).reshape(n, 1, 28, 28).float()

    return Ready(_numbers(mixture) + fitted.mean.numel() + axes.numel(), seconds, "", draw)


def vae_of_images(dataset: str, pixel: str) -> Rung:
    """Step 7: a VAE that ships. pixel: "mean", the decoder's mean image, or "sample", a throw of every pixel."""
    weights, record = _shipped(*ONE_LEVEL, dataset)
    yield
    model: VAE = restore_vae(weights, record)
    device = next(model.parameters()).device

    @torch.no_grad()
    def draw(n: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(n, model.config.latent, generator=generator, device="cpu").to(device)
        mean = model.mean_image(z)
        return (mean if pixel == "mean" else binarized(mean, generator)).cpu()

    return _ready(record, draw)


def hierarchy_of_images(dataset: str, pixel: str) -> Rung:
    """Step 8: a VAE of two levels that ships, of the same size. pixel: as `vae_of_images`."""
    weights, record = _shipped(*TWO_LEVELS, dataset)
    yield
    model: HierarchicalVAE = restore_hierarchy(weights, record)
    device, config = next(model.parameters()).device, model.config

    @torch.no_grad()
    def draw(n: int, generator: torch.Generator) -> Tensor:
        noise2, noise1 = (
            torch.randn(n, size, generator=generator, device="cpu").to(device)
            for size in (config.upper, config.lower.latent)
        )
        mean = model.mean_image(sample_latents(model, noise2, noise1)[1])
        return (mean if pixel == "mean" else binarized(mean, generator)).cpu()

    return _ready(record, draw)


def diffusion_of_images(dataset: str, scale: float) -> Rung:
    """Steps 9 and 10: the diffusion model that ships; scale 0 asks for nothing, else for every class in turn."""
    key = _key("diffusion", {"mnist": "digits", "fashion_mnist": "fashion"}[dataset])
    yield
    maker, record = load_maker(key), library.store_of(key).record(key)
    yield

    @torch.no_grad()
    def draw(n: int, generator: torch.Generator) -> Tensor:
        label = torch.arange(n, device="cpu") % 10
        return (maker.images(maker.noise(n, generator), label, scale, STEPS).cpu() + 1) / 2

    return _ready(record, draw)


# ---- points ---------------------------------------------------------------------------------------------------------


def normal_of_points(shape: str) -> Rung:
    """Step 3: one normal distribution."""
    began = time.perf_counter()
    fitted = MultivariateNormal.fit(_points(shape))
    seconds = time.perf_counter() - began
    yield
    return Ready(5, seconds, "", lambda n, generator: fitted.sample(n, generator=generator))


def mixture_of_points(shape: str) -> Rung:
    """Step 5: a mixture of eight, by EM."""
    began = time.perf_counter()
    mixture = yield from _fit(_points(shape), "points")
    seconds = time.perf_counter() - began
    return Ready(_numbers(mixture), seconds, "", lambda n, generator: mixture.sample(n, generator=generator))


def vae_of_points(shape: str, levels: int) -> Rung:
    """Steps 7 and 8: a VAE of one level or two, trained now; its draws are samples of p(x | z), not means."""
    for state in PointVAERun(shape, PointVAEConfig(levels)).start():
        training = state.training
        yield
    model = training.average
    numbers = sum(p.numel() for p in model.parameters())
    return Ready(numbers, training.seconds, "", lambda n, generator: sample(model, n, generator).cpu().double())


def diffusion_of_points(shape: str) -> Rung:
    """Step 9: the diffusion model of the shape that ships."""
    key = _key("diffusion", shape)
    weights, record = library.store_of(key).load(key)
    yield
    denoiser, schedule = restore(weights, record)

    @torch.no_grad()
    def draw(n: int, generator: torch.Generator) -> Tensor:
        x = torch.randn(n, 2, generator=generator, device="cpu").to(pick())
        *_, end = dpm_solver_pp(denoiser, schedule, x, steps=STEPS)
        return end.x.cpu().double()

    return _ready(record, draw)


# ---- what they share ------------------------------------------------------------------------------------------------


def _points(shape: str) -> Tensor:
    return data.shape(shape, POINTS, torch.Generator("cpu").manual_seed(0))


def _fit(x: Tensor, kind: str) -> Generator[None, None, GaussianMixture]:
    """A mixture by EM from a k-means++ start; the variance floor is a thousandth of the data's."""
    generator = torch.Generator("cpu").manual_seed(0)
    begin = start(x, COMPONENTS[kind], "kmeans++", generator=generator)
    floor = 1e-3 * float(x.var(dim=0).mean())
    for state in expectation_maximization(
        x, begin, max_iterations=ITERATIONS[kind], tolerance=1e-4, covariance_floor=floor
    ):
        mixture = state.mixture
        yield
    return mixture


def _numbers(mixture: GaussianMixture) -> int:
    """Free numbers of a mixture: weights that add up to one, means, symmetric covariances."""
    count, size = mixture.means.shape
    return count - 1 + count * size + count * size * (size + 1) // 2


def _key(kind: str, name: str) -> str:
    from core.shipped import key_of_name

    return key_of_name(kind, name)


def _shipped(kind: str, name: str, dataset: str) -> tuple[dict[str, Tensor], dict]:
    from core.shipped import find

    return find(kind, name if dataset == "mnist" else f"fashion_{name}")


def _ready(record: dict, draw: Draw) -> Ready:
    return Ready(record["parameters"], record["seconds"], record["device"], draw)
