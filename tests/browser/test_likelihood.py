"""Step 2 in a real browser: points and curves by hand, the walk on the map, the bounds of heights."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from scipy import stats

from core.scenes.likelihood import POINTS
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
    shades,
    sheet,
    until,
    values,
)

FIT, SURFACE, HEIGHTS, MISFIT = (f"likelihood.{name}" for name in ("fit", "surface", "heights", "misfit"))


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    """Opens the page with settings; waits for the three planes that stand open."""

    def open_page(*, lang: str = "en", settings: dict | None = None, **context) -> Page:
        page = visit(f"{fresh_app}/likelihood?{urlencode({'lang': lang} | (settings or {}))}", **context)
        for experiment in (FIT, SURFACE, HEIGHTS):
            painted(plane(page, experiment))
        return page

    return open_page


def panel(page: Page, experiment: str, name: str) -> Locator:
    return plane(page, experiment).locator(f"[data-panel={name}]")


def says(page: Page, experiment: str, pattern: str) -> re.Match[str]:
    """Waits until Python says it under the picture."""

    def now() -> str:
        return part(page, f"{experiment}.said").inner_text().replace("\u00a0", " ")

    until(page, lambda: re.search(pattern, now()), now)
    return re.search(pattern, now())


def number(said: str) -> float:
    return float(said.replace(",", "").replace("−", "-"))


def agrees(page: Page) -> None:
    """The log-likelihood that Python says is that of the points and the curve that the browser shows."""
    now = values(page, FIT)
    x = np.array([x for x, _ in now["points"]])
    log = stats.norm.logpdf(x, now["mean"], now["std"]).sum()
    said = f"{log:,.2f}".replace("-", "−")
    expect(part(page, f"{FIT}.said")).to_contain_text(said, timeout=SLOW)
    best = stats.norm.logpdf(x, x.mean(), x.std()).sum()
    if best - log > 0.01:
        says(page, FIT, rf"largest log L is {f'{best:.2f}'.replace('-', '−')}")


@pytest.mark.parametrize(("lang", "theme", "width"), [("ko", "dark", 1366), ("en", "light", 820)])
def test_the_first_picture_is_finished_and_nothing_scrolls_sideways(show, lang, theme, width):
    page = show(lang=lang, theme=theme, width=width)
    for experiment, names in ((FIT, ("line", "dial")), (SURFACE, ("map", "data")), (HEIGHTS, ("real", "new"))):
        for name in names:
            assert shades(sheet(page, experiment, name)) > 20
    fits_its_width(page)
    if width == 1366:
        box = plane(page, FIT).bounding_box()
        assert box["y"] + box["height"] < 768, "the first picture lies within the first screen"
    page.context.close()


def test_points_and_curve_by_hand_then_the_best(show):
    page = show()
    line = panel(page, FIT, "line")
    click(sheet(page, FIT, "line"), 0.8, 0.85)
    expect(line.locator(".handle.point")).to_have_count(9)
    agrees(page)
    drag(page, knob(page, FIT, "points.8"), -150)
    agrees(page)
    drawn = plane(page, FIT).get_attribute("data-values")
    line.locator("[data-do=undo]").click()
    expect(plane(page, FIT)).not_to_have_attribute("data-values", drawn)  # in the next frame
    expect(line.locator(".handle.point")).to_have_count(9)
    assert values(page, FIT)["points"][8][0] > json.loads(drawn)["points"][8][0] + 1
    line.locator("[data-do=undo]").click()
    expect(line.locator(".handle.point")).to_have_count(8)
    drag(page, knob(page, FIT, "mean"), 120)
    agrees(page)
    assert values(page, FIT)["mean"] > 0
    expect(part(page, f"{FIT}.mean")).to_contain_text(f"{values(page, FIT)['mean']:.2f}")
    drag(page, knob(page, FIT, "normal"), 0, 30)
    agrees(page)
    assert values(page, FIT)["std"] < 2
    press(page, f"{FIT}.best")
    says(page, FIT, r"μ̂ = 0\.95 is the mean of the 8 points, σ̂ = 1\.47")
    now = values(page, FIT)
    assert (now["mean"], now["std"]) == pytest.approx((np.mean(POINTS), np.std(POINTS)), rel=1e-5)  # six digits
    line.locator("[data-do=clear]").click()
    says(page, FIT, "Without points every curve")
    click(sheet(page, FIT, "line"), 0.5, 0.6)
    says(page, FIT, "A single point has σ̂ = 0")


def test_a_click_on_the_map_starts_a_walk_that_can_be_stepped_and_played(show):
    page = show()
    before = plane(page, SURFACE).get_attribute("data-frames")
    click(sheet(page, SURFACE, "map"), 0.8, 0.3)
    root = plane(page, SURFACE)
    expect(root).to_have_attribute("data-serial", "1")
    expect(root).not_to_have_attribute("data-frames", before, timeout=SLOW)
    steps = int(root.get_attribute("data-frames")) - 1
    expect(root).to_have_attribute("data-frame", str(steps))
    says(page, SURFACE, rf"After {steps} steps the slope is below")
    now = values(page, SURFACE)
    assert now["mean"] > 2 and now["std"] > 4
    root.locator("[data-do=reset]").click()
    expect(root).to_have_attribute("data-frame", "0")
    pictures = [sheet(page, SURFACE, name) for name in ("map", "data")]
    before = [p.evaluate("c => c.toDataURL()") for p in pictures]
    for _ in range(5):
        root.locator("[data-do=forward]").click()
    expect(root).to_have_attribute("data-frame", "5")
    page.wait_for_timeout(200)
    after = [p.evaluate("c => c.toDataURL()") for p in pictures]
    assert before[0] != after[0] and before[1] != after[1], "the map and the curve move together"
    root.locator(".speed").select_option("4")
    root.locator("[data-do=play]").click()
    expect(root).to_have_attribute("data-frame", str(steps), timeout=SLOW)
    press(page, f"{SURFACE}.preset.fast")
    step = int(says(page, SURFACE, r"It diverges: step (\d+) leads to σ = −")[1])
    expect(root).to_have_attribute("data-frames", str(step))
    press(page, f"{SURFACE}.reset")
    click(sheet(page, SURFACE, "data"), 0.9, 0.6)
    says(page, SURFACE, r"σ̂² = 3\.\d+")  # another point, another top


def test_the_bounds_of_heights_by_hand(show):
    page = show()
    before = number(says(page, HEIGHTS, r"P\(x ≤ 160 cm\)\s+([\d.]+)%")[1])
    drag(page, knob(page, HEIGHTS, "low"), 80)
    heard(page, HEIGHTS, lambda now: now["low"] > 165)
    low = values(page, HEIGHTS)["low"]
    found = says(page, HEIGHTS, rf"P\(x ≤ {low:g} cm\)\s+([\d.]+)%\s+([\d.]+)%\s+([\d.]+)%")
    mean, std = (number(v) for v in says(page, HEIGHTS, r"μ̂ = ([\d.]+) cm, σ̂ = ([\d.]+) cm").groups())
    assert number(found[1]) == pytest.approx(100 * stats.norm.cdf(low, mean, std), abs=0.4)
    assert number(found[1]) > before
    assert all(math.isclose(number(found[k]), number(found[1]), abs_tol=8) for k in (2, 3))
    press(page, f"{HEIGHTS}.preset.women")
    says(page, HEIGHTS, r"n = 830 \(women\)")


def test_the_folded_ones_open(show):
    page = show(settings={f"{MISFIT}.data": "waiting"})
    painted(plane(page, MISFIT))
    expect(part(page, f"experiment-{MISFIT}")).to_contain_text("two peaks")
    page.get_by_text("Estimates are random too").click()
    painted(plane(page, "likelihood.estimators"))
    expect(part(page, "experiment-likelihood.estimators")).to_contain_text("÷n is nearer")
