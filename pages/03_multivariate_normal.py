"""Step 3, the multivariate normal: its shape, its slices, its fit to bodies, how to draw from it, and pictures."""

from __future__ import annotations

from pages.multivariate_normal import fit, matrix, pixels, question, sampling, shape, slices
from ui import chapter

PATH = "core/multivariate_normal.py"

page = chapter.begin("multivariate_normal")
shape.draw(page)
page.derivation("multivariate_normal.density")
page.code(PATH, "covariance", "principal_axes", "MultivariateNormal.log_prob", "MultivariateNormal.mahalanobis")
slices.draw(page)
page.derivation("multivariate_normal.conditional")
page.code(PATH, "MultivariateNormal.marginal", "MultivariateNormal.condition")
fit.draw(page)
page.derivation("multivariate_normal.likeliest")
page.code(PATH, "MultivariateNormal.fit", "running_fit")
sampling.draw(page)
matrix.draw(page)
pixels.draw(page)
page.prediction("multivariate_normal.prediction", question.OPTIONS, question.answer)
page.end()
