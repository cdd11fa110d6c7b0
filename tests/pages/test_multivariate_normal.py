"""The page of step 3 without a browser: what it says and computes, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import data, scene
from core.scenes import multivariate_normal as scenes
from tests.pages.apptest import array, filled, message, said, visitor
from ui import text

visit = visitor("multivariate_normal")
NAME = "multivariate_normal"
SHAPE, SLICES, FIT, SAMPLING, MATRIX, PIXELS = (
    f"{NAME}.{part}" for part in ("shape", "slices", "fit", "sampling", "matrix", "pixels")
)


def formulas(at: AppTest) -> str:
    return "\n".join(x.value for x in at.latex)


def table(source: str, x: str, y: str) -> np.ndarray:
    return data.body_measurements(source).columns(x, y).numpy()


# ---- the whole page --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_the_page_at_its_defaults(language):
    at = visit(language=language)
    keys = [c.proto.id for c in at.get("bidi_component")]
    for experiment in (SHAPE, SLICES, FIT):
        assert any(key.endswith(f"-{experiment}.plane") for key in keys)
    assert not any(key.endswith((f"{SAMPLING}.plane", f"{MATRIX}.plane")) for key in keys), "folded ones wait"
    assert not re.search(r"\{\{[a-z]|\bnan\b", said(at) + formulas(at))


def test_what_ships_for_the_first_paint_is_what_core_computes():
    for first in scenes.FIRST:
        kept = scene._kept(first.key)
        assert kept is not None, f"{first} is not kept: python -m core.first_paint scenes"
        for name, values in first.compute().items():
            np.testing.assert_allclose(kept[name], values, rtol=1e-6, atol=1e-9)


EVERYTHING_OPEN = {"sampling__count": 399, "matrix__a11": 1.1, "pixels__axis": 2}
SMALLEST = {
    "shape__std_x": 0.1, "shape__std_y": 0.1, "shape__correlation": -1, "shape__mean_x": -3, "shape__mean_y": -3,
    "slices__at": -4, "slices__correlation": -1, "slices__std_x": 0.1, "slices__std_y": 0.1, "slices__mean_x": 3,
    "fit__rows": 1, "fit__watch": "mean_x", "fit__x": "age", "fit__y": "age",
    "sampling__count": 1, "sampling__std_x": 0.1, "sampling__std_y": 0.1, "sampling__correlation": -0.99,
    "matrix__a11": 0, "matrix__a12": 0, "matrix__a21": 0, "matrix__a22": 0, "matrix__show": "elementwise",
    "pixels__label": 1, "pixels__ridge": "0", "pixels__axis": 1,
}  # fmt: skip
LARGEST = {
    "shape__std_x": 3, "shape__std_y": 3, "shape__correlation": 1, "shape__mean_x": 3, "shape__mean_y": 3,
    "slices__at": 4, "slices__correlation": 1, "slices__std_x": 3, "slices__std_y": 3, "slices__mean_y": 3,
    "fit__source": "nhefs", "fit__rows": 1629, "fit__watch": "var_y", "fit__seed": 9999,
    "sampling__count": 5000, "sampling__std_x": 3, "sampling__correlation": 1,
    "matrix__a11": 3, "matrix__a12": -3, "matrix__a21": 3, "matrix__a22": 3, "matrix__b11": 3,
    "matrix__show": "product",
    "pixels__label": "all", "pixels__ridge": "0.1", "pixels__axis": 8, "pixels__seed": 9999,
}  # fmt: skip


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize("settings", [EVERYTHING_OPEN, SMALLEST, LARGEST])
def test_the_extremes_together(language, settings):
    at = visit(language=language, **settings)
    shown = said(at) + formulas(at)
    assert not re.search(r"\{\{[a-z]|\bnan\b", shown)
    keys = [c.proto.id for c in at.get("bidi_component")]
    assert any(key.endswith(f"-{MATRIX}.plane") for key in keys)
    assert any(key.endswith(f"-{PIXELS}.samples_plane") for key in keys)


@pytest.mark.parametrize(
    "settings",
    [
        {"shape__std_x": "nan", "shape__correlation": "9e99", "shape__mean_x": "<b>"},
        {"slices__at": "inf", "slices__std_x": "-1"},
        {"fit__rows": "1000000", "fit__x": "blood", "fit__source": "everybody"},
        {"fit__source": "nhefs", "fit__x": "waist_girth"},
        {"sampling__count": "99999999", "sampling__correlation": "-7"},
        {"matrix__a11": "1e300", "matrix__show": "sideways"},
        {"pixels__label": "11", "pixels__ridge": "-1", "pixels__axis": "784"},
    ],
)
@pytest.mark.parametrize("language", text.languages())
def test_a_hostile_link_gives_a_page_and_a_sentence(settings, language):
    at = visit(language=language, **settings)
    shown = said(at)
    assert "<b>" not in shown
    assert ":material/info:" in shown or settings.get("fit__x") == "waist_girth"


# ---- the numbers -----------------------------------------------------------------------------------------------------


def test_the_shape_in_numbers():
    at = visit(shape__std_x=2, shape__std_y=1, shape__correlation=0.5)
    cov = np.array([[4.0, 1.0], [1.0, 1.0]])
    values, vectors = np.linalg.eigh(cov)
    told = filled(f"{NAME}.shape.caption", at)
    assert told["long"] == pytest.approx(math.sqrt(values[1]), rel=5e-3)
    assert told["short"] == pytest.approx(math.sqrt(values[0]), rel=5e-3)
    assert told["angle"] == pytest.approx(math.degrees(math.atan(vectors[1, 1] / vectors[0, 1])), abs=0.5)
    assert told["peak"] == pytest.approx(1 / (2 * math.pi * math.sqrt(np.linalg.det(cov))), rel=5e-3)
    shown = formulas(at)
    assert r"\begin{pmatrix} 4.00 & 1.00 \\ 1.00 & 1.00 \end{pmatrix}" in shown
    assert r"\begin{pmatrix} 0.33 & -0.33 \\ -0.33 & 1.33 \end{pmatrix}" in shown
    assert "= 3.00" in shown  # the determinant


def test_one_plane_holds_contours_and_surface_of_the_same_values():
    header, _ = message(visit(shape__std_x=2), f"{SHAPE}.plane")
    contours, surface = header["panels"]
    assert (contours["kind"], surface["kind"]) == ("plane", "surface")
    assert contours["layers"][0]["model"] == surface["layers"][0]["model"]
    assert contours["layers"][0]["show"] == "contours" and surface["layers"][0]["show"] == "surface"
    assert header["values"]["std_x"]["now"] == 2.0
    assert contours["handles"][0]["kind"] == "ellipse"
    assert "{mahalanobis" in contours["pointer"] and "{density" in contours["pointer"]


@pytest.mark.parametrize("language", text.languages())
def test_a_flat_shape_says_so(language):
    at = visit(language=language, shape__correlation=1, shape__std_x=2, shape__std_y=1)
    told = filled(f"{NAME}.shape.flat", at, language)
    assert told["long"] == pytest.approx(math.sqrt(5), rel=5e-3)
    assert text.Words(language).words(f"{SHAPE}.no_inverse") in formulas(at)


def test_round_contours_have_no_angle():
    told = filled(f"{NAME}.shape.round", visit(shape__std_x=1.2, shape__std_y=1.2, shape__correlation=0))
    assert told["long"] == 1.2
    assert told["peak"] == pytest.approx(1 / (2 * math.pi * 1.44), rel=5e-3)


@pytest.mark.parametrize("language", text.languages())
def test_the_slices_in_numbers(language):
    at = visit(
        language=language, slices__at=2, slices__correlation=-0.6, slices__std_x=2, slices__std_y=1.5,
        slices__mean_x=1, slices__mean_y=-0.5,
    )  # fmt: skip
    told = filled(f"{NAME}.slices.caption", at, language)
    assert told["marginal_mean"] == -0.5 and told["marginal_variance"] == 2.25
    assert told["mean"] == pytest.approx(-0.5 - 0.6 * 1.5 / 2 * (2 - 1), rel=5e-3)
    assert told["variance"] == pytest.approx(0.64 * 2.25, rel=5e-3)
    assert told["drop"] == 36
    cut = filled(f"{NAME}.slices.cut", at, language)
    density = math.exp(-0.5 * ((2 - 1) / 2) ** 2) / (2 * math.sqrt(2 * math.pi))
    assert cut["cut"] == pytest.approx(density, rel=5e-3) and cut["known"] == pytest.approx(density, rel=5e-3)


@pytest.mark.parametrize("language", text.languages())
def test_without_correlation_x_says_nothing_about_y(language):
    at = visit(language=language, slices__correlation=0, slices__at=2, slices__std_y=1.5)
    told = filled(f"{NAME}.slices.independent", at, language)
    assert told["at"] == 2 and told["marginal_variance"] == 2.25


def test_a_line_too_far_out_for_float64_divides_by_nothing():
    assert "= 0;" not in said(visit(slices__std_x=0.1, slices__at=4))  # exp(−800)


def test_what_is_certain_is_said_to_be():
    told = filled(
        f"{NAME}.slices.certain", visit(slices__correlation=1, slices__at=1.5, slices__std_x=1.5, slices__std_y=1)
    )
    assert told["mean"] == 1.0


def test_the_density_axis_holds_both_curves():
    header, _ = message(visit(slices__correlation=1, slices__std_y=1.2), f"{SLICES}.plane")
    assert header["panels"][1]["x"]["high"] == 0.5
    for correlation in (0, 0.7, 0.97, 0.999):
        header, _ = message(visit(slices__correlation=correlation, slices__std_y=0.5), f"{SLICES}.plane")
        top = header["panels"][1]["x"]["high"]
        peak = 1 / (0.5 * math.sqrt(2 * math.pi * (1 - correlation**2)))
        assert peak < top < 2.2 * max(peak, 0.5)


@pytest.mark.parametrize(
    ("source", "x", "y", "n"), [("bdims", "height", "weight", 40), ("nhefs", "age", "weight", 1629)]
)
def test_the_fit_in_numbers(source, x, y, n):
    at = visit(fit__source=source, fit__x=x, fit__y=y, fit__rows=n)
    sent = message(at, f"{FIT}.plane")
    points = array(sent, 0, "rows", "at").astype(float)
    everybody = {tuple(np.float32(row)) for row in table(source, x, y)}
    assert len(points) == n and all(tuple(np.float32(p)) in everybody for p in points)
    mean, cov = points.mean(0), np.cov(points.T, bias=True)
    np.testing.assert_allclose(array(sent, 0, "fit", "means")[0], mean, rtol=1e-5)
    np.testing.assert_allclose(array(sent, 0, "fit", "covs")[0], cov, rtol=1e-3)
    told = filled(f"{NAME}.fit.caption", at)
    assert told["n"] == n
    assert told["correlation"] == pytest.approx(np.corrcoef(points.T)[0, 1], rel=5e-3, abs=1e-3)
    away = points - mean
    distance = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(cov), away))
    for radius in (1, 2):
        assert told[f"within{radius}"] == pytest.approx(100 * np.mean(distance <= radius), abs=0.6)
        assert told[f"expected{radius}"] == pytest.approx(100 * (1 - math.exp(-(radius**2) / 2)), abs=0.5)
    unbiased = np.cov(points.T)
    assert f"{unbiased[0, 0]:.1f} & {unbiased[0, 1]:.1f}" in formulas(at)
    assert f"{cov[0, 0]:.1f} & {cov[0, 1]:.1f}" in formulas(at)
    assert filled(f"{NAME}.fit.numbers", at)["factor"] == pytest.approx((n - 1) / n, abs=1e-4)


def test_the_fit_settles_on_all_rows():
    at = visit(fit__rows=507, fit__watch="cov")
    sent = message(at, f"{FIT}.plane")
    x, y, less = (array(sent, 2, *which) for which in (("likeliest", "x"), ("likeliest", "y"), ("unbiased", "y")))
    everybody = np.cov(table("bdims", "height", "weight").T, bias=True)[0, 1]
    assert x[0] == 1 and x[-1] == 507
    assert y[0] == 0 and y[-1] == pytest.approx(everybody, rel=1e-5)
    assert np.isnan(less[0])
    np.testing.assert_allclose(less[1:] * (x[1:] - 1) / x[1:], y[1:], rtol=1e-5)
    points = array(sent, 0, "rows", "at").astype(float)
    k = 30
    np.testing.assert_allclose(y[k], np.cov(points[: int(x[k])].T, bias=True)[0, 1], rtol=1e-3)
    generated = array(sent, 1, "draws", "at")
    assert generated.shape == (507, 2)
    assert sent[0]["panels"][2]["handles"][0]["x"] == "rows" and sent[0]["values"]["rows"]["high"] == 507


def test_more_rows_than_any_table_has_are_told_once():
    words = said(visit(fit__rows=5000))
    assert words.count("goes from 1 to") == 1 and "goes from 1 to 507; it is now 507" in words


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize(
    ("settings", "section"),
    [
        ({"fit__rows": 1}, "fit.one"),
        ({"fit__rows": 2}, "fit.flat"),
        ({"fit__x": "height", "fit__y": "height"}, "fit.same"),
    ],
)
def test_a_fit_without_a_density_says_why(language, settings, section):
    at = visit(language=language, **settings)
    filled(f"{NAME}.{section}", at, language)
    real, _, settling = message(at, f"{FIT}.plane")[0]["panels"]
    assert [layer["name"] for layer in real["layers"]] == (["rows"] if section == "fit.one" else ["rows", "fit"])
    assert settling["y"]["name"].endswith("(cm²)" if section == "fit.same" else "(cm kg)")


# ---- presets and the question ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_every_preset_leads_somewhere(language):
    at = visit(language=language, **EVERYTHING_OPEN)
    presets = [b.key for b in at.button if ".preset." in b.key]
    assert len(presets) >= 25
    for key in presets:
        at.button(key=key).click().run()
        assert not at.exception, (key, [e.message for e in at.exception])


@pytest.mark.parametrize(("language", "picked"), [("en", "most"), ("ko", "third")])
def test_the_prediction_is_locked_and_then_answered(language, picked):
    at = visit(language=language)
    name, t = f"{NAME}.prediction", text.Words(language)
    at.radio(key=f"{name}.pick").set_value(picked).run()
    at.button(key=f"{name}.lock").click().run()
    assert not at.exception
    verdict = "prediction.right" if picked == "third" else "prediction.wrong"
    assert t.label(verdict, answer=t.words(f"{name}.option.third")) in said(at)
    told = filled(f"{NAME}.prediction.answer", at, language)
    assert told["exact"] == pytest.approx(39.3) and told["line"] == pytest.approx(68.3)
    assert told["counted"] == pytest.approx(39.3, abs=0.7) and told["n"] == 100_000
