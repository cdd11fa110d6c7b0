"""A page with one player, for the browser's tests; what it shows is set by the query."""

import numpy as np
import streamlit as st

from ui.player import LABELS, Track, player

ask = st.query_params
kind, frames, items = ask.get("kind", "images"), int(ask.get("frames", 11)), int(ask.get("items", 4))
tracks = int(ask.get("tracks", 2))
labels = {name: name.upper() for name in LABELS} | {"level": "t = {t} · call {call} of {calls}", "hint": "HINT"}
labels["between"] = "BETWEEN"

st.set_page_config(layout="wide")
if st.button("more", key="ask_more"):
    st.session_state.more = True
if st.button("scene", key="ask_scene"):
    st.session_state.scene = "another"
st.button("again", key="again")
if st.session_state.get("more"):
    frames = 2 * frames - 1

draw = np.random.default_rng(5)
part = np.linspace(0, 1, frames)[:, None, None]
if kind == "points":
    start, end = draw.standard_normal((items, 2)), draw.standard_normal((items, 2)) / 4
    values = (1 - part) * start + part * end
    shown = [Track(f"p{i}", f"Points {i}", "points", values, low=-3, high=3) for i in range(tracks)]
else:
    noise = draw.standard_normal((items, 28, 28))
    clean = np.full((items, 28, 28), -1.0)
    clean[:, 8:20, 12:16] = 1.0
    values = (1 - part[..., None]) * noise + part[..., None] * clean
    blank = np.repeat(noise[None], frames, 0)
    blank[0] = np.nan
    shown = [
        Track("x", "Picture", "images", values, low=-3, high=3, show_low=-1, show_high=1),
        Track("noise", "Noise", "images", blank, low=-3, high=3, palette="signed", role="noise"),
        Track("x0", "Clean", "images", values, role="data", note=[f"note {i}" for i in range(frames)]),
    ][:tracks]
levels = [(round(1000 * (1 - f / (frames - 1))), f) for f in range(frames)]
place = st.expander("fold") if "fold" in ask else st.container()
if not st.checkbox("away", key="away"):
    with place:
        state = player(
            shown,
            levels,
            key="scene.player",
            labels=labels,
            start=int(ask.get("start", -1)),
            scene=st.session_state.get("scene", ""),
        )
    st.markdown(f"frame {state.frame}, t {levels[state.frame][0]}, item {state.item}, pixel {state.pixel}")
