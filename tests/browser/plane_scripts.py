"""The plane's own scripts in a browser page without a server: all but plane.js, which exports the component."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from ui import component


@contextmanager
def loaded(chromium: Browser, width: int = 760, height: int = 560) -> Iterator[Page]:
    """An empty page with the scripts of the plane; fails at its end if one of them threw something."""
    context = chromium.new_context(viewport={"width": width, "height": height})
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.add_script_tag(content=scripts())
    yield page
    context.close()
    assert not wrong, "\n".join(wrong)


def scripts() -> str:
    """As `ui.component.declare` joins them, up to plane.js."""
    folder = component.HERE / "plane"
    files = [component.HERE / "shared.js", *sorted(p for p in folder.glob("*.js") if p.name != "plane.js")]
    table = f"const COLOURS = {json.dumps(component._colours())};"
    return "\n".join([table, *(p.read_text("utf-8") for p in files)])
