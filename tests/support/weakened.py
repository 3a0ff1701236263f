"""Sandboxes with a protection taken away, for the controls of the corpus: there, the attack succeeds."""

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from tests.support.corpus import LIMITS
from tests.support.plants import Plants
from tests.support.sandboxes import make_input, make_sandbox
from worker.runner import RunOutcome, SubmissionRunner
from worker.sandboxes import bubblewrap
from worker.sandboxes.base import Channel, Limits
from worker.sandboxes.docker import DockerSandbox

_SEEDS = (1, 2)
_OPENING = threading.Lock()  # while a sandbox opens, a function of its module is replaced
_START = "import runpy; runpy.run_module('submissions_sandbox', run_name='__main__', alter_sys=True)"


@dataclass(frozen=True)
class Weakening:
    """One protection taken away.

    "{plants}" stands for the folder of planted canaries, "{canary}" for a canary.

    Attributes:
        drop: options of bubblewrap without arguments that are left out.
        add: options of bubblewrap that are put in before its root becomes read-only.
        docker: what changes in the engine's `HostConfig`; a list is added to the one that is there.
        container: what changes in the container's other options.
        prelude: Python that the zygote's process runs first.
        limits: the worker's limits that change.
        runner: what talks to the zygote.
    """

    drop: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    docker: dict[str, Any] = field(default_factory=dict)
    container: dict[str, Any] = field(default_factory=dict)
    prelude: str = ""
    limits: dict[str, Any] = field(default_factory=dict)
    runner: type[SubmissionRunner] = SubmissionRunner


def _shown(source: str, target: str, *, writable: bool = False) -> Weakening:
    option = "--bind" if writable else "--ro-bind"
    mode = "rw" if writable else "ro"
    return Weakening(add=(option, source, target), docker={"Binds": [f"{source}:{target}:{mode}"]})


WEAKENINGS = {
    "seccomp": Weakening(
        prelude="from submissions_sandbox import seccomp; seccomp.install; seccomp.install = lambda: None",
        docker={"SecurityOpt": ["seccomp=unconfined"]},
    ),
    "network_namespace": Weakening(drop=("--unshare-net",), docker={"NetworkMode": "host"}),
    "process_limit": Weakening(limits={"processes": 4096}),
    "memory_limit": Weakening(limits={"memory_bytes": 4 * LIMITS.memory_bytes}),
    "scratch_size": Weakening(limits={"scratch_bytes": 16 * LIMITS.scratch_bytes}),
    "shared_memory_size": Weakening(limits={"shared_memory_bytes": 4 * LIMITS.shared_memory_bytes}),
    "open_files_limit": Weakening(limits={"open_files": 8 * LIMITS.open_files}),
    "log_limit": Weakening(limits={"log_bytes": 64 * LIMITS.log_bytes}),
    "time_limit": Weakening(limits={"run_s": 10 * LIMITS.run_s}),
    "hidden_files": _shown("{plants}", "/srv"),
    "hidden_processes": _shown("/proc", "/srv"),
    "hidden_sockets": _shown("{plants}/engine.sock", "/run/docker.sock"),
    "read_only_files": _shown("{plants}/writable", "/srv", writable=True),
    "empty_environment": Weakening(
        add=("--setenv", "LETHE_CANARY", "{canary}"), container={"environment": {"LETHE_CANARY": "{canary}"}}
    ),
    "closed_descriptors": Weakening(
        prelude="import os; fd = os.memfd_create('inherited', 0); os.write(fd, b'{canary}'); "
        "os.set_inheritable(fd, True); os.closerange = lambda *_: None"
    ),
}
"""Every protection that a control can do without, by its name in `expected.json`."""


def run_without(names: Sequence[str], kind: str, *, source: bytes, plants: Plants) -> list[RunOutcome]:
    """Run a submission twice, under the seeds 1 and 2, in a sandbox that lacks the protections named.

    Stops early where the sandbox did not outlive the first run.
    """
    weakenings = [WEAKENINGS[name] for name in names]
    runner_type = next(
        (one.runner for one in weakenings if one.runner is not SubmissionRunner), SubmissionRunner
    )
    limits = LIMITS
    for weakening in weakenings:
        limits = replace(limits, **weakening.limits)
    with closing(_open(kind, weakenings, limits=limits, plants=plants)) as channel:
        runner = runner_type(channel, make_input(source.decode()), limits)
        runner.start()
        return [runner.run(seed) for seed in _SEEDS]


def _open(kind: str, weakenings: list[Weakening], *, limits: Limits, plants: Plants) -> Channel:
    def fill(text: str) -> str:
        return text.replace("{plants}", str(plants.folder)).replace("{canary}", plants.canary("control"))

    prelude = fill("\n".join(one.prelude for one in weakenings))
    code = f"{prelude}\n{_START}" if prelude.strip() else ""
    start, options_of = bubblewrap._start, DockerSandbox._options

    def start_weakened(command: list[str], *arguments: Any, **named: Any) -> Any:
        return start(_weaken_command(command, weakenings, code, fill), *arguments, **named)

    def weakened_options(self: DockerSandbox, *arguments: Any, **named: Any) -> dict[str, Any]:
        options = options_of(self, *arguments, **named)
        return _weaken_options(dict(options), weakenings, code, fill)

    with (
        _OPENING,
        patch.object(bubblewrap, "_start", start_weakened),
        patch.object(DockerSandbox, "_options", weakened_options),
    ):
        return make_sandbox(kind).open(limits)


def _weaken_command(command: list[str], weakenings: list[Weakening], code: str, fill: Any) -> list[str]:
    split = command.index("--")
    options, program = command[:split], command[split:]
    for weakening in weakenings:
        for option in weakening.drop:
            options.remove(option)
        place = options.index("--proc")
        options[place:place] = [fill(word) for word in weakening.add]
    if code:
        program[program.index("-m") :] = ["-c", code]
    return options + program


def _weaken_options(
    options: dict[str, Any], weakenings: list[Weakening], code: str, fill: Any
) -> dict[str, Any]:
    host = options["host_config"]
    for weakening in weakenings:
        for key, value in weakening.docker.items():
            host[key] = [*(host.get(key) or []), *map(fill, value)] if isinstance(value, list) else value
        for key, value in weakening.container.items():
            old = options.get(key)
            filled = {name: fill(text) for name, text in value.items()} if isinstance(value, dict) else None
            options[key] = value if filled is None else {**(old or {}), **filled}
    if code:
        options["entrypoint"] = ["python3", "-s", "-c", code]
    return options
