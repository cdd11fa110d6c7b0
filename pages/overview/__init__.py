"""The overview's experiments, a module each; pages/00_overview.py puts them in order."""
