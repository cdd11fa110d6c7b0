"""Step 10, conditions and guidance: which arrow is stretched, and what that samples."""

from __future__ import annotations

from pages.guidance import bayes, classifier, conditional, edit, latent, mix, particles, question, scale
from ui import chapter

page = chapter.begin("guidance")
bayes.draw(page)
scale.draw(page)
edit.draw(page)
conditional.draw(page)
particles.draw(page)
classifier.draw(page)
mix.draw(page)
latent.draw(page)
page.prediction("guidance.prediction", ("yes", "no"), question.answer)
page.end()
