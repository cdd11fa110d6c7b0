"""The latent map in a real browser: its decoder is Python's, the picture follows the pointer, ends are dragged."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from core import scene, vae_library
from core.scenes.vae import MapScene
from tests.browser.helpers import SLOW, fits_its_width, plane, press, shades

ID = "vae.latent_map"


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    def open_page(query: str = "", **context) -> Page:
        page = visit(f"{fresh_app}/vae?lang=en{query}", **context)
        expect(root(page)).to_have_attribute("data-points", "400", timeout=SLOW)
        root(page).scroll_into_view_if_needed()
        return page

    return open_page


def root(page: Page) -> Locator:
    return plane(page, ID, "map")


def place(page: Page) -> tuple[float, ...]:
    return tuple(float(v) for v in root(page).get_attribute("data-place").split())


def ends(page: Page) -> tuple[int, int]:
    return tuple(int(root(page).get_attribute(f"data-{name}")) for name in "ab")


def over(page: Page, x: float, y: float) -> None:
    """The pointer at a share of the plane's picture."""
    box = root(page).locator(".stage canvas").bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def test_the_browser_s_decoder_is_python_s(show):
    page = show()
    z = np.random.default_rng(0).uniform(-4, 4, size=(25, 2))
    theirs = np.array([root(page).evaluate("(r, z) => r.decodeAt(...z)", row.tolist()) for row in z])
    model = vae_library.load(vae_library.key_named("map"))
    with torch.no_grad():
        ours = model.mean_image(torch.tensor(z, dtype=torch.float32)).flatten(1).numpy()
    assert theirs.shape == (25, 784) and ours.max() > 0.9
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_the_picture_follows_the_pointer_and_the_keys(show):
    page = show()
    picture = root(page).locator("canvas.picture").first
    seen = set()
    for x, y in ((0.3, 0.3), (0.6, 0.5), (0.8, 0.2)):
        was = root(page).get_attribute("data-place")
        over(page, x, y)
        expect(root(page)).not_to_have_attribute("data-place", was)
        seen.add(picture.evaluate("c => c.toDataURL()"))
    assert len(seen) == 3
    right, up = place(page)
    assert right > 1.5 and up > 1.5
    expect(root(page).locator(".note").first).to_have_text(f"z = ({right:.2f}, {up:.2f})")
    stage = root(page).locator(".stage")
    stage.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    assert place(page) == (pytest.approx(right - 0.05, abs=1e-3), pytest.approx(up - 0.25, abs=1e-3))
    page.keyboard.press("Home")  # nothing of ours
    assert place(page)[0] == pytest.approx(right - 0.05, abs=1e-3)


def test_an_end_is_dragged_to_another_picture_and_the_link_has_it(show):
    page = show()
    before = ends(page)
    handle = root(page).locator("[data-end=A]")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    over(page, 0.3, 0.3)
    page.mouse.up()
    a, b = ends(page)
    assert a != before[0] and b == before[1]
    at = scene.shown(MapScene(vae_library.key_named("map")))["at"]
    size = root(page).locator(".stage canvas").bounding_box()["width"]
    z = np.array([((0.3 * size - 34) / (size - 44)) * 8 - 4, ((size - 26 - 0.3 * size) / (size - 36)) * 8 - 4])
    # to within a few pixels of the plane, which is 8 wide
    assert np.hypot(*(at[a] - z)) == pytest.approx(np.hypot(*(at - z).T).min(), abs=0.2)
    expect(page).to_have_url(re.compile(rf"vae\.latent_map\.a={a}"), timeout=SLOW)
    handle.focus()
    page.keyboard.press("ArrowRight")
    moved = ends(page)[0]
    assert moved != a and at[moved][0] > at[a][0]
    expect(page).to_have_url(re.compile(rf"vae\.latent_map\.a={moved}"), timeout=SLOW)
    press(page, f"{ID}.reset")
    expect(root(page)).to_have_attribute("data-a", str(before[0]), timeout=SLOW)


@pytest.mark.parametrize(("theme", "width"), [("dark", 820), ("light", 1366)])
def test_everything_is_drawn_and_nothing_scrolls_sideways(show, theme, width):
    page = show(theme=theme, width=width)
    for canvas in root(page).locator("canvas").all():
        assert shades(canvas) > 3
    fits_its_width(page)


def test_two_ends_on_one_picture_say_both_names(show):
    page = show(f"&{ID}.a=3&{ID}.b=3")
    expect(root(page).locator(".end[data-end=B]")).to_have_text("AB", timeout=SLOW)
