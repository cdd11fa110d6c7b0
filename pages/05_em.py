"""Step 5, EM: half steps with the bound and the gap, one parameter, many starts, KL, how many, rivals."""

from __future__ import annotations

from pages.em import bound, half_steps, how_many, kl, question, rivals, starts
from ui import chapter, text


def code(path: str, *names: str) -> None:
    """The code that just ran, folded, under the names of what it shows."""
    title = f"{text.current().label('code.title')} · " + ", ".join(f"`{name}`" for name in names)
    page.code(path, names, title=title)


page = chapter.begin("em")
half_steps.draw(page)
for name in ("decomposition", "kl_not_negative", "e_step", "m_step", "never_falls", "epsilon"):
    page.derivation(f"em.{name}")
code("core/em.py", "expectation_maximization", "_iterate")
code("core/em_steps.py", "e_step", "m_step", "raise_to_floor")
bound.draw(page)
code("core/em_bound.py", "lower_bound", "e_step", "m_step", "climb")
starts.draw(page)
code("core/em_starts.py", "start", "spread_means", "many_starts", "collapsed_components")
kl.draw(page)
how_many.draw(page)
rivals.draw(page)
page.prediction("em.prediction", ("little", "most", "nothing"), question.answer)
page.end()
