"""The experiments of step 3, one module each."""
