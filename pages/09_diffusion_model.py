"""Step 9, the diffusion model: watch it denoise, train one, race its samplers."""

from __future__ import annotations

import streamlit as st

from pages.diffusion_model import anatomy, common, denoise, mistakes, question, samplers, train
from ui import catalogue, chapter, text

page = chapter.begin("diffusion_model")
denoise.draw(page)
st.page_link(
    str(catalogue.page("diffusion_theory").file),
    label=text.current().words("diffusion_model.derived"),
    icon=":material/arrow_back:",
)
page.derivation("diffusion_model.ddpm")
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
