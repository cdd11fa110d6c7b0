"""core/normal.py against SciPy, far tails included, and against numerical integrals."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from core import normal
from tests.core.test_devices import DevicesAreNamed

CASES = [(0.0, 1.0), (3.5, 0.1), (-120.0, 25.0), (1e-3, 1e-6), (0.0, 1e8)]
Z = np.concatenate([np.linspace(-37.4, 37.4, 401), [0.0, 1e-300, -1e-12]])


@pytest.mark.parametrize(("mean", "std"), CASES)
def test_densities_and_probabilities_are_scipys(mean, std):
    x = mean + std * Z
    theirs = stats.norm(mean, std)
    np.testing.assert_allclose(normal.log_prob(x, mean, std).numpy(), theirs.logpdf(x), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(normal.prob(x, mean, std).numpy(), theirs.pdf(x), rtol=1e-10, atol=0)
    np.testing.assert_allclose(normal.cdf(x, mean, std).numpy(), special.ndtr((x - mean) / std), rtol=1e-10, atol=0)


def test_the_logarithm_outlives_the_density():
    assert float(normal.prob(60.0, 0.0, 1.0)) == 0.0
    assert float(normal.log_prob(60.0, 0.0, 1.0)) == pytest.approx(-1800 - 0.5 * math.log(2 * math.pi), abs=1e-10)
    assert float(normal.log_prob(1e150, 0.0, 1.0)) == pytest.approx(-5e299, rel=1e-12)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1, 1), (-3, 3), (0, 1e-12), (1e-12, 3e-12), (8, 9), (-9, -8), (30, 31), (-31, -30), (-2, 37), (0.3, 0.9)]
    + [(5, math.inf), (-math.inf, -20), (-math.inf, math.inf)],
)
def test_an_interval_keeps_its_digits_on_both_sides(low, high):
    def exact(a: float, b: float) -> float:
        if a >= 0:  # two small tails
            return (
                special.ndtr(-a) - special.ndtr(-b)
                if a > 0.2
                else (special.erf(b / 2**0.5) - special.erf(a / 2**0.5)) / 2
            )
        return exact(-b, -a) if b <= 0 else exact(0.0, -a) + exact(0.0, b)

    ours = float(normal.interval_probability(2 + 0.5 * low, 2 + 0.5 * high, 2.0, 0.5))
    tolerance = 1e-10 if abs(high - low) > 1e-6 else 1e-3  # 2 + 0.5 low itself has no more digits
    assert ours == pytest.approx(exact(low, high), rel=tolerance)
    assert float(normal.interval_probability(low, high, 0.0, 1.0)) == pytest.approx(exact(low, high), rel=1e-10)


def test_an_empty_interval_has_no_probability():
    assert float(normal.interval_probability(1.0, 1.0, 0.0, 1.0)) == 0.0
    assert float(normal.interval_probability(2.0, -2.0, 0.0, 1.0)) == 0.0
    assert float(normal.interval_probability(9.0, 8.0, 0.0, 1.0)) == 0.0


@pytest.mark.parametrize(("mean", "std"), CASES)
def test_quantiles_undo_the_cdf(mean, std):
    p = np.array([1e-300, 1e-20, 1e-5, 0.1, 0.5, 0.9, 1 - 1e-10])
    np.testing.assert_allclose(normal.quantile(p, 0.0, 1.0).numpy(), special.ndtri(p), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(normal.cdf(normal.quantile(p, 0.0, 1.0), 0.0, 1.0).numpy(), p, rtol=1e-10)
    np.testing.assert_allclose(normal.quantile(p, mean, std).numpy(), mean + std * special.ndtri(p), rtol=1e-10)
    assert normal.quantile(torch.tensor([0.0, 1.0]), mean, std).tolist() == [-math.inf, math.inf]


@pytest.mark.parametrize("std", [0.1, 1.0, 7.0])
def test_entropy_is_the_integral(std):
    def inside(x: float) -> float:
        return -float(normal.prob(x, 1.0, std)) * float(normal.log_prob(x, 1.0, std))

    by_integral = integrate.quad(inside, 1 - 12 * std, 1 + 12 * std, epsabs=1e-13)[0]
    assert float(normal.entropy(std)) == pytest.approx(by_integral, abs=1e-10)
    assert float(normal.entropy(std)) == pytest.approx(stats.norm(1.0, std).entropy(), abs=1e-12)


def test_shapes_broadcast():
    x, mean, std = torch.zeros(5, 1, 1), torch.zeros(3, 1), torch.ones(2)
    for f in (normal.log_prob, normal.prob, normal.cdf):
        assert f(x, mean, std).shape == (5, 3, 2) and f(x, mean, std).dtype == torch.float64
    assert normal.interval_probability(x, x + 1, mean, std).shape == (5, 3, 2)
    assert normal.sample(4, mean, std, generator=torch.Generator().manual_seed(0)).shape == (4, 3, 2)
    assert normal.entropy(std).shape == (2,)


def test_gradients_flow():
    mean = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    normal.log_prob(torch.tensor(1.0), mean, 2.0).backward()
    assert float(mean.grad) == pytest.approx((1.0 - 0.3) / 4, abs=1e-12)


def test_samples_have_the_distribution_and_depend_on_the_seed_alone():
    draws = [normal.sample(20_000, 3.0, 0.5, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert stats.kstest(draws[0].numpy(), stats.norm(3.0, 0.5).cdf).pvalue > 0.01
    assert normal.sample(0, 0.0, 1.0, generator=torch.Generator().manual_seed(0)).shape == (0,)
    with pytest.raises(ValueError, match="must not be negative"):
        normal.sample(-1, 0.0, 1.0, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("std", [0.0, -1.0, math.nan, math.inf, [1.0, 0.0]])
def test_a_width_that_is_none_is_refused_in_a_sentence(std):
    std = torch.tensor(std)
    calls = [
        lambda: normal.log_prob(0.0, 0.0, std),
        lambda: normal.prob(0.0, 0.0, std),
        lambda: normal.cdf(0.0, 0.0, std),
        lambda: normal.interval_probability(0.0, 1.0, 0.0, std),
        lambda: normal.quantile(0.5, 0.0, std),
        lambda: normal.entropy(std),
        lambda: normal.sample(3, 0.0, std, generator=torch.Generator()),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="A standard deviation must be a finite number above zero"):
            call()


def test_a_mean_that_is_none_and_a_probability_that_is_none_are_refused():
    with pytest.raises(ValueError, match="A mean must be a finite number"):
        normal.log_prob(0.0, math.nan, 1.0)
    for p in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            normal.quantile(p, 0.0, 1.0)


def test_every_tensor_names_its_device():
    generator = torch.Generator("cpu").manual_seed(0)
    with DevicesAreNamed():
        for f in (normal.log_prob, normal.prob, normal.cdf):
            assert f(0.5, 0.0, 1.0).device.type == "cpu"
        normal.interval_probability(-1.0, 1.0, 0.0, 1.0)
        normal.quantile(0.5, 0.0, 1.0)
        normal.entropy(1.0)
        normal.sample(3, 0.0, 1.0, generator=generator)
