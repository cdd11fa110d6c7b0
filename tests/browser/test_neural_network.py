"""Step 6 in a real browser: what a hand does, and that the page answers with numbers of its own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

AUTOGRAD, DESCENT, CURVE, LINE, DIGITS = (
    f"neural_network-{name}" for name in ("autograd", "descent", "curve", "line", "digits")
)
SLOW = 60_000


@pytest.fixture
def opened(visit: Callable[..., Page], fresh_app: str) -> Callable[..., Page]:
    def open_page(query: str = "", **context: object) -> Page:
        return visit(f"{fresh_app}/neural_network?lang=en&{query}", **context)

    return open_page


def experiment(page: Page, name: str) -> Locator:
    return page.locator(f".st-key-experiment-{name}")


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").click()


def at(canvas: Locator, x: float, y: float) -> dict[str, float]:
    """A place on a picture, as shares of its sides."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return {"x": box["width"] * x, "y": box["height"] * y}


def test_the_graph_is_stepped_and_takes_a_number_or_nonsense(opened):
    page = opened()
    scene = experiment(page, AUTOGRAD)
    expect(scene).to_contain_text("f = 1.44")
    level = scene.locator(".level").first
    expect(level).to_contain_text("backward")
    scene.get_by_role("button", name="To the start").click()
    expect(level).to_contain_text("inputs")
    forward = scene.get_by_role("button", name="One step forward")
    forward.click()
    expect(level).to_contain_text("forward")
    expect(scene.locator(".note").first).to_contain_text("v₁ = w × x = 1.2")
    number = scene.locator(f".st-key-{AUTOGRAD}-x input")
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
    scene = experiment(page, DESCENT)
    expect(scene).to_contain_text("SGD 0 and 0")  # on this bowl a rate of 1 jumps to the minimum at once
    canvas = scene.locator("[data-panel=map] canvas").first
    canvas.click(position=at(canvas, 0.75, 0.35))
    expect(page).to_have_url(re.compile(r"descent\.bowl_x=\d"), timeout=SLOW)
    expect(scene).to_contain_text("SGD 0 and 0")
    scene.locator("[class*=preset-rosenbrock] button").click()
    expect(scene).to_contain_text(re.compile(r"diverged at step \d+"), timeout=SLOW)


def test_training_is_watched_by_a_second_browser_stopped_and_continued(opened):
    query = "neural_network.curve.steps=16000&neural_network.curve.depth=4&neural_network.curve.width=32"
    page = opened(query)
    scene = experiment(page, CURVE)
    press(page, f"{CURVE}-start")
    expect(scene).to_contain_text(re.compile(r"training · [1-9]"), timeout=SLOW)
    other = opened(query)  # a fresh context: another person
    watched = experiment(other, CURVE)
    expect(watched).to_contain_text(re.compile(r"training · \d"), timeout=SLOW)
    expect(other.locator(f".st-key-{CURVE}-stop")).to_have_count(0)
    press(other, f"{CURVE}-join")
    expect(watched).to_contain_text("2 people watching", timeout=SLOW)
    press(page, f"{CURVE}-stop")
    expect(scene).to_contain_text(re.compile(r"stopped at \d+%"), timeout=SLOW)
    expect(watched).to_contain_text(re.compile(r"stopped at \d+%"), timeout=SLOW)
    before = scene.inner_text()
    reached = int(re.search(r"stopped at (\d+)%", before)[1])
    press(page, f"{CURVE}-start")
    expect(scene).to_contain_text(re.compile(r"training · \d"), timeout=SLOW)
    page.wait_for_timeout(1500)
    now = int(re.search(r"training · (\d+)%", scene.inner_text())[1])
    assert now >= reached
    press(page, f"{CURVE}-stop")
    expect(scene).to_contain_text(re.compile(r"stopped at \d+%"), timeout=SLOW)


def test_a_click_adds_a_point_to_learn_from(opened):
    page = opened()
    scene = experiment(page, CURVE)
    expect(scene).to_contain_text("(points: 24)")
    canvas = scene.locator("[data-panel=points] canvas").first
    canvas.click(position=at(canvas, 0.5, 0.2))
    expect(scene).to_contain_text("(points: 25)", timeout=SLOW)
    expect(scene).to_contain_text("has learnt nothing yet")


def test_the_line_starts_where_the_map_is_clicked(opened):
    page = opened("neural_network.line.steps=390")
    scene = experiment(page, LINE)
    expect(scene).to_contain_text("Least squares gives")
    canvas = scene.locator("[data-panel=map] canvas").first
    canvas.click(position=at(canvas, 0.8, 0.3))
    expect(page).to_have_url(re.compile(r"line\.slope=\d"), timeout=SLOW)
    expect(scene).to_contain_text("the same place")


def test_a_network_learns_digits_and_reads_one_that_is_drawn(opened):
    page = opened("neural_network.digits.epochs=1")
    scene = experiment(page, DIGITS)
    press(page, f"{DIGITS}-start")
    expect(scene).to_contain_text(re.compile(r"After epoch 1 it names 9\d"), timeout=SLOW)
    pad = scene.locator(f".st-key-{DIGITS}-pad canvas").first
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()

    def to(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*to(0.1, 0.12))  # small, and in a corner
    page.mouse.down()
    for x, y in ((0.35, 0.12), (0.25, 0.3), (0.2, 0.5)):
        page.mouse.move(*to(x, y), steps=6)
    page.mouse.up()
    expect(scene).to_contain_text(re.compile(r"after epoch 1: 7 with probability"), timeout=SLOW)
