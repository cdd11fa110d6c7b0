"""What the page `multivariate_normal` draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.scene import Scene

COLUMNS = {
    "bdims": (
        "height", "weight", "age", "shoulder_girth", "chest_girth", "waist_girth", "navel_girth", "hip_girth",
        "thigh_girth", "bicep_girth", "forearm_girth", "knee_girth", "calf_girth", "ankle_girth", "wrist_girth",
    ),
    "nhefs": ("height", "weight", "age"),
}  # fmt: skip
ROWS = {"bdims": 507, "nhefs": 1629}
MOST_COUNTS = 160  # of numbers of rows that the settling curves are drawn at
GRID = 41  # of the bowl, each way
REACH = 3.0  # how far the bowl is drawn
SHOWN = 20  # pictures of each kind
AXES = 8  # eigen-images


@dataclass(frozen=True)
class ShapeScene(Scene):
    """Σ of two coordinates in numbers. Arrays: cov, det, inverse, variances, axes, peak, entropy.

    Where Σ is flat, det is 0, inverse empty, peak and entropy are NaN.
    """

    std_x: float = 1.5
    std_y: float = 1.0
    correlation: float = 0.6

    def compute(self) -> dict[str, np.ndarray]:
        """The arrays above."""
        import torch

        from core.matrices import determinant, inverse
        from core.multivariate_normal import MultivariateNormal, covariance, principal_axes

        cov = covariance([self.std_x, self.std_y], self.correlation)
        normal = MultivariateNormal(torch.zeros(2, dtype=torch.float64, device="cpu"), cov)
        variances, axes = principal_axes(cov)
        flat = normal.flat
        return {
            "cov": cov.numpy(),
            "det": np.array(0.0) if flat else determinant(cov).numpy(),
            "inverse": np.zeros((0, 2)) if flat else inverse(cov).numpy(),
            "variances": variances.numpy(),
            "axes": axes.numpy(),
            "peak": np.array(np.nan) if flat else normal.log_prob(normal.mean).exp().numpy(),
            "entropy": np.array(np.nan) if flat else normal.entropy().numpy(),
        }


@dataclass(frozen=True)
class SlicesScene(Scene):
    """Where x is known to be `at`. Arrays: marginal and conditional, each (mean, variance); known, log p(x = at).

    cut is the joint density's integral along the line x = at by the trapezoid rule, which must be p(x = at).
    conditional and cut are empty where x has no variance, cut also where y has none left.
    """

    mean_x: float = 0.0
    mean_y: float = 0.0
    std_x: float = 1.5
    std_y: float = 1.2
    correlation: float = 0.7
    at: float = 1.5

    def compute(self) -> dict[str, np.ndarray]:
        """The arrays above."""
        import torch

        from core.multivariate_normal import MultivariateNormal, covariance

        mean = torch.tensor([self.mean_x, self.mean_y], dtype=torch.float64, device="cpu")
        normal = MultivariateNormal(mean, covariance([self.std_x, self.std_y], self.correlation))
        x, y = normal.marginal(0), normal.marginal(1)
        arrays = {"marginal": _moments(y), "conditional": np.zeros(0), "known": np.array(np.nan), "cut": np.zeros(0)}
        if x.flat:
            return arrays
        known = torch.tensor([self.at], dtype=torch.float64, device="cpu")
        conditional = normal.condition(0, self.at)
        arrays |= {"conditional": _moments(conditional), "known": x.log_prob(known).exp().numpy()}
        if not normal.flat:
            reach = 12 * conditional.cov[0, 0].sqrt()
            line = conditional.mean[0] + torch.linspace(-1, 1, 2001, dtype=torch.float64, device="cpu") * reach
            joint = normal.log_prob(torch.stack([known.expand(len(line)), line], dim=-1)).exp()
            arrays["cut"] = torch.trapezoid(joint, line).numpy()
        return arrays


@dataclass(frozen=True)
class FitScene(Scene):
    """A normal fitted to the first rows of two columns, in an order that a seed has shuffled.

    points (n, 2), generated (n, 2); mean (2,), cov (2, 2) divided by n, unbiased (2, 2) by n − 1 (NaN for one row);
    counts (K,), means (K, 2), covs (K, 2, 2): the same fits with fewer and more rows;
    all_mean, all_cov: with every row; low (2,), high (2,): the ends of the axes; flat: whether there is no density;
    within (2,): the share of the n points within Mahalanobis distance 1 and 2, NaN where flat; expected (2,): a
    normal distribution's.
    """

    source: str = "bdims"
    x: str = "height"
    y: str = "weight"
    rows: int = 100
    seed: int = 0

    def compute(self) -> dict[str, np.ndarray]:
        """The arrays above."""
        import torch

        from core import data
        from core.multivariate_normal import MultivariateNormal, probability_within, running_fit

        generator = torch.Generator("cpu").manual_seed(self.seed)
        table = data.body_measurements(self.source).columns(self.x, self.y)  # (N, 2)
        table = table[torch.randperm(len(table), generator=generator, device="cpu")]
        points = table[: self.rows]
        normal, everything = MultivariateNormal.fit(points), MultivariateNormal.fit(table)
        means, covs = running_fit(table)
        counts = np.unique(np.geomspace(1, len(table), MOST_COUNTS).round().astype(int))
        generated = normal.sample(len(points), generator=generator)
        n, reach = len(points), 3.1 * everything.cov.diagonal().sqrt()
        ends = torch.stack([table.amin(dim=0), everything.mean - reach, table.amax(dim=0), everything.mean + reach])
        radii = torch.tensor([[1.0], [2.0]], dtype=torch.float64, device="cpu")
        within = np.full(2, np.nan) if normal.flat else (normal.mahalanobis(points) <= radii).double().mean(dim=1)
        return {
            "points": points.numpy().astype(np.float32),
            "generated": generated.numpy().astype(np.float32),
            "mean": normal.mean.numpy(),
            "cov": normal.cov.numpy(),
            "unbiased": normal.cov.numpy() * (n / (n - 1) if n > 1 else np.nan),
            "counts": counts,
            "means": means[counts - 1].numpy(),
            "covs": covs[counts - 1].numpy(),
            "all_mean": everything.mean.numpy(),
            "all_cov": everything.cov.numpy(),
            "low": ends[:2].amin(dim=0).numpy(),
            "high": ends[2:].amax(dim=0).numpy(),
            "flat": np.array(normal.flat),
            "within": np.asarray(within),
            "expected": np.array([probability_within(radius, 2) for radius in (1.0, 2.0)]),
        }


@dataclass(frozen=True)
class SamplingScene(Scene):
    """How z becomes μ + L z. points (4, n, 2), means (4, 2), covs (4, 2, 2), factor (2, 2); empty where Σ is flat.

    measured_mean (2,) and measured_cov (2, 2) are those of the points at the end.
    """

    mean_x: float = 1.5
    mean_y: float = 1.0
    std_x: float = 1.4
    std_y: float = 1.1
    correlation: float = 0.7
    count: int = 400
    seed: int = 0

    def compute(self) -> dict[str, np.ndarray]:
        """The arrays above."""
        import torch

        from core.multivariate_normal import MultivariateNormal, covariance, sample_by_steps

        mean = torch.tensor([self.mean_x, self.mean_y], dtype=torch.float64, device="cpu")
        normal = MultivariateNormal(mean, covariance([self.std_x, self.std_y], self.correlation))
        if normal.flat:
            return {"points": np.zeros((0, 0, 2), np.float32)}
        steps = list(sample_by_steps(normal, self.count, generator=torch.Generator("cpu").manual_seed(self.seed)))
        measured = MultivariateNormal.fit(steps[-1].points)
        return {
            "points": np.stack([step.points for step in steps]).astype(np.float32),
            "means": np.stack([step.mean for step in steps]),
            "covs": np.stack([step.cov for step in steps]),
            "factor": normal.factor.numpy(),
            "cov": normal.cov.numpy(),
            "measured_mean": measured.mean.numpy(),
            "measured_cov": measured.cov.numpy(),
        }


Rows = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class MatrixScene(Scene):
    """A and B: product, reverse (B A), elementwise, each (2, 2); det; inverse, empty where there is none.

    bowl (GRID, GRID): xᵀ A x over the square to REACH, its row 0 at the low end; curvatures (2,), smallest first.
    """

    a: Rows = ((1.2, 0.5), (0.3, 0.9))
    b: Rows = ((0.0, -1.0), (1.0, 0.0))

    def compute(self) -> dict[str, np.ndarray]:
        """The arrays above."""
        import torch

        from core import matrices

        a, b = (torch.tensor(rows, dtype=torch.float64, device="cpu") for rows in (self.a, self.b))
        line = torch.linspace(-REACH, REACH, GRID, dtype=torch.float64, device="cpu")
        y, x = torch.meshgrid(line, line, indexing="ij")
        try:
            inverse = matrices.inverse(a).numpy()
        except ValueError:  # said on the page
            inverse = np.zeros((0, 2))
        return {
            "product": matrices.product(a, b).numpy(),
            "reverse": matrices.product(b, a).numpy(),
            "elementwise": matrices.elementwise(a, b).numpy(),
            "det": matrices.determinant(a).numpy(),
            "inverse": inverse,
            "bowl": matrices.quadratic(a, torch.stack([x, y], dim=-1)).numpy(),
            "curvatures": matrices.curvatures(a).numpy(),
        }


@dataclass(frozen=True)
class PixelsScene(Scene):
    """One normal of 784 dimensions. Pictures are uint8 (…, 28, 28), 0 background and 255 ink.

    mean; axes (AXES, …), 128 is zero; walk (7, …), μ + c √λ v for c = −3..3 along the axis `axis`;
    real, sampled, mirrored (SHOWN, …): training pictures, samples x = μ + V √(Λ + ridge) z, and 2 μ − x of the real.
    count, constant, rank, explained (AXES,); least: the smallest eigenvalue over the largest; shift: what a tenth of
    the ridge adds to a log density through the flat directions, in nats; outside and empty: the shares of values out
    of 0..1 in the samples, and of background in the real pictures.
    """

    dataset: str = "mnist"
    label: int = -1
    ridge: float = 0.0001
    axis: int = 1
    seed: int = 0

    def compute(self) -> dict[str, np.ndarray]:
        """The arrays above. Raises core.data.DataError where the data are not to be had."""
        import torch

        from core import pixels

        normal = pixels.fitted(self.dataset, self.label)
        everything = pixels.pictures(self.dataset, self.label)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        chosen = torch.randperm(len(everything), generator=generator, device="cpu")[:SHOWN]
        real = everything[chosen].reshape(SHOWN, -1).double() / 255  # (SHOWN, 784)
        sampled = normal.sample(500, ridge=self.ridge, generator=generator)  # (500, 784)
        steps = torch.arange(-3, 4, dtype=torch.float64, device="cpu")[:, None]
        v, std = normal.axes[:, self.axis - 1], normal.variances[self.axis - 1].sqrt()
        leading = normal.axes[:, :AXES].T  # (AXES, 784)
        return {
            "mean": _ink(normal.mean[None])[0],
            "axes": _ink(0.5 + 0.5 * leading / leading.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)),
            "walk": _ink(normal.mean + steps * std * v),
            "real": _ink(real),
            "sampled": _ink(sampled[:SHOWN]),
            "mirrored": _ink(normal.mirrored(real)),
            "count": np.array(normal.count),
            "constant": np.array(normal.constant),
            "rank": np.array(normal.rank),
            "explained": np.array([normal.explained(k + 1) for k in range(AXES)]),
            "std": std.numpy(),
            "least": (normal.variances[-1] / normal.variances[0].clamp(min=1e-300)).numpy(),
            "outside": ((sampled < 0) | (sampled > 1)).double().mean().numpy(),
            "empty": (everything == 0).double().mean().numpy(),
            "shift": np.array((len(normal.mean) - normal.rank) / 2 * np.log(10)),
        }


def _moments(normal: object) -> np.ndarray:
    """(mean, variance) of a normal of one dimension."""
    return np.array([float(normal.mean[0]), float(normal.cov[0, 0])])


def _ink(x: object) -> np.ndarray:
    """Grey levels (…, 784) as bytes (…, 28, 28), cut off at paper and ink."""
    return (x * 255).round().clamp(0, 255).numpy().astype(np.uint8).reshape(-1, 28, 28)


FIRST: tuple[Scene, ...] = (ShapeScene(), SlicesScene(), FitScene())
