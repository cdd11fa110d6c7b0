"""Threads share two arenas of the C library, and where it has none nothing happens."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from core import allocator

THREADS = """
import ctypes, sys, threading
from core.allocator import few_arenas
if sys.argv[1] == "few":
    assert few_arenas()
together = threading.Barrier(8)
def work():
    together.wait()
    kept = [bytes(2_000) for _ in range(200)]
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
ctypes.CDLL(None).malloc_stats()
"""


def arenas(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", THREADS, how], capture_output=True, text=True, check=True)
    return done.stderr.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_threads_share_two_arenas():
    assert arenas("few") <= allocator.ARENAS < arenas("as ever")


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert not allocator.few_arenas()
