"""The experiments of step 6, one module each."""
