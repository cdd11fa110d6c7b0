"""How many components? Three answers: AIC, BIC, and the log-likelihood of points that the fit has not seen."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.em import EMError, checked_points
from core.em_starts import Fit, Kind, best, many_starts


def parameters(k: int, size: int) -> int:
    """The free numbers of a mixture of k normals in `size` dimensions: weights (k − 1), means, covariances."""
    return (k - 1) + k * size + k * size * (size + 1) // 2


def aic(log_likelihood: float, free: int) -> float:
    """2 p − 2 log L, with the total log-likelihood in nats, p free parameters; the smaller the better. Akaike 1974."""
    return 2 * free - 2 * log_likelihood


def bic(log_likelihood: float, free: int, n: int) -> float:
    """p log n − 2 log L, with the total log-likelihood in nats; the smaller the better. Schwarz 1978."""
    return free * math.log(n) - 2 * log_likelihood


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The log-likelihood of points that were held out, mean per point in nats."""

    folds: Tensor  # (F,): of each fold that could be fitted
    mean: float  # over these folds; NaN without any
    standard_error: float  # standard deviation of the folds over √F; NaN with fewer than two
    failed: int  # folds in which every fit collapsed


def cross_validated(
    x: Tensor,
    k: int,
    *,
    folds: int = 10,
    starts: int = 5,
    kind: Kind = "kmeans++",
    generator: torch.Generator,
    max_iterations: int = 200,
    tolerance: float = 1e-5,
    covariance_floor: float = 1e-6,
) -> CrossValidation:
    """Splits x, (N, D), into folds by chance; fits all but one (best non-collapsed of the starts), scores that one.

    The same state of the generator splits in the same way for every k, so that what is compared meets the same points.
    The standard error treats the folds as independent, which, sharing points to fit, they are not quite (Hastie,
    Tibshirani and Friedman, section 7.10).
    Raises EMError: fewer than 2 folds or more than points, folds too small to leave k points, NaN.
    """
    x = checked_points(x, at_least=k)
    if not 2 <= folds <= len(x):
        raise EMError("settings", f"Choose from 2 to {len(x)} folds, one point or more in each.")
    fold = torch.randperm(len(x), generator=generator, device=generator.device).cpu() % folds  # (N,)
    scores, failed = [], 0
    for held_out in range(folds):
        runs = many_starts(
            x[fold != held_out],
            k,
            kind,
            count=starts,
            generator=generator,
            max_iterations=max_iterations,
            tolerance=tolerance,
            covariance_floor=covariance_floor,
        )
        found = best(runs)
        if found is None:
            failed += 1
        else:
            scores.append(float(found.mixture.log_prob(x[fold == held_out]).mean()))
    values = torch.tensor(scores, dtype=torch.float64, device="cpu")  # (F,)
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return CrossValidation(values, float(values.mean()) if scores else math.nan, error, failed)


@dataclass(frozen=True, eq=False)
class Choice:
    """What speaks for k components."""

    k: int
    best: Fit | None  # best non-collapsed of the starts; None if all collapsed, then aic and bic are NaN
    collapsed: int  # how many of the starts collapsed
    parameters: int
    aic: float  # on the scale of the total −2 log L
    bic: float
    held_out: CrossValidation


def compare(
    x: Tensor,
    ks: Sequence[int] = range(1, 9),
    *,
    starts: int = 20,
    kind: Kind = "kmeans++",
    folds: int = 10,
    fold_starts: int = 3,
    seed: int = 0,
    max_iterations: int = 200,
    tolerance: float = 1e-5,
    covariance_floor: float = 1e-6,
) -> Iterator[Choice]:
    """AIC, BIC and cross-validated log-likelihood for each number of components, one after another. x: (N, D).

    Every k begins from the seed anew: the folds are the same for all. Errors as `cross_validated`, `many_starts`.
    """
    x = checked_points(x)
    settings = {"max_iterations": max_iterations, "tolerance": tolerance, "covariance_floor": covariance_floor}
    for k in ks:
        generator = torch.Generator("cpu").manual_seed(seed)
        held_out = cross_validated(x, k, folds=folds, starts=fold_starts, kind=kind, generator=generator, **settings)
        fits = list(many_starts(x, k, kind, count=starts, generator=generator, **settings))
        top, free = best(fits), parameters(k, x.shape[1])
        total = math.nan if top is None else top.log_likelihood * len(x)
        bad = sum(bool(fit.collapsed) for fit in fits)
        yield Choice(k, top, bad, free, aic(total, free), bic(total, free, len(x)), held_out)
