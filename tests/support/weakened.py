"""Sandboxes with a protection taken away, for the controls of the corpus: there, the attack succeeds."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from core.errors import PlatformError
from core.lifecycle import Verdict
from core.programs import read
from submissions_sandbox.protocol import ProtocolError, read_payload
from tests.support import preludes
from tests.support.corpus import LIMITS, Control
from tests.support.plants import Plants
from tests.support.sandboxes import make_input, make_sandbox
from worker.runner import FinishedRun, RunOutcome, SubmissionRunner
from worker.sandboxes import bubblewrap, docker
from worker.sandboxes.base import Channel, Limits

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


class UncheckedRunner(SubmissionRunner):
    """Takes any bytes for weights."""

    def _collect(self, ended: Any) -> FinishedRun:
        if ended.outcome.verdict is not Verdict.OK:
            return FinishedRun(ended.seed, ended.outcome)
        reader = self._reader(time.monotonic() + LIMITS.grace_s)
        weights = read_payload(reader, ended.weights_bytes)
        return FinishedRun(ended.seed, replace(ended.outcome, weights=weights))


class MeekRunner(SubmissionRunner):
    """Takes nonsense from a sandbox for a fault of the platform."""

    def _outcome_of(self, error: Exception, started: float) -> RunOutcome:
        blamed = PlatformError(str(error)) if isinstance(error, ProtocolError) else error
        return super()._outcome_of(blamed, started)


class UncountingRunner(SubmissionRunner):
    """Does not ask how many processes the kernel has killed for memory."""

    def _outcome_of_death(self) -> RunOutcome:
        with patch.object(self._channel, "out_of_memory", return_value=False):
            return super()._outcome_of_death()


def _device(source: str, target: str) -> dict[str, str]:
    return {"PathOnHost": source, "PathInContainer": target, "CgroupPermissions": "rwm"}


WEAKENINGS = {
    "seccomp": Weakening(
        prelude="from submissions_sandbox import seccomp; seccomp.install; seccomp.install = lambda *_: None",
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
    "hidden_processes": _shown("/proc", "/srv", writable=True),
    "hidden_sockets": Weakening(
        add=("--dir", "/run", "--ro-bind", "{plants}/engine.sock", "/run/docker.sock"),
        docker={"Binds": ["{plants}/engine.sock:/run/docker.sock"]},
    ),
    "hidden_devices": Weakening(
        add=("--dev-bind", "/dev/kmsg", "/srv/kmsg"),
        docker={"Devices": [_device("/dev/kmsg", "/srv/kmsg")]},
    ),
    "ordinary_user": Weakening(
        add=("--cap-add", "ALL"),
        docker={"CapDrop": None},
        container={"user": "0:0"},
        prelude=preludes.ORDINARY_RIGHTS,
    ),
    "inode_limit": Weakening(
        prelude="from submissions_sandbox import scratch; scratch.MAX_FILES = 10_000_000",
        docker={"Tmpfs": dict.fromkeys(("/tmp", "/dev/shm"), "exec,mode=1777,size=32m")},
    ),
    "runner_output_cap": Weakening(prelude=preludes.ANY_OUTPUT),
    "single_output": Weakening(prelude=preludes.SECOND_OUTPUT),
    "deaf_runner": Weakening(prelude=preludes.LISTENING),
    "ignorant_runner": Weakening(prelude="known = '{canary}'"),
    "read_only_files": _shown("{plants}/writable", "/srv", writable=True),
    "empty_environment": Weakening(
        add=("--setenv", "LETHE_CANARY", "{canary}"), container={"environment": {"LETHE_CANARY": "{canary}"}}
    ),
    "fork_per_run": Weakening(prelude=preludes.ONE_PROCESS),
    "wiped_scratch": Weakening(
        prelude="from submissions_sandbox import scratch; scratch.wipe = lambda **_: None"
    ),
    "killed_processes": Weakening(prelude=preludes.KILLS_ITS_CHILD_ONLY),
    "undumpable": Weakening(prelude=preludes.DUMPABLE),
    "seed_after_import": Weakening(prelude=preludes.SEEDS_FIRST),
    "forgotten_requests": Weakening(prelude=preludes.REMEMBERS_REQUESTS),
    "reported_failures": Weakening(prelude=preludes.PASSES_REPORTS_ON),
    "validation": Weakening(runner=UncheckedRunner),
    "blame": Weakening(runner=MeekRunner),
    "counted_kills": Weakening(prelude=preludes.UNCOUNTED_KILLS, runner=UncountingRunner),
    "closed_descriptors": Weakening(prelude=preludes.INHERITED),
}
"""Every protection that a control can do without, by its name in `expected.json`."""


_READING: dict[str, tuple[str, Any]] = {
    "archive_members": ("core.programs.archive._check_member", lambda _: None),
    "archive_amount": ("core.programs.archive._check_amount", lambda *_, **__: None),
    "archive_apart": ("core.programs.archive._check_apart", lambda *_, **__: None),
    "archive_entries": ("core.programs.archive._MAX_ENTRIES", 1 << 40),
    "distinct_paths": ("core.programs.paths.check_distinct", lambda _: None),
    "library_names": ("core.programs.paths.check_hides_nothing", lambda _: None),
}
"""Every check of an upload that a control can do without: its place, and what stands there instead."""


def read_without(names: Sequence[str], filename: str, data: bytes) -> str:
    """Read an upload without the checks named; return a line for each file of the program: path, bytes."""
    with ExitStack() as undo:
        for name in names:
            undo.enter_context(patch(*_READING[name]))
        program = read(filename, data)
    return "\n".join(f"{path} {len(content)}" for path, content in program.files.items())


def run_control(control: Control, kind: str, *, source: bytes, plants: Plants) -> list[RunOutcome]:
    """Run a submission in a sandbox that lacks protections, under the seeds 1 and 2, until it succeeds."""
    weakenings = [WEAKENINGS[name] for name in control.without]
    runner_type = next(
        (one.runner for one in weakenings if one.runner is not SubmissionRunner), SubmissionRunner
    )
    limits = LIMITS
    for weakening in weakenings:
        limits = replace(limits, **weakening.limits)

    def fill(text: str) -> str:
        return text.replace("{plants}", str(plants.folder)).replace("{canary}", plants.canary("control"))

    with closing(open_weakened(kind, weakenings, limits=limits, fill=fill)) as channel:
        runner = runner_type(channel, make_input(source.decode()), limits)
        runner.start()
        outcomes: list[RunOutcome] = []
        while len(outcomes) < len(_SEEDS) and not any(map(control.is_met_by, outcomes)):
            outcomes.append(runner.run(_SEEDS[len(outcomes)]))
        return outcomes


def open_weakened(
    kind: str, weakenings: list[Weakening], *, limits: Limits, fill: Callable[[str], str]
) -> Channel:
    """Open a sandbox that lacks what these weakenings take away; `fill` puts in what braces stand for."""
    prelude = fill("\n".join(one.prelude for one in weakenings))
    code = f"{prelude}\n{_START}" if prelude.strip() else ""

    def start_weakened(command: list[str], *arguments: Any, **named: Any) -> Any:
        return start(_weaken_command(command, weakenings, code, fill), *arguments, **named)

    def weakened_options(*arguments: Any, **named: Any) -> dict[str, Any]:
        options = options_of(*arguments, **named)
        return _weaken_options(dict(options), weakenings, code, fill)

    with _OPENING:
        start, options_of = bubblewrap._start, docker.container_options
        with (
            patch.object(bubblewrap, "_start", start_weakened),
            patch.object(docker, "container_options", weakened_options),
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
            if isinstance(value, list):
                filled = [fill(one) if isinstance(one, str) else one for one in value]
                host[key] = [*(host.get(key) or []), *filled]
            else:
                host[key] = value
        for key, value in weakening.container.items():
            old = options.get(key)
            if isinstance(value, dict):
                options[key] = {**(old or {}), **{name: fill(text) for name, text in value.items()}}
            else:
                options[key] = value
    if code:
        options["entrypoint"] = ["python3", "-s", "-c", code]
    return options
