"""What a person waits for, in a real Chromium: first words, first picture, a scrub, the largest message; and what a
live training run loses to being watched.

python -m benchmarks.browser              page and player
python -m benchmarks.browser --watch      training alone, watched, alone, watched
python -m benchmarks.browser --map        from the pointer to the decoded image on the latent map

The server is fresh, so torch is not imported when the first page is opened.
"""

import argparse
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import Page, sync_playwright

from benchmarks.serving import ROOT, server

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MOVES = 200  # of the pointer over the latent map
PLAYER = ".st-key-diffusion_model-denoise-player"


def first_paint(page: Page, address: str) -> tuple[float, float]:
    """Seconds to the page's heading, and to the player's picture."""
    began = time.perf_counter()
    page.goto(f"{address}/diffusion_model?lang=en")
    page.wait_for_selector("h1")
    words = time.perf_counter() - began
    page.wait_for_selector(f"{PLAYER} .root[data-frames]")
    return words, time.perf_counter() - began


def scrub(page: Page) -> float:
    """Median milliseconds that the player needs for a step, as it measures them itself."""
    root = page.locator(f"{PLAYER} .root")
    root.locator("[data-do=reset]").click()
    root.locator("input.scrub").focus()
    costs = []
    for _ in range(40):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(40)
        costs.append(float(root.get_attribute("data-paint")))
    return statistics.median(costs)


def largest_message(page: Page, address: str) -> int:
    """Bytes of the largest websocket frame that the server sends while the page is painted."""
    sizes = [0]
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))))
    first_paint(page, address)
    page.wait_for_timeout(2000)
    return max(sizes)


def measure_page() -> None:
    """Prints the figures of the page."""
    with tempfile.TemporaryDirectory() as home, server(home) as (address, _), sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for visit in ("fresh server, no torch yet", "second visitor", "third visitor"):
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            words, picture = first_paint(page, address)
            print(f"{visit}: first words {words:.2f} s, picture {picture:.2f} s")
        print(f"a step of the player: {scrub(page):.1f} ms")
        print(f"largest message: {largest_message(browser.new_page(), address) / 1e6:.2f} MB")


def measure_map() -> None:
    """Prints how long the picture under the pointer takes: the script's work, and from the event's own time on."""
    listen = """root => { window.waits = []; root.querySelector(".stage").addEventListener("pointermove",
        event => window.waits.push([Number(root.dataset.took), performance.now() - event.timeStamp])); }"""
    with tempfile.TemporaryDirectory() as home, server(home) as (address, _), sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(f"{address}/vae?lang=en")
        root = page.locator(".st-key-vae-latent_map-map .root[data-points]")
        root.wait_for(timeout=60_000)
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
        root.scroll_into_view_if_needed()
        root.evaluate(listen)
        box = root.locator(".stage canvas").bounding_box()
        for k in range(MOVES):
            x, y = 0.5 + 0.4 * math.cos(k / 20), 0.5 + 0.4 * math.sin(k / 13)
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        for name, waits in zip(("script", "from the event"), zip(*page.evaluate("waits"), strict=True), strict=True):
            *_, high = statistics.quantiles(waits, n=20)
            print(f"pointer to decoded image, {name}: median {statistics.median(waits):.1f} ms, 95 % {high:.1f} ms")


def alone(steps: int) -> float:
    """Images a second of the same run in a process of its own."""
    code = (
        "import statistics\nfrom core.device import settle_threads\n"
        "from core.diffusion.learned import DiffusionConfig\n"
        "settle_threads()\nrates = []\n"
        "for state in DiffusionConfig.for_images('mnist', 3750).start():\n"
        f"    rates.append(state.training.rate)\n    if state.training.step == {steps}: break\n"
        "print(statistics.median(rates[len(rates) // 2:]))"
    )
    return float(
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    )


def watched(steps: int) -> float:
    """Images a second of the run while a browser watches it, as the page tells them."""
    with tempfile.TemporaryDirectory() as home, server(home) as (address, _), sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(f"{address}/diffusion_model?lang=en&diffusion_model.train.length=long")
        page.locator(".st-key-diffusion_model-train-start button").click(timeout=60_000)
        sentence = page.get_by_text(re.compile(r"Update \d"))
        sentence.wait_for(timeout=60_000)
        rates, step = [], 0
        while step < steps:
            page.wait_for_timeout(2000)
            words = sentence.first.inner_text().replace(",", "")
            step = int(re.search(r"Update (\d+)", words)[1])
            rates.append(float(re.search(r"([\d.]+) examples a second", words)[1]))
        return statistics.median(rates[len(rates) // 2 :])


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--watch", action="store_true")
    ask.add_argument("--map", action="store_true")
    ask.add_argument("--steps", type=int, default=300)
    a = ask.parse_args()
    if a.map:
        measure_map()
        return
    if not a.watch:
        measure_page()
        return
    pairs = [(alone(a.steps), watched(a.steps)) for _ in range(2)]
    for without, within in pairs:
        print(f"alone {without:.0f}, watched {within:.0f} images a second: {within / without:.2f}")


if __name__ == "__main__":
    main()
