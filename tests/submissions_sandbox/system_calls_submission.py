"""Tries, from inside a sandbox, what its filter and its missing rights must refuse."""

import ctypes
import errno
import mmap
import os
import platform
import resource
import signal
from pathlib import Path

from submissions_sandbox.system_calls import ALLOWED, CLONE3, NEWEST

_LIBC = ctypes.CDLL(None, use_errno=True)
_COLUMN = ("x86_64", "aarch64").index(platform.machine())
_NEWEST_OF_OLD_ENGINES = 440  # what libseccomp has known since 2.5
_BREAKPOINTS = {335, 336} if platform.machine() == "x86_64" else set()  # SIGILL, whatever a filter says
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_REFUSED = [  # each would end otherwise if the kernel looked at it: most of these descriptors are none
    *(
        ("socket", family, 2, 0) for family in (2, 10, 16, 17, 31, 38, 40)
    ),  # IP, netlink, packet, crypto, vsock…
    ("socketpair", 2, 1, 0, 0),
    *(("clone", flag | signal.SIGCHLD, 0, 0, 0, 0) for flag in (_CLONE_NEWUSER, _CLONE_NEWNET, 0x20000)),
    *(("prctl", option, 0, 0, 0, 0) for option in (35, 36, 47, 53, 62, 0x59616D61)),
    *(("ioctl", -1, request, 0) for request in (0x5412, 0x541C, 0x5423, 0x8933, 0xC020462A)),
    *(("sendto", -1, 0, 0, 1, 0, 0), ("sendmsg", -1, 0, 1), ("recvfrom", -1, 0, 0, 1, 0, 0)),
    *(("setsockopt", -1, 1, 26, 0, 0), ("setsockopt", -1, 6, 1, 0, 0)),
    *(("mmap", 0, 4096, 3, 0x40022, -1, 0), ("memfd_create", 0, 4)),
    *(("preadv2", -1, 0, 0, 0, 0, 8), ("pwritev2", -1, 0, 0, 0, 0, 8), ("fadvise64", -1, 0, 0, 4)),
    *(("madvise", 0, 0, 21), ("fcntl", -1, 1024, 0), ("fcntl", -1, 1026, 0), ("fcntl", -1, 1036, 0)),
    *(("prlimit64", 1, 7, 0, 0), ("sched_setaffinity", 1, 0, 0), ("sched_setscheduler", 1, 0, 0)),
    *(("setpriority", 0, 1, 0), ("setpriority", 2, 65532, 0)),
]
_LOOKED_AT = [  # the same calls, with what a program may ask
    *(
        ("socket", 1, 99, 0),
        ("prctl", 15, 0, 0, 0, 0),
        ("ioctl", -1, 0x5401, 0),
        ("sendto", -1, 0, 0, 0, 0, 0),
    ),
    *(("setsockopt", -1, 1, 7, 0, 0), ("mmap", 0, 0, 3, 0x22, -1, 0), ("memfd_create", 0, 1)),
    *(("sched_setaffinity", 0, 0, 0), ("setpriority", 0, 0, 0)),
    *(("preadv2", -1, 0, 0, 0, 0, 0), ("fadvise64", -1, 0, 0, 3), ("madvise", 0, 0, 4), ("fcntl", -1, 36, 0)),
]


def unlearning(net, retain, forget, val):
    refuses_all_but_the_table(newest=NEWEST)
    _kills_another_architecture()
    _leaves_pid_1_alone()
    _gains_nothing()


def refuses_all_but_the_table(newest=_NEWEST_OF_OLD_ENGINES):
    """Make every system call that is not allowed, up to `newest`, and some after it."""
    skipped = {numbers[_COLUMN] for numbers in ALLOWED.values()} | _BREAKPOINTS
    for number in range(newest + 100):
        if number in skipped:
            continue
        absent = number == CLONE3[_COLUMN] or number > NEWEST
        if number <= newest or absent:
            assert _errno_of(number, 0, 0, 0, 0, 0, 0) == (errno.ENOSYS if absent else errno.EPERM), number
    for name, *arguments in _REFUSED:
        assert _errno_of(ALLOWED[name][_COLUMN], *arguments) == errno.EPERM, (name, arguments)
    for name, *arguments in _LOOKED_AT:
        assert _errno_of(ALLOWED[name][_COLUMN], *arguments) != errno.EPERM, (name, arguments)


def _errno_of(number, *arguments):
    ctypes.set_errno(0)
    result = _LIBC.syscall(number, *map(ctypes.c_long, arguments))
    if result == 0 and number == ALLOWED["clone"][_COLUMN]:
        os._exit(0)
    return ctypes.get_errno()


def _kills_another_architecture():
    if platform.machine() != "x86_64":
        return
    x32_getpid = 0x40000000 + 39
    for call in (lambda: _LIBC.syscall(x32_getpid), _call_as_32_bit_program):
        child = os.fork()
        if child == 0:
            call()
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGSYS, call


def _call_as_32_bit_program():
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20 (getpid); int 0x80; ret
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def _leaves_pid_1_alone():
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


def _gains_nothing():
    for attempt in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.chroot("/")):
        try:
            attempt()
        except OSError:
            continue
        raise AssertionError(attempt)
