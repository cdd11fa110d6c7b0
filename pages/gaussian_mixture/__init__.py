"""The experiments of the page `gaussian_mixture`, one module each."""
