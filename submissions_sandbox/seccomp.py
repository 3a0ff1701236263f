"""The system calls that nothing in a sandbox may make, as a seccomp filter on the whole process tree."""

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
_ARCH_COLUMN = {"x86_64": 0, "aarch64": 1}

# name: (number on x86_64, number on aarch64)
_DENIED = {
    # reach into another process
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # large and often broken parts of the kernel
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    # another kernel, or more of this one
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    # state that outlives a run: key rings, System V objects, message queues
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # settings of PID 1, which the next run would inherit
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
}


class _Argument(NamedTuple):
    """A call that is allowed only with one value of one argument."""

    numbers: tuple[int, int]
    position: int
    allowed: int


_AF_UNIX = 1
_RESTRICTED = (
    _Argument((41, 198), 0, _AF_UNIX),  # socket: no other family, so no network of any kind
    _Argument((302, 261), 0, 0),  # prlimit64: the caller's own limits, not those of PID 1
    _Argument((203, 122), 0, 0),  # sched_setaffinity: likewise
    _Argument((142, 118), 0, 0),  # sched_setparam
    _Argument((144, 119), 0, 0),  # sched_setscheduler
    _Argument((314, 274), 0, 0),  # sched_setattr
)
_CLONE = (56, 220)
_CLONE3 = 435  # its flags lie in memory, out of a filter's sight; callers fall back to clone
_NEW_NAMESPACE = 0x7E020000  # CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
_X32_BIT = 0x40000000  # x86_64's second table of numbers for the same calls

_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45  # BPF_JMP | BPF_K with BPF_JEQ, BPF_JGE, BPF_JSET
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_OFFSET, _ARCH_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16  # struct seccomp_data
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", 0x20, 0, 0, offset)


def _jump(test: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", test, yes, no, value)


def _return(action: int) -> bytes:
    return struct.pack("HBBI", 0x06, 0, 0, action)


_DENY = _return(_ERRNO | errno.EPERM)


def filter_program(machine: str) -> bytes:
    """Return the classic-BPF program, an array of `struct sock_filter`.

    Args:
        machine: "x86_64" or "aarch64", as `platform.machine()` says it.

    Raises:
        ValueError: a machine whose system-call numbers are not known here.
    """
    if machine not in _AUDIT_ARCH:
        raise ValueError(f"no seccomp filter is known for {machine}")
    column = _ARCH_COLUMN[machine]
    program = _load(_ARCH_OFFSET) + _jump(_EQUAL, _AUDIT_ARCH[machine], yes=1) + _return(_KILL)
    program += _load(_NUMBER_OFFSET)
    program += _jump(_AT_LEAST, _X32_BIT, no=1) + _return(_KILL)
    program += _jump(_EQUAL, _CLONE3, no=1) + _return(_ERRNO | errno.ENOSYS)
    for numbers in _DENIED.values():
        program += _jump(_EQUAL, numbers[column], no=1) + _DENY
    for rule in _RESTRICTED:
        check = _jump(_EQUAL, rule.allowed, yes=1) + _DENY
        program += _argument_rule(rule.numbers[column], rule.position, check)
    check = _jump(_ANY_BIT, _NEW_NAMESPACE, no=1) + _DENY
    program += _argument_rule(_CLONE[column], 0, check)
    return program + _return(_ALLOW)


def install() -> None:
    """Put the filter on this process and everything it will fork; it cannot be taken off.

    Raises:
        OSError: the kernel refused it (for one, without "no new privileges").
    """

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    code = filter_program(platform.machine())
    program = Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refused the seccomp filter")


def _argument_rule(number: int, position: int, check: bytes) -> bytes:
    """Run `check` with the low half of an argument loaded, if the call is `number`."""
    body = _load(_ARGUMENTS_OFFSET + 8 * position) + check + _load(_NUMBER_OFFSET)
    return _jump(_EQUAL, number, no=len(body) // 8) + body
