"""The plane's contour lines in a real browser: marching squares against exact ellipses, and cell by cell."""

import math

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from scipy import stats

from tests.browser import plane_scripts


@pytest.fixture(scope="module")
def page(chromium: Browser):
    with plane_scripts.loaded(chromium) as page:
        yield page


def segments(page: Page, values, level: float) -> np.ndarray:
    """The pieces of the line, (S, 2, 2), each end as (column, row)."""
    values = np.asarray(values, dtype=np.float64)
    found = page.evaluate(
        "([v, w, h, level]) => [...contourSegments(Float64Array.from(v), w, h, level)]",
        [values.ravel().tolist(), values.shape[1], values.shape[0], level],
    )
    return np.array(found).reshape(-1, 2, 2)


def rings(page: Page, values, level: float) -> list[np.ndarray]:
    values = np.asarray(values, dtype=np.float64)
    found = page.evaluate(
        "([v, w, h, level]) => contourRings(Float64Array.from(v), w, h, level).map(ring => [...ring])",
        [values.ravel().tolist(), values.shape[1], values.shape[0], level],
    )
    return [np.array(ring).reshape(-1, 2) for ring in found]


def area(ring: np.ndarray) -> float:
    """Signed: positive where what is inside lies on the left."""
    after = np.roll(ring, -1, 0)
    return float((ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]).sum() / 2)


ELLIPSE = {"std_x": 1.1, "std_y": 0.6, "rho": 0.6}


def gaussian_map(side: int) -> tuple[np.ndarray, np.ndarray, float]:
    """A density on [−4, 4]², its inverse covariance, and the density at Mahalanobis distance 1.5."""
    a, b, rho = ELLIPSE.values()
    cov = np.array([[a * a, rho * a * b], [rho * a * b, b * b]])
    ticks = np.linspace(-4, 4, side)
    both = stats.multivariate_normal([0, 0], cov)
    values = both.pdf(np.stack(np.meshgrid(ticks, ticks), -1))
    return values, np.linalg.inv(cov), both.pdf([0, 0]) * math.exp(-(1.5**2) / 2)


def test_contour_of_a_gaussian_is_its_ellipse(page):
    worst = []
    for side in (41, 81, 161):
        values, inverse, level = gaussian_map(side)
        found = segments(page, values, level)
        ends = found.reshape(-1, 2) / (side - 1) * 8 - 4
        away = np.sqrt(np.einsum("ni,ij,nj->n", ends, inverse, ends))
        worst.append(np.abs(away - 1.5).max())
        counted = np.unique(np.round(found.reshape(-1, 2), 4), axis=0, return_counts=True)[1]
        assert (counted == 2).all()  # one closed line
    assert worst[0] < 0.06
    assert worst[1] < worst[0] / 3 and worst[2] < worst[1] / 3  # a straight line in a cell: second order


def test_ring_of_a_gaussian_is_its_ellipse(page):
    values, inverse, level = gaussian_map(161)
    (ring,) = rings(page, values, level)
    exact = math.pi * 1.5**2 / math.sqrt(np.linalg.det(inverse))
    assert area(ring) * (8 / 160) ** 2 == pytest.approx(exact, rel=0.002)
    assert len(ring) == len(segments(page, values, level))


@pytest.mark.parametrize(
    ("corners", "level", "joined"),
    [((1, 0, 1, 0), 0.4, True), ((1, 0, 1, 0), 0.6, False), ((0, 1, 0, 1), 0.4, True), ((0, 1, 0, 1), 0.6, False)],
)
def test_a_saddle_is_decided_by_the_cell_s_mean(page, corners, level, joined):
    a, b, c, d = corners
    found = segments(page, [[a, b], [d, c]], level)
    assert len(found) == 2
    low = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])[[v < level for v in corners]]
    for piece in found:  # each piece cuts one corner off: a low one where the high ones are joined
        near = np.abs(low - piece.mean(0)).sum(1).min()
        assert (near < 0.75) == joined
    assert len(rings(page, [[a, b], [d, c]], level)) == (1 if joined else 2)


def test_what_is_higher_lies_on_the_left(page):
    rng = np.random.default_rng(7)
    values = rng.normal(size=(24, 31))
    for piece in segments(page, values, 0.1):
        (x0, y0), (x1, y1) = piece
        cell = np.floor(piece.mean(0) - 1e-9).astype(int)
        left = [
            (x1 - x0) * (cell[1] + j - y0) - (y1 - y0) * (cell[0] + i - x0) > 1e-6
            for i in (0, 1) for j in (0, 1) if values[cell[1] + j, cell[0] + i] >= 0.1
        ]  # fmt: skip
        assert any(left)


def test_cells_without_a_number_have_no_line(page):
    values = np.add.outer(np.zeros(5), np.arange(6.0))
    assert len(segments(page, values, 2.5)) == 4
    values[2, 3] = np.nan
    found = segments(page, values, 2.5)
    assert len(found) == 2
    assert set(found[:, :, 1].ravel()) == {0, 1, 3, 4}
    assert len(segments(page, np.full((4, 4), np.nan), 0)) == 0


def test_maps_that_do_not_cross_the_level(page):
    flat = np.ones((5, 4))
    for level in (0.5, 1, 2):
        assert len(segments(page, flat, level)) == 0
    assert len(segments(page, [[1.0]], 0)) == 0
    assert len(segments(page, [[1.0, -1.0, 1.0]], 0)) == 0


def bilinear_share(values: np.ndarray, level: float) -> float:
    """The share of the map that reaches the level, between the nodes bilinear."""
    t = (np.arange(20) + 0.5) / 20
    a, b, d, c = values[:-1, :-1], values[:-1, 1:], values[1:, :-1], values[1:, 1:]
    low = a[..., None] * (1 - t) + b[..., None] * t
    high = d[..., None] * (1 - t) + c[..., None] * t
    return float((low[..., :, None] * (1 - t) + high[..., :, None] * t >= level).mean())


def test_rings_hold_the_share_of_the_map_that_is_higher(page):
    values = np.random.default_rng(8).normal(size=(24, 31))
    for level in (-1, 0.1, 1.2):
        inside = sum(map(area, rings(page, values, level)))
        assert inside / (23 * 30) == pytest.approx(bilinear_share(values, level), abs=0.02)


def test_rings_close_at_the_border_and_around_holes(page):
    (ring,) = rings(page, np.ones((5, 4)), 1)
    assert area(ring) == pytest.approx(3 * 4)
    assert rings(page, np.ones((5, 4)), 2) == []
    assert rings(page, np.full((4, 4), np.nan), 0) == []
    y, x = np.mgrid[-3:3:61j, -3:3:61j]
    found = sorted(map(area, rings(page, -np.abs(np.hypot(x, y) - 1.5), -0.5)))
    assert found == pytest.approx([-math.pi * 10**2, math.pi * 20**2], rel=0.02)
    (half,) = rings(page, -np.hypot(x + 3, y), -1)
    assert area(half) == pytest.approx(math.pi * 10**2 / 2, rel=0.02)
