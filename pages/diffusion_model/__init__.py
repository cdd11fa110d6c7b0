"""Step 9's experiments, a module each; pages/09_diffusion_model.py puts them in order."""
