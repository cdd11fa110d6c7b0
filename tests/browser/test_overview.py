"""The overview in a browser: a symbol that is clicked or reached by keys shows its steps, and a step opens its page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.helpers import SLOW, body, fits_its_width, part, says

ROOT = Path(__file__).resolve().parents[2]
ID = "overview.trace"


@pytest.fixture
def base(serve) -> str:
    return serve(ROOT / "app.py")


def test_a_symbol_leads_to_the_steps_that_build_it(base, visit):
    page = visit(f"{base}/?lang=en&{ID}.loss_term=time")
    root = part(page, f"{ID}.loss").locator(".root")
    chosen = root.locator("[aria-checked=true]")
    expect(chosen).to_have_attribute("data-term", "time", timeout=SLOW)
    bars = root.locator("[data-term=square] mo").all()
    first, last = (bar.evaluate("m => m.getBoundingClientRect().bottom") for bar in bars)
    assert abs(first - last) < 1, "the formula does not stand on one line"
    root.locator("[data-term=clean]").first.click()
    says(page, "A picture is a point in 784 dimensions")
    root.locator("[data-term=clean]").first.press("ArrowRight")
    expect(chosen.first).not_to_have_attribute("data-term", "clean")
    root.locator("[data-term=network]").first.click()
    steps = part(page, f"{ID}.steps")
    steps.get_by_text("Gradients flow back through any graph").wait_for(timeout=SLOW)
    steps.locator("a").first.click()
    page.wait_for_url("**/neural_network**", timeout=SLOW)


def test_the_ladder_fits_a_tablet_and_its_rungs_are_links(base, visit):
    page = visit(f"{base}/?lang=ko", width=820, height=1180, theme="dark")
    ladder = body(page, "overview.ladder").locator(".ladder")
    ladder.wait_for(timeout=SLOW)
    assert ladder.locator(".rung").count() >= 5
    shape = ladder.locator(".strip").first
    assert shape.evaluate("e => getComputedStyle(e).maskImage.startsWith('url(\"data:image/png')")
    fits_its_width(page)
    ladder.locator("a").first.click()
    page.wait_for_url("**/multivariate_normal**", timeout=SLOW)
