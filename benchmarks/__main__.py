"""`make bench`: prints one JSON line per figure."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: both sides compute on one thread

from benchmarks import run_overhead

for figure in run_overhead.figures():
    print(figure.to_json(), flush=True)
