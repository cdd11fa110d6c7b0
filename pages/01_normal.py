"""Step 1, the normal distribution: two numbers make a curve, areas are probabilities, and sums lead here."""

from __future__ import annotations

from pages.normal import clt, interval, moments, parameters, question
from ui import chapter

page = chapter.begin("normal")
parameters.draw(page)
page.derivation("normal.constant")
page.derivation("normal.mean_and_variance")
page.code("core/normal.py", "log_prob", "prob")
page.code("core/integral.py", "rectangles", "integral")
interval.draw(page)
page.derivation("normal.standardisation")
page.code("core/normal.py", "cdf", "interval_probability", "sample")
clt.draw(page)
page.derivation("normal.limit")
page.derivation("normal.cauchy")
page.code("core/limit.py", "predicted", "gather")
page.code("core/limit.py", "distance", "floor", "quantile_pairs")
moments.draw(page)
page.prediction("normal.prediction", question.OPTIONS, question.answer)
page.end()
