"""Opens a socket of every family and kind but AF_UNIX, by the call and by tricks with its arguments."""

import ctypes
import os
import platform
import socket

LIBC = ctypes.CDLL(None, use_errno=True)
COLUMN = ("x86_64", "aarch64").index(platform.machine())
SOCKET, SOCKETPAIR = (41, 198)[COLUMN], (53, 199)[COLUMN]
KINDS = (1, 2, 3, 5)  # stream, datagram, raw, sequenced
NAMES = {int(family): family.name for family in socket.AddressFamily}
HIGH_BITS = 1 << 32  # the kernel ignores them; a filter that compares all 64 bits would not


def opens(number, *arguments):
    result = LIBC.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if result >= 0:
        os.close(result)
    return result >= 0


def opened():
    for family in range(64):
        if family == socket.AF_UNIX:
            continue
        for kind in KINDS:
            for high in (0, HIGH_BITS):
                if opens(SOCKET, family | high, kind, 0):
                    yield NAMES.get(family, f"family {family}")
    pair = (ctypes.c_int * 2)()
    for family in (socket.AF_INET, socket.AF_TIPC):
        if LIBC.syscall(SOCKETPAIR, int(family), 1, 0, pair) == 0:
            yield f"a pair of {family.name}"


def interfaces():
    with open("/proc/net/dev") as lines:
        names = {line.split(":")[0].strip() for line in lines if ":" in line}
    return [f"interface {name}" for name in names - {"lo"}]


def unlearning(net, retain, forget, val):
    found = sorted({*opened(), *interfaces()})
    raise RuntimeError(f"BREACH: {', '.join(found)}" if found else "held")
