"""Points in the plane: their moments, their repeatability, and drawings good and bad."""

import math

import pytest
import torch
from torch.testing import assert_close

from core import data, shapes


def seeded(seed=0):
    return torch.Generator("cpu").manual_seed(seed)


@pytest.mark.parametrize("name", data.SHAPES)
def test_a_shape_is_centred_with_variance_one(name):
    points = data.shape(name, 100_000, seeded())
    assert points.shape == (100_000, 2)
    assert points.dtype == torch.float64
    assert_close(points.mean(0), torch.zeros(2).double(), rtol=0, atol=0.02)
    assert points.var(0).mean().item() == pytest.approx(1, abs=0.01)
    assert points.abs().max() < 4


@pytest.mark.parametrize("name", data.SHAPES)
def test_a_seed_is_a_shape(name):
    assert torch.equal(data.shape(name, 50, seeded(1)), data.shape(name, 50, seeded(1)))
    assert not torch.equal(data.shape(name, 50, seeded(1)), data.shape(name, 50, seeded(2)))


@pytest.mark.parametrize("name", data.SHAPES)
@pytest.mark.parametrize("n", [0, -3, 10**9])
def test_the_number_of_points_is_bounded(name, n):
    with pytest.raises(ValueError, match="between 1 and 1,000,000"):
        data.shape(name, n, seeded())


def test_rings_lie_on_two_circles_by_their_length():
    radius = data.shape("rings", 30_000, seeded()).norm(dim=1)
    outer = radius > 1.2
    assert outer.double().mean().item() == pytest.approx(2 / 3, abs=0.01)
    assert radius[outer].median().item() == pytest.approx(2 / math.sqrt(1.5), abs=0.01)
    assert radius[~outer].median().item() == pytest.approx(1 / math.sqrt(1.5), abs=0.01)


def test_blobs_are_the_mixture_that_is_published():
    weights, means, covs = shapes.blobs_mixture()
    assert weights.sum() == 1
    assert_close(weights @ means, torch.zeros(2).double())
    total = torch.einsum("k,kij->ij", weights, covs + means[:, :, None] * means[:, None, :])
    assert_close(total.trace() / 2, torch.ones((), dtype=torch.float64))
    points = data.shape("blobs", 200_000, seeded())
    nearest = torch.cdist(points, means).argmin(1)
    for k in range(3):  # far enough apart to be told by the nearest mean
        mine = points[nearest == k]
        assert len(mine) / len(points) == pytest.approx(weights[k].item(), abs=0.005)
        assert_close(mine.mean(0), means[k], rtol=0, atol=0.01)
        assert_close(mine.T.cov(), covs[k], rtol=0, atol=0.01)


def test_points_along_a_line_are_even():
    points = data.points_along([[(0.1, 0.5), (0.2, 0.5), (0.9, 0.5)]], 40_000, seeded())
    x = points[:, 0].sort().values  # variance 2 on one axis: uniform on ±√6
    quantiles = torch.linspace(-math.sqrt(6), math.sqrt(6), len(x), dtype=torch.float64)
    assert (x - quantiles).abs().max() < 0.15
    assert points[:, 1].std().item() == pytest.approx(shapes.JITTER, rel=0.05)


def test_points_along_share_themselves_by_length_and_turn_upright():
    strokes = [[(0.0, 0.0), (0.9, 0.0)], [(0.0, 1.0), (0.3, 1.0)], [(0.5, 0.5)], []]  # above: three times as long
    points = data.points_along(strokes, 20_000, seeded())
    above = points[:, 1] > (points[:, 1].min() + points[:, 1].max()) / 2
    assert above.double().mean().item() == pytest.approx(0.75, abs=0.02)
    assert points[above, 0].max() > points[~above, 0].max()
    assert_close(points.mean(0), torch.zeros(2).double(), rtol=0, atol=0.03)
    assert points.var(0).mean().item() == pytest.approx(1, abs=0.02)


def test_points_along_are_repeatable_and_keep_to_the_square():
    strokes = [[(-5.0, 0.5), (0.5, 0.5), (0.5, 7.0)]]
    inside = [[(0.0, 0.5), (0.5, 0.5), (0.5, 1.0)]]
    assert torch.equal(data.points_along(strokes, 99, seeded()), data.points_along(inside, 99, seeded()))


@pytest.mark.parametrize(
    ("strokes", "said"),
    [
        ([], "The drawing is empty"),
        ([[], []], "The drawing is empty"),
        ([[(0.5, 0.5)]], "only a dot"),
        ([[(0.5, 0.5), (0.5, 0.5)], [(0.1, 0.1)]], "only a dot"),
        ([[(0.5, 0.5), (0.5, 0.5 + 1e-6)]], "only a dot"),
        ([[(2.0, 2.0), (3.0, 3.0)]], "only a dot"),
        ([[(0.0, 0.0), (math.nan, 1.0)]], "two finite numbers"),
        ([[(0.0, 0.0), (math.inf, 1.0)]], "two finite numbers"),
        ([[(0.0, 0.0), (10**400, 1.0)]], "two finite numbers"),
        ([[(0.0, 0.0), (1.0,)]], "two finite numbers"),
        ([[(0.0, 0.0), (1.0, 1.0, 1.0)]], "two finite numbers"),
        ([[(0.0, 0.0), ("a", "b")]], "two finite numbers"),
        ([[0.0, 1.0]], "two finite numbers"),
        (["line"], "two finite numbers"),
        ([[(0.0, 0.0), (1.0, 1.0)] * 20_000], "more than 20,000 corners"),
        ([[(0.0, 0.0), (1.0, 1.0)]] * 20_000, "more than 20,000 corners"),
    ],
)
def test_a_bad_drawing_is_one_sentence(strokes, said):
    with pytest.raises(ValueError, match=said):
        data.points_along(strokes, 10, seeded())


def test_no_points_along_a_line():
    with pytest.raises(ValueError, match="between 1 and"):
        data.points_along([[(0, 0), (1, 1)]], 0, seeded())


@pytest.mark.parametrize("name", data.SHAPES)
def test_every_tensor_is_made_on_a_named_device(name):
    expected = data.shape(name, 20, seeded()), data.points_along([[(0, 0), (1, 1)]], 20, seeded())
    with torch.device("meta"):  # a factory call without a device makes a tensor without content
        made = data.shape(name, 20, seeded()), data.points_along([[(0, 0), (1, 1)]], 20, seeded())
    assert torch.equal(made[0], expected[0])
    assert torch.equal(made[1], expected[1])
