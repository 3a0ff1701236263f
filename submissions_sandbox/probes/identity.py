"""Probes of who a run is: user, rights, environment, descriptors, and its sway over other processes."""

import ctypes
import hashlib
import os
import re
import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from submissions_sandbox.confinement import USER_ID
from submissions_sandbox.probes import Call, Expected, Probe, opens, reached

_SECRET = re.compile(
    r"^(LETHE|PG|AWS|AZURE|GOOGLE|CELERY|DATABASE|DOCKER|KUBERNETES)_?|TOKEN|SECRET|PASSW|CREDENTIAL"
)
_HARMLESS_FILES = re.compile(r"^(pipe:|/memfd:|/dev/(null|shm/)|/tmp/|/proc/|anon_inode:)")


def _user(_: Expected) -> Iterator[str]:
    if {*os.getresuid(), *os.getresgid()} != {USER_ID}:
        yield f"it runs as user {os.getresuid()}, group {os.getresgid()}"
    if 0 in os.getgroups():
        yield "it is in the group of root"


def _status() -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())


def _capabilities(_: Expected) -> Iterator[str]:
    status = _status()
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        if int(status[name], 16) != 0:
            yield f"{name} is {status[name]}"


def _privileges(_: Expected) -> Iterator[str]:
    value = _status()["NoNewPrivs"]
    if value != "1":
        yield f"NoNewPrivs is {value}: a set-user-id program would gain rights"


def _seccomp(_: Expected) -> Iterator[str]:
    value = _status()["Seccomp"]
    if value != "2":
        yield f"Seccomp is {value}: no filter is on"


def _environment(expected: Expected) -> Iterator[str]:
    for name, value in os.environ.items():
        code = hashlib.sha256(os.fsencode(f"{name}={value}")).hexdigest()
        if code in expected.environment or _SECRET.search(name):
            yield f"the variable {name} comes from outside"


def _descriptors(_: Expected) -> Iterator[str]:
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
            is_socket = stat.S_ISSOCK(os.fstat(int(number)).st_mode)
        except OSError:
            continue  # the listing's own
        if is_socket or not _HARMLESS_FILES.match(target):
            yield f"descriptor {number} is {target}"


def _runner(_: Expected) -> Iterator[str]:
    for name in ("mem", "environ", "maps", "auxv"):
        if opens(f"/proc/1/{name}"):
            yield f"/proc/1/{name} opens"
    looks: tuple[Callable[[], object], ...] = (
        lambda: os.listdir("/proc/1/fd"),
        lambda: os.readlink("/proc/1/cwd"),
        lambda: os.readlink("/proc/1/exe"),
        lambda: os.listdir("/proc/1/root/"),
    )
    for look, name in zip(looks, ("fd", "cwd", "exe", "root"), strict=True):
        try:
            look()
        except OSError:
            continue
        yield f"/proc/1/{name} can be followed"


def _tracing(_: Expected) -> Iterator[str]:
    here, target = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    vectors = [(ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8) for buffer in (here, target)]
    yield from reached(
        Call("ptrace", 101, 117, (0x4206, 1, 0, 0)),  # PTRACE_SEIZE
        Call("process_vm_readv", 310, 270, (os.getpid(), vectors[0], 1, vectors[1], 1, 0)),
        Call("process_vm_writev", 311, 271, (os.getpid(), vectors[0], 1, vectors[1], 1, 0)),
        Call("pidfd_getfd", 438, 438, (-1, 0, 0)),
        Call("kcmp", 312, 272, (os.getpid(), os.getpid(), 0, 0, 0)),
    )


def _processes(_: Expected) -> Iterator[str]:
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            yield f"process {name} is to be seen"


def _runner_settings(_: Expected) -> Iterator[str]:
    attempts: dict[str, Callable[[], object]] = {
        "limits": lambda: resource.prlimit(
            1, resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)
        ),
        "processors": lambda: os.sched_setaffinity(1, os.sched_getaffinity(0)),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, 1, os.getpriority(os.PRIO_PROCESS, 1)),
        "chance to be killed for memory": lambda: Path("/proc/1/oom_score_adj").write_text("1000"),
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except OSError:
            continue
        yield f"the {what} of PID 1 can be set"


PROBES = (
    Probe("user", "to be another user than the sandbox's own", _user),
    Probe("capabilities", "to hold a capability", _capabilities),
    Probe("no-new-privileges", "to gain rights from a program", _privileges),
    Probe("seccomp", "to run without a filter of system calls", _seccomp),
    Probe("environment", "to find a variable of the worker's", _environment),
    Probe("descriptors", "to find a descriptor left open", _descriptors),
    Probe("runner", "to read memory, environment and files of PID 1", _runner),
    Probe("tracing", "to trace a process, or to reach into one", _tracing),
    Probe("processes", "to see processes of others", _processes),
    Probe("runner-settings", "to change settings of PID 1 that the next run inherits", _runner_settings),
)
