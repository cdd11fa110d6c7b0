"""Step 2's experiments, a module each; pages/02_likelihood.py puts them in order."""
