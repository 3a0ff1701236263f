"""What this machine says of itself: whether bubblewrap's sandbox keeps its promises on its kernel."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

from core.settings import Settings
from submissions_sandbox.system_calls import MACHINES
from worker.sandboxes.base import Limits
from worker.sandboxes.bubblewrap import find_program
from worker.sandboxes.cgroup import Cgroup
from worker.sandboxes.escapes import find_escapes
from worker.sandboxes.findings import Finding

_SWAPS = Path("/proc/swaps")
_CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
_SECCOMP_ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")
_SYSCTLS = Path("/proc/sys")
_USER_NAMESPACES = (  # where an operator or a distribution forbids them
    _SYSCTLS / "user/max_user_namespaces",
    _SYSCTLS / "kernel/unprivileged_userns_clone",
)


def examine_bubblewrap(settings: Settings) -> list[Finding]:
    """Look at all that the promises of bubblewrap's sandbox rest on.

    Raises:
        SandboxUnavailableError: bubblewrap is missing.
    """
    machine = os.uname()
    known = machine.machine in MACHINES
    unknown = f"{machine.machine} has no list of system calls; use {' or '.join(MACHINES)}"
    asked = subprocess.run([find_program(), "--version"], capture_output=True, text=True, check=False)
    version = (asked.stdout.split() or ["unknown"])[-1]
    return [
        Finding("machine", known, machine.machine if known else unknown, "void"),
        _seccomp(),
        _user_namespaces(),
        examine_core_dumps(),
        *_limits(),
        find_escapes("bubblewrap", version, patched=settings.sandbox_patched),
        find_escapes("linux", machine.release, patched=settings.sandbox_patched),
    ]


def has_swap() -> bool:
    """Say whether this machine can swap at all."""
    return len(_SWAPS.read_text().splitlines()) > 1


def examine_core_dumps() -> Finding:
    """Look where this kernel puts core dumps; a sandbox forbids them by a limit of 1, see `confinement`."""
    pattern = _CORE_PATTERN.read_text().strip()
    if pattern.startswith("@"):  # fs/coredump.c looks at the limit for files and programs only
        remedy = (
            f"a run's core dump goes to the socket {pattern}, whatever its limit: change kernel.core_pattern"
        )
        return Finding("core_dumps", False, remedy, "development_only")
    if pattern.startswith("|") and resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 and os.getuid() != 0:
        detail = "the worker's hard limit of core dumps is 0, with which the kernel dumps into the program "
        detail += f"{pattern.split()[0]} without limit: raise it to 1 or more (ulimit -Hc)"
        return Finding("core_dumps", False, detail, "development_only")
    return Finding("core_dumps", True, f"{pattern}, forbidden by a limit of 1", "development_only")


def _seccomp() -> Finding:
    actions = _SECCOMP_ACTIONS.read_text().split() if _SECCOMP_ACTIONS.exists() else []
    holds = {"kill_process", "errno", "allow"} <= set(actions)
    detail = "the kernel cannot filter system calls: use one with CONFIG_SECCOMP_FILTER, 4.14 or newer"
    return Finding("seccomp", holds, " ".join(actions) if holds else detail, "void")


def _user_namespaces() -> Finding:
    if os.getuid() == 0:
        return Finding("user_namespaces", True, "not needed: the worker is root and gives root up", "void")
    forbidding = [path for path in _USER_NAMESPACES if path.exists() and int(path.read_text()) == 0]
    detail = "allowed"
    if forbidding:
        names = " and ".join(str(path.relative_to(_SYSCTLS)).replace("/", ".") for path in forbidding)
        detail = f"the kernel allows no user namespaces: set {names} above 0 with sysctl"
    return Finding("user_namespaces", not forbidding, detail, "void")


def _limits() -> Iterator[Finding]:
    """Make a cgroup as a sandbox would, and remove it."""
    limits = Limits()
    cgroup = Cgroup.create(memory_bytes=limits.memory_bytes, processes=limits.processes, cpus=limits.cpus)
    makes_one = cgroup is not None
    holds_cpus = cgroup is not None and cgroup.cpu is not None
    counts_swap = not has_swap() or (cgroup is not None and cgroup.limits_swap())
    if cgroup is not None:
        cgroup.remove()
    delegate = "run it as root, or delegate the controllers memory, pids and cpu to it (systemd: Delegate=)"
    for name, holds, consequence in (
        ("memory_limit", makes_one, f"memory is limited for each process by itself: {delegate}"),
        ("pids_limit", makes_one, f"processes are limited for all sandboxes together: {delegate}"),
        ("cpu_limit", holds_cpus, f"a sandbox may use all processors: {delegate}"),
        ("swap_limit", counts_swap, "memory may be swapped out beyond its limit: turn swap off"),
    ):
        detail = "limited" if holds else f"the worker has no cgroup for it, so {consequence}"
        yield Finding(name, holds, detail, "development_only")
