"""`make bench`: prints one JSON line per figure."""

import os

# Before torch and core are imported: both sides compute on one thread, and messages go nowhere.
os.environ |= {"OMP_NUM_THREADS": "1", "LETHE_BROKER_URL": "memory://"}

from benchmarks import epsilon_speed, leaderboard_speed, run_overhead, training_speed, upload_memory

for benchmark in (epsilon_speed, run_overhead, training_speed, leaderboard_speed, upload_memory):
    for figure in benchmark.figures():
        print(figure.to_json(), flush=True)
