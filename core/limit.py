"""The central limit theorem, tried: means or sums of N draws gather, and are measured against the normal distribution.

Everything is float64 on the CPU; randomness comes from a generator alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core import normal
from core.sources import Cauchy, Source

STATISTICS = ("mean", "sum")
BLOCK = 1000  # repetitions that are drawn at once: few enough to stay in the processor's cache
QUARTILE = 0.6744897501960817  # Φ⁻¹(¾): half of a standard normal lies within ± this


@dataclass(frozen=True)
class Law:
    """What theory says that a mean or sum of N draws is distributed as.

    normal: the normal distribution (`mean`, `std`), in the limit of large N. If not: a Cauchy distribution around
    `mean` of width `std`, exactly and for every N.
    """

    mean: float
    std: float
    normal: bool

    def density(self, x: Tensor) -> Tensor:
        """The density at x."""
        if self.normal:
            return normal.prob(x, self.mean, self.std)
        return Cauchy().density((x - self.mean) / self.std) / self.std

    def standardised(self, values: Tensor) -> Tensor:
        """z = (value − μ)/σ. A Cauchy distribution is scaled to the quartiles of N(0, 1) instead: it has no σ."""
        return (values - self.mean) / self.std * (1.0 if self.normal else QUARTILE)


@dataclass(frozen=True, eq=False)
class Gathering:
    """The repetitions so far: `values` (repetitions,), the mean or sum of each; `draws` (n,), those of the last one."""

    values: Tensor
    draws: Tensor

    @property
    def repetitions(self) -> int:
        return len(self.values)


def predicted(source: Source, n: int, statistic: str) -> Law:
    """The normal distribution of a mean, (μ, σ/√n), or of a sum, (nμ, √n σ). Feller 1971, section VIII.4.

    A Cauchy's mean is distributed as one draw, (0, 1), and its sum as (0, n). Feller 1971, section II.4.
    ValueError for another statistic, n below 1, or a source whose draws are all the same.
    """
    if statistic not in STATISTICS:
        raise ValueError(f"The statistic is one of {', '.join(STATISTICS)}.")
    if n < 1:
        raise ValueError("A mean needs at least one draw.")
    if not source.has_variance:
        return Law(0.0, 1.0 if statistic == "mean" else float(n), normal=False)
    if source.std == 0:
        raise ValueError("A source whose draws are all the same has nothing to average.")
    if statistic == "mean":
        return Law(source.mean, source.std / math.sqrt(n), normal=True)
    return Law(n * source.mean, source.std * math.sqrt(n), normal=True)


def gather(
    source: Source, n: int, counts: Sequence[int], *, statistic: str = "mean", generator: torch.Generator
) -> Iterator[Gathering]:
    """Repeat: draw n values, take their mean (or sum). Yields a state whenever `counts` says that it has so many.

    counts: rising numbers of repetitions, such as (1, 2, 3, 100, 10_000).
    Raises ValueError for counts that do not rise, and whatever `predicted` refuses.
    """
    predicted(source, n, statistic)
    if not counts or any(b <= a for a, b in zip((0, *counts), counts, strict=False)):
        raise ValueError("The numbers of repetitions must rise from 1 on.")
    values = torch.empty(counts[-1], dtype=torch.float64, device="cpu")
    done = 0
    for count in counts:
        while done < count:
            draws = source.sample((min(count - done, BLOCK), n), generator=generator)  # (new, n)
            new = slice(done, done + len(draws))
            values[new] = draws.mean(dim=1) if statistic == "mean" else draws.sum(dim=1)
            done = new.stop
        yield Gathering(values[:count], draws[-1])  # later repetitions go behind these, which stay as they are


def distance(z: Tensor) -> float:
    """How far samples z (n,) are from N(0, 1): the largest gap between their cdf and Φ, from 0 to 1.

    Kolmogorov 1933. The samples' cdf is a staircase, so each step is looked at from below and from above.
    """
    cdf = normal.cdf(z.sort().values, 0.0, 1.0)  # (n,)
    stairs = torch.arange(len(z) + 1, dtype=torch.float64, device="cpu") / len(z)
    return float(torch.maximum(stairs[1:] - cdf, cdf - stairs[:-1]).max())


def floor(repetitions: int, sets: int, *, generator: torch.Generator) -> Tensor:
    """The distance that samples of the normal distribution itself have, `sets` times (sets,): nothing gets lower."""
    z = normal.sample(sets * repetitions, 0.0, 1.0, generator=generator).reshape(sets, repetitions)
    return torch.tensor([distance(one) for one in z], dtype=torch.float64, device="cpu")


def expected_floor(repetitions: int) -> float:
    """The mean of `floor` for many repetitions: √(π/2) log 2 / √repetitions, the mean of Kolmogorov's distribution."""
    return math.sqrt(math.pi / 2) * math.log(2) / math.sqrt(repetitions)


def distances(source: Source, ns: Sequence[int], repetitions: int, *, generator: torch.Generator) -> Tensor:
    """The distance of the standardised mean of the first n draws, for each n of `ns`: (len(ns),).

    The draws are the same for every n, so that only n changes. Mean and sum have the same distance.
    """
    draws = source.sample((max(ns), repetitions), generator=generator)
    found = []
    total, done = torch.zeros(repetitions, dtype=torch.float64, device="cpu"), 0
    for n in sorted(ns):
        total = total + draws[done:n].sum(dim=0)
        done = n
        found.append(distance(predicted(source, n, "sum").standardised(total)))
    order = {n: k for k, n in enumerate(sorted(ns))}
    return torch.tensor([found[order[n]] for n in ns], dtype=torch.float64, device="cpu")


def quantile_pairs(z: Tensor, at: Tensor) -> Tensor:
    """A QQ plot: (Q, 2), each a quantile `at` (Q,) of N(0, 1) and the same quantile of the samples z (n,).

    NaN for quantiles further out than the outermost sample: p below 1/(2n) or above 1 − 1/(2n).
    """
    p = normal.cdf(at, 0.0, 1.0)
    n = len(z)
    place = p * n - 0.5  # the k-th smallest of n, counted from 0, stands for p = (k + ½)/n
    inside = (place >= 0) & (place <= n - 1)
    ordered = z.sort().values
    k = place.clamp(0, max(n - 2, 0)).floor().long()
    found = torch.lerp(ordered[k], ordered[(k + 1).clamp(max=n - 1)], (place - k).clamp(0, 1))
    return torch.stack([at, torch.where(inside, found, torch.full_like(found, math.nan))], dim=1)


def running_means(source: Source, runs: int, length: int, *, generator: torch.Generator) -> Tensor:
    """The mean of the first 1, 2, …, length draws, for each of `runs`: (runs, length)."""
    draws = source.sample((runs, length), generator=generator)
    return draws.cumsum(dim=1) / torch.arange(1, length + 1, dtype=torch.float64, device="cpu")


def largest_jump(means: Tensor, after: int = 9) -> tuple[float, int, float]:
    """Of running means (length,): the largest draw in size, how many draws there were with it, how far it moved them.

    The first `after` draws, which move the mean anyway, do not count.
    """
    sums = means * torch.arange(1, len(means) + 1, dtype=torch.float64, device="cpu")
    draws = sums.diff(prepend=sums.new_zeros(1))
    k = int(draws[after:].abs().argmax()) + after
    return float(draws[k]), k + 1, float(means[k] - means[k - 1])


def histogram(values: Tensor, edges: Tensor) -> Tensor:
    """The share of values (n,) in each bin [edges_k, edges_{k+1}), per unit: (B,). Those outside count as well."""
    inside = torch.searchsorted(edges, values.contiguous(), right=True) - 1
    kept = inside[(inside >= 0) & (inside < len(edges) - 1)]
    counts = torch.bincount(kept, minlength=len(edges) - 1).to(edges.dtype)
    return counts / (len(values) * (edges[1:] - edges[:-1]))


def span(law: Law, *, reach: float = 4.0) -> tuple[float, float]:
    """Where to look: ± `reach` widths of the law, and further for a Cauchy, whose tails are heavy."""
    reach = reach if law.normal else 2.5 * reach
    return law.mean - reach * law.std, law.mean + reach * law.std


def bins(source: Source, n: int, law: Law, statistic: str, *, count: int = 48) -> Tensor:
    """Edges of a histogram of means (or sums) within the span of the law, where there can be any.

    Where the values lie on a lattice, every bin holds exactly one of them: other widths would count now one, now two
    of them, and show teeth that are not there. A source that ends somewhere has no bin across its end.
    """
    low, high = span(law)
    factor = 1 if statistic == "mean" else n
    first, last = (factor * end for end in source.support)
    if source.step is None:
        return torch.linspace(max(low, first), min(high, last), count + 1, dtype=torch.float64, device="cpu")
    step = source.step * factor / n
    k = max(math.ceil(low / step), round(first / step))
    return (torch.arange(k, min(math.floor(high / step), round(last / step)) + 2, device="cpu").double() - 0.5) * step
