"""Distances between samples, against SciPy and against closed forms."""

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance
import torch
from torch.testing import assert_close

from core.metrics import energy_distance, frechet_distance


def features(n, d, seed, scale=1.0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    return scale * torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix + shift


def frechet_by_scipy(a, b):
    a, b = a.double().numpy(), b.double().numpy()
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(np.atleast_2d(cov_a) @ np.atleast_2d(cov_b))
    mean = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return mean + np.trace(np.atleast_2d(cov_a + cov_b)) - 2 * np.trace(root).real


@pytest.mark.parametrize(("n", "m", "d"), [(50, 70, 1), (200, 300, 5), (500, 400, 32)])
def test_frechet_distance_agrees_with_scipy(n, m, d):
    a, b = features(n, d, 1), features(m, d, 2, scale=1.7, shift=0.3)
    assert_close(frechet_distance(a, b), frechet_by_scipy(a, b), rtol=1e-8, atol=1e-8)


def test_frechet_distance_of_normals_on_a_line():
    x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    # means 0 and 5, deviations √2 and 3√2: 5² + (3√2 − √2)²
    assert_close(frechet_distance(x, 3 * x + 5), 25.0 + 8.0)


def test_frechet_distance_is_symmetric_and_zero_to_itself():
    a, b = features(100, 8, 3), features(90, 8, 4, shift=1.0)
    assert_close(frechet_distance(a, b), frechet_distance(b, a), rtol=1e-10, atol=1e-10)
    assert 0 <= frechet_distance(a, a) < 1e-10
    assert_close(frechet_distance(a, a + 2), 4.0 * 8, rtol=1e-9, atol=1e-9)


def test_frechet_distance_of_fewer_rows_than_columns_is_finite():
    a, b = features(10, 64, 5), features(12, 64, 6)
    moved = frechet_distance(a, a + 1)
    assert_close(moved, 64.0, rtol=1e-9, atol=1e-9)
    assert np.isfinite(frechet_distance(a, b))
    assert frechet_distance(a, torch.zeros(3, 64)) == pytest.approx((a.mean(0).square().sum() + a.var(0).sum()).item())


def test_frechet_distance_survives_large_offsets_and_low_precision():
    a, b = features(300, 4, 7), features(300, 4, 8)
    assert_close(frechet_distance(a + 1e6, b + 1e6), frechet_distance(a, b), rtol=1e-5, atol=1e-5)
    half = frechet_distance(a.to(torch.bfloat16), b.to(torch.bfloat16))
    assert half == pytest.approx(frechet_distance(a, b), rel=0.05)


@pytest.mark.parametrize("distance", [frechet_distance, energy_distance])
@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (torch.zeros(3), torch.zeros(3, 2), r"shape \(N, D\)"),
        (torch.zeros(3, 2), [[0.0, 1.0]], r"shape \(N, D\)"),
        (torch.zeros(3, 0), torch.zeros(3, 0), r"shape \(N, D\)"),
        (torch.zeros(1, 2), torch.zeros(3, 2), "at least 2 rows, not 1"),
        (torch.zeros(3, 2), torch.zeros(3, 4), "must agree"),
        (torch.zeros(3, 2), torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]), "not a finite number"),
        (torch.tensor([[torch.inf], [0.0]]), torch.zeros(3, 1), "not a finite number"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(distance, a, b, said):
    with pytest.raises(ValueError, match=said):
        distance(a, b)


@pytest.mark.parametrize(("n", "m", "d"), [(2, 3, 1), (40, 60, 2), (1030, 1500, 3)])
def test_energy_distance_agrees_with_all_pairs_by_scipy(n, m, d):
    a, b = features(n, d, 9), features(m, d, 10, shift=0.5)
    between = scipy.spatial.distance.cdist(a.numpy(), b.numpy()).mean()
    within = [scipy.spatial.distance.pdist(x.numpy()).mean() for x in (a, b)]  # each pair once, none with itself
    assert_close(energy_distance(a, b), 2 * between - sum(within), rtol=1e-9, atol=1e-9)


def test_energy_distance_is_unbiased():
    generator = torch.Generator().manual_seed(11)
    draws = torch.randn(400, 2, 10, 2, generator=generator, dtype=torch.float64)
    values = torch.tensor([energy_distance(a, b) for a, b in draws])
    assert (values < 0).any()
    assert abs(values.mean()) < 4 * values.std() / len(values) ** 0.5
    far = torch.randn(10, 2, generator=generator) + 10
    assert energy_distance(draws[0, 0], far) > 10


@pytest.mark.parametrize("distance", [frechet_distance, energy_distance])
def test_every_tensor_is_made_on_a_named_device(distance):
    a, b = features(30, 3, 12), features(40, 3, 13)
    expected = distance(a, b)
    with torch.device("meta"):  # a factory call without a device makes a tensor without content
        assert distance(a, b) == expected
