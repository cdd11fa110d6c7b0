"""The folded experiments of step 3 without a browser: sampling step by step, what a matrix does, 784 pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core import data
from core.scenes import multivariate_normal as scenes
from tests.pages.apptest import array, filled, message, said, visitor
from ui import text

visit = visitor("multivariate_normal")
NAME = "multivariate_normal"
SAMPLING, MATRIX, PIXELS = (f"{NAME}.{part}" for part in ("sampling", "matrix", "pixels"))


def test_the_steps_of_sampling_are_true_states():
    at = visit(
        sampling__std_x=2, sampling__std_y=1, sampling__correlation=-0.5, sampling__mean_x=1, sampling__mean_y=2,
        sampling__count=3000,
    )  # fmt: skip
    sent = message(at, f"{SAMPLING}.plane")
    steps = array(sent, 0, "x", "at").astype(float)
    z = array(sent, 1, "z", "at").astype(float)
    factor = np.linalg.cholesky(np.array([[4.0, -1.0], [-1.0, 1.0]]))
    np.testing.assert_allclose(steps[0], z)
    np.testing.assert_allclose(steps[1], z * np.diag(factor), atol=1e-5)
    np.testing.assert_allclose(steps[2], z @ factor.T, atol=1e-5)
    np.testing.assert_allclose(steps[3], [1, 2] + z @ factor.T, atol=1e-5)
    assert len(sent[0]["frames"]) == 4 and sent[0]["glide"] is True
    told = filled(f"{NAME}.sampling.caption", at)
    cov = np.cov(steps[3].T, bias=True)
    for name, value in (("x", steps[3][:, 0].mean()), ("y", steps[3][:, 1].mean()), ("var_x", cov[0, 0]),
                        ("var_y", cov[1, 1]), ("cov", cov[0, 1])):  # fmt: skip
        assert told[name] == pytest.approx(value, rel=6e-3)


@pytest.mark.parametrize("language", text.languages())
def test_sampling_from_a_flat_one_says_so(language):
    at = visit(language=language, sampling__correlation=1)
    assert text.Words(language).words(f"{SAMPLING}.flat") in said(at)


@pytest.mark.parametrize(
    ("a", "section"),
    [
        ((2, 0, 0, 0.5), "bowl"), ((-1, 0.2, 0.1, -2), "hill"), ((1, 0, 0, -1), "saddle"), ((1, 1, 1, 1), "trough"),
        ((-1, 1, 1, -1), "ridge"), ((0, 0, 0, 0), "level"), ((0, -1, 1, 0), "level"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", text.languages())
def test_what_a_matrix_does(a, section, language):
    names = ("a11", "a12", "a21", "a22")
    at = visit(language=language, **{f"matrix__{n}": v for n, v in zip(names, a, strict=True)}, matrix__show="b")
    matrix = np.array(a, float).reshape(2, 2)
    told = filled(f"{NAME}.matrix.shape.{section}", at, language)
    assert [told["low"], told["high"]] == pytest.approx(np.linalg.eigvalsh((matrix + matrix.T) / 2), abs=5e-3)
    det = np.linalg.det(matrix)
    if abs(det) < 1e-12:
        assert text.Words(language).words(f"{MATRIX}.singular") in said(at)
    else:
        told = filled(f"{NAME}.matrix.{'turned' if det < 0 else 'caption'}", at, language)
        assert told["det"] == pytest.approx(det, rel=5e-3) and told["area"] == pytest.approx(abs(det), rel=5e-3)
    sent = message(at, f"{MATRIX}.plane")
    bowl = array(sent, 1, "bowl", "values")
    line = np.linspace(-3, 3, len(bowl))
    for i, j in ((0, 0), (5, 30), (40, 12)):
        x = np.array([line[j], line[i]])
        assert bowl[i, j] == pytest.approx(x @ matrix @ x, abs=1e-4)


def test_two_products():
    a, b = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[2.0, 1.0], [0.0, -0.5]])
    settings = {f"matrix__{n}{i + 1}{j + 1}": m[i, j] for n, m in (("a", a), ("b", b)) for i in (0, 1) for j in (0, 1)}
    for show, truth in (("product", a @ b), ("reverse", b @ a), ("elementwise", a * b), ("b", b)):
        at = visit(**settings, matrix__show=show)
        header, _ = message(at, f"{MATRIX}.plane")
        grid = next(layer for layer in header["panels"][0]["layers"] if layer["name"] == "grid")
        assert grid["matrix"] == pytest.approx(truth.ravel().tolist())
        assert header["panels"][0]["handles"] == []
    header, _ = message(visit(**settings), f"{MATRIX}.plane")
    assert [h["arrow"] for h in header["panels"][0]["handles"]] == [True, True]


def test_pictures_in_784_dimensions():
    at = visit(pixels__label=1, pixels__ridge="0.01", pixels__axis=2)
    train = data.mnist("train")
    x = train.images[train.labels == 1].reshape(-1, 784).numpy() / 255.0
    cov = np.cov(x, rowvar=False, bias=True)
    told = filled(f"{NAME}.pixels.singular", at)
    assert told == {
        "count": len(x), "constant": (np.ptp(x, axis=0) == 0).sum(), "rank": np.linalg.matrix_rank(cov, hermitian=True),
        "flat": 784 - np.linalg.matrix_rank(cov, hermitian=True),
    }  # fmt: skip
    values, vectors = np.linalg.eigh(cov)
    sent = message(at, f"{PIXELS}.walk_plane")
    walk = array(sent, 0, "walk", "images").astype(float)
    np.testing.assert_allclose(walk[3].ravel(), 255 * x.mean(0), atol=0.51)
    step = np.sqrt(values[-2]) * vectors[:, -2]
    right = (255 * (x.mean(0) + step)).clip(0, 255)
    left = (255 * (x.mean(0) - step)).clip(0, 255)
    ends = sorted((walk[2].ravel().tolist(), walk[4].ravel().tolist()))
    np.testing.assert_allclose(ends, sorted((right.tolist(), left.tolist())), atol=1.01)
    ridged = filled(f"{NAME}.pixels.ridged", at)
    assert ridged["ridge"] == 0.01 and ridged["std"] == pytest.approx(25.5, rel=0.03)
    assert ridged["shift"] == pytest.approx(told["flat"] / 2 * math.log(10), rel=5e-3)
    caption = filled(f"{NAME}.pixels.caption", at)
    assert caption["empty"] == pytest.approx(100 * (x == 0).mean(), abs=0.6)
    drawn = np.random.default_rng(0).multivariate_normal(x.mean(0), cov + 0.01 * np.eye(784), 1000, method="eigh")
    assert caption["outside"] == pytest.approx(100 * ((drawn < 0) | (drawn > 1)).mean(), abs=1.5)
    sent = message(at, f"{PIXELS}.samples_plane")
    real, mirrored = array(sent, 0, "real", "images"), array(sent, 2, "mirrored", "images")
    expected = (2 * 255 * x.mean(0) - real.reshape(20, 784)).clip(0, 255)
    np.testing.assert_allclose(mirrored.reshape(20, 784), expected, atol=0.51)


@pytest.mark.parametrize("language", text.languages())
def test_without_clothes_only_digits_are_offered(language, monkeypatch):
    monkeypatch.setattr(data, "available", lambda name: name == "mnist")
    at = visit(language=language, pixels__axis=3, pixels__dataset="fashion_mnist")
    assert text.Words(language).words(f"{PIXELS}.no_clothes") in said(at)
    filled(f"{NAME}.pixels.singular", at, language)


@pytest.fixture(scope="module")
def clothes() -> np.ndarray:
    """Eigenvalues of the covariance of all clothes, from the smallest."""
    x = data.fashion_mnist("train").images.reshape(-1, 784).numpy() / 255.0
    return np.linalg.eigvalsh(np.cov(x, rowvar=False, bias=True))


@pytest.mark.skipif(not data.available("fashion_mnist"), reason="the clothes are not on this machine")
@pytest.mark.parametrize("language", text.languages())
def test_clothes_have_no_flat_direction_and_are_not_called_singular(language, clothes):
    at = visit(language=language, pixels__dataset="fashion_mnist")
    told = filled(f"{NAME}.pixels.regular", at, language)
    assert told["count"] == 60_000 and told["least"] == pytest.approx(clothes[0] / clothes[-1], rel=0.1)
    filled(f"{NAME}.pixels.ridged_regular", at, language)
    at = visit(language=language, pixels__dataset="fashion_mnist", pixels__ridge="0")
    assert text.Words(language).words(f"{PIXELS}.unridged_regular") in said(at)


def test_without_data_there_is_a_sentence(monkeypatch):
    def fail(self) -> None:
        raise data.DataError("gone")

    monkeypatch.setattr(scenes.PixelsScene, "compute", fail)
    at = visit(pixels__seed=1234)
    assert text.Words("en").words(f"{PIXELS}.no_data") in said(at)
