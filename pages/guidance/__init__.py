"""Step 10's experiments, a module each; pages/10_guidance.py puts them in order."""
