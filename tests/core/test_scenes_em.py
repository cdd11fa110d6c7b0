"""The scenes of step 5: their arrays against independent computations, and bad settings that give a reason."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm
from sklearn.mixture import GaussianMixture as Sklearn

from core import data, scene
from core.scenes.em import BUDGET, RANGES, Bound, Generated, HalfSteps, ManyStarts, OwnStart
from core.scenes.em_more import DataToModel, Divergence, HowMany, Rivals

X = data.old_faithful().values.numpy()
SQUARE = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.4, 0.5))


def log_densities(arrays, frame: int) -> np.ndarray:
    """log p(x, k) at a frame by SciPy, (N, K)."""
    weights, means, covs = (arrays[name][frame] for name in ("weights", "means", "covs"))
    return np.stack(
        [math.log(w) + multivariate_normal(m, c).logpdf(X) for w, m, c in zip(weights, means, covs, strict=True)], 1
    )


def test_every_frame_of_the_books_run_is_what_it_says():
    a = HalfSteps().compute()
    assert a["phase"].tolist() == [0, *[1, 2] * 9] and int(a["states"]) == 19
    assert a["log_likelihood"][0] == pytest.approx(-137.488, abs=5e-4)
    assert float(a["book"]) == pytest.approx(-16.538, abs=5e-4) and int(a["hidden"]) == 215
    for frame in range(19):
        joint = log_densities(a, frame)
        logs = np.logaddexp.reduce(joint, axis=1)
        assert a["log_likelihood"][frame] == pytest.approx(logs.mean(), rel=1e-12)
        q = a["shares"][frame].astype(float)
        if a["phase"][frame] == 0:
            assert np.isnan(a["lower_bound"][frame]) and (q == 0.5).all()
            continue
        divergence = np.where(q > 0, q * (np.log(np.maximum(q, 1e-300)) - (joint - logs[:, None])), 0).sum(1).mean()
        assert a["log_likelihood"][frame] - a["lower_bound"][frame] == pytest.approx(divergence, abs=2e-6)


def test_its_end_is_scikit_learns():
    a = HalfSteps(tolerance=0.0, iterations=100).compute()
    start = {"weights_init": [0.5, 0.5], "means_init": [[0, 50], [0, 100]], "precisions_init": [np.eye(2)] * 2}
    with pytest.warns(UserWarning, match="converge"):
        peer = Sklearn(2, tol=0, reg_covar=0, max_iter=100, **start).fit(X)
    np.testing.assert_allclose(a["means"][-1], peer.means_, rtol=1e-9)
    np.testing.assert_allclose(a["covs"][-1], peer.covariances_, rtol=1e-8)
    np.testing.assert_allclose(a["weights"][-1], peer.weights_, rtol=1e-9)


@pytest.mark.parametrize("components", [1, 4, 8])
def test_the_longest_histories_fit_one_message(components):
    a = HalfSteps(data="bodies", start="kmeans", components=components, tolerance=0.0).compute()
    assert a["shares"].nbytes <= BUDGET
    assert a["phase"][0] == 0 and set(a["phase"][1::2]) == {1} and set(a["phase"][2::2]) == {2}
    assert (a["iteration"][1::2] == a["iteration"][2::2]).all() and int(a["iteration"][-1]) == 100
    assert int(a["states"]) == 201 and len(a["phase"]) == (201 if components < 4 else len(a["shares"]))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"own": SQUARE[:2], "components": 3}, "too_few_points"),
        ({"own": (), "components": 1}, "too_few_points"),
        ({"own": ((1.0, 1.0),) * 6, "floor": 0.0}, "flat_start"),
        ({"own": ((math.nan, 0.0), *SQUARE)}, "not_finite"),
        ({"own": SQUARE, "start": "own", "means": ((math.nan, 0.0), (1.0, 1.0))}, "not_finite"),
    ],
)
def test_where_em_cannot_begin_there_is_a_reason(settings, reason):
    a = HalfSteps(**({"data": "own", "start": "random"} | settings)).compute()
    assert str(a["refused"]) == reason and set(a) == {"x", "refused"}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"start": "own", "means": ((3.0, 70.0), (3.0, 70.0))}, "twins"),
        ({"data": "own", "own": SQUARE, "start": "random", "components": 4, "floor": 0.0}, "collapsed"),
    ],
)
def test_what_went_wrong_on_the_way_is_named(settings, problem):
    a = HalfSteps(**settings).compute()
    assert str(a["problem"]) == problem and len(a["troubled"]) >= 1
    assert np.isfinite(a["log_likelihood"]).all() and np.isfinite(a["covs"]).all()


def test_identical_points_are_held_up_by_the_floor():
    a = HalfSteps(data="own", own=((1.0, 1.0),) * 6, start="random").compute()
    assert a["floored"].all() and np.linalg.eigvalsh(a["covs"]).min() >= 1e-6 * (1 - 1e-9)


def test_new_points_come_from_the_frame_that_is_shown(monkeypatch):
    early, late = (Generated(HalfSteps(), frame).compute() for frame in (0, 18))
    assert np.abs(early["new"][:, 0]).max() < 5 and set(np.round(early["new"][:, 1], -1)) <= {50.0, 100.0}
    a = HalfSteps().compute()
    mean = a["weights"][18] @ a["means"][18]
    np.testing.assert_allclose(late["new"].mean(axis=0), mean, atol=4 * X.std(0).max() / math.sqrt(272))
    assert early["new_heights"].sum() == late["new_heights"].sum() == late["heights"].sum() == 272


@pytest.mark.parametrize("parameter", RANGES)
def test_the_bound_lies_below_and_touches(parameter):
    start = {"mean": 76.0, "std": 2.0, "weight": 0.9}[parameter]
    a = Bound(parameter, start).compute()
    assert a["value"][0] == start and a["value"][-1] == pytest.approx(float(a["best"]), rel=2e-3)
    for frame in range(1, len(a["value"])):
        assert (a["bounds"][frame] <= a["curve"] + 1e-6).all()
        if a["phase"][frame] == 1:
            assert a["lower_bound"][frame] == pytest.approx(a["log_likelihood"][frame], abs=1e-12)
    assert np.trapezoid(a["density"][-1], a["wait"]) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(a["parts"].sum(0), a["density"], rtol=1e-5, atol=1e-12)


def test_many_starts_end_where_they_say():
    a = ManyStarts(count=12).compute()
    assert a["paths"].shape[:1] + a["paths"].shape[2:] == (12, 3, 2) and a["paths"].shape[1] == len(a["steps"])
    sound = a["log_likelihood"][~a["collapsed"]]
    assert (a["best"] == (~a["collapsed"] & (a["log_likelihood"] >= sound.max() - 1e-3))).all()
    for run in range(12):  # the first means are three different eruptions
        first = a["paths"][run, 0]
        assert all(np.abs(X - mean).sum(1).min() < 1e-4 for mean in first) and len(np.unique(first, axis=0)) == 3


def test_ones_own_start_is_the_run_from_there():
    a = OwnStart(means=((2.0, 55.0), (4.3, 80.0))).compute()
    np.testing.assert_allclose(a["paths"][0, 0], [[2, 55], [4.3, 80]], rtol=1e-6)
    assert a["log_likelihood"][0] == pytest.approx(-4.15538, abs=1e-4)
    assert "refused" in OwnStart(means=()).compute() and "refused" in OwnStart(means=((math.nan, 1.0),)).compute()


@pytest.mark.parametrize("mean, std", [(0.0, 1.0), (1.0, 1.5), (-4.0, 0.3), (4.0, 3.0)])
@pytest.mark.parametrize("shape", ["normal", "humps"])
def test_kl_both_ways_is_the_integral(shape, mean, std):
    a = Divergence(shape, mean, std).compute()
    parts = [(1.0, 0.0, 1.0)] if shape == "normal" else [(0.5, -2.0, 0.7), (0.5, 2.0, 0.7)]

    def log_p(x):
        return np.logaddexp.reduce([math.log(w) + norm(m, s).logpdf(x) for w, m, s in parts])

    log_q = norm(mean, std).logpdf
    for found, one, other, middle, spread in (
        (a["kl"][0], log_p, log_q, 0.0, 1.0), (a["kl"][1], log_q, log_p, mean, std),
    ):  # fmt: skip
        ends = (middle - 12 * max(spread, 1), middle + 12 * max(spread, 1))
        points = [-2.0, 2.0, mean, 0.0]
        expected, _ = quad(lambda x, f=one, g=other: math.exp(f(x)) * (f(x) - g(x)), *ends, points=points, limit=400)
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-9)
    if shape == "normal" and (mean, std) == (0.0, 1.0):
        assert (a["kl"] == 0).all()


def test_kl_from_data_and_likelihood_have_a_constant_sum():
    a = DataToModel(66.0, 9.0).compute()
    assert a["shares"].sum() == pytest.approx(1)
    np.testing.assert_allclose(a["kl"] + a["likelihood"], -float(a["entropy"]), rtol=1e-12)
    counts = np.histogram(X[:, 1], a["edges"])[0]
    np.testing.assert_allclose(a["shares"], counts / 272)
    chances = np.diff(norm(66.0, 9.0).cdf(a["edges"]))
    assert a["now"][1] == pytest.approx((counts * np.log(chances)).sum() / 272, rel=1e-9)
    assert a["best"][0] == a["best"][1]


def test_how_many_agrees_with_scikit_learn_where_both_find_the_best():
    a = scene.shown(HowMany())
    for k in (1, 2):
        peer = Sklearn(k, n_init=5, tol=1e-9, max_iter=2000, random_state=0).fit(X)
        assert a["aic"][k - 1] == pytest.approx(peer.aic(X), abs=0.05)
        assert a["bic"][k - 1] == pytest.approx(peer.bic(X), abs=0.05)
    assert (np.diff(a["log_likelihood"]) > 0).all() and (a["error"] > 0).all()
    assert (a["held_out"] < a["log_likelihood"]).all()


def test_rivals_start_together_and_stay_where_they_ended():
    a = Rivals(start="book").compute()
    assert a["em"][0] == pytest.approx(a["ascent"][0], rel=1e-12)
    assert a["em"][0] == pytest.approx(-137.488, abs=5e-4)
    np.testing.assert_array_equal(a["em_means"][0], a["centres"][0])
    assert (np.diff(a["em"]) >= -1e-12).all() and (np.diff(a["distortion"]) <= 1e-12).all()
    for name, ended in zip(("em", "ascent", "distortion"), a["ended"], strict=True):
        assert len(a[name]) == 61 and len(set(a[name][ended:])) == 1
    assert str(Rivals(rate=10.0).compute()["problems"][1]) == "diverged"
