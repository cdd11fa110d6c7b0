"""Step 7, the variational autoencoder: train one, walk through what it has learnt, and see why it can be trained."""

from __future__ import annotations

from pages.vae import beta, bound, latent_map, question, reparameterize, train
from ui import chapter

page = chapter.begin("vae")
train.draw(page)
page.derivation("vae.bound_of_one")
page.derivation("vae.em_with_networks")
page.derivation("vae.normals")
page.code("core/vae_learned.py", "negative_elbo")
page.code("core/vae.py", "elbo", "kl_to_standard_normal", "reparameterize")
latent_map.draw(page)
page.code("core/vae_posterior.py", "grid_posterior", "log_joint")
reparameterize.draw(page)
page.derivation("vae.trick")
page.code("core/gradients.py", "pathwise", "score", "cut")
beta.draw(page)
bound.draw(page)
page.derivation("vae.book")
page.prediction("vae.prediction", ("yes", "no"), question.answer)
page.end()
