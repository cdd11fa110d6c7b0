"""The experiments of step 5."""
