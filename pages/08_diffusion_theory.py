"""Step 8, the theory of diffusion: the way into noise, the score, and the way back."""

from __future__ import annotations

from pages.diffusion_theory import forward, hierarchy, losses, posterior, reverse, score, small_steps
from ui import chapter

page = chapter.begin("diffusion_theory")
forward.draw(page)
score.draw(page)
reverse.draw(page)
hierarchy.draw(page)
posterior.draw(page)
small_steps.draw(page)
losses.draw(page)
page.end()
