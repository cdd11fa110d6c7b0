"""guidance.particles and guidance.mix in a real browser: clouds that play, and a weight that is changed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import SLOW, body, fits_its_width, painted, part, plane, shades, sheet, until

PARTICLES, MIX = "guidance.particles", "guidance.mix"


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    def open_page(experiment: str, query: str, name: str = "plane") -> Page:
        page = visit(f"{fresh_app}/guidance?lang=en&{query}")
        expect(body(page, experiment)).to_be_visible(timeout=2 * SLOW)
        painted(plane(page, experiment, name))
        plane(page, experiment, name).scroll_into_view_if_needed()
        return page

    return open_page


def test_four_clouds_leave_one_noise_and_a_scale_is_changed(show):
    page = show(PARTICLES, f"{PARTICLES}.gamma=2")
    stage = plane(page, PARTICLES)
    expect(stage.locator("[data-panel]")).to_have_count(4)
    end = [sheet(page, PARTICLES, f"cloud{k}").evaluate("c => c.toDataURL()") for k in range(4)]
    stage.locator("[data-do=reset]").click()
    until(page, lambda: sheet(page, PARTICLES, "cloud3").evaluate("c => c.toDataURL()") != end[3], lambda: "the end")
    assert shades(sheet(page, PARTICLES, "cloud0")) > 20
    stage.locator("[data-do=play]").click()
    until(page, lambda: sheet(page, PARTICLES, "cloud3").evaluate("c => c.toDataURL()") == end[3], lambda: "on the way")
    field = part(page, f"{PARTICLES}.gamma").locator("input")
    field.fill("3")
    field.press("Enter")
    expect(body(page, PARTICLES)).to_contain_text(re.compile(r"the variance is 0\.25;"), timeout=2 * SLOW)
    expect(body(page, PARTICLES)).to_contain_text(re.compile(r"it is 0\.3875;"))
    fits_its_width(page)


def test_a_weight_pushes_the_cloud_away(show):
    page = show(MIX, f"{MIX}.top=0.5")
    seen = body(page, MIX).get_by_text(re.compile(r"Of 400 points, \d+ end where “left”"))
    expect(seen).to_be_visible(timeout=2 * SLOW)
    before = sheet(page, MIX, "push").evaluate("c => c.toDataURL()")
    field = part(page, f"{MIX}.left").locator("input")
    field.fill("-2")
    field.press("Enter")
    expect(body(page, MIX)).to_contain_text("A negative weight turns its arrow round", timeout=2 * SLOW)
    expect(body(page, MIX)).to_contain_text("Of 400 points, 0 end where “left”", timeout=SLOW)
    until(page, lambda: sheet(page, MIX, "push").evaluate("c => c.toDataURL()") != before, lambda: "the old arrows")
