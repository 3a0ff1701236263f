"""The filter's meaning, on both machines it knows, by a small interpreter of classic BPF."""

import errno
import platform
import struct

import pytest

from submissions_sandbox.seccomp import filter_program

_X86_64, _AARCH64 = 0xC000003E, 0xC00000B7
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_CALLS = {  # name: (x86_64, aarch64), from the kernel's own tables
    "read": (0, 63),
    "execve": (59, 221),
    "futex": (202, 98),
    "memfd_create": (319, 279),
    "ptrace": (101, 117),
    "process_vm_writev": (311, 271),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "open_by_handle_at": (304, 265),
    "shmget": (29, 194),
    "mq_open": (240, 180),
    "socket": (41, 198),
    "clone": (56, 220),
    "clone3": (435, 435),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
}
_MACHINES = [("x86_64", 0, _X86_64), ("aarch64", 1, _AARCH64)]


def _decide(machine: str, arch: int, number: int, *arguments: int) -> int:
    """Run the filter over one system call and return its verdict."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *(arguments + (0,) * (6 - len(arguments))))
    program = list(struct.iter_unpack("HBBI", filter_program(machine)))
    value, position = 0, 0
    while True:
        code, if_true, if_false, operand = program[position]
        position += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
            continue
        holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
        position += if_true if holds else if_false


@pytest.mark.parametrize(("machine", "column", "arch"), _MACHINES)
@pytest.mark.parametrize("call", ["read", "execve", "futex", "memfd_create"])
def test_ordinary_call_is_allowed(machine: str, column: int, arch: int, call: str) -> None:
    assert _decide(machine, arch, _CALLS[call][column]) == _ALLOW


@pytest.mark.parametrize(("machine", "column", "arch"), _MACHINES)
@pytest.mark.parametrize("call", list(_CALLS)[4:19])
def test_dangerous_call_is_denied(machine: str, column: int, arch: int, call: str) -> None:
    assert _decide(machine, arch, _CALLS[call][column]) == _ERRNO | errno.EPERM


@pytest.mark.parametrize(("machine", "column", "arch"), _MACHINES)
def test_socket_of_any_family_but_unix_is_denied(machine: str, column: int, arch: int) -> None:
    allowed = [f for f in range(50) if _decide(machine, arch, _CALLS["socket"][column], f) == _ALLOW]
    assert allowed == [1]


@pytest.mark.parametrize(("machine", "column", "arch"), _MACHINES)
def test_clone_makes_processes_and_threads_but_no_namespaces(machine: str, column: int, arch: int) -> None:
    number = _CALLS["clone"][column]
    fork, thread = 0x01200011, 0x003D0F00
    assert _decide(machine, arch, number, fork) == _decide(machine, arch, number, thread) == _ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert _decide(machine, arch, number, fork | flag) == _ERRNO | errno.EPERM
    assert _decide(machine, arch, _CALLS["clone3"][column]) == _ERRNO | errno.ENOSYS


@pytest.mark.parametrize(("machine", "column", "arch"), _MACHINES)
@pytest.mark.parametrize("call", ["prlimit64", "sched_setaffinity"])
def test_settings_of_another_process_are_denied(machine: str, column: int, arch: int, call: str) -> None:
    number = _CALLS[call][column]
    assert _decide(machine, arch, number, 0) == _ALLOW
    assert _decide(machine, arch, number, 1) == _ERRNO | errno.EPERM


@pytest.mark.parametrize(
    ("machine", "arch"), [("x86_64", _AARCH64), ("aarch64", _X86_64), ("x86_64", 0x40000003)]
)
def test_call_of_another_architecture_kills(machine: str, arch: int) -> None:
    assert _decide(machine, arch, 0) == _KILL


def test_x32_call_kills() -> None:
    assert _decide("x86_64", _X86_64, 0x40000000) == _KILL


def test_unknown_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        filter_program("riscv64")


def test_this_machine_has_a_filter() -> None:
    assert filter_program(platform.machine())
