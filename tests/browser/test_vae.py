"""Step 7 in a real browser: a training that starts, is stopped and goes on; a drawing and its posterior; ε again."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import SLOW, body, drag, knob, painted, part, plane, press, stroke, until

TRAIN, MAP, REPARAMETERIZE, BOUND = (f"vae.{name}" for name in ("train", "latent_map", "reparameterize", "bound"))


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    def open_page(query: str = "", **context) -> Page:
        page = visit(f"{fresh_app}/vae?lang=en{query}", **context)
        painted(plane(page, TRAIN))
        return page

    return open_page


def test_the_first_picture_lies_within_the_first_screen(show):
    box = plane(show(), TRAIN).bounding_box()
    assert box["y"] + box["height"] < 768


def step(page: Page) -> int:
    """The update that the page speaks of."""
    expect(body(page, TRAIN)).to_contain_text(re.compile(r"Update [\d,]+ of"), timeout=2 * SLOW)
    return int(re.search(r"Update ([\d,]+) of", body(page, TRAIN).inner_text())[1].replace(",", ""))


def test_a_training_is_started_watched_stopped_and_continued(show):
    settings = f"&{TRAIN}.latent=2&{TRAIN}.length=long"
    page = show(settings)
    press(page, f"{TRAIN}.start")
    first = step(page)
    other = show(settings)
    press(other, f"{TRAIN}.join")
    assert step(other) >= first
    expect(body(other, TRAIN)).to_contain_text("people watching", timeout=2 * SLOW)
    press(page, f"{TRAIN}.stop")
    for watching in (page, other):
        expect(body(watching, TRAIN)).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)
    stopped = step(page)
    press(page, f"{TRAIN}.start")
    expect(part(page, f"{TRAIN}.stop")).to_be_visible(timeout=2 * SLOW)
    assert step(page) >= stopped
    press(page, f"{TRAIN}.stop")
    expect(body(page, TRAIN)).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)


def test_a_short_training_ends_and_is_kept(show):
    page = show(f"&{TRAIN}.latent=3&{TRAIN}.hidden=25&{TRAIN}.length=short")
    press(page, f"{TRAIN}.start")
    expect(body(page, TRAIN)).to_contain_text("trained · 100%", timeout=6 * SLOW)
    expect(body(page, TRAIN)).to_contain_text(re.compile(r"Reconstruction \d+|On 1,000 test images"), timeout=2 * SLOW)


def test_a_rate_that_runs_away_is_told_with_its_step(show):
    page = show(f"&{TRAIN}.rate=3&{TRAIN}.length=short")
    press(page, f"{TRAIN}.start")
    expect(body(page, TRAIN)).to_contain_text(
        re.compile(r"At update \d+ the loss ran away.* is of update \d+"), timeout=2 * SLOW
    )


def test_a_drawing_gets_its_posterior_and_an_empty_pad_says_so(show, at_rest):
    page = show()
    pad = part(page, f"{MAP}.pad")
    pad.scroll_into_view_if_needed()
    pad.locator("[data-do=clear]").click()
    expect(body(page, MAP)).to_contain_text("The pad is empty", timeout=2 * SLOW)
    at_rest(page)
    pad.scroll_into_view_if_needed()
    stroke(page, pad.locator("canvas"), [(0.3, 0.25), (0.68, 0.25), (0.52, 0.5), (0.42, 0.8)], steps=4)
    expect(pad.locator(".root")).to_have_attribute("data-strokes", "1")
    expect(body(page, MAP)).to_contain_text(re.compile(r"Your drawing: log p\(x\) = −\d+\.\d\d"), timeout=2 * SLOW)


def test_epsilon_is_drawn_again_and_mu_is_dragged(show):
    page = show()
    caption = body(page, REPARAMETERIZE)
    caption.scroll_into_view_if_needed()
    before = caption.get_by_text("This draw").inner_text()
    press(page, f"{REPARAMETERIZE}.again")
    expect(caption.get_by_text("This draw")).not_to_have_text(before, timeout=2 * SLOW)
    drag(page, knob(page, REPARAMETERIZE, "mean"), 60)
    expect(caption).not_to_contain_text("the gradient is 2.1 in closed form", timeout=2 * SLOW)


def test_one_unit_without_a_prior_is_stopped_in_the_first_second_and_goes_on(show):
    page = show(f"&{TRAIN}.latent=1&{TRAIN}.beta=0&{TRAIN}.length=long")
    press(page, f"{TRAIN}.start")
    press(page, f"{TRAIN}.stop")
    expect(body(page, TRAIN)).to_contain_text(re.compile(r"stopped at \d%"), timeout=2 * SLOW)
    press(page, f"{TRAIN}.start")
    begun = step(page)
    until(page, lambda: step(page) > begun, lambda: step(page))
    press(page, f"{TRAIN}.stop")
    expect(body(page, TRAIN)).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)


@pytest.mark.parametrize("k", [1, 5000])
def test_the_bound_is_measured_live(show, k):
    page = show(f"&{BOUND}.k={k}&{BOUND}.images=12")
    press(page, f"{BOUND}.start")
    expect(body(page, BOUND)).to_contain_text("measured · 100%", timeout=4 * SLOW)
    expect(body(page, BOUND)).to_contain_text(re.compile(rf"k = {k:,} the bound is −[\d.]+ nats on these 12 images"))
