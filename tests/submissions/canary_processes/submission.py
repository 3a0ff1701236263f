"""Reads every other process that any procfs in sight shows."""

import contextlib
import os
import re

CANARY = re.compile(rb"LETHE-CANARY-[a-z]+-[0-9a-f]{32}")
FILES = ("environ", "cmdline", "maps", "stack", "syscall", "wchan", "auxv", "limits", "mountinfo")
LINKS = ("cwd", "root", "exe")


def proc_mounts():
    with open("/proc/self/mounts") as mounts:
        fields = [line.split() for line in mounts]
    return {field[1] for field in fields if field[2] == "proc" and field[1].count("/") == 1}


def processes():
    own = {1, os.getpid()}
    for proc in proc_mounts():
        for name in os.listdir(proc):
            if name.isdigit() and not (proc == "/proc" and int(name) in own):
                yield f"{proc}/{name}"


def canaries(process):
    for file in FILES:
        with contextlib.suppress(OSError), open(f"{process}/{file}", "rb") as content:
            if found := CANARY.search(content.read()):
                yield f"{file}: {found[0].decode()}"
    for link in LINKS:
        with contextlib.suppress(OSError):
            os.listdir(f"{process}/{link}/")
            yield link


def unlearning(net, retain, forget, val):
    others = list(processes())
    found = {name for process in others for name in canaries(process)}
    if others or found:
        raise RuntimeError(f"BREACH: {len(others)} processes, {sorted(found)}")
    raise RuntimeError("held")
