"""Probes of files: what of the host shows, what can be written, and what an earlier run left."""

import builtins
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress

from submissions_sandbox import scratch
from submissions_sandbox.probes import Expected, Probe

_OURS = (scratch.FOLDER, scratch.SHARED_MEMORY)
_TRACE = "lethe-trace"
_OPEN_TO_ALL = {"/proc/sys/kernel/ns_last_pid"}  # by its mode; what is written to it needs a capability


def _hidden(expected: Expected) -> Iterator[str]:
    for path in expected.hidden:
        try:
            if os.listdir(path):
                yield f"{path} can be seen"
        except OSError:
            continue


def _mounts() -> dict[str, bool]:
    """Return {mount point: whether it may be written}; of mounts over each other the uppermost."""
    with open("/proc/self/mountinfo") as mounts:
        words = [line.split() for line in mounts]
    return {one[4]: "rw" in one[5].split(",") for one in words}


def _writable(_: Expected) -> Iterator[str]:
    mounts = _mounts()
    for point, may_be_written in mounts.items():
        if not may_be_written or point in _OURS or _is_of_kernel(point):
            continue
        for folder, inner, _names in os.walk(point):
            inner[:] = [name for name in inner if os.path.join(folder, name) not in mounts]
            if os.access(folder, os.W_OK):
                yield f"{folder} can be written to"


def _bound_files(_: Expected) -> Iterator[str]:
    for point in _mounts():
        is_known = point.startswith("/dev/") or _is_of_kernel(point)
        if not is_known and not os.path.isdir(point) and os.access(point, os.W_OK):
            yield f"{point}, a file of the host, can be written to"


def _is_of_kernel(path: str) -> bool:
    """Say whether another probe, that of the kernel's settings, looks there."""
    return path.startswith(("/proc", "/sys"))


def _kernel_settings(_: Expected) -> Iterator[str]:
    for top in ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi"):
        for folder, _folders, names in os.walk(top):
            if os.access(folder, os.W_OK):
                yield f"{folder} can be written to"
            paths = (os.path.join(folder, name) for name in names)
            yield from (
                f"{path} can be written to"
                for path in paths
                if path not in _OPEN_TO_ALL and os.access(path, os.W_OK)
            )
    for folder, _folders, _names in os.walk("/sys"):
        if os.access(folder, os.W_OK):
            yield f"{folder} can be written to"


def plant() -> None:
    """Leave traces wherever a run can, for the run after it to look for."""
    for folder in _OURS:
        with open(os.path.join(folder, _TRACE), "w") as file:
            file.write(_TRACE)
    os.environ[_TRACE] = _TRACE
    setattr(builtins, _TRACE, True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 256)  # whoever reads its output must not notice it
            for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(ending, signal.SIG_IGN)
            with suppress(OSError), socket.socket(socket.AF_UNIX) as left:
                left.bind(f"\0{_TRACE}")
                left.listen()
                signal.pause()
        os._exit(0)
    os.wait()


def _traces(_: Expected) -> Iterator[str]:
    for folder in _OURS:
        left = set(os.listdir(folder)) - {"submission.py"}
        if left:
            yield f"{folder} holds {', '.join(sorted(left))}"
    if _TRACE in os.environ or hasattr(builtins, _TRACE):
        yield "a variable of an earlier run is there"
    with suppress(OSError), socket.socket(socket.AF_UNIX) as one:
        one.connect(f"\0{_TRACE}")
        yield "a process of an earlier run answers"


PROBES = (
    Probe("host-files", "to list folders of the host", _hidden),
    Probe("writable-folders", "to find a folder to write to, besides scratch", _writable),
    Probe("writable-mounts", "to find a file of the host to write to", _bound_files),
    Probe("kernel-settings", "to write to a setting of the kernel", _kernel_settings),
)
IN_NEXT_RUN = (Probe("traces", "to find what the run before left behind", _traces),)
