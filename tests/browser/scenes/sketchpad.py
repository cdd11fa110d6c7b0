"""A page with one sketchpad, for the browser's tests."""

import streamlit as st

from ui.sketchpad import LABELS, sketchpad

ask = st.query_params
labels = {name: name.upper() for name in LABELS} | {"full": "FULL {strokes} {points}"}
if "drawn" not in st.session_state:
    st.session_state.drawn = [[(0.1, 0.1), (0.9, 0.1)]] if "given" in ask else []
    st.session_state.dones = 0

sketch = sketchpad(
    key="scene.sketchpad",
    labels=labels,
    strokes=st.session_state.drawn,
    max_strokes=int(ask.get("strokes", 64)),
)
st.session_state.drawn = sketch.strokes if "echo" in ask else st.session_state.drawn
st.session_state.dones += sketch.done
st.markdown(f"strokes {len(sketch.strokes)}, dones {st.session_state.dones}")
st.code(repr(sketch.strokes))
st.button("again", key="again")
