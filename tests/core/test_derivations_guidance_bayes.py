"""Every line from Bayes' rule to classifier-free guidance, at random mixtures: SciPy's densities, finite differences,
autograd, and the denoisers of core/.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from core.diffusion.bayes import rotation_share, terms
from core.diffusion.exact import MixtureDenoiser
from core.diffusion.guidance import classifier_free
from core.diffusion.schedule import NoiseSchedule
from core.gaussian_mixture import GaussianMixture
from tests.core.derivations import EveryLine, Sides
from tests.core.test_devices import DevicesAreNamed
from ui import text

STEP = 1e-5
LEVEL = 3  # of five


class Scene:
    """Three classes in the plane, each a normal; a noisy point, a level, a class and a γ."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        factors = rng.normal(size=(3, 2, 2))
        self.weights, self.means = rng.dirichlet([2, 2, 2]), rng.normal(0, 2, (3, 2))
        self.covs = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(2)
        self.x, self.y, self.gamma = rng.normal(0, 2, 2), int(rng.integers(3)), float(rng.uniform(-2, 8))
        schedule = NoiseSchedule.from_beta(torch.tensor(rng.uniform(0.05, 0.4, 5)))
        self.alpha_bar = float(np.prod(1 - schedule.beta.numpy()[1 : LEVEL + 1]))
        self.sigma = np.sqrt(1 - self.alpha_bar)
        mixture = GaussianMixture(*(torch.tensor(v) for v in (self.weights, self.means, self.covs)))
        self.denoiser = MixtureDenoiser(mixture, schedule)
        self.point, self.t = torch.tensor(self.x)[None], torch.tensor([LEVEL])
        self.label = torch.tensor([self.y])

    # ---- densities by SciPy: the data, noised by hand ----

    def log_class(self, x: np.ndarray, k: int | None = None) -> float:
        """log p_t(x | k)."""
        k = self.y if k is None else k
        cov = self.alpha_bar * self.covs[k] + self.sigma**2 * np.eye(2)
        return float(multivariate_normal(np.sqrt(self.alpha_bar) * self.means[k], cov).logpdf(x))

    def log_p(self, x: np.ndarray) -> float:
        return float(logsumexp([np.log(self.weights[k]) + self.log_class(x, k) for k in range(3)]))

    def log_posterior(self, x: np.ndarray) -> float:
        """log p_t(y | x), as a share of all classes."""
        joint = np.exp([np.log(self.weights[k]) + self.log_class(x, k) for k in range(3)])
        return float(np.log(joint[self.y] / joint.sum()))

    def gradient(self, f) -> np.ndarray:
        """By central differences."""
        return np.array([(f(self.x + STEP * e) - f(self.x - STEP * e)) / (2 * STEP) for e in np.eye(2)])

    # ---- the same by core ----

    def score(self, label: torch.Tensor | None = None) -> torch.Tensor:
        return self.denoiser.score(self.point, self.t, label)[0]

    def classifier(self) -> torch.Tensor:
        """∇ log p_t(y | x) by autograd."""
        x = self.point.clone().requires_grad_()
        return torch.autograd.grad(self.denoiser.log_posterior(x, self.t, self.label).sum(), x)[0][0]

    def noise(self, label: torch.Tensor | None = None) -> torch.Tensor:
        return self.denoiser(self.point, self.t, label)[0]

    def stretched(self) -> np.ndarray:
        return self.gradient(self.log_p) + self.gamma * self.gradient(self.log_posterior)


def from_bayes(s: Scene) -> Sides:
    by_rule = s.log_p(s.x) + s.log_posterior(s.x) - np.log(s.weights[s.y])
    yield "bayes", s.log_class(s.x), by_rule
    yield "bayes", s.denoiser.log_posterior(s.point, s.t, s.label)[0], s.log_posterior(s.x)
    yield "bayes", s.denoiser.marginal(LEVEL).log_prob(s.point)[0], s.log_p(s.x)
    yield "gradient", s.gradient(s.log_class), s.gradient(s.log_p) + s.gradient(s.log_posterior)
    yield "gradient", s.score(s.label), s.score() + s.classifier()
    yield "gradient", s.gradient(lambda x: np.log(s.weights[s.y])), np.zeros(2)
    yield "stretch", s.score() + s.gamma * s.classifier(), s.stretched()
    yield "tilt", s.stretched(), s.gradient(lambda x: s.log_p(x) + s.gamma * s.log_posterior(x))
    yield "difference", s.gradient(s.log_posterior), s.score(s.label) - s.score()
    yield "difference", s.classifier(), s.score(s.label) - s.score()
    yield "free", s.score() + s.gamma * (s.score(s.label) - s.score()), s.stretched()
    yield "noise", s.noise(s.label), -s.sigma * s.gradient(s.log_class)
    yield "noise", s.noise(), -s.sigma * s.gradient(s.log_p)
    guided = classifier_free(s.denoiser, s.gamma)(s.point, s.t, s.label)[0]
    yield "guided_noise", guided, -s.sigma * s.stretched()
    yield "guided_noise", guided, s.noise() + s.gamma * (s.noise(s.label) - s.noise())
    w = s.gamma - 1
    yield "w", guided, (1 + w) * s.noise(s.label) - w * s.noise()


class TestDerivations(EveryLine):
    page, scene, sides = "guidance", Scene, {"from_bayes": from_bayes}
    elsewhere = frozenset(text.formulas("guidance")) - {"from_bayes"}
    seeds, rtol, atol = 8, 1e-6, 1e-7


@pytest.mark.parametrize("seed", range(4))
def test_the_terms_that_the_page_shows_are_these(seed):
    s = Scene(seed)
    found = terms(s.denoiser, torch.tensor(s.x), LEVEL, s.y, s.gamma)
    expected = {
        "log_p_x": s.log_p(s.x), "log_p_x_given_y": s.log_class(s.x), "log_p_y_given_x": s.log_posterior(s.x),
        "log_p_y": np.log(s.weights[s.y]), "score": s.gradient(s.log_p), "score_given_y": s.gradient(s.log_class),
        "classifier": s.gradient(s.log_posterior), "guided": s.stretched(), "noise": -s.sigma * s.gradient(s.log_p),
        "noise_given_y": -s.sigma * s.gradient(s.log_class), "guided_noise": -s.sigma * s.stretched(),
    }  # fmt: skip
    assert set(expected) == set(vars(found))
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-6, atol=1e-7, err_msg=name)


def test_with_one_class_there_is_nothing_to_stretch():
    one = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None])
    denoiser, x = MixtureDenoiser(one, NoiseSchedule.cosine(10)), torch.tensor([0.5, -1.0]).double()
    with DevicesAreNamed():
        found = terms(denoiser, x, 4, 0, 50.0)
    assert float(found.log_p_y_given_x) == 0 and float(found.classifier.norm()) == 0
    torch.testing.assert_close(found.guided, found.score)


def test_a_gradient_does_not_turn_and_a_rotation_does_nothing_else():
    """Of a linear field the Jacobian is known; of exact scores the difference is a gradient."""
    generator, s = torch.Generator().manual_seed(0), Scene(1)

    def share(field, x: torch.Tensor, probes: int = 400) -> float:
        with DevicesAreNamed():
            return rotation_share(field, x, probes=probes, generator=generator)

    def difference(x: torch.Tensor) -> torch.Tensor:
        t = torch.full((len(x),), LEVEL, device=x.device)
        return s.denoiser.score(x, t, torch.full_like(t, s.y)) - s.denoiser.score(x, t)

    assert share(difference, torch.tensor(s.x)) < 1e-25
    matrix = torch.randn(20, 20, generator=generator, dtype=torch.float64)
    x = torch.zeros(20, dtype=torch.float64)
    assert share(lambda x: x @ (matrix + matrix.T), x) < 1e-25
    assert share(lambda x: x @ (matrix - matrix.T), x) == pytest.approx(1)
    mixed = 2 * matrix + matrix.T
    expected = float((mixed - mixed.T).square().sum() / (4 * mixed.square().sum()))
    assert share(lambda x: x @ mixed, x) == pytest.approx(expected, rel=0.05)
    assert share(lambda x: 0 * x, x) == 0
