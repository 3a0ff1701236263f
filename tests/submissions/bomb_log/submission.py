"""Prints without end and without a newline, a byte at a time, from a process that would outlive the run."""

import os
import sys

ENOUGH = 16 * 4096  # the phase's log is 4096 bytes


def unlearning(net, retain, forget, val):
    child = os.fork()
    if child == 0:
        os.setsid()
        for number in range(ENOUGH):
            os.write(1 + number % 2, b"x")
        os._exit(7)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7:
        print("y" * ENOUGH, end="")
        sys.stdout.flush()
        raise RuntimeError("BREACH: all of it was taken")
