"""What the examination says of an engine and of a kernel, and who refuses work because of it."""

import os
import resource
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import docker
import pytest

from core.errors import SandboxUnavailableError
from core.settings import Settings, get_settings
from tests.support.sandboxes import KINDS, make_sandbox
from worker import sandboxes
from worker.sandboxes import engine, findings, kernel, selftest
from worker.sandboxes.cgroup import Cgroup
from worker.sandboxes.escapes import find_escapes
from worker.sandboxes.findings import Finding

_INFO = {  # what a well-kept engine says
    "MemoryLimit": True,
    "SwapLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
    "Runtimes": {"runc": {"path": "runc"}, "runsc": {"path": "/usr/bin/runsc"}},
    "DefaultRuntime": "runc",
    "OSType": "linux",
    "Architecture": "x86_64",
    "KernelVersion": "6.12.48",
    "OperatingSystem": "Debian",
    "Driver": "overlay2",
}
_VERSION = {
    "Version": "28.5.2",
    "ApiVersion": "1.51",
    "Components": [
        {"Name": "Engine", "Version": "28.5.2"},
        {"Name": "containerd", "Version": "v1.7.29"},
        {"Name": "runc", "Version": "1.3.3"},
    ],
}


class _Api(NamedTuple):
    base_url: str


class _Client:
    """An engine that says what a test wants it to say."""

    def __init__(self, info: dict[str, Any], version: dict[str, Any], url: str) -> None:
        self._info, self._version, self.api = info, version, _Api(url)

    def info(self) -> dict[str, Any]:
        return self._info

    def version(self) -> dict[str, Any]:
        return self._version

    def close(self) -> None:
        """Nothing is open."""


Examine = Callable[..., list[Finding]]


@pytest.fixture
def examine(monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Examine an engine that differs from a well-kept one as the arguments say."""

    def run(
        info: dict[str, Any] | None = None,
        version: dict[str, Any] | None = None,
        url: str = "http+docker://localhost",
        **settings: Any,
    ) -> list[Finding]:
        client = _Client(_INFO | (info or {}), _VERSION | (version or {}), url)
        monkeypatch.setattr(engine.docker, "from_env", lambda: client)
        return engine.examine_engine(Settings(**settings))

    return run


def _failing(found: list[Finding]) -> dict[str, str]:
    return {finding.name: finding.severity for finding in found if not finding.holds}


def test_well_kept_engine_keeps_every_promise(examine: Examine) -> None:
    found = examine()
    assert _failing(found) == {}
    assert len({finding.name for finding in found}) == len(found) >= 12


@pytest.mark.parametrize(
    ("info", "name", "remedy"),
    [
        ({"MemoryLimit": False}, "memory_limit", "cgroup_enable=memory"),
        ({"PidsLimit": False}, "pids_limit", "CONFIG_CGROUP_PIDS"),
        ({"CpuCfsQuota": False}, "cpu_limit", "CONFIG_CFS_BANDWIDTH"),
        ({"SecurityOptions": ["name=apparmor"]}, "seccomp", "CONFIG_SECCOMP_FILTER"),
        ({"SecurityOptions": None}, "seccomp", "CONFIG_SECCOMP_FILTER"),
        ({"OSType": "windows"}, "machine", "use Linux on x86_64 or aarch64"),
        ({"Architecture": "riscv64"}, "machine", "use Linux on x86_64 or aarch64"),
        ({"DefaultRuntime": "crun"}, "runtime", "daemon.json"),
    ],
)
def test_engine_that_voids_a_promise_is_refused_with_a_remedy(
    examine: Examine, info: dict[str, Any], name: str, remedy: str
) -> None:
    found = examine(info)
    assert _failing(found) == {name: "void"}
    with pytest.raises(SandboxUnavailableError, match=rf"{name}: .*{remedy}"):
        findings.refuse(found, "development")


def test_rootless_engine_without_cgroups_limits_nothing(examine: Examine) -> None:
    assert set(_failing(examine({"CgroupDriver": "none"}))) == {"memory_limit", "pids_limit", "cpu_limit"}


def test_engine_older_than_cgroup_namespaces_is_refused(examine: Examine) -> None:
    assert _failing(examine(version={"ApiVersion": "1.40"})) == {"engine": "void"}
    assert _failing(examine(version={"ApiVersion": "1.41"})) == {}


def test_runtime_of_the_settings_is_the_one_examined(examine: Examine) -> None:
    assert _failing(examine(sandbox_runtime="kata")) == {"runtime": "void"}
    old = {"Components": [{"Name": "runc", "Version": "1.1.11"}, {"Name": "containerd", "Version": "1.7.0"}]}
    assert _failing(examine(version=old)) == {"runc": "development_only"}
    assert _failing(examine(version=old, sandbox_runtime="runsc")) == {}


def test_engine_that_is_spoken_to_in_the_clear_is_for_development(examine: Examine) -> None:
    assert _failing(examine(url="http://10.0.0.7:2375")) == {"connection": "development_only"}
    assert _failing(examine(url="https://10.0.0.7:2376")) == {}


def test_engine_that_does_not_count_swap_is_for_development_unless_there_is_none(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"SwapLimit": False, "KernelVersion": os.uname().release}
    monkeypatch.setattr(engine, "has_swap", lambda: True)
    assert "swap_limit" in _failing(examine(here))
    monkeypatch.setattr(engine, "has_swap", lambda: False)
    assert "swap_limit" not in _failing(examine(here))
    assert "swap_limit" in _failing(examine(here | {"KernelVersion": "6.12.48"}))


def test_known_escape_is_a_warning_in_development_and_a_refusal_in_production(examine: Examine) -> None:
    components = [{"Name": "containerd", "Version": "1.7.0"}, {"Name": "runc", "Version": "1.1.11"}]
    found = examine(version={"Components": components})
    findings.refuse(found, "development")
    with pytest.raises(SandboxUnavailableError, match=r"runc 1\.1\.11 .*CVE-2024-21626.* 1\.1\.12"):
        findings.refuse(found, "production")


@pytest.mark.parametrize(
    ("component", "version", "cves"),
    [
        ("runc", "1.0.0-rc6", {"CVE-2019-5736", "CVE-2021-30465"}),
        ("runc", "1.0.0-rc92", {"CVE-2021-30465"}),
        ("runc", "1.0.0-rc95", {"CVE-2024-21626"}),
        ("runc", "1.1.5+ds1-1+deb12u1", {"CVE-2024-21626"}),
        ("runc", "1.1.12", set()),
        ("containerd", "v1.4.2", {"CVE-2020-15257"}),
        ("containerd", "1.4.3", set()),
        ("containerd", "1.6.20~ds1", set()),
        ("bubblewrap", "0.4.0", {"CVE-2020-5291", "CVE-2026-87766"}),
        ("bubblewrap", "0.11.0", {"CVE-2026-41163", "CVE-2026-87766"}),
        ("bubblewrap", "0.12.0", set()),
        ("linux", "5.10.101", {"CVE-2022-0847"}),
        ("linux", "5.10.102", set()),
        ("linux", "5.4.0", set()),
        ("linux", "5.16.10-custom", {"CVE-2022-0847"}),
        ("linux", "5.15.0-25-generic", set()),
    ],
)
def test_version_has_its_known_escapes(component: str, version: str, cves: set[str]) -> None:
    of_2025 = {"CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"}
    detail = find_escapes(component, version, patched=of_2025).detail
    assert {word for word in detail.replace(";", " ").split() if word.startswith("CVE-")} == cves


@pytest.mark.parametrize(
    ("version", "holds"),
    [("1.2.7", False), ("1.2.8", True), ("1.3.0", False), ("1.3.3", True), ("1.4.0-rc.2", False)],
)
def test_escape_is_mended_in_each_branch_by_itself(version: str, holds: bool) -> None:
    assert find_escapes("runc", version, patched=()).holds is holds


def test_version_that_says_nothing_is_taken_for_old() -> None:
    assert not find_escapes("runc", "unknown", patched=()).holds


def test_patched_escape_is_not_held_against_a_version() -> None:
    settings = Settings(sandbox_patched="CVE-2020-15257, CVE-2024-21626")  # type: ignore[arg-type]
    assert find_escapes("containerd", "1.4.2", patched=settings.sandbox_patched).holds


@pytest.fixture
def pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in place of the kernel's core_pattern."""
    monkeypatch.setattr(kernel, "_CORE_PATTERN", tmp_path / "core_pattern")
    return tmp_path / "core_pattern"


def test_core_dumps_into_a_socket_are_for_development(pattern: Path) -> None:
    pattern.write_text("@/run/coredump.socket\n")
    assert not kernel.examine_core_dumps().holds


def test_core_dumps_into_a_program_need_a_limit_that_can_be_one(
    pattern: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern.write_text("|/usr/share/apport/apport %p\n")
    assert kernel.examine_core_dumps().holds
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))
    assert not kernel.examine_core_dumps().holds


@pytest.mark.bubblewrap
def test_machine_without_cgroups_is_for_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cgroup, "create", lambda **_: None)
    failing = _failing(kernel.examine_bubblewrap(Settings()))
    assert {"memory_limit", "pids_limit", "cpu_limit"} <= failing.keys()
    assert set(failing.values()) == {"development_only"}


@pytest.mark.bubblewrap
def test_kernel_without_user_namespaces_is_refused_to_all_but_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "max_user_namespaces").write_text("0\n")
    monkeypatch.setattr(kernel, "_USER_NAMESPACES", (tmp_path / "max_user_namespaces",))
    monkeypatch.setattr(kernel, "_SYSCTLS", tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert kernel._user_namespaces().holds
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    found = kernel._user_namespaces()
    assert found.severity == "void"
    assert "set max_user_namespaces above 0" in found.detail


@pytest.mark.bubblewrap
def test_kernel_without_filters_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_SECCOMP_ACTIONS", tmp_path / "none")
    assert _failing(kernel.examine_bubblewrap(Settings()))["seccomp"] == "void"


@pytest.mark.parametrize("kind", KINDS)
def test_self_test_examines_the_machine_first(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding("memory_limit", False, "there is none", "void")
    monkeypatch.setattr(selftest, "examine", lambda _: [finding])
    with pytest.raises(SandboxUnavailableError, match="memory_limit: there is none"):
        sandboxes.prove(make_sandbox(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_this_machine_keeps_every_promise_that_development_needs(kind: str) -> None:
    findings.refuse(sandboxes.examine(make_sandbox(kind)), "development")


@pytest.mark.docker
def test_engine_here_names_the_kernel_it_runs_on() -> None:
    with closing(docker.from_env()) as client:
        assert client.info()["KernelVersion"] in {
            word for finding in engine.examine_engine(get_settings()) for word in finding.detail.split()
        }
