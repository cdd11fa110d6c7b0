"""The true posterior p(z | x) of a VAE with two latent units, on a grid, beside the normal q(z | x) that it guesses.

    p(z | x) = p(x | z) p(z) / p(x)    log p(x) = ELBO + KL(q(z | x) ‖ p(z | x))    Kingma and Welling 2014, eq. 1

Two numbers can be gone through cell by cell; fifty cannot, which is why a VAE has an encoder at all.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.vae import VAE, kl_to_standard_normal

REACH = 6.0  # the prior is looked at from −REACH to REACH; outside lie two billionths of it on each axis
FINE = 96  # cells along each side of the last grid
COARSE = 72  # and of those that find where it must lie
LOST = 25.0  # nats below the highest cell: what is lower does not count in a sum over ten thousand cells
AT_ONCE = 4096  # images decoded at a time

Box = tuple[float, float, float, float]  # z₁ low, z₁ high, z₂ low, z₂ high


@dataclass(frozen=True, eq=False)
class GridPosterior:
    """p(z | x) of one image and q(z | x) beside it. Nats."""

    mean: Tensor  # (2,) of q
    std: Tensor  # (2,) of q
    log_evidence: float  # log p(x), by the sum over the grid
    elbo: float  # by quadrature over q: no sampling error
    box: Box  # where nearly all of p and q lie
    density: Tensor  # (FINE, FINE) p(z | x) in the middle of the cells of the box, row 0 at low z₂

    @property
    def kl(self) -> float:
        """KL(q(z | x) ‖ p(z | x)): the gap between the bound and log p(x)."""
        return self.log_evidence - self.elbo


@torch.no_grad()
def grid_posterior(model: VAE, x: Tensor) -> GridPosterior:
    """The posterior of one image x (1, 1, 28, 28). Raises ValueError unless the model has two latent units.

    The grid closes in: each round keeps the cells within LOST nats of the highest, until nothing more can be left out.
    """
    if model.config.latent != 2 or len(x) != 1:
        raise ValueError("A grid is laid over the two latent units of one image.")
    mean, log_std = (part[0].float() for part in model.encode(x))  # (2,)
    std = log_std.exp()
    box: Box = (-REACH, REACH, -REACH, REACH)
    for _ in range(4):
        closer = _closer(box, log_joint(model, x, cells(box, COARSE, x.device)))
        shrunk = _area(closer) < 0.5 * _area(box)
        box = closer
        if not shrunk:
            break
    values = log_joint(model, x, cells(box, FINE, x.device))  # (FINE, FINE)
    log_evidence = float(values.double().logsumexp(dim=(0, 1))) + math.log(_area(box) / FINE**2)
    seen = _around(_closer(box, values, 9.0), mean, std)
    density = (log_joint(model, x, cells(seen, FINE, x.device)) - log_evidence).exp()
    return GridPosterior(mean, std, log_evidence, exact_elbo(model, x, mean, log_std), seen, density)


def cells(box: Box, size: int, device: torch.device) -> Tensor:
    """The middles of size × size cells of a box: (size, size, 2), row 0 at low z₂."""
    at = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) / size
    x, y = box[0] + at * (box[1] - box[0]), box[2] + at * (box[3] - box[2])
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def log_joint(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    """log p(x | z) + log p(z) of one image at every place z (…, 2): (…)."""
    flat = z.reshape(-1, z.shape[-1])
    parts = [model.log_likelihood(x.expand(len(part), -1, -1, -1), part) for part in flat.split(AT_ONCE)]
    prior = -0.5 * flat.square().sum(dim=1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)
    return (torch.cat(parts) + prior).reshape(z.shape[:-1])


def exact_elbo(model: VAE, x: Tensor, mean: Tensor, log_std: Tensor, size: int = 48, reach: float = 5.0) -> float:
    """E_q log p(x | z) − KL(q ‖ p(z)) of one image, the expectation by a sum over size × size places of q."""
    unit = cells((-reach, reach, -reach, reach), size, x.device)  # in standard deviations from the mean
    weight = torch.softmax(-0.5 * unit.square().sum(dim=-1).flatten().double(), dim=0)
    z = (mean + log_std.exp() * unit).reshape(-1, 2)
    parts = [model.log_likelihood(x.expand(len(part), -1, -1, -1), part) for part in z.split(AT_ONCE)]
    return float((weight * torch.cat(parts).double()).sum() - kl_to_standard_normal(mean, log_std).sum())


def _closer(box: Box, values: Tensor, lost: float = LOST) -> Box:
    """The smallest box, a cell wider on each side, with all cells that are within `lost` nats of the highest."""
    size = len(values)
    kept = values > values.max() - lost
    found = []
    for axis, (low, high) in ((0, box[:2]), (1, box[2:])):
        some = kept.any(dim=axis).nonzero()[:, 0]
        width = (high - low) / size
        found += [max(low, low + (int(some[0]) - 1) * width), min(high, low + (int(some[-1]) + 2) * width)]
    return tuple(found)


def _around(box: Box, mean: Tensor, std: Tensor) -> Box:
    """The box, wide enough for three standard deviations of q, and no slimmer than a third of its length."""
    low = [min(b, m - 3 * s) for b, m, s in zip(box[::2], mean.tolist(), std.tolist(), strict=True)]
    high = [max(b, m + 3 * s) for b, m, s in zip(box[1::2], mean.tolist(), std.tolist(), strict=True)]
    side = max(h - a for a, h in zip(low, high, strict=True))  # square, so that an ellipse looks as it is
    centre = [(a + h) / 2 for a, h in zip(low, high, strict=True)]
    return tuple(end for c in centre for end in (c - side / 2, c + side / 2))


def _area(box: Box) -> float:
    return (box[1] - box[0]) * (box[3] - box[2])
