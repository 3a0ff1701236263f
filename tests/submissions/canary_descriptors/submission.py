"""Reads and reopens every descriptor that it was born with, and looks for a terminal."""

import contextlib
import fcntl
import os
import re
import termios

CANARY = re.compile(rb"LETHE-CANARY-[a-z]+-[0-9a-f]{32}")


def contents(fd):
    with contextlib.suppress(OSError):
        yield os.pread(fd, 1 << 16, 0)
    with contextlib.suppress(OSError):
        again = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK)
        yield os.read(again, 1 << 16)
        os.close(again)


def canaries():
    for fd in range(4096):
        for content in contents(fd):
            if CANARY.search(content):
                yield f"descriptor {fd}"


def strangers():
    """Name what is neither a pipe, nor the file of the weights, nor the null device."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")
            if not target.startswith(("pipe:", "/memfd:weights", "/dev/null", "/proc/")):
                yield target


def terminals():
    for path in ("/dev/tty", "/dev/console", "/dev/ptmx"):
        with contextlib.suppress(OSError):
            fcntl.ioctl(os.open(path, os.O_RDWR | os.O_NOCTTY), termios.TIOCSTI, b"\n")
            yield f"typed into {path}"
    for fd in range(3):
        with contextlib.suppress(OSError):
            fcntl.ioctl(fd, termios.TIOCSTI, b"\n")
            yield f"typed into descriptor {fd}"


def unlearning(net, retain, forget, val):
    found = [*strangers(), *canaries(), *terminals()]
    raise RuntimeError(f"BREACH: {', '.join(found)}" if found else "held")
