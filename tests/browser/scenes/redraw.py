"""A page with a fragment and a poll inside it that ends, for the browser's tests: how often was each drawn?"""

import streamlit as st

from ui import redraw

drawn = st.session_state.setdefault("drawn", {"page": 0, "fragment": 0, "poll": 0})


@st.fragment
def fragment() -> None:
    drawn["fragment"] += 1
    if drawn["fragment"] == 1:
        poll(redraw.place())
    with st.container(key="words"):
        st.markdown(f"page {drawn['page']}, fragment {drawn['fragment']}")
    st.button("Again", key="again")


@st.fragment(run_every=0.2)
def poll(inside: str | None) -> None:
    drawn["poll"] += 1
    st.caption(f"poll {drawn['poll']}")
    if drawn["poll"] == 3:
        redraw.again(inside)


drawn["page"] += 1
fragment()
st.button("Tell", key="tell", on_click=lambda: st.toast(f"polls {drawn['poll']}"))
