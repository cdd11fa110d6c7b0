"""What goes wrong around the app: a disk that fills up, a server that is killed, a tab that stays open or drops."""

from __future__ import annotations

import re
import resource
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.helpers import part, press, until

TRAIN = "diffusion_model.train"
SLOW = 40_000  # milliseconds that a server and a page may take to come back
ERROR = re.compile(r"Traceback|Exception|ERROR|Task was destroyed|never retrieved")


def percent(page: Page, pattern: str) -> int:
    """The number of percent in what the run's place says, once it fits."""
    found = part(page, f"{TRAIN}.live").get_by_text(re.compile(pattern)).first
    found.wait_for(timeout=SLOW)
    return int(re.search(pattern, found.inner_text())[1])


def address(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def room(killable, size: int) -> None:
    """Let the app write files up to so many bytes; a process that it has yet to begin may write no longer ones."""
    limits = (size, resource.RLIM_INFINITY)
    resource.prlimit(killable.process.pid, resource.RLIMIT_FSIZE, limits)  # handed down, so before others are listed
    for pid in killable.processes():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_a_killed_server_and_a_tab_that_drops_lose_nothing(killable, visit):
    tab = visit(f"{killable.base}/diffusion_model?{TRAIN}.data=moons&lang=en", lost=True)
    part(tab, f"{TRAIN}.length").get_by_text("Long").click()
    tab.wait_for_function(f"new URLSearchParams(location.search).get('{TRAIN}.length') === 'long'")

    # the disk is full: the run goes on, and says that nothing can be kept; once there is room it is kept after all
    room(killable, 30_000)
    press(tab, f"{TRAIN}.start")
    told = tab.get_by_text("There is no room to keep the model")
    told.wait_for(timeout=SLOW)
    assert not list(killable.home.glob("*.safetensors"))
    before = percent(tab, r"training · (\d+)%")
    room(killable, resource.RLIM_INFINITY)
    told.wait_for(state="detached", timeout=SLOW)
    assert list(killable.home.glob("*.kept.safetensors"))
    assert percent(tab, r"training · (\d+)%") > before

    # the server is killed and started again: the tab comes back by itself as it was, and offers to go on
    killable.kill()
    killable.start()
    kept = percent(tab, r"interrupted is kept up to (\d+)%")
    assert kept >= before
    assert address(tab)[f"{TRAIN}.length"] == "long" and address(tab)[f"{TRAIN}.data"] == "moons"
    expect(part(tab, f"{TRAIN}.length").locator("[aria-checked=true]")).to_have_text("Long")

    # so does a page with other settings, where somebody else finds it; the run goes on from there under its own
    other = visit(f"{killable.base}/diffusion_model?lang=ko")
    assert percent(other, r"(\d+)%까지 저장") == kept
    press(other, f"{TRAIN}.resume")
    assert percent(other, r"학습 중 · (\d+)%") >= kept
    other.wait_for_function(f"new URLSearchParams(location.search).get('{TRAIN}.length') === 'long'")

    # that person drops in the middle: whoever watches sees it go on, and the server has nothing to complain of
    part(tab, f"{TRAIN}.live").get_by_role("button", name="Go on training").first.click()
    seen = percent(tab, r"training · (\d+)%")
    for _ in range(2):  # and others, while their page is still being made
        brief = tab.context.new_page()
        brief.goto(f"{killable.base}/em?lang=en", wait_until="commit")
        brief.wait_for_selector("[data-testid=stApp][data-test-script-state=running]")
        brief.close()
    other.close()
    until(tab, lambda: percent(tab, r"training · (\d+)%") > seen, lambda: seen)
    expect(tab.locator("[data-testid=stException]")).to_have_count(0)
    assert not ERROR.search(killable.log.read_text())
