"""KL divergence: closed forms against torch's, against integrals, and against what it promises."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from core.data import old_faithful
from core.divergence import cross_entropy, kl_integrand, kl_multivariate_normal, kl_normal, kl_numerical
from core.gaussian_mixture import GaussianMixture
from tests.core.test_devices import DevicesAreNamed


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def log_normal(mean: float, std: float):
    return Normal(tensor(mean)[0], tensor(std)[0]).log_prob


PAIRS = [(0, 1, 1, 1), (0, 1, 0, 2), (0, 2, 0, 1), (-1, 0.5, 2, 1.5), (3, 1, 3, 1), (0, 0.1, 0.2, 0.3)]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_closed_form_is_torchs_and_the_integral(pair):
    mean_p, std_p, mean_q, std_q = pair
    closed = float(kl_normal(*pair))
    expected = kl_divergence(Normal(*tensor(mean_p, std_p)), Normal(*tensor(mean_q, std_q)))
    assert closed == pytest.approx(float(expected), abs=1e-12)
    low, high = mean_p - 12 * std_p, mean_p + 12 * std_p
    assert kl_numerical(log_normal(mean_p, std_p), log_normal(mean_q, std_q), low, high) == pytest.approx(
        closed, abs=1e-11
    )
    p, q = norm(mean_p, std_p), norm(mean_q, std_q)
    by_scipy = quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), low, high, epsabs=1e-12, points=[mean_p])[0]
    assert by_scipy == pytest.approx(closed, abs=1e-9)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(-50, 50), st.floats(0.01, 100), st.floats(-50, 50), st.floats(0.01, 100))
def test_it_is_never_negative_and_zero_only_if_equal(mean_p, std_p, mean_q, std_q):
    value = float(kl_normal(mean_p, std_p, mean_q, std_q))
    assert value >= -1e-15
    assert float(kl_normal(mean_p, std_p, mean_p, std_p)) == 0
    if abs(mean_p - mean_q) > 1e-4 * std_q or abs(std_p / std_q - 1) > 1e-4:
        assert value > 1e-10


def test_near_equality_no_digits_are_lost():
    for step in (1e-3, 1e-5, 1e-7):
        assert float(kl_normal(0.0, 1 + step, 0.0, 1.0)) == pytest.approx(step**2, rel=2 * step + 1e-16 / step**2 * 4)


def test_the_two_ways_differ():
    assert float(kl_normal(0, 1, 0, 3)) != pytest.approx(float(kl_normal(0, 3, 0, 1)), rel=0.1)


def test_it_broadcasts():
    stds = tensor(1, 2, 3)
    assert kl_normal(0.0, stds[:, None], 0.0, stds).shape == (3, 3)


@pytest.mark.parametrize("std", [0.0, -1.0, math.nan, math.inf])
def test_a_std_that_is_none_is_refused(std):
    with pytest.raises(ValueError, match="above 0"):
        kl_normal(0.0, 1.0, 0.0, std)
    with pytest.raises(ValueError, match="above 0"):
        kl_normal(0.0, std, 0.0, 1.0)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_multivariate_form_is_torchs(size):
    g = torch.Generator("cpu").manual_seed(size)
    means = torch.randn(2, 4, size, generator=g, dtype=torch.float64)
    roots = torch.randn(2, 4, size, size, generator=g, dtype=torch.float64)
    covs = roots @ roots.mT + 0.1 * torch.eye(size, dtype=torch.float64)
    expected = kl_divergence(MultivariateNormal(means[0], covs[0]), MultivariateNormal(means[1], covs[1]))
    actual = kl_multivariate_normal(means[0], covs[0], means[1], covs[1])
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        kl_multivariate_normal(means[0], covs[0], means[0], covs[0]), torch.zeros(4, dtype=torch.float64)
    )
    one = kl_multivariate_normal(means[0], covs[0, 0], means[1, 0], covs[1])  # (4, D), (D, D), (D,), (4, D, D)
    assert one.shape == (4,)


def test_in_one_dimension_both_forms_agree():
    a = kl_multivariate_normal(tensor(1.0), tensor(4.0)[:, None], tensor(0.0), tensor(9.0)[:, None])
    assert float(a) == pytest.approx(float(kl_normal(1.0, 2.0, 0.0, 3.0)), abs=1e-14)


def test_a_flat_covariance_is_refused():
    flat = torch.ones(2, 2, dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="positive definite"):
        kl_multivariate_normal(tensor(0, 0), eye, tensor(0, 0), flat)


def test_of_a_mixture_from_its_best_normal():
    """The normal nearest to p by KL(p ‖ q) has p's mean and variance; any other is farther away."""
    p = GaussianMixture(tensor(0.3, 0.7), tensor(-2, 1)[:, None], tensor(0.5, 1)[:, None, None])
    mean = 0.3 * -2 + 0.7 * 1
    variance = 0.3 * (0.5 + 4) + 0.7 * (1 + 1) - mean**2

    def away(m: float, s: float) -> float:
        return kl_numerical(lambda x: p.log_prob(x[:, None]), log_normal(m, s), -20, 20)

    nearest = away(mean, math.sqrt(variance))
    for shift, factor in ((0.05, 1), (-0.05, 1), (0, 1.03), (0, 0.97)):
        assert away(mean + shift, factor * math.sqrt(variance)) > nearest + 1e-5


def test_where_p_is_nothing_nothing_is_lost_and_where_q_is_nothing_all_is():
    values = kl_integrand(tensor(-math.inf, -math.inf, 0.0, -1.0), tensor(0.0, -math.inf, -math.inf, -1.0))
    assert values.tolist() == [0.0, 0.0, math.inf, 0.0]


@pytest.mark.parametrize(
    ("low", "high", "count"), [(1, 1, 9), (2, 1, 9), (0, math.inf, 9), (math.nan, 1, 9), (0, 1, 1)]
)
def test_an_interval_that_is_none(low, high, count):
    with pytest.raises(ValueError, match="interval"):
        kl_numerical(log_normal(0, 1), log_normal(0, 1), low, high, count=count)


def test_the_smallest_divergence_from_data_is_maximum_likelihood():
    x = old_faithful().waiting
    mean, std = float(x.mean()), float(x.std(correction=0))
    least = cross_entropy(x, log_normal(mean, std))
    assert least == pytest.approx(-norm(mean, std).logpdf(x.numpy()).mean(), rel=1e-12)
    for shift, factor in ((0.5, 1), (-0.5, 1), (0, 1.05), (0, 0.95)):
        assert cross_entropy(x, log_normal(mean + shift, std * factor)) > least


def test_every_tensor_names_its_device():
    p = log_normal(0, 1)
    eye = torch.eye(2, dtype=torch.float64)
    with DevicesAreNamed():
        kl_normal(0.0, 1.0, 1.0, 2.0)
        kl_multivariate_normal(eye[0], eye, eye[1], eye)
        kl_numerical(p, p, -1, 1)
        cross_entropy(old_faithful().waiting, p)
