"""Looks into PID 1, which has read the inputs, holds the worker's channel and knows the seeds."""

import contextlib
import ctypes
import os
import platform

LIBC = ctypes.CDLL(None, use_errno=True)
COLUMN = ("x86_64", "aarch64").index(platform.machine())
FILES = (
    "environ",
    "maps",
    "smaps",
    "mem",
    "stack",
    "syscall",
    "auxv",
    "pagemap",
    "io",
    "personality",
    "timers",
)
FOLDERS = ("fd", "fdinfo", "map_files", "ns")
PTRACE_SEIZE, SELF = 0x4206, "/proc/1/task/1"


def read():
    for base in ("/proc/1", SELF):
        for name in FILES:
            with contextlib.suppress(OSError), open(f"{base}/{name}", "rb", buffering=0) as file:
                if name != "mem":
                    file.read(64)
                yield name
        for name in FOLDERS:
            with contextlib.suppress(OSError):
                entries = os.listdir(f"{base}/{name}")
                os.readlink(f"{base}/{name}/{entries[0]}")
                yield name
    for name in ("cwd", "root", "exe"):
        with contextlib.suppress(OSError):
            os.readlink(f"/proc/1/{name}")
            yield name


def written():
    for name in ("mem", "oom_score_adj", "oom_adj", "coredump_filter", "clear_refs", "comm"):
        with contextlib.suppress(OSError):
            os.close(os.open(f"/proc/1/{name}", os.O_WRONLY))
            yield f"{name} for writing"


def called():
    buffer = ctypes.create_string_buffer(4096)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 16)
    if LIBC.syscall((310, 270)[COLUMN], 1, vector, 1, vector, 1, 0) >= 0:
        yield "process_vm_readv"
    if LIBC.syscall((101, 117)[COLUMN], PTRACE_SEIZE, 1, 0, 0) == 0:
        yield "ptrace"
    with contextlib.suppress(OSError):
        process = os.pidfd_open(1)
        if LIBC.syscall(438, process, 0, 0) >= 0:
            yield "pidfd_getfd"


def unlearning(net, retain, forget, val):
    found = sorted({*read(), *written(), *called()})
    raise RuntimeError(f"BREACH: {', '.join(found)}" if found else "held")
