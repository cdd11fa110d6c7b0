"""Step 7's experiments, a module each; pages/07_vae.py puts them in order."""
