"""Step 9, the diffusion model: watch it denoise, train one, race its samplers."""

from __future__ import annotations

from pages.diffusion_model import common, denoise, question, samplers, train
from ui import chapter, text


def code(path: str, *names: str) -> None:
    """The code that just ran, folded, under the names of what it shows."""
    title = f"{text.current().label('code.title')} · " + ", ".join(f"`{name}`" for name in names)
    page.code(path, names, title=title)


page = chapter.begin("diffusion_model")
denoise.draw(page)
page.derivation("diffusion_model.one_jump")
page.derivation("diffusion_model.posterior")
code("core/diffusion/forward.py", "add_noise", "signal_and_noise")
train.draw(page)
page.derivation("diffusion_model.simple_loss")
code("core/diffusion/learned.py", "denoising_loss")
code("core/training.py", "train")
samplers.draw(page)
for name in ("ddim", "heun", "dpm_solver_pp"):
    page.derivation(f"diffusion_model.{name}")
code("core/diffusion/samplers.py", "ddpm", "ddim", "heun", "dpm_solver_pp")
if "blobs" in common.models():
    page.prediction("diffusion_model.prediction", ("yes", "no"), question.answer)
page.end()
