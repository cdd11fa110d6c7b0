"""What not even a perfect network can know: the loss that is left when the denoiser is exact."""

import torch

from core import data, shapes
from core.device import pick
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.forward import add_noise
from core.diffusion.library import load
from core.gaussian_mixture import GaussianMixture


@torch.no_grad()
def noise_losses(model: str, n: int = 20_000, seed: int = 0) -> tuple[float, float, int]:
    """(exact, learned, T): the mean of (ε̂ − ε)² per coordinate over t = 1 … T, on the three blobs.

    The exact denoiser is the conditional mean E(ε | x_t), which no other beats in the mean square; the learned one is
    the model with that key. Both are asked about the same n points, levels and noises.
    """
    learned, schedule, _ = load(model)
    exact = MixtureDenoiser(GaussianMixture(*shapes.blobs_mixture()), schedule)
    generator = torch.Generator("cpu").manual_seed(seed)
    x0 = data.shape("blobs", n, generator)  # (N, 2)
    t = torch.randint(1, schedule.T + 1, (n,), generator=generator, device="cpu")
    noise = torch.randn(x0.shape, generator=generator, dtype=x0.dtype, device="cpu")
    x_t = add_noise(schedule, x0, t, noise)
    device = pick()  # where `load` has put the network
    errors = []
    for denoiser, x in ((exact, x_t), (learned, x_t.float().to(device))):
        predicted = denoiser(x, t.to(x.device)).to("cpu", torch.float64)  # (N, 2)
        errors.append(float((predicted - noise).square().mean()))
    return errors[0], errors[1], schedule.T
