"""The page's question: can a perfect network reach zero loss on ε?"""

from __future__ import annotations

from pages.diffusion_model import common


def answer() -> tuple[str, dict[str, object]]:
    """The loss on ε of the best possible denoiser for three blobs, and of the network that learnt them.

    Both see the same points, levels and noises.
    """
    from core.diffusion.perfect import noise_losses
    from core.store import StoreError

    model = common.models()["blobs"]
    try:
        exact, learned, T = noise_losses(model.key)
    except StoreError:  # the file was damaged since the page listed it
        return "no", {"exact": "–", "learned": "–", "T": model.T}
    return "no", {"exact": f"{exact:.4f}", "learned": f"{learned:.4f}", "T": T}
