"""How the C library keeps freed memory for its threads.

A server of Streamlit's runs every script in a new thread. glibc gives a thread one of up to eight arenas a core, and
what is freed in one is not used by another: with thirty people a fifth of the server's memory lies free where nobody
can have it, and more by the minute. Two arenas lose nothing where one interpreter runs a thread at a time.
"""

from __future__ import annotations

import ctypes
import sys

M_ARENA_MAX = -8  # glibc's malloc.h
ARENAS = 2


def few_arenas() -> bool:
    """Keep threads that begin from now on to `ARENAS` arenas; False where the C library has no such setting."""
    if sys.platform != "linux":
        return False
    try:
        return ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS) == 1
    except AttributeError:  # musl
        return False
