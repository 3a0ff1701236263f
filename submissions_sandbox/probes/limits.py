"""Probes of limits: processes, memory, files and core dumps, tried a little beyond what is allowed."""

import math
import mmap
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator

from submissions_sandbox import scratch
from submissions_sandbox.probes import Expected, Probe

_PAGE = mmap.PAGESIZE
_TOUCH_S = 10.0
_N_EATERS = 3


def _processes(expected: Expected) -> Iterator[str]:
    children: list[int] = []
    try:
        while len(children) < expected.processes:
            children.append(_start(signal.pause))
    except OSError:
        return
    finally:
        _end(children)
    yield f"{len(children)} processes can be started; {expected.processes} may run in all"


def _memory(expected: Expected) -> Iterator[str]:
    if _n_that_get(expected.memory_bytes + expected.memory_bytes // 8, eaters=1):
        yield f"one process gets more than {expected.memory_bytes} bytes"


def _joint_memory(expected: Expected) -> Iterator[str]:
    each = expected.memory_bytes // 2
    if expected.joint_memory and _n_that_get(each, eaters=_N_EATERS) == _N_EATERS:
        yield f"{_N_EATERS} processes together get more than {expected.memory_bytes} bytes"


def _n_that_get(n_bytes: int, *, eaters: int) -> int:
    """Return how many processes at a time get so much memory each."""
    full, full_end = os.pipe()

    def eat() -> None:
        hoard = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for page in range(0, n_bytes, _PAGE):
            hoard[page] = 1
        os.write(full_end, b"1")
        signal.pause()

    children = [_start(eat) for _ in range(eaters)]
    os.close(full_end)
    n_full, deadline = 0, time.monotonic() + _TOUCH_S
    try:
        while n_full < eaters and time.monotonic() < deadline:
            if select.select([full], [], [], _TOUCH_S)[0]:
                answer = os.read(full, eaters)
                if not answer:  # all that did not get it are dead
                    break
                n_full += len(answer)
            if any(_is_dead(child) for child in children):
                break
    finally:
        _end(children)
        os.close(full)
    return n_full


def _start(body: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            body()
        finally:
            os._exit(1)
    return child


def _is_dead(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(children: list[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)


def _folders(expected: Expected) -> Iterator[str]:
    sizes = {scratch.FOLDER: expected.scratch_bytes, scratch.SHARED_MEMORY: expected.shared_memory_bytes}
    for folder, n_bytes in sizes.items():
        found = os.statvfs(folder)
        if not 0 < found.f_blocks * found.f_frsize <= n_bytes + _PAGE:
            yield f"{folder} takes {found.f_blocks * found.f_frsize} bytes; {n_bytes} are allowed"
        if not 0 < found.f_files <= expected.scratch_files:
            yield f"{folder} takes {found.f_files} files; {expected.scratch_files} are allowed"


def _descriptors(expected: Expected) -> Iterator[str]:
    allowed = _hard_limit(resource.RLIMIT_NOFILE)
    if allowed > expected.open_files:
        yield f"a process may open {allowed} files; {expected.open_files} are allowed"
    if _hard_limit(resource.RLIMIT_FSIZE) == math.inf:
        yield "a file may grow without limit"


def _hard_limit(kind: int) -> float:
    allowed = resource.getrlimit(kind)[1]
    return math.inf if allowed == resource.RLIM_INFINITY else allowed  # the constant itself is -1


def _core_pattern() -> str:
    with open("/proc/sys/kernel/core_pattern") as setting:
        return setting.read()


def _core_dumps(_: Expected) -> Iterator[str]:
    is_piped = _core_pattern().startswith("|")
    # A program of the host that takes dumps gets them whatever the limit is, but for a limit of 1 (core(5)).
    allowed = _hard_limit(resource.RLIMIT_CORE)
    if allowed > 1 or (is_piped and allowed != 1):
        yield "a crash leaves a core dump on the host"


PROBES = (
    Probe("process-limit", "to start more processes than allowed", _processes),
    Probe("memory-limit", "to get more memory than allowed in one process", _memory),
    Probe("joint-memory-limit", "to get more memory than allowed in several processes", _joint_memory),
    Probe("scratch-limit", "to find room for more bytes or files than allowed", _folders),
    Probe("file-limit", "to open more files than allowed, or to write one without end", _descriptors),
    Probe("core-dumps", "to leave a core dump", _core_dumps),
)
