"""guidance.bayes without a browser: what it says and sends, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from core import scene
from core.diffusion import pretrained
from core.diffusion.forward import add_noise
from core.diffusion.guidance import classifier_free
from core.scenes.guidance_bayes import LEVELS, PARTS, Noised
from core.store import StoreError
from tests.pages.apptest import fits, message, number, said, visitor
from ui import text

visit = visitor("guidance")
ID = "guidance.bayes"


def by_scipy(parts, alpha_bar: float, y: int, gamma: float, x) -> dict[str, float]:
    """The caption's numbers: densities by SciPy, gradients by central differences."""
    total = sum(part[0] for part in parts)

    def log_class(k: int, at) -> float:
        _, mx, my, sx, sy, rho = parts[k]
        cov = np.array([[sx**2, rho * sx * sy], [rho * sx * sy, sy**2]])
        mean = np.sqrt(alpha_bar) * np.array([mx, my])
        return multivariate_normal(mean, alpha_bar * cov + (1 - alpha_bar) * np.eye(2)).logpdf(at)

    def log_p(at) -> float:
        return logsumexp([np.log(parts[k][0] / total) + log_class(k, at) for k in range(len(parts))])

    def log_posterior(at) -> float:
        return np.log(parts[y][0] / total) + log_class(y, at) - log_p(at)

    def gradient(f) -> np.ndarray:
        return np.array([(f(x + 1e-5 * e) - f(x - 1e-5 * e)) / 2e-5 for e in np.eye(2)])

    x = np.asarray(x, float)
    score, classifier = gradient(log_p), gradient(log_posterior)
    return {
        "y": y + 1, "posterior": np.exp(log_posterior(x)), "prior": parts[y][0] / total, "gamma": gamma,
        "classifier": np.linalg.norm(classifier), "score": np.linalg.norm(score),
        "guided": np.linalg.norm(score + gamma * classifier),
    }  # fmt: skip


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize(
    ("settings", "count", "t", "y", "gamma", "x"),
    [
        ({}, 3, 600, 2, 3.0, (0.7, 1.0)),
        ({"gamma": 50, "t": 50, "y": 1, "x1": -3, "x2": 3, "classes": 4}, 4, 50, 1, 50.0, (-3, 3)),
        ({"gamma": -2, "t": 1000, "y": 4, "classes": 1}, 1, 1000, 1, -2.0, (0.7, 1.0)),
    ],
)
def test_the_caption_is_what_scipy_says(language, settings, count, t, y, gamma, x):
    at = visit({f"{ID}.{name}": value for name, value in settings.items()}, language=language)
    header, parts = message(at, f"{ID}.derivation")
    assert header["count"] == count and header["values"]["t"] == t and header["values"]["gamma"] == gamma
    alpha_bar = header["alpha_bar"][header["levels"].index(t)]
    expected = by_scipy(PARTS[:count], alpha_bar, y - 1, gamma, x)
    for name, shown in fits(f"{ID}.caption", at, language).items():
        assert number(shown) == pytest.approx(expected[name], rel=6e-3, abs=1e-30), name
    assert header["side"] == 28 and parts["given"].size == 20 * 784
    assert [line["name"] for line in header["lines"]] == ["bayes", "gradient", "only", "difference", "guided", "noise"]


def test_a_link_with_nonsense_is_put_right():
    link = {
        "t": "x",
        "gamma": "1e9",
        "y": "77",
        "x1": "nan",
        "line": "zz",
        "parts": "1_2~3",
        "digit": "-4",
        "classes": "0",
    }
    at = visit({f"{ID}.{name}": value for name, value in link.items()})
    header, _ = message(at, f"{ID}.derivation")
    now = header["values"]
    assert (now["gamma"], now["y"], now["line"], now["digit"], header["count"]) == (50.0, 1, "guided", 0, 1)
    assert now["parts"] == [list(part) for part in PARTS]


def test_fewer_rows_than_classes_are_filled_up():
    header, _ = message(visit({f"{ID}.parts": "1_2_0_0.5_0.5_0"}), f"{ID}.derivation")
    assert header["values"]["parts"] == [[1, 2, 0, 0.5, 0.5, 0], *map(list, PARTS[1:])]


def test_the_digit_is_what_the_network_says():
    """Other than the one that ships: the model called for one level at a time, guided by core's own function."""
    asked = Noised(3, 8, 5)
    a = scene.shown(asked)
    denoiser, schedule = pretrained("digits", torch.device("cpu"))
    for k in (3, 12):
        t, label, x = torch.tensor([LEVELS[k]]), torch.tensor([8]), torch.tensor(a["x"][k])[None, None]
        noise = (x - schedule.alpha_bar[t].sqrt().float() * torch.tensor(a["clean"])) / (
            1 - schedule.alpha_bar[t]
        ).sqrt()
        torch.testing.assert_close(
            add_noise(schedule, torch.tensor(a["clean"])[None, None], t, noise.float()), x, rtol=0, atol=1e-5
        )
        with torch.no_grad():
            guided = classifier_free(denoiser, 7.0)(x, t, label)[0, 0]
        none, given = torch.tensor(a["none"][k]), torch.tensor(a["given"][k])
        torch.testing.assert_close(none + 7.0 * (given - none), guided, rtol=0, atol=2e-3)
    noises = [(a["x"][k] - np.sqrt(a["alpha_bar"][k]) * a["clean"]) / np.sqrt(1 - a["alpha_bar"][k]) for k in (2, 19)]
    np.testing.assert_allclose(*noises, atol=1e-4)  # the same noise at every level


def test_without_the_model_the_derivation_stands_alone(monkeypatch):
    def gone(self):
        raise StoreError("gone")

    monkeypatch.setattr(Noised, "compute", gone)
    at = visit({f"{ID}.seed": 4321})
    assert message(at, f"{ID}.derivation")[0]["side"] == 0
    assert text.Words("en").words(f"{ID}.no_model") in said(at)
