"""The experiments of step 1, one module each."""
