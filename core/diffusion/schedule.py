"""How much noise at which level: β_t, α_t = 1 − β_t and ᾱ_t = α_1 ⋯ α_t, for t = 0 (clean data) to T (noise)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """A noise schedule. Every field is (T+1,), float64, on the CPU; index 0 is clean data, so alpha_bar[0] == 1.

    beta: variance of the noise that step t adds; beta[0] == 0
    alpha: 1 − beta, the share of the variance that step t keeps
    alpha_bar: the product of alpha up to t: the share of the data's variance that is left at level t
    """

    beta: Tensor
    alpha: Tensor
    alpha_bar: Tensor

    @classmethod
    def from_beta(cls, beta: Tensor) -> "NoiseSchedule":
        """The schedule with these noise variances β_1 … β_T, shape (T,), each in (0, 1).

        Raises ValueError for an empty list, a β outside (0, 1), or so much noise that ᾱ_T underflows.
        """
        beta = torch.as_tensor(beta, dtype=torch.float64, device="cpu")  # (T,)
        if beta.ndim != 1 or len(beta) == 0:
            raise ValueError("A schedule needs at least one level, as a list β_1 … β_T.")
        if not bool(((beta >= 1e-12) & (beta < 1)).all()):
            raise ValueError("Every β must be at least 10⁻¹² and less than 1.")
        beta = torch.cat([torch.zeros(1, dtype=torch.float64, device="cpu"), beta])  # (T+1,)
        alpha = 1 - beta
        alpha_bar = torch.cumprod(alpha, dim=0)
        if alpha_bar[-1] < 1e-30:  # samplers divide by its root
            raise ValueError("So much noise leaves nothing of the data: ᾱ_T must not fall below 10⁻³⁰.")
        return cls(beta, alpha, alpha_bar)

    @classmethod
    def linear(cls, T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> "NoiseSchedule":
        """β grows evenly from beta_start to beta_end. Ho et al. 2020, section 4. Raises ValueError if T < 1."""
        return cls.from_beta(torch.linspace(beta_start, beta_end, _levels(T), dtype=torch.float64, device="cpu"))

    @classmethod
    def cosine(cls, T: int, offset: float = 0.008, beta_max: float = 0.999) -> "NoiseSchedule":
        """ᾱ falls like a squared cosine. Nichol and Dhariwal 2021, equation 17; β is capped as they advise.

        Raises ValueError if T < 1.
        """
        share = torch.arange(_levels(T) + 1, dtype=torch.float64, device="cpu") / T  # t/T, (T+1,)
        f = torch.cos((share + offset) / (1 + offset) * math.pi / 2) ** 2
        return cls.from_beta((1 - f[1:] / f[:-1]).clamp(max=beta_max))

    @property
    def T(self) -> int:
        """The number of noise levels."""
        return len(self.beta) - 1

    @property
    def signal_to_noise(self) -> Tensor:
        """ᾱ_t / (1 − ᾱ_t), shape (T+1,); infinite at t = 0."""
        return self.alpha_bar / (1 - self.alpha_bar)


def _levels(T: int) -> int:
    if T < 1:
        raise ValueError(f"A schedule needs at least one noise level, but T is {T}.")
    return T
