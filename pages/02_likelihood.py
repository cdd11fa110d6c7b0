"""Step 2, maximum likelihood: the parameters under which the data that were seen are most likely."""

from __future__ import annotations

from pages.likelihood import estimators, fit, heights, misfit, question, surface
from ui import chapter

page = chapter.begin("likelihood")
fit.draw(page)
page.derivation("likelihood.log")
page.derivation("likelihood.closed_form")
page.code("core/likelihood.py", "fit_normal", "likelihood", "log_likelihood")
surface.draw(page)
page.derivation("likelihood.ascent")
page.code("core/likelihood.py", "gradient", "ascend")
heights.draw(page)
page.code("core/normal.py", "cdf", "sample")
page.code("core/likelihood.py", "share_up_to")
estimators.draw(page)
misfit.draw(page)
page.prediction("likelihood.prediction", question.OPTIONS, question.answer)
page.end()
