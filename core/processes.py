"""What a process and the parent that watches over it agree on."""

import ctypes
import signal

_LIBC = ctypes.CDLL(None)  # before any fork: a child must not have to load it
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Let the kernel kill this process when the one that started it ends, however it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
