"""For every test of core/: how to do today's work where what ships was made, on a CPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from core import device


@pytest.fixture
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within it there is no GPU, and no model from before that lies on one: a GPU rounds otherwise."""
    if device.pick().type == "cpu":
        yield
        return
    monkeypatch.setattr(device, "_available", lambda: ("cpu",))
    _forget_models()
    yield
    _forget_models()


def _forget_models() -> None:
    """Empty what core/ remembers; images are read again."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith("core."):
            for thing in tuple(vars(module).values()):
                if callable(clear := getattr(thing, "cache_clear", None)):
                    clear()
