"""Speaks to the worker in the runner's place, over any descriptor that leads there."""

import contextlib
import json
import os
import struct
import time

HEADER = struct.Struct(">BQ")
LOG, FAILED = 17, 19


def frames():
    payload = json.dumps({"failure": "timeout", "message": "BREACH: forged"}).encode()
    return HEADER.pack(LOG, 0) + HEADER.pack(FAILED, len(payload)) + payload


def ways():
    for fd in range(3, 64):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{fd}").startswith(("pipe:", "socket:")):
                yield fd
    for process in ("1", str(os.getppid()), "1/task/1"):
        for fd in range(16):
            with contextlib.suppress(OSError):
                yield os.open(f"/proc/{process}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)


def unlearning(net, retain, forget, val):
    for fd in list(ways()):
        with contextlib.suppress(OSError):
            os.write(fd, frames())
    time.sleep(1)
