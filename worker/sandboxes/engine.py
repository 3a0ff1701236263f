"""What a Docker engine says of itself: whether it keeps the limits and the isolation that it is asked for."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from core.errors import SandboxUnavailableError
from core.settings import Settings
from submissions_sandbox.system_calls import MACHINES
from worker.sandboxes.escapes import find_escapes
from worker.sandboxes.findings import Finding
from worker.sandboxes.kernel import examine_core_dumps, has_swap

_OLDEST_API = (1, 41)  # Docker 20.10: the first with cgroup namespaces


def examine_engine(settings: Settings) -> list[Finding]:
    """Ask the engine for everything that a sandbox's promises rest on.

    Raises:
        SandboxUnavailableError: it does not answer.
    """
    try:
        with closing(docker.from_env()) as client:
            info, version, url = client.info(), client.version(), client.api.base_url
    except (DockerException, OSError) as error:
        raise SandboxUnavailableError(f"Docker does not answer: {error}") from None
    return [
        *_limits(info),
        *_isolation(info, version, settings),
        _connection(url),
        *([examine_core_dumps()] if _is_here(info) else []),
        *_versions(info, version, settings),
    ]


def _limits(info: dict[str, Any]) -> Iterator[Finding]:
    for name, key, remedy in (
        ("memory_limit", "MemoryLimit", "boot the kernel with cgroup_enable=memory"),
        ("pids_limit", "PidsLimit", "use a kernel with the pids cgroup (CONFIG_CGROUP_PIDS)"),
        ("cpu_limit", "CpuCfsQuota", "use a kernel with CONFIG_CFS_BANDWIDTH"),
    ):
        holds = bool(info.get(key)) and info.get("CgroupDriver") != "none"
        found = f"cgroup version {info.get('CgroupVersion', '1')} by {info.get('CgroupDriver')}"
        missing = f"the engine cannot hold a sandbox to its {name.replace('_', ' ')} ({found}): {remedy}; "
        missing += "a rootless engine needs cgroup version 2 and systemd"
        yield Finding(name, holds, found if holds else missing, "void")
    counts = bool(info.get("SwapLimit")) or (_is_here(info) and not has_swap())
    detail = "swap is limited, or there is none"
    if not counts:
        detail = "a sandbox may swap beyond its memory limit: boot with swapaccount=1, or turn swap off"
    yield Finding("swap_limit", counts, detail, "development_only")


def _isolation(info: dict[str, Any], version: dict[str, Any], settings: Settings) -> Iterator[Finding]:
    api = tuple(int(part) for part in version.get("ApiVersion", "0.0").split("."))
    detail = f"Docker {version.get('Version')} on {info.get('OperatingSystem')}, storage {info.get('Driver')}"
    if api < _OLDEST_API:
        detail += ": too old for cgroup namespaces; install Docker 20.10 or newer"
    yield Finding("engine", api >= _OLDEST_API, detail, "void")

    machine = f"{info.get('OSType')} on {info.get('Architecture')}"
    known = info.get("OSType") == "linux" and info.get("Architecture") in MACHINES
    detail = (
        machine if known else f"{machine} has no list of system calls; use Linux on {' or '.join(MACHINES)}"
    )
    yield Finding("machine", known, detail, "void")

    options = info.get("SecurityOptions") or []
    holds = any(option.split(",")[0] == "name=seccomp" for option in options)
    detail = f"security options: {' '.join(options) or 'none'}"
    if not holds:
        detail += ". The engine filters no system calls: use a kernel with CONFIG_SECCOMP_FILTER"
    yield Finding("seccomp", holds, detail, "void")

    runtime, offered = _runtime(info, settings), sorted(info.get("Runtimes") or {})
    detail = runtime
    if runtime not in offered:
        detail = f"the engine has no runtime {runtime}, only {', '.join(offered)}: add it to its daemon.json"
        detail += ", or change LETHE_SANDBOX_RUNTIME"
    yield Finding("runtime", runtime in offered, detail, "void")


def _connection(url: str) -> Finding:
    is_open = url.startswith("http://")
    detail = f"the engine at {url} is spoken to in the clear, face data included: use TLS, SSH or its socket"
    return Finding("connection", not is_open, detail if is_open else url, "development_only")


def _versions(info: dict[str, Any], version: dict[str, Any], settings: Settings) -> Iterator[Finding]:
    components = {part["Name"].lower(): part["Version"] for part in version.get("Components") or []}
    runtime = (info.get("Runtimes") or {}).get(_runtime(info, settings), {})
    used = ["containerd"]
    if Path(runtime.get("path") or "runc").name == "runc":
        used.append("runc")
    for component in used:
        yield find_escapes(component, components.get(component, "unknown"), patched=settings.sandbox_patched)
    yield find_escapes("linux", info.get("KernelVersion", "unknown"), patched=settings.sandbox_patched)


def _runtime(info: dict[str, Any], settings: Settings) -> str:
    return settings.sandbox_runtime or str(info.get("DefaultRuntime") or "runc")


def _is_here(info: dict[str, Any]) -> bool:
    """Say whether the engine runs on this kernel, as far as their releases tell."""
    return bool(info.get("KernelVersion") == os.uname().release)
