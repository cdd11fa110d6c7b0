"""Every page can be read and used by anybody: WCAG A and AA by axe-core, the language told, room at 200 % zoom.

Each page is opened once, with its folded experiments closed: in turn in Korean on light and in English on dark.
Contrast hangs on the theme and names on the language, so all pages together see both of each.
"""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest

from tests.browser.helpers import SLOW, fits_its_width
from ui import catalogue

ROOT = Path(__file__).resolve().parents[2]
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
GRAVE = ("serious", "critical")
MEASURE = """rules => axe.run({ runOnly: { type: "tag", values: rules }, resultTypes: ["violations"] })"""
SETTLED = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 500)))"
LOOKS = [
    (page.id, page.url_path, *(("ko", "light"), ("en", "dark"))[k % 2]) for k, page in enumerate(catalogue.pages())
]


@pytest.mark.parametrize(("page_id", "path", "language", "theme"), LOOKS, ids=[look[0] for look in LOOKS])
def test_a_page_is_within_everybody_s_reach(serve, visit, page_id, path, language, theme):
    page = visit(f"{serve(ROOT / 'app.py')}/{path}?lang={language}", theme=theme, reduced_motion="reduce")
    page.locator("h1").wait_for()
    page.wait_for_function("lang => document.documentElement.lang === lang", arg=language, timeout=SLOW)
    page.evaluate(SETTLED)
    page.evaluate(AXE.read_text("utf-8"))
    assert not grave(page.evaluate(MEASURE, RULES))
    page.set_viewport_size({"width": 683, "height": 384})  # what 200 % leaves of 1366 × 768
    page.evaluate(SETTLED)
    fits_its_width(page)


def grave(measured: dict) -> list[str]:
    """A line for each element that breaks a rule, with the rule and what axe says of it."""
    return [
        f"{broken['id']}: {node['target']} {node['failureSummary']}"
        for broken in measured["violations"]
        if broken["impact"] in GRAVE
        for node in broken["nodes"]
    ]
