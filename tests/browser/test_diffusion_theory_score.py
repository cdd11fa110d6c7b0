"""Step 8 in a real browser: the point is dragged over the scores, the way back is played, x_t is dragged."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import SLOW, drag, fits_its_width, heard, knob, painted, part, plane, says, shades, sheet

SCORE, REVERSE, SMALL = (f"diffusion_theory.{name}" for name in ("score", "reverse", "small_steps"))


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    """Opens the page with settings; waits for the pictures."""

    def open_page(settings: dict[str, object] | None = None, *, lang: str = "en", **context) -> Page:
        page = visit(f"{fresh_app}/diffusion_theory?{urlencode({'lang': lang} | (settings or {}))}", **context)
        for name in (SCORE, REVERSE):
            painted(plane(page, name))
        return page

    return open_page


def do(page: Page, experiment: str, name: str) -> Locator:
    root = plane(page, experiment)
    root.locator(f"[data-do={name}]").click()
    return root


def test_the_point_is_dragged_and_the_level_is_stepped(show, at_rest):
    page = show()
    says(page, r"At \(0\.9, 0\.6\) and t = 150 the exact score is \(−3\.31, 3\.01\)")
    page.wait_for_timeout(300)
    canvas = sheet(page, SCORE, "exact")
    before = canvas.evaluate("c => c.toDataURL()")
    point = knob(page, SCORE, "point")
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 60, box["y"] + 60, steps=4)
    page.wait_for_timeout(150)
    assert canvas.evaluate("c => c.toDataURL()") != before, "the arrow follows before the point is let go"
    page.mouse.up()
    heard(page, SCORE, lambda v: v["x"] < 0.4 and v["y"] < 0.2)
    at_rest(page)
    expect(page).to_have_url(re.compile(r"diffusion_theory\.score\.x="), timeout=SLOW)
    expect(page.get_by_text("At (0.9, 0.6) and t = 150")).to_have_count(0, timeout=SLOW)
    do(page, SCORE, "forward")
    says(page, r"and t = 200 the exact score is")
    expect(page).to_have_url(re.compile(r"diffusion_theory\.score\.t=200"), timeout=SLOW)
    page.reload()
    says(page, r"and t = 200 the exact score is")


def test_ones_own_component_is_dragged(show):
    page = show({f"{SCORE}.data": "own", f"{SCORE}.own": "1_-1_0_0.4_0.4_0", f"{SCORE}.t": 100})
    says(page, r"At \(0\.9, 0\.6\) and t = 100 the exact score is \(−[\d.]+, −[\d.]+\)")
    canvas = sheet(page, SCORE, "exact")
    assert shades(canvas) > 20
    drag(page, plane(page, SCORE).locator('[data-name^="own"]').last, 150, -30)
    heard(page, SCORE, lambda v: v["own"][0][1] > 0.2)
    says(page, r"At \(0\.9, 0\.6\) and t = 100 the exact score is \(.*?\)")


def test_the_way_back_is_played_from_noise(show):
    page = show({f"{REVERSE}.steps": 5})
    root = do(page, REVERSE, "reset")
    expect(root).to_have_attribute("data-frame", "0", timeout=SLOW)
    start = sheet(page, REVERSE, "sde").evaluate("c => c.toDataURL()")
    do(page, REVERSE, "play")
    expect(root).to_have_attribute("data-frame", "5", timeout=SLOW)
    assert sheet(page, REVERSE, "sde").evaluate("c => c.toDataURL()") != start
    says(page, r"1,000 particles, 5 steps, one and the same")


def test_x_t_is_dragged_in_one_step_back(show, at_rest):
    page = show({f"{SMALL}.t": 700})
    painted(plane(page, SMALL))
    before = says(page, r"The best normal has mean (\S+) and")[1]
    drag(page, knob(page, SMALL, "x"), 60)
    heard(page, SMALL, lambda v: v["x"] > 0.8)
    at_rest(page)
    expect(page.get_by_text(f"has mean {before} and")).to_have_count(0, timeout=SLOW)
    assert float(says(page, r"The best normal has mean (\S+) and")[1]) > float(before)


@pytest.mark.parametrize(("lang", "width", "theme"), [("ko", 1366, "dark"), ("en", 820, "light")])
def test_pictures_and_controls_fit(show, lang, width, theme):
    page = show({f"{SMALL}.t": 700}, lang=lang, width=width, theme=theme)
    fits_its_width(page)
    if width == 1366:
        for name in (SCORE, REVERSE, SMALL):
            top = part(page, f"{name}.controls").bounding_box()["y"]
            box = plane(page, name).bounding_box()
            assert box["y"] + box["height"] - top <= 768, name
