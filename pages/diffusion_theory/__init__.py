"""Step 8's experiments, a module each; pages/08_diffusion_theory.py puts them in order."""
