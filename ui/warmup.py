"""The heavy imports, made in the background while the first visitor reads the first page.

`begin()` is called once by the server, `painted()` by the shell at the end of each first paint, `end()` at shutdown.
Importing torch takes seconds and holds the interpreter, so it waits for the first paint, or for `PATIENCE` seconds.
"""

from __future__ import annotations

import gc
import importlib
import sys
import threading

from core.allocator import few_arenas

PATIENCE = 20.0  # seconds to wait for a first visitor
MODULES = ("torch", "core.device", "core.jobs")
# Objects that Python makes before it looks for garbage among the young. A page's script makes thousands that know each
# other and need them all until it ends: looked for after every 700, as Python does by default, they grow old first, and
# only a look at everything finds them, tenths of a second in which nobody gets an answer.
YOUNG = 20_000

_painted = threading.Event()
_started = threading.Event()


def begin() -> None:
    """Give the runs a process of their own, and start the thread that imports `MODULES` after the first paint."""
    if not _started.is_set():
        _started.set()
        gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
        few_arenas()
        importlib.import_module("core.jobs").work_apart()
        threading.Thread(target=_import_all, name="warm-up", daemon=True).start()


def painted() -> None:
    """Say that somebody has something to read, so that the imports may begin."""
    _painted.set()


def end() -> None:
    """Stop the runs, if there were any; each keeps what it had learnt."""
    _painted.set()
    jobs = sys.modules.get("core.jobs")
    if jobs is not None:
        jobs.runner().close()


def _import_all() -> None:
    _painted.wait(PATIENCE)
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:  # the page that needs it will say so, where somebody can read it
            return
    sys.modules["core.jobs"].runner().begin()  # its process imports them, too
    sys.modules["core.device"].settle_threads()  # for pages too, or each would take all cores for a millisecond's work
    gc.collect()
    gc.freeze()  # all that was imported stays as long as the server, and need not be looked through again
