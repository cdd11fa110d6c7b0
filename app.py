"""The server: `streamlit run app.py`.

The pages live in `ui/shell.py`'s navigation. This file only starts and ends the process: the heavy libraries are
imported in the background once the first page is on somebody's screen, and runs in progress are kept on the way out.
"""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from ui import saving, warmup  # noqa: E402  (the project's root has to be importable first)


@asynccontextmanager
async def lifespan(_app):
    """Warm up in the background; on shutdown stop the runs, which keeps what they had learnt."""
    warmup.begin()
    yield
    warmup.end()


app = st.App(str(ROOT / "ui" / "shell.py"), lifespan=lifespan, routes=saving.routes())
