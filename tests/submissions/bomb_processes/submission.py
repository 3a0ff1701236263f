"""Starts processes, then threads, until it is refused or has many times what it may have."""

import os
import signal
import threading
import time

ENOUGH = 200  # the phase allows 48


def fork():
    started = []
    try:
        while len(started) < ENOUGH:
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            started.append(child)
    except OSError:
        pass
    for child in started:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(started)


def start_threads():
    threading.stack_size(2**16)  # so that it is not their memory that is refused
    end, started = threading.Event(), 0
    try:
        while started < ENOUGH:
            threading.Thread(target=end.wait).start()
            started += 1
    except RuntimeError:  # "can't start new thread"
        pass
    end.set()
    return started


def unlearning(net, retain, forget, val):
    processes, threads = fork(), start_threads()
    word = "BREACH" if max(processes, threads) == ENOUGH else "held"
    raise RuntimeError(f"{word}: {processes} processes, {threads} threads")
