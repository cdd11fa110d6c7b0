"""core/limit.py, core/sources.py and core/integral.py against SciPy, NumPy and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from core import integral, limit, normal, sources
from core.scenes.normal import DRAWING
from tests.core.test_devices import DevicesAreNamed

HILLS = (0.0, 1.0, 0.2, 0.0, 0.0, 2.0, 0.5)
EVERY = {name: sources.named(name, HILLS) for name in (*sources.NAMES, "normal")}
WITH_VARIANCE = [name for name in EVERY if name != "cauchy"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def cdf_of(name: str):
    """The cdf by SciPy, or by adding up the drawn density."""
    frozen = {
        "uniform": stats.uniform(),
        "exponential": stats.expon(),
        "cauchy": stats.cauchy(),
        "normal": stats.norm(1, 2),
    }
    if name in frozen:
        return frozen[name].cdf
    if name == "humps":
        return lambda x: 0.5 * (stats.norm(-2, 0.5).cdf(x) + stats.norm(2, 0.5).cdf(x))
    grid = np.linspace(0, 1, 60_001)
    density = np.interp(grid, np.linspace(0, 1, len(HILLS)), HILLS)
    total = integrate.cumulative_trapezoid(density, grid, initial=0)
    return lambda x: np.interp(x, grid, total / total[-1])


# ---- integrals ------------------------------------------------------------------------------------------------------


def test_an_integral_is_a_sum_of_rectangles():
    ends, heights = integral.rectangles(torch.sin, 0.0, math.pi, 4)
    assert torch.allclose(heights, torch.sin((torch.arange(4) + 0.5) * math.pi / 4).double())
    assert integral.integral(torch.sin, 0.0, math.pi, 4) == pytest.approx(float(heights.sum()) * math.pi / 4, abs=1e-14)
    assert len(ends) == 5 and float(ends[-1]) == math.pi


def test_half_as_wide_rectangles_leave_a_quarter_of_the_error():
    errors = [integral.integral(torch.exp, 0.0, 1.0, cells) - (math.e - 1) for cells in (100, 200)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (3.0, 0.05), (-5.0, 4.0)])
def test_the_area_of_a_bell_is_one_with_few_rectangles(mean, std):
    area = integral.integral(lambda x: normal.prob(x, mean, std), mean - 8 * std, mean + 8 * std, 200)
    assert area == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("bad", [(0.0, 1.0, 0), (1.0, 1.0, 5), (0.0, math.inf, 5), (math.nan, 1.0, 5)])
def test_an_integral_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match="An integral needs"):
        integral.edges(*bad)


# ---- sources --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_draws_have_the_density(name):
    draws = EVERY[name].sample((4000, 5), generator=generator(3))
    assert draws.shape == (4000, 5) and draws.dtype == torch.float64
    x = draws.flatten().numpy()
    if name == "coin":
        assert set(np.unique(x)) == {0.0, 1.0} and stats.binomtest(int(x.sum()), len(x)).pvalue > 0.01
    else:
        assert stats.kstest(x, cdf_of(name)).pvalue > 0.01


@pytest.mark.parametrize("name", [n for n in EVERY if n != "coin"])
def test_densities_are_slopes_of_the_cdf(name):
    source, cdf = EVERY[name], cdf_of(name)
    low, high = source.shown
    x = np.linspace(low, high, 97)
    x = x[(np.abs(x % 1 - 0) > 0.01)]  # not where a density jumps
    slope = (cdf(x + 1e-4) - cdf(x - 1e-4)) / 2e-4
    np.testing.assert_allclose(source.density(torch.from_numpy(x)).numpy(), slope, atol=2e-3)


@pytest.mark.parametrize("name", WITH_VARIANCE)
def test_moments_in_closed_form_are_the_integrals(name):
    source = EVERY[name]
    mean, variance = sources.moments_by_integral(source, *source.support, 200_000)
    assert mean == pytest.approx(source.mean, abs=1e-7)
    assert variance == pytest.approx(source.std**2, abs=1e-7)
    if name not in ("coin", "drawn"):
        expected = {"uniform": stats.uniform(), "exponential": stats.expon(), "normal": stats.norm(1, 2)}
        exact = (0.0, 4.25) if name == "humps" else expected[name].stats("mv")
        np.testing.assert_allclose([source.mean, source.std**2], exact, atol=1e-12)


def test_moments_of_a_drawing_are_exact():
    grid = np.linspace(0, 1, len(HILLS))

    def moment(k):
        pieces = [
            integrate.quad(lambda x: x**k * np.interp(x, grid, HILLS), a, b)[0]
            for a, b in zip(grid, grid[1:], strict=False)
        ]
        return sum(pieces)

    area = moment(0)
    mean = moment(1) / area
    assert EVERY["drawn"].mean == pytest.approx(mean, abs=1e-12)
    assert EVERY["drawn"].std == pytest.approx(math.sqrt(moment(2) / area - mean**2), abs=1e-12)


@pytest.mark.parametrize(
    ("heights", "sentence"),
    [
        ((), "at least two"),
        ((1.0,), "at least two"),
        ((0.0,) * 25, "no area"),
        ((1.0, -0.5), "must not be negative"),
        ((1.0, math.nan), "must not be negative"),
    ],
)
def test_a_drawing_without_area_is_refused_in_a_sentence(heights, sentence):
    with pytest.raises(ValueError, match=sentence):
        sources.Drawn(heights)


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ValueError, match="There is no source 'dice'"):
        sources.named("dice")


def test_moments_by_sampling_and_their_standard_errors():
    x = torch.tensor([1.0, 2.0, 6.0], dtype=torch.float64)
    assert sources.moments_by_sampling(x) == (3.0, pytest.approx(14 / 3))
    error, spread = sources.standard_errors(x)
    assert error == pytest.approx(math.sqrt(14 / 9)) and spread == pytest.approx(
        math.sqrt(((16 + 1 + 81) / 3 - (14 / 3) ** 2) / 3)
    )
    many = EVERY["exponential"].sample((400, 1000), generator=generator())
    measured = many.var(dim=1, correction=0).std()  # of 400 variances of 1000 draws each
    assert float(measured) == pytest.approx(math.sqrt((9 - 1) / 1000), rel=0.15)


@pytest.mark.parametrize("reach", [1.0, 100.0, 1e5])
def test_moments_of_the_cauchy_grow_as_theory_says(reach):
    first = math.log1p(reach**2) / math.pi
    second = 2 * (reach - math.atan(reach)) / math.pi
    assert sources.absolute_moment(EVERY["cauchy"], reach, 1) == pytest.approx(first, rel=1e-5)
    assert sources.absolute_moment(EVERY["cauchy"], reach, 2) == pytest.approx(second, rel=1e-5)


# ---- means that gather ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statistic", limit.STATISTICS)
@pytest.mark.parametrize("name", WITH_VARIANCE)
def test_measured_mean_and_variance_are_the_predicted(name, statistic):
    n, source = 12, EVERY[name]
    *_, end = limit.gather(source, n, (1, 20_000), statistic=statistic, generator=generator(7))
    law = limit.predicted(source, n, statistic)
    factor = 1 if statistic == "mean" else n
    assert law.normal and law.mean == pytest.approx(factor * source.mean)
    assert law.std == pytest.approx(source.std / math.sqrt(n) * factor)
    assert float(end.values.mean()) == pytest.approx(law.mean, abs=4 * law.std / math.sqrt(20_000))
    assert float(end.values.var()) == pytest.approx(law.std**2, rel=0.06)


def test_states_are_frozen_and_hold_what_was_drawn():
    source = EVERY["uniform"]
    states = list(limit.gather(source, 3, (1, 2, 10), generator=generator()))
    assert [s.repetitions for s in states] == [1, 2, 10]
    copies = [s.values.clone() for s in states]
    for state, copy in zip(states, copies, strict=True):
        assert torch.equal(state.values, copy)
        assert float(state.values[-1]) == pytest.approx(float(state.draws.mean()), abs=1e-15)
    assert torch.equal(states[2].values[:2], states[1].values)
    again = list(limit.gather(source, 3, (1, 2, 10), generator=generator()))
    assert torch.equal(again[-1].values, states[-1].values)


@pytest.mark.parametrize("counts", [(), (0, 5), (5, 5), (5, 4)])
def test_counts_that_do_not_rise_are_refused(counts):
    with pytest.raises(ValueError, match="must rise"):
        next(limit.gather(EVERY["uniform"], 2, counts, generator=generator()))


def test_predictions_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="at least one draw"):
        limit.predicted(EVERY["uniform"], 0, "mean")
    with pytest.raises(ValueError, match="one of mean, sum"):
        limit.predicted(EVERY["uniform"], 2, "median")


@pytest.mark.parametrize("n", [1, 10, 100])
def test_the_mean_of_cauchys_is_a_cauchy_again(n):
    source = EVERY["cauchy"]
    *_, end = limit.gather(source, n, (10_000,), generator=generator(n))
    assert stats.kstest(end.values.numpy(), stats.cauchy().cdf).pvalue > 0.01
    *_, end = limit.gather(source, n, (10_000,), statistic="sum", generator=generator(n))
    law = limit.predicted(source, n, "sum")
    assert (law.mean, law.std, law.normal) == (0.0, n, False)
    assert stats.kstest(end.values.numpy(), stats.cauchy(0, n).cdf).pvalue > 0.01
    x = torch.linspace(-5, 5, 11, dtype=torch.float64)
    np.testing.assert_allclose(law.density(x), stats.cauchy(0, n).pdf(x), rtol=1e-12)
    quartile = law.standardised(torch.tensor([n], dtype=torch.float64))
    assert float(quartile) == pytest.approx(special.ndtri(0.75), abs=1e-12)


# ---- how near to the normal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_the_distance_is_kolmogorovs(name):
    values = limit.predicted(EVERY["coin"], 9, "sum").standardised(
        EVERY[name].sample((500, 9), generator=generator()).sum(dim=1)
    )
    assert limit.distance(values) == pytest.approx(stats.kstest(values.numpy(), "norm").statistic, abs=1e-12)


def test_the_distance_of_one_sample_and_of_ties():
    assert limit.distance(torch.zeros(1)) == pytest.approx(0.5)
    assert limit.distance(torch.zeros(7)) == pytest.approx(0.5)  # one step from 0 to 1, Φ is ½ there
    assert limit.distance(torch.full((5,), 40.0)) == pytest.approx(1.0)


def test_the_floor_is_what_normal_draws_have():
    found = limit.floor(1000, 200, generator=generator())
    theirs = stats.kstwo(1000)
    assert stats.kstest(found.numpy(), theirs.cdf).pvalue > 0.01
    assert limit.expected_floor(1000) == pytest.approx(stats.kstwobign().mean() / math.sqrt(1000), rel=1e-8)
    assert limit.expected_floor(1000) == pytest.approx(theirs.mean(), rel=0.02)


def test_distances_fall_with_n_and_are_those_of_the_draws():
    ns = (1, 4, 30)
    found = limit.distances(EVERY["exponential"], ns, 5000, generator=generator(1))
    draws = EVERY["exponential"].sample((30, 5000), generator=generator(1)).numpy()
    for n, d in zip(ns, found.tolist(), strict=True):
        z = (draws[:n].sum(0) - n) / math.sqrt(n)
        assert d == pytest.approx(stats.kstest(z, "norm").statistic, abs=1e-10)
    assert found[0] > found[1] > found[2]
    turned = limit.distances(EVERY["exponential"], ns[::-1], 5000, generator=generator(1))
    assert torch.equal(turned, found.flip(0))


@pytest.mark.parametrize(("n", "repetitions"), [(25, 50_000), (100, 50_000)])
def test_a_coin_cannot_be_nearer_than_half_a_step(n, repetitions):
    found = float(limit.distances(EVERY["coin"], (n,), repetitions, generator=generator())[0])
    half = stats.binom(n, 0.5).pmf(n // 2) / 2
    k = np.arange(n + 1)
    phi = special.ndtr((k - n / 2) / (math.sqrt(n) / 2))
    exact = max(abs(stats.binom(n, 0.5).cdf(k) - phi).max(), abs(stats.binom(n, 0.5).cdf(k - 1) - phi).max())
    assert exact >= half * 0.95
    assert found == pytest.approx(exact, abs=3 / math.sqrt(repetitions))


def test_the_cauchy_stays_as_far_as_it_is():
    found = limit.distances(EVERY["cauchy"], (1, 10, 100), 20_000, generator=generator())
    x = np.linspace(-30, 30, 600_001)
    exact = np.abs(stats.cauchy().cdf(x) - stats.norm(0, 1 / special.ndtri(0.75)).cdf(x)).max()
    np.testing.assert_allclose(found.numpy(), exact, atol=0.015)


def test_quantile_pairs_lie_on_the_diagonal_for_exact_quantiles():
    n = 200
    z = torch.from_numpy(special.ndtri((np.arange(n) + 0.5) / n))
    at = torch.linspace(-4, 4, 81, dtype=torch.float64)
    pairs = limit.quantile_pairs(z[torch.randperm(n, generator=generator())], at)
    reach = float(z[-1])
    inside = at.abs() <= reach
    assert torch.equal(pairs[:, 1].isfinite(), inside)
    np.testing.assert_allclose(pairs[inside, 1].numpy(), at[inside].numpy(), atol=0.05)
    theirs = np.quantile(z.numpy(), special.ndtr(at[inside].numpy()), method="hazen")
    np.testing.assert_allclose(pairs[inside, 1].numpy(), theirs, atol=1e-10)


def test_quantile_pairs_of_a_single_sample():
    pairs = limit.quantile_pairs(
        torch.tensor([3.0], dtype=torch.float64), torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    )
    assert pairs[1].tolist() == [0.0, 3.0] and pairs[[0, 2], 1].isnan().all()


def test_running_means():
    runs = limit.running_means(EVERY["humps"], 3, 50, generator=generator())
    draws = EVERY["humps"].sample((3, 50), generator=generator()).numpy()
    np.testing.assert_allclose(runs.numpy(), np.cumsum(draws, 1) / np.arange(1, 51), atol=1e-12)


def test_the_largest_jump():
    draws = torch.tensor([9.0, 9.0, 1.0, -30.0, 2.0], dtype=torch.float64)
    means = draws.cumsum(0) / torch.arange(1, 6)
    draw, place, jump = limit.largest_jump(means, after=2)
    assert (place, draw) == (4, pytest.approx(-30.0)) and jump == pytest.approx(float(means[3] - means[2]))


# ---- histograms -----------------------------------------------------------------------------------------------------


def test_a_histogram_is_numpys_and_counts_those_outside_too():
    x = EVERY["cauchy"].sample((3000,), generator=generator())
    edges = torch.linspace(-4, 4, 33, dtype=torch.float64)
    counts, _ = np.histogram(x.numpy(), edges.numpy())
    np.testing.assert_allclose(limit.histogram(x, edges).numpy(), counts / 3000 / 0.25, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
@pytest.mark.parametrize("statistic", limit.STATISTICS)
def test_every_bin_of_a_coin_holds_one_value(n, statistic):
    coin = EVERY["coin"]
    law = limit.predicted(coin, n, statistic)
    edges = limit.bins(coin, n, law, statistic)
    step = 1 / n if statistic == "mean" else 1
    values = np.arange(n + 1) * step
    held = [((values >= a) & (values < b)).sum() for a, b in zip(edges.numpy()[:-1], edges.numpy()[1:], strict=True)]
    assert set(held) == {1}
    *_, end = limit.gather(coin, n, (4000,), statistic=statistic, generator=generator())
    heights = limit.histogram(end.values, edges)
    assert float(heights.sum()) * step == pytest.approx(1.0, abs=0.01)


def test_every_tensor_names_its_device():
    with DevicesAreNamed():
        for source in EVERY.values():
            source.sample((2, 3), generator=generator())
            law = limit.predicted(source, 3, "mean")
            [*limit.gather(source, 3, (1, 5), generator=generator())]
            limit.bins(source, 3, law, "mean")
        limit.distances(EVERY["drawn"], (1, 3), 10, generator=generator())
        limit.floor(10, 2, generator=generator())
        means = limit.running_means(EVERY["uniform"], 2, 20, generator=generator())
        limit.largest_jump(means[0])
        sources.moments_by_integral(EVERY["coin"], 0.0, 1.0, 4)
        sources.named("drawn", DRAWING)
