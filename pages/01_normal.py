"""Step 1, the normal distribution: two numbers make a curve, areas are probabilities, and sums lead here."""

from __future__ import annotations

from pages.normal import clt, interval, moments, parameters, question
from ui import chapter, text


def code(path: str, *names: str) -> None:
    """The code that just ran, folded, under the names of what it shows."""
    title = f"{text.current().label('code.title')} · " + ", ".join(f"`{name}`" for name in names)
    page.code(path, names, title=title)


page = chapter.begin("normal")
parameters.draw(page)
page.derivation("normal.constant")
page.derivation("normal.mean_and_variance")
code("core/normal.py", "log_prob", "prob")
code("core/integral.py", "rectangles", "integral")
interval.draw(page)
page.derivation("normal.standardisation")
code("core/normal.py", "cdf", "interval_probability", "sample")
clt.draw(page)
page.derivation("normal.limit")
page.derivation("normal.cauchy")
code("core/limit.py", "predicted", "gather")
code("core/limit.py", "distance", "floor", "quantile_pairs")
moments.draw(page)
page.derivation("normal.uniform")
code("core/sources.py", "moments_by_integral", "moments_by_sampling")
page.prediction("normal.prediction", question.OPTIONS, question.answer)
page.end()
