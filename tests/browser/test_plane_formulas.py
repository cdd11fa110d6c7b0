"""The plane's own formulas in a real browser, against SciPy, quadrature and core/."""

import math

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from scipy import integrate, stats

from core import normal
from core.diffusion.bound import posterior
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture
from core.multivariate_normal import MultivariateNormal, covariance
from tests.browser import plane_scripts

CLOSE = {"rtol": 1e-10, "atol": 0}
ROWS = [(0.2, -1.5, 0.3, 0.4, 1.2, 0.5), (0.5, 2.0, -1.0, 0.05, 0.9, -0.97), (1.3, 0.0, 4.0, 3.0, 0.01, 0.0)]


@pytest.fixture(scope="module")
def page(chromium: Browser):
    with plane_scripts.loaded(chromium) as page:
        yield page


def call(page: Page, function: str, rows) -> np.ndarray:
    """What the function gives for each row of arguments."""
    plain = np.asarray(rows, dtype=np.float64).tolist()
    return np.array(page.evaluate(f"rows => rows.map(row => ({function})(...row))", plain), dtype=np.float64)


def mixture(rows) -> GaussianMixture:
    weight, mean_x, mean_y, std_x, std_y, rho = np.array(rows).T
    covs = np.array([[std_x**2, rho * std_x * std_y], [rho * std_x * std_y, std_y**2]]).transpose(2, 0, 1)
    return GaussianMixture(
        torch.tensor(weight / weight.sum()), torch.tensor(np.stack([mean_x, mean_y], 1)), torch.tensor(covs)
    )


def model(row) -> dict:
    names = ("mean_x", "mean_y", "std_x", "std_y", "correlation")
    return {"kind": "gaussian", **dict(zip(names, map(float, row), strict=True))}


def random_gaussians(n: int) -> tuple[np.ndarray, np.ndarray]:
    """n rows (means, stds over six powers of ten, a correlation up to nearly ±1), and a place for each."""
    rng = np.random.default_rng(5)
    stds = 10 ** rng.uniform(-3, 3, (n, 2))
    means = rng.normal(0, 5, (n, 2))
    rho = np.tanh(rng.normal(0, 2, (n, 1)))
    places = means + stds * rng.normal(0, 3, (n, 2))
    return np.hstack([means, stds, rho]), places


# ---- one dimension ---------------------------------------------------------------------------------------------------


def test_cdf_is_right_to_twelve_digits_in_the_tails_too(page):
    z = np.concatenate([np.linspace(-37.5, 9, 700), [-8.3, -5.656854249492381, -0.66291, 0.66291, 0.0, 1e-300, -1e-17]])
    ours = call(page, "(z) => normalCdf(z, 0, 1)", z[:, None])
    np.testing.assert_allclose(ours, stats.norm.cdf(z), rtol=1e-12, atol=0)
    mean, std = 3.5, 0.02
    np.testing.assert_allclose(
        call(page, f"(x) => normalCdf(x, {mean}, {std})", (mean + std * z)[:, None]),
        stats.norm.cdf(mean + std * z, mean, std),
        rtol=1e-10,
    )


def test_cdf_at_the_ends_and_where_there_is_none(page):
    rows = [(np.inf, 0, 1), (-np.inf, 0, 1), (60, 0, 1), (-60, 0, 1)]
    assert call(page, "normalCdf", rows).tolist() == [1, 0, 1, 0]
    assert np.isnan(
        call(page, "normalCdf", [(0, 0, 0), (0, 0, -1), (np.nan, 0, 1), (0, np.nan, 1), (0, 0, np.nan)])
    ).all()


def test_log_density(page):
    rng = np.random.default_rng(1)
    rows = np.stack([rng.normal(0, 30, 300), rng.normal(0, 3, 300), 10 ** rng.uniform(-3, 3, 300)], 1)
    np.testing.assert_allclose(call(page, "normalLogPdf", rows), stats.norm.logpdf(*rows.T), **CLOSE)
    near = rows[np.abs(rows[:, 0] - rows[:, 1]) < 20 * rows[:, 2]]
    assert len(near) > 100
    np.testing.assert_allclose(call(page, "normalPdf", near), stats.norm.pdf(*near.T), **CLOSE)
    assert call(page, "normalPdf", [(1e9, 0, 1e-9)]) == 0
    assert np.isnan(call(page, "normalPdf", [(0, 0, 0)]))


def reference(a: float, b: float) -> float:
    """P(a < z ≤ b), by adaptive quadrature of the density divided by its largest value there."""
    if a < 0 < b:
        return reference(0, b) + reference(0, -a)
    if b <= 0:
        a, b = -b, -a
    b = min(b, a + 45)
    reach = min(b, a + 12 / max(1, a))  # nearly everything lies near the end that is closer to zero
    parts = [(a, reach), (reach, b)] if reach < b else [(a, b)]
    area = sum(
        integrate.quad(lambda t: math.exp((a - t) * (a + t) / 2), *part, epsabs=0, epsrel=1e-13)[0] for part in parts
    )
    return area * math.exp(-a * a / 2) / math.sqrt(2 * math.pi)


def test_interval_is_right_however_narrow_and_however_far_out(page):
    rng = np.random.default_rng(2)
    a = rng.uniform(-30, 30, 400)
    rows = np.stack([a, a + 10 ** rng.uniform(-12, 1.5, 400)], 1)
    rows = np.vstack([rows, [(-1, 1), (0, 1e-300), (-1e-9, 1e-9), (1.96, 40), (-40, -1.96), (0, 0.999), (8, 8.1)]])
    ours = call(page, "(a, b) => intervalProbability(a, b, 0, 1)", rows)
    np.testing.assert_allclose(ours, [reference(*row) for row in rows], **CLOSE)


def test_interval_does_not_jump_where_the_way_of_computing_changes(page):
    middle = np.repeat([0.0, 0.4, 2.0, 7.0, 25.0], 2)
    width = 1 / np.maximum(1, middle) * np.tile([0.98, 1.02], 5)
    rows = np.stack([middle - width / 2, middle + width / 2], 1)
    ours = call(page, "(a, b) => intervalProbability(a, b, 0, 1)", rows)
    np.testing.assert_allclose(ours, [reference(*row) for row in rows], **CLOSE)


def test_interval_at_its_ends(page):
    ours = call(
        page,
        "(a, b) => intervalProbability(a, b, 2, 3)",
        [(-np.inf, np.inf), (2, np.inf), (-np.inf, 2), (5, 5), (6, 1), (1e9, 2e9)],
    )
    np.testing.assert_allclose(ours, [1, 0.5, 0.5, 0, 0, 0], rtol=1e-15)
    assert np.isnan(call(page, "(s) => intervalProbability(0, 1, 0, s)", [(0,), (-1,), (np.nan,)])).all()
    assert np.isnan(call(page, "intervalProbability", [(np.nan, 1, 0, 1), (0, np.nan, 0, 1), (0, 1, np.nan, 1)])).all()


# ---- two dimensions --------------------------------------------------------------------------------------------------


def test_gaussian_log_density_and_distance(page):
    rows, places = random_gaussians(400)
    ours = call(page, "(a, b, c, d, r, x, y) => logPdf2(gaussianOf(a, b, c, d, r), x, y)", np.hstack([rows, places]))
    theirs = [
        mixture([(1.0, *row)]).log_prob(torch.tensor(place)).item() for row, place in zip(rows, places, strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)  # Σ itself holds 1 − ρ² to fewer digits than ρ does
    ours = call(
        page, "(a, b, c, d, r, x, y) => mahalanobis(gaussianOf(a, b, c, d, r), x, y)", np.hstack([rows, places])
    )
    z = (places - rows[:, :2]) / rows[:, 2:4]
    rho = rows[:, 4]
    squared = ((z**2).sum(1) - 2 * rho * z.prod(1)) / (1 - rho**2)
    np.testing.assert_allclose(ours, np.sqrt(squared), rtol=1e-9)


def test_covariance_marginals_and_conditionals(page):
    rows, places = random_gaussians(200)
    cov = call(page, "(...row) => gaussianOf(...row).cov", rows)
    std_x, std_y, rho = rows[:, 2:].T
    np.testing.assert_allclose(cov, np.stack([std_x**2, rho * std_x * std_y, std_y**2], 1), **CLOSE)
    both = np.hstack([rows, places])
    ours = call(page, "(a, b, c, d, r, x, y) => Object.values(conditionalOf(gaussianOf(a, b, c, d, r), x))", both)
    mean = rows[:, 1] + cov[:, 1] / cov[:, 0] * (places[:, 0] - rows[:, 0])
    np.testing.assert_allclose(ours, np.stack([mean, np.sqrt((1 - rho) * (1 + rho)) * std_y], 1), rtol=1e-9)
    # p(x, y) = p(x) p(y | x)
    product = """(a, b, c, d, r, x, y) => {
      const g = gaussianOf(a, b, c, d, r), p = marginalOf(g, "x"), q = conditionalOf(g, x);
      return [normalLogPdf(x, p.mean, p.std) + normalLogPdf(y, q.mean, q.std), logPdf2(g, x, y)];
    }"""
    parts, whole = call(page, product, both).T
    np.testing.assert_allclose(parts, whole, rtol=1e-9)
    assert page.evaluate("marginalOf(gaussianOf(1, 2, 3, 4, .5), 'y')") == {"mean": 2, "std": 4}


@pytest.mark.parametrize(
    "row", [(0, 0, 0, 1, 0), (0, 0, 1, -1, 0), (0, 0, 1, 1, 1), (0, 0, 1, 1, -1), (0, 0, 1, 1, np.nan)]
)
def test_a_flat_gaussian_has_no_density(page, row):
    assert np.isnan(call(page, "(a, b, c, d, r) => logPdf2(gaussianOf(a, b, c, d, r), 0, 0)", [row]))


def test_mixture_is_that_of_core(page):
    rng = np.random.default_rng(3)
    places = np.vstack([rng.normal(0, 3, (300, 2)), rng.normal(0, 300, (100, 2)), [(1e8, -1e8), (2.0, -1.0)]])
    core = mixture(ROWS)
    ours = page.evaluate(
        """([rows, places]) => {
          const m = { kind: "mixture", rows: "parts" }, env = { values: { parts: rows }, frame: 0 };
          const log = logDensity2(m, env), density = density2(m, env);
          return places.map(([x, y]) => [log(x, y), density(x, y), ...shares(m, env, x, y)]);
        }""",
        [ROWS, places.tolist()],
    )
    log, density, *parts = np.array(ours).T
    at = torch.tensor(places)
    np.testing.assert_allclose(log, core.log_prob(at), **CLOSE)
    assert (log < -1e4).any()
    np.testing.assert_allclose(density, core.log_prob(at).exp(), rtol=1e-10, atol=1e-20)  # none far out
    np.testing.assert_allclose(np.stack(parts, 1), core.responsibilities(at), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(np.sum(parts, 0), 1, rtol=1e-14)


def test_a_component_without_weight_takes_no_share_and_no_rows_no_density(page):
    ask = """rows => {
      const m = { kind: "mixture", rows }, env = { values: {}, frame: 0 };
      return [density2(m, env)(1, 1), ...shares(m, env, 1, 1)];
    }"""
    alone, both = page.evaluate(ask, [ROWS[0]]), page.evaluate(ask, [ROWS[0], (0, 0, 0, 1, 1, 0)])
    assert both == [*alone, 0] and alone[1] == 1
    assert page.evaluate(ask, []) == [0]
    assert all(math.isnan(v) for v in page.evaluate(ask, [(0, 0, 0, 1, 1, 0)]))


def test_one_dimension_is_that_of_core(page):
    rng = np.random.default_rng(6)
    x, mean, std, width = rng.normal(0, 20, 200), rng.normal(0, 3, 200), 10 ** rng.uniform(-1, 2, 200), 10.0
    rows = np.stack([x, mean, std], 1)
    np.testing.assert_allclose(call(page, "normalLogPdf", rows), normal.log_prob(*map(torch.tensor, rows.T)), **CLOSE)
    np.testing.assert_allclose(call(page, "normalCdf", rows), normal.cdf(*map(torch.tensor, rows.T)), **CLOSE)
    ends = np.stack([x, x + width, mean, std], 1)
    core = normal.interval_probability(*map(torch.tensor, ends.T))
    np.testing.assert_allclose(call(page, "intervalProbability", ends), core, **CLOSE)


def test_two_dimensions_are_those_of_core(page):
    rows, places = random_gaussians(200)
    rows[:, 4] *= 0.99
    means, stds, rho, at = (torch.tensor(part) for part in (rows[:, :2], rows[:, 2:4], rows[:, 4], places))
    core = MultivariateNormal(means, covariance(stds, rho))
    ask = """(a, b, c, d, r, x, y) => {
      const g = gaussianOf(a, b, c, d, r), p = marginalOf(g, "y"), q = conditionalOf(g, x);
      return [logPdf2(g, x, y), mahalanobis(g, x, y), ...g.cov, p.mean, p.std, q.mean, q.std];
    }"""
    log, away, *rest = call(page, ask, np.hstack([rows, places])).T
    np.testing.assert_allclose(log, core.log_prob(at), **CLOSE)
    np.testing.assert_allclose(away, core.mahalanobis(at), **CLOSE)
    beside, known = core.marginal(1), core.condition(0, at[:, 0])
    cov = core.cov
    theirs = [cov[:, 0, 0], cov[:, 0, 1], cov[:, 1, 1], beside.mean[:, 0], beside.cov[:, 0, 0].sqrt(), known.mean[:, 0]]
    np.testing.assert_allclose(rest, np.stack([*theirs, known.cov[:, 0, 0].sqrt()]), **CLOSE)


# ---- numbers that follow the finger ----------------------------------------------------------------------------------


def test_numbers_are_numbers_names_or_one_a_frame(page):
    ask = "([number, frame]) => resolve(number, { values: { mean: 2.5, parts: [1] }, frame })"
    asked = {
        2.5: [4, 0], 3.0: [[1, 3], 1], 1.5: [[1, 3], 0.25], 7: [[7], 12], 9: [[1, 9], 5],
    }  # fmt: skip
    assert page.evaluate(ask, ["mean", 0]) == 2.5
    asked.pop(2.5)
    for answer, question in asked.items():
        assert page.evaluate(ask, question) == answer
    for question in (["nobody", 0], [None, 0], [[], 0], [[None, 1], 0]):
        assert math.isnan(page.evaluate(ask, question))


def test_a_number_may_be_a_sum_of_values(page):
    """The mean of q(x_{t−1} | x_t, x_0) follows two fingers at once: ui/plane/models.py, Linear."""
    rng, sides = np.random.default_rng(7), []
    back = posterior(NoiseSchedule.cosine(10))
    for t in range(2, 11):
        x0, x = rng.normal(size=2)
        factors = float(back.of_x0[t]), float(back.of_x[t])
        mean = {"kind": "linear", "terms": [[factors[0], "x0"], [factors[1], "xt"]]}
        model = {"kind": "normal", "mean": mean, "std": float(back.variance[t].sqrt())}
        theirs = float(factors[0] * x0 + factors[1] * x)
        sides.append((measured(page, {"kind": "momentof", "model": model, "which": "mean"}, x0=x0, xt=x), theirs))
        density = normal.prob(0.3, theirs, back.variance[t].sqrt())
        sides.append((measured(page, {"kind": "densityat", "model": model, "x": 0.3}, x0=x0, xt=x), float(density)))
    ours, theirs = np.array(sides).T
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    lost = {
        "kind": "momentof",
        "model": {"kind": "normal", "mean": {"kind": "linear", "terms": [[1, "gone"]]}, "std": 1},
    }
    assert measured(page, lost | {"which": "mean"}, x0=1) is None or math.isnan(
        measured(page, lost | {"which": "mean"})
    )


def measured(page: Page, measure: dict, **values) -> float:
    return page.evaluate("([m, values]) => measure(m, { values, frame: 0 })", [measure, values])


def test_measures(page):
    normal = {"kind": "normal", "mean": "mean", "std": 2}
    pair = model((1, -1, 2, 0.5, 0.8))
    x = {"kind": "marginal", "of": pair, "axis": "x"}
    y = {"kind": "conditional", "of": pair, "x": "seen"}
    points = np.random.default_rng(4).normal(0, 3, (50, 2))
    both = stats.multivariate_normal([1, -1], [[4, 0.8], [0.8, 0.25]])
    expected = {
        ("probability", "normal"): stats.norm.cdf(3, 1, 2) - stats.norm.cdf(0, 1, 2),
        ("probability", "x"): stats.norm.cdf(3, 1, 2) - stats.norm.cdf(0, 1, 2),
        ("loglikelihood", "normal"): stats.norm.logpdf(points[:, 0], 1, 2).sum(),
        ("loglikelihood", "pair"): both.logpdf(points).sum(),
        ("densityat", "normal"): stats.norm.pdf(0.5, 1, 2),
        ("densityat", "pair"): both.pdf([0.5, -0.5]),
        ("momentof", "y"): -1 + 0.8 * 0.5 / 2 * (3 - 1),
        ("momentof", "x"): 1,
    }
    models = {"normal": normal, "pair": pair, "x": x, "y": y}
    rest = {
        "probability": {"low": 0, "high": 3}, "loglikelihood": {"points": "points"}, "momentof": {"which": "mean"},
        "densityat": {"x": 0.5, "y": -0.5},
    }  # fmt: skip
    for (kind, of), answer in expected.items():
        ours = measured(page, {"kind": kind, "model": models[of], **rest[kind]}, mean=1, seen=3, points=points.tolist())
        assert ours == pytest.approx(answer, rel=1e-10), (kind, of)
    std = measured(page, {"kind": "momentof", "model": y, "which": "std"}, seen=3)
    assert std == pytest.approx(0.5 * math.sqrt(1 - 0.64), rel=1e-14)
    away = measured(page, {"kind": "mahalanobisat", "model": pair, "x": 0.5, "y": -0.5})
    assert away == pytest.approx(math.sqrt(-2 * (both.logpdf([0.5, -0.5]) - both.logpdf([1, -1]))), rel=1e-10)
    assert measured(page, {"kind": "loglikelihood", "model": normal, "points": "points"}, mean=0, points=[]) == 0


@pytest.mark.parametrize(
    ("template", "numbers", "said"),
    [
        ("μ = {mean:2}, σ = {std}", {}, "μ = −1.50, σ = 0.3333"),
        ("{p}, {p:1} {nobody} {points} {{mean}", {"p": 12.3456}, "12.35, 12.3 {nobody} {points} {−1.5"),
        ("{p}", {"p": 1.23456e-7}, "1.23\u00a0×\u00a010⁻⁷"),
        ("{p} {p:3}", {"p": 1234567.89}, "1,234,568 1,234,567.890"),
        ("{p} {p:0}", {"p": 1234.5678}, "1235 1235"),
        ("{p} {p:2}", {"p": -2e12}, "−2.00\u00a0×\u00a010¹² −2.00\u00a0×\u00a010¹²"),
        ("{p} {p:2}", {"p": math.nan}, "– –"),
        ("{p} {p:2}", {"p": -math.inf}, "−∞ −∞"),
        ("{p:2} {p}", {"p": -0.001}, "0.00 −0.001"),
        ("{mean}", {"mean": 8}, "8"),
        ("{p} {p:4}", {"p": 0}, "0 0.0000"),
        ("{constructor} <b>{mean}</b>", {}, "{constructor} <b>−1.5</b>"),
    ],
)
def test_words_are_filled_in(page, template, numbers, said):
    ask = "([t, n]) => say(t, { values: { mean: -1.5, std: 1 / 3, points: [[1, 2]] }, frame: 0 }, n)"
    assert page.evaluate(ask, [template, numbers]) == said


@pytest.mark.parametrize("log", [-1000.0, -3.0e5, -690.8, 2302.0, -1.0])
def test_a_density_that_underflows_is_written_from_its_logarithm(page, log):
    said = page.evaluate("log => say('{p}', { values: {}, frame: 0 }, { p: exponential(log) })", log)
    if log == -1.0:
        assert said == "0.3679"
    elif log > 709:
        assert said == "∞"
    else:
        digits, _, power = said.partition("\u00a0×\u00a010")
        power = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
        assert 1 <= float(digits) < 10 and math.log(float(digits)) + power * math.log(10) == pytest.approx(
            log, abs=6e-3
        )
    assert page.evaluate("log => written(exponential(log), 3)", -1000.0) == "0.000"
    assert page.evaluate("written(exponential(-1e-3 - 999 * Math.LN10))") == "9.99\u00a0×\u00a010⁻¹⁰⁰⁰"
    assert page.evaluate("written(exponential(-Infinity))") == "0"


def test_words_may_be_given_their_decimals(page):
    assert page.evaluate("say('{a} {a:1}', { values: { a: 2 / 3 }, frame: 0 }, {}, 3)") == "0.667 0.7"
