"""Three ways to the gradient of an expectation whose distribution is being learnt, on a problem with a closed form.

The smallest VAE there is, with one number x, one latent number z and one weight w in its decoder:

    p(z) = N(0, 1)        p(x | z) = N(w z, s²)        q(z) = N(μ, σ²)        z = μ + σ ε,  ε ~ N(0, 1)

    R(μ, σ, w) = E_q log p(x | z) = −½ ((x − w μ)² + w² σ²) / s² − log s − ½ log 2π

Every estimator gives a gradient of R for each ε; its mean over ε is compared with the closed form. The KL of the ELBO
needs none of this: it and its gradient are exact. All float64, on the device of ε.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

PARAMETERS = ("mean", "log_std", "weight")  # the encoder's two, and the decoder's one
METHODS = ("pathwise", "score", "cut")


@dataclass(frozen=True)
class Problem:
    """Where the gradient is taken."""

    mean: float  # μ of q
    std: float  # σ of q
    weight: float = 1.5  # w of the decoder
    x: float = 2.0  # the datum
    noise: float = 1.0  # s, of x given z

    def __post_init__(self) -> None:
        """Raises ValueError where there is no density."""
        if not (self.std > 0 and self.noise > 0 and all(map(math.isfinite, (self.mean, self.weight, self.x)))):
            raise ValueError("Both standard deviations must be positive, and every number finite.")


def sample(problem: Problem, noise: Tensor) -> Tensor:
    """z = μ + σ ε."""
    return problem.mean + problem.std * noise


def log_likelihood(problem: Problem, z: Tensor) -> Tensor:
    """log p(x | z)."""
    off = (problem.x - problem.weight * z) / problem.noise
    return -0.5 * off.square() - math.log(problem.noise) - 0.5 * math.log(2 * math.pi)


def slope(problem: Problem, z: Tensor) -> Tensor:
    """d log p(x | z) / dz = w (x − w z) / s²."""
    return problem.weight * (problem.x - problem.weight * z) / problem.noise**2


def decoder_gradient(problem: Problem, noise: Tensor) -> Tensor:
    """∂ log p(x | z) / ∂w = (x − w z) z / s²: the same for all three, since no random draw depends on w."""
    z = sample(problem, noise)
    return (problem.x - problem.weight * z) * z / problem.noise**2


def pathwise(problem: Problem, noise: Tensor) -> Tensor:
    """Through z = μ + σ ε, by the chain rule: (…, 3) for each ε (…). Kingma and Welling 2014, section 2.4."""
    by_z = slope(problem, sample(problem, noise))
    by_mean = by_z  # ∂z/∂μ = 1
    by_log_std = by_z * problem.std * noise  # ∂z/∂(log σ) = σ ε
    return torch.stack([by_mean, by_log_std, decoder_gradient(problem, noise)], dim=-1)


def score(problem: Problem, noise: Tensor) -> Tensor:
    """log p(x | z) times the gradient of log q(z): (…, 3) for each ε (…). Williams 1992 (REINFORCE).

    It asks nothing of p(x | z) but its value, so z might as well be a throw of a die.
    """
    value = log_likelihood(problem, sample(problem, noise))
    by_mean = value * noise / problem.std  # ∂ log q / ∂μ = (z − μ) / σ² = ε / σ
    by_log_std = value * (noise.square() - 1)  # ∂ log q / ∂(log σ) = ε² − 1
    return torch.stack([by_mean, by_log_std, decoder_gradient(problem, noise)], dim=-1)


def cut(problem: Problem, noise: Tensor) -> Tensor:
    """What is left where z is drawn and its graph is cut (`detach`, `.sample()`): (…, 3), nothing for the encoder."""
    decoder = decoder_gradient(problem, noise)
    return torch.stack([torch.zeros_like(decoder), torch.zeros_like(decoder), decoder], dim=-1)


def exact(problem: Problem) -> Tensor:
    """The gradient of R in closed form: (3,) by μ, log σ and w."""
    m, v, w, s2 = problem.mean, problem.std**2, problem.weight, problem.noise**2
    by_mean = w * (problem.x - w * m) / s2
    by_log_std = -(w**2) * v / s2
    by_weight = ((problem.x - w * m) * m - w * v) / s2
    return torch.tensor([by_mean, by_log_std, by_weight], dtype=torch.float64, device="cpu")


ESTIMATORS = {"pathwise": pathwise, "score": score, "cut": cut}
