"""One thread of arithmetic for each process of tests: several run at once, and would take the cores from each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
