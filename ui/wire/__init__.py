"""Components without a picture: the shell's wiring, the presenter's keys, and the address of one experiment."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent

shell = st.components.v2.component(
    "ten_steps.wire", js=(HERE / "wire.js").read_text("utf-8"), html="<span></span>", isolate_styles=True
)
presenter = st.components.v2.component(
    "ten_steps.presenter",
    html=(HERE / "presenter.html").read_text("utf-8"),
    css=(HERE / "presenter.css").read_text("utf-8"),
    js="\n".join((HERE / name).read_text("utf-8") for name in ("notes.js", "presenter.js")),
)
scene = st.components.v2.component(
    "ten_steps.scene",
    html=(HERE / "scene.html").read_text("utf-8"),
    css=(HERE / "scene.css").read_text("utf-8"),
    js=(HERE / "scene.js").read_text("utf-8"),
)
