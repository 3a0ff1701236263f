"""Goes on past the time limit: deaf to every signal, in sessions of its own, stopped, and starting anew."""

import contextlib
import ctypes
import os
import signal
import threading
import time

LIMIT_S = 12  # the phase's


def be_deaf():
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)


def daemon(act):
    """Fork twice, into a session of its own, with no pipe left to the runner."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            be_deaf()
            os.closerange(0, 64)
            act()
        os._exit(0)


def respawn():
    """Be another process every few milliseconds."""
    while os.fork() == 0:
        time.sleep(0.005)
    os._exit(0)


def vfork():
    """Wait in the kernel for a child that does not end."""
    ctypes.CDLL(None).vfork() or time.sleep(1000)


def unlearning(net, retain, forget, val):
    started = time.monotonic()
    be_deaf()
    for act in (respawn, lambda: time.sleep(1000), lambda: os.kill(os.getpid(), signal.SIGSTOP), vfork):
        daemon(act)
    for _ in range(3):
        threading.Thread(target=time.sleep, args=(1000,)).start()
    print("still here")
    while time.monotonic() < started + 1.3 * LIMIT_S:
        time.sleep(0.1)
    raise RuntimeError(f"BREACH: ran for {time.monotonic() - started:.1f} s")
