"""What the page of step 4 draws, against SciPy and closed forms; and what ships for its first paint."""

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from core import data, scene
from core.scenes import gaussian_mixture as open_scenes
from core.scenes import gaussian_mixture_folded as folded
from core.scenes.gaussian_mixture import (
    FAR,
    FIRST,
    GEYSER_BOX,
    PLANE,
    THREE,
    DesignScene,
    MapScene,
    QueryScene,
    SamplingScene,
)
from core.scenes.gaussian_mixture_folded import CollapseScene, GeyserScene, LabelsScene, ShrinkScene
from tests.core.test_devices import DevicesAreNamed

FAITHFUL = data.old_faithful().values.numpy()
FEW = FAITHFUL[:12, 0]
EVERYTHING = (
    *FIRST,
    QueryScene(None, -5.0, 0.0),
    MapScene(None, GEYSER_BOX),
    *(GeyserScene(n) for n in (0, 1, 2)),
    ShrinkScene(),
    CollapseScene(),
    LabelsScene(),
)


def joint(rows, x) -> np.ndarray:
    """log φ_k + log N(x | k), (…, K), by SciPy."""
    weights = np.array([row[0] for row in rows])
    parts = []
    for _, mx, my, sx, sy, rho in rows:
        cov = [[sx * sx, rho * sx * sy], [rho * sx * sy, sy * sy]]
        parts.append(multivariate_normal([mx, my], cov).logpdf(x))
    return np.log(weights / weights.sum()) + np.stack(parts, axis=-1)


@pytest.mark.parametrize("first", FIRST, ids=lambda s: type(s).__name__)
def test_what_ships_is_what_is_computed(first):
    kept, fresh = scene._kept(first.key), first.compute()
    assert kept is not None and set(kept) == set(fresh)
    for name, values in fresh.items():
        np.testing.assert_allclose(kept[name], values, rtol=1e-6, atol=1e-9, err_msg=name)
    assert (scene.FOLDER / f"{first.key}.npz").stat().st_size < 300_000


@pytest.mark.parametrize("one", EVERYTHING, ids=lambda s: type(s).__name__)
def test_every_tensor_names_its_device(one):
    with DevicesAreNamed():
        one.compute()


@pytest.mark.parametrize("kind", [DesignScene, SamplingScene, MapScene, QueryScene])
@pytest.mark.parametrize("rows", [(), ((0.0, 0.0, 0.0, 1.0, 1.0, 0.0),)], ids=["none", "no weight"])
def test_no_mixture_is_said(kind, rows):
    assert int(kind(rows=rows).compute()["count"]) == 0


def test_design_counts_the_peaks_and_what_lies_inside():
    found = DesignScene().compute()
    np.testing.assert_allclose(found["weights"], [0.3, 0.5, 0.2])
    np.testing.assert_allclose(found["heights"], np.exp(logsumexp(joint(THREE, found["peaks"]), axis=1)), rtol=1e-10)
    rng = np.random.default_rng(0)
    parts = rng.choice(3, size=400_000, p=[0.3, 0.5, 0.2])
    x = np.empty((len(parts), 2))
    for k, (_, mx, my, sx, sy, rho) in enumerate(THREE):
        cov = [[sx * sx, rho * sx * sy], [rho * sx * sy, sy * sy]]
        x[parts == k] = rng.multivariate_normal([mx, my], cov, size=(parts == k).sum())
    inside = ((x[:, 0] > PLANE[0]) & (x[:, 0] < PLANE[1]) & (x[:, 1] > PLANE[2]) & (x[:, 1] < PLANE[3])).mean()
    assert abs(float(found["inside"]) - inside) < 5 * math.sqrt(inside * (1 - inside) / len(x))


def test_weights_are_shares_of_their_sum():
    doubled = tuple((0.5 * row[0], *row[1:]) for row in THREE)
    np.testing.assert_allclose(DesignScene(doubled).compute()["weights"], DesignScene().compute()["weights"])


def test_sampling_draws_what_it_says():
    found = SamplingScene(draws=3000, seed=3).compute()
    assert found["chosen"].shape == (3000,) and found["points"].shape == (3000, 2)
    for k, (weight, mx, my, sx, sy, rho) in enumerate(THREE):
        mine = found["points"][found["chosen"] == k]
        assert abs(len(mine) - 3000 * weight) < 4.5 * math.sqrt(3000 * weight * (1 - weight))
        np.testing.assert_allclose(mine.mean(axis=0), [mx, my], atol=4.5 * max(sx, sy) / math.sqrt(len(mine)))
        np.testing.assert_allclose(np.corrcoef(mine.T)[0, 1], rho, atol=4.5 / math.sqrt(len(mine)))
    again = SamplingScene(draws=3000, seed=3).compute()
    assert np.array_equal(found["points"], again["points"])
    assert not np.array_equal(found["points"], SamplingScene(draws=3000, seed=4).compute()["points"])


@pytest.mark.parametrize("place", [(0.0, 0.5), (-6.0, 7.5), (11.0, 7.0)])
def test_the_query_is_bayes_rule(place):
    found, expected = QueryScene(THREE, *place).compute(), joint(THREE, np.array(place))
    np.testing.assert_allclose(found["log_joint"], expected, rtol=1e-10)
    np.testing.assert_allclose(found["log_prior"] + found["log_likelihood"], expected, rtol=1e-10)
    np.testing.assert_allclose(found["log_density"], logsumexp(expected), rtol=1e-10)
    np.testing.assert_allclose(found["responsibilities"], np.exp(expected - logsumexp(expected)), rtol=1e-9)
    for k, (_, mx, my, sx, sy, rho) in enumerate(THREE):
        away, cov = np.array(place) - (mx, my), np.array([[sx * sx, rho * sx * sy], [rho * sx * sy, sy * sy]])
        np.testing.assert_allclose(found["away"][k], np.linalg.norm(away), rtol=1e-12)
        np.testing.assert_allclose(found["distances"][k] ** 2, away @ np.linalg.inv(cov) @ away, rtol=1e-10)


def test_the_map_is_the_query_everywhere():
    found = MapScene().compute()
    assert found["places"].shape == (48 * 32, 2)
    assert FAR[0] < found["places"][:, 0].min() and found["places"][:, 1].max() < FAR[3]
    expected = joint(THREE, found["places"].astype(float))
    shares = np.exp(expected - logsumexp(expected, axis=1, keepdims=True))
    np.testing.assert_allclose(found["shares"], shares, atol=1e-5)
    assert abs(float(found["sure"]) - (shares.max(axis=1) > 0.99).mean()) < 2 / len(shares)


def test_the_books_far_point_is_the_long_groups():
    found = QueryScene(None, -5.0, 0.0).compute()
    assert found["away"][0] < found["away"][1] and found["distances"][0] > found["distances"][1]
    assert found["responsibilities"][1] > 1 - 1e-12
    logs = [
        math.log(w) + multivariate_normal(m, c).logpdf([-5.0, 0.0])
        for w, m, c in zip(open_scenes.BOOK_WEIGHTS, open_scenes.BOOK_MEANS, open_scenes.BOOK_COVS, strict=True)
    ]
    np.testing.assert_allclose(found["log_joint"], logs, rtol=1e-9)


def test_the_geysers_fits_have_the_known_log_likelihoods():
    one, two = GeyserScene(1).compute(), GeyserScene(2).compute()
    reference = multivariate_normal(FAITHFUL.mean(axis=0), np.cov(FAITHFUL.T, bias=True)).logpdf(FAITHFUL).sum()
    assert one["log_likelihood"] == pytest.approx(reference, rel=1e-10)
    assert two["log_likelihood"] == pytest.approx(-1130.264, abs=1e-3)  # what scikit-learn and mclust find
    low, high = one["middle"]
    mean, std = FAITHFUL[:, 1].mean(), FAITHFUL[:, 1].std()
    assert int(one["seen"]) == ((FAITHFUL[:, 1] > low) & (FAITHFUL[:, 1] <= high)).sum()
    assert one["expected"] == pytest.approx(272 * (norm.cdf(high, mean, std) - norm.cdf(low, mean, std)), rel=1e-9)
    np.testing.assert_allclose(one["curve"], norm.pdf(one["line"], mean, std), rtol=1e-9)
    for found in (one, two):
        assert np.trapezoid(found["curve"], found["line"]) == pytest.approx(1, abs=0.05)
        assert (found["heights"] * np.diff(found["edges"])).sum() == pytest.approx(1)


def test_the_geysers_second_fit_agrees_with_scikit_learn():
    mixture = pytest.importorskip("sklearn.mixture")
    theirs = mixture.GaussianMixture(2, tol=1e-12, reg_covar=0, max_iter=1000, random_state=0).fit(FAITHFUL)
    mine = GeyserScene(2).compute()
    order = np.argsort(theirs.means_[:, 0])
    np.testing.assert_allclose(mine["means"], theirs.means_[order], rtol=1e-5)
    np.testing.assert_allclose(mine["weights"], theirs.weights_[order], rtol=1e-5)


def shrunk(point: int, std: float) -> float:
    wide = norm.logpdf(FEW, FEW.mean(), FEW.std())
    return np.logaddexp(math.log(0.1) + norm.logpdf(FEW, FEW[point], std), math.log(0.9) + wide).sum()


@pytest.mark.parametrize("point", [0, 5])
@pytest.mark.parametrize("exponent", [-12.0, -3.0, -0.5, 0.5])
def test_shrinking_a_component(point, exponent):
    found = ShrinkScene(point, exponent).compute()
    assert found["log_likelihood"] == pytest.approx(shrunk(point, 10**exponent), rel=1e-9)
    assert found["tenth"] == pytest.approx(shrunk(point, 10 ** (exponent - 1)), rel=1e-9)
    assert int(found["copies"]) == np.count_nonzero(FEW[point] == FEW) == (2 if point == 0 else 1)
    np.testing.assert_allclose(found["curve"], [shrunk(point, 10**e) for e in found["exponents"]], rtol=1e-9)
    peak = 0.1 * norm.pdf(0, 0, 10**exponent) + 0.9 * norm.pdf(FEW[point], FEW.mean(), FEW.std())
    assert found["peak"] >= peak * (1 - 1e-9)
    if exponent == -12:
        assert found["tenth"] - found["log_likelihood"] == pytest.approx(int(found["copies"]) * math.log(10), rel=1e-6)


def test_em_collapses_without_a_floor_and_not_with_one():
    fallen = CollapseScene().compute()
    assert (str(fallen["ended"]), int(fallen["at"]), int(fallen["which"])) == ("collapsed", 10, 0)
    assert fallen["stds"][-1, 0] < 1e-6 and (fallen["stds"] > 0).all() and np.isfinite(fallen["density"]).all()
    assert int(fallen["iterations"][-1]) == int(fallen["at"]) - 1  # the last good state
    assert (np.diff(fallen["log_likelihoods"]) > -1e-9).all()
    held = CollapseScene(floor=1e-6).compute()
    assert str(held["ended"]) == "floored" and held["stds"][-1, 0] == pytest.approx(1e-3, rel=1e-6)
    assert held["log_likelihoods"][-1] <= -12 / 2 * math.log(2 * math.pi * 1e-6)
    wider = CollapseScene(exponent=-0.4).compute()
    assert str(wider["ended"]) == "settled" and wider["stds"][-1].min() > 0.01


@pytest.mark.parametrize("point", [2, 0])
def test_the_floor_holds_from_when_it_lets_go_no_more(point):
    """From the third eruption the floor holds at first, lets go, and holds again; from the first it never lets go."""
    mean, var, weight = np.array([FEW[point], FEW.mean()]), np.array([1e-2, FEW.var()]), np.array([0.1, 0.9])
    held = [True]
    for _ in range(60):
        r = weight * norm.pdf(FEW[:, None], mean, np.sqrt(var))
        r /= r.sum(axis=1, keepdims=True)
        n = r.sum(axis=0)
        mean, weight = (r * FEW[:, None]).sum(axis=0) / n, n / len(FEW)
        var = (r * (FEW[:, None] - mean) ** 2).sum(axis=0) / n
        held.append(bool(var[0] < 1e-2))
        var = np.maximum(var, 1e-2)
    found = CollapseScene(point, -3.0, 1e-2).compute()
    assert (str(found["ended"]), int(found["which"])) == ("floored", 0)
    assert int(found["at"]) == (0 if all(held) else len(held) - held[::-1].index(False))


@pytest.mark.parametrize("floor", [0.0, 1e-6, 1e-4, 1e-2])
@pytest.mark.parametrize("point", range(12))
def test_em_ends_with_something_to_say_from_every_start(point, floor):
    for exponent in (-12.0, -1.0, 0.5):
        found = CollapseScene(point, exponent, floor).compute()
        assert str(found["ended"]) in ("collapsed", "floored", "settled")
        assert not (floor and str(found["ended"]) == "collapsed")
        assert np.isfinite(found["density"]).all() and np.isfinite(found["log_likelihoods"]).all()
        assert len(found["iterations"]) <= 3 * folded.FRAMES and found["density"].shape == found["places"].shape
        assert found["iterations"][-1] < folded.MOST_ITERATIONS, "it ended by itself"


def test_names_change_nothing():
    found = LabelsScene().compute()
    assert [tuple(order) for order in found["orders"]] == list(permutations(range(3)))
    expected = logsumexp(joint(THREE, LabelsScene().compute()["points"].astype(float)), axis=1).sum()
    np.testing.assert_allclose(found["log_likelihoods"], expected, rtol=1e-5)  # the points are kept in single precision
    assert np.ptp(found["log_likelihoods"]) < 1e-9
    for order in permutations(range(3)):
        renamed = LabelsScene(order).compute()
        np.testing.assert_array_equal(renamed["shares"], found["shares"][:, list(order)])


def test_few_eruptions_are_the_first_ones():
    assert np.array_equal(folded.few_eruptions()[:, 0].numpy(), FEW)
