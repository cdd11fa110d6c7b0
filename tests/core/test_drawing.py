"""A drawing as a digit: the box, the centre of mass, and real MNIST digits redrawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from core import data, neural_network
from core.drawing import BOX, MIDDLE, PEN, SIDE, as_digit, ink
from tests.core.test_devices import DevicesAreNamed

SEVEN = (((0.3, 0.2), (0.7, 0.2), (0.45, 0.8)),)


def mass(image: torch.Tensor) -> tuple[float, float]:
    y, x = ndimage.center_of_mass(image.double().numpy())
    return x + 0.5, y + 0.5  # the middle of a pixel is at a half


def extent(image: torch.Tensor) -> tuple[int, int]:
    rows, columns = (image > 100).any(dim=1).nonzero(), (image > 100).any(dim=0).nonzero()
    return int(columns.max() - columns.min()) + 1, int(rows.max() - rows.min()) + 1


def test_nothing_drawn_is_none():
    assert as_digit(()) is None
    assert as_digit(((), ())) is None


def test_it_fits_the_box_and_its_mass_is_in_the_middle():
    image = as_digit(SEVEN).image
    assert image.shape == (SIDE, SIDE) and image.dtype == torch.uint8
    assert extent(image)[1] == pytest.approx(BOX, abs=1)
    assert mass(image) == pytest.approx((MIDDLE, MIDDLE), abs=0.1)


@pytest.mark.parametrize("scale, x, y", [(0.1, 0.0, 0.0), (0.3, 0.69, 0.65), (40.0, -7.0, 900.0)])
def test_where_and_how_large_it_was_drawn_does_not_matter(scale, x, y):
    moved = tuple(tuple((x + scale * px, y + scale * py) for px, py in stroke) for stroke in SEVEN)
    difference = as_digit(moved).image.int() - as_digit(SEVEN).image.int()
    assert difference.abs().max() <= 1


def test_proportions_are_kept():
    wide = as_digit((((0.1, 0.5), (0.9, 0.5), (0.9, 0.6)),)).image
    across, down = extent(wide)
    assert across == pytest.approx(BOX, abs=1) and down < 7


def test_a_dot_and_a_straight_line_are_drawn():
    dot = as_digit((((0.9, 0.1),),)).image.double() / 255
    assert float(dot.sum()) == pytest.approx(torch.pi * PEN**2 / 4, rel=0.05)  # the area of the pen
    assert mass(dot) == pytest.approx((MIDDLE, MIDDLE), abs=0.05)
    one = as_digit((((0.5, 0.1), (0.5, 0.9)),)).image.double() / 255
    area = (BOX - PEN) * PEN + torch.pi * PEN**2 / 4
    assert float(one.sum()) == pytest.approx(area, rel=0.05)


def test_nothing_is_cut_off_where_the_mass_is_far_from_the_middle():
    heavy = (((0.0, 1.0), (1.0, 1.0), (1.0, 0.98), (0.0, 0.96), (0.0, 0.94), (1.0, 0.92)), ((0.5, 1.0), (0.5, 0.0)))
    image = as_digit(heavy).image
    assert extent(image)[1] >= BOX - 1 and int(image[0].max()) <= 255
    assert float(image[:, 0].max()) < 255 and image[0].sum() < image.sum()


def test_ink_is_the_share_of_a_pixel_that_the_pen_covers():
    line = torch.tensor([[2.0, 10.0], [20.0, 10.0]], dtype=torch.float64)
    got = ink([line])
    x, y = torch.meshgrid(*[(torch.arange(SIDE * 40) + 0.5) / 40] * 2, indexing="xy")
    nearest = torch.hypot(x - x.clamp(2, 20), y - 10)
    exact = (nearest <= PEN / 2).double().reshape(SIDE, 40, SIDE, 40).mean(dim=(1, 3))
    assert (got - exact).abs().max() < 0.08


def test_where_it_says_that_a_place_went_is_where_it_went():
    drawing = as_digit(SEVEN)
    corner = [drawing.scale * v + m for v, m in zip((0.7, 0.2), drawing.moved, strict=True)]
    assert drawing.image[int(corner[1]), int(corner[0])] > 150


def thinned(image: np.ndarray) -> np.ndarray:
    """The skeleton of a shape, (H, W) bool. Zhang and Suen 1984."""
    shape = np.pad(image.astype(np.uint8), 1)
    while True:
        gone = 0
        for turn in (0, 1):
            p = [np.roll(shape, shift, (0, 1)) for shift in
                 ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))]  # fmt: skip
            neighbours = sum(p)
            rises = sum((p[i] == 0) & (p[(i + 1) % 8] == 1) for i in range(8))
            a, b = ((0, 2, 4), (2, 4, 6)) if turn == 0 else ((0, 2, 6), (0, 4, 6))
            off = (shape == 1) & (neighbours >= 2) & (neighbours <= 6) & (rises == 1)
            off &= (p[a[0]] * p[a[1]] * p[a[2]] == 0) & (p[b[0]] * p[b[1]] * p[b[2]] == 0)
            shape[off] = 0
            gone += int(off.sum())
        if not gone:
            return shape[1:-1, 1:-1].astype(bool)


def redrawn(image: torch.Tensor) -> list[list[tuple[float, float]]]:
    """A real digit drawn again along its middle, twice as fine: a short stroke from each place to each neighbour."""
    fine = ndimage.zoom(image.double().numpy(), 3, order=1) > 110
    skeleton = thinned(fine)
    places = {(int(y), int(x)) for y, x in np.argwhere(skeleton)}
    strokes = [
        [(x / 84, y / 84), ((x + dx) / 84, (y + dy) / 84)]
        for y, x in places
        for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1))
        if (y + dy, x + dx) in places
    ]
    return strokes or [[(x / 84, y / 84)] for y, x in places]


def test_real_digits_redrawn_are_where_they_were_and_are_still_read():
    digits = data.mnist("test")
    rows = torch.arange(0, 2000, 20)
    drawn = torch.stack([as_digit(redrawn(digits.images[i, 0])).image for i in rows])
    real = digits.images[rows, 0]
    model = neural_network.pretrained("digits", torch.device("cpu"))
    said = model(neural_network.to_unit(drawn[:, None])).argmax(dim=1)
    assert float((said == digits.labels[rows]).double().mean()) >= 0.95
    for axis in (0, 1):
        apart = [mass(a)[axis] - mass(b)[axis] for a, b in zip(drawn, real, strict=True)]
        assert np.mean(np.abs(apart)) < 0.6
    sizes = np.array([extent(a) for a in drawn], float) - np.array([extent(a) for a in real])
    assert np.abs(sizes).mean() < 1.5
    both = torch.stack([drawn.flatten(1), real.flatten(1)]).double()
    alike = torch.nn.functional.cosine_similarity(both[0], both[1], dim=1)
    assert float(alike.mean()) > 0.75


def test_every_factory_names_its_device():
    with DevicesAreNamed():
        as_digit(SEVEN)
