"""Save what is on screen: the scripts that do it, in the browser alone, and the address at which they wait.

`scene.js` of ui/wire asks for `browser/save.js` when somebody opens the menu; no picture and no number goes to the
server. What is vendored (ui/vendor) is asked for only when a movement is saved.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).resolve().parent
SCRIPT = "saving/save.js"  # under the app's root
WORDS = ("save", "picture", "movement", "data", "recording", "cancel", "saved", "save_failed", "nothing")
"""Labels of the menu, `scene.<word>`; the browser fills {percent} into `recording`."""


class _Scripts(StaticFiles):
    """Files that a browser may keep but asks after each time, so that an update is never half of the old one."""

    def file_response(self, full_path, *args, **options) -> Response:
        response = super().file_response(full_path, *args, **options)
        response.headers["Cache-Control"] = "no-cache"
        if str(full_path).endswith(".js"):  # what this machine calls a script may be something that no browser runs
            response.headers["Content-Type"] = "text/javascript; charset=utf-8"
        return response


def routes() -> list[Mount]:
    """Where the scripts are served."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    base = f"/{base}" if base else ""
    return [
        Mount(f"{base}/saving", _Scripts(directory=HERE / "browser")),
        Mount(f"{base}/vendor", _Scripts(directory=HERE.parent / "vendor")),
    ]
