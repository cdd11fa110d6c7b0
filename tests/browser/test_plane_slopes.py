"""Arrows of a mixture's score in a real browser: the formula against core/diffusion/exact.py, and what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser

from core.diffusion import mixtures
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.schedule import NoiseSchedule
from tests.browser import plane_scripts

SCHEDULE = NoiseSchedule.cosine(1000)
ROWS = ((0.2, -1.5, 0.3, 0.4, 1.2, 0.5), (0.5, 2.0, -1.0, 0.15, 0.9, -0.9), (1.3, 0.0, 1.0, 1.5, 0.1, 0.0))


@pytest.fixture(scope="module")
def page(chromium: Browser):
    with plane_scripts.loaded(chromium) as page:
        yield page


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]], ids=["three", "one"])
def test_score_and_density_at_a_noise_level_are_those_of_core(page, rows):
    denoiser = MixtureDenoiser(mixtures.from_rows(rows), SCHEDULE)
    rng, levels = np.random.default_rng(2), [1, 30, 400, 1000]
    places = np.vstack([rng.normal(0, 2, (80, 2)), rng.normal(0, 40, (20, 2))])
    ours = page.evaluate(
        """([rows, left, places]) => left.map((_, frame) => {
          const model = { kind: "noised", of: { kind: "mixture", rows: "parts" }, alpha_bar: left };
          const env = { values: { parts: rows }, frame }, slope = slope2(model, env), log = logDensity2(model, env);
          return places.map(([x, y]) => [...slope(x, y), log(x, y)]);
        })""",
        [rows, SCHEDULE.alpha_bar[levels].tolist(), places.tolist()],
    )
    at = torch.tensor(places)
    for found, t in zip(np.array(ours), levels, strict=True):
        theirs = denoiser.score(at, torch.full((len(at),), t)).numpy()
        np.testing.assert_allclose(found[:, :2], theirs, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(found[:, 2], denoiser.marginal(t).log_prob(at), rtol=1e-9)


def test_a_mixture_without_noise_and_one_without_components(page):
    ask = """rows => {
      const env = { values: {}, frame: 0 };
      return slope2({ kind: "mixture", rows }, env)(0.4, -0.2);
    }"""
    weight, mx, my, sx, sy, rho = ROWS[0]
    cov = np.array([[sx**2, rho * sx * sy], [rho * sx * sy, sy**2]])
    expected = -np.linalg.solve(cov, np.array([0.4 - mx, -0.2 - my]))
    np.testing.assert_allclose(page.evaluate(ask, [ROWS[0]]), expected, rtol=1e-12)
    assert page.evaluate(ask, []) == [0, 0]


def test_an_arrow_is_as_long_as_it_says(page):
    """r / (1 + r) of the longest, in the direction of the slope, whatever the axes' units are."""
    drawn = page.evaluate(
        """() => {
          const lines = [], note = (x, y) => { lines.push([x, y]); }, nothing = () => {};
          const pen = { beginPath: nothing, moveTo: note, lineTo: note, stroke: nothing, setLineDash: nothing };
          const scale = (unit) => ({ unit, of: (p) => p / unit, at: (v) => v * unit });
          const box = { x: -56, y: -56, w: 112, h: 112 };
          const chart = { box, sx: scale(40), sy: scale(-20), x: (v) => 40 * v, y: (v) => -20 * v };
          const model = { kind: "mixture", rows: [[1, 0, 0, 1, 1, 0]] };
          const layer = { kind: "slopes", model, place: [0.6, 0.8], unit: 3, longest: 20 };
          const sheet = { pen, chart, mark: "#000", frame: () => null, env: { values: {}, frame: 0 }, strength: 1 };
          LAYERS.slopes({ ...sheet, layer });
          const one = lines.splice(0).slice(0, 2);
          LAYERS.slopes({ ...sheet, layer: { ...layer, place: null } });
          return [one, lines.filter((_, i) => i % 5 === 0)];
        }"""
    )
    (start, end), grid = drawn
    step = np.subtract(end, start)
    assert start == pytest.approx([24, -16])
    assert np.hypot(*step) == pytest.approx(20 * 3 / 4)  # |slope| = 1, r = 3
    np.testing.assert_allclose(step / np.hypot(*step), np.array([-24, 16]) / np.hypot(24, 16))
    across = sorted({round(x) for x, _ in grid})
    assert len(across) == 4 and set(np.diff(across)) == {28}


def test_numbers_beside_a_picture_of_equal_units_are_not_cut_off(page):
    """Where equal units widen the range of y, its ticks may be longer: −2.5 for 2 was "2.5" on a projector."""
    off = page.evaluate(
        """() => {
          const pen = document.createElement("canvas").getContext("2d"), scale = 1.5, worst = [];
          const theme = { scale, type: (size) => `${size * scale}px sans-serif` };
          const axis = { name: "x", shown: true, low: -3.6, high: 3.6, log: false };
          for (let width = 220; width < 420; width += 5) for (const height of [280, 330, 400]) {
            const chart = new Chart({ x: axis, y: axis, equal: true }, width, height, theme, pen);
            worst.push(Math.max(...chart.ticks.y.map((tick) => pen.measureText(tick.text).width)) + 4 - chart.box.x);
          }
          return Math.max(...worst);
        }"""
    )
    assert off <= 0
