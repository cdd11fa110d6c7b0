"""The small pictures of the road: what ships is what core/ draws today, and it shows what it says."""

from __future__ import annotations

import numpy as np
import pytest

from core import first_paint, normal, road, shapes
from core.store import ModelNotFound


def kept(step: str) -> dict[str, np.ndarray]:
    with np.load(first_paint.FOLDER / f"{step}.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.mark.parametrize("step", road.sketches())
def test_what_ships_is_drawn_today(step):
    fresh, found = road.sketches()[step](), kept(step)
    assert {f"road_{name}" for name in fresh} == set(found)
    frames = {len(values) for values in fresh.values()}
    assert len(frames) == 1 and min(frames) >= 15
    for name, values in fresh.items():
        np.testing.assert_allclose(values, found[f"road_{name}"], atol=1e-4, err_msg=name)
        end = values[-1][np.isfinite(values[-1])]
        assert values.dtype == np.float32 and ((end > -0.3) & (end < 1.3)).all()


def test_the_areas_of_step_1_are_densities():
    sketch = road.means_gather()
    x, y = (sketch["areas_data"][-1, 0, :, k].astype(float) for k in (0, 1))
    x, y = 7 * x - 3.5, 0.5 * y
    assert np.trapezoid(y, x) == pytest.approx(1, abs=1e-3)
    theory = sketch["lines_exact"][-1, 0].astype(float)
    assert 0.5 * theory[:, 1].max() == pytest.approx(float(normal.prob(0, 0, 1)), rel=2e-3)


def test_the_curve_of_step_2_ends_where_the_data_are_likeliest():
    end = road.curve_climbs()["areas_model"][-1, 0].astype(float)
    assert 8 * end[end[:, 1].argmax(), 0] - 4 == pytest.approx(0, abs=0.06)  # the data are standardised


def test_everyone_is_there_at_the_end_and_few_at_first():
    for step, name, total in ((road.ellipse_settles, "points_data", 200), (road.draws_gather, None, 240)):
        sketch = step()
        names = [name] if name else [n for n in sketch if n.startswith("points")]
        there = sum(np.isfinite(sketch[n][:, :, 0]).sum(axis=1) for n in names)
        assert there[0] <= 3 and there[-1] == total and (np.diff(there) >= 0).all()


def test_each_point_of_step_5_has_one_colour_in_every_frame():
    sketch = road.half_steps()
    there = sum(np.isfinite(sketch[f"points_{name}"][:, :, 0]).sum(axis=1) for name in ("model", "score", "noise"))
    assert (there == 272).all() and len(there) == 19


def test_the_noise_of_step_8_returns_to_the_blobs():
    walk = road.noise_returns()["points_score"].astype(float) * [7.8, 4.8] - [3.9, 2.4]  # (F, N, 2), out of the box
    weights, means, covs = (value.numpy() for value in shapes.blobs_mixture())
    away = walk[:, :, None] - means  # (F, N, K, 2)
    distance = np.sqrt(np.einsum("fnki,kij,fnkj->fnk", away, np.linalg.inv(covs), away))
    home = distance.argmin(axis=2)
    assert (distance.min(axis=2)[-1] < 3.5).all() and (distance.min(axis=2)[0] < 3.5).mean() < 0.8
    np.testing.assert_allclose(np.bincount(home[-1]) / walk.shape[1], weights, atol=0.1)
    assert walk[0].std() == pytest.approx(1, abs=0.1)


def test_the_noise_of_step_10_is_led_into_one_blob_and_by_itself_into_all():
    sketch = road.noise_is_led()
    weights, means, covs = (value.numpy() for value in shapes.blobs_mixture())
    homes = {}
    for name in ("points_noise", "points_condition"):
        end = sketch[name][-1].astype(float) * [7.8, 4.8] - [3.9, 2.4]  # (N, 2), out of the box
        away = end[:, None] - means
        homes[name] = np.einsum("nki,kij,nkj->nk", away, np.linalg.inv(covs), away).argmin(axis=1)
    np.testing.assert_array_equal(sketch["points_noise"][0], sketch["points_condition"][0])
    np.testing.assert_allclose(np.bincount(homes["points_noise"]) / 180, weights, atol=0.1)
    assert (homes["points_condition"] == road.LED_TO).all()


def test_the_plane_of_step_7_spreads_out_from_one_image():
    try:
        frames = road.decoded_plane()
    except ModelNotFound:
        pytest.fail("the VAE with the map does not ship")
    assert frames.shape == (17, 24, 28, 28) and (frames[0] == frames[0, :1]).all()
    assert len(np.unique(frames[-1].reshape(24, -1), axis=0)) == 24
    assert abs(frames.astype(int) - kept("vae")["road_frames"]).max() <= 2
