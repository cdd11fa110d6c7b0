"""What is sent to the derivation, and what is made of what comes back."""

from __future__ import annotations

import numpy as np
import pytest

from ui import component, links, text
from ui.derivation import LABELS, MARKS, Cell, Digits, Line, call, encode, row, sub, taken

VALUES = {
    "t": 50, "gamma": 2.0, "y": 1, "x1": 0.0, "x2": 1.0, "parts": ((1, 0, 0, 1, 1, 0),), "line": "one", "digit": 4,
    "label": 9,
}  # fmt: skip
SETTINGS = {
    "t": links.whole("a.b.t", 50, low=50, high=100, step=50),
    "gamma": links.real("a.b.gamma", 2.0, low=-2.0, high=50.0, step=0.1),
    "line": links.choice("a.b.line", "one", ("one", "two")),
    "parts": links.rows(
        "a.b.parts", ((1, 0, 0, 1, 1, 0),), ((0.02, 1),) + ((-3, 3),) * 2 + ((0.1, 2),) * 2 + ((-1, 1),)
    ),
}


def described(**changed) -> dict:
    lines = [Line("one", [Cell(call("s", "x"), "s", "score", "s"), Cell("=")], "because", ["s"])]
    return {
        "key": "k", "values": VALUES, "count": 1, "levels": (50, 100), "alpha_bar": (0.9, 0.5), "lines": lines,
        "labels": {name: name for name in LABELS}, "names": {"s": call("s", "x")}, "bounds": {"gamma": (-2, 50, 0.1)},
    } | changed  # fmt: skip


def test_the_message_holds_the_lines_and_the_images():
    images = np.arange(2 * 9, dtype=np.float32).reshape(2, 3, 3)
    header, parts = component.decode(encode(**described(digits=Digits(images[0], images, -images, images + 1))))
    cell = header["lines"][0]["cells"][0]
    assert cell == {"maths": ["mrow", "s", "(", "x", ")"], "lights": "s", "role": "score", "value": "s"}
    assert (
        header["side"] == 3 and header["values"]["parts"] == [[1, 0, 0, 1, 1, 0]] and not header["lines"][0]["turned"]
    )
    np.testing.assert_array_equal(parts["given"].reshape(2, 3, 3), images + 1)
    header, parts = component.decode(encode(**described()))
    assert header["side"] == 0 and not parts


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": {}}, {"values": {}}, {"levels": (50,)}, {"count": 0}, {"count": 2},
        {"lines": [Line("one", [Cell("x", "nothing")], "", [])]},
        {"digits": Digits(np.zeros((3, 3)), np.zeros((1, 3, 3)), np.zeros((2, 3, 3)), np.zeros((2, 3, 3)))},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError):
        encode(**described(**wrong))


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ({"t": 100, "gamma": 99.0, "line": "two"}, (100, 50.0, "two")),
        ({"t": "x", "gamma": float("nan"), "line": "three", "parts": 5}, ()),
        ({"gamma": None, "line": ["one"], "parts": [[1, 2]]}, ()),
        (None, ()), ("junk", ()), ([1, 2], ()),
    ],
)  # fmt: skip
def test_what_the_browser_says_is_brought_within_its_bounds(said, values):
    assert tuple(taken(said, SETTINGS).values()) == values


def test_formulas_are_plain_lists():
    assert row(sub("p", "t"), "(", "x", ")") == ["mrow", ["msub", "p", "t"], "(", "x", ")"]


@pytest.mark.parametrize("language", text.languages())
def test_every_label_exists_and_every_line_lights_only_what_there_is(language):
    t = text.Words(language)
    assert all(t.template(f"guidance.bayes.part.{name}") for name in LABELS)
    from pages.guidance import bayes_lines

    lines = bayes_lines.lines()
    assert [line.name for line in lines] == ["bayes", "gradient", "only", "difference", "guided", "noise"]
    drawn = {mark for line in lines for mark in line.marks}
    lit = {cell.lights for line in lines for cell in line.cells if cell.lights}
    assert lit <= set(MARKS) and drawn <= lit
