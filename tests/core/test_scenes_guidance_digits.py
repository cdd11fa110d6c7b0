"""The scenes of guidance.scale, edit and conditional: their order, one noise for what is compared, and their edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core import scene
from core.diffusion import makers
from core.scene_run import Working
from core.scenes import guidance_edit
from core.scenes.guidance_edit import LEVELS, THREE, Empty, Fill, Redraw, Turning, drawn, known_part
from core.scenes.guidance_scale import FIXED, Asked, Sweep, columns
from tests.core.test_guidance_quality import FIRST, small  # noqa: F401

DOT = (((0.5, 0.5),),)
pytestmark = pytest.mark.usefixtures("on_the_cpu")  # where the toy is


def test_columns_hold_every_digit_as_often_as_there_is_room():
    assert columns(tuple(range(10))) == tuple(range(10))
    assert columns((8,)) == (8,) * 10
    assert columns((3, 7, 1)) == (3, 3, 3, 3, 7, 7, 7, 1, 1, 1)
    for wrong in ((), (10,), (-1,)):
        with pytest.raises(ValueError, match="from 0 to 9"):
            columns(wrong)


def test_a_sweep_has_a_row_a_scale_and_a_noise_a_column():
    a = Sweep("toy", (2, 5), (1.0, 3.0, 1.0)).compute()
    assert a["labels"].tolist() == [2] * 5 + [5] * 5 and a["images"].shape == (3, 10, 28, 28)
    np.testing.assert_array_equal(a["images"][0], a["images"][2])
    assert not np.array_equal(a["images"][0, 0], a["images"][0, 1])  # another column, another noise
    np.testing.assert_array_equal(a["named"][0], a["labels"])
    maker = makers.load("toy")
    noise = torch.randn(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    alone = maker.images(noise[:5], torch.full((5,), 2), 3.0, 10)[:, 0]
    np.testing.assert_allclose(a["images"][1, :5], alone, atol=1e-6)


@pytest.mark.parametrize("scale", [-20.0, 0.0, 50.0])
def test_any_scale_gives_pictures(scale):
    a = Sweep("toy", (0, 9), (*FIXED, scale)).compute()
    assert np.isfinite(a["images"]).all() and np.abs(a["images"]).max() <= 1 and np.isfinite(a["sure"]).all()


def test_digits_are_made_in_the_order_that_they_are_asked_for():
    a = Asked("toy", (2, 0, 2, 6), 1.0, rows=3).compute()
    assert a["named"].tolist() == [[2, 0, 2, 6]] * 3 and a["images"].shape == (3, 4, 28, 28)
    more = Asked("toy", (2, 0, 2, 6, 1), 1.0, rows=3).compute()
    np.testing.assert_allclose(more["images"][:, :4], a["images"], atol=1e-6)  # one digit more keeps the others
    for wrong in ((), (1,) * 13, (11,)):
        with pytest.raises(ValueError, match="Between 1 and 12"):
            Asked("toy", wrong).compute()


def test_a_redrawing_tells_of_the_drawing_of_its_level_and_of_its_ends():
    a = Redraw("toy", level=750, label=4, scale=1.0).compute()
    assert a["t"][0] == 750 and a["t"][-1] == 0 and len(a["x"]) == len(a["t"]) == len(a["x0"]) + 1
    assert a["named"].tolist() == [4] * 6 and a["drawn"] == a["drawn_chances"].argmax()
    np.testing.assert_allclose(a["drawing"], drawn(THREE)[0, 0])
    bar = float(makers.load("toy").schedule.alpha_bar[750])
    apart = ((a["x"][-1] - a["drawing"]) ** 2).sum(axis=(1, 2)) * bar / (2 * (1 - bar))
    np.testing.assert_allclose(a["apart"], apart, rtol=1e-4)
    # x̂_0 is the prediction at the frame that it stands beside: x_t = √ᾱ x̂_0 + √(1−ᾱ) ε̂, and DDIM's step from there
    bars = makers.load("toy").schedule.alpha_bar.numpy()[a["t"]]
    noise = (a["x"][0] - np.sqrt(bars[0]) * a["x0"][0]) / np.sqrt(1 - bars[0])
    np.testing.assert_allclose(a["x"][1], np.sqrt(bars[1]) * a["x0"][0] + np.sqrt(1 - bars[1]) * noise, atol=1e-4)


def test_without_noise_nothing_changes_and_nothing_fails():
    a = Redraw("toy", level=0).compute()
    assert a["t"].tolist() == [0] and len(a["x0"]) == 0 and (a["apart"] == 0).all()
    np.testing.assert_array_equal(a["x"][0], np.broadcast_to(a["drawing"], (6, 28, 28)))


@pytest.mark.parametrize("wanted", [Redraw("toy", ()), Turning("toy", ((),)), Fill("toy", ())])
def test_an_empty_drawing_is_named_as_such(wanted):
    with pytest.raises(Empty):
        wanted.compute()


def test_a_dot_is_a_drawing():
    assert np.isfinite(Redraw("toy", DOT, level=500, label=1, scale=50.0).compute()["x"]).all()


def test_a_turning_counts_what_became_of_the_drawing(monkeypatch):
    monkeypatch.setattr(guidance_edit, "LEVELS", (100, 1000))
    a = Turning("toy", label=7, scale=1.0).compute()
    assert a["levels"].tolist() == [100, 1000] and a["asked"].tolist() == [1, 1] and a["pictures"].shape == (2, 28, 28)
    assert a["moved"][0] > 0 and int(a["drawn"]) != 7
    free = Turning("toy", label=-1).compute()
    assert np.isnan(free["asked"]).all() and len(LEVELS) == 10


@pytest.mark.parametrize(("half", "rows", "columns"), [
    ("left", slice(None), slice(0, 14)), ("right", slice(None), slice(14, 28)),
    ("top", slice(0, 14), slice(None)), ("bottom", slice(14, 28), slice(None)),
])  # fmt: skip
def test_half_of_the_picture_is_missing(half, rows, columns):
    known = known_part(half)
    assert known.sum() == 392 and not known[rows, columns].any()
    a = Fill("toy", half=half, label=6, scale=1.0, looks=2, sampler_steps=5).compute()
    ends = a["x"][-1]
    np.testing.assert_array_equal(ends[:, known], np.broadcast_to(a["drawing"][known], (6, 392)))
    np.testing.assert_allclose(ends[:, ~known], FIRST[6], atol=0.1)
    assert a["mask"].sum() == 392 and a["calls"][-1] == 9


def test_a_painted_hole_is_where_it_was_painted():
    known = known_part("painted", (((0.25, 0.5), (0.75, 0.5)),))
    assert not known[14, 8:21].any() and known[:11].all() and known[17:].all() and 50 < (~known).sum() < 110
    assert known_part("painted").all()
    everything = (tuple((x, y) for y in np.linspace(0, 1, 15) for x in (0.0, 1.0)),)
    a = Fill("toy", half="painted", hole=everything, label=2, sampler_steps=4).compute()
    assert a["mask"].sum() == 0 and np.isfinite(a["x"]).all()
    with pytest.raises(ValueError, match="left, right"):
        known_part("middle")


def test_a_scene_is_a_run_whose_last_state_holds_its_arrays():
    wanted = Sweep("toy", (1,), (1.0, 2.0))
    states = list(wanted.start(None))
    assert all(isinstance(state, Working) for state in states) and states[-1].progress == 1
    assert all(a.progress <= b.progress for a, b in zip(states, states[1:], strict=False))
    assert all(state.arrays is None for state in states[:-1]) and wanted.short and wanted.title == "Sweep"
    assert scene.at_hand(wanted) is None
    kept = scene.remember(wanted, states[-1].arrays)
    assert scene.at_hand(wanted) is kept and not kept["images"].flags.writeable
