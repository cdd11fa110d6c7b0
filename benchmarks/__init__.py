"""Measurements side by side; what takes long and what depends on the machine lives here, not in tests."""
