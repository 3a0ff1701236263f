"""Tries, from inside a sandbox, what its filter and its missing rights must refuse."""

import ctypes
import errno
import os
import platform
import resource
import signal
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_COLUMN = ("x86_64", "aarch64").index(platform.machine())
_DENIED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "shmget": (29, 194),
    "mq_open": (240, 180),
    "setpriority": (141, 140),
}
_CLONE, _CLONE3, _SOCKET = (56, 220), 435, (41, 198)
_CLONE_NEWUSER = 0x10000000


def _call(number, *arguments):
    ctypes.set_errno(0)
    result = _LIBC.syscall(number, *arguments)
    return result, ctypes.get_errno()


def unlearning(net, retain, forget, val):
    for name, numbers in _DENIED.items():
        assert _call(numbers[_COLUMN], 0, 0, 0, 0, 0, 0) == (-1, errno.EPERM), name
    for family in (2, 10, 16, 17, 40):  # IPv4, IPv6, netlink, packet, vsock
        assert _call(_SOCKET[_COLUMN], family, 2, 0)[0] == -1, family
    result, error = _call(_CLONE[_COLUMN], _CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if result == 0:
        os._exit(0)
    assert (result, error) == (-1, errno.EPERM)
    assert _call(_CLONE3, 0, 0) == (-1, errno.ENOSYS)
    _leave_pid_1_alone()
    _gain_nothing()


def _leave_pid_1_alone():
    for attempt in (
        lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3)),
        lambda: os.sched_setaffinity(1, {0}),
        lambda: os.listdir("/proc/1/fd"),
        Path("/proc/1/mem").read_bytes,
        Path("/proc/1/environ").read_bytes,
        lambda: Path("/proc/1/oom_score_adj").write_text("1000"),
    ):
        try:
            attempt()
        except PermissionError:
            continue
        raise AssertionError(attempt)


def _gain_nothing():
    for attempt in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.chroot("/")):
        try:
            attempt()
        except OSError:  # in a user namespace there may be no user 0 to become
            continue
        raise AssertionError(attempt)
