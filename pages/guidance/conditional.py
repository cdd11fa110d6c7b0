"""guidance.conditional: …"""

from __future__ import annotations

import streamlit as st

from ui import chapter

ID = "guidance.conditional"
SETTINGS = ()


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as scene:
        if not scene.open:
            return
