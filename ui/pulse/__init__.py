"""Two components without a picture that keep a room's pages up to date: one hears the server, many hear that one.

`pulse` stands in the shell and is sent what is new in the room every few seconds. It tells every `ear` of the page,
in the browser. An ear writes how many have answered, and where what it stands in must be drawn anew, its trigger makes
the server draw just that.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
SHARED = (HERE / "news.js").read_text("utf-8")

pulse = st.components.v2.component(
    "ten_steps.pulse", html="<span></span>", js=SHARED + (HERE / "pulse.js").read_text("utf-8")
)
ear = st.components.v2.component(
    "ten_steps.ear",
    html='<span class="said" aria-live="polite"></span>',
    css=(HERE / "ear.css").read_text("utf-8"),
    js=SHARED + (HERE / "ear.js").read_text("utf-8"),
)
