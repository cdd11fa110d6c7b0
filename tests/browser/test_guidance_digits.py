"""Step 10's digits in a real browser: a sweep that is asked for, a drawing redrawn, a part painted over and filled."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import SLOW, body, fits_its_width, painted, part, plane, press, stroke

SCALE, EDIT = (f"guidance.{name}" for name in ("scale", "edit"))
SEVEN = [(0.3, 0.25), (0.68, 0.25), (0.52, 0.5), (0.42, 0.8)]


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    def open_page(query: str = "", **context) -> Page:
        page = visit(f"{fresh_app}/guidance?lang=en{query}", **context)
        painted(plane(page, SCALE))
        return page

    return open_page


def pad(page: Page, name: str = "pad") -> Locator:
    found = part(page, f"{EDIT}.{name}")
    found.scroll_into_view_if_needed()
    return found


def test_a_sweep_follows_its_digits_and_its_scale(show):
    page = show()
    sweep = body(page, SCALE)
    expect(sweep).to_contain_text("10 at γ = 20")
    press(page, f"{SCALE}.preset.one")
    expect(sweep).to_contain_text(re.compile(r"of 10: \d+ at γ = 0, \d+ at γ = 1, \d+ at γ = 20"), timeout=2 * SLOW)
    press(page, f"{SCALE}.preset.hard")
    expect(sweep).to_contain_text(re.compile(r"\d+ at γ = 50"), timeout=4 * SLOW)
    assert "guidance.scale.gamma=50" in page.url and "guidance.scale.digits=8" in page.url
    fits_its_width(page)


def test_a_drawing_is_redrawn_and_an_empty_pad_says_so(show, at_rest):
    page = show()
    edit = body(page, EDIT)
    expect(edit).to_contain_text("4 of 6 did")
    pad(page).locator("[data-do=clear]").click()
    expect(edit).to_contain_text("The pad is empty", timeout=2 * SLOW)
    at_rest(page)
    stroke(page, pad(page).locator("canvas"), SEVEN, steps=4)
    expect(edit).to_contain_text(
        re.compile(r"The drawing, a 7 to the classifier .* asked to become 8"), timeout=4 * SLOW
    )
    at_rest(page)
    root = plane(page, EDIT, "player")
    root.scroll_into_view_if_needed()
    root.locator("[data-do=reset]").click()
    expect(root).to_contain_text("the drawing", timeout=SLOW)


def test_what_is_painted_over_is_filled_in(show, at_rest):
    page = show(f"&{EDIT}.mode=fill&{EDIT}.half=painted&{EDIT}.label=none&{EDIT}.looks=1")
    edit = body(page, EDIT)
    expect(edit).to_contain_text("Nothing is painted over yet", timeout=2 * SLOW)
    at_rest(page)
    hole = pad(page, "hole_pad")
    stroke(page, hole.locator("canvas"), [(0.3, 0.7), (0.7, 0.7)], steps=4)
    expect(edit).to_contain_text(re.compile(r"[67]\d\d of 784 pixels are known .* with 20 calls"), timeout=4 * SLOW)
