"""Leaves processes that outlive the run, with sockets and memory files in their hands."""

import os
import signal
import socket
import time

ADDRESS = "\0left-behind"


def unlearning(net, retain, forget, val):
    try:
        with socket.socket(socket.AF_UNIX) as earlier:
            earlier.connect(ADDRESS)
            told = earlier.recv(100)
        raise RuntimeError(f"BREACH: a process of an earlier run answers: {told!r}")
    except ConnectionRefusedError:
        pass
    others = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    if set(others) != {1, os.getpid()}:
        raise RuntimeError(f"BREACH: an earlier run left the processes {others}")
    ready, ready_end = os.pipe()
    for answer in (True, False, False):
        if os.fork() == 0:
            survive(ready_end, answer=answer)
    os.close(ready_end)
    assert os.read(ready, 1) == b"!"
    while os.read(ready, 100):
        pass


def survive(ready_end, *, answer):
    """Hide from everything that could end this process, and answer the next run."""
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    os.setpgid(0, 0)
    if answer:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(ADDRESS)
        listener.listen()
        os.write(ready_end, b"!")
    os.closerange(0, 3)
    for fd in range(3, 64):
        if not (answer and fd == listener.fileno()):
            try:
                os.close(fd)
            except OSError:
                continue
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if answer:
            connection, _ = listener.accept()
            connection.send(str(os.getpid()).encode())
        time.sleep(0.1)
    os._exit(0)
