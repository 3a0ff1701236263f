"""Looks for seeds, the phase's secret and the run's index in all that a run can read, and guesses."""

import os
import re
import sys

import torch

REQUEST = re.compile(rb'\{"' + rb'seed": ?(\d{1,20})\}')


def requests_in_memory():
    """Return the seeds in requests that lie in this process's memory, the freed part of the heap included."""
    found = set()
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps:
            if " rw-p " in line and " 00:00 0" in line:
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                try:
                    memory.seek(start)
                    found.update(int(seed) for seed in REQUEST.findall(memory.read(min(end - start, 1 << 26))))
                except OSError:
                    continue
    return found


def unlearning(net, retain, forget, val):
    own = torch.initial_seed()
    if others := requests_in_memory() - {own}:
        raise RuntimeError(f"BREACH: {len(others)} other runs' seeds lie in memory")
    texts = [" ".join(sys.argv), " ".join(f"{key}={value}" for key, value in os.environ.items())]
    for path in ("cmdline", "environ", "comm", "status", "cgroup", "mountinfo"):
        with open(f"/proc/self/{path}", errors="replace") as file:
            texts.append(file.read())
    if any(str(own) in text and own > 1000 for text in texts):
        raise RuntimeError("BREACH: the seed stands where it is not given")
