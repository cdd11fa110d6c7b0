"""What is sent to the player and what is read back from it."""

import numpy as np
import pytest

from ui import component
from ui.player import (
    LABELS,
    MAX_FRAMES,
    PlayerState,
    Track,
    choose_frames,
    encode,
    frames_that_fit,
    quantise,
    read_state,
)

WORDS = {name: name for name in LABELS} | {"level": "t = {t} · call {call} of {calls}"}


def images(frames=3, items=2, **kind):
    values = np.random.default_rng(0).uniform(-1, 1, (frames, items, 5, 4)).astype(np.float32)
    return Track("x", "x", "images", values, **kind)


def points(frames=3, items=7, **kind):
    values = np.random.default_rng(1).standard_normal((frames, items, 2)).astype(np.float32)
    return Track("p", "p", "points", values, **kind)


def sent(tracks, levels, **more):
    return component.decode(encode(tracks, levels, key="k", labels=WORDS, **more))


LEVELS = [(1000, 0), (500, 1), (0, 2)]


def test_images_arrive_within_half_a_step():
    track = images()
    header, parts = sent([track], LEVELS)
    values = parts["values0"].reshape(3, 2, 5, 4) / 255 * 2 - 1
    np.testing.assert_allclose(values, track.values, atol=1 / 255 + 1e-6)
    described = header["tracks"][0]
    assert (described["items"], described["rows"], described["columns"]) == (2, 5, 4)
    assert (described["showLow"], described["showHigh"]) == (-1, 1)


def test_points_arrive_whole_even_outside_the_picture():
    track = points(low=-0.5, high=0.5)
    header, parts = sent([track], LEVELS)
    low, high = header["tracks"][0]["low"], header["tracks"][0]["high"]
    assert low <= track.values.min() and high >= track.values.max()
    assert (header["tracks"][0]["showLow"], header["tracks"][0]["showHigh"]) == (-0.5, 0.5)
    values = (parts["values0"].astype(float) + 32768) / 65535 * (high - low) + low
    np.testing.assert_allclose(values.reshape(3, 7, 2), track.values, atol=(high - low) / 65535)


def test_what_lies_outside_the_range_is_cut_off():
    values = np.array([-9.0, -1.0, 0.0, 1.0, 9.0, np.inf, np.nan], np.float32)
    assert quantise(values, -1, 1, np.uint8).tolist() == [0, 0, 128, 255, 255, 255, 0]
    assert quantise(values[:5], -1, 1, np.int16).tolist() == [-32768, -32768, 0, 32767, 32767]


def test_frames_without_a_state_are_named():
    track = images()
    values = track.values.copy()
    values[0] = np.nan
    header, _ = sent([Track("x", "x", "images", values)], LEVELS)
    assert header["tracks"][0]["blank"] == [0]


def test_every_track_is_sent_aligned():
    backdrop = np.array([[0.25, 0.5]])
    message = encode([images(items=3), points(backdrop=backdrop)], LEVELS, key="k", labels=WORDS)
    header, parts = component.decode(message)
    assert [t["kind"] for t in header["tracks"]] == ["images", "points"]
    assert len(parts["values0"]) == 3 * 3 * 20 and len(parts["values1"]) == 3 * 7 * 2
    assert parts["backdrop1"].tolist() == [0.25, 0.5]
    assert len(message) % 8 == 0


def test_the_first_frame_can_be_asked_for_by_its_level():
    assert sent([images()], LEVELS)[0]["start"] == 2
    header, _ = sent([images()], LEVELS, start_level=400)
    assert (header["start"], header["asked"]) == (1, [-1, 400])


def test_levels_are_put_into_the_words_of_the_language():
    header, _ = sent([images()], LEVELS)
    assert header["levels"][1] == {"level": 500, "text": "t = 500", "more": "call 1 of 2"}
    header, _ = sent([images()], ["start", "E · 1", "M"])
    assert header["levels"][1] == {"level": None, "text": "E", "more": "1"}


@pytest.mark.parametrize(
    ("tracks", "levels", "words", "sentence"),
    [
        ([], LEVELS, WORDS, "1 to 4 tracks"),
        ([images()] * 5, LEVELS, WORDS, "1 to 4 tracks"),
        ([images()], [], WORDS, "at least one frame"),
        ([images()], LEVELS[:2], WORDS, r"shape \(3, 2, 5, 4\); the player needs \(2, N, H, W\)"),
        ([points()], LEVELS[:2], WORDS, r"needs \(2, N, 2\)"),
        ([images(items=65)], LEVELS, WORDS, "1 to 64"),
        ([images(low=1, high=1)], LEVELS, WORDS, "low < high"),
        ([images(note=["one"])], LEVELS, WORDS, "1 notes for 3 frames"),
        ([images()], LEVELS, {"play": "play"}, "lacks the labels player, keys"),
    ],
)
def test_what_does_not_fit_together_is_said_plainly(tracks, levels, words, sentence):
    with pytest.raises(ValueError, match=sentence):
        encode(tracks, levels, key="k", labels=words)


def test_a_message_over_the_limit_is_refused():
    track = Track("x", "x", "images", np.zeros((60, 64, 28, 28), np.float32))
    with pytest.raises(ValueError, match="send fewer frames"):
        encode([track], [(t, 0) for t in range(60)], key="k", labels=WORDS)


@pytest.mark.parametrize(("items", "tracks"), [(1, 1), (16, 3), (64, 3), (64, 4)])
def test_the_frames_that_fit_do_fit(items, tracks):
    fit = frames_that_fit(items, tracks=tracks)
    assert 2 <= fit <= MAX_FRAMES
    several = [Track(f"x{i}", "x", "images", np.zeros((fit, items, 28, 28), np.float32)) for i in range(tracks)]
    message = encode(several, [(t, t) for t in range(fit)], key="k", labels=WORDS)
    assert len(message) < component.MAX_BYTES
    assert frames_that_fit(2000, kind="points", tracks=2) == MAX_FRAMES


@pytest.mark.parametrize(("total", "fit"), [(1, 2), (5, 9), (11, 11), (1001, 53), (1001, 2), (101, 100)])
def test_chosen_frames_are_even_and_keep_both_ends(total, fit):
    chosen = choose_frames(total, fit)
    assert chosen[0] == 0 and chosen[-1] == total - 1
    assert len(chosen) == min(total, fit) == len(set(chosen))
    steps = np.diff(chosen)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_choosing_from_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        choose_frames(0, 5)
    with pytest.raises(ValueError, match="at least 2"):
        choose_frames(5, 1)


SHAPE = (16, 28, 28)


ASKED = {"scene": "", "asked": [-1, None], "selected": {"item": None, "pixel": None}}


def reported(**state):
    return {"frame": 1, "level": 500, "end": False, "playing": False, "item": None, "pixel": None} | ASKED | state


def test_the_state_at_first_is_the_one_that_is_shown():
    assert read_state(None, LEVELS, SHAPE) == PlayerState(2)
    assert read_state(None, LEVELS, SHAPE, start=0, selected=(1, 2, 3)) == PlayerState(0, False, 1, (2, 3))
    assert read_state(None, LEVELS, SHAPE, start=99, selected=4) == PlayerState(2, False, 4)
    assert read_state(None, LEVELS, SHAPE, start=-99) == PlayerState(0)
    assert read_state(None, LEVELS, SHAPE, start_level=400) == PlayerState(1)


def test_the_place_is_kept_when_the_data_change():
    longer = [(1000, 0), (750, 1), (500, 2), (250, 3), (0, 4)]
    assert read_state(reported(), LEVELS, SHAPE).frame == 1
    assert read_state(reported(), longer, SHAPE).frame == 2
    assert read_state(reported(end=True, level=0, frame=2), longer, SHAPE).frame == 4
    assert read_state(reported(level=625), longer, SHAPE).frame == 1  # the earlier of two that are as near
    assert read_state(reported(frame=9, level=None), ["start", "E", "M"], SHAPE).frame == 2
    assert read_state(reported(frame=9), ["start", "E", "M"], SHAPE).frame == 2


def test_the_choice_is_read_back():
    assert read_state(reported(item=3, pixel=[4, 5], playing=True), LEVELS, SHAPE) == PlayerState(1, True, 3, (4, 5))


def test_a_choice_that_is_not_there_any_more_is_none():
    assert read_state(reported(item=16, pixel=[4, 5]), LEVELS, SHAPE) == PlayerState(1)
    assert read_state(reported(item=3, pixel=[28, 5]), LEVELS, SHAPE) == PlayerState(1, item=3)
    assert read_state(reported(item=3, pixel=[4, 5]), LEVELS, (2000, 2)) == PlayerState(1, item=3)


def test_a_new_scene_start_or_choice_counts_more_than_what_was_reported():
    state = reported(item=3, pixel=[4, 5])
    assert read_state(state, LEVELS, SHAPE, scene="b") == PlayerState(2)
    assert read_state(state, LEVELS, SHAPE, start=0) == PlayerState(0, item=3, pixel=(4, 5))
    assert read_state(state, LEVELS, SHAPE, start_level=900) == PlayerState(0, item=3, pixel=(4, 5))
    assert read_state(state, LEVELS, SHAPE, selected=1) == PlayerState(1, item=1)
