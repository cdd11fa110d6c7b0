"""What a person saves: the picture as it stands, the states as a movement, the numbers that are core's own."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Download, Locator, Page, expect

from core import data, scene, vae_library
from core.scenes.em import HalfSteps
from core.scenes.vae import MapScene
from tests.browser.helpers import SLOW, body, painted, part, plane
from ui import colours, text

ROOT = Path(__file__).resolve().parents[2]
HALF, DENOISE, BAYES, MAP, LADDER = (
    "em.half_steps", "diffusion_model.denoise", "guidance.bayes", "vae.latent_map", "overview.ladder",
)  # fmt: skip
NAMED = re.compile(r"[a-z_.]+-[0-9a-f]{8}\.(png|gif|csv)")


@pytest.fixture
def base(fresh_app) -> str:
    return fresh_app


def button(page: Page, experiment: str) -> Locator:
    return part(page, f"{experiment}.link").locator(".save")


def item(page: Page, experiment: str, kind: str) -> Locator:
    return part(page, f"{experiment}.link").locator(f".menu [data-kind={kind}]")


def offered(page: Page, experiment: str) -> list[str]:
    """Opens the menu; what it offers."""
    button(page, experiment).click()
    items = part(page, f"{experiment}.link").locator(".menu button")
    items.first.wait_for()
    return [one.get_attribute("data-kind") for one in items.all()]


def saved(page: Page, experiment: str, kind: str) -> bytes:
    """Saves it by the menu; the file."""
    assert kind in offered(page, experiment)
    with page.expect_download(timeout=2 * SLOW) as waiting:
        item(page, experiment, kind).click()
    found: Download = waiting.value
    assert NAMED.fullmatch(found.suggested_filename) and found.suggested_filename.startswith(f"{experiment}-")
    return Path(found.path()).read_bytes()


def picture(page: Page, experiment: str) -> np.ndarray:
    """The saved picture (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(saved(page, experiment, "picture"))).convert("RGB")).astype(int)


def table(page: Page, experiment: str) -> list[dict[str, str]]:
    """The saved table, read as a spreadsheet reads it."""
    raw = saved(page, experiment, "data")
    assert raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\r\n")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert all(len(row) == len(rows[0]) for row in rows)
    assert all(re.fullmatch("[a-z_0-9]+", name) for name in rows[0])
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def numbers(rows: list[dict[str, str]], layer: str, *columns: str, **where: object) -> np.ndarray:
    """Columns of the rows of a layer, as floats."""
    chosen = [r for r in rows if r["layer"] == layer and all(r[k] == str(v) for k, v in where.items())]
    return np.array([[float(r[name]) for name in columns] for r in chosen])


def near(pixels: np.ndarray, colour: str, within: int = 40) -> int:
    """How many pixels have about this colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(pixels - wanted).max(axis=-1) <= within).sum())


def busy(pixels: np.ndarray) -> bool:
    """Whether something is written or drawn there."""
    return np.ptp(pixels.reshape(-1, 3), axis=0).max() > 90


def test_em_is_saved_as_picture_movement_and_table(base, visit):
    page = visit(f"{base}/em?lang=ko")
    painted(plane(page, HALF))
    root, truth = plane(page, HALF), scene.shown(HalfSteps())
    frames, frame = len(truth["phase"]), int(root.get_attribute("data-frame"))
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")

    # the picture: sharp, titled, marked where the page is marked, and the page is as it was before
    canvas = root.locator("[data-panel] canvas").first
    before, stage = canvas.evaluate("c => c.toDataURL()"), root.locator(".stage").bounding_box()
    pixels = picture(page, HALF)
    assert canvas.evaluate("c => c.toDataURL()") == before
    assert pixels.shape[1] >= 2 * stage["width"] and pixels.shape[0] >= 2 * stage["height"]
    scale, top = 2, np.flatnonzero((pixels[:, 60] == 255).all(axis=-1))[0]  # the white of the first stage
    assert busy(pixels[20 : top - 10, 30:500]), "no title"
    assert busy(pixels[-60:-20, 40:900]), "no link at the foot"
    sheet = canvas.bounding_box()
    left = round(scale * (sheet["x"] - stage["x"])) + 40
    first = pixels[top : top + scale * int(stage["height"]), left : left + scale * int(sheet["width"])]
    assert near(first, colours.mark("model", "light")) > 200 and near(first, colours.mark("score", "light")) > 200
    level = root.locator(".level").first.bounding_box()
    y, x = (round(scale * (level[a] - stage[a])) for a in "yx")
    assert busy(pixels[top + y : top + y + 2 * int(level["height"]), 40 + x : 40 + x + 2 * int(level["width"])])

    # the movement: each state once, none in between, the last held
    gif = Image.open(io.BytesIO(saved(page, HALF, "movement")))
    assert gif.n_frames == frames and gif.size[0] <= 800 and gif.info["loop"] == 0
    shots, lasting = [], []
    for k in range(gif.n_frames):
        gif.seek(k)
        shots.append(np.asarray(gif.convert("RGB")).astype(int))
        lasting.append(gif.info["duration"])
    assert all((a != b).any() for a, b in zip(shots, shots[1:], strict=False)) and lasting[-1] == 2000
    assert 5 < sum(lasting[:-1]) / 1000 < 7
    assert (shots[0][:40] == shots[-1][:40]).all(), "what stands still moved"
    assert root.get_attribute("data-frame") == str(frame)

    # the numbers: those of core
    rows = table(page, HALF)
    np.testing.assert_allclose(numbers(rows, "points", "x", "y", frame=0), data.old_faithful().values, rtol=1e-6)
    for k in (0, frame, frames - 1):
        found = numbers(rows, "components", "mean_x", "mean_y", "var_x", "cov_xy", "var_y", frame=k)
        cov = truth["covs"][k]
        np.testing.assert_allclose(found[:, :2], truth["means"][k], rtol=1e-6)
        np.testing.assert_allclose(found[:, 2:], np.stack([cov[:, 0, 0], cov[:, 0, 1], cov[:, 1, 1]], 1), rtol=1e-5)
    shares = numbers(rows, "points", "share_0", "share_1", frame=frame)
    np.testing.assert_allclose(shares, truth["shares"][frame], atol=1e-6)
    written = "async (all) => { const { cellOf } = await import('/saving/table.js'); return all.map(cellOf); }"
    cells = page.evaluate(written, ["=1+1", "+a", "-a", "@a", 'say "a, b"', "가", -1.5, None])
    script = page.request.get(f"{base}/saving/table.js")
    kept = page.request.get(script.url, headers={"If-None-Match": script.headers["etag"]})
    assert script.headers["content-type"].startswith("text/javascript") and kept.status == 304
    assert cells == ["'=1+1", "'+a", "'-a", "'@a", '"say ""a, b"""', "가", "-1.5", ""]


def test_the_menu_by_keys_and_a_movement_that_is_cancelled(base, visit):
    page = visit(f"{base}/diffusion_model?lang=en", theme="dark")
    root, words = plane(page, DENOISE, "player"), text.Words("en")
    painted(root)
    menu = part(page, f"{DENOISE}.link").locator(".menu")
    button(page, DENOISE).focus()
    page.keyboard.press("Enter")
    expect(item(page, DENOISE, "picture")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(item(page, DENOISE, "movement")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(item(page, DENOISE, "data")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button(page, DENOISE)).to_be_focused()
    assert offered(page, DENOISE) == ["picture", "movement", "data"]
    item(page, DENOISE, "movement").click()
    expect(part(page, f"{DENOISE}.link").locator(".going")).not_to_have_text(re.compile(r"\b0%"))
    assert page.evaluate("globalThis.tenStepsSharpness ?? null") is None, "what else is painted meanwhile is blurred"
    part(page, f"{DENOISE}.link").locator(".cancel").click()
    expect(button(page, DENOISE)).to_be_enabled()
    expect(part(page, f"{DENOISE}.link").get_by_text(words.label("scene.saved"))).to_have_count(0)

    pixels = picture(page, DENOISE)  # after it was cancelled everything works on
    assert near(pixels[180:300], colours.text("data", "dark")) > 50, "the title of a track"
    rows = table(page, DENOISE)
    frames = [r for r in rows if r["layer"] == "frames"]
    assert len(frames) == int(root.get_attribute("data-frames")) and frames[0]["t"] == "1000" and frames[-1]["t"] == "0"
    last = numbers(rows, "images", *(f"pixel_{c}" for c in range(28)), panel="x", frame=len(frames) - 1)
    assert last.shape == (16 * 28, 28) and -3 <= last.min() < -0.9 and 0.9 < last.max() <= 3
    assert any(r["picture"] == "table_1" for r in rows), "the arithmetic of the step"


@pytest.mark.parametrize("kind", ["points", "images"])
def test_a_player_s_numbers_are_those_that_it_was_given(serve, visit, kind):
    page = visit(f"{serve(Path(__file__).parent / 'scenes' / 'player.py')}/?kind={kind}&items=5&frames=4&tracks=1")
    root = page.locator(".root")
    painted(root)
    sections = root.evaluate("r => [...tenStepsPictures.get(r).table()].map((s) => ({ ...s, rows: [...s.rows] }))")
    rows = [dict(zip(s["columns"], row, strict=True)) for s in sections for row in s["rows"]]
    wanted = list(given(kind))
    found = [r for r in rows if r["layer"] in ("particles", "images")]
    assert [r["t"] for r in found][:: len(found) // 4] == [1000, 667, 333, 0]
    names = ("x", "y") if kind == "points" else [f"pixel_{c}" for c in range(28)]
    got = np.array([[r[name] for name in names] for r in found]).reshape(np.shape(wanted))
    assert np.abs(got - wanted).max() <= 0.51 * found[0]["in_steps_of"]


def given(kind: str) -> Iterator[np.ndarray]:
    """The four frames of scenes/player.py, cut off where the wire ends."""
    draw = np.random.default_rng(5)
    if kind == "points":
        start, end = draw.standard_normal((5, 2)), draw.standard_normal((5, 2)) / 4
    else:
        start, end = draw.standard_normal((5, 28, 28)), np.full((5, 28, 28), -1.0)
        end[:, 8:20, 12:16] = 1.0
    for part_of in np.linspace(0, 1, 4):
        yield np.clip((1 - part_of) * start + part_of * end, -3, 3)


def test_a_derivation_is_saved_with_its_formulas(base, visit):
    page = visit(f"{base}/guidance?lang=ko")
    root = plane(page, BAYES, "derivation")
    painted(root)
    assert "movement" not in offered(page, BAYES)
    page.keyboard.press("Escape")
    pixels, stage = picture(page, BAYES), root.locator(".stage").bounding_box()
    top = np.flatnonzero((pixels[:, 60] == 255).all(axis=-1))[0]
    for maths in root.locator(".line .term math").all()[:6]:
        box = maths.bounding_box()
        y, x = top + 2 * round(box["y"] - stage["y"]), 40 + 2 * round(box["x"] - stage["x"])
        assert busy(pixels[y : y + 2 * int(box["height"]), x : x + 2 * int(box["width"])]), maths.text_content()
    for role in ("score", "condition"):
        assert near(pixels, colours.text(role, "light"), 12) > 100
    told = root.evaluate("r => JSON.parse(r.dataset.quantities)")
    rows = table(page, BAYES)
    for name in ("s", "sy", "guided"):
        np.testing.assert_allclose(numbers(rows, "quantity", "x", "y", name=name), [told[name]], rtol=1e-12)
    assert len(numbers(rows, "component", "weight")) == 3


def test_a_latent_map_and_a_sketch_are_saved_together(base, visit):
    page = visit(f"{base}/vae?lang=en")
    root = plane(page, MAP, "map")
    expect(root).to_have_attribute("data-points", "400", timeout=SLOW)
    pixels = picture(page, MAP)
    box = root.bounding_box()
    assert pixels.shape[1] >= 2 * box["width"] and near(pixels, colours.mark("latent", "light")) > 500
    rows, truth = table(page, MAP), scene.shown(MapScene(vae_library.key_named("map")))
    np.testing.assert_allclose(numbers(rows, "codes", "x", "y"), truth["at"], rtol=1e-5)
    assert {r["picture"] for r in rows if r["layer"] == "strokes"} and len(numbers(rows, "decoded", "pixel_0")) == 28


def test_what_the_page_itself_draws_is_saved_too(base, visit, at_rest):
    page = visit(f"{base}/?lang=en")
    pixels = picture(page, LADDER)
    for role in ("data", "score", "latent", "model"):
        assert near(pixels, colours.mark(role, "light")) > 500, f"no samples in the colour of {role}"
    rows = table(page, LADDER)
    assert {r["layer"][:2] for r in rows} >= {"3 ", "9 "} and all(float(r["distance"]) > 0 for r in rows)
    body(page, "overview.trace").locator("summary").first.click()
    at_rest(page)
    button(page, "overview.trace").wait_for(timeout=SLOW)
    assert offered(page, "overview.trace") == ["picture"]
    page.keyboard.press("Escape")
    assert busy(picture(page, "overview.trace")[120:])


def test_a_chart_s_numbers_are_those_of_its_curve(base, visit: Callable[..., Page], at_rest):
    page = visit(f"{base}/diffusion_model?lang=en")
    chart = body(page, "diffusion_model.train").locator("[data-testid=stVegaLiteChart] svg")
    chart.wait_for(timeout=SLOW)
    pixels = picture(page, "diffusion_model.train")
    assert near(pixels, colours.mark("model", "light")) > 300
    rows = [r for r in table(page, "diffusion_model.train") if r["x"] and r["y"]]
    steps = np.array([[float(r["x"]), float(r["y"])] for r in rows])
    assert len(steps) > 50 and (np.diff(steps[:, 0]) > 0).all() and 0 < steps[-1, 1] < steps[0, 1]
