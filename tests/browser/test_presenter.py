"""Presenting in a real browser: keys over experiments and steps, what they must leave alone, freeze, notes, reload."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ui import text

ROOT = Path(__file__).resolve().parents[2]
PLAYER = ".st-key-experiment-diffusion_model-denoise .root[data-frames]"
ARRIVED = "!globalThis.tenStepsPresenter.landing"  # until then a key waits for the page that was asked for
PRESENTING = "document.documentElement.classList.contains('presenting')"


@pytest.fixture
def base(serve):
    return serve(ROOT / "app.py")


def experiment(page, name: str):
    return page.locator(f".st-key-experiment-{name}")


def lands(page, name: str) -> None:
    """Waits until the experiment stands at the top of the screen, as far as the page can be scrolled."""
    page.wait_for_function(
        """name => {
          const stop = document.querySelector(`.st-key-experiment-${name}`);
          if (!stop) return false;
          const main = document.querySelector('[data-testid=stMain]'), { top } = stop.getBoundingClientRect();
          const end = main.scrollTop >= main.scrollHeight - main.clientHeight - 2;
          return Math.abs(top - 16) < 8 || (end && top > 0 && top < innerHeight);
        }""",
        arg=name,
    )


def test_keys_lead_over_experiments_and_steps_and_a_reload_goes_on(base, visit, at_rest):
    page = visit(f"{base}/em?lang=en&present=1", reduced_motion="reduce")
    page.wait_for_function(PRESENTING)
    assert "present" not in parse_qs(urlsplit(page.url).query), "a link that is copied from the address would force it"
    assert not page.locator("[data-testid=stSidebar]").is_visible()
    press = page.keyboard.press
    for name in ("em-half_steps", "em-bound", "em-starts", "em-kl"):
        press("PageDown")
        lands(page, name)
    at_rest(page)
    experiment(page, "em-kl").locator(".st-key-em-kl-question").wait_for()  # a folded one opens

    press("b")
    page.locator(".presenter-dark").wait_for()
    press("PageDown")  # only brings the screen back
    page.locator(".presenter-dark").wait_for(state="detached")
    lands(page, "em-kl")
    press(".")
    press("Escape")
    assert page.locator(".presenter-dark").count() == 0 and page.evaluate(PRESENTING)

    press("Shift+PageDown")
    page.wait_for_url("**/neural_network*")
    page.get_by_role("heading", name="Neural networks", exact=True).wait_for()
    page.wait_for_function(ARRIVED)
    number = experiment(page, "neural_network-autograd").locator("[data-testid=stNumberInput] input").first
    number.click()
    for key in ("b", ".", "n", "f", "?", "PageDown"):
        number.press(key)
    kept = "[document.querySelector('.presenter-dark, .presenter-notes, .presenter-help'), globalThis.tenStepsFrozen]"
    assert page.evaluate(kept) == [None, False], "a key acted while somebody typed"
    number.blur()

    page.locator("[data-testid=stMain]").evaluate("main => { main.scrollTop = 0; }")
    save, menu = (page.locator(f".st-key-neural_network-autograd-link {part}") for part in (".save", ".menu"))
    for close in (save.click, lambda: press("Escape")):
        save.click()
        menu.locator("button").first.wait_for()
        close()
        menu.wait_for(state="hidden")
    assert page.evaluate(PRESENTING), "the key was the menu's"
    page.locator("[data-testid=stMain]").evaluate("main => { main.scrollTop = 0; }")
    press("PageUp")  # above the first experiment: back to the step before, to its last
    page.wait_for_url("**/em*")
    lands(page, "em-rivals")
    page.wait_for_function(ARRIVED)
    press("PageDown")
    page.wait_for_url("**/neural_network*")
    page.reload()
    page.wait_for_function(PRESENTING)
    page.locator(".st-key-shell-presenter").wait_for()
    press("Escape")
    page.wait_for_function(f"!({PRESENTING})")
    page.locator("[data-testid=stSidebarNavLink]").first.wait_for()


def test_a_frozen_screen_stands_still_and_the_notes_are_this_step_s(base, visit):
    page, t = visit(f"{base}/diffusion_model?lang=en&present=1"), text.Words("en")
    page.locator(".st-key-shell-presenter [data-do=notes]").wait_for()
    player = page.locator(PLAYER)
    player.locator("[data-do=reset]").click()
    player.locator("[data-do=play]").click()
    frame = lambda: int(player.get_attribute("data-frame"))  # noqa: E731
    while frame() < 2:
        page.wait_for_timeout(30)
    page.keyboard.press("f")
    page.get_by_text(t.label("presenter.frozen")).wait_for()
    stands = frame()
    picture = player.locator(".stage").screenshot()
    page.wait_for_timeout(700)
    assert frame() == stands and player.locator(".stage").screenshot() == picture
    page.keyboard.press("f")
    page.wait_for_function("([root, f]) => Number(root.dataset.frame) > f", arg=[player.element_handle(), stands])

    page.keyboard.press("n")
    notes = page.locator(".presenter-notes")
    notes.get_by_role("button", name=t.label("presenter.close")).press("Enter")
    button = page.locator(".st-key-shell-presenter [data-do=notes]")
    assert button.evaluate("b => b.getRootNode().activeElement === b"), "the keyboard has lost its place"
    button.press("Enter")
    assert t.words("notes.diffusion_model.denoise") in notes.inner_text()
    covered = notes.bounding_box()["x"]
    page.wait_for_function(
        "([e, x]) => e.getBoundingClientRect().right <= x + 1", arg=[player.element_handle(), covered]
    )
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -20_000)
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop === 0")
    page.keyboard.press("PageDown")
    lands(page, "diffusion_model-denoise")
    notes.locator("li[aria-current][data-for=diffusion_model-denoise]").wait_for()
    with page.expect_popup() as opened:
        notes.get_by_role("button", name=t.label("presenter.window")).click()
    window = opened.value
    window.locator("li").first.wait_for()
    assert notes.count() == 0
    window.keyboard.press("Shift+PageDown")  # the hand is on the notes, the page on the projector
    page.wait_for_url("**/guidance*")
    window.get_by_text(t.words("notes.guidance.bayes")).wait_for()
    page.wait_for_function(ARRIVED)
    page.keyboard.press("f")
    page.keyboard.press("?")
    page.locator(".st-key-shell-language").get_by_text("한국어").click()
    for name in ("frozen", "key_blank"):  # what stands on the screen speaks the other language, too
        page.get_by_text(text.Words("ko").label(f"presenter.{name}")).wait_for()
    window.get_by_text(text.Words("ko").words("notes.guidance.bayes")).wait_for()
