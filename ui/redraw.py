"""Draw one fragment anew from a fragment inside it, instead of the whole page.

    inside = redraw.place()             # in an experiment, which is a fragment: its name
    @st.fragment(run_every=1)
    def poll(inside): ...; redraw.again(inside)

Streamlit's own `st.rerun` knows the page and the fragment that asks; for a poll that ends, what stands around it is
wanted, a tenth of the page's work. Another fragment may be asked for only from a widget's callback, which a poll has
not, so that the request is made here as `st.rerun` makes it (streamlit/commands/execution_control.py of the version
that requirements.txt pins).
"""

from __future__ import annotations

from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState


def place() -> str | None:
    """The fragment that is being drawn now; None outside of all."""
    return ThreadState.get().fragment_id


def again(fragment: str | None) -> NoReturn:
    """End what is being drawn, and draw that fragment; the page where there is none."""
    context = get_script_run_ctx()
    if fragment is None or context is None or context.script_requests is None:
        st.rerun()
    context.script_requests.request_rerun(
        RerunData(
            query_string=context.query_string,
            page_script_hash=context.page_script_hash,
            fragment_id_queue=[fragment],
            is_fragment_scoped_rerun=True,
            cached_message_hashes=context.cached_message_hashes,
            context_info=context.context_info,
        )
    )
    st.empty()  # where Streamlit looks whether something was asked for
    raise AssertionError("Streamlit went on after a request to draw anew")
