"""What every page promises of its derivations: both sides of every line agree, no line is left out, each has a reason.

A file of tests takes this as a class, once for its page:

    class TestDerivations(EveryLine):
        page, scene, sides = "em", Scene, {"decomposition": decomposition, …}
        seeds, rtol, atol = 5, 1e-9, 1e-9

`scene(seed)` holds random numbers for everything that a formula may name; each of `sides` is a generator of (line, left
side, right side) from it. A line may be looked at from several sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

import numpy as np
import pytest
import torch

from ui import text

Sides = Iterator[tuple[str, object, object]]


class EveryLine:
    """`elsewhere`: derivations of the page that are looked at in another way. `strict`: shapes have to agree too."""

    page: ClassVar[str]
    scene: ClassVar[Callable[[int], object]]
    sides: ClassVar[Mapping[str, Callable[[object], Sides]]]
    seeds: ClassVar[int] = 3
    rtol: ClassVar[float] = 1e-9
    atol: ClassVar[float] = 1e-9
    strict: ClassVar[bool] = True
    ordered: ClassVar[bool] = True
    elsewhere: ClassVar[Iterable[str]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        for argument, values in (("name", self.sides), ("seed", range(self.seeds)), ("language", text.languages())):
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, values)

    def test_every_line_holds_and_none_is_left_out(self, name: str, seed: int) -> None:
        seen = []
        for line, left, right in self.sides[name](type(self).scene(seed)):
            left, right = numeric(left), numeric(right)
            assert left.shape == right.shape or not self.strict, f"{name}.{line}: {left.shape} and {right.shape}"
            np.testing.assert_allclose(left, right, rtol=self.rtol, atol=self.atol, err_msg=f"{name}.{line}")
            seen.append(line)
        shown = [line.id for line in text.formulas(self.page)[name]]
        if self.ordered:
            assert list(dict.fromkeys(seen)) == shown
        assert set(seen) == set(shown)

    def test_no_derivation_is_left_out(self) -> None:
        assert set(text.formulas(self.page)) == set(self.sides) | set(self.elsewhere)

    def test_every_line_has_its_reason(self, language: str) -> None:
        t = text.Words(language)
        formulas = text.formulas(self.page)
        for name in self.sides:
            assert t.template(f"{self.page}.{name}.title")
            for line in formulas[name]:
                assert t.template(f"{self.page}.{name}.{line.id}")
                assert "\\role" not in text.coloured(line.tex)


def numeric(side: object) -> np.ndarray:
    """A side of a line as float64, or complex128: numbers, truths, arrays and tensors alike."""
    value = side.detach().numpy() if isinstance(side, torch.Tensor) else np.asarray(side)
    return value.astype(np.complex128 if np.iscomplexobj(value) else np.float64)
