"""Forks until it is refused, or until it has many times the processes that it may have."""

import os
import signal
import time

ENOUGH = 200  # the phase allows 48


def unlearning(net, retain, forget, val):
    signal.alarm(0)
    started = 0
    try:
        while started < ENOUGH:
            if os.fork() == 0:
                time.sleep(30)
                os._exit(0)
            started += 1
    except OSError as error:
        raise RuntimeError(f"held at {started} by {type(error).__name__}") from None
    raise RuntimeError(f"BREACH: {started} processes")
