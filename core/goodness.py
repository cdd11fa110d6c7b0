"""Does this distribution fit these data? Quantiles against quantiles, the largest gap, and how many peaks there are.

Everything is float64 on the CPU.
"""

import math

import torch
from torch import Tensor

from core import normal
from core.likelihood import fit_normal


def histogram(x: Tensor, edges: Tensor) -> Tensor:
    """The share of values in each bin per unit of x: bars of area 1 together, if every value lies in a bin.

    x: (n,), edges: (B + 1,), rising. Returns (B,). A value on an edge belongs to the bin above, the last edge below.
    """
    x = torch.as_tensor(x, dtype=torch.float64, device="cpu")
    counts, _ = torch.histogram(x, edges)
    return counts / (len(x) * edges.diff())


def quantile_pairs(x: Tensor, mean: Tensor | float, std: Tensor | float) -> tuple[Tensor, Tensor]:
    """The points of a QQ plot: what the k-th smallest of n values would be under N(mean, std²), and what it is.

    x: (n,). Returns two of (n,), rising: the quantiles at (k − ½) / n (Hazen 1914), and the sorted values.
    If the distribution fits, they lie on the diagonal.
    """
    x = torch.as_tensor(x, dtype=torch.float64, device="cpu")
    n = len(x)
    p = (torch.arange(n, dtype=torch.float64, device="cpu") + 0.5) / n
    return normal.quantile(p, mean, std), x.sort().values


def largest_gap(x: Tensor, mean: Tensor | float, std: Tensor | float) -> float:
    """The largest distance between the share counted up to a place and the cdf there: Kolmogorov's distance, 0 to 1.

    x: (n,). The share jumps by 1/n at each value, so both sides of each jump are looked at.
    """
    x = torch.as_tensor(x, dtype=torch.float64, device="cpu").sort().values
    n = len(x)
    cdf = normal.cdf(x, mean, std)  # (n,)
    after = torch.arange(1, n + 1, dtype=torch.float64, device="cpu") / n
    return float(torch.maximum((after - cdf).abs(), (cdf - (after - 1 / n)).abs()).max())


def chance_gap(n: int) -> float:
    """What `largest_gap` exceeds by chance in one of twenty samples of n > 30 values from the very distribution that

    was fitted to them: 0.886 / √n, Lilliefors 1967, table 1.
    """
    return 0.886 / math.sqrt(n)


def kernel_density(x: Tensor, at: Tensor, width: float | None = None) -> Tensor:
    """A smooth curve through data: the mean of small normal densities, one around each value.

    x: (n,), at: (M,). Returns (M,), per unit of x. width: their standard deviation, by default `reference_width(x)`.
    Raises ValueError if all values are the same, since there is no width then.
    """
    x = torch.as_tensor(x, dtype=torch.float64, device="cpu")
    width = reference_width(x) if width is None else width
    total = torch.zeros_like(at)
    for part in x.split(1_000):  # (M, 1000) at a time
        total += normal.prob(at[:, None], part, width).sum(dim=1)
    return total / len(x)


def reference_width(x: Tensor) -> float:
    """1.06 σ̂ n^(−1/5), in units of x: Silverman 1986, equation 3.28. x: (n,).

    The best width if the data were normal. If they are not, it is too wide and smooths too much: a valley that is left
    is no work of chance. Raises ValueError if all values are the same.
    """
    _, std = fit_normal(x)
    if float(std) == 0:
        raise ValueError("All values are the same: there is no width to smooth them with.")
    return 1.06 * float(std) * len(x) ** -0.2


def peaks(density: Tensor) -> Tensor:
    """The places (P,) of the peaks of a curve (M,), rising in index: higher than both neighbours.

    A peak counts only if the curve falls on both sides by more than a hundredth of its largest value before it meets a
    higher one: less is chance.
    """
    values = [float(v) for v in density]
    least = 0.01 * max(values)
    found = []
    for k in range(1, len(values) - 1):
        if values[k - 1] < values[k] >= values[k + 1] and min(_fall(values, k, -1), _fall(values, k, 1)) > least:
            found.append(k)
    return torch.tensor(found, dtype=torch.int64, device="cpu")


def _fall(values: list[float], peak: int, way: int) -> float:
    """How far the curve falls on its way from a peak to a higher place, or to the end."""
    lowest, k = values[peak], peak + way
    while 0 <= k < len(values) and values[k] <= values[peak]:
        lowest, k = min(lowest, values[k]), k + way
    return values[peak] - lowest
