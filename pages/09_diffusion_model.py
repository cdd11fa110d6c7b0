"""Step 9, the diffusion model: watch it denoise, train one, race its samplers."""

from __future__ import annotations

from pages.diffusion_model import anatomy, common, denoise, mistakes, question, samplers, train
from ui import chapter

page = chapter.begin("diffusion_model")
denoise.draw(page)
page.derivation("diffusion_model.one_jump")
page.derivation("diffusion_model.posterior")
page.code("core/diffusion/forward.py", "add_noise", "signal_and_noise")
train.draw(page)
page.derivation("diffusion_model.simple_loss")
page.code("core/diffusion/learned.py", "denoising_loss")
page.code("core/training.py", "train")
samplers.draw(page)
for name in ("ddim", "heun", "dpm_solver_pp"):
    page.derivation(f"diffusion_model.{name}")
page.code("core/diffusion/samplers.py", "ddpm", "ddim", "heun", "dpm_solver_pp")
anatomy.draw(page)
mistakes.draw(page)
if "blobs" in common.models():
    page.prediction("diffusion_model.prediction", ("yes", "no"), question.answer)
page.end()
