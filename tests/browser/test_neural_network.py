"""Step 6 in a real browser: what a hand does, and that the page answers with numbers of its own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import SLOW, body, click, part, press, stroke

AUTOGRAD, DESCENT, CURVE, LINE, DIGITS = (
    f"neural_network.{name}" for name in ("autograd", "descent", "curve", "line", "digits")
)


@pytest.fixture
def opened(visit: Callable[..., Page], fresh_app: str) -> Callable[..., Page]:
    def open_page(query: str = "", **context: object) -> Page:
        return visit(f"{fresh_app}/neural_network?lang=en&{query}", **context)

    return open_page


def test_the_graph_is_stepped_and_takes_a_number_or_nonsense(opened):
    page = opened()
    scene = body(page, AUTOGRAD)
    expect(scene).to_contain_text("f = 1.44")
    level = scene.locator(".level").first
    expect(level).to_contain_text("backward")
    scene.get_by_role("button", name="To the start").click()
    expect(level).to_contain_text("inputs")
    forward = scene.get_by_role("button", name="One step forward")
    forward.click()
    expect(level).to_contain_text("forward")
    expect(scene.locator(".note").first).to_contain_text("v₁ = w × x = 1.2")
    number = part(page, f"{AUTOGRAD}.x").locator("input")
    for nonsense in ("99", "-", "e"):  # the field brings it within its bounds
        number.press("Control+a")
        number.press_sequentially(nonsense)
        number.press("Enter")
        page.wait_for_timeout(300)
    expect(scene).to_contain_text(re.compile(r"f = \d"))
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    number.fill("3")
    number.press("Enter")
    expect(scene).to_contain_text("f = 0")  # 0.8 · 3 − 0.4 − 2


def test_a_click_on_the_surface_starts_the_race_there(opened):
    page = opened("neural_network.descent.surface=bowl&neural_network.descent.sgd=1.0")
    scene = body(page, DESCENT)
    expect(scene).to_contain_text("SGD distance 0, height 0")  # on this bowl a rate of 1 jumps to the minimum at once
    click(scene.locator("[data-panel=map] canvas").first, 0.75, 0.35)
    expect(page).to_have_url(re.compile(r"descent\.bowl_x=\d"), timeout=2 * SLOW)
    expect(scene).to_contain_text("SGD distance 0, height 0")
    scene.locator("[class*=preset-rosenbrock] button").click()
    expect(scene).to_contain_text(re.compile(r"diverged at step \d+"), timeout=2 * SLOW)


def test_training_is_watched_by_a_second_browser_stopped_and_continued(opened):
    query = "neural_network.curve.steps=16000&neural_network.curve.depth=4&neural_network.curve.width=32"
    page = opened(query)
    scene = body(page, CURVE)
    press(page, f"{CURVE}.start")
    expect(scene).to_contain_text(re.compile(r"training · [1-9]"), timeout=2 * SLOW)
    other = opened(query)  # a fresh context: another person
    watched = body(other, CURVE)
    expect(watched).to_contain_text(re.compile(r"training · \d"), timeout=2 * SLOW)
    expect(part(other, f"{CURVE}.stop")).to_have_count(0)
    press(other, f"{CURVE}.join")
    expect(watched).to_contain_text("2 people watching", timeout=2 * SLOW)
    press(page, f"{CURVE}.stop")
    expect(scene).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)
    expect(watched).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)
    before = scene.inner_text()
    reached = int(re.search(r"stopped at (\d+)%", before)[1])
    press(page, f"{CURVE}.start")
    expect(scene).to_contain_text(re.compile(r"training · \d"), timeout=2 * SLOW)
    page.wait_for_timeout(1500)
    now = int(re.search(r"training · (\d+)%", scene.inner_text())[1])
    assert now >= reached
    press(page, f"{CURVE}.stop")
    expect(scene).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)


def test_a_click_adds_a_point_to_learn_from(opened):
    page = opened()
    scene = body(page, CURVE)
    expect(scene).to_contain_text("(points: 24)")
    click(scene.locator("[data-panel=points] canvas").first, 0.5, 0.2)
    expect(scene).to_contain_text("(points: 25)", timeout=2 * SLOW)
    expect(scene).to_contain_text("has learnt nothing yet")


def test_the_line_starts_where_the_map_is_clicked(opened):
    page = opened("neural_network.line.steps=390")
    scene = body(page, LINE)
    expect(scene).to_contain_text("Least squares gives")
    click(scene.locator("[data-panel=map] canvas").first, 0.8, 0.3)
    expect(page).to_have_url(re.compile(r"line\.slope=\d"), timeout=2 * SLOW)
    expect(scene).to_contain_text("the same place")


def test_a_network_learns_digits_and_reads_one_that_is_drawn(opened):
    page = opened("neural_network.digits.epochs=1")
    scene = body(page, DIGITS)
    press(page, f"{DIGITS}.start")
    expect(scene).to_contain_text(re.compile(r"After epoch 1 the network with \d+ units names 9\d"), timeout=2 * SLOW)
    pad = part(page, f"{DIGITS}.pad").locator("canvas").first
    pad.scroll_into_view_if_needed()
    stroke(page, pad, [(0.1, 0.12), (0.35, 0.12), (0.25, 0.3), (0.2, 0.5)], steps=6)  # small, and in a corner
    expect(scene).to_contain_text(re.compile(r"after epoch 1: 7 with probability"), timeout=2 * SLOW)


def test_a_digit_network_is_stopped_in_the_first_second_then_watched_and_continued(opened):
    query = "neural_network.digits.epochs=10&neural_network.digits.hidden=256"
    page = opened(query)
    scene = body(page, DIGITS)
    press(page, f"{DIGITS}.start")
    press(page, f"{DIGITS}.stop")
    expect(scene).to_contain_text(re.compile(r"stopped at \d%"), timeout=2 * SLOW)
    press(page, f"{DIGITS}.start")
    expect(scene).to_contain_text(re.compile(r"After epoch [1-9]"), timeout=2 * SLOW)
    other = opened(query)  # a fresh context: another person
    press(other, f"{DIGITS}.join")
    watched = body(other, DIGITS)
    expect(watched).to_contain_text("2 people watching", timeout=2 * SLOW)
    expect(part(other, f"{DIGITS}.stop")).to_have_count(0)
    press(page, f"{DIGITS}.stop")
    for seen in (scene, watched):
        expect(seen).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)
        expect(seen).to_contain_text(re.compile(r"After epoch [1-9] the network with \d+ units names 9\d"))
    press(page, f"{DIGITS}.start")
    expect(scene).to_contain_text(re.compile(r"training · [1-9]\d*%"), timeout=2 * SLOW)
    press(page, f"{DIGITS}.stop")
    expect(scene).to_contain_text(re.compile(r"stopped at \d+%"), timeout=2 * SLOW)
