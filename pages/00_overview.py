"""The whole road: ten steps and their questions, the same data by every step that generates, and where symbols come
from."""

from __future__ import annotations

import streamlit as st

from pages.overview import ladder, trace
from ui import catalogue, chapter, first_paint, road


def _pictures() -> dict[str, road.Picture]:
    """The small pictures of the steps that have one; a step whose file is missing or damaged has none."""
    found = {}
    for step in catalogue.ROAD:
        if catalogue.page_of_step(step.id) is not None and (picture := first_paint.road_picture(step.id)) is not None:
            found[step.id] = picture
    return found


page = chapter.begin("overview")
with st.container(key="experiment-overview.map"):
    road.map_of(_pictures())
ladder.draw(page)
trace.draw(page)
page.end()
