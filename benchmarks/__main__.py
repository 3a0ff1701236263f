"""`make bench`: prints one JSON line per figure."""

import os

# Before torch and core are imported: both sides compute on one thread, and messages go nowhere.
os.environ |= {"OMP_NUM_THREADS": "1", "LETHE_BROKER_URL": "memory://"}

from benchmarks import run_overhead

for figure in run_overhead.figures():
    print(figure.to_json(), flush=True)
