"""Step 5 in a real browser: half steps by mouse and keys, past moments, starting means, the bound's start."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import SLOW, drag, fits_its_width, painted, plane, says

HALF, BOUND, STARTS = (f"em.{name}" for name in ("half_steps", "bound", "starts"))


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    """Opens the page with settings; waits for the first picture."""

    def open_page(settings: dict[str, object] | None = None, *, lang: str = "en", **context) -> Page:
        page = visit(f"{fresh_app}/em?{urlencode({'lang': lang} | (settings or {}))}", **context)
        painted(picture(page))
        return page

    return open_page


def picture(page: Page, experiment: str = HALF) -> Locator:
    found = plane(page, experiment)
    found.scroll_into_view_if_needed()
    return found


def do(page: Page, name: str, experiment: str = HALF) -> None:
    picture(page, experiment).locator(f"[data-do={name}]").click()


def stands(page: Page, frame: int, experiment: str = HALF) -> None:
    expect(picture(page, experiment)).to_have_attribute("data-frame", str(frame), timeout=SLOW)


def canvas(page: Page, panel: int, experiment: str = HALF) -> dict[str, float]:
    """Where a panel's canvas lies on the screen."""
    return picture(page, experiment).locator("canvas").nth(panel).bounding_box()


def test_half_steps_forward_and_back_by_mouse_and_keys(show, at_rest):
    page = show()
    stands(page, 10)
    says(page, r"M 5: the log-likelihood rises by 0\.0452 to −4\.2001")
    do(page, "back")
    stands(page, 9)
    says(page, r"E 5: the log-likelihood stays at −4\.2453")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    stands(page, 11)
    says(page, r"E 6: the log-likelihood stays at −4\.2001")
    says(page, "at rest at “E 6”")
    do(page, "reset")
    stands(page, 0)
    says(page, "Nobody has asked yet whose point is whose")


def test_the_button_forward_says_whether_e_or_m_comes_next(show):
    page = show()
    forward = picture(page).locator("[data-do=forward]")
    expect(forward).to_have_text("E")
    forward.click()
    expect(forward).to_have_text("M")
    expect(forward).to_have_attribute("aria-label", re.compile(": M$"))
    page.keyboard.press("End")
    expect(forward).to_be_disabled()
    expect(forward).to_have_attribute("aria-label", re.compile("^[^:]+$"))
    expect(picture(page)).to_contain_text("it stops here")


def test_a_link_copied_at_a_moment_leads_back_to_it(show):
    page = show()
    do(page, "reset")
    do(page, "forward")
    stands(page, 1)
    expect(page).to_have_url(re.compile(r"em\.half_steps\.moment=1\b"), timeout=SLOW)
    page.reload()
    stands(page, 1)
    says(page, "First E: the log-likelihood stays at −137")


def test_new_panels_are_told_the_moment(show):
    """The words in the corner outlive a change of handles, which makes the panels anew."""
    page = show()
    page.get_by_role("button", name="Two means, almost equal").click()
    expect(picture(page).locator(".handle")).to_have_count(2, timeout=SLOW)
    expect(picture(page).locator(".level").first).to_contain_text("M 5")


def test_every_moment_is_reached_without_the_server(show):
    page = show()
    frames = picture(page).evaluate(
        """root => {
            const seen = [], press = (name) => root.querySelector(`[data-do=${name}]`).click();
            press("reset");
            for (let i = 0; i < 18; i++) { seen.push(+root.dataset.frame); press("forward"); }
            for (let i = 0; i < 3; i++) { seen.push(+root.dataset.frame); press("back"); }
            return seen;
        }"""
    )
    assert frames == [*range(18), 18, 17, 16]


def test_a_click_on_a_past_moment_goes_there(show):
    page = show()
    do(page, "reset")
    stands(page, 0)
    box = canvas(page, 1)
    page.mouse.click(box["x"] + 0.95 * box["width"], box["y"] + 0.5 * box["height"])
    expect(picture(page)).to_have_attribute("data-frame", re.compile(r"1[678]"), timeout=SLOW)
    page.mouse.click(box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"])
    expect(picture(page)).to_have_attribute("data-frame", re.compile(r"^[5-9]$"), timeout=SLOW)
    says(page, r"(E|M) [345]: the log-likelihood")


def test_playing_ends_at_the_last_moment(show):
    page = show({f"{HALF}.iterations": 2})
    do(page, "reset")
    do(page, "play")
    stands(page, 4)
    says(page, "M 2: the log-likelihood rises")


def test_a_starting_mean_is_dragged_and_the_history_follows(show, at_rest):
    page = show({f"{HALF}.start": "own", f"{HALF}.x1": 0.5, f"{HALF}.y1": 50, f"{HALF}.x2": 5, f"{HALF}.y2": 90})
    before = says(page, r"M \d+: the log-likelihood rises by (\S+) to (\S+)\.").groups()
    root = picture(page)
    values = root.get_attribute("data-values")
    drag(page, root.locator(".handle").last, -120, 40)
    expect(root).not_to_have_attribute("data-values", values)
    at_rest(page)
    expect(page).to_have_url(re.compile(r"em\.half_steps\.x2="), timeout=SLOW)
    expect(page.get_by_text(f"rises by {before[0]} to {before[1]}")).to_have_count(0, timeout=SLOW)
    after = says(page, r"M \d+: the log-likelihood rises by (\S+) to (\S+)\.").groups()
    assert after != before


def test_the_bound_starts_where_the_dot_is_put(show):
    page = show()
    says(page, r"M: μ₁ goes from 76 to the bound's top, 63\.36")
    box = canvas(page, 1, BOUND)
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.6 * box["height"])
    moved = float(says(page, r"M: μ₁ goes from (3\d|4\d)[\d.]* to")[1])
    assert 30 < moved < 50
    do(page, "forward", BOUND)
    says(page, "E: the bound touches the log-likelihood")


def test_means_are_placed_by_a_click(show, at_rest):
    page = show()
    box = canvas(page, 0, STARTS)
    for dx, dy in ((0.3, 0.75), (0.6, 0.4), (0.8, 0.3)):
        page.mouse.click(box["x"] + dx * box["width"], box["y"] + dy * box["height"])
        at_rest(page)
        page.wait_for_timeout(700)
    says(page, r"Your start \(K = 3\) reaches −4\.1\d+")
    page.reload()
    says(page, r"Your start \(K = 3\) reaches −4\.1\d+")


def test_an_end_is_chosen_by_a_click(show):
    page = show()
    box = canvas(page, 1, STARTS)
    header = picture(page, STARTS)
    for dy in range(20, 60, 4):  # the best end is alone, at the top right
        page.mouse.click(box["x"] + box["width"] - 20, box["y"] + dy)
        page.wait_for_timeout(250)
        if header.get_attribute("data-picked"):
            break
    says(page, r"The chosen start, number \d+, took \d+ iterations to −4\.0972")


@pytest.mark.parametrize("width", [820, 1366])
@pytest.mark.parametrize("lang", ["ko", "en"])
def test_nothing_scrolls_sideways(show, width, lang):
    page = show(lang=lang, width=width)
    fits_its_width(page)
