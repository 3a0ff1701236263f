"""The self-test: passes in the sandboxes as they are, and sees each protection that is taken away."""

import json
import re
import resource
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.errors import SandboxUnavailableError
from submissions_sandbox import probe
from submissions_sandbox.probes import limits as limit_probes
from tests.support.sandboxes import KINDS, make_sandbox
from worker.sandboxes import bubblewrap, prove, selftest
from worker.sandboxes.base import Channel, Limits
from worker.sandboxes.cgroup import Cgroup
from worker.sandboxes.selftest import LIMITS, Result, SandboxLeaksError, SelfTest

_START = "import runpy; runpy.run_module('submissions_sandbox', run_name='__main__', alter_sys=True)"
_NO_SECCOMP = "from submissions_sandbox import seccomp; seccomp.install = lambda *_: None"
_KEEPS_ROOT = "from submissions_sandbox import confinement; confinement.confine = lambda: None"
_DUMPABLE = """
from submissions_sandbox import confinement
real = confinement._prctl
confinement._prctl = lambda option, value: real(option, 1 if option == 4 else value)
"""
_NO_RESOURCE_LIMITS = "import resource; resource.setrlimit = lambda *_: None"
_BYSTANDER = """
import os, time
from submissions_sandbox import confinement
real = confinement.confine
confinement.confine = lambda: (real(), os.fork() or time.sleep(1000))
"""
_NO_WIPE = "from submissions_sandbox import scratch; scratch.wipe = lambda **_: None"
_NO_KILL = "from submissions_sandbox import forked_run; forked_run.kill_everything_else = lambda: None"
_INHERITS = "import os; os.set_inheritable(os.open('/etc', 0), True); os.closerange = lambda *_: None"


class Weakened:
    """Bubblewrap's sandbox with something taken away."""

    name = "bubblewrap"

    def __init__(
        self,
        *,
        add: tuple[str, ...] = (),
        drop: tuple[str, ...] = (),
        prelude: str = "",
        limits: dict[str, Any] | None = None,
    ) -> None:
        self._add, self._drop, self._prelude, self._limits = add, drop, prelude, limits or {}

    def open(self, limits: Limits) -> Channel:
        start = bubblewrap._start
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                bubblewrap,
                "_start",
                lambda command, *rest, **named: start(self._weaken(command), *rest, **named),
            )
            return make_sandbox("bubblewrap").open(replace(limits, **self._limits))

    def _weaken(self, command: list[str]) -> list[str]:
        split = command.index("--")
        options = [word for word in command[:split] if word not in self._drop]
        place = options.index("--remount-ro")
        options[place:place] = self._add
        if self._prelude:
            return [*options, "--", command[split + 1], "-s", "-c", f"{self._prelude}\n{_START}"]
        return [*options, *command[split:]]


def leaks_of(sandbox: Weakened) -> dict[str, str]:
    """Return what the self-test says of each probe that reached something."""
    return {one.name: "; ".join(one.leaks) for one in selftest.run(sandbox).results if not one.holds}


@pytest.mark.parametrize("kind", KINDS)
def test_sandbox_holds_against_every_probe(kind: str) -> None:
    found = prove(make_sandbox(kind))
    assert found.holds
    assert [one.name for one in found.results] == [one.name for one in probe.ALL]
    assert len({one.name for one in probe.ALL}) == len(probe.ALL) >= 35
    assert (found.sandbox, found.image is None) == (kind, kind == "bubblewrap")


CONTROLS = {
    "no_seccomp": (
        Weakened(prelude=_NO_SECCOMP),
        {
            "seccomp": "Seccomp is 0",
            "tracing": "process_vm_readv works",
            "namespaces": "user namespace can be made by unshare; a new user namespace can be made by clone",
            "mounts": "open_tree works",
            "large-parts": "io_uring_setup works",
            "keys": "keyctl works",
            "system-v": r"shmget is let through \(ENOENT\)",
            "message-queues": "mq_open is let through",
            "socket-families": "a socket of family 2, type SOCK_STREAM opens",
            "runner-settings": "limits of PID 1 can be set",
        },
    ),
    "host_network": (
        Weakened(drop=("--unshare-net",), prelude=_NO_SECCOMP),
        {
            "interfaces": "the network interfaces? .* (is|are) there",
            "loopback": "a service on the host's loopback address answers",
            "abstract-sockets": "an abstract socket of the host answers",
        },
    ),
    "root": (
        Weakened(add=("--cap-add", "ALL"), prelude=_KEEPS_ROOT),
        {
            "user": "it runs as user",
            "capabilities": "CapEff is",
            "devices": "a device can be made",
            "mounts": "mount works",
            "private-files": "/proc/kmsg opens",
            "modules": "acct works",
            "clock": "the clock can be set",
            "kernel-settings": "/proc/sys/kernel/core_pattern can be written to",
        },
    ),
    "dumpable": (Weakened(prelude=_DUMPABLE), {"runner": "/proc/1/environ opens"}),
    "things_of_the_host": (
        Weakened(
            add=(
                *("--setenv", "LETHE_DATABASE_URL", "postgresql://", "--ro-bind", "/etc", "/home"),
                *("--perms", "1777", "--tmpfs", "/opt", "--dev-bind", "/dev/zero", "/dev/extra"),
                *("--dir", "/run", "--bind", "/dev/null", "/run/docker.sock"),
            ),
            prelude=_INHERITS + _BYSTANDER,
        ),
        {
            "environment": "the variable LETHE_DATABASE_URL comes from outside",
            "descriptors": "descriptor . is /etc",
            "processes": "process . is to be seen",
            "host-files": "/home can be seen",
            "writable-folders": "/opt can be written to",
            "writable-mounts": "/run/docker.sock, a file of the host, can be written to",
            "engine-sockets": "/run/docker.sock is there",
            "devices": "the device /dev/extra opens",
        },
    ),
    "no_limits": (
        Weakened(
            prelude=_NO_RESOURCE_LIMITS,
            limits={
                "processes": 400,
                "memory_bytes": 4 * LIMITS.memory_bytes,
                "scratch_bytes": 4 * LIMITS.scratch_bytes,
            },
        ),
        {
            "process-limit": "40 processes can be started; 40 may run in all",
            "memory-limit": "one process gets more than",
            "joint-memory-limit": "3 processes together get more than",
            "scratch-limit": "/tmp takes 67108864 bytes; 16777216 are allowed",
            "file-limit": "a process may open .* files; 256 are allowed; a file may grow without limit",
        },
    ),
    "nothing_is_cleaned": (
        Weakened(prelude=f"{_NO_WIPE}; {_NO_KILL}"),
        {"traces": "/tmp holds lethe-trace.*a process of an earlier run answers"},
    ),
}
"""By what is taken away: the probes that must see it, and what they say."""


@pytest.mark.bubblewrap
@pytest.mark.parametrize("name", CONTROLS)
def test_probe_sees_what_is_taken_away(name: str) -> None:
    weakened, expected = CONTROLS[name]
    found = leaks_of(weakened)
    for probe_name, words in expected.items():
        assert re.search(words, found.get(probe_name, "")), (probe_name, found)


def test_controls_cover_every_probe_but_those_of_other_tests() -> None:
    covered = {name for _, expected in CONTROLS.values() for name in expected}
    elsewhere = {"code", "core-dumps", "no-new-privileges", "metadata", "names"}
    assert covered | elsewhere == {one.name for one in probe.ALL}


@pytest.mark.bubblewrap
def test_bubblewrap_without_a_cgroup_holds_as_far_as_it_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cgroup, "create", lambda **_: None)
    # Without one, all sandboxes of the machine share the limit: leave room for those of tests beside this.
    monkeypatch.setattr(selftest, "LIMITS", replace(selftest.LIMITS, processes=256))
    prove(make_sandbox("bubblewrap"))


@pytest.mark.parametrize("kind", KINDS)
def test_sandbox_with_other_code_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "digest", lambda: "another")
    with pytest.raises(SandboxLeaksError, match=r"does not hold: code: .* build the image anew"):
        prove(make_sandbox(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_sandbox_that_shows_lethe_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_hidden_paths", lambda: ["/runtime/packages"])
    with pytest.raises(SandboxLeaksError, match=r"does not hold: host-files: /runtime/packages can be seen"):
        prove(make_sandbox(kind))


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("prelude", "words"),
    [
        ("raise SystemExit('no runner here')", "the bubblewrap sandbox does not work: .*no runner here"),
        (_NO_SECCOMP + "; from submissions_sandbox import probe; probe.run = None", "it gave no answer"),
    ],
)
def test_sandbox_that_gives_no_answers_is_refused(prelude: str, words: str) -> None:
    with pytest.raises(SandboxUnavailableError, match=words):
        prove(Weakened(prelude=prelude))


@pytest.mark.parametrize(
    ("limit", "leaks"), [(0, False), (1, False), (4096, True), (resource.RLIM_INFINITY, True)]
)
def test_core_dumps_are_seen_by_their_limit(limit: int, leaks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit_probes.resource, "getrlimit", lambda _: (limit, limit))
    monkeypatch.setattr(limit_probes, "_core_pattern", lambda: "core")
    expected: Any = None
    assert bool(list(limit_probes._core_dumps(expected))) is leaks
    monkeypatch.setattr(limit_probes, "_core_pattern", lambda: "|/usr/lib/systemd/systemd-coredump")
    assert bool(list(limit_probes._core_dumps(expected))) is (limit != 1)


FOUND = SelfTest(
    "docker",
    "sha256:ab",
    1.5,
    (Result("user", "to be root", ()), Result("keys", "to keep [red]keys[/red]", ("keyctl works",))),
)


def _answer(monkeypatch: pytest.MonkeyPatch, content: str, status: int) -> None:
    ended = subprocess.CompletedProcess([], status, content.encode())
    monkeypatch.setattr("cli.selftest.subprocess.run", lambda *_, **__: ended)


@pytest.mark.bubblewrap
def test_command_prints_a_line_for_each_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETHE_SANDBOX", "bubblewrap")
    ended = CliRunner().invoke(app, ["sandbox", "selftest", "--json"])
    assert ended.exit_code == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["holds"]
    assert found["sandbox"] == "bubblewrap"
    assert [one["name"] for one in found["probes"]] == [one.name for one in probe.ALL]
    assert all(one["holds"] and one["tries"] for one in found["probes"])
    assert {"python", "kernel", "torch"} <= set(found["versions"])


def test_command_says_what_leaks_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"holds": False, "problem": "keys: keyctl works"} | FOUND.to_dict()
    _answer(monkeypatch, json.dumps(document), 1)
    ended = CliRunner().invoke(app, ["sandbox", "selftest"])
    assert ended.exit_code == 1
    assert re.search(r"user +to be root +holds", ended.stdout)
    assert re.search(r"keys +to keep \[red\]keys\[/red\] +LEAKS keyctl works", ended.stdout)
    assert "would take no work: keys: keyctl works" in ended.stderr


def test_command_without_an_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, "", 1)
    ended = CliRunner().invoke(app, ["sandbox", "selftest", "--json"])
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "ended with status 1 and no answer" in ended.stderr
