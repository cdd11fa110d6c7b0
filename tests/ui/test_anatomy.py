"""The message of the anatomy: what arrives, and what is refused with a sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ui import component
from ui.anatomy import LABELS, Edge, Heat, Looks, Stage, encode

MAPS = np.arange(2 * 3 * 3, dtype=np.float64).reshape(2, 3, 3)
MOMENTS = np.array([[8.5, 5.2], [4.0, 2.6], [13.0, 2.6]])
A = Stage("a", "A", (0, 1), MAPS, "1×2×3×3", "first", 10, MOMENTS, np.array([1, 0]), reach=17.0, timed=True)
B = replace(A, name="b", label="B", at=(1, 2), weights=None, kind="grey")
HEAT = Heat("time", np.array([[-2.0, 0.0], [1.0, 0.5]]), np.array([1, 9]), 4, 9)
LOOKS = Looks("a", np.full((2, 4, 4), 0.25), "b")
NAMES = dict.fromkeys(LABELS, "…")


def test_what_is_sent_is_what_is_drawn():
    header, parts = component.decode(
        encode([A, B], [Edge("a", "b", "on")], HEAT, LOOKS, key="k", labels=NAMES, asked={"stage": "b"}, scene="1-0")
    )
    assert [stage["name"] for stage in header["stages"]] == ["a", "b"] and header["edges"] == [["a", "b", "on", "path"]]
    assert header["stages"][0]["size"] == [2, 3, 3] and header["stages"][0]["order"] == [1, 0]
    assert header["asked"] == {"stage": "b"} and header["heat"]["size"] == [2, 2]
    np.testing.assert_array_equal(parts["maps0"], MAPS.ravel().astype(np.float32))
    np.testing.assert_array_equal(parts["heat"], [0, 128, 255, 191])  # −1 … 1 as bytes; what lies outside is cut off
    assert parts["looks"].size == 32 and parts["levels"].tolist() == [1, 9]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"labels": {}}, "lacks the labels"),
        ({"stages": [A, A]}, "a name of its own"),
        ({"edges": [Edge("a", "c")]}, "every edge two of them"),
        ({"stages": [replace(A, moments=MOMENTS[:2]), B]}, "moments and an order"),
        ({"stages": [replace(A, reach=0.0), B]}, "reach > 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, sentence):
    given = {"stages": [A, B], "edges": [], "labels": NAMES, **change}
    with pytest.raises(ValueError, match=sentence):
        encode(given["stages"], given["edges"], HEAT, LOOKS, key="k", labels=given["labels"])
