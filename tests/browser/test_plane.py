"""The plane in a real browser: every layer is drawn; handles by mouse, finger and keys; frames; what Python hears."""

import ast
import json
import math
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import painted, plane

SCENE = Path(__file__).parent / "scenes" / "plane.py"


@pytest.fixture
def show(serve, visit):
    def open_scene(query: str = "", **context) -> Page:
        page = visit(f"{serve(SCENE)}/?{query}", **context)
        painted(root(page))
        return page

    return open_scene


def root(page: Page) -> Locator:
    return plane(page, "scene")


def handle(page: Page, name: str) -> Locator:
    return root(page).locator(f'.handle[data-name="{name}"]')


def sheet(page: Page, panel: str = "main") -> Locator:
    return root(page).locator(f"[data-panel={panel}] canvas")


def do(page: Page, name: str) -> None:
    root(page).locator(f"[data-do={name}]").click()


def middle(found: Locator) -> tuple[float, float]:
    box = found.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, name: str, dx: float, dy: float) -> None:
    """By mouse, so many pixels from where the handle is."""
    x, y = middle(handle(page, name))
    page.mouse.move(x, y)
    page.mouse.down()
    for part in (0.3, 0.6, 1.0):
        page.mouse.move(x + part * dx, y + part * dy)
    page.mouse.up()


def touch(page: Page, path: list[tuple[float, float]]) -> None:
    wire = page.context.new_cdp_session(page)
    send = lambda kind, at: wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})  # noqa: E731
    send("touchStart", [{"x": path[0][0], "y": path[0][1]}])
    for x, y in path[1:]:
        send("touchMove", [{"x": x, "y": y}])
    send("touchEnd", [])


def shown(page: Page) -> dict:
    """The values as the browser has them."""
    return json.loads(root(page).get_attribute("data-values"))


def heard(page: Page) -> dict:
    """The settings as Python has them."""
    return ast.literal_eval(page.locator("[data-testid=stCode]").inner_text())


def until(page: Page, holds: Callable[[], bool], what: object = "") -> None:
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline, f"did not come about: {what}, {heard(page)}, {shown(page)}"
        page.wait_for_timeout(50)


def settles(page: Page, name: str, wanted: object, near: float = 0.0) -> None:
    """Python and the browser come to agree on a value."""

    def agrees() -> bool:
        now, there = heard(page)[name], shown(page)[name]
        if near:
            return abs(now - wanted) <= near and now == there
        return now == wanted and json.loads(json.dumps(now)) == there

    until(page, agrees, f"{name} = {wanted}")


def says(page: Page, text: str) -> None:
    expect(page.locator("[data-testid=stMarkdown]").last).to_have_text(text)


def picture(page: Page, panel: str = "main") -> str:
    return sheet(page, panel).evaluate("c => c.toDataURL()")


def colours(page: Page, panel: str) -> int:
    return sheet(page, panel).evaluate(
        "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
    )


@pytest.mark.parametrize("palette", ["density", "cividis", "signed"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_layer_is_drawn(show, palette, theme):
    page = show(f"kind=everything&palette={palette}", theme=theme)
    for panel in ("maps", "lines", "marks", "high"):
        assert colours(page, panel) > 100
    words = root(page).locator("[data-panel=lines] .legend")
    expect(words).to_have_text("barscurvebeforeband")  # a rule is named at its end


@pytest.mark.parametrize("kind", ["moving", "everything"])
def test_frames_change_the_pictures(show, kind):
    page = show(f"kind={kind}&frames=6&start=0&glide=1")
    panel = {"moving": "main", "everything": "marks"}[kind]
    first = picture(page, panel)
    do(page, "forward")
    expect(root(page)).to_have_attribute("data-frame", "1")
    until(page, lambda: picture(page, panel) != first)
    root(page).locator(".speed").select_option("4")
    do(page, "play")
    expect(root(page)).to_have_attribute("data-frame", "5")
    expect(root(page)).to_have_attribute("data-playing", "false")
    says(page, "frame 5, picked None")


def test_logarithmic_axes(show):
    assert colours(show("kind=logarithmic"), "main") > 20


def test_a_dot_by_mouse_and_what_it_changes(show):
    page = show("kind=dot")
    note = root(page).locator(".note")
    expect(note).to_have_text("μ = 0.00, σ = 1.00, P = 0.6827, top 0.399")
    before = picture(page)
    box = sheet(page).bounding_box()
    drag(page, "mean", box["width"] / 8, -30)
    until(page, lambda: heard(page)["mean"] > 0.8)
    mean = heard(page)["mean"]
    settles(page, "mean", mean)
    assert round(mean * 10) == pytest.approx(mean * 10) and mean == pytest.approx(1.0, abs=0.2)
    expect(note).to_have_text(re.compile(rf"μ = {mean:.2f}, σ = 1.00"))
    assert picture(page) != before
    assert handle(page, "mean").get_attribute("aria-valuenow") == f"{mean:g}"


def test_a_drag_is_heard_of_only_when_it_ends(show):
    page = show("kind=dot")
    x, y = middle(handle(page, "mean"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 200, y)
    until(page, lambda: shown(page)["mean"] > 1)
    page.wait_for_timeout(500)
    assert heard(page)["mean"] == 0.0
    page.mouse.up()
    until(page, lambda: heard(page)["mean"] > 1)


def test_a_handle_stops_where_its_setting_ends(show):
    page = show("kind=dot")
    drag(page, "std", -2000, 0)
    settles(page, "std", 0.2)
    drag(page, "mean", 3000, 0)
    settles(page, "mean", 4.0)


def test_keys_move_a_dot_and_a_line(show):
    page = show("kind=dot")
    handle(page, "mean").focus()
    page.keyboard.press("ArrowRight")
    settles(page, "mean", 0.1)
    page.keyboard.press("Shift+ArrowLeft")
    settles(page, "mean", -0.9)
    page.keyboard.press("End")
    settles(page, "mean", 4.0)
    handle(page, "std").focus()
    page.keyboard.press("ArrowUp")
    settles(page, "std", 1.05)


def test_a_finger_drags_and_the_page_does_not_scroll(show):
    page = show("kind=dot", width=400, has_touch=True, is_mobile=True, device_scale_factor=2)
    for name in ("mean", "std"):
        box = handle(page, name).bounding_box()
        assert min(box["width"], box["height"]) >= 44
    x, y = middle(handle(page, "mean"))
    touch(page, [(x, y), (x + 20, y - 30), (x + 60, y - 90)])
    until(page, lambda: heard(page)["mean"] > 0.5)
    assert middle(handle(page, "mean"))[1] == pytest.approx(y, abs=1)


def test_a_slider_and_the_handle_follow_each_other(show):
    page = show("kind=dot&slider=1")
    drag(page, "mean", 150, 0)
    until(page, lambda: heard(page)["mean"] > 0.5)
    slider = page.locator(".st-key-scene-plane-mean input")
    expect(slider).to_have_value(f"{heard(page)['mean']:g}")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    wanted = round(heard(page)["mean"] - 0.5, 1)
    until(page, lambda: abs(shown(page)["mean"] - float(slider.input_value())) < 1e-9, wanted)
    drag(page, "mean", -300, 0)  # and once more the other way: the old report is not taken twice
    until(page, lambda: heard(page)["mean"] < 0)
    expect(slider).to_have_value(f"{heard(page)['mean']:g}")


def test_a_late_message_does_not_throw_away_a_newer_drag(show):
    page = show("kind=dot&slow=0.8")
    drag(page, "mean", 200, 0)
    page.wait_for_timeout(300)  # its answer is on its way while the second is made
    drag(page, "mean", 150, 0)
    last = shown(page)["mean"]
    assert last > 1.5
    for _ in range(60):
        assert shown(page)["mean"] == last
        page.wait_for_timeout(50)
    settles(page, "mean", last)
    page.get_by_role("button", name="again").click()
    page.wait_for_timeout(2000)
    assert shown(page)["mean"] == last == heard(page)["mean"]


def test_a_message_while_a_handle_is_held_leaves_it_in_the_hand(show):
    page = show("kind=dot&slow=0.8")
    drag(page, "mean", 100, 0)
    x, y = middle(handle(page, "mean"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y)
    until(page, lambda: heard(page)["mean"] > 0)
    page.mouse.move(x + 150, y)
    until(page, lambda: shown(page)["mean"] > heard(page)["mean"])
    page.mouse.up()
    settles(page, "mean", shown(page)["mean"])


def test_between_two_frames_it_says_so(show):
    page = show("kind=moving&frames=3&start=0&glide=1")
    do(page, "play")
    expect(root(page).locator(".level .more").first).to_have_text("drawn between two real states")


def test_a_click_brings_the_dot_there(show):
    page = show("kind=dot&jump=1")
    box = sheet(page).bounding_box()
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.6 * box["height"])
    until(page, lambda: heard(page)["mean"] > 1.5)
    settles(page, "mean", shown(page)["mean"])


def axes(values: dict) -> list[float]:
    a, c = values["std_x"] ** 2, values["std_y"] ** 2
    b = values["rho"] * values["std_x"] * values["std_y"]
    middle, half = (a + c) / 2, math.hypot((a - c) / 2, b)
    return [math.sqrt(middle + half), math.sqrt(middle - half)]


def test_an_axis_of_the_ellipse_turns_and_stretches_and_leaves_the_other(show):
    page = show("kind=ellipse")
    before = axes(heard(page))
    drag(page, "shape.axis0", -20, -70)
    until(page, lambda: heard(page)["rho"] > 0.3)
    until(page, lambda: heard(page) | shown(page) and heard(page)["rho"] == shown(page)["rho"])
    longest, shortest = axes(heard(page))
    assert shortest == pytest.approx(before[1], abs=0.03) and longest > shortest + 0.2
    (cx, cy), (x0, y0), (x1, y1) = (middle(handle(page, f"shape{end}")) for end in ("", ".axis0", ".axis1"))
    assert (x0 - cx) * (x1 - cx) + (y0 - cy) * (y1 - cy) == pytest.approx(0, abs=80)  # at right angles, but for pixels
    drag(page, "shape.axis1", 20, 300)  # far beyond what the settings allow
    until(page, lambda: heard(page)["std_y"] > 2)
    assert heard(page)["std_y"] <= 2.5 and heard(page)["std_x"] <= 2.5 and abs(heard(page)["rho"]) <= 0.99


def test_the_ellipse_by_keys_and_its_centre(show):
    page = show("kind=ellipse")
    handle(page, "shape.axis1").focus()
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    until(page, lambda: heard(page)["std_y"] > 0.85)
    assert heard(page)["std_x"] == 1.5 and heard(page)["rho"] == 0.0
    drag(page, "shape", 60, -40)
    until(page, lambda: heard(page)["mean_x"] > 0.3 and heard(page)["mean_y"] > 0.3)
    handle(page, "tip").focus()
    page.keyboard.press("ArrowUp")
    until(page, lambda: heard(page)["mean"] > 0)


def test_the_pointer_is_told_the_density(show):
    page = show("kind=ellipse")
    page.mouse.move(*middle(handle(page, "shape")))
    peak = 1 / (2 * math.pi * 1.5 * 0.8)
    expect(root(page).locator("[data-panel=main] .readout")).to_have_text(f"{peak:.4f} at 0.00")
    sheet(page).focus()
    page.keyboard.press("ArrowRight")
    expect(root(page).locator("[data-panel=main] .readout")).to_have_text(re.compile(r"at 0\.\d\d"))


def test_points_are_added_dragged_taken_back_and_cleared(show):
    page = show("kind=editor")
    box = sheet(page).bounding_box()
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    until(page, lambda: len(heard(page)["points"]) == 3)
    drag(page, "points.2", 160, 40)
    until(page, lambda: heard(page)["points"][2][0] > -1)
    moved = heard(page)["points"]
    assert moved[:2] == ((-1.0, 0.5), (2.0, -1.0))
    do(page, "undo")
    until(page, lambda: heard(page)["points"][2][0] < -1)
    page.keyboard.press("Control+z")
    until(page, lambda: len(heard(page)["points"]) == 2)
    handle(page, "points.0").focus()
    page.keyboard.press("Shift+ArrowUp")
    until(page, lambda: heard(page)["points"][0][1] > 0.8)
    page.keyboard.press("Delete")
    until(page, lambda: heard(page)["points"] == ((2.0, -1.0),))
    do(page, "clear")
    settles(page, "points", ())
    expect(root(page).locator(".handle")).to_have_count(0)
    do(page, "undo")
    until(page, lambda: heard(page)["points"] == ((2.0, -1.0),))


def test_no_more_points_than_allowed_and_points_on_a_line(show):
    page = show("kind=editor&most=3&line=1")
    box = sheet(page).bounding_box()
    for part in (0.3, 0.5, 0.9):
        page.mouse.click(box["x"] + part * box["width"], box["y"] + 0.4 * box["height"])
    until(page, lambda: len(heard(page)["points"]) == 3)
    assert heard(page)["points"][2][1] == 0.0
    expect(root(page).locator(".full")).to_have_text("No more than 3.")
    sheet(page).focus()
    handle(page, "points.0").focus()
    page.keyboard.press("Delete")
    until(page, lambda: len(heard(page)["points"]) == 2)
    expect(root(page).locator(".full")).to_have_text("")


def test_a_point_is_put_down_by_key_and_by_finger(show):
    page = show("kind=editor")
    sheet(page).focus()
    for key in ["ArrowRight"] * 3 + ["Enter"]:
        page.keyboard.press(key)
    until(page, lambda: len(heard(page)["points"]) == 3)
    page = show("kind=editor", width=400, has_touch=True, is_mobile=True)
    box = sheet(page).bounding_box()
    page.touchscreen.tap(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    until(page, lambda: len(heard(page)["points"]) == 3)


def test_components_are_added_shaped_weighed_and_taken_away(show):
    page = show("kind=components")
    drag(page, "parts.0", 0, -60)
    until(page, lambda: heard(page)["rows"][0][2] > 0.5)
    drag(page, "parts.1.axis0", 50, 0)
    until(page, lambda: heard(page)["rows"][1][3] > 0.9)
    page.keyboard.press("+")
    until(page, lambda: heard(page)["rows"][1][0] > 0.5)
    do(page, "lighter")
    until(page, lambda: heard(page)["rows"][1][0] == 0.5)
    box = sheet(page).bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.85 * box["height"])
    until(page, lambda: len(heard(page)["rows"]) == 3)
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.85 * box["height"])  # three are as many as may be
    handle(page, "parts.0").focus()
    page.keyboard.press("Delete")
    until(page, lambda: len(heard(page)["rows"]) == 2)
    assert heard(page)["rows"][0][3] > 0.9
    handle(page, "parts.1").focus()
    do(page, "remove")
    until(page, lambda: len(heard(page)["rows"]) == 1)
    expect(root(page).locator("[data-do=remove]")).to_be_disabled()


def test_the_component_that_is_taken_hold_of_is_told(show):
    page = show("kind=components&chosen=chosen")
    assert heard(page)["chosen"] == 1
    page.mouse.click(*middle(handle(page, "parts.1")))  # a click alone moves nothing
    settles(page, "chosen", 2)
    assert heard(page)["rows"][1] == (0.5, 1.5, 0.5, 0.6, 0.9, 0.0)
    do(page, "heavier")
    until(page, lambda: heard(page)["rows"][1][0] > 0.5)
    box = sheet(page).bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.85 * box["height"])
    settles(page, "chosen", 3)
    page.keyboard.press("Delete")
    settles(page, "chosen", 2)
    assert len(heard(page)["rows"]) == 2
    handle(page, "parts.0.axis1").focus()  # by key too
    settles(page, "chosen", 1)


def test_each_component_shows_its_own_shape(show):
    page = show("kind=components")
    counts = []
    for name in ("parts.0", "parts.1"):
        x, y = middle(handle(page, name))
        box = sheet(page).bounding_box()
        ask = """(c, [x, y]) => {
          const r = devicePixelRatio, colour = COLOUR;
          const { data } = c.getContext('2d').getImageData((x - 8) * r, (y - 8) * r, 16 * r, 16 * r);
          return Array.from({ length: 256 }, (_, i) => colour.every((v, k) => Math.abs(data[4 * i + k] - v) < 3));
        }"""
        colour = {"parts.0": "[213, 94, 0]", "parts.1": "[0, 158, 115]"}[name]
        mask = sheet(page).evaluate(ask.replace("COLOUR", colour), [round(x - box["x"]), round(y - box["y"])])
        counts.append([any(mask[16 * (8 + d) + 8 + d] for d in (5, 6)), sum(mask)])
    (disc_corner, disc), (square_corner, square) = counts
    assert min(disc, square) > 90 and not disc_corner and square_corner  # a disc has no corner, a square has


@pytest.mark.parametrize("finger", [False, True])
def test_a_curve_is_painted(show, finger):
    page = show("kind=painter", **({"width": 500, "has_touch": True, "is_mobile": True} if finger else {}))
    box = sheet(page).bounding_box()
    path = [
        (box["x"] + part * box["width"], box["y"] + (0.2 + 0.2 * part) * box["height"]) for part in (0.05, 0.5, 0.95)
    ]
    if finger:
        touch(page, path)
    else:
        page.mouse.move(*path[0])
        page.mouse.down()
        page.mouse.move(*path[1])
        page.mouse.move(*path[2])
        page.mouse.up()
    until(page, lambda: all(y > 0.5 for _, y in heard(page)["wave"]))
    wave = heard(page)["wave"]
    assert [x for x, _ in wave] == list(range(-4, 5)) and wave[0][1] > wave[-1][1]
    handle(page, "wave").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    until(page, lambda: heard(page)["wave"] != wave)


def test_frames_by_keys_seek_and_pick(show):
    page = show("kind=moving&frames=11&start=4")
    expect(root(page).locator(".level").first).to_have_text("step 4of 10")
    expect(root(page).locator(".note").first).to_have_text("note 4")
    sheet(page).focus()
    page.keyboard.press("ArrowRight")
    says(page, "frame 5, picked None")
    box = sheet(page, "run").bounding_box()
    page.mouse.click(box["x"] + 0.93 * box["width"], box["y"] + 0.5 * box["height"])
    expect(root(page)).to_have_attribute("data-frame", "9")
    says(page, "frame 9, picked None")
    found = sheet(page).bounding_box()
    page.mouse.click(found["x"] + 0.5 * found["width"], found["y"] + 0.5 * found["height"])
    expect(root(page)).to_have_attribute("data-picked", re.compile(r"cloud,\d+"))
    says(page, f"frame 9, picked ('cloud', {root(page).get_attribute('data-picked').split(',')[1]})")
    page.keyboard.press("Escape")
    says(page, "frame 9, picked None")


def test_another_scene_begins_anew_and_the_same_one_stays(show):
    page = show("kind=moving&frames=11&start=4")
    do(page, "forward")
    says(page, "frame 5, picked None")
    page.get_by_role("button", name="again").click()
    page.wait_for_timeout(500)
    expect(root(page)).to_have_attribute("data-frame", "5")
    page.get_by_role("button", name="scene").click()
    expect(root(page)).to_have_attribute("data-frame", "4")
    says(page, "frame 4, picked None")


def test_without_frames_there_is_no_transport(show):
    page = show("kind=dot")
    expect(root(page).locator(".transport")).to_have_count(0)
    expect(root(page)).to_have_attribute("data-frame", "0")


def test_reduced_motion_jumps_to_the_end(show):
    page = show("kind=moving&frames=11&start=0&glide=1", reduced_motion="reduce")
    do(page, "play")
    expect(root(page)).to_have_attribute("data-frame", "10")


def test_the_invitation_goes_with_first_use(show):
    page = show("kind=dot")
    expect(root(page).locator(".invite")).to_have_css("opacity", "1")
    drag(page, "mean", 20, 0)
    expect(root(page).locator(".invite")).to_have_css("opacity", "0")


@pytest.mark.parametrize("query", ["kind=dot&scene.plane.std=3", "kind=dot", "kind=editor", "kind=components"])
@pytest.mark.parametrize("width", [1366, 500])
def test_the_invitation_covers_no_handle(show, query, width):
    page = show(query, width=width)
    invite = root(page).locator(".invite").bounding_box()
    for one in root(page).locator(".handle").all():
        box = one.bounding_box()
        beside = box["x"] >= invite["x"] + invite["width"] or box["x"] + box["width"] <= invite["x"]
        assert beside or box["y"] >= invite["y"] + invite["height"] or box["y"] + box["height"] <= invite["y"]


@pytest.mark.parametrize("kind", ["dot", "everything"])
def test_larger_type_is_drawn_larger_and_fits(show, kind):
    page = show(f"kind={kind}&frames=3")
    panel = {"dot": "main", "everything": "lines"}[kind]
    edge = "c => parseFloat(getComputedStyle(c.parentNode).getPropertyValue('--left'))"
    inset = lambda: sheet(page, panel).evaluate(edge)  # noqa: E731
    small, before = inset(), picture(page, panel)
    page.evaluate("document.documentElement.style.setProperty('font-size', '20px', 'important')")
    until(page, lambda: inset() > small + 2)
    assert picture(page, panel) != before
    assert root(page).evaluate("r => getComputedStyle(r).fontSize") == "16.25px"
    assert root(page).evaluate("r => r.scrollWidth <= r.clientWidth + 1")
    page.evaluate("document.documentElement.style.removeProperty('font-size')")
    until(page, lambda: inset() == small)


def test_a_change_of_theme_redraws(show):
    page = show("kind=dot")
    before = picture(page)
    page.emulate_media(color_scheme="dark")
    expect(root(page)).to_have_attribute("data-dark", "true")
    until(page, lambda: picture(page) != before)


def test_panels_stand_below_each_other_on_a_phone(show):
    page = show("kind=moving&frames=5", width=400)
    first, second = (sheet(page, name).bounding_box() for name in ("main", "run"))
    assert second["y"] > first["y"] + first["height"] and first["width"] > 300
    assert page.locator("[data-testid=stMain]").evaluate("m => m.scrollWidth <= m.clientWidth + 1")
