"""MultivariateNormal against SciPy, NumPy and closed forms, and where numbers overflow or a covariance is flat."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from core.multivariate_normal import (
    MultivariateNormal,
    covariance,
    principal_axes,
    probability_within,
    running_fit,
    sample_by_steps,
    square_root,
)
from tests.core.test_devices import DevicesAreNamed

EXACTLY = {"rtol": 1e-10, "atol": 1e-10}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def random_normal(size: int, *batch: int, seed: int = 0) -> MultivariateNormal:
    a = draw(*batch, size, size, seed=seed)
    return MultivariateNormal(draw(*batch, size, seed=seed + 1), a @ a.mT + 0.1 * torch.eye(size, dtype=torch.float64))


def scipys(normal: MultivariateNormal):
    return stats.multivariate_normal(normal.mean.numpy(), normal.cov.numpy())


def same(ours: torch.Tensor, theirs: object, **tolerance: float) -> None:
    torch.testing.assert_close(ours, torch.as_tensor(theirs, dtype=torch.float64), **(tolerance or EXACTLY))


@pytest.mark.parametrize("size", [1, 2, 5, 30])
@pytest.mark.parametrize("shape", [(7,), (2, 3, 4), ()])
def test_density_distance_and_entropy_are_scipys(size, shape):
    normal = random_normal(size)
    x = 3 * draw(*shape, size)
    theirs = scipys(normal)
    same(normal.log_prob(x), theirs.logpdf(x.numpy()).reshape(shape))
    same(normal.entropy(), theirs.entropy())
    away = (x - normal.mean).reshape(-1, size).numpy()
    squared = np.einsum("ni,ij,nj->n", away, np.linalg.inv(normal.cov.numpy()), away)
    same(normal.mahalanobis(x), np.sqrt(squared).reshape(shape))
    same(normal.log_det(), np.linalg.slogdet(normal.cov.numpy())[1])


def test_a_batch_is_each_of_its_normals():
    batch = random_normal(3, 4)
    x = draw(5, 4, 3)
    for k in range(4):
        one = MultivariateNormal(batch.mean[k], batch.cov[k])
        same(batch.log_prob(x)[:, k], one.log_prob(x[:, k]))
        same(batch.entropy()[k], one.entropy())
        same(batch.condition(1, 0.3).mean[k], one.condition(1, 0.3).mean)
        same(batch.marginal([0, 2]).cov[k], one.marginal([0, 2]).cov)
    assert batch.sample(6, generator=generator()).shape == (6, 4, 3)
    shared = MultivariateNormal(draw(7, 3), random_normal(3).cov)
    assert shared.log_prob(draw(7, 3)).shape == (7,) and shared.sample(2, generator=generator()).shape == (2, 7, 3)


@pytest.mark.parametrize("exponent", [10.0, -10.0])
def test_a_determinant_beyond_all_numbers_does_no_harm(exponent):
    normal = MultivariateNormal(torch.zeros(100), math.exp(exponent) * torch.eye(100, dtype=torch.float64))
    assert float(torch.linalg.det(normal.cov)) in (math.inf, 0.0)
    x = math.exp(exponent / 2) * draw(100)
    ours = normal.log_prob(x)
    same(ours, stats.norm(scale=math.exp(exponent / 2)).logpdf(x.numpy()).sum())
    same(normal.log_det(), 100 * exponent)
    assert abs(float(normal.log_det())) == pytest.approx(1000)


def test_far_away_the_log_density_is_still_a_number():
    value = random_normal(2).log_prob(torch.tensor([1e8, -1e8], dtype=torch.float64))
    assert torch.isfinite(value) and value < -1e12


@pytest.mark.parametrize("kept", [0, 3, [1], [0, 2], [3, 1], [-1, 0], (2, 3, 0), [0, 1, 2, 3]])
def test_marginals_are_integrals(kept):
    normal = random_normal(4)
    chosen = sorted(i % 4 for i in ([kept] if isinstance(kept, int) else kept))
    part = normal.marginal(kept)
    same(part.mean, normal.mean[chosen])
    same(part.cov, normal.cov.numpy()[np.ix_(chosen, chosen)])
    # the density of the rest integrates to one: joint = marginal × conditional at any place
    x = draw(4)
    if len(chosen) < 4:
        rest = [i for i in range(4) if i not in chosen]
        other = normal.condition(chosen, x[chosen])
        same(part.log_prob(x[chosen]) + other.log_prob(x[rest]), normal.log_prob(x))


def test_a_marginal_is_the_integral_of_the_joint():
    normal = random_normal(2)
    line = torch.linspace(-40, 40, 4001, dtype=torch.float64)
    at = torch.tensor([0.3, -1.2], dtype=torch.float64)
    joint = normal.log_prob(torch.stack(torch.meshgrid(at, line, indexing="ij"), dim=-1)).exp()
    same(torch.trapezoid(joint, line), normal.marginal(0).log_prob(at[:, None]).exp())


@pytest.mark.parametrize("index", [0, 2, [1], [0, 3], [3, 0], [2, 0, 1]])
def test_conditionals_are_what_the_inverse_says(index):
    """Bishop 2006, equations 2.73 and 2.75, by the precision matrix instead of the Schur complement."""
    normal = random_normal(4)
    known = [index] if isinstance(index, int) else index
    rest = [i for i in range(4) if i not in known]
    value = draw(len(known), seed=9)
    ours = normal.condition(index, value[0] if isinstance(index, int) else value)
    precision = np.linalg.inv(normal.cov.numpy())
    cov = np.linalg.inv(precision[np.ix_(rest, rest)])
    mean = normal.mean.numpy()
    same(ours.cov, cov)
    same(ours.mean, mean[rest] - cov @ precision[np.ix_(rest, known)] @ (value.numpy() - mean[known]))


def test_conditions_come_in_batches_and_in_turns():
    normal = random_normal(3)
    values = draw(6)
    together = normal.condition(0, values)
    assert together.mean.shape == (6, 2) and together.cov.shape == (2, 2)
    same(together.mean[4], normal.condition(0, float(values[4])).mean)
    assert normal.condition([0, 2], draw(5, 4, 2)).mean.shape == (5, 4, 1)
    at_once, by_turns = normal.condition([0, 1], [0.2, -0.4]), normal.condition(0, 0.2).condition(0, -0.4)
    same(at_once.mean, by_turns.mean)
    same(at_once.cov, by_turns.cov)
    same(normal.condition([], torch.zeros(0)).mean, normal.mean)


@pytest.mark.parametrize("n", [1, 2, 7, 500])
def test_a_fit_is_numpys_divided_by_n(n):
    x = 3 + 2 * draw(n, 3)
    fitted = MultivariateNormal.fit(x)
    same(fitted.mean, x.numpy().mean(0))
    same(fitted.cov, np.cov(x.numpy(), rowvar=False, bias=True))
    assert fitted.flat == (n <= 3)


def test_no_other_mean_or_covariance_is_more_likely():
    x = random_normal(3).sample(50, generator=generator(3))
    fitted = MultivariateNormal.fit(x)
    best = fitted.log_prob(x).sum()
    for seed in range(30):
        nudge = 0.05 * draw(3, 3, seed=seed)
        other = MultivariateNormal(
            fitted.mean + 0.05 * draw(3, seed=seed + 100),
            (torch.eye(3, dtype=torch.float64) + nudge) @ fitted.cov @ (torch.eye(3, dtype=torch.float64) + nudge).T,
        )
        assert other.log_prob(x).sum() < best


def test_fits_come_in_batches():
    x = draw(4, 20, 2)
    same(MultivariateNormal.fit(x).cov[2], MultivariateNormal.fit(x[2]).cov)
    assert MultivariateNormal.fit(x).mean.shape == (4, 2)


def test_equal_points_have_no_spread_at_all():
    fitted = MultivariateNormal.fit(torch.full((3, 2), 0.1, dtype=torch.float64))
    assert bool((fitted.cov == 0).all()) and fitted.flat
    same(fitted.sample(4, generator=generator()), np.full((4, 2), 0.1))
    column = torch.stack([torch.full((40,), 0.3, dtype=torch.float64), draw(40)], dim=1)
    assert MultivariateNormal.fit(column).flat
    assert MultivariateNormal.fit(torch.stack([draw(40), 3 * draw(40)], dim=1)).flat  # twice the same column


def test_running_fits_are_the_fits_of_the_first_points():
    x = 170 + 9 * draw(30, 2)
    means, covs = running_fit(x)
    for n in (1, 2, 3, 17, 30):
        same(means[n - 1], x[:n].numpy().mean(0))
        same(covs[n - 1], np.cov(x[:n].numpy(), rowvar=False, bias=True))
    assert bool((running_fit(torch.full((5, 2), 0.1))[1] == 0).all())


def test_samples_have_the_moments():
    n, normal = 200_000, random_normal(4)
    x = normal.sample(n, generator=generator())
    errors = (x.mean(0) - normal.mean) / (normal.cov.diagonal() / n).sqrt()
    assert float(errors.abs().max()) < 4  # standard errors
    s = normal.cov  # variance of a sample covariance: (s_ij² + s_ii s_jj) / n
    spread = ((s.square() + s.diagonal()[:, None] * s.diagonal()[None]) / n).sqrt()
    assert float(((x.T.cov(correction=0) - s) / spread).abs().max()) < 4
    distances = normal.mahalanobis(x).square().numpy()
    assert stats.kstest(distances, stats.chi2(4).cdf).pvalue > 1e-3
    assert normal.sample(0, generator=generator()).shape == (0, 4)
    same(normal.sample(3, generator=generator(5)), normal.sample(3, generator=generator(5)))


def test_the_steps_of_a_sample_are_its_road():
    normal = random_normal(2)
    steps = list(sample_by_steps(normal, 100_000, generator=generator()))
    assert [s.name for s in steps] == ["z", "stretch", "shear", "shift"]
    same(steps[-1].points, normal.sample(100_000, generator=generator()))
    same(steps[-1].cov, normal.cov)
    same(steps[1].points, steps[0].points * normal.factor.diagonal())
    same(steps[2].points, steps[0].points @ normal.factor.T)
    for step in steps:
        fitted = MultivariateNormal.fit(step.points)
        same(fitted.mean, step.mean, rtol=0, atol=0.05)
        same(fitted.cov, step.cov, rtol=0.05, atol=0.05)


def test_a_flat_normal_can_be_sampled_and_says_that_it_has_no_density():
    flat = MultivariateNormal(torch.tensor([1.0, 2.0]), torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    x = flat.sample(500, generator=generator())
    same(x[:, 1] - 2, 2 * (x[:, 0] - 1))
    assert 0.8 < float(x[:, 0].std()) < 1.2
    for ask in (flat.log_prob, flat.mahalanobis):
        with pytest.raises(ValueError, match="flat"):
            ask(x)
    for ask in (flat.entropy, flat.log_det, lambda: flat.factor):
        with pytest.raises(ValueError, match="flat"):
            ask()
    known = flat.condition(0, 3.0)
    same(known.mean, [6.0])
    assert abs(float(known.cov)) < 1e-12 and known.sample(2, generator=generator()).shape == (2, 1)
    with pytest.raises(ValueError, match="flat"):
        MultivariateNormal(torch.zeros(2), torch.diag(torch.tensor([0.0, 1.0]))).condition(0, 0.0)
    assert not MultivariateNormal(torch.zeros(2), covariance([1e-9, 1e9], 0.99999)).flat  # units are no flatness


def test_gradients_flow_to_the_parameters():
    mean, root, x = draw(2).requires_grad_(), draw(2, 2).requires_grad_(), draw(5, 2)
    cov = root @ root.T + torch.eye(2, dtype=torch.float64)
    MultivariateNormal(mean, cov).log_prob(x).sum().backward()
    same(mean.grad, (x - mean.detach()).numpy().sum(0) @ np.linalg.inv(cov.detach().numpy()))
    assert float(root.grad.abs().max()) > 0


@pytest.mark.parametrize(("stds", "correlation"), [([1.5, 0.5], 0.7), ([0.0, 2.0], -1.0), ([1.0, 1.0], 0.0)])
def test_covariances_and_their_axes(stds, correlation):
    cov = covariance(stds, correlation)
    a, b = stds
    same(cov, [[a * a, correlation * a * b], [correlation * a * b, b * b]])
    variances, axes = principal_axes(cov)
    assert variances[0] >= variances[1] >= 0
    same(cov @ axes, (axes * variances).numpy())
    same(axes.T @ axes, np.eye(2))
    same(square_root(cov) @ square_root(cov).T, cov.numpy())
    same(covariance([stds, stds], [correlation, 0.0])[0], cov.numpy())


@pytest.mark.parametrize("size", [1, 2, 3, 784])
def test_the_probability_within_a_distance_is_chi_squared(size):
    for radius in (0.0, 0.5, 1.0, 2.0, 28.0):
        assert probability_within(radius, size) == pytest.approx(stats.chi2(size).cdf(radius**2), abs=1e-12)
    assert probability_within(1, 2) == pytest.approx(1 - math.exp(-0.5), abs=1e-15)


EYE = torch.eye(2)
NAN = float("nan")


@pytest.mark.parametrize(
    ("mean", "cov", "says"),
    [
        ([0.0, 0.0], [1.0, 1.0], "shape"),
        ([0.0, 0.0, 0.0], EYE, "shape"),
        (0.0, [[1.0]], "shape"),
        (torch.zeros(0), torch.zeros(0, 0), "shape"),
        ([NAN, 0.0], EYE, "finite"),
        ([0.0, 0.0], [[NAN, 0.0], [0.0, 1.0]], "finite"),
        ([0.0, 0.0], [[math.inf, 0.0], [0.0, 1.0]], "finite"),
        ([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]], "symmetric"),
        ([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]], "eigenvalue"),
        ([0.0, 0.0], [[-1.0, 0.0], [0.0, 1.0]], "eigenvalue"),
    ],
)
def test_what_is_no_normal_is_refused(mean, cov, says):
    with pytest.raises(ValueError, match=says):
        MultivariateNormal(torch.as_tensor(mean), torch.as_tensor(cov))


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda n: n.log_prob(torch.zeros(4, 2)), "3 dimensions"),
        (lambda n: n.log_prob(torch.tensor(1.0)), "3 dimensions"),
        (lambda n: n.marginal(3), "0 to 2"),
        (lambda n: n.marginal([]), "at least one"),
        (lambda n: n.marginal([0, -3]), "twice"),
        (lambda n: n.condition([0, 0], [1.0, 1.0]), "twice"),
        (lambda n: n.condition(-4, 1.0), "0 to 2"),
        (lambda n: n.condition([0, 1, 2], [1.0, 1.0, 1.0]), "remain"),
        (lambda n: n.condition([0, 1], [1.0]), "2 coordinates"),
        (lambda n: n.condition([0, 1], 1.0), "2 coordinates"),
        (lambda n: n.condition(0, NAN), "finite"),
        (lambda n: n.sample(-1, generator=generator()), "negative"),
        (lambda n: MultivariateNormal.fit(torch.zeros(0, 2)), "at least one point"),
        (lambda n: MultivariateNormal.fit(torch.zeros(3)), "at least one point"),
        (lambda n: MultivariateNormal.fit(torch.tensor([[NAN, 1.0]])), "finite"),
        (lambda n: covariance([1.0, -1.0], 0.0), "negative"),
        (lambda n: covariance([1.0, 1.0], 1.1), "between"),
        (lambda n: probability_within(-1.0, 2), "not negative"),
        (lambda n: probability_within(1.0, 0), "dimension"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(ask, says):
    with pytest.raises(ValueError, match=says):
        ask(random_normal(3))


def test_no_tensor_without_a_device_and_all_in_float64():
    given = draw(20, 2).float()
    cov = torch.eye(2, device="cpu")
    with DevicesAreNamed():
        normal = MultivariateNormal.fit(given)
        results = [
            normal.log_prob(given), normal.mahalanobis(given), normal.entropy(), normal.condition(0, 1.0).mean,
            normal.marginal(1).cov, normal.sample(2, generator=generator()), *running_fit(given), square_root(cov),
            *(s.points for s in sample_by_steps(normal, 2, generator=generator())), covariance([1.0, 2.0], 0.5),
        ]  # fmt: skip
        probability_within(1.0, 2)
    assert {r.dtype for r in results} == {torch.float64}
