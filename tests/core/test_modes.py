"""Peaks of mixtures: against an independent optimiser from many starts, and where the answer is known."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from core.gaussian_mixture import GaussianMixture
from core.modes import modes
from tests.core.test_devices import DevicesAreNamed


def mixture(rows) -> GaussianMixture:
    """Of rows (weight, mean of x, mean of y, σ of x, σ of y, correlation)."""
    rows = np.array(rows, dtype=float)
    covs = rows[:, 3:5, None] * rows[:, None, 3:5]
    covs[:, 0, 1] *= rows[:, 5]
    covs[:, 1, 0] *= rows[:, 5]
    weights = torch.from_numpy(rows[:, 0] / rows[:, 0].sum())
    return GaussianMixture(weights, torch.from_numpy(rows[:, 1:3].copy()), torch.from_numpy(covs))


def climbed(of: GaussianMixture) -> np.ndarray:
    """The peaks by SciPy's BFGS from a grid of starts."""
    parts = [multivariate_normal(m, c) for m, c in zip(of.means.numpy(), of.covs.numpy(), strict=True)]

    def low(x):
        return -logsumexp([np.log(w) + p.logpdf(x) for w, p in zip(of.weights.numpy(), parts, strict=True)])

    found = []
    for x in np.linspace(-5, 5, 9):
        for y in np.linspace(-4, 4, 7):
            end = minimize(low, (x, y), method="BFGS", options={"gtol": 1e-9})
            if np.linalg.norm(end.jac) < 1e-4 and not any(np.linalg.norm(end.x - p) < 0.02 for p in found):
                around = end.x + 0.02 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [0.7, 0.7], [-0.7, -0.7]])
                if all(low(p) > end.fun for p in around):
                    found.append(end.x)
    return np.array(sorted(found, key=low))


KNOWN = {
    1: [(0.5, -0.9, 0, 1, 1, 0), (0.5, 0.9, 0, 1, 1, 0)],
    2: [(0.5, -1.1, 0, 1, 1, 0), (0.5, 1.1, 0, 1, 1, 0)],
    3: [(0.5, -1.5, -1, 2, 0.35, 0), (0.5, 1, 1.2, 0.35, 1.6, 0)],
}


@pytest.mark.parametrize("count", KNOWN)
def test_two_components_make_one_two_or_three_peaks(count):
    found = modes(mixture(KNOWN[count]))
    assert len(found) == count
    np.testing.assert_allclose(found, climbed(mixture(KNOWN[count])), atol=2e-5)


def test_two_equal_normals_part_at_two_standard_deviations():
    for distance, count in ((1.98, 1), (2.02, 2)):
        assert len(modes(mixture([(1, -distance / 2, 0, 1, 1, 0), (1, distance / 2, 0, 1, 1, 0)]))) == count


@pytest.mark.parametrize("seed", range(4))
def test_random_mixtures_agree_with_an_optimiser(seed):
    rng = np.random.default_rng(seed)
    rows = [
        (rng.uniform(0.1, 1), rng.uniform(-4, 4), rng.uniform(-3, 3), *rng.uniform(0.5, 1.5, 2), rng.uniform(-0.8, 0.8))
        for _ in range(4)
    ]
    of = mixture(rows)
    found = modes(of)
    heights = of.log_prob(found)
    assert (heights[:-1] >= heights[1:]).all()
    np.testing.assert_allclose(found, climbed(of), atol=2e-4)


def test_one_component_equal_ones_and_other_dimensions():
    assert torch.equal(
        modes(mixture([(1, 2.0, -1.0, 1, 2, 0.5)])).round(decimals=9), torch.tensor([[2.0, -1.0]]).double()
    )
    assert len(modes(mixture([(0.3, 1, 1, 0.5, 0.5, 0)] * 8))) == 1
    weights, means = torch.tensor([0.5, 0.5]), torch.tensor([[-3.0], [3.0]])
    line = GaussianMixture(weights, means, torch.ones(2, 1, 1))
    np.testing.assert_allclose(modes(line).sort(dim=0).values, [[-3], [3]], atol=1e-6)


def test_a_flat_component_has_no_density():
    with pytest.raises(ValueError, match="flat"):
        modes(GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2, 2)))


def test_every_tensor_names_its_device():
    of = mixture(KNOWN[3])
    with DevicesAreNamed():
        modes(of)
