"""Step 4 in a real browser: components under the finger, two throws of the dice, the point that asks, the folds."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import (
    SLOW,
    click,
    drag,
    fits_its_width,
    heard,
    knob,
    painted,
    part,
    plane,
    press,
    says,
    sheet,
    values,
)

ID = "gaussian_mixture"


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    """Opens the page with settings, `{"posterior.x": 3}`; waits for the first picture."""

    def open_page(settings: dict | None = None, *, lang: str = "en", **context) -> Page:
        asked = {"lang": lang} | {f"{ID}.{key}": value for key, value in (settings or {}).items()}
        page = visit(f"{fresh_app}/{ID}?{urlencode(asked)}", **context)
        painted(plane(page, f"{ID}.design"))
        return page

    return open_page


@pytest.mark.parametrize("lang, theme", [("ko", "light"), ("en", "dark")])
def test_the_first_picture_and_its_controls_fit_the_screen(show, lang, theme):
    page = show(lang=lang, theme=theme)
    for box in (plane(page, f"{ID}.design").bounding_box(), part(page, f"{ID}.design.controls").bounding_box()):
        assert box["y"] > 0 and box["y"] + box["height"] <= 768
    fits_its_width(page)


def test_a_component_is_dragged_stretched_added_and_taken_away(show, at_rest):
    page = show()
    press(page, f"{ID}.design.preset.same_mean")
    says(page, "Components 2, but peaks only 1")
    drag(page, knob(page, f"{ID}.design", "parts.1"), 140, 0)  # the wide one leaves the narrow one
    heard(page, f"{ID}.design", lambda v: v["parts"][1][1] > 1)
    at_rest(page)
    drag(page, knob(page, f"{ID}.design", "parts.1.axis0"), -40, 0)
    heard(page, f"{ID}.design", lambda v: v["parts"][1][3] < 2.5)
    at_rest(page)
    says(page, r"Components 2, ")
    click(sheet(page, f"{ID}.design", "map"), 0.15, 0.25)
    heard(page, f"{ID}.design", lambda v: len(v["parts"]) == 3)
    says(page, r"Components 3, ")
    at_rest(page)
    before = values(page, f"{ID}.design")["parts"][2][0]
    page.keyboard.press("+")
    heard(page, f"{ID}.design", lambda v: v["parts"][2][0] > before)
    at_rest(page)
    page.keyboard.press("Delete")
    heard(page, f"{ID}.design", lambda v: len(v["parts"]) == 2)
    says(page, r"Components 2, ")


def test_the_component_that_is_clicked_is_the_one_in_the_number_controls(show, at_rest):
    page = show()
    plane(page, f"{ID}.design").scroll_into_view_if_needed()
    knob(page, f"{ID}.design", "parts.2").click()
    heard(page, f"{ID}.design", lambda v: v["chosen"] == 3)
    chosen = part(page, f"{ID}.design.chosen").locator("[aria-checked=true]")
    expect(chosen).to_have_text("▲ 3", timeout=SLOW)
    at_rest(page)
    part(page, f"{ID}.design.chosen").get_by_text("■ 2").click()
    heard(page, f"{ID}.design", lambda v: v["chosen"] == 2)


def test_the_invitation_stands_where_no_handle_is(show):
    page = show({"posterior.x": 8, "posterior.y": 7})
    root = plane(page, f"{ID}.posterior")
    root.scroll_into_view_if_needed()
    invite = root.locator(".invite").bounding_box()
    box = knob(page, f"{ID}.posterior", "query").bounding_box()
    assert (
        box["y"] >= invite["y"] + invite["height"]
        or box["y"] + box["height"] <= invite["y"]
        or box["x"] + box["width"] <= invite["x"]
        or box["x"] >= invite["x"] + invite["width"]
    )


def test_sliders_and_picture_follow_each_other(show, at_rest):
    page = show()
    part(page, f"{ID}.design.weight").locator("input[type=range]").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    heard(page, f"{ID}.design", lambda v: abs(v["parts"][0][0] - 0.35) < 1e-9)
    says(page, "φ₁ = 0.333")
    at_rest(page)
    press(page, f"{ID}.design.add")
    heard(page, f"{ID}.design", lambda v: len(v["parts"]) == 4)
    page.wait_for_function("name => location.search.includes(name)", arg=f"{ID}.design.parts=")


def test_the_draws_play_to_the_end_and_step_back(show):
    page = show({"sampling.draws": 100})
    root = plane(page, f"{ID}.sampling")
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
    expect(root.locator(".note").first).to_have_text(re.compile(r"●\s\d+ · ■\s\d+ · ▲\s\d+"))


def test_the_point_is_dragged_and_bayes_rule_follows(show, at_rest):
    page = show({"posterior.x": 8, "posterior.y": 7})
    says(page, r"responsibility is that of ■\s+component\s+2")
    root = plane(page, f"{ID}.posterior")
    root.scroll_into_view_if_needed()
    click(sheet(page, f"{ID}.posterior", "map"), 0.35, 0.35)  # the first component
    heard(page, f"{ID}.posterior", lambda v: v["x"] < 0)
    says(page, r"responsibility is that of ●\s+component\s+1")
    at_rest(page)
    drag(page, knob(page, f"{ID}.posterior", "query"), 120, 110)
    heard(page, f"{ID}.posterior", lambda v: v["x"] > -1)
    says(page, r"responsibility is that of ■\s+component\s+2")
    page.set_viewport_size({"width": 400, "height": 800})  # a telephone is too narrow for the table, not for the page
    at_rest(page)
    fits_its_width(page)


def test_a_fold_stays_open_and_em_collapses(show, at_rest):
    page = show()
    fold = page.get_by_text("The geyser: one normal, then two").first
    fold.scroll_into_view_if_needed()
    fold.click()
    says(page, "Waits from 67.9 to 73.9 minutes came 20 times")
    group = part(page, f"{ID}.geyser.normals")
    group.get_by_text("two", exact=True).click()
    says(page, "grows by 159.5 nats")
    group.get_by_text("one", exact=True).click()
    says(page, "Waits from 67.9 to 73.9 minutes came 20 times")
    at_rest(page)
    page.get_by_text("No formula, and no ceiling").first.click()
    says(page, "without end")
    press(page, f"{ID}.no_closed_form.preset.collapse")
    says(page, "collapsed at iteration 10")
    expect(plane(page, f"{ID}.no_closed_form", "collapse")).to_have_attribute("data-frame", "9")
    press(page, f"{ID}.no_closed_form.preset.floor")
    says(page, "the floor holds")


def test_a_tablet_shows_everything_without_scrolling_sideways_and_large_enough_for_a_finger(show):
    page = show({"no_closed_form.view": "labels", "geyser.normals": 2}, width=820, has_touch=True)
    says(page, "agree to within")
    fits_its_width(page)
    answers = part(page, f"{ID}.prediction").locator("[role=radiogroup] label")
    expect(answers).to_have_count(3)
    for found in (*answers.all(), part(page, f"{ID}.design.reset").locator("button")):
        assert found.bounding_box()["height"] >= 44
