"""Reads its own environment, command line and kernel-given words for what the worker's hold."""

import os
import re

CANARY = re.compile(r"LETHE-CANARY-[a-z]+-[0-9a-f]{32}")
SECRET = re.compile(r"LETHE|DATABASE|BROKER|TOKEN|PASSWORD|SECRET|AWS_|_KEY\b|PROXY", re.IGNORECASE)


def initial():
    """Read the environment as the kernel gave it, before Python or anybody unset a name."""
    with open("/proc/self/environ", "rb") as file:
        return [entry.decode(errors="replace") for entry in file.read().split(b"\0") if entry]


def unlearning(net, retain, forget, val):
    entries = {*initial(), *(f"{name}={value}" for name, value in os.environ.items())}
    with open("/proc/self/cmdline") as file:
        entries |= {*file.read().split("\0")}
    found = [entry for entry in entries if CANARY.search(entry) or SECRET.search(entry.partition("=")[0])]
    paths = [entry for entry in entries if re.search(r"/home/|/root|\.lethe|venv", entry)]
    raise RuntimeError(f"BREACH: {found + paths}" if found or paths else "held")
