"""The page's question: can a perfect network reach zero loss on ε?"""

from __future__ import annotations

from pages.diffusion_model import common
from ui import text


def answer() -> tuple[str, dict[str, object]]:
    """The loss on ε of the best possible denoiser for three blobs, and of the network that learnt them.

    Both see the same points, levels and noises.
    """
    from core.diffusion.perfect import noise_losses

    exact, learned, T = noise_losses(common.models()["blobs"].key)
    return "no", {"exact": text.number(exact, 3), "learned": text.number(learned, 3), "T": T}
