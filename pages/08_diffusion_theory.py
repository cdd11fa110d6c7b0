"""Step 8, the theory of diffusion: the way into noise, the score, and the way back."""

from __future__ import annotations

from pages.diffusion_theory import forward, hierarchy, losses, posterior, question, reverse, score, small_steps
from ui import chapter

page = chapter.begin("diffusion_theory")
forward.draw(page)
score.draw(page)
page.derivation("diffusion_theory.score_and_noise")
page.derivation("diffusion_theory.best_prediction")
page.code("core/diffusion/exact.py", "MixtureDenoiser", highlight=("minus_score", "share ="))
page.code("core/diffusion/prediction.py", "score_from_noise", "x0_from_noise", "from_v")
reverse.draw(page)
page.derivation("diffusion_theory.reverse_sde")
page.derivation("diffusion_theory.probability_flow")
page.code("core/diffusion/samplers.py", "ddim", "heun", highlight=("variance =", "kept =", "slope ="))
page.code("core/scenes/diffusion_theory_back.py", "walk", highlight=("eta =",))
hierarchy.draw(page)
posterior.draw(page)
small_steps.draw(page)
losses.draw(page)
page.prediction("diffusion_theory.prediction", ("humps", "between", "noise"), question.answer)
page.end()
