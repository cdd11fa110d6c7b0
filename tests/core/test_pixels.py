"""A normal distribution of pixels against NumPy, and what its samples and mirror images are."""

import numpy as np
import pytest
import torch

from core import data, pixels
from tests.core.test_devices import DevicesAreNamed


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


@pytest.fixture(scope="module")
def some() -> torch.Tensor:
    return data.mnist("test").images[:3000]


@pytest.fixture(scope="module")
def fitted(some: torch.Tensor) -> pixels.PixelNormal:
    return pixels.fit(some)


def as_numbers(images: torch.Tensor) -> np.ndarray:
    return images.numpy().reshape(len(images), -1) / 255


def test_mean_and_covariance_are_numpys(some, fitted):
    x = as_numbers(some)
    cov = np.cov(x, rowvar=False, bias=True)
    np.testing.assert_allclose(fitted.mean, x.mean(0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(fitted.cov, cov, rtol=0, atol=1e-13)
    np.testing.assert_allclose(fitted.variances, np.linalg.eigvalsh(cov)[::-1].clip(0), rtol=0, atol=1e-12)
    assert fitted.count == 3000
    assert fitted.constant == int((np.ptp(x, axis=0) == 0).sum()) > 60
    assert fitted.rank == np.linalg.matrix_rank(x - x.mean(0)) <= 784 - fitted.constant


def test_axes_are_eigenvectors_with_the_largest_first(fitted):
    v = fitted.axes
    torch.testing.assert_close(v.T @ v, torch.eye(784, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(fitted.cov @ v, v * fitted.variances, rtol=0, atol=1e-12)
    assert bool((fitted.variances.diff() <= 0).all())
    assert fitted.explained(784) == pytest.approx(1) and 0 < fitted.explained(1) < fitted.explained(50) < 1


def test_whole_numbers_lose_nothing_at_the_largest_sums():
    images = torch.randint(0, 2, (5000, 1, 28, 28), generator=generator(), dtype=torch.uint8) * 255
    images[:, 0, 0] = torch.tensor([0, 255], dtype=torch.uint8).repeat(14)  # a row that never changes
    normal = pixels.fit(images)
    first, second = pixels._sums(images.reshape(5000, -1))
    whole = images.reshape(5000, -1).to(torch.int64) - pixels.MIDDLE
    assert torch.equal(second.to(torch.int64), whole.T @ whole) and torch.equal(first.to(torch.int64), whole.sum(0))
    assert normal.constant == 28 and normal.rank == 784 - 28


def test_samples_have_the_fitted_moments_and_lie_where_pixels_change(fitted):
    n = 20_000
    x = fitted.sample(n, generator=generator())
    never = fitted.cov.diagonal() < 1e-12
    assert int(never.sum()) == fitted.constant
    torch.testing.assert_close(x[:, never], fitted.mean[never].expand(n, -1), rtol=0, atol=1e-6)
    errors = (x.mean(0) - fitted.mean)[~never] / (fitted.cov.diagonal()[~never] / n).sqrt()
    assert float(errors.abs().max()) < 5  # standard errors, 717 of them
    along = x @ fitted.axes[:, :20]
    torch.testing.assert_close(along.var(0), fitted.variances[:20], rtol=0.06, atol=0)


def test_a_ridge_is_added_to_every_direction(fitted):
    with pytest.raises(ValueError, match="flat"):
        fitted.ridged(0.0).log_prob(fitted.mean)
    normal = fitted.ridged(0.01)
    assert not normal.flat
    assert float(normal.log_det()) == pytest.approx(float((fitted.variances + 0.01).log().sum()))
    x = fitted.sample(4000, ridge=0.01, generator=generator())
    never = fitted.cov.diagonal() < 1e-12
    assert float(x[:, never].std()) == pytest.approx(0.1, rel=0.02)
    for ask in (lambda: fitted.ridged(-1.0), lambda: fitted.sample(1, ridge=-1.0, generator=generator())):
        with pytest.raises(ValueError, match="negative"):
            ask()


def test_a_mirror_image_is_as_likely_as_the_picture(some, fitted):
    normal = fitted.ridged(0.01)
    x = torch.as_tensor(as_numbers(some[:20]))
    mirrored = fitted.mirrored(x)
    torch.testing.assert_close(normal.log_prob(mirrored), normal.log_prob(x), rtol=1e-12, atol=0)
    torch.testing.assert_close((x + mirrored) / 2, fitted.mean.expand(20, -1))


def test_one_picture_has_no_spread(some):
    normal = pixels.fit(some[:1])
    assert (normal.rank, normal.constant, normal.explained(3)) == (0, 784, 1.0)
    torch.testing.assert_close(
        normal.sample(2, generator=generator()), torch.as_tensor(as_numbers(some[:1])).expand(2, -1)
    )
    assert pixels.fit(some[:5]).rank == 4


def test_classes_and_data_sets():
    everything, ones = pixels.pictures("mnist"), pixels.pictures("mnist", 1)
    assert len(everything) == 60_000 and len(ones) == 6742
    assert pixels.fitted("mnist", 1) is pixels.fitted("mnist", 1)
    for ask, says in (
        (lambda: pixels.pictures("mnist", 10), "classes"),
        (lambda: pixels.pictures("mnist", -2), "classes"),
        (lambda: pixels.pictures("letters"), "letters"),
        (lambda: pixels.fit(torch.zeros(0, 1, 28, 28, dtype=torch.uint8)), "at least one"),
        (lambda: pixels.fit(torch.zeros(3, 1, 28, 28)), "uint8"),
    ):
        with pytest.raises(ValueError, match=says):
            ask()


def test_no_tensor_without_a_device(some):
    with DevicesAreNamed():
        normal = pixels.fit(some[:50])
        normal.sample(2, generator=generator())
        normal.ridged(0.1).log_prob(normal.mirrored(normal.mean))
