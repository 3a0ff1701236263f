"""The filter's meaning, on both machines it knows, by a small interpreter of classic BPF."""

import errno
import platform
import struct
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from submissions_sandbox.seccomp import filter_program
from submissions_sandbox.system_calls import ALLOWED, CLONE3, NEWEST, Device, restricted

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_REFUSED, _ABSENT = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS


class Machine(NamedTuple):
    name: str
    column: int
    arch: int


_MACHINES = [Machine("x86_64", 0, 0xC000003E), Machine("aarch64", 1, 0xC00000B7)]
_X86_64, _AARCH64 = _MACHINES
machines = pytest.mark.parametrize("machine", _MACHINES, ids=lambda machine: machine.name)


def _read_kernels_table() -> dict[str, tuple[int | None, int | None]]:
    lines = Path(__file__).with_name("linux_6.18_system_calls.txt").read_text().splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {name: tuple(None if n == "-" else int(n) for n in numbers) for name, *numbers in rows}


_KERNEL = _read_kernels_table()


@cache
def _program(machine: str, device: Device) -> list[tuple[int, ...]]:
    return list(struct.iter_unpack("HBBI", filter_program(machine, device)))


def _decide(
    machine: Machine, number: int, *arguments: int, arch: int | None = None, device: Device = "cpu"
) -> int:
    """Run the filter over one system call and return its verdict."""
    filled = arguments + (0,) * (6 - len(arguments))
    data = struct.pack("<IIQ6Q", number, machine.arch if arch is None else arch, 0, *filled)
    program = _program(machine.name, device)
    value, position = 0, 0
    while True:
        code, if_true, if_false, operand = program[position]
        position += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            value &= operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand}[code]
            position += if_true if holds else if_false


def _call(machine: Machine, name: str, *arguments: int, device: Device = "cpu") -> int:
    number = _KERNEL[name][machine.column]
    assert number is not None
    return _decide(machine, number, *arguments, device=device)


def test_table_has_the_kernels_numbers() -> None:
    assert {name: _KERNEL[name] for name in ALLOWED} == ALLOWED
    assert _KERNEL["clone3"] == CLONE3
    assert max(number for numbers in _KERNEL.values() for number in numbers if number) == NEWEST


@machines
def test_every_call_that_is_not_in_the_table_is_refused(machine: Machine) -> None:
    named = {numbers[machine.column]: name for name, numbers in _KERNEL.items()}
    rules = restricted("cpu")
    for number in range(NEWEST + 1):
        name = named.get(number)
        if name == "clone3":
            assert _decide(machine, number) == _ABSENT
        elif name not in rules:
            assert _decide(machine, number) == (_ALLOW if name in ALLOWED else _REFUSED), (number, name)


@machines
def test_call_that_is_newer_than_the_table_does_not_exist(machine: Machine) -> None:
    assert {_decide(machine, number) for number in range(NEWEST + 1, NEWEST + 200)} == {_ABSENT}


@machines
@pytest.mark.parametrize(
    "name",
    [
        *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
        *("io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "io_submit"),
        *("bpf", "perf_event_open", "userfaultfd", "seccomp", "memfd_secret", "personality"),
        *("splice", "tee", "vmsplice", "sync", "syncfs", "inotify_init1", "fanotify_init"),
        *("mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_tree", "move_mount"),
        *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "statmount", "listmount"),
        *("name_to_handle_at", "open_by_handle_at", "setxattr", "quotactl"),
        *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot"),
        *("add_key", "request_key", "keyctl", "shmget", "shmat", "semget", "msgget", "mq_open"),
        *("ioprio_set", "capset", "setuid", "setgroups", "syslog", "acct", "swapon", "clock_settime"),
        *("mincore", "cachestat", "readahead", "sync_file_range", "openat2"),
        *("mbind", "move_pages", "migrate_pages", "set_mempolicy", "get_robust_list"),
    ],
)
def test_dangerous_call_is_refused_whatever_its_arguments(machine: Machine, name: str) -> None:
    for arguments in ((0,) * 6, (1,) * 6, (2**64 - 1,) * 6):
        assert _call(machine, name, *arguments) == _REFUSED


@machines
@pytest.mark.parametrize("name", ["socket", "socketpair"])
def test_socket_of_any_family_but_unix_is_refused(machine: Machine, name: str) -> None:
    assert [family for family in range(50) if _call(machine, name, family) == _ALLOW] == [1]


@machines
def test_clone_makes_processes_and_threads_but_no_namespaces(machine: Machine) -> None:
    fork, thread = 0x01200011, 0x003D0F00
    assert _call(machine, "clone", fork) == _call(machine, "clone", thread) == _ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert _call(machine, "clone", fork | flag) == _REFUSED


@machines
@pytest.mark.parametrize(
    "name", ["prlimit64", "sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr"]
)
def test_settings_of_another_process_are_refused(machine: Machine, name: str) -> None:
    assert _call(machine, name, 0) == _ALLOW
    assert _call(machine, name, 1) == _call(machine, name, 2**32 - 1) == _REFUSED


@machines
def test_priority_of_another_process_group_or_user_is_refused(machine: Machine) -> None:
    assert _call(machine, "setpriority", 0, 0, 10) == _ALLOW
    for which, who in ((0, 1), (1, 0), (2, 0), (2, 65532)):
        assert _call(machine, "setpriority", which, who, 10) == _REFUSED


@machines
def test_prctl_takes_harmless_options_only(machine: Machine) -> None:
    allowed = [option for option in range(100) if _call(machine, "prctl", option) == _ALLOW]
    assert allowed == [1, 2, 3, 4, 15, 16, 21, 22, 23, 29, 30, 38, 39, 41, 42, 51]
    assert _call(machine, "prctl", 0x59616D61) == _REFUSED  # PR_SET_PTRACER
    assert _call(machine, "prctl", 0x53564D41) == _ALLOW  # PR_SET_VMA


@machines
def test_ioctl_asks_descriptors_but_types_nothing_into_a_terminal(machine: Machine) -> None:
    allowed = [request for request in range(0x10000) if _call_ioctl(machine, request) == _ALLOW]
    assert allowed == [0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x5452]
    assert _call_ioctl(machine, 0x802C542A) == _ALLOW  # TCGETS2
    assert _call_ioctl(machine, 0xC020462A) == _REFUSED  # NV_ESC_RM_CONTROL


@machines
def test_ioctl_speaks_to_nvidias_driver_only_where_a_run_has_a_gpu(machine: Machine) -> None:
    for request in (0xC020462A, 0xC00846D6, 0x1B, 0x30000001, 0x5401):
        assert _call_ioctl(machine, request, "cuda") == _ALLOW
    for request in (0x5412, 0x541C, 0x5423, 0x8933, 0x30000003):  # TIOCSTI, TIOCLINUX, TIOCSETD, SIOCGIFINDEX
        assert _call_ioctl(machine, request, "cuda") == _REFUSED


def _call_ioctl(machine: Machine, request: int, device: Device = "cpu") -> int:
    return _call(machine, "ioctl", 3, request, device=device)


@machines
@pytest.mark.parametrize(
    ("name", "position"), [("sendto", 3), ("recvfrom", 3), ("sendmsg", 2), ("recvmsg", 2), ("sendmmsg", 3)]
)
def test_out_of_band_data_is_refused(machine: Machine, name: str, position: int) -> None:
    before = (3,) * position
    assert _call(machine, name, *before, 0x4040) == _ALLOW
    assert _call(machine, name, *before, 0x4041) == _REFUSED


@machines
def test_socket_option_that_loads_a_filter_is_refused(machine: Machine) -> None:
    assert _call(machine, "setsockopt", 3, 1, 7) == _ALLOW
    for level, option in ((1, 26), (1, 50), (1, 51), (1, 52), (6, 7), (0, 7), (41, 7)):
        assert _call(machine, "setsockopt", 3, level, option) == _REFUSED


@machines
def test_fcntl_locks_and_duplicates_but_watches_no_file(machine: Machine) -> None:
    allowed = [command for command in range(2048) if _call(machine, "fcntl", 3, command) == _ALLOW]
    assert allowed == [*range(12), 15, 16, 36, 37, 38, 1030, 1031, 1032, 1033, 1034]


@machines
def test_advice_that_takes_files_out_of_the_page_cache_is_refused(machine: Machine) -> None:
    assert [n for n in range(10) if _call(machine, "fadvise64", 3, 0, 0, n) == _ALLOW] == [0, 1, 2, 3, 5]
    allowed = [advice for advice in range(200) if _call(machine, "madvise", 0, 4096, advice) == _ALLOW]
    assert allowed == [0, 1, 2, 3, 4, 8, 10, 11, *range(14, 20), 22, 23, 102, 103]


@machines
@pytest.mark.parametrize("name", ["preadv2", "pwritev2"])
def test_read_that_asks_whether_a_file_is_in_memory_is_refused(machine: Machine, name: str) -> None:
    assert _call(machine, name, 3, 0, 1, 0, 0, 0) == _ALLOW
    for flag in (0x1, 0x8, 0x80):  # RWF_HIPRI, RWF_NOWAIT, RWF_DONTCACHE
        assert _call(machine, name, 3, 0, 1, 0, 0, flag) == _REFUSED


@machines
def test_huge_pages_of_the_machine_are_refused(machine: Machine) -> None:
    assert _call(machine, "mmap", 0, 4096, 3, 0x22) == _call(machine, "memfd_create", 0, 1) == _ALLOW
    assert _call(machine, "mmap", 0, 4096, 3, 0x40022) == _call(machine, "memfd_create", 0, 5) == _REFUSED


@pytest.mark.parametrize(("machine", "arch"), [(_X86_64, 0xC00000B7), (_X86_64, 0x40000003), (_AARCH64, 0)])
def test_call_of_another_architecture_kills(machine: Machine, arch: int) -> None:
    assert _decide(machine, 0, arch=arch) == _KILL


def test_x32_call_kills() -> None:
    assert _decide(_X86_64, 0x40000000) == _KILL


def test_unknown_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        filter_program("riscv64", "cpu")


def test_this_machine_has_a_filter() -> None:
    assert filter_program(platform.machine(), "cpu")
