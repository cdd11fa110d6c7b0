"""The plane's surface in a real browser: where it stands, what hides what, and that it turns."""

import base64
import io
import math

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser
from scipy import ndimage

from tests.browser import plane_scripts


@pytest.fixture(scope="module")
def page(chromium: Browser):
    with plane_scripts.loaded(chromium) as page:
        yield page


STAGE = """
  const stage = { w: 520, h: 360, painter: new SurfacePainter() };
  const first = {
    dark: false, view: SURFACE_VIEW, role: "model", low: 0, high: 1, x: [-3, 3], y: [-3, 3],
    axes: [{ name: "x", low: -3, high: 3, shown: true }, { name: "y", low: -3, high: 3, shown: true }],
    box: { x: 0, y: 0, w: stage.w, h: stage.h },
  };
  // Paints the rows of a map, with what is to be other than at first; gives back a PNG.
  function staged([rows, changes]) {
    const { dark, view, role, box, axes, ...rest } = { ...first, ...changes };
    const table = COLOURS[dark ? "dark" : "light"], { ink, muted, canvas } = table.surface;
    const type = (size) => `${size}px sans-serif`;
    const theme = { dark, ink, muted, canvas, scale: 1, type, mark: table.mark, text: table.text };
    const sheet = document.createElement("canvas"), pen = sharpen(sheet, stage.w, stage.h);
    pen.fillStyle = canvas;
    pen.fillRect(0, 0, stage.w, stage.h);
    const grid = { values: Float32Array.from(rows.flat()), width: rows[0].length, height: rows.length, ...rest };
    stage.painter.paint(pen, box, grid, theme, role, view, axes);
    return sheet.toDataURL();
  }
"""


@pytest.fixture(scope="module")
def stage(page):
    page.add_script_tag(content=STAGE)

    def picture(rows, **changes) -> np.ndarray:
        """What is painted, (360, 520, 3)."""
        url = page.evaluate("staged", [np.asarray(rows, dtype=np.float64).tolist(), changes])
        with Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as image:
            return np.asarray(image.convert("RGB"), dtype=np.int64)

    return picture


def hills(*centres: tuple[float, float, float], side: int = 41) -> np.ndarray:
    y, x = np.mgrid[-3 : 3 : side * 1j, -3 : 3 : side * 1j]
    return sum((top * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.5) for a, b, top in centres), np.zeros((side, side)))


def coloured(picture: np.ndarray) -> np.ndarray:
    """Where a pixel is neither paper nor ink: those are nearly grey."""
    return np.ptp(picture, axis=2) > 45


@pytest.mark.parametrize("dark", [False, True])
def test_surface_is_there_and_changes_when_turned(stage, page, dark):
    first = stage(hills((0, 1, 1)), dark=dark)
    assert 0.02 < coloured(first).mean() < 0.5
    turned = page.evaluate("stage.painter.drag(60, 0, first.view)")
    tilted = page.evaluate("stage.painter.drag(0, 60, first.view)")
    assert turned["tilt"] == 0.5 and tilted["turn"] == -0.6
    for view in (turned, tilted):
        other = stage(hills((0, 1, 1)), dark=dark, view=view)
        assert (np.abs(first - other).max(axis=2) > 30).mean() > 0.02
    assert (stage(hills((0, 1, 1)), dark=dark) == first).all()


def test_surface_stands_where_its_map_says(stage):
    straight = {"turn": 0, "tilt": 0.6}  # x to the right, y into the picture
    left, right = (np.argwhere(coloured(stage(hills((x, 0, 1)), view=straight)))[:, 1].mean() for x in (-1.5, 1.5))
    assert left == pytest.approx(520 - right, abs=8)  # the sun stands at the left
    assert right - left > 80
    near, far = (np.argwhere(coloured(stage(hills((0, y, 1)), view=straight)))[:, 0].mean() for y in (-1.5, 1.5))
    assert near - far > 40
    top = [np.argwhere(coloured(stage(hills((0, 0, z)), view=straight)))[:, 0].min() for z in (0.5, 1)]
    assert top[0] - top[1] > 50


@pytest.mark.parametrize("axis", ["y", "x"])
def test_what_stands_in_front_hides_what_is_behind(stage, axis):
    near = {"turn": 0 if axis == "y" else math.pi / 2, "tilt": 0.12}  # the axis runs into the picture
    far = {**near, "turn": near["turn"] + math.pi}
    wall, behind = np.zeros((41, 41)), hills((0, 2, 0.6))
    wall[:8, 8:-8] = 1
    if axis == "x":
        wall, behind = wall.T, behind.T
    front = ndimage.binary_erosion(coloured(stage(wall, view=near)), iterations=3)  # not its soft edge
    assert front.mean() > 0.1
    change = np.abs(stage(wall + behind, view=near) - stage(wall, view=near)).max(axis=2)
    assert change[front].max() <= 12  # of 255, in the seams between cells
    assert (stage(wall + behind, view=far) != stage(wall, view=far)).any(axis=2).mean() > 0.02


def test_surface_leaves_open_what_is_no_number_or_low(stage):
    nothing = stage(np.zeros((41, 41)))
    assert not coloured(nothing).any()
    assert (stage(np.full((41, 41), np.nan)) == nothing).all()
    assert (stage(np.full((41, 41), -5.0)) == nothing).all()
    holed = hills((0, 0, 1))
    holed[18:23, 18:23] = np.nan
    assert 0 < coloured(stage(holed)).sum() < coloured(stage(hills((0, 0, 1)))).sum()


def test_surface_stays_in_its_floor_and_takes_every_size(stage):
    wide = stage(hills((0, 0, 1), (2.5, 2.5, 1)), x=[-6, 6], y=[-6, 6])  # the second hill is at (5, 5), off the axes
    assert 0.5 < coloured(wide).sum() / coloured(stage(hills((0, 0, 1)), x=[-6, 6], y=[-6, 6])).sum() < 1.1
    empty = stage(np.zeros((5, 5)))
    for map_, options in [
        (np.ones((1, 1)), {}), (np.ones((1, 9)), {}), (np.ones((4, 4)), {"low": 1, "high": 1}),
    ]:  # fmt: skip
        assert not coloured(stage(map_, **options)).any(), options
    assert coloured(stage(np.ones((2, 2)), view={"turn": 9, "tilt": 1.45})).mean() > 0.05
    assert coloured(stage(hills((0, 0, 1), side=200))).mean() == pytest.approx(
        coloured(stage(hills((0, 0, 1), side=49))).mean(), rel=0.05
    )
    tiny = stage(hills((0, 0, 1)), box={"x": 10, "y": 10, "w": 60, "h": 40})
    assert (tiny[120:] == 255).all()
    log = [
        {"name": "x", "low": 0.1, "high": 100, "log": True, "shown": True},
        {"name": "", "low": -3, "high": 3, "shown": False},
    ]
    assert (stage(hills((0, 0, 1)), axes=log, x=[0.1, 100]) != empty).any()


def test_a_thin_ridge_is_smooth(stage, page):
    """Its upper edge on the screen does not go up and down as over a mesh that is too coarse for it."""
    ask = """([rho, std, std_y]) => {
      const model = { kind: "gaussian", mean_x: 0, mean_y: 0, std_x: std, std_y: std_y ?? std, correlation: rho };
      const chart = { sx: { low: -6, high: 6 }, sy: { low: -4, high: 4 } };
      const { values, width, ...rest } = modelGrid({ model }, chart, { values: {}, frame: 0 });
      return [Array.from(values), width, rest.high, rest.fine];
    }"""

    def edge(fine: int | None) -> float:
        values, width, high, chosen = page.evaluate(ask, [0.99, 3])
        rows, fine = np.reshape(values, (width, width)), fine or chosen
        step = chosen // fine
        axes = [{"name": "", "low": -a, "high": a, "shown": True} for a in (6, 4)]
        ridge = coloured(stage(rows[::step, ::step], fine=fine, high=high, x=[-6, 6], y=[-4, 4], axes=axes))
        columns = np.flatnonzero(ridge.sum(0) > 20)[10:-40]
        top = ridge.argmax(0)[columns].astype(float)
        return np.std((top - ndimage.gaussian_filter1d(top, 6))[20:-20])

    fine, coarse = edge(None), edge(1)
    assert fine < 0.5 * coarse, (fine, coarse)
    assert page.evaluate(ask, [0.0, 2.0])[3] == 1  # what is broad is not sampled finer

    values, width, high, _ = page.evaluate(ask, [0.99, 3, 0.1])  # 0.014 across, and the mesh has 0.075
    ridge = np.reshape(values, (width, width)).max(0)
    x = np.linspace(-6, 6, width)
    assert ridge == pytest.approx(np.exp(-(x**2) / 18) * high, abs=0.1 * high)  # no row of peaks
    assert high == pytest.approx(1 / (2 * math.pi * 3 * 0.1 * math.sqrt(1 - 0.99**2)), rel=0.05)


def test_tilt_stays_between_the_floor_and_above(page):
    for dy, bound in ((1e4, 1.45), (-1e4, 0.12)):
        assert page.evaluate("(dy) => new SurfacePainter().drag(0, dy, SURFACE_VIEW).tilt", dy) == bound
