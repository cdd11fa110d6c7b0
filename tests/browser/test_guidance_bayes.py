"""guidance.bayes in a real browser: its numbers are core's, terms and arrows light each other, by hand and by key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Locator, Page, expect

from core.diffusion.bayes import terms
from core.scenes.guidance_bayes import LEVELS, PARTS, exact
from tests.browser.helpers import SLOW, drag, fits_its_width, part, plane, press, shades, until
from ui import component

ID = "guidance.bayes"
# the names of quantities.js beside those of core.diffusion.bayes
PAIRS = {
    "log_px": "log_p_x", "log_pxy": "log_p_x_given_y", "log_pyx": "log_p_y_given_x", "log_py": "log_p_y", "s": "score",
    "sy": "score_given_y", "g": "classifier", "difference": "classifier", "guided": "guided", "e": "noise",
    "ey": "noise_given_y", "eguided": "guided_noise",
}  # fmt: skip


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    def open_page(query: str = "", language: str = "en", **context) -> Page:
        page = visit(f"{fresh_app}/guidance?lang={language}{query}", **context)
        expect(root(page)).to_have_attribute("data-paint", re.compile(r"\d"), timeout=SLOW)
        root(page).scroll_into_view_if_needed()
        return page

    return open_page


def root(page: Page) -> Locator:
    return plane(page, ID, "derivation")


def read(page: Page, name: str) -> dict:
    return json.loads(root(page).get_attribute(f"data-{name}"))


def line(page: Page, name: str) -> Locator:
    return root(page).locator(f"[data-line={name}]")


def lit(page: Page) -> set[str]:
    """The marks whose terms are lit."""
    found = root(page).locator(".cell.lit [data-term]").evaluate_all("all => all.map(t => t.dataset.term)")
    return set(found)


def check(said: dict, parts, t: int, y: int, gamma: float, x, *, tolerance: float = 1e-5) -> None:
    """Every quantity of the browser beside core's, relative to the largest number of its kind."""
    ours = terms(exact(tuple(map(tuple, parts))), torch.tensor(x, dtype=torch.float64), t, y - 1, gamma)
    for theirs, mine in PAIRS.items():
        expected = getattr(ours, mine).numpy()
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(said[theirs], expected, rtol=0, atol=tolerance * scale, err_msg=theirs)


def test_the_browser_s_quantities_are_those_of_core(chromium: Browser):
    """At random mixtures, points, levels and γ, in a page without a server."""
    names = ("axes", "contours", "draw", "formulas")
    files = [component.HERE / "shared.js", *(component.HERE / "plane" / f"{name}.js" for name in names)]
    files.append(component.HERE / "derivation" / "quantities.js")
    table = f"const COLOURS = {json.dumps(component._colours())};"
    page = chromium.new_page()
    page.add_script_tag(content="\n".join([table, *(f.read_text("utf-8") for f in files)]))
    rng = np.random.default_rng(0)
    for _ in range(40):
        count = int(rng.integers(1, 5))
        low, high = np.array([(0.02, 1), (-3, 3), (-3, 3), (0.1, 2), (0.1, 2), (-0.95, 0.95)]).T
        parts = rng.uniform(low, high, (count, 6)).tolist()
        t, y, gamma = int(rng.choice(LEVELS)), int(rng.integers(1, count + 1)), float(rng.choice([-2, 0, 1, 3, 50]))
        x = rng.uniform(-3, 3, 2).tolist()
        alpha_bar = float(exact(PARTS).schedule.alpha_bar[t])
        said = page.evaluate(
            "([parts, y, a, gamma, x]) => quantitiesAt(noisyMixture(parts, a), y - 1, a, gamma, x)",
            [parts, y, alpha_bar, gamma, x],
        )
        check(said, parts, t, y, gamma, x, tolerance=1e-9)
    page.close()


def test_a_drag_moves_the_arrows_at_once_and_the_link_has_the_point(show):
    page = show()
    point, before = root(page).locator(".handle.point"), read(page, "values")
    drag(page, point, -60, 40)
    until(page, lambda: read(page, "values")["x1"] < before["x1"] - 0.8, lambda: read(page, "values"))
    values = read(page, "values")
    assert values["x2"] < before["x2"] - 0.5
    check(read(page, "quantities"), PARTS[:3], values["t"], values["y"], values["gamma"], (values["x1"], values["x2"]))
    expect(page).to_have_url(re.compile(r"guidance\.bayes\.x1="), timeout=SLOW)
    mean = root(page).locator(".handle.mean").nth(1)
    drag(page, mean, 30, 30)
    until(page, lambda: read(page, "values")["parts"][1][1] > 1.8, lambda: read(page, "values"))
    values = read(page, "values")
    check(read(page, "quantities"), values["parts"][:3], values["t"], values["y"], 3.0, (values["x1"], values["x2"]))
    press(page, f"{ID}.reset")
    until(page, lambda: read(page, "values") == before, lambda: read(page, "values"))


def test_terms_and_arrows_light_each_other(show):
    """By mouse, then by finger and by key."""
    page = show(has_touch=True)
    assert read(page, "alpha") == dict.fromkeys(read(page, "alpha"), 1)
    line(page, "guided").locator(".term").nth(1).hover()  # s(x)
    until(page, lambda: read(page, "alpha")["guided"] == 0.15, lambda: read(page, "alpha"))
    assert read(page, "alpha")["s"] == 1 and lit(page) == {"s"}
    lines = root(page).locator(".line:has(.lit)").evaluate_all("all => all.map(l => l.dataset.line)")
    assert lines == ["gradient", "only", "difference", "guided", "noise"]  # wherever s(x) stands
    expect(root(page).locator("[data-row=none]")).to_have_class(re.compile("lit"))
    line(page, "bayes").locator(".term").nth(2).hover()  # the shading
    until(page, lambda: lit(page) == {"pyx"}, lambda: lit(page))
    page.mouse.move(5, 5)
    until(page, lambda: read(page, "alpha")["s"] == 1 and not lit(page), lambda: lit(page))
    # the other way: the pointer goes along an arrow
    assert read(page, "values")["line"] == "guided"
    page.mouse.move(*root(page).evaluate("r => r.placeOn('guided', 0.5)"))
    until(page, lambda: lit(page) == {"guided"}, lambda: lit(page))
    root(page).locator("[data-row=given]").hover()
    until(page, lambda: lit(page) == {"sy"}, lambda: lit(page))
    line(page, "only").locator(".term").nth(1).tap()
    until(page, lambda: lit(page) == {"s"} and read(page, "values")["line"] == "only", lambda: lit(page))
    line(page, "only").locator(".cell").nth(1).tap()  # no term: the light goes out
    until(page, lambda: not lit(page), lambda: lit(page))
    by_key(page)


def by_key(page: Page) -> None:
    lines = root(page).locator(".lines")
    lines.focus()
    page.keyboard.press("ArrowDown")
    until(page, lambda: read(page, "values")["line"] == "difference", lambda: read(page, "values"))
    page.keyboard.press("ArrowRight")
    until(page, lambda: lit(page) == {"g"}, lambda: lit(page))
    page.keyboard.press("ArrowRight")
    until(page, lambda: lit(page) == {"sy"}, lambda: lit(page))
    page.keyboard.press("Escape")
    until(page, lambda: not lit(page), lambda: lit(page))
    before = read(page, "values")
    root(page).locator(".handle.point").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    until(page, lambda: read(page, "values")["x1"] == pytest.approx(before["x1"] - 0.05), lambda: read(page, "values"))
    assert read(page, "values")["x2"] == pytest.approx(before["x2"] + 0.25)
    root(page).locator("[data-y='2']").focus()
    page.keyboard.press("ArrowRight")
    until(page, lambda: read(page, "values")["y"] == 3, lambda: read(page, "values"))


def test_the_last_line_turns_every_arrow_round_and_the_digit_follows_gamma(show):
    page = show("&guidance.bayes.line=guided", reduced_motion="reduce")
    fits_the_first_screen(page)
    assert read(page, "turn") == 0
    line(page, "noise").click()
    until(page, lambda: read(page, "turn") == 1, lambda: read(page, "turn"))
    names = ("none", "given", "guided", "difference")
    pictures = {name: root(page).locator(f"[data-row={name}] canvas").first for name in names}

    def painted(name: str) -> str:
        return pictures[name].evaluate("c => c.toDataURL()")

    assert len({painted(name) for name in pictures}) == 4 and shades(pictures["difference"]) > 20
    number = root(page).locator("[data-dial=number]")
    for gamma, same in ((0, "none"), (1, "given")):
        number.fill(str(gamma))
        number.press("Enter")
        until(page, lambda g=gamma: read(page, "values")["gamma"] == g, lambda: read(page, "values"))
        assert painted("guided") == painted(same)
    number.fill("50")
    number.press("Enter")
    until(page, lambda: read(page, "values")["gamma"] == 50, lambda: read(page, "values"))
    expect(root(page).locator(".tag[data-mark=guided_turned] .length")).not_to_be_empty()
    values = read(page, "values")
    check(read(page, "quantities"), PARTS[:3], values["t"], values["y"], 50.0, (values["x1"], values["x2"]))
    expect(page).to_have_url(re.compile(r"guidance\.bayes\.gamma=50"), timeout=SLOW)


def fits_the_first_screen(page: Page) -> None:
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    box = root(page).bounding_box()
    assert box["y"] + box["height"] <= 768
    assert root(page).locator(".line").evaluate_all("all => all.every(l => l.clientHeight < 60)")
    fits_its_width(page)


def test_everything_is_drawn_on_a_tablet_and_on_a_projector(show):
    page = show(language="ko", theme="dark", width=820, has_touch=True)
    fits_its_width(page)
    for canvas in root(page).locator("canvas").all():
        assert shades(canvas) > 3
    # on a projector large words leave the arrows and the digits their places
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.evaluate("document.documentElement.classList.add('presenting')")
    invite, tag = (root(page).locator(f".{name}") for name in ("invite", "tag[data-mark=guided]"))
    apart = lambda: tag.bounding_box()["y"] + tag.bounding_box()["height"] <= invite.bounding_box()["y"]  # noqa: E731
    until(page, lambda: invite.bounding_box()["height"] > 30 and apart(), invite.bounding_box)
    digits = part(page, "guidance.scale.digits").locator("button")
    until(page, lambda: len({round(b.bounding_box()["y"]) for b in digits.all()}) == 1, digits.count)  # in one row
    assert digits.count() == 10
