"""Step 8 in a real browser: the way into noise by its slider, a schedule painted by hand, the step back by dragging."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from core.diffusion.bound import posterior
from core.diffusion.schedule import NoiseSchedule
from tests.browser.helpers import (
    SLOW,
    drag,
    fits_its_width,
    heard,
    in_the_first_screen,
    knob,
    painted,
    part,
    plane,
    press,
    says,
    shades,
    sheet,
    stroke,
    until,
    values,
)
from tests.pages.apptest import number

FORWARD, BACK = "diffusion_theory.forward", "diffusion_theory.posterior"


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    """Opens the page with settings; waits for the first picture."""

    def open_page(settings: dict[str, object] | None = None, *, lang: str = "en", **context) -> Page:
        page = visit(f"{fresh_app}/diffusion_theory?{urlencode({'lang': lang} | (settings or {}))}", **context)
        painted(plane(page, FORWARD))
        return page

    return open_page


def test_a_photograph_drowns_in_noise_and_comes_back(show):
    page = show(lang="ko")
    both = [sheet(page, FORWARD, name) for name in ("steps", "jump")]
    in_the_first_screen(both[0])
    fits_its_width(page)
    assert all(shades(canvas) > 2000 for canvas in both)  # in colour
    before = [canvas.evaluate("c => c.toDataURL()") for canvas in both]
    plane(page, FORWARD).locator("[data-do=forward]").click()
    expect(plane(page, FORWARD)).to_have_attribute("data-frame", "4", timeout=SLOW)
    for canvas, old in zip(both, before, strict=True):  # painted in the next frame
        page.wait_for_function("([c, old]) => c.toDataURL() !== old", arg=[canvas.element_handle(), old])
    says(page, r"t = 200\(전체 1000\)\u2060?에서")
    page.keyboard.press("Home")
    expect(plane(page, FORWARD)).to_have_attribute("data-frame", "0", timeout=SLOW)
    says(page, "t = 0에는 아직")
    clean = [canvas.evaluate("c => c.toDataURL()") for canvas in both]
    press(page, f"{FORWARD}.preset.few")
    says(page, "끝이 노이즈가 아닙니다")
    expect(plane(page, FORWARD)).to_have_attribute("data-frame", "10", timeout=SLOW)
    assert both[0].evaluate("c => c.toDataURL()") != clean[0]


def test_a_schedule_is_painted_and_one_that_rises_is_put_right(show):
    page = show({f"{FORWARD}.schedule": "own", f"{FORWARD}.subject": "moons"})
    paper = sheet(page, FORWARD, "alpha_bar")
    paper.scroll_into_view_if_needed()
    stroke(page, paper, [(0.3, 0.85), (0.9, 0.85)], steps=8)  # early down to almost nothing
    heard(page, FORWARD, lambda v: v["painting"][10][1] < 0.15)
    says(page, r"as good as pure noise|nearly noise|The end is no noise")
    stroke(page, paper, [(0.6, 0.2), (0.8, 0.2)], steps=4)  # and up again
    heard(page, FORWARD, lambda v: max(y for _, y in v["painting"][8:13]) > 0.7)
    says(page, r"Your curve rises, most of all between t/T = ")
    press(page, f"{FORWARD}.way_out")
    heard(
        page,
        FORWARD,
        lambda v: all(a[1] >= b[1] - 1e-9 for a, b in zip(v["painting"], v["painting"][1:], strict=False)),
    )
    expect(page.get_by_text("Your curve rises")).to_have_count(0, timeout=SLOW)


def test_the_step_back_follows_the_finger_and_its_numbers_are_right(show):
    page = show({f"{BACK}.step": 4})
    picture = plane(page, BACK)
    picture.scroll_into_view_if_needed()
    painted(picture)
    drag(page, knob(page, BACK, "xt"), -90)
    until(page, lambda: values(page, BACK)["xt"] < 0.9, lambda: values(page, BACK))
    held = values(page, BACK)
    back = posterior(NoiseSchedule.cosine(10))
    mean = float(back.of_x0[4]) * held["x0"] + float(back.of_x[4]) * held["xt"]
    until(
        page,
        lambda: (
            number(says(page, r"At t = 4 the mean is .* = (−?[\d.]+), its weights")[1]) == pytest.approx(mean, abs=6e-4)
        ),
        lambda: says(page, r"At t = 4 the mean is .* = (−?[\d.]+), its weights")[0],
    )
    part(page, f"{BACK}.step").get_by_role("slider").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    says(page, r"At t = 1 one step before is x₀ itself")
