"""Step 5, EM: half steps with the bound and the gap, one parameter, many starts, KL, how many, rivals."""

from __future__ import annotations

from pages.em import bound, half_steps, how_many, kl, question, rivals, starts
from ui import chapter

page = chapter.begin("em")
half_steps.draw(page)
for name in ("decomposition", "kl_not_negative", "e_step", "m_step", "never_falls", "epsilon"):
    page.derivation(f"em.{name}")
page.code("core/em.py", "expectation_maximization", "_iterate")
page.code("core/em_steps.py", "e_step", "m_step", "raise_to_floor")
bound.draw(page)
page.code("core/em_bound.py", "lower_bound", "e_step", "m_step", "climb")
starts.draw(page)
page.code("core/em_starts.py", "start", "spread_means", "many_starts", "collapsed_components")
kl.draw(page)
how_many.draw(page)
rivals.draw(page)
page.prediction("em.prediction", ("little", "most", "nothing"), question.answer)
page.end()
