"""The prediction of step 3: how much lies within one Mahalanobis distance of the mean."""

from __future__ import annotations

COUNT = 100_000
OPTIONS = ("third", "half", "most", "nearly")


def answer() -> tuple[str, dict[str, str]]:
    """By the closed form 1 − exp(−½), and by counting draws of a slanting normal; in one dimension beside it."""
    import torch

    from core.multivariate_normal import MultivariateNormal, covariance, probability_within

    normal = MultivariateNormal(torch.zeros(2, dtype=torch.float64, device="cpu"), covariance([1.5, 1.0], 0.6))
    points = normal.sample(COUNT, generator=torch.Generator("cpu").manual_seed(0))
    counted = float((normal.mahalanobis(points) <= 1).double().mean())
    shares = {"exact": probability_within(1.0, 2), "counted": counted, "line": probability_within(1.0, 1)}
    bounds = (0.45, 0.6, 0.9)
    right = OPTIONS[sum(shares["exact"] > bound for bound in bounds)]
    return right, {name: f"{100 * share:.1f}" for name, share in shares.items()} | {"n": f"{COUNT:,}"}
