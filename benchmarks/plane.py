"""What a finger waits for on a plane, in a real Chromium without a server: a Gaussian dragged over 1,000 points, a
component of a mixture dragged over points in its colours, and a surface turned; and, to compare with, a bare canvas on
which a square follows the pointer.

python -m benchmarks.plane

Input to picture runs from the event's own time until the browser begins the frame after the one that shows it: an upper
bound, since it begins none before the last is on its way to the screen. Up to two frames of 60 Hz, 33 ms, of it are
waiting; what the plane's own script takes for a picture stands beside it.
"""

import json
import math

import numpy as np
from playwright.sync_api import Page, sync_playwright
from streamlit.logger import set_log_level

from ui import component, links
from ui.links import Setting
from ui.plane import Axis, Cloud, Components, Density, Ellipse, Gaussian, Mixture, Panel, encode

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MOVES = 240
AXES = {"x": Axis("x₁", -4, 4), "y": Axis("x₂", -4, 4)}
NUMBERS = {
    "mean_x": (0.0, -3.0, 3.0), "mean_y": (0.0, -3.0, 3.0), "std_x": (1.0, 0.2, 3.0), "std_y": (1.0, 0.2, 3.0),
    "correlation": (0.5, -0.95, 0.95),
}  # fmt: skip
ROWS = ((0.4, -1.5, -1.0, 0.7, 0.6, 0.3), (0.3, 1.2, 1.0, 0.6, 0.9, -0.4), (0.3, 1.0, -1.5, 0.5, 0.5, 0.0))
COLUMNS = ((0.01, 1.0), (-4.0, 4.0), (-4.0, 4.0), (0.1, 3.0), (0.1, 3.0), (-0.95, 0.95))

BARE = """<body><canvas width="780" height="372"></canvas><script type="module">
  const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
  addEventListener("pointermove", (event) => requestAnimationFrame(() => {
    pen.clearRect(0, 0, 780, 372);
    pen.fillRect(event.clientX, event.clientY, 9, 9);
  }));
"""
WATCH = """
  const seen = { waits: [], paints: [] };
  let open = null;
  addEventListener("pointermove", (event) => {
    if (event.buttons !== 1) return;
    if (open) return void open.push(event.timeStamp);
    const batch = (open = [event.timeStamp]);
    requestAnimationFrame(() => {
      open = null;
      requestAnimationFrame(() => {
        for (const began of batch) seen.waits.push(performance.now() - began);
        seen.paints.push(Number(document.querySelector(".root")?.dataset.paint ?? 0));
      });
    });
  }, true);
  Object.assign(window, { seen });
"""


def scenes() -> dict[str, bytes]:
    """The message of each plane by its name."""
    rng = np.random.default_rng(0)
    points = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 1000)
    shares = rng.dirichlet([1, 1, 1], 1000)
    numbers = {
        name: links.real(f"bench.plane.{name}", d, low=a, high=b, step=0.01) for name, (d, a, b) in NUMBERS.items()
    }
    rows = {"rows": links.rows("bench.plane.rows", ROWS, COLUMNS)}
    gaussian, names = Gaussian(*NUMBERS), dict(zip(NUMBERS, NUMBERS, strict=True))

    def message(values: dict[str, Setting], **panel) -> bytes:
        return encode([Panel(name="panel", **AXES, **panel)], key="bench", values=values, height=372)

    return {
        "a Gaussian over 1,000 points": message(
            numbers,
            layers=[Cloud(name="points", at=points), Density(name="model", model=gaussian, show="contours")],
            handles=[Ellipse(name="model", label="model", **names)],
            equal=True,
        ),
        "a mixture over 1,000 points": message(
            rows,
            layers=[
                Cloud(name="points", at=points, shares=shares),
                Density(name="mixture", model=Mixture("rows"), show="contours"),
            ],
            handles=[Components(name="parts", label="parts", rows="rows")],
            equal=True,
        ),
        "a surface of 40 by 40": message(
            numbers, layers=[Density(name="model", model=gaussian, show="surface")], kind="surface"
        ),
    }


def page_of(message: bytes) -> str:
    """A page that shows the plane, made of the component's own files."""
    folder = component.HERE / "plane"
    own = folder / "plane.js"
    files = [component.HERE / "shared.js", *sorted(p for p in folder.glob("*.js") if p != own), own]
    script = "\n".join(p.read_text("utf-8") for p in files).replace("export default function", "const plane = function")
    style = "\n".join(p.read_text("utf-8") for p in (component.HERE / "shared.css", folder / "plane.css"))
    table = f"const COLOURS = {json.dumps(component._colours())};"
    data = f"{{ data: new Uint8Array({list(message)}), parentElement: document.body, setStateValue() {{}} }}"
    body = f'<body style="--st-background-color: #FAFAF8"><style>{style}</style>{(folder / "plane.html").read_text()}'
    return f'{body}<script type="module">{table}{script}plane({data});'


def drag(page: Page, content: str) -> tuple[list[float], list[float]]:
    """Milliseconds from input to picture and of painting. Raises RuntimeError if the drag changed nothing."""
    page.set_content(f"{content}{WATCH}</script>")
    page.wait_for_function("window.seen")
    held = page.locator(".knobs .handle").first
    box = (held if held.count() else page.locator("canvas").first).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = page.screenshot()
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(MOVES):
        page.mouse.move(x + 90 * math.sin(i / 15), y + 60 * math.sin(i / 11))
    page.mouse.up()
    page.wait_for_timeout(100)
    if page.screenshot() == before:
        raise RuntimeError("the drag changed nothing")
    waits, paints = page.evaluate("[seen.waits, seen.paints]")
    return waits[10:], paints[10:]


def main() -> None:
    set_log_level("error")  # no session: the settings stand at their defaults
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        print(f"{'ms: median, 95th percentile':32}{'input to picture':>20}{'script':>16}")
        pages = {"a bare canvas": BARE} | {name: page_of(message) for name, message in scenes().items()}
        for name, content in pages.items():
            page = browser.new_page(viewport={"width": 820, "height": 560})
            cells = [f"{v:8.1f}" for times in drag(page, content) for v in np.percentile(times, [50, 95])]
            print(f"{name:32}    {''.join(cells)}")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
