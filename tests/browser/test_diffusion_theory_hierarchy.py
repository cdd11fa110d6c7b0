"""A VAE of two levels in a real browser: started, watched, stopped, continued; T levels by a press of a button."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import SLOW, body, fits_its_width, painted, part, plane, press

ID = "diffusion_theory.hierarchy"


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    def open_page(query: str, **context) -> Page:
        page = visit(f"{fresh_app}/diffusion_theory?lang=en{query}", **context)
        body(page, ID).scroll_into_view_if_needed()
        return page

    return open_page


def step(page: Page) -> int:
    """The update that the experiment speaks of."""
    expect(body(page, ID)).to_contain_text(re.compile(r"Update [\d,]+ of"), timeout=4 * SLOW)
    return int(re.search(r"Update ([\d,]+) of", body(page, ID).inner_text())[1].replace(",", ""))


def test_two_levels_are_trained_live_stopped_and_continued(show):
    seed = time.time_ns() % 10_000  # a second try does not meet the run of the first
    settings = f"&{ID}.open=new&{ID}.latent=2&{ID}.upper=1&{ID}.hidden=25&{ID}.length=long&{ID}.seed={seed}"
    page = show(settings)
    expect(body(page, ID)).to_contain_text("Nothing is trained yet", timeout=2 * SLOW)
    press(page, f"{ID}.start")
    first = step(page)
    painted(plane(page, ID, "loss"))
    other = show(settings)
    press(other, f"{ID}.join")
    assert step(other) >= first
    press(page, f"{ID}.stop")
    for watching in (page, other):
        expect(body(watching, ID)).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)
    stopped = step(page)
    press(page, f"{ID}.start")
    expect(part(page, f"{ID}.stop")).to_be_visible(timeout=2 * SLOW)
    assert step(page) >= stopped
    press(page, f"{ID}.stop")
    expect(body(page, ID)).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)


def test_levels_are_added_and_the_encoder_is_fixed(show):
    page = show(f"&{ID}.view=many&{ID}.levels=3")
    painted(plane(page, ID, "graph"))
    expect(body(page, ID)).to_contain_text("6 networks", timeout=2 * SLOW)
    expect(body(page, ID).locator(".katex-error")).to_have_count(0)
    press(page, f"{ID}.preset.thousand")
    painted(plane(page, ID))
    expect(body(page, ID)).to_contain_text(re.compile(r"T = 1,000.*0\.006 are given away", re.DOTALL), timeout=2 * SLOW)
    expect(body(page, ID).locator(".katex-error")).to_have_count(0)
    fits_its_width(page)
    page.set_viewport_size({"width": 820, "height": 1180})
    press(page, f"{ID}.preset.two")
    expect(body(page, ID).locator("table").last).to_contain_text("ELBO", timeout=2 * SLOW)
    fits_its_width(page)
