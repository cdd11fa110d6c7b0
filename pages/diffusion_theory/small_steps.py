"""diffusion_theory.small_steps: …"""

from __future__ import annotations

import streamlit as st

from ui import chapter

ID = "diffusion_theory.small_steps"
SETTINGS = ()


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as scene:
        if not scene.open:
            return
