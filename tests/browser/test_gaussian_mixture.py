"""Step 4 in a real browser: components under the finger, two throws of the dice, the point that asks, the folds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

ID = "gaussian_mixture"
SLOW = 30_000  # milliseconds that an answer may take on a busy machine


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    """Opens the page with settings, `{"posterior.x": 3}`; waits for the first picture."""

    def open_page(settings: dict | None = None, *, lang: str = "en", **context) -> Page:
        asked = {"lang": lang} | {f"{ID}.{key}": value for key, value in (settings or {}).items()}
        page = visit(f"{fresh_app}/{ID}?{urlencode(asked)}", **context)
        expect(plane(page, "design")).to_have_attribute("data-paint", re.compile(r"\d"), timeout=SLOW)
        return page

    return open_page


def part(page: Page, key: str) -> Locator:
    """What has this key."""
    return page.locator(f".st-key-{ID}-{key.replace('.', '-')}")


def plane(page: Page, experiment: str, name: str = "plane") -> Locator:
    return part(page, f"{experiment}.{name}").locator(".root")


def values(page: Page, experiment: str) -> dict:
    return json.loads(plane(page, experiment).get_attribute("data-values"))


def press(page: Page, key: str) -> None:
    part(page, key).locator("button").first.click()


def says(page: Page, pattern: str) -> None:
    expect(page.get_by_text(re.compile(pattern)).first).to_be_visible(timeout=SLOW)


def drag(page: Page, knob: Locator, dx: float, dy: float) -> None:
    knob.scroll_into_view_if_needed()
    box = knob.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()


def heard(page: Page, experiment: str, check: Callable[[dict], bool]) -> None:
    """Waits until the plane's values fit."""
    for _ in range(100):
        if check(values(page, experiment)):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"the plane stays at {values(page, experiment)}")


def knob(page: Page, experiment: str, name: str) -> Locator:
    return plane(page, experiment).locator(f"[data-name='{name}']")


@pytest.mark.parametrize("lang, theme", [("ko", "light"), ("en", "dark")])
def test_the_first_picture_and_its_controls_fit_the_screen(show, lang, theme):
    page = show(lang=lang, theme=theme)
    for box in (plane(page, "design").bounding_box(), part(page, "design.controls").bounding_box()):
        assert box["y"] > 0 and box["y"] + box["height"] <= 768
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("m => m.scrollWidth <= m.clientWidth + 1")


def test_a_component_is_dragged_stretched_added_and_taken_away(show, at_rest):
    page = show()
    press(page, "design.preset.same_mean")
    says(page, "Components 2, but peaks only 1")
    drag(page, knob(page, "design", "parts.1"), 140, 0)  # the wide one leaves the narrow one
    heard(page, "design", lambda v: v["parts"][1][1] > 1)
    at_rest(page)
    drag(page, knob(page, "design", "parts.1.axis0"), -40, 0)
    heard(page, "design", lambda v: v["parts"][1][3] < 2.5)
    at_rest(page)
    says(page, r"Components 2, ")
    canvas = plane(page, "design").locator("[data-panel=map] canvas").bounding_box()
    page.mouse.click(canvas["x"] + 0.15 * canvas["width"], canvas["y"] + 0.25 * canvas["height"])
    heard(page, "design", lambda v: len(v["parts"]) == 3)
    says(page, r"Components 3, ")
    at_rest(page)
    before = values(page, "design")["parts"][2][0]
    page.keyboard.press("+")
    heard(page, "design", lambda v: v["parts"][2][0] > before)
    at_rest(page)
    page.keyboard.press("Delete")
    heard(page, "design", lambda v: len(v["parts"]) == 2)
    says(page, r"Components 2, ")


def test_sliders_and_picture_follow_each_other(show, at_rest):
    page = show()
    part(page, "design.weight").locator("input[type=range]").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    heard(page, "design", lambda v: abs(v["parts"][0][0] - 0.35) < 1e-9)
    says(page, "φ₁ = 0.333")
    at_rest(page)
    press(page, "design.add")
    heard(page, "design", lambda v: len(v["parts"]) == 4)
    page.wait_for_function("name => location.search.includes(name)", arg=f"{ID}.design.parts=")


def test_the_draws_play_to_the_end_and_step_back(show):
    page = show({"sampling.draws": 100})
    root = plane(page, "sampling")
    root.scroll_into_view_if_needed()
    last = int(root.get_attribute("data-frames")) - 1
    expect(root).to_have_attribute("data-frame", str(last))
    root.locator("[data-do=reset]").click()
    expect(root).to_have_attribute("data-frame", "0")
    root.locator("[data-do=forward]").click()
    expect(root.locator(".level").first).to_contain_text("first throw")
    root.locator("[data-do=forward]").click()
    expect(root.locator(".level").first).to_contain_text("second throw")
    root.locator("[data-do=back]").click()
    expect(root.locator(".level").first).to_contain_text("first throw")
    root.locator("[data-do=play]").click()
    expect(root).to_have_attribute("data-frame", str(last), timeout=SLOW)
    expect(root.locator(".note").first).to_have_text(re.compile(r"● \d+ · ■ \d+ · ▲ \d+"))


def test_the_point_is_dragged_and_bayes_rule_follows(show, at_rest):
    page = show({"posterior.x": 8, "posterior.y": 7})
    says(page, r"responsibility is that of ■\s+component\s+2")
    root = plane(page, "posterior")
    root.scroll_into_view_if_needed()
    canvas = root.locator("[data-panel=map] canvas").bounding_box()
    page.mouse.click(canvas["x"] + 0.35 * canvas["width"], canvas["y"] + 0.35 * canvas["height"])  # the first component
    heard(page, "posterior", lambda v: v["x"] < 0)
    says(page, r"responsibility is that of ●\s+component\s+1")
    at_rest(page)
    drag(page, knob(page, "posterior", "query"), 120, 110)
    heard(page, "posterior", lambda v: v["x"] > -1)
    says(page, r"responsibility is that of ■\s+component\s+2")


def test_a_fold_stays_open_and_em_collapses(show, at_rest):
    page = show()
    fold = page.get_by_text("The geyser: one normal, then two").first
    fold.scroll_into_view_if_needed()
    fold.click()
    says(page, "Waits from 67.9 to 73.9 minutes came 20 times")
    group = part(page, "geyser.normals")
    group.get_by_text("two", exact=True).click()
    says(page, "grows by 159.5 nats")
    group.get_by_text("one", exact=True).click()
    says(page, "Waits from 67.9 to 73.9 minutes came 20 times")
    at_rest(page)
    page.get_by_text("No formula, and no ceiling").first.click()
    says(page, "without end")
    press(page, "no_closed_form.preset.collapse")
    says(page, "collapsed at iteration 10")
    expect(plane(page, "no_closed_form", "collapse")).to_have_attribute("data-frame", "9")
    press(page, "no_closed_form.preset.floor")
    says(page, "the floor holds")


def test_a_narrow_window_shows_everything_without_scrolling_sideways(show):
    page = show({"no_closed_form.view": "labels", "geyser.normals": 2}, width=820)
    says(page, "agree to within")
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("m => m.scrollWidth <= m.clientWidth + 1")
