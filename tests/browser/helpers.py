"""What the browser tests do with a page: find things by their keys, pull them, and wait for what it says.

A key is that of a widget, a component or a container: `part(page, "em.kl.plane")`. Every wait is a poll.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

SLOW = 30_000  # milliseconds that an answer may take on a busy machine
SHADES = "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"


# ---- finding --------------------------------------------------------------------------------------------------------


def part(page: Page, key: str) -> Locator:
    """What has this key."""
    return page.locator(f".st-key-{key.replace('.', '-')}")


def plane(page: Page, experiment: str, name: str = "plane") -> Locator:
    """The root of an experiment's plane, or of another component of it."""
    return part(page, f"{experiment}.{name}").locator(".root")


def body(page: Page, experiment: str) -> Locator:
    """All of an experiment."""
    return part(page, f"experiment-{experiment}")


def knob(page: Page, experiment: str, name: str) -> Locator:
    """A handle of an experiment's plane."""
    return plane(page, experiment).locator(f'[data-name="{name}"]').first


def sheet(page: Page, experiment: str, panel: str) -> Locator:
    """The canvas of a panel."""
    return plane(page, experiment).locator(f"[data-panel={panel}] canvas").first


def values(page: Page, experiment: str) -> dict:
    """The values of a plane as the browser has them."""
    return json.loads(plane(page, experiment).get_attribute("data-values"))


def shades(canvas: Locator) -> int:
    """How many different colours a canvas holds."""
    return canvas.evaluate(SHADES)


def middle(found: Locator) -> tuple[float, float]:
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


# ---- doing ----------------------------------------------------------------------------------------------------------


def press(page: Page, key: str) -> None:
    part(page, key).locator("button").first.click()


def drag(page: Page, found: Locator, dx: float, dy: float = 0.0) -> None:
    """By mouse, so many pixels from where it is."""
    x, y = middle(found)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()


def click(canvas: Locator, x: float, y: float) -> None:
    """At a place of a picture, in shares of its width and height."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    canvas.click(position={"x": x * box["width"], "y": y * box["height"]})


def stroke(page: Page, pad: Locator, places: list[tuple[float, float]], steps: int = 1) -> None:
    """A line drawn by mouse through places of a picture, in shares of its width and height."""
    box = pad.bounding_box()
    for k, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=steps if k else 1)
        if k == 0:
            page.mouse.down()
    page.mouse.up()


# ---- waiting --------------------------------------------------------------------------------------------------------


def painted(root: Locator) -> None:
    """Waits for a component's first picture."""
    expect(root).to_have_attribute("data-paint", re.compile(r"\d"), timeout=SLOW)


def until(page: Page, holds: Callable[[], object], what: Callable[[], object]) -> None:
    """Waits until something holds; says what there is instead where it never does."""
    deadline = time.monotonic() + SLOW / 1000
    while not holds():
        assert time.monotonic() < deadline, f"it stays at {what()}"
        page.wait_for_timeout(50)


def heard(page: Page, experiment: str, check: Callable[[dict], bool]) -> None:
    """Waits until a plane's values fit."""
    until(page, lambda: check(values(page, experiment)), lambda: values(page, experiment))


def says(page: Page, pattern: str) -> re.Match[str]:
    """The first text on the page that fits, once there is one in sight."""
    found = page.get_by_text(re.compile(pattern)).first
    found.wait_for(timeout=SLOW)
    return re.search(pattern, found.inner_text())


def fits_its_width(page: Page) -> None:
    """Nothing scrolls sideways."""
    assert page.locator("[data-testid=stMain]").evaluate("m => m.scrollWidth <= m.clientWidth + 1")


def in_the_first_screen(found: Locator, height: int = 768) -> None:
    box = found.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= height
