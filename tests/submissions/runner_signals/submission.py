"""Sends every signal to PID 1 by every call, and tries to change its settings."""

import contextlib
import ctypes
import fcntl
import os
import platform
import resource
import signal
import time

LIBC = ctypes.CDLL(None, use_errno=True)
COLUMN = ("x86_64", "aarch64").index(platform.machine())
TKILL, TGKILL, SIGQUEUE, PIDFD_SEND = (200, 130), (234, 131), (129, 138), (424, 424)


def send(number):
    information = ctypes.create_string_buffer(128)
    ctypes.c_int.from_buffer(information, 0).value = number
    ctypes.c_int.from_buffer(information, 8).value = -1  # SI_QUEUE
    LIBC.syscall(TKILL[COLUMN], 1, number)
    LIBC.syscall(TGKILL[COLUMN], 1, 1, number)
    LIBC.syscall(SIGQUEUE[COLUMN], 1, number, information)
    for act in (lambda: os.kill(1, number), lambda: os.killpg(1, number)):
        with contextlib.suppress(OSError):
            act()
    with contextlib.suppress(OSError):
        signal.pidfd_send_signal(os.pidfd_open(1), number)


def send_by_descriptor(number):
    """Make the kernel send the signal, as news of a pipe that PID 1 is said to own."""
    read, write = os.pipe()
    with contextlib.suppress(OSError):
        fcntl.fcntl(read, fcntl.F_SETOWN, 1)
        fcntl.fcntl(read, 10, number)  # F_SETSIG
        fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        os.write(write, b"x")


def meddle():
    for act in (
        lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3)),
        lambda: resource.prlimit(1, resource.RLIMIT_CPU, (1, 1)),
        lambda: os.sched_setaffinity(1, {0}),
        lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),
        lambda: os.setpriority(os.PRIO_PROCESS, 1, 19),
    ):
        try:
            act()
        except OSError:
            continue
        yield "a setting of PID 1"


def unlearning(net, retain, forget, val):
    for number in range(1, 65):
        send(number)
        send_by_descriptor(number)
    time.sleep(0.2)
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)  # all but PID 1 and the caller, so nobody
    if found := list(meddle()):
        raise RuntimeError(f"BREACH: {found}")
