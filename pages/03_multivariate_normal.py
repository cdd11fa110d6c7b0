"""Step 3, the multivariate normal: its shape, its slices, its fit to bodies, how to draw from it, and pictures."""

from __future__ import annotations

from pages.multivariate_normal import fit, matrix, pixels, question, sampling, shape, slices
from ui import chapter, text

PATH = "core/multivariate_normal.py"


def code(*names: str) -> None:
    """The code that just ran, folded, under the names of what it shows."""
    short = ", ".join(f"`{name.rpartition('.')[2]}`" for name in names)
    page.code(PATH, names, title=f"{text.current().label('code.title')} · {short}")


page = chapter.begin("multivariate_normal")
shape.draw(page)
page.derivation("multivariate_normal.density")
code("covariance", "principal_axes", "MultivariateNormal.log_prob", "MultivariateNormal.mahalanobis")
slices.draw(page)
page.derivation("multivariate_normal.conditional")
code("MultivariateNormal.marginal", "MultivariateNormal.condition")
fit.draw(page)
page.derivation("multivariate_normal.likeliest")
code("MultivariateNormal.fit", "running_fit")
sampling.draw(page)
matrix.draw(page)
pixels.draw(page)
page.prediction("multivariate_normal.prediction", question.OPTIONS, question.answer)
page.end()
