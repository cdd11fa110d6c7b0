"""The prediction of step 7: the book's KL lacks its ½. Is that β = 2?"""

from __future__ import annotations

from ui import text


def answer() -> tuple[str, dict[str, str]]:
    """The book's loss less −2 · ELBO at β = 1 and at β = 2, at random codes: where that is constant, they are one."""
    import torch

    from core.vae import kl_to_standard_normal
    from core.vae_dial import beta_loss, book_loss

    g = torch.Generator().manual_seed(0)
    mean, log_std = (torch.randn(6, 20, generator=g, dtype=torch.float64) * scale for scale in (1.0, 0.5))
    error = torch.rand(6, generator=g, dtype=torch.float64) * 60
    kl = kl_to_standard_normal(mean, log_std).sum(dim=1)
    book = book_loss(error, mean, log_std)
    off = {beta: book - 2 * beta_loss(error, kl, 1.0, beta) for beta in (1.0, 2.0)}
    spread = {beta: float(values.max() - values.min()) for beta, values in off.items()}
    right = "yes" if spread[2.0] < spread[1.0] else "no"
    return right, {
        "constant": text.number(float(off[1.0].mean()), 6),
        "one": f"{spread[1.0]:.1e}" if spread[1.0] else "0",
        "two": text.number(spread[2.0]),
    }
