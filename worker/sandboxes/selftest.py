"""The self-test that a sandbox must pass before it gets work: probes, run in it as a submission."""

import hashlib
import importlib.metadata
import json
import os
import platform
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

import worker
from core.errors import PlatformError, SandboxUnavailableError
from core.lifecycle import Verdict
from core.programs import ENTRY_FILE, Program
from core.settings import get_settings
from submissions_sandbox import scratch
from worker.sandboxes.base import MIB, Channel, Limits, Sandbox, environment
from worker.sandboxes.findings import Finding, failing, refuse
from worker.sandboxes.preflight import examine
from worker.sandboxes.runtime import LIBRARIES

if TYPE_CHECKING:
    from submissions_sandbox.probes import Expected
    from worker.runner import RunOutcome, SubmissionInput

log = structlog.get_logger(__name__)

LIMITS = Limits(
    run_s=60.0,
    memory_bytes=640 * MIB,
    processes=40,
    scratch_bytes=16 * MIB,
    shared_memory_bytes=16 * MIB,
    open_files=256,
    log_bytes=MIB,
)
"""What the self-test's own sandbox may use: little, so that trying to use more is quick."""

_GPU_MEMORY_BYTES = 4096 * MIB  # CUDA's libraries alone are larger than `LIMITS` allows

_SOURCE = """\
import json

import torch

from submissions_sandbox import probe
from submissions_sandbox.probes import Expected

EXPECTED = Expected(**json.loads({expected!r}))


def unlearning(net, retain, forget, val):
    probe.run(EXPECTED, is_first=torch.initial_seed() == 0)
"""


@dataclass(frozen=True)
class Result:
    """What one probe reached: `leaks` is empty if the sandbox holds."""

    name: str
    tries: str
    leaks: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether there was nothing to reach."""
        return not self.leaks


@dataclass(frozen=True)
class SelfTest:
    """What the self-test of a sandbox found.

    Attributes:
        sandbox: the sandbox's word.
        image: digest of its image, if it has one.
        seconds: how long it took.
        results: one for each probe, in order.
        findings: what the examination of the machine found before.
    """

    sandbox: str
    image: str | None
    seconds: float
    results: tuple[Result, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every probe was tried and reached nothing."""
        return bool(self.results) and all(result.holds for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, with the versions of what it was run on."""
        probes = [
            {"name": one.name, "tries": one.tries, "holds": one.holds, "detail": "; ".join(one.leaks)}
            for one in self.results
        ]
        versions = {"python": platform.python_version(), "kernel": platform.release()}
        versions |= {name: importlib.metadata.version(name) for name in LIBRARIES}
        return {
            "sandbox": self.sandbox,
            "image": self.image,
            "versions": versions,
            "seconds": round(self.seconds, 2),
            "probes": probes,
            "findings": [finding._asdict() for finding in self.findings],
        }


class SandboxLeaksError(SandboxUnavailableError):
    """A sandbox does not hold; `selftest` says all that leaks."""

    def __init__(self, selftest: SelfTest) -> None:
        leaks = [f"{one.name}: {leak}" for one in selftest.results for leak in one.leaks]
        super().__init__(f"the {selftest.sandbox} sandbox does not hold: {'; '.join(leaks)}")
        self.selftest = selftest


def prove(sandbox: Sandbox) -> SelfTest:
    """Examine the machine, and run the probes in a real sandbox.

    Raises:
        SandboxUnavailableError: the machine voids a promise, or the sandbox does not start; the message
            says why, and what to do.
        SandboxLeaksError: it does not hold; the message says how.
    """
    findings = tuple(examine(sandbox))
    refuse(findings, get_settings().mode)
    for finding in failing(findings, "production"):
        log.warning("development_only", finding=finding.name, detail=finding.detail)
    found = replace(run(sandbox), findings=findings)
    if not found.holds:
        raise SandboxLeaksError(found)
    return found


def run(sandbox: Sandbox) -> SelfTest:
    """Run the probes in a real sandbox, in two runs, and return what each reached.

    Raises:
        SandboxUnavailableError: the sandbox does not start.
    """
    from worker.runner import SubmissionRunner  # it needs this package

    started = time.monotonic()
    with closing(sandbox.open(LIMITS)) as channel, _listeners(channel) as expected:
        try:
            source = _SOURCE.format(expected=json.dumps(asdict(expected)))
            runner = SubmissionRunner(channel, _make_input(source), LIMITS)
            runner.start()
            outcomes = [runner.run(seed=seed) for seed in (0, 1)]
        except SandboxUnavailableError:
            raise
        except PlatformError as error:
            raise SandboxUnavailableError(f"the {sandbox.name} sandbox does not work: {error}") from None
        image = channel.identity.removeprefix(sandbox.name).strip() or None
    return SelfTest(sandbox.name, image, time.monotonic() - started, _results(outcomes))


def find_gpu(sandbox: Sandbox) -> None:
    """See that torch in a real sandbox finds the GPU that it is given.

    Raises:
        SandboxUnavailableError: the sandbox does not start, or finds none.
    """
    from worker.runner import SubmissionRunner  # it needs this package

    limits = replace(LIMITS, device="cuda", memory_bytes=_GPU_MEMORY_BYTES)
    try:
        with closing(sandbox.open(limits)) as channel:
            SubmissionRunner(channel, _make_input(""), limits).start()
    except PlatformError as error:
        raise SandboxUnavailableError(
            f"the {sandbox.name} sandbox finds no GPU: {error}; it wants NVIDIA's container toolkit in the "
            "engine, and a build of torch for CUDA in the image"
        ) from None


def _results(outcomes: list["RunOutcome"]) -> tuple[Result, ...]:
    from submissions_sandbox import probe

    leaks: dict[str, tuple[str, ...]] = {}
    for line in "".join(outcome.log for outcome in outcomes).splitlines():
        with suppress(ValueError):  # the end of a run that was cut off, or its traceback
            answer = json.loads(line)
            leaks[answer["name"]] = tuple(answer["leaks"])
    endings = [
        outcome.message or outcome.verdict for outcome in outcomes if outcome.verdict is not Verdict.OK
    ]
    no_answer = ("; ".join(["it gave no answer", *endings]),)
    return tuple(Result(one.name, one.tries, leaks.get(one.name, no_answer)) for one in probe.ALL)


@contextmanager
def _listeners(channel: Channel) -> "Iterator[Expected]":
    """Listen where no sandbox may reach, and yield what the probes are told."""
    from submissions_sandbox import probe
    from submissions_sandbox.probes import Expected

    name = f"lethe-selftest-{secrets.token_hex(8)}"
    with ExitStack() as listening:
        loopback = listening.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = listening.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{name}")
        abstract.listen()
        yield Expected(
            digest=probe.digest(),
            hidden=_hidden_paths(),
            environment=_own_environment(),
            abstract_socket=name,
            loopback_port=loopback.getsockname()[1],
            memory_bytes=LIMITS.memory_bytes,
            joint_memory=channel.limits_together,
            processes=LIMITS.processes,
            scratch_bytes=LIMITS.scratch_bytes,
            scratch_files=scratch.MAX_FILES,
            shared_memory_bytes=LIMITS.shared_memory_bytes,
            open_files=LIMITS.open_files,
        )


def _make_input(source: str) -> "SubmissionInput":
    import torch
    from safetensors.torch import save

    from submissions_sandbox import architectures
    from submissions_sandbox.loaders import Loaders
    from worker.runner import SubmissionInput

    architecture = architectures.Architecture(width=1)
    data = {}
    for split in Loaders._fields:
        data[f"{split}/images"] = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
        for label in ("age", "age_group", "person_id", "image_id"):
            data[f"{split}/{label}"] = torch.zeros(1, dtype=torch.int64)
    return SubmissionInput(
        architecture=architecture,
        original=save(architectures.build(architecture).state_dict()),
        participant_data=save(data),
        source=Program({ENTRY_FILE: source.encode()}).to_bytes(),
    )


def _hidden_paths() -> list[str]:
    lethe = Path(worker.__file__).parents[1]
    return sorted({str(lethe), str(Path.home()), "/root", "/home"} - {"/"})


def _own_environment() -> list[str]:
    """Return hashes: the values themselves may be secret, and go nowhere."""
    own = {
        name: value for name, value in os.environ.items() if name not in environment(LIMITS.device) and value
    }
    return [hashlib.sha256(os.fsencode(f"{name}={value}")).hexdigest() for name, value in own.items()]
