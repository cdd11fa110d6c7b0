"""Two folded experiments of step 9 in a real browser: a stage is clicked, t is dragged; a riddle is played."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.diffusion.mistake_run import riddle
from tests.browser.helpers import SLOW, body, fits_its_width, painted, part, plane, press, shades, until
from ui import text

ANATOMY, MISTAKES = (f"diffusion_model.{name}" for name in ("anatomy", "mistakes"))


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    def open_page(query: str, **context) -> Page:
        return visit(f"{fresh_app}/diffusion_model?lang=en&{query}", **context)

    return open_page


def test_a_stage_is_clicked_and_the_level_is_dragged(show):
    page = show(f"{ANATOMY}.seed=1")
    root = plane(page, ANATOMY, "diagram")
    painted(root)
    expect(root).to_have_attribute("data-stage", "down0")
    assert shades(root.locator(".stage > canvas")) > 100
    fits_its_width(page)
    root.locator("[data-stage=attention]").click()
    expect(root).to_have_attribute("data-stage", "attention")
    looks = root.locator("canvas[data-looks]")
    looks.focus()
    page.keyboard.press("ArrowLeft")
    expect(root).to_have_attribute("data-place", "23")
    expect(page).to_have_url(re.compile(rf"{re.escape(ANATOMY)}\.place=23"), timeout=SLOW)  # and it stands in the link
    expect(page).to_have_url(re.compile(rf"{re.escape(ANATOMY)}\.stage=attention"))
    heat = root.locator(".heat")
    box = heat.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    until(page, lambda: abs(int(root.get_attribute("data-t")) - 900) < 5, lambda: root.get_attribute("data-t"))
    level = root.get_attribute("data-t")
    expect(page).to_have_url(re.compile(rf"{re.escape(ANATOMY)}\.t={level}\b"), timeout=SLOW)
    expect(part(page, f"{ANATOMY}.t")).to_contain_text(level, timeout=SLOW)  # the slider followed
    expect(root).to_have_attribute("data-stage", "attention")
    root.locator("[data-stage=middle]").focus()
    page.keyboard.press("ArrowRight")
    expect(root).to_have_attribute("data-stage", "middle")  # the next one after attention
    expect(root.locator(".numbers")).to_contain_text("(1, 64, 7, 7)")
    # on a projector the word beside an arrow has a line of its own
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.evaluate("document.documentElement.classList.add('presenting')")
    above, below = (root.locator(f"[data-stage={name}]") for name in ("x", "enter"))
    between = lambda: below.bounding_box()["y"] - above.bounding_box()["y"] - above.bounding_box()["height"]  # noqa: E731
    until(page, lambda: between() >= 25, between)


def test_a_riddle_is_guessed_and_revealed(show):
    words = text.Words("en")
    page = show(f"{MISTAKES}.mode=guess&{MISTAKES}.data=points&{MISTAKES}.riddle=4")
    here = body(page, MISTAKES)
    expect(here.locator("table.marks")).to_be_visible(timeout=3 * SLOW)
    expect(here).not_to_contain_text("Look for")
    truth = words.words(f"{MISTAKES}.bug.{riddle(4, 'points')}")
    picks = part(page, f"{MISTAKES}.pick.4.points")
    wrong = words.words(f"{MISTAKES}.bug.{riddle(3, 'points')}")
    picks.get_by_role("button", name=wrong).or_(picks.get_by_role("radio", name=wrong)).first.click()
    press(page, f"{MISTAKES}.reveal")
    expect(here).to_contain_text(f"It was {truth}", timeout=SLOW)
    expect(here).to_contain_text("0 of 1 so far")
    expect(here).to_contain_text("Look for")
    expect(part(page, f"{MISTAKES}.lines").locator("span.hit")).to_have_count(2)
    press(page, f"{MISTAKES}.next")
    expect(here).not_to_contain_text("Look for", timeout=SLOW)
    expect(here.locator("table.marks")).to_contain_text("?", timeout=3 * SLOW)
