"""The sketchpad in a real browser: drawing by mouse, finger and key, and what Python gets."""

import ast
import math
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import plane, stroke

SCENE = Path(__file__).parent / "scenes" / "sketchpad.py"


@pytest.fixture
def show(serve, visit):
    def open_scene(query: str = "", **context) -> Page:
        page = visit(f"{serve(SCENE)}/?{query}", **context)
        expect(root(page)).to_have_attribute("data-strokes", re.compile(r"\d"))
        return page

    return open_scene


def root(page: Page) -> Locator:
    return plane(page, "scene", "sketchpad")


def draw(page: Page, points: list[tuple[float, float]]) -> None:
    stroke(page, root(page).locator(".pad canvas"), points)


def heard(page: Page, text: str) -> None:
    expect(page.locator("[data-testid=stMarkdown]").first).to_have_text(text)


def strokes(page: Page) -> tuple:
    return ast.literal_eval(page.locator("[data-testid=stCode]").inner_text())


CIRCLE = [(0.5 + 0.3 * math.cos(k / 8), 0.5 + 0.3 * math.sin(k / 8)) for k in range(51)]


def test_what_is_drawn_is_what_python_gets(show):
    page = show()
    draw(page, CIRCLE)
    heard(page, "strokes 1, dones 0")
    (drawn,) = strokes(page)
    assert 15 < len(drawn) <= len(CIRCLE)
    assert all(math.hypot(x - 0.5, y - 0.5) == pytest.approx(0.3, abs=0.01) for x, y in drawn)
    assert all(round(v, 3) == v for point in drawn for v in point)
    draw(page, [(0.2, 0.9)])
    heard(page, "strokes 2, dones 0")
    assert strokes(page)[1] == (pytest.approx((0.2, 0.9), abs=0.01),)


def test_undo_clear_and_done(show):
    page = show()
    for name in ("undo", "clear", "done"):
        expect(root(page).locator(f"[data-do={name}]")).to_be_disabled()
    draw(page, [(0.1, 0.1), (0.9, 0.1)])
    draw(page, [(0.1, 0.5), (0.9, 0.5)])
    heard(page, "strokes 2, dones 0")
    page.keyboard.press("Control+z")
    heard(page, "strokes 1, dones 0")
    root(page).locator("[data-do=done]").click()
    heard(page, "strokes 1, dones 1")
    page.get_by_role("button", name="again").click()
    heard(page, "strokes 1, dones 1")
    root(page).locator("[data-do=clear]").click()
    heard(page, "strokes 0, dones 1")
    assert strokes(page) == ()


def test_a_drawing_can_be_given_and_handed_back(show):
    page = show("given=1&echo=1")
    heard(page, "strokes 1, dones 0")
    expect(root(page)).to_have_attribute("data-strokes", "1")
    draw(page, [(0.1, 0.5), (0.9, 0.5)])
    draw(page, [(0.1, 0.7), (0.9, 0.7)])
    draw(page, [(0.1, 0.9), (0.9, 0.9)])
    heard(page, "strokes 4, dones 0")
    expect(root(page)).to_have_attribute("data-strokes", "4")
    assert len(strokes(page)) == 4


def test_drawing_by_keys(show):
    page = show()
    root(page).locator(".pad").focus()
    for key in ["ArrowLeft"] * 5 + ["Space"] + ["ArrowRight"] * 10 + ["Space"]:
        page.keyboard.press(key)
    heard(page, "strokes 1, dones 0")
    assert strokes(page) == (((0.4, 0.5), (0.6, 0.5)),)


def test_a_full_pad_says_so(show):
    page = show("strokes=2")
    for y in (0.2, 0.4, 0.6):
        draw(page, [(0.1, y), (0.9, y)])
    heard(page, "strokes 2, dones 0")
    expect(root(page).locator(".full")).to_have_text("FULL 2 1500")


def test_a_finger_draws_and_does_not_scroll(show):
    page = show(width=400, has_touch=True, is_mobile=True, device_scale_factor=2)
    page.set_viewport_size({"width": 400, "height": 420})
    box = root(page).locator(".pad canvas").bounding_box()
    wire = page.context.new_cdp_session(page)
    at = lambda y: [{"x": box["x"] + 100, "y": box["y"] + y}]  # noqa: E731
    wire.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at(250)})
    for y in range(240, 40, -10):
        wire.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": at(y)})
    wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    heard(page, "strokes 1, dones 0")
    (line,) = strokes(page)
    assert abs(line[0][1] - line[-1][1]) > 0.5
    assert root(page).locator(".pad canvas").bounding_box()["y"] == box["y"]
    for name in ("undo", "clear", "done"):
        assert root(page).locator(f"[data-do={name}]").bounding_box()["height"] >= 44
