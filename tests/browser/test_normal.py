"""Step 1 in Chromium: what is dragged, played and painted moves the numbers that Python reports."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import body, drag, knob, part, press

PARAMETERS, INTERVAL, CLT = (f"normal.{name}" for name in ("parameters", "interval", "clt"))


@pytest.fixture
def page(fresh_app: str, visit: Callable[..., Page]) -> Page:
    return visit(f"{fresh_app}/normal?lang=en", height=1000)


def value(what: Locator) -> float:
    return float(what.get_attribute("aria-valuenow"))


def test_the_mean_follows_the_dot_and_the_keys(page):
    dot = knob(page, PARAMETERS, "mean")
    drag(page, dot, 130)
    expect(dot).not_to_have_attribute("aria-valuenow", "0")
    mean = value(dot)
    assert 1 < mean < 4
    expect(part(page, "normal.parameters.mean")).to_contain_text(f"{mean:.2f}")
    expect(body(page, PARAMETERS).locator(".katex-mathml").first).to_contain_text(f"{mean:g}")
    dot.focus()
    page.keyboard.press("ArrowRight")
    expect(part(page, "normal.parameters.mean")).to_contain_text(f"{mean + 0.1:.2f}")


def test_a_dragged_end_moves_the_probability(page):
    expect(body(page, INTERVAL)).to_contain_text("P = 68.27%")
    low = knob(page, INTERVAL, "low")
    drag(page, low, -100)
    page.wait_for_function("e => Number(e.getAttribute('aria-valuenow')) < -2", arg=low.element_handle())
    z = (value(low) - 1) / 2
    expect(body(page, INTERVAL)).to_contain_text(f"Φ({z:.2f})".replace("-", "−"))
    expect(body(page, INTERVAL)).not_to_contain_text("P = 68.27%")
    press(page, "normal.interval.preset.sigma2")
    expect(body(page, INTERVAL)).to_contain_text("P = 95.45%")
    expect(low).to_have_attribute("aria-valuenow", "-3")


def test_ends_dragged_past_each_other_are_put_in_order(page):
    drag(page, knob(page, INTERVAL, "low"), 400)
    low, high = (part(page, f"normal.interval.{end}").locator("input") for end in ("low", "high"))
    expect(low).to_have_value("3.00")
    expect(high).not_to_have_value("3.00")
    assert float(high.input_value()) > 3
    expect(knob(page, INTERVAL, "low")).to_have_attribute("aria-valuenow", "3")


@pytest.mark.parametrize("typed", ["abc", "", "-"])
def test_a_field_that_says_no_number_goes_back_to_its_value(page, typed):
    field = part(page, "normal.interval.high").locator("input")
    field.fill("4")
    field.press("Enter")
    expect(body(page, INTERVAL)).to_contain_text("Φ(1.50)")
    field.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.type(typed)
    page.keyboard.press("Tab")
    expect(field).to_have_value("4.00")
    expect(body(page, INTERVAL)).to_contain_text("Φ(1.50)")


def test_means_gather_as_it_plays(page):
    experiment = body(page, CLT)
    table = experiment.locator("table")
    expect(table).to_contain_text("repetitions: 10,000")
    experiment.get_by_role("button", name="To the start").first.click()
    expect(table).to_contain_text(re.compile(r"repetitions: 1(?![\d,])"))
    experiment.get_by_role("button", name="One step forward").first.click()
    expect(table).to_contain_text(re.compile(r"repetitions: 2(?![\d,])"))
    experiment.get_by_role("button", name="Play").first.click()
    expect(table).to_contain_text("repetitions: 10,000", timeout=40_000)


def test_a_painted_source_is_drawn_from_and_is_in_the_link(page, at_rest):
    press(page, "normal.clt.preset.mine")
    experiment = body(page, CLT)
    paper = knob(page, CLT, "paper")
    at_rest(page)
    before = experiment.locator("table").inner_text()
    drag(page, paper, 60, -90)
    expect(experiment.locator("table")).not_to_have_text(before)
    page.wait_for_function("() => location.search.includes('normal.clt.drawing=')")
    painted = experiment.locator("table").inner_text()
    page.reload()
    expect(body(page, CLT).locator("table")).to_have_text(painted, use_inner_text=True)
