"""A poll that ends draws what stands around it anew, and not the page."""

from pathlib import Path

from playwright.sync_api import expect

SCENE = Path(__file__).parent / "scenes" / "redraw.py"


def test_a_poll_that_ends_draws_the_fragment_around_it_and_is_over(serve, visit):
    page = visit(serve(SCENE))
    words = page.locator(".st-key-words")
    expect(words).to_have_text("page 1, fragment 2")
    expect(page.locator("[data-testid=stCaptionContainer]")).to_have_count(0)
    page.wait_for_timeout(600)  # two polls, if there were any left
    page.locator(".st-key-tell button").click()
    expect(page.locator("[data-testid=stToast]")).to_contain_text("polls 3")
    page.locator(".st-key-again button").click()
    expect(words).to_have_text("page 2, fragment 4")  # the page once, by its button, and the fragment by its own
