"""What a finger waits for on the derivation of step 10: the point dragged, all arrows, numbers and images with it, in a
real Chromium without a server. Measured as benchmarks/plane.py does, beside the same bare canvas.

python -m benchmarks.derivation
"""

import json

import numpy as np
from playwright.sync_api import sync_playwright
from streamlit.logger import set_log_level

from benchmarks.plane import BARE, FLAGS, drag
from core import scene
from core.scenes.guidance_bayes import LEVELS, PARTS, Levels, Noised
from pages.guidance import bayes_lines
from ui import component
from ui.derivation import LABELS, Digits, encode

BORROWED = ("maths", "plane/axes", "plane/contours", "plane/draw", "plane/formulas")
VALUES = {"t": 600, "gamma": 3.0, "y": 2, "x1": 0.7, "x2": 1.0, "parts": PARTS, "digit": 4, "label": 9}


def message(line: str) -> bytes:
    """The message of the component, as the page sends it, with one line chosen."""
    a, alpha_bar = scene.shown(Noised()), scene.shown(Levels())["alpha_bar"]
    return encode(
        key="bench", values=VALUES | {"line": line}, count=3, levels=LEVELS, alpha_bar=alpha_bar,
        lines=bayes_lines.lines(), names=bayes_lines.NAMES, labels={name: name for name in LABELS},
        bounds={"gamma": (-2, 50, 0.1), "gamma_slider": (-1, 10, 0.1)},
        digits=Digits(a["clean"], a["x"], a["none"], a["given"]),
    )  # fmt: skip


def page_of(message: bytes) -> str:
    """A page that shows the derivation, made of the component's own files and those that it borrows."""
    folder = component.HERE / "derivation"
    own = folder / "derivation.js"
    borrowed = [component.HERE / f"{name}.js" for name in BORROWED]
    files = [component.HERE / "shared.js", *borrowed, *sorted(p for p in folder.glob("*.js") if p != own), own]
    script = "\n".join(p.read_text("utf-8") for p in files).replace("export default function", "const show = function")
    style = "\n".join(p.read_text("utf-8") for p in (component.HERE / "shared.css", folder / "derivation.css"))
    table = f"const COLOURS = {json.dumps(component._colours())};"
    data = f"{{ data: new Uint8Array({list(message)}), parentElement: document.body, setStateValue() {{}} }}"
    body = (
        f'<body style="--st-background-color: #FAFAF8"><style>{style}</style>{(folder / "derivation.html").read_text()}'
    )
    return f'{body}<script type="module">{table}{script}show({data});'


def main() -> None:
    set_log_level("error")  # no session: the words are English
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        print(f"{'ms: median, 95th percentile':32}{'input to picture':>20}{'script':>16}")
        pages = {"a bare canvas": BARE} | {f"line {name!r}": page_of(message(name)) for name in ("guided", "noise")}
        for name, content in pages.items():
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            cells = [f"{v:8.1f}" for times in drag(page, content) for v in np.percentile(times, [50, 95])]
            print(f"{name:32}    {''.join(cells)}")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
