"""What is sent to the sketchpad and what is made of what comes back, or out of a link."""

import math

import pytest

from ui import component
from ui.sketchpad import LABELS, clean, encode

WORDS = {name: name for name in LABELS}


def test_strokes_are_rounded_and_kept_within_the_square():
    assert clean([[(0.12345, 2.0), [-1, 1]]]) == (((0.123, 1.0), (0.0, 1.0)),)


@pytest.mark.parametrize(
    "junk",
    [None, 5, "abc", {}, [], [[]], [5], [["ab"]], [[(1,)]], [[(1, 2, 3)]], [[(math.nan, 0)]], [[(math.inf, 0)]]]
    + [[[(True, 0)]], [[("0", "1")]]],
)
def test_what_is_no_stroke_is_left_out(junk):
    assert clean(junk) == ()


def test_their_number_is_capped():
    long = [[(k / 1000, 0.5) for k in range(1000)]] * 3
    assert sum(map(len, clean(long, max_points=1500))) == 1500
    assert len(clean([[(0.5, 0.5)]] * 100, max_strokes=7)) == 7


def test_the_message_holds_the_drawing_and_the_words():
    header, parts = component.decode(encode(key="k", labels=WORDS, strokes=[[(0.1, 0.2)]]))
    assert header["strokes"] == [[[0.1, 0.2]]] and header["labels"] == WORDS and parts == {}


def test_done_may_be_left_out_but_no_other_label():
    encode(key="k", labels={name: name for name in LABELS if name != "done"})
    with pytest.raises(ValueError, match="lacks the labels undo"):
        encode(key="k", labels={name: name for name in LABELS if name != "undo"})
