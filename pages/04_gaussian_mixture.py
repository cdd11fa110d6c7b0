"""Step 4, the Gaussian mixture: build one, draw from it, ask it whose a point is, and see why no formula fits one."""

from __future__ import annotations

from pages.gaussian_mixture import design, geyser, no_closed_form, posterior, question, sampling
from ui import chapter

page = chapter.begin("gaussian_mixture")
design.draw(page)
page.derivation("gaussian_mixture.joint")
page.code("core/gaussian_mixture.py", "GaussianMixture.joint_log_prob", "GaussianMixture.log_prob")
page.code("core/modes.py", "modes")
sampling.draw(page)
page.code("core/gaussian_mixture.py", "GaussianMixture.sample_with_components")
posterior.draw(page)
page.derivation("gaussian_mixture.responsibility")
page.code("core/gaussian_mixture.py", "GaussianMixture.responsibilities")
geyser.draw(page)
no_closed_form.draw(page)
page.derivation("gaussian_mixture.log_of_sum")
page.derivation("gaussian_mixture.unbounded")
page.prediction("gaussian_mixture.prediction", question.OPTIONS, question.answer)
page.end()
