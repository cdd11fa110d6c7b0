"""Maximum likelihood, the estimates of many repetitions, and how well a distribution fits: against SciPy and NumPy."""

import inspect
import math

import numpy as np
import pytest
import torch
from scipy import signal, stats
from torch.testing import assert_close

from core import estimators, goodness, likelihood
from core.scenes import likelihood as scenes
from tests.core.test_devices import DevicesAreNamed


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def drawn(*shape: int, seed: int = 0, mean: float = 1.5, std: float = 2.5) -> torch.Tensor:
    return mean + std * torch.randn(*shape, generator=generator(seed), dtype=torch.float64, device="cpu")


# ---- the fit and the likelihood -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_the_fit_is_scipys(n):
    x = drawn(n, seed=n)
    mean, std = likelihood.fit_normal(x)
    expected = stats.norm.fit(x.numpy())
    assert_close(torch.stack([mean, std]), torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12)


def test_the_fit_takes_any_batch():
    x = drawn(3, 4, 11)
    mean, std = likelihood.fit_normal(x)
    assert_close(mean, x.mean(-1), rtol=1e-12, atol=1e-12)
    assert_close(std, x.std(-1, correction=0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [0.1, -3.7, 1e12])
def test_equal_values_have_exactly_no_spread(value):
    mean, std = likelihood.fit_normal(torch.full((7,), value, dtype=torch.float64))
    assert float(mean) == value and float(std) == 0.0


def test_a_large_offset_costs_no_digits():
    x = drawn(500)
    _, std = likelihood.fit_normal(x)
    _, shifted = likelihood.fit_normal(x + 1e9)
    assert float(shifted) == pytest.approx(float(std), rel=1e-6)


@pytest.mark.parametrize("bad", [[], [1.0, math.nan], [math.inf], [1e200, -1e200]])
def test_what_cannot_be_fitted_is_said(bad):
    with pytest.raises(ValueError, match="value"):
        likelihood.fit_normal(torch.tensor(bad, dtype=torch.float64))


def test_densities_multiply_and_logarithms_add():
    x, means, stds = drawn(4, 6), torch.tensor([0.0, 1, 2, -1]).double(), torch.tensor([0.5, 1, 2, 7]).double()
    logs = stats.norm.logpdf(x.numpy(), means[:, None].numpy(), stds[:, None].numpy())
    assert_close(likelihood.log_likelihood(x, means, stds), torch.from_numpy(logs.sum(1)), rtol=1e-12, atol=1e-12)
    product = torch.from_numpy(np.exp(logs).prod(1))
    assert_close(likelihood.likelihood(x, means, stds), product, rtol=1e-10, atol=0)


def test_where_the_product_is_nothing_the_sum_is_still_right():
    x = drawn(2000)
    assert float(likelihood.likelihood(x, 0.0, 1.0)) == 0.0
    expected = stats.norm.logpdf(x.numpy()).sum()
    assert float(likelihood.log_likelihood(x, 0.0, 1.0)) == pytest.approx(expected, rel=1e-12)


def test_the_map_is_the_log_likelihood_of_every_pair():
    x, means, stds = drawn(9), torch.linspace(-3, 5, 7).double(), torch.linspace(0.2, 6, 5).double()
    one_by_one = likelihood.log_likelihood(x, means.expand(5, 7), stds[:, None].expand(5, 7))
    assert_close(likelihood.log_likelihood_map(x, means, stds), one_by_one, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("std", [0.0, -1.0, math.inf, math.nan])
def test_no_distribution_has_such_a_width(std):
    x = drawn(5)
    for function in (likelihood.likelihood, likelihood.log_likelihood, likelihood.gradient):
        with pytest.raises(ValueError, match="standard deviation"):
            function(x, 0.0, std)
    with pytest.raises(ValueError, match="standard deviation"):
        likelihood.log_likelihood_map(x, torch.zeros(1), torch.tensor([std]))


# ---- walking there --------------------------------------------------------------------------------------------------


def test_the_gradient_is_that_of_autograd():
    x = drawn(3, 8)
    mean, std = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ([0.1, 1, 2], [0.5, 1, 3]))
    likelihood.log_likelihood(x, mean, std).sum().backward()
    by_mean, by_std = likelihood.gradient(x, mean.detach(), std.detach())
    assert_close(by_mean, mean.grad, rtol=1e-10, atol=1e-10)
    assert_close(by_std, std.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("coordinates", likelihood.COORDINATES)
def test_ascent_takes_the_steps_that_autograd_would(coordinates):
    x, rate = drawn(6), 0.2
    states = list(likelihood.ascend(x, (-1.0, 2.0), rate=rate, steps=5, coordinates=coordinates))
    mean, free = -1.0, 2.0 if coordinates == "std" else math.log(2.0)
    for state in states:
        std = free if coordinates == "std" else math.exp(free)
        assert (state.mean, state.std) == (pytest.approx(mean, rel=1e-10), pytest.approx(std, rel=1e-10))
        m, f = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (mean, free))
        value = likelihood.log_likelihood(x, m, f if coordinates == "std" else f.exp())
        assert state.log_likelihood == pytest.approx(value.item(), rel=1e-10)
        (value / 6).backward()
        assert state.gradient == (pytest.approx(m.grad.item(), abs=1e-10), pytest.approx(f.grad.item(), abs=1e-10))
        mean, free = mean + rate * m.grad.item(), free + rate * f.grad.item()
    assert [s.step for s in states] == list(range(6))


@pytest.mark.parametrize("coordinates", likelihood.COORDINATES)
def test_ascent_arrives_at_the_closed_form_and_never_falls(coordinates):
    x = drawn(20)
    rate = 0.3 * likelihood.largest_rate(x, coordinates)
    *_, before, last = list(likelihood.ascend(x, (-1.0, 2.0), rate=rate, steps=5000, coordinates=coordinates))
    mean, std = likelihood.fit_normal(x)
    assert (before.outcome, last.outcome) == ("going", "arrived")
    assert last.mean == pytest.approx(float(mean), abs=1e-2) and last.std == pytest.approx(float(std), abs=1e-2)
    walk = likelihood.ascend(x, (-1.0, 2.0), rate=rate, steps=400, coordinates=coordinates)
    values = [s.log_likelihood for s in walk]
    assert all(b >= a for a, b in zip(values, values[1:], strict=False))


def test_states_are_frozen():
    state = next(likelihood.ascend(drawn(3), (0.0, 1.0), rate=0.1, steps=0))
    with pytest.raises(AttributeError):
        state.mean = 3.0


@pytest.mark.parametrize(("coordinates", "over"), [("std", 1.05), ("log_std", 1.05)])
@pytest.mark.parametrize("std", [0.4, 3.0])
def test_the_largest_rate_is_where_settling_ends(coordinates, over, std):
    """From a little beside the top: just below the limit the distance shrinks, just above it grows."""
    x = drawn(50, std=std)
    mean, best = (float(v) for v in likelihood.fit_normal(x))
    start, limit = (mean + 1e-4, best * (1 + 1e-4)), likelihood.largest_rate(x, coordinates)

    def away(rate: float) -> float:
        walk = likelihood.ascend(x, start, rate=rate, steps=40, coordinates=coordinates, tolerance=0)
        *_, last = walk
        return math.hypot(last.mean - mean, last.std - best)

    first = math.hypot(1e-4, best * 1e-4)
    assert away(limit / over) < first < away(limit * over)


def test_a_step_below_zero_breaks_the_walk_and_says_so():
    x = torch.tensor([1.0, 1.1, 0.9], dtype=torch.float64)
    *_, before, last = likelihood.ascend(x, (1.0, 0.5), rate=10.0, steps=50, coordinates="std")
    assert last.outcome == "broken" and last.std <= 0 and math.isnan(last.log_likelihood)
    assert before.outcome == "going" and before.std > 0 and last.step == before.step + 1


def test_a_step_beyond_all_numbers_breaks_the_walk():
    *_, last = likelihood.ascend(drawn(5), (50.0, 0.1), rate=1.0, steps=50)
    assert last.outcome == "broken" and last.std > 1e100


def test_equal_values_are_walked_towards_without_end():
    x = torch.ones(4, dtype=torch.float64)
    states = list(likelihood.ascend(x, (1.0, 1.0), rate=0.5, steps=30))
    assert all(b.log_likelihood > a.log_likelihood for a, b in zip(states, states[1:], strict=False))
    assert states[-1].std == pytest.approx(math.exp(-15)) and states[-1].outcome == "going"


@pytest.mark.parametrize(
    "wrong",
    [{"rate": 0.0}, {"rate": math.nan}, {"steps": -1}, {"coordinates": "var"}, {"start": (0.0, 0.0)}],
)
def test_walks_that_make_no_sense_are_refused(wrong):
    settings = {"start": (0.0, 1.0), "rate": 0.1, "steps": 3} | wrong
    with pytest.raises(ValueError, match="rate|steps|coordinates|start"):
        list(likelihood.ascend(drawn(4), **settings))


def test_shares_are_counted_with_the_bound_included():
    x = torch.tensor([[1.0, 2.0, 2.0, 3.0], [5.0, 5.0, 5.0, 5.0]])
    assert likelihood.share_up_to(x, 2.0).tolist() == [0.75, 0.0]


# ---- repetitions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "std"), [(2, 1.0), (5, 1.0), (30, 2.0)])
def test_estimates_behave_as_theory_says(n, std):
    many = 40_000
    tried, theory = estimators.repeat(many, n, 3.0, std, generator=generator(n)), estimators.Theory(n, std)
    assert tried.means.shape == tried.variances.shape == (many,)
    sure = 4.5 / math.sqrt(many)  # standard errors of a mean of `many`
    assert float(tried.means.mean()) == pytest.approx(3.0, abs=sure * theory.standard_error)
    assert estimators.spread(tried.means) == pytest.approx(theory.standard_error, rel=sure)
    spread = float(tried.variances.std())
    assert float(tried.variances.mean()) - std**2 == pytest.approx(theory.bias, abs=sure * spread)
    for values, divisor in ((tried.variances, n), (tried.unbiased, n - 1)):
        squares = (values - std**2).square()
        error = estimators.mean_squared_error(values, std**2)
        assert error == pytest.approx(theory.squared_error(divisor), abs=sure * float(squares.std()))
    known = stats.chi2(n - 1, scale=std**2 / n)
    assert stats.kstest(tried.variances.numpy(), known.cdf).pvalue > 1e-4


@pytest.mark.parametrize("n", [2, 3, 5, 40, 100])
@pytest.mark.parametrize("std", [0.3, 2.0])
def test_theory_against_scipy(n, std):
    theory = estimators.Theory(n, std)
    for divisor in (n, n - 1, n + 1):
        known = stats.chi2(n - 1, scale=std**2 / divisor)
        error = known.var() + (known.mean() - std**2) ** 2
        assert theory.squared_error(divisor) == pytest.approx(error, rel=1e-12)
        at = np.linspace(0.01, 5, 40) * std**2
        density = theory.variance_density(torch.from_numpy(at), divisor)
        assert_close(density, torch.from_numpy(known.pdf(at)), rtol=1e-9, atol=1e-300)
    assert theory.squared_error(n) == pytest.approx((2 * n - 1) / n**2 * std**4, rel=1e-12)
    assert theory.squared_error(n + 1) < theory.squared_error(n) < theory.squared_error(n - 1)


def test_a_single_value_has_no_spread():
    tried, theory = estimators.repeat(10, 1, 0.0, 1.0, generator=generator()), estimators.Theory(1, 1.0)
    assert not tried.variances.any() and bool(tried.unbiased.isnan().all())
    assert theory.expected_variance == 0 and math.isnan(theory.squared_error(0))
    assert bool(theory.variance_density(torch.ones(2), 1).isnan().all())


def test_the_same_seed_gives_the_same_estimates_in_parts_or_at_once(monkeypatch):
    whole = estimators.repeat(64, 16, 0.0, 1.0, generator=generator(5))
    monkeypatch.setattr(estimators, "AT_ONCE", 256)  # parts of 16: torch fills blocks of 16
    parts = estimators.repeat(64, 16, 0.0, 1.0, generator=generator(5))
    assert_close(parts.means, whole.means)


@pytest.mark.parametrize("wrong", [(0, 5, 0.0, 1.0), (5, 0, 0.0, 1.0), (5, 5, math.nan, 1.0), (5, 5, 0.0, 0.0)])
def test_experiments_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must be|needs"):
        estimators.repeat(*wrong, generator=generator())


# ---- how well it fits -----------------------------------------------------------------------------------------------


def test_a_histogram_is_numpys():
    x, edges = drawn(300), torch.linspace(-4, 6, 21, dtype=torch.float64)
    counts, _ = np.histogram(x.numpy(), edges.numpy())
    assert_close(goodness.histogram(x, edges), torch.from_numpy(counts / (300 * 0.5)), rtol=1e-12, atol=1e-12)


def test_quantile_pairs_are_scipys():
    x = drawn(40)
    expected, seen = goodness.quantile_pairs(x, 1.0, 2.0)
    p = (np.arange(40) + 0.5) / 40
    assert_close(expected, torch.from_numpy(stats.norm.ppf(p, 1.0, 2.0)), rtol=1e-10, atol=1e-10)
    assert_close(seen, torch.from_numpy(np.sort(x.numpy())), rtol=0, atol=0)


@pytest.mark.parametrize("n", [1, 7, 500])
def test_the_largest_gap_is_kolmogorovs(n):
    x = drawn(n, seed=n)
    assert goodness.largest_gap(x, 1.0, 2.0) == pytest.approx(
        stats.kstest(x.numpy(), stats.norm(1.0, 2.0).cdf).statistic, rel=1e-10
    )


def test_chance_makes_a_gap_that_large_once_in_twenty():
    """The curve is fitted to the same values, so Kolmogorov's own table would be too generous."""
    n, many = 100, 3000
    gaps = []
    for x in drawn(many, n, seed=3):
        gaps.append(goodness.largest_gap(x, *likelihood.fit_normal(x)))
    share = np.mean(np.array(gaps) > goodness.chance_gap(n))
    assert share == pytest.approx(0.05, abs=0.015)


def test_a_smooth_curve_is_scipys():
    x, at = drawn(2500), torch.linspace(-8, 10, 50, dtype=torch.float64)
    width = goodness.reference_width(x)
    assert width == pytest.approx(1.06 * x.numpy().std() * 2500**-0.2, rel=1e-12)
    known = stats.gaussian_kde(x.numpy(), bw_method=width / x.numpy().std(ddof=1))
    assert_close(goodness.kernel_density(x, at), torch.from_numpy(known(at.numpy())), rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="same"):
        goodness.kernel_density(torch.ones(4, dtype=torch.float64), at)


@pytest.mark.parametrize(
    "curve",
    [
        [0, 1, 0.5, 2, 0],
        [0, 1, 0.999, 2, 0],  # a dent of less than a hundredth of the highest is none
        [0, 1, 1, 0],
        [0, 1, 2, 3],  # no peak inside
        [0, 3, 0, 1, 0.5, 1, 0],
    ],
)
def test_peaks_are_scipys(curve):
    values = np.array(curve, float)
    known = {int(p) for p in signal.find_peaks(values, prominence=0.01 * values.max() * (1 + 1e-9))[0]}
    assert set(goodness.peaks(torch.from_numpy(values)).tolist()) == known


def test_two_equal_humps_part_beyond_two_deviations():
    at = torch.linspace(-6, 6, 2001, dtype=torch.float64)
    counts = {}
    for gap in (1.0, 1.9, 2.6, 4.0):
        density = stats.norm.pdf(at.numpy(), -gap / 2) + stats.norm.pdf(at.numpy(), gap / 2)
        counts[gap] = len(goodness.peaks(torch.from_numpy(density)))
    assert counts == {1.0: 1, 1.9: 1, 2.6: 2, 4.0: 2}


# ---- what the page draws --------------------------------------------------------------------------------------------


def test_two_sexes_make_two_peaks_in_some_girths_and_not_in_heights():
    peaks = {name: len(scenes.MisfitScene(name).compute()["peaks"]) for name in scenes.MIXED}
    assert peaks == {
        "height": 1, "shoulder_girth": 2, "forearm_girth": 2, "wrist_girth": 2, "waiting": 2, "eruptions": 2, "made": 2,
    }  # fmt: skip


@pytest.mark.parametrize(("source", "who"), [("nhefs", "all"), ("nhefs", "women"), ("bdims", "men")])
def test_probabilities_of_heights_by_the_cdf_and_by_counting(source, who):
    from core import data

    shown = scenes.HeightsScene(source, who, 0, 165.0, 178.0).compute()
    table = data.body_measurements(source)
    heights = table.height[torch.ones_like(table.sex).bool() if who == "all" else table.sex == (who == "men")].numpy()
    fitted = stats.norm(*stats.norm.fit(heights))
    assert shown["below"][0] == pytest.approx(fitted.cdf(165), rel=1e-10)
    assert shown["above"][0] == pytest.approx(fitted.sf(178), rel=1e-10)
    assert shown["below"][1] == pytest.approx((heights <= 165).mean(), abs=1e-12)
    assert shown["above"][1] == pytest.approx((heights > 178).mean(), abs=1e-12)
    spread = 5 * math.sqrt(0.25 / len(heights))
    assert shown["below"][2] == pytest.approx(shown["below"][0], abs=spread)
    assert int(shown["count"]) == len(heights)


def test_more_heights_keep_those_that_were_there():
    small, large = (scenes.HeightsScene(count=n).compute() for n in (30, 100))
    counts = [np.asarray(found["real"]) * 2 * n for found, n in ((small, 30), (large, 100))]  # bins of 2 cm
    assert np.all(counts[1] > counts[0] - 1e-9) and counts[0].sum() == pytest.approx(30)


@pytest.mark.parametrize(
    "scene",
    [
        scenes.FitScene(()),
        scenes.FitScene((1.0,)),
        scenes.FitScene((2.0,) * 3, 2.0, 0.05),
        scenes.FitScene(tuple(np.linspace(-6, 6, 60)), 6.0, 0.05),
        scenes.SurfaceScene(points=()),
        scenes.SurfaceScene(points=(3.0,), steps=300, rate=10.0),
        scenes.SurfaceScene(points=(3.0, 3.0), mean=3.0, std=0.15, rate=10.0, coordinates="log_std"),
        scenes.SurfaceScene(mean=6.0, std=0.15, rate=10.0, coordinates="log_std"),
        scenes.EstimatorsScene(1, 100),
        scenes.EstimatorsScene(2, 100, 5.0),
        scenes.EstimatorsScene(100, 20_000, 0.1),
        scenes.MisfitScene("made", 0.0),
        scenes.MisfitScene("made", 6.0),
    ],
    ids=lambda scene: scene.key,
)
def test_extreme_scenes_are_worked_out(scene):
    found = scene.compute()
    for name in ("map", "means", "stds", "log_likelihoods", "mean_bars", "square_bars", "bars"):
        if name in found:
            assert np.isfinite(np.asarray(found[name])).all(), name


def test_one_point_and_equal_points_have_no_top():
    for points in ((1.0,), (0.3,) * 5):
        found = scenes.FitScene(points).compute()
        assert float(found["best_std"]) == 0 and float(found["best_log_likelihood"]) == math.inf
    found = scenes.FitScene(()).compute()
    assert float(found["likelihood"]) == 1 and float(found["log_likelihood"]) == 0


# ---- devices --------------------------------------------------------------------------------------------------------

X = torch.linspace(-1, 2, 8, dtype=torch.float64)
CALLS = {
    likelihood.fit_normal: lambda: likelihood.fit_normal(X),
    likelihood.likelihood: lambda: likelihood.likelihood(X, 0.0, 1.0),
    likelihood.log_likelihood: lambda: likelihood.log_likelihood(X, 0.0, 1.0),
    likelihood.log_likelihood_map: lambda: likelihood.log_likelihood_map(X, X, X.abs()),
    likelihood.gradient: lambda: likelihood.gradient(X, 0.0, 1.0),
    likelihood.ascend: lambda: list(likelihood.ascend(X, (0.0, 1.0), rate=0.1, steps=3)),
    likelihood.largest_rate: lambda: likelihood.largest_rate(X),
    likelihood.share_up_to: lambda: likelihood.share_up_to(X, 0.5),
    estimators.repeat: lambda: estimators.repeat(5, 3, 0.0, 1.0, generator=generator()),
    estimators.mean_squared_error: lambda: estimators.mean_squared_error(X, 1.0),
    estimators.spread: lambda: estimators.spread(X),
    goodness.histogram: lambda: goodness.histogram(X, X),
    goodness.quantile_pairs: lambda: goodness.quantile_pairs(X, 0.0, 1.0),
    goodness.largest_gap: lambda: goodness.largest_gap(X, 0.0, 1.0),
    goodness.chance_gap: lambda: goodness.chance_gap(50),
    goodness.kernel_density: lambda: goodness.kernel_density(X, X),
    goodness.reference_width: lambda: goodness.reference_width(X),
    goodness.peaks: lambda: goodness.peaks(X),
}


def test_every_tensor_names_its_device():
    for module in (likelihood, estimators, goodness):
        for name, thing in vars(module).items():
            if inspect.isfunction(thing) and thing.__module__ == module.__name__ and not name.startswith("_"):
                assert thing in CALLS, f"{module.__name__}.{name} is not tried"
    with DevicesAreNamed():
        for call in CALLS.values():
            call()
        estimators.Theory(3, 1.0).variance_density(X, 3)
        for scene in (scenes.FitScene(), scenes.SurfaceScene(), scenes.EstimatorsScene(repetitions=100)):
            scene.compute()
