"""Step 1 in Chromium: what is dragged, played and painted moves the numbers that Python reports."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

PARAMETERS, INTERVAL, CLT = (f".st-key-experiment-normal-{name}" for name in ("parameters", "interval", "clt"))


@pytest.fixture
def page(fresh_app: str, visit: Callable[..., Page]) -> Page:
    return visit(f"{fresh_app}/normal?lang=en", height=1000)


def handle(page: Page, experiment: str, name: str) -> Locator:
    found = page.locator(f"{experiment} [data-name={name}]").first
    found.scroll_into_view_if_needed()
    return found


def drag(page: Page, what: Locator, dx: float, dy: float = 0.0) -> None:
    box = what.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=8)
    page.mouse.up()


def value(what: Locator) -> float:
    return float(what.get_attribute("aria-valuenow"))


def test_the_mean_follows_the_dot_and_the_keys(page):
    dot = handle(page, PARAMETERS, "mean")
    drag(page, dot, 130)
    expect(dot).not_to_have_attribute("aria-valuenow", "0")
    mean = value(dot)
    assert 1 < mean < 4
    expect(page.locator(".st-key-normal-parameters-mean")).to_contain_text(f"{mean:.2f}")
    expect(page.locator(f"{PARAMETERS} .katex-mathml").first).to_contain_text(f"{mean:g}")
    dot.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-normal-parameters-mean")).to_contain_text(f"{mean + 0.1:.2f}")


def test_a_dragged_end_moves_the_probability(page):
    expect(page.locator(INTERVAL)).to_contain_text("P = 68.27%")
    low = handle(page, INTERVAL, "low")
    drag(page, low, -100)
    page.wait_for_function("e => Number(e.getAttribute('aria-valuenow')) < -2", arg=low.element_handle())
    z = (value(low) - 1) / 2
    expect(page.locator(INTERVAL)).to_contain_text(f"Φ({z:.2f})".replace("-", "−"))
    expect(page.locator(INTERVAL)).not_to_contain_text("P = 68.27%")
    page.locator(".st-key-normal-interval-preset-sigma2 button").click()
    expect(page.locator(INTERVAL)).to_contain_text("P = 95.45%")
    expect(low).to_have_attribute("aria-valuenow", "-3")


def test_ends_dragged_past_each_other_are_put_in_order(page):
    drag(page, handle(page, INTERVAL, "low"), 400)
    low, high = (page.locator(f".st-key-normal-interval-{end} input") for end in ("low", "high"))
    expect(low).to_have_value("3.00")
    expect(high).not_to_have_value("3.00")
    assert float(high.input_value()) > 3
    expect(handle(page, INTERVAL, "low")).to_have_attribute("aria-valuenow", "3")


@pytest.mark.parametrize("typed", ["abc", "", "-"])
def test_a_field_that_says_no_number_goes_back_to_its_value(page, typed):
    field = page.locator(".st-key-normal-interval-high input")
    field.fill("4")
    field.press("Enter")
    expect(page.locator(INTERVAL)).to_contain_text("Φ(1.50)")
    field.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.type(typed)
    page.keyboard.press("Tab")
    expect(field).to_have_value("4.00")
    expect(page.locator(INTERVAL)).to_contain_text("Φ(1.50)")


def test_means_gather_as_it_plays(page):
    experiment = page.locator(CLT)
    table = experiment.locator("table")
    expect(table).to_contain_text("repetitions: 10,000")
    experiment.get_by_role("button", name="To the start").first.click()
    expect(table).to_contain_text(re.compile(r"repetitions: 1(?![\d,])"))
    experiment.get_by_role("button", name="One step forward").first.click()
    expect(table).to_contain_text(re.compile(r"repetitions: 2(?![\d,])"))
    experiment.get_by_role("button", name="Play").first.click()
    expect(table).to_contain_text("repetitions: 10,000", timeout=40_000)


def test_a_painted_source_is_drawn_from_and_is_in_the_link(page, at_rest):
    page.locator(".st-key-normal-clt-preset-mine button").click()
    experiment = page.locator(CLT)
    paper = handle(page, CLT, "paper")
    at_rest(page)
    before = experiment.locator("table").inner_text()
    drag(page, paper, 60, -90)
    expect(experiment.locator("table")).not_to_have_text(before)
    page.wait_for_function("() => location.search.includes('normal.clt.drawing=')")
    painted = experiment.locator("table").inner_text()
    page.reload()
    expect(page.locator(CLT).locator("table")).to_have_text(painted, use_inner_text=True)
