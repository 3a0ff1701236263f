"""Looks for seeds, the phase's secret and the run's index in all that a run can read, and guesses."""

import contextlib
import os
import re
import sys

import torch

REQUEST = re.compile(rb'\{"' + rb'seed": ?(\d{1,20})\}')
PIECE, OVERLAP = 1 << 22, 64


def requests_in_memory():
    """Return the seeds in requests that lie in this process's memory, the freed part of the heap included."""
    return {int(seed) for piece in memory() for seed in REQUEST.findall(piece)}


def memory():
    """Yield all that this process can write to, in pieces."""
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as file:
        for line in maps:
            addresses, rights = line.split()[:2]
            start, end = (int(part, 16) for part in addresses.split("-"))
            for place in range(start, end, PIECE) if "w" in rights else ():
                with contextlib.suppress(OSError):
                    file.seek(place)
                    yield file.read(min(end - place, PIECE + OVERLAP))


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
