"""Probes of the kernel: namespaces, mounts, devices, and the parts that a run has no use for."""

import ctypes
import os
import signal
import stat
import time
from collections.abc import Iterator

from submissions_sandbox.probes import Call, Expected, Probe, in_child, opens, reached

_NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "host name": 0x04000000,
    "IPC": 0x08000000,
    "user": 0x10000000,
    "PID": 0x20000000,
    "network": 0x40000000,
    "time": 0x00000080,
}
_HARMLESS_DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
_PRIVATE_FILES = ("/proc/kcore", "/proc/kmsg", "/proc/sysrq-trigger", "/dev/mem", "/dev/kmsg", "/dev/fuse")
_HERE = b"/tmp"


def _namespaces(_: Expected) -> Iterator[str]:
    for name, flag in _NAMESPACES.items():
        if in_child(lambda flag=flag: reached(Call("unshare", 272, 97, (flag,)))):  # type: ignore[misc]
            yield f"a new {name} namespace can be made by unshare"
        if name != "time" and _clones(flag):
            yield f"a new {name} namespace can be made by clone"
    yield from reached(Call("setns", 308, 268, (-1, 0)))


def _clones(flag: int) -> bool:
    """Say whether a process can be started in a new namespace."""

    def attempt() -> Iterator[str]:
        process = os.getpid()
        found = list(reached(Call("clone", 56, 220, (flag | signal.SIGCHLD, 0, 0, 0, 0))))
        if os.getpid() != process or os.getppid() == process:
            os._exit(0)  # the clone itself
        yield from found

    return bool(in_child(attempt))


def _mounts(_: Expected) -> Iterator[str]:
    calls = (
        Call("mount", 165, 40, (b"none", _HERE, b"tmpfs", 0, 0)),
        Call("umount2", 166, 39, (_HERE, 0)),
        Call("pivot_root", 155, 41, (b"/no-such-folder", b"/no-such-folder")),
        Call("chroot", 161, 51, (_HERE,)),
        Call("fsopen", 430, 430, (b"tmpfs", 0)),
        Call("open_tree", 428, 428, (-100, b"/", 0)),
        Call("move_mount", 429, 429, (-1, b"", -1, b"", 0)),
        Call("mount_setattr", 442, 442, (-1, b"", 0, 0, 0)),
        Call("open_by_handle_at", 304, 265, (-1, 0, 0)),
    )
    yield from in_child(lambda: reached(*calls))


def _devices(_: Expected) -> Iterator[str]:
    for folder, _folders, names in os.walk("/dev"):
        for name in names:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            is_device = stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
            if is_device and name not in _HARMLESS_DEVICES and folder != "/dev/pts" and opens(path):
                yield f"the device {path} opens"
    try:
        os.mknod("/tmp/device", stat.S_IFBLK | 0o600, os.makedev(7, 0))  # noqa: S108
    except OSError:
        return
    yield "a device can be made"


def _private_files(_: Expected) -> Iterator[str]:
    yield from (f"{path} opens" for path in _PRIVATE_FILES if opens(path) or os.access(path, os.W_OK))


def _large_parts(_: Expected) -> Iterator[str]:
    nothing = ctypes.create_string_buffer(256)
    yield from reached(
        Call("io_uring_setup", 425, 425, (1, nothing)),
        Call("bpf", 321, 280, (0, nothing, 16)),
        Call("perf_event_open", 298, 241, (nothing, 0, -1, -1, 0)),
        Call("userfaultfd", 323, 282, (0,)),
    )


def _modules(_: Expected) -> Iterator[str]:
    yield from reached(
        Call("init_module", 175, 105, (0, 0, b"")),
        Call("finit_module", 313, 273, (-1, b"", 0)),
        Call("delete_module", 176, 106, (b"no-such-module", 0)),
        Call("kexec_load", 246, 104, (0, 0, 0, -1)),
        Call("syslog", 103, 116, (3, 0, 0)),  # SYSLOG_ACTION_READ_ALL
        Call("acct", 163, 89, (0,)),
        Call("swapon", 167, 224, (b"/no-such-file", 0)),
    )


def _clock(_: Expected) -> Iterator[str]:
    try:
        time.clock_settime_ns(time.CLOCK_REALTIME, time.clock_gettime_ns(time.CLOCK_REALTIME))
    except OSError:
        return
    yield "the clock can be set"


def _keys(_: Expected) -> Iterator[str]:
    yield from reached(
        Call("keyctl", 250, 219, (0, -4, 1)),  # the id of the user's own key ring
        Call("add_key", 248, 217, (b"user", b"lethe", b"x", 1, -1)),
        Call("request_key", 249, 218, (b"user", b"lethe", 0, 0)),
    )


def _system_v(_: Expected) -> Iterator[str]:
    yield from reached(
        Call("shmget", 29, 194, (0x1E7E, 1, 0)),
        Call("semget", 64, 190, (0x1E7E, 1, 0)),
        Call("msgget", 68, 186, (0x1E7E, 0)),
    )


def _message_queues(_: Expected) -> Iterator[str]:
    yield from reached(Call("mq_open", 240, 180, (b"lethe", 0, 0, 0)))


PROBES = (
    Probe("namespaces", "to make a namespace, or to enter one", _namespaces),
    Probe("mounts", "to mount, to unmount, to change the root", _mounts),
    Probe("devices", "to open a device, or to make one", _devices),
    Probe("private-files", "to open the kernel's memory and log", _private_files),
    Probe("large-parts", "to reach io_uring, bpf, perf and userfaultfd", _large_parts),
    Probe("modules", "to load a module or a kernel, to read the kernel's log", _modules),
    Probe("clock", "to set the clock", _clock),
    Probe("keys", "to keep something in a key ring", _keys),
    Probe("system-v", "to keep something in System V shared memory, semaphores or queues", _system_v),
    Probe("message-queues", "to keep something in a POSIX message queue", _message_queues),
)
