"""The filter that lets a process tree make the calls of `system_calls` only, as classic BPF."""

import ctypes
import errno
import platform
import struct

from submissions_sandbox.system_calls import (
    ALLOWED,
    CLONE3,
    MACHINES,
    NEWEST,
    Alternatives,
    Device,
    restricted,
)

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
_X32_BIT = 0x40000000  # x86_64's second table of numbers for the same calls

_EQUAL, _AT_LEAST = 0x15, 0x35  # BPF_JMP | BPF_K with BPF_JEQ, BPF_JGE
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_OFFSET, _ARCH_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16  # struct seccomp_data
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", 0x20, 0, 0, offset)


def _mask(bits: int) -> bytes:
    return struct.pack("HBBI", 0x54, 0, 0, bits)


def _jump(test: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", test, yes, no, value)


def _return(action: int) -> bytes:
    return struct.pack("HBBI", 0x06, 0, 0, action)


_REFUSED, _ABSENT = _return(_ERRNO | errno.EPERM), _return(_ERRNO | errno.ENOSYS)


def filter_program(machine: str, device: Device) -> bytes:
    """Return the classic-BPF program, an array of `struct sock_filter`.

    Args:
        machine: one of `MACHINES`.
        device: what a run computes on; a GPU's driver is spoken to by ioctl.

    Raises:
        ValueError: a machine whose system-call numbers are not known here.
    """
    if machine not in MACHINES:
        raise ValueError(f"no seccomp filter is known for {machine}")
    column, rules = MACHINES.index(machine), restricted(device)
    program = _load(_ARCH_OFFSET) + _jump(_EQUAL, _AUDIT_ARCH[machine], yes=1) + _return(_KILL)
    program += _load(_NUMBER_OFFSET)
    program += _jump(_AT_LEAST, _X32_BIT, no=1) + _return(_KILL)
    for name, alternatives in rules.items():
        body = _any_of(alternatives) + _REFUSED
        program += _jump(_EQUAL, _number(name, column), no=len(body) // 8) + body
    for name, numbers in ALLOWED.items():
        if name not in rules and numbers[column] is not None:
            program += _jump(_EQUAL, _number(name, column), no=1) + _return(_ALLOW)
    program += _jump(_EQUAL, CLONE3[column], no=1) + _ABSENT
    program += _jump(_AT_LEAST, NEWEST + 1, no=1) + _ABSENT
    return program + _REFUSED


def install(device: Device) -> None:
    """Put the filter on this process and everything it will fork; it cannot be taken off.

    Raises:
        OSError: the kernel refused it (for one, without "no new privileges").
    """

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    code = filter_program(platform.machine(), device)
    program = Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refused the seccomp filter")


def _number(name: str, column: int) -> int:
    number = ALLOWED[name][column]
    assert number is not None
    return number


def _any_of(alternatives: Alternatives) -> bytes:
    """Allow the call if all conditions of any one alternative hold; else go on after these instructions."""
    program = b""
    for conditions in alternatives:
        checks = [_load(_ARGUMENTS_OFFSET + 8 * one.argument) + _mask(one.mask) for one in conditions]
        for position, (check, one) in enumerate(zip(checks, conditions, strict=True)):
            to_next = 3 * (len(checks) - position - 1) + 1  # over the checks that follow, and the return
            program += check + _jump(_EQUAL, one.value, no=to_next)
        program += _return(_ALLOW)
    return program
