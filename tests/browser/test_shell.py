"""The frame in a real browser: a deep link on a fresh server, languages, addresses, the road."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from ui import text

ROOT = Path(__file__).resolve().parents[2]
CALLS = "diffusion_model.samplers.calls"
SCALE = "diffusion_model.denoise.scale"
THUMB = ".st-key-diffusion_model-denoise-scale [data-testid=stSliderThumbValue]"


@pytest.fixture
def base(serve):
    return serve(ROOT / "app.py")


def address(page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def language(page) -> str:
    return page.evaluate("document.documentElement.lang")


def test_a_deep_link_with_settings_opens_the_same_scene_in_the_other_language(base, visit):
    page = visit(f"{base}/diffusion_model?{CALLS}=20&{SCALE}=99&lang=en")
    page.get_by_text("goes from 0 to 10").wait_for()
    assert language(page) == "en"
    assert page.locator(THUMB).inner_text().startswith("10")
    page.wait_for_function(f"new URLSearchParams(location.search).get('{SCALE}') === '10'")
    page.locator(".st-key-shell-language").get_by_text("한국어").click()
    page.wait_for_function("document.documentElement.lang === 'ko'")
    page.get_by_role("heading", name="확산 모델의 구현").wait_for()
    assert page.locator(THUMB).inner_text().startswith("10")
    assert address(page)[CALLS] == "20"
    assert "lang" not in address(page)


def test_the_copied_link_holds_every_setting_and_the_page_left_is_forgotten(base, visit, at_rest):
    page = visit(f"{base}/diffusion_model?{SCALE}=3&lang=en")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".st-key-diffusion_model-denoise-link .copy").click()
    page.get_by_text("Link copied.").wait_for()
    copied = urlsplit(page.evaluate("navigator.clipboard.readText()"))
    settings = dict(parse_qsl(copied.query))
    assert settings[SCALE] == "3"
    assert {key.rpartition(".")[0] for key in settings} == {"diffusion_model.denoise"}
    assert len(settings) > 5
    assert copied.fragment == "diffusion_model-denoise"
    page.locator("[data-testid=stSidebarNavLink]").first.click()
    page.get_by_role("heading", name="Ten Steps to Diffusion").wait_for()
    at_rest(page)
    assert not [key for key in address(page) if key.startswith("diffusion_model.")]


def test_a_link_opens_the_fold_that_it_names_and_then_leaves_the_page_where_it_is(base, visit, at_rest):
    page = visit(f"{base}/likelihood?lang=en#likelihood-estimators")
    copy, main = page.locator(".st-key-likelihood-estimators-link .copy"), page.locator("[data-testid=stMain]")
    copy.wait_for()
    there = "document.querySelector('.st-key-experiment-likelihood-estimators').getBoundingClientRect().top"
    page.wait_for_function(f"{there} < 60")
    menu = page.get_by_test_id("stMainMenu").bounding_box()
    assert copy.bounding_box()["y"] >= menu["y"] + menu["height"], "the menu stands on what an experiment offers"
    preset = page.locator(".st-key-likelihood-estimators-presets button").first
    preset.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    stands, before = main.evaluate("m => m.scrollTop"), page.url
    assert page.evaluate(there) < -40
    fold = "document.querySelector('.st-key-experiment-likelihood-estimators details').marked"
    page.evaluate(f"{fold} = true")
    preset.click()
    page.wait_for_url(lambda url: url != before)
    at_rest(page)
    page.wait_for_timeout(600)
    assert main.evaluate("m => m.scrollTop") == stands
    assert page.evaluate(fold) is True, "the first change made a new fold, in which focus and drags are lost"
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # as without https
    copy.click()
    page.get_by_text("Link copied.").wait_for()
    assert copy.evaluate("b => b.getRootNode().activeElement === b"), "the keyboard has lost its place"


def test_a_derivation_comes_when_it_is_opened_and_nothing_else_is_drawn(base, visit, at_rest):
    page, sizes = visit(f"{base}/likelihood?lang=en"), []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))))
    page.reload()
    at_rest(page)
    fold = page.locator("details", has_text=text.Words("en").words("likelihood.log.title"))
    summary = fold.locator("summary")
    assert fold.locator(".katex").count() == 0
    sizes.clear()
    summary.press("Enter")
    fold.locator(".katex").first.wait_for()
    at_rest(page)
    assert sum(sizes) < 20_000, "the page was drawn anew"  # 7 kB for the fold, 41 kB for a page already seen
    assert summary.evaluate("s => document.activeElement === s"), "the keyboard has lost its place"


def test_the_choice_of_a_language_holds_over_the_next_link(base, visit):
    page = visit(f"{base}/?lang=en")
    page.evaluate("Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('blocked'); } })")
    page.locator(".st-key-shell-language").get_by_text("한국어").click()
    page.wait_for_function("document.documentElement.lang === 'ko'")
    page.wait_for_function("document.cookie.includes('=ko')")
    page.goto(f"{base}/?lang=en")
    page.get_by_role("heading", name="확산까지 열 걸음").wait_for()


def test_the_browser_s_language_comes_first(base, visit):
    page = visit(base, locale="ko-KR")
    page.get_by_role("heading", name="확산까지 열 걸음").wait_for()
    page.wait_for_function("document.documentElement.lang === 'ko'")


@pytest.mark.parametrize("width", [1366, 820, 400])
def test_the_road_leads_to_a_page_and_back(base, visit, width):
    page = visit(f"{base}/?lang=en", width=width)
    stops = page.locator(".map li")
    stops.first.wait_for()
    assert stops.count() == 10
    assert page.evaluate("(m => m.scrollWidth <= m.clientWidth + 1)(document.querySelector('[data-testid=stMain]'))")
    page.locator(".map .has-page a[href$='diffusion_model']").last.click()
    page.get_by_role("heading", name="Diffusion: the model").wait_for()
    assert urlsplit(page.url).path == "/diffusion_model"
    page.locator(".strip [aria-current=step]").get_by_text("9").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Ten Steps to Diffusion").wait_for()


def test_a_theme_that_changes_changes_the_formulas(base, visit):
    page = visit(f"{base}/?lang=en")
    page.locator(".st-key-shell-glossary button").first.click()
    page.get_by_role("tab", name="Symbols").click()
    symbol = page.locator("[role=dialog] .katex-html [style*=color]").first
    symbol.wait_for()
    light = symbol.evaluate("e => getComputedStyle(e).color")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "light => getComputedStyle(document.querySelector('[role=dialog] .katex-html [style*=color]')).color !== light",
        arg=light,
    )


def test_a_hostile_address_opens_the_page_is_told_and_loses_no_click(base, visit):
    """Letters that are none, a script, far too much of it, names that nobody knows, in the real address bar."""
    hostile = (
        "normal.interval.mean=%FF%FE%00&normal.interval.std=%3Cscript%3Ealert(1)%3C/script%3E&normal.old.name=4"
        f"&normal.interval.low=4&normal.interval.high=-2&%F0%9F%92%A5=%C0%AF&normal.parameters.pins={'1_2~' * 3000}"
    )
    page = visit(f"{base}/normal?lang=en&{hostile}")
    for told in ("settings that this page does not have", "“Pinned curves”", "“Mean μ”", "“Standard deviation σ”"):
        page.get_by_text(told).first.wait_for()
    page.wait_for_function("new URLSearchParams(location.search).get('normal.interval.low') === '-2'")
    assert address(page)["normal.old.name"] == "4" and "normal.interval.std" not in address(page)
    knob = page.locator(".st-key-normal-parameters-std").get_by_role("slider")
    for at in ("1.05", "1.1", "1.15"):
        knob.press("ArrowRight")
        page.wait_for_function(f"new URLSearchParams(location.search).get('normal.parameters.std') === '{at}'")
    assert address(page)["normal.interval.low"] == "-2"
