"""The player in a real browser: play, step, scrub, choose, and what Python hears of it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import painted, plane, shades

SCENE = Path(__file__).parent / "scenes" / "player.py"
ORDER = ["reset", "back", "play", "forward", "scrub", "speed"]


@pytest.fixture
def show(serve, visit):
    def open_scene(query: str = "", **context) -> Page:
        page = visit(f"{serve(SCENE)}/?{query}", **context)
        expect(root(page)).to_have_attribute("data-frames", re.compile(r"\d"))
        if "fold" not in query:
            painted(root(page))
        return page

    return open_scene


def root(page: Page) -> Locator:
    return plane(page, "scene", "player")


def do(page: Page, name: str) -> None:
    root(page).locator(f"[data-do={name}]").click()


def canvas(page: Page, track: str) -> Locator:
    return root(page).locator(f"[data-track={track}] canvas")


def stands(page: Page, frame: int) -> None:
    expect(root(page)).to_have_attribute("data-frame", str(frame))


def heard(page: Page, pattern: str) -> None:
    expect(page.locator("[data-testid=stMarkdown]").last).to_have_text(re.compile(pattern))


def picture(page: Page, track: str) -> str:
    return canvas(page, track).evaluate("c => c.toDataURL()")


def colours(page: Page, track: str) -> int:
    return shades(canvas(page, track))


def test_the_first_paint_is_the_finished_picture(show):
    page = show()
    stands(page, 10)
    assert colours(page, "x") > 1 and colours(page, "noise") > 50
    expect(root(page)).to_have_attribute("data-level", "0")
    expect(root(page).locator(".level")).to_have_text("t = 0call 10 of 10")
    heard(page, "^frame 10, t 0, item None, pixel None$")


def test_the_transport_stands_in_its_order_and_is_large_enough_for_a_finger(show):
    page = show("start=3", width=400)
    parts = root(page).locator(".transport > *")
    assert [(p.get_attribute("data-do") or p.get_attribute("class")) for p in parts.all()] == ORDER
    for part in parts.all():
        box = part.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44
        assert part.get_attribute("aria-label") == part.evaluate("e => e.dataset.do ?? e.className").upper()
    assert page.locator("[data-testid=stMain]").evaluate("m => m.scrollWidth <= m.clientWidth + 1")


def test_steps_by_button_and_by_key(show):
    page = show("start=3")
    do(page, "forward")
    stands(page, 4)
    do(page, "back")
    do(page, "back")
    stands(page, 2)
    heard(page, "^frame 2, ")
    root(page).locator(".stage").focus()
    for key, frame in (("ArrowRight", 3), ("ArrowLeft", 2), ("End", 10), ("ArrowRight", 10), ("Home", 0)):
        page.keyboard.press(key)
        stands(page, frame)
    heard(page, "^frame 0, t 1000")
    do(page, "forward")
    do(page, "reset")
    stands(page, 0)
    expect(root(page).locator("[data-do=back]")).to_be_disabled()
    page.keyboard.press("ArrowRight")  # the keys still work after the button that had the focus was disabled
    stands(page, 1)


def test_scrubbing_stays_in_the_browser_until_it_is_released(show):
    page = show("start=0")
    box = root(page).locator(".scrub").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 10, middle)
    page.mouse.down()
    for part in (0.2, 0.4, 0.5):
        page.mouse.move(box["x"] + part * box["width"], middle)
    stands(page, 5)
    page.wait_for_timeout(600)
    heard(page, "^frame 0, ")
    page.mouse.up()
    heard(page, "^frame 5, t 500")


def test_playing_stops_at_the_end_and_only_then_tells(show):
    page = show("start=0")
    root(page).locator(".speed").select_option("4")
    root(page).locator(".stage").focus()
    page.keyboard.press("Space")
    expect(root(page)).to_have_attribute("data-playing", "true")
    expect(root(page).locator("[data-do=play]")).to_have_attribute("aria-label", "PAUSE")
    expect(root(page)).to_have_attribute("data-frame", re.compile("^[4-8]$"))
    heard(page, "^frame 0, ")
    expect(root(page)).to_have_attribute("data-playing", "false")
    stands(page, 10)
    heard(page, "^frame 10, ")


def test_a_whole_run_takes_six_seconds_and_can_be_paused(show):
    page = show("start=0&frames=31")
    seconds = root(page).evaluate(
        """async root => {
            const start = performance.now();
            root.querySelector("[data-do=play]").click();
            while (root.dataset.playing === "true") await new Promise(requestAnimationFrame);
            return (performance.now() - start) / 1000;
        }"""
    )
    assert seconds == pytest.approx(6, abs=0.5)
    do(page, "play")
    expect(root(page)).to_have_attribute("data-frame", re.compile("^[3-9]$"))
    do(page, "play")
    frame = int(root(page).get_attribute("data-frame"))
    assert 0 < frame < 30
    heard(page, f"^frame {frame}, ")


def test_a_click_chooses_the_pixel_in_every_track(show):
    page = show("start=5")
    before = picture(page, "noise")
    canvas(page, "x").click(position={"x": 200, "y": 100})
    heard(page, r"^frame 5, t 500, item \d, pixel \(\d+, \d+\)$")
    assert picture(page, "noise") != before
    item = root(page).get_attribute("data-item")
    row, column = map(int, root(page).get_attribute("data-pixel").split(","))
    heard(page, rf"item {item}, pixel \({row}, {column}\)")
    page.keyboard.press("Shift+ArrowDown")
    expect(root(page)).to_have_attribute("data-pixel", f"{row + 1},{column}")
    page.keyboard.press("Escape")
    expect(root(page)).to_have_attribute("data-item", "")
    heard(page, "item None, pixel None")
    stands(page, 5)


def test_a_frame_without_a_state_is_drawn_empty(show):
    page = show("start=0")
    assert colours(page, "noise") < 20
    do(page, "forward")
    stands(page, 1)
    page.wait_for_timeout(200)
    assert colours(page, "noise") > 50


def test_the_place_survives_a_rerun_and_longer_data(show, at_rest):
    page = show()
    do(page, "back")
    do(page, "back")
    heard(page, "^frame 8, t 200")
    page.get_by_role("button", name="again").click()
    at_rest(page)
    stands(page, 8)
    page.get_by_role("button", name="more").click()
    expect(root(page)).to_have_attribute("data-frames", "21")
    stands(page, 16)
    heard(page, "^frame 16, t 200")


def test_who_follows_the_end_stays_at_the_end(show):
    page = show()
    page.get_by_role("button", name="more").click()
    expect(root(page)).to_have_attribute("data-frames", "21")
    stands(page, 20)
    heard(page, "^frame 20, t 0")


def test_another_scene_begins_anew(show):
    page = show("start=2")
    do(page, "forward")
    canvas(page, "x").click(position={"x": 200, "y": 100})
    heard(page, r"^frame 3, .* item \d")
    page.wait_for_timeout(600)
    page.get_by_role("button", name="scene").click()
    stands(page, 2)
    expect(root(page)).to_have_attribute("data-item", "")
    heard(page, "^frame 2, .* item None")
    do(page, "forward")
    heard(page, "^frame 3, .* item None")


def test_coming_back_finds_the_place_and_python_knows_it(show):
    page = show()
    do(page, "reset")
    do(page, "forward")
    heard(page, "^frame 1, ")
    page.get_by_text("away", exact=True).click()
    expect(root(page)).to_have_count(0)
    page.get_by_text("away", exact=True).click()
    stands(page, 1)
    heard(page, "^frame 1, ")


def test_a_change_of_theme_redraws(show):
    page = show("kind=points&items=200")
    light = picture(page, "p0")
    expect(root(page)).to_have_attribute("data-dark", "false")
    page.emulate_media(color_scheme="dark")
    expect(root(page)).to_have_attribute("data-dark", "true")
    page.wait_for_timeout(300)
    assert picture(page, "p0") != light


def test_reduced_motion_jumps_to_the_end(show):
    page = show("start=0", reduced_motion="reduce")
    do(page, "play")
    stands(page, 10)
    expect(root(page)).to_have_attribute("data-playing", "false")
    heard(page, "^frame 10, ")


def test_particles_move_between_states_only_while_playing_and_say_so(show):
    page = show("kind=points&items=500&start=0&tracks=1")
    do(page, "play")
    expect(root(page).locator(".level .more")).to_have_text("BETWEEN")
    do(page, "play")
    expect(root(page).locator(".level .more")).to_have_text(re.compile("call"))
    canvas(page, "p0").click(position={"x": 600, "y": 150})
    heard(page, r"item \d+, pixel None")


def test_a_tap_works_on_a_telephone(show):
    page = show("start=5&tracks=3", width=400, has_touch=True, is_mobile=True, device_scale_factor=2)
    canvas(page, "x").tap(position={"x": 60, "y": 60})
    heard(page, r"item 0, pixel \(")
    root(page).locator("[data-do=forward]").tap()
    stands(page, 6)
    width, ratio = canvas(page, "x").evaluate("c => [c.width / c.clientWidth, devicePixelRatio]")
    assert width == pytest.approx(ratio, rel=0.01)


def test_it_waits_folded_away_and_paints_when_it_is_opened(show):
    page = show("fold=1")
    page.get_by_role("button", name="more").click()
    expect(root(page)).to_have_attribute("data-frames", "21")
    page.get_by_text("fold", exact=True).click()
    expect(canvas(page, "x")).to_be_visible()
    seen = [colours(page, "noise") for _ in range(20) if page.wait_for_timeout(100) is None]
    assert seen[-1] > 50


def test_new_data_while_playing_do_not_stop_it(show):
    page = show("start=0")
    do(page, "play")
    page.get_by_role("button", name="more").click()
    expect(root(page)).to_have_attribute("data-frames", "21")
    expect(root(page)).to_have_attribute("data-playing", "true")
    assert int(root(page).get_attribute("data-frame")) < 15
    do(page, "play")
    expect(root(page)).to_have_attribute("data-playing", "false")


def test_a_click_does_not_send_the_pictures_again(show):
    page = show("items=16&tracks=3&frames=40&start=5")
    wire, sizes = page.context.new_cdp_session(page), []
    wire.on("Network.webSocketFrameReceived", lambda event: sizes.append(len(event["response"]["payloadData"])))
    wire.send("Network.enable")
    canvas(page, "x").click(position={"x": 200, "y": 100})
    heard(page, r"item \d")
    assert sizes and sum(sizes) < 100_000


MEASURE = """async root => {
    const scrub = root.querySelector(".scrub"), sheets = [...root.querySelectorAll("canvas")], times = [];
    for (let k = 0; k < 60; k++) {
        scrub.value = (k * 7) % root.dataset.frames;
        await new Promise(requestAnimationFrame);
        const start = performance.now();
        scrub.dispatchEvent(new Event("input"));
        const handled = performance.now() - start;
        await new Promise(requestAnimationFrame);
        const drawn = performance.now();
        for (const sheet of sheets) sheet.getContext("2d").getImageData(0, 0, 1, 1);
        times.push(handled + Number(root.dataset.paint) + performance.now() - drawn);
    }
    times.sort((a, b) => a - b);
    return [times[30], times[56]];
}"""


@pytest.mark.parametrize("query", ["items=16&tracks=3&frames=40", "kind=points&items=2000&tracks=1&frames=40"])
def test_a_step_of_the_scrub_is_cheaper_than_a_frame(show, query, record_property):
    page = show(query)
    root(page).evaluate(MEASURE)
    median, most = root(page).evaluate(MEASURE)
    record_property("milliseconds", (median, most))
    print(f"{query}: median {median:.1f} ms, 95 % {most:.1f} ms")
    assert median < 16


def test_larger_type_is_drawn_larger(show):
    page = show()
    height = lambda: root(page).locator(".head").bounding_box()["height"]  # noqa: E731
    small = height()
    page.evaluate("document.documentElement.style.setProperty('font-size', '20px', 'important')")
    expect(root(page)).to_have_css("font-size", "16.25px")
    assert height() == 1.25 * small
    assert root(page).evaluate("r => r.scrollWidth <= r.clientWidth + 1")
