"""GaussianMixture against SciPy, and the moments of what it samples."""

import pytest
import torch
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal

from core.gaussian_mixture import GaussianMixture


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_mixture(count: int, size: int, seed: int = 0) -> GaussianMixture:
    g = generator(seed)
    a = torch.randn(count, size, size, generator=g, dtype=torch.float64)
    return GaussianMixture(
        torch.rand(count, generator=g, dtype=torch.float64).softmax(0),
        3 * torch.randn(count, size, generator=g, dtype=torch.float64),
        a @ a.mT + 0.1 * torch.eye(size, dtype=torch.float64),
    )


def scipy_joint(mixture: GaussianMixture, x: torch.Tensor) -> torch.Tensor:
    columns = [
        w.log() + torch.as_tensor(multivariate_normal(m.numpy(), c.numpy()).logpdf(x.numpy()))
        for w, m, c in zip(mixture.weights, mixture.means, mixture.covs, strict=True)
    ]
    return torch.stack(columns, dim=-1)


@pytest.mark.parametrize(("count", "size"), [(1, 2), (3, 2), (2, 5)])
@pytest.mark.parametrize("batch", [(7,), (2, 3, 4)])
def test_scipy_agrees(count, size, batch):
    mixture = random_mixture(count, size)
    x = 4 * torch.randn(*batch, size, generator=generator(1), dtype=torch.float64)
    joint = scipy_joint(mixture, x).reshape(*batch, count).numpy()
    exactly = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(mixture.joint_log_prob(x), torch.as_tensor(joint), **exactly)
    torch.testing.assert_close(mixture.log_prob(x), torch.as_tensor(logsumexp(joint, axis=-1)), **exactly)
    torch.testing.assert_close(mixture.responsibilities(x), torch.as_tensor(softmax(joint, axis=-1)), **exactly)


def test_one_point_needs_no_batch():
    mixture = random_mixture(3, 2)
    assert mixture.log_prob(torch.zeros(2, dtype=torch.float64)).shape == ()
    assert mixture.responsibilities(torch.zeros(2, dtype=torch.float64)).shape == (3,)
    assert mixture.log_prob(torch.zeros(0, 2, dtype=torch.float64)).shape == (0,)


def test_results_are_float64_whatever_comes_in():
    mixture = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None])
    assert mixture.covs.dtype == torch.float64
    assert mixture.log_prob(torch.zeros(4, 2, dtype=torch.float32)).dtype == torch.float64


def test_far_away_the_responsibilities_are_still_shares():
    r = random_mixture(3, 2).responsibilities(torch.tensor([[1e6, -1e6], [1e12, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(r.sum(-1), torch.ones(2, dtype=torch.float64))


def test_a_component_without_weight_takes_no_responsibility():
    mixture = GaussianMixture(torch.tensor([1.0, 0.0]), torch.zeros(2, 1), torch.ones(2, 1, 1))
    torch.testing.assert_close(
        mixture.responsibilities(torch.zeros(1, dtype=torch.float64)), torch.tensor([1.0, 0.0], dtype=torch.float64)
    )


def test_samples_have_the_moments_of_the_mixture():
    mixture = random_mixture(3, 2)
    n = 200_000
    x = mixture.sample(n, generator=generator())
    mean = mixture.weights @ mixture.means
    away = mixture.means - mean
    cov = torch.einsum("k,kij->ij", mixture.weights, mixture.covs + away[:, :, None] * away[:, None, :])
    assert x.shape == (n, 2) and x.dtype == torch.float64
    errors = (x.mean(0) - mean) / (cov.diagonal() / n).sqrt()
    assert float(errors.abs().max()) < 4  # standard errors
    torch.testing.assert_close(x.T.cov(), cov, rtol=0.02, atol=0.02 * float(cov.diagonal().max()))
    torch.testing.assert_close(mixture.responsibilities(x).mean(0), mixture.weights, rtol=0, atol=0.005)


def test_the_same_seed_gives_the_same_points():
    mixture = random_mixture(3, 2)
    torch.testing.assert_close(mixture.sample(9, generator=generator(5)), mixture.sample(9, generator=generator(5)))
    assert not torch.equal(mixture.sample(9, generator=generator(5)), mixture.sample(9, generator=generator(6)))


def test_flat_components_can_be_sampled_and_say_that_they_have_no_density():
    flat = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    mixture = GaussianMixture(
        torch.tensor([0.5, 0.5]), torch.tensor([[5.0, 5.0], [0.0, 0.0]]), torch.stack([0 * flat, flat])
    )
    x = mixture.sample(2000, generator=generator())
    torch.testing.assert_close(x[:, 0], x[:, 1])  # both components lie on the diagonal
    assert 800 < int((x == 5).all(dim=1).sum()) < 1200  # and one of them is a point
    with pytest.raises(ValueError, match="flat"):
        mixture.log_prob(x)


ONE = torch.eye(2)[None]


@pytest.mark.parametrize(
    ("weights", "means", "covs", "says"),
    [
        ([1.0], [[0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], "weights"),
        ([0.5, 0.5], [[0.0, 0.0]], ONE, "weights"),
        ([], torch.zeros(0, 2), torch.zeros(0, 2, 2), "weights"),
        ([0.9], [[0.0, 0.0]], ONE, "add up to one"),
        ([1.5, -0.5], torch.zeros(2, 2), ONE.expand(2, 2, 2), "negative"),
        ([1.0], [[float("nan"), 0.0]], ONE, "finite"),
        ([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]], "symmetric"),
        ([1.0], [[0.0, 0.0]], [[[1.0, 2.0], [2.0, 1.0]]], "eigenvalue"),
    ],
)
def test_what_is_no_mixture_is_refused(weights, means, covs, says):
    with pytest.raises(ValueError, match=says):
        GaussianMixture(torch.as_tensor(weights), torch.as_tensor(means), torch.as_tensor(covs))


def test_points_of_another_dimension_are_refused():
    with pytest.raises(ValueError, match="2 dimensions"):
        random_mixture(1, 2).log_prob(torch.zeros(4, 3))
