"""Step 9 in a real browser: the first picture, links, the player, the arithmetic, runs that people share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import SLOW, fits_its_width, painted, part, plane, press, says, shades, stroke

DENOISE, TRAIN, SAMPLERS = (f"diffusion_model.{name}" for name in ("denoise", "train", "samplers"))


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    """Opens the page with settings, `denoise_steps=5`; waits for both players."""

    def open_page(*, lang: str = "en", link: str = "", settings: dict | None = None, **context) -> Page:
        asked = {"lang": lang} | (settings or {})
        page = visit(link or f"{fresh_app}/diffusion_model?{urlencode(asked)}", **context)
        painted(player(page))
        return page

    return open_page


def player(page: Page, experiment: str = DENOISE) -> Locator:
    return plane(page, experiment, "player")


def do(page: Page, name: str) -> None:
    player(page).locator(f"[data-do={name}]").click()


def stands(page: Page, frame: int) -> None:
    expect(player(page)).to_have_attribute("data-frame", str(frame))


def level(page: Page) -> int:
    return int(player(page).get_attribute("data-level"))


def computed(page: Page) -> None:
    """Waits until what is on screen is what was asked for."""
    expect(part(page, f"{DENOISE}.stage")).to_be_visible(timeout=SLOW)
    expect(part(page, f"{DENOISE}.stage_stale")).to_have_count(0)


def pictures(page: Page) -> list[str]:
    """The painted tracks, by their pixels."""
    page.wait_for_timeout(300)
    return player(page).locator("canvas").evaluate_all("all => all.map((c) => c.toDataURL())")


def colours(page: Page, experiment: str, track: str) -> int:
    return shades(player(page, experiment).locator(f"[data-track={track}] canvas"))


def table(page: Page) -> list[str]:
    """The cells of the arithmetic, row by row."""
    return page.locator("table.arithmetic tbody td").all_inner_texts()


# ---- the first test must come first: nobody has been on this server --------------------------------------------------


def test_a_deep_link_on_a_fresh_server_paints_a_finished_picture(show):
    page = show()
    expect(player(page)).to_have_attribute("data-frames", "51")
    expect(player(page)).to_have_attribute("data-level", "400")
    assert all(colours(page, DENOISE, track) > 50 for track in ("x", "noise", "x0"))
    says(page, r"DDIM went from noise to data .*network calls: 50; samples: 16.*kept from earlier")
    says(page, r"At t = 400 of 1000")
    expect(page.locator("table.growing tr")).not_to_have_count(0)
    painted(player(page, SAMPLERS))
    assert all(colours(page, SAMPLERS, name) > 50 for name in ("ddpm", "ddim", "heun", "dpm_solver_pp"))


def test_a_copied_link_opens_the_same_scene_in_the_other_language(show):
    settings = {"sampler": "heun", "steps": 4, "label": 3, "scale": 2, "count": 4, "seed": 11, "frame": 500, "clip": 0}
    page = show(settings={f"{DENOISE}.{name}": value for name, value in settings.items()})
    computed(page)
    expect(player(page)).to_have_attribute("data-frames", "5")
    expect(player(page)).to_have_attribute("data-level", "500")
    do(page, "forward")
    expect(player(page)).to_have_attribute("data-level", "250")
    says(page, "At t = 250 of 1000")
    page.wait_for_function(f"new URLSearchParams(location.search).get('{DENOISE}.frame') === '250'")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(page, f"{DENOISE}.link")
    page.get_by_text("Link copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    other = show(link=copied, locale="ko-KR")
    computed(other)
    expect(player(other)).to_have_attribute("data-level", "250")
    says(other, r"t = 250")
    assert other.evaluate("document.documentElement.lang") == "ko"
    assert pictures(other) == pictures(page)
    assert table(other)[1::3] == table(page)[1::3]


# ---- the player -----------------------------------------------------------------------------------------------------


def test_play_step_and_scrub_by_mouse_and_by_key(show):
    page = show(settings={f"{DENOISE}.frame": 1000})
    stands(page, 0)
    assert level(page) == 1000
    do(page, "forward")
    expect(player(page)).to_have_attribute("data-level", "980")
    says(page, "At t = 980 of 1000")
    player(page).locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    expect(player(page)).to_have_attribute("data-level", "960")
    page.keyboard.press("ArrowLeft")
    expect(player(page)).to_have_attribute("data-level", "980")
    page.keyboard.press("End")
    expect(player(page)).to_have_attribute("data-level", "0")
    says(page, "At t = 0 of 1000 no noise is left")
    box = player(page).locator(".scrub").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    stands(page, 25)
    page.mouse.up()
    says(page, "At t = 500 of 1000")
    do(page, "reset")
    stands(page, 0)
    player(page).locator(".speed").select_option("4")
    player(page).locator(".stage").focus()
    page.keyboard.press("Space")
    expect(player(page)).to_have_attribute("data-playing", "true")
    expect(player(page)).to_have_attribute("data-frame", "50", timeout=SLOW)
    expect(player(page)).to_have_attribute("data-playing", "false")
    says(page, "At t = 0 of 1000")


def test_a_click_on_a_pixel_shows_its_arithmetic(show):
    page = show()
    says(page, r"Picture 1, row 15, column 15: from t = 400 to t = 380")
    before = table(page)
    box = player(page).locator("[data-track=x] canvas").bounding_box()
    player(page).locator("[data-track=x] canvas").click(position={"x": box["width"] * 0.4, "y": box["height"] * 0.4})
    expect(player(page)).to_have_attribute("data-pixel", re.compile(r"\d+,\d+"))
    item = int(player(page).get_attribute("data-item"))
    row, column = map(int, player(page).get_attribute("data-pixel").split(","))
    says(page, rf"Picture {item + 1}, row {row + 1}, column {column + 1}: from t = 400 to t = 380")
    after = table(page)
    assert after != before and len(after) == 9
    noise, x0, end = (float(cell.replace("−", "-")) for cell in after[2::3])
    left = (math.cos((0.38 + 0.008) / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2
    assert end == pytest.approx(math.sqrt(left) * x0 + math.sqrt(1 - left) * noise, abs=2e-3)
    do(page, "forward")
    says(page, rf"Picture {item + 1}, row {row + 1}, column {column + 1}: from t = 380 to t = 360")
    assert after[-1][:5] in table(page)[4]  # what the step led to is what the next one begins with


def test_points_take_the_place_of_pictures(show):
    page = show()
    press(page, f"{DENOISE}.preset.points")
    expect(player(page).locator("[data-track=x0] canvas")).to_be_visible()
    says(page, r"network calls: 50; samples: 2000")
    computed(page)
    expect(player(page)).to_have_attribute("data-level", "400")
    box = player(page).locator("[data-track=x] canvas").bounding_box()
    player(page).locator("[data-track=x] canvas").click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(player(page)).to_have_attribute("data-item", re.compile(r"\d+"))
    says(page, rf"Point {int(player(page).get_attribute('data-item')) + 1}, x over y")


# ---- runs -----------------------------------------------------------------------------------------------------------

LONG = {f"{TRAIN}.data": "dinosaur", f"{TRAIN}.length": "long", f"{TRAIN}.batch": "32"}


def updates(page: Page) -> int:
    return int(says(page, r"Update ([\d,]+) of 12,?000").group().split()[1].replace(",", ""))


def test_a_run_is_shared_left_found_again_stopped_and_continued(show, at_rest):
    page, other = show(settings=LONG), show(settings=LONG)
    press(page, f"{TRAIN}.start")
    begun = updates(page)
    expect(part(page, f"{TRAIN}.stop")).to_be_visible()
    # another person finds it, joins it and may not stop it
    other.reload()
    expect(part(other, f"{TRAIN}.join")).to_be_visible(timeout=SLOW)
    assert part(other, f"{TRAIN}.stop").count() == 0
    press(other, f"{TRAIN}.join")
    says(other, "2 people watching")
    says(page, "2 people watching")
    # the page is left, and the run is found again
    page.locator("[data-testid=stSidebarNavLink]").first.click()
    page.get_by_role("heading", name="Ten Steps to Diffusion").wait_for()
    at_rest(page)
    page.locator("[data-testid=stSidebarNavLink]", has_text="Diffusion: the model").click()
    page.get_by_role("heading", name="Diffusion: the model").wait_for()
    expect(part(page, f"{TRAIN}.stop")).to_be_visible(timeout=SLOW)
    assert updates(page) > begun
    # a reload is still the same person's
    page.reload()
    expect(part(page, f"{TRAIN}.stop")).to_be_visible(timeout=SLOW)
    press(other, f"{TRAIN}.leave")
    expect(part(other, f"{TRAIN}.join")).to_be_visible(timeout=SLOW)
    press(page, f"{TRAIN}.stop")
    stopped = int(says(other, r"stopped at (\d+)%").group(1))
    reached = updates(other)
    # and goes on from where it was
    press(other, f"{TRAIN}.start")
    expect(part(other, f"{TRAIN}.stop")).to_be_visible(timeout=SLOW)
    assert updates(other) >= reached
    assert int(says(other, r"training · (\d+)%").group(1)) >= stopped
    press(other, f"{TRAIN}.stop")
    says(other, r"stopped at (\d+)%")


def test_a_drawn_shape_is_learnt_kept_and_offered(show):
    page = show(settings={f"{TRAIN}.data": "drawing", f"{TRAIN}.length": "short", f"{TRAIN}.batch": "32"})
    page.get_by_text("There is too little here to learn from").wait_for()
    assert part(page, f"{TRAIN}.start").count() == 0
    pad = part(page, f"{TRAIN}.pad").locator(".pad canvas")
    pad.scroll_into_view_if_needed()
    turns = [k * math.pi / 20 for k in range(41)]
    stroke(page, pad, [(0.5 + 0.3 * math.cos(turn), 0.5 + 0.3 * math.sin(turn)) for turn in turns])
    part(page, f"{TRAIN}.start").wait_for(timeout=SLOW)
    page.wait_for_function(f"new URLSearchParams(location.search).has('{TRAIN}.ink')")
    press(page, f"{TRAIN}.start")
    says(page, r"Done: [\d,]+ weights, 1,?000 updates")
    page.get_by_text("This model is kept on this machine").wait_for()
    press(page, f"{TRAIN}.use")
    expect(part(page, f"{DENOISE}.model").locator("input")).to_have_value(re.compile("^Your drawing"))
    says(page, r"network calls: 50; samples: 2000")
    # the link brings the drawing and the model with it
    again = show(link=page.url)
    expect(part(again, f"{TRAIN}.pad").locator(".root")).to_have_attribute("data-strokes", "1")
    expect(part(again, f"{DENOISE}.model").locator("input")).to_have_value(re.compile("^Your drawing"))
    says(again, r"Done: [\d,]+ weights, 1,?000 updates|This model is kept on this machine")


# ---- how it looks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme", "lang"), [(820, "light", "ko"), (820, "dark", "en"), (400, "dark", "ko")])
def test_nothing_scrolls_sideways_in_either_theme(show, width, theme, lang):
    page = show(width=width, theme=theme, lang=lang)
    expect(player(page)).to_have_attribute("data-dark", str(theme == "dark").lower())
    assert colours(page, DENOISE, "noise") > 50
    fits_its_width(page)
    for scrub in (player(page).locator(".scrub"), player(page, SAMPLERS).locator(".scrub")):
        box = scrub.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
    assert page.locator(".growing img").first.bounding_box()["width"] > width / 2  # digits large enough to be read
