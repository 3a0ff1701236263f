"""What the probes of a self-test share: what they are told, how they call the kernel, how they fork."""

import ctypes
import errno
import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

LIBC = ctypes.CDLL(None, use_errno=True)

_REFUSALS = {errno.EPERM, errno.EACCES, errno.ENOSYS}
_COLUMN = {"x86_64": 0, "aarch64": 1}


@dataclass(frozen=True)
class Expected:
    """What the worker tells the probes.

    Attributes:
        digest: of the worker's own copy of this package.
        hidden: paths of the host of which nothing may show.
        environment: SHA-256 of each `NAME=value` of the worker's that no sandbox is given.
        abstract_socket: name of an abstract socket on which the worker listens.
        loopback_port: port on which the worker listens on the host's loopback address.
        memory_bytes: limit of memory.
        joint_memory: whether that limit holds for all processes together, not only for each.
        processes: limit of processes.
        scratch_bytes: size of the scratch folder.
        scratch_files: how many files that and /dev/shm may hold each.
        shared_memory_bytes: size of /dev/shm.
        open_files: limit of open descriptors.
    """

    digest: str
    hidden: list[str]
    environment: list[str]
    abstract_socket: str
    loopback_port: int
    memory_bytes: int
    joint_memory: bool
    processes: int
    scratch_bytes: int
    scratch_files: int
    shared_memory_bytes: int
    open_files: int


class Probe(NamedTuple):
    """One thing that a submission might try; `look` yields what it reached: nothing, if all holds."""

    name: str
    tries: str
    look: Callable[[Expected], Iterable[str]]


class Call(NamedTuple):
    """A system call, by its numbers on x86_64 and aarch64: a table apart from that of the filter it tests."""

    name: str
    x86_64: int
    aarch64: int
    arguments: tuple[object, ...] = ()


def reached(*calls: Call) -> Iterable[str]:
    """Make system calls and yield those that the kernel did not refuse outright."""
    for call in calls:
        arguments = [_long(argument) for argument in call.arguments]
        ctypes.set_errno(0)
        number = (call.x86_64, call.aarch64)[_COLUMN[platform.machine()]]
        if LIBC.syscall(ctypes.c_long(number), *arguments) != -1:
            yield f"{call.name} works"
        elif ctypes.get_errno() not in _REFUSALS:
            # The kernel looked at the arguments: nothing had turned the call away before.
            yield f"{call.name} is let through ({errno.errorcode[ctypes.get_errno()]})"


def in_child(attempt: Callable[[], Iterable[str]]) -> list[str]:
    """Return what `attempt` yields in a forked child, which then ends: it may change the process for good."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, "\n".join(attempt()).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as stream:
        found = stream.read().decode()
    os.waitpid(child, 0)
    return found.splitlines()


def opens(path: str) -> bool:
    """Say whether a file can be opened for reading."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _long(argument: object) -> object:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument
