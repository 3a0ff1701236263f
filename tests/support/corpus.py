"""The corpus of submissions: what each folder holds, and what must be left when one has run."""

import importlib.util
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from tests.support.running import Installation
from tests.support.uploads import zip_of_folder
from worker.runner import RunOutcome
from worker.sandboxes.base import MIB, Limits
from worker.sandboxes.docker import OWNER_LABEL

FOLDER = Path(__file__).parents[1] / "submissions"

PHASE_LIMITS: dict[str, Any] = {
    "run_timeout_s": 12,
    "memory_bytes": 640 * MIB,
    "processes": 48,
    "scratch_bytes": 32 * MIB,
    "log_bytes": 4096,
}
"""The limits of the phase through which the corpus goes."""

LIMITS = Limits(
    run_s=PHASE_LIMITS["run_timeout_s"],
    memory_bytes=PHASE_LIMITS["memory_bytes"],
    processes=PHASE_LIMITS["processes"],
    scratch_bytes=PHASE_LIMITS["scratch_bytes"],
    log_bytes=PHASE_LIMITS["log_bytes"],
)
"""The same for a sandbox that a control opens itself."""

_GONE_S = 10.0  # a killed process lets go of its memory and its cgroup a moment after its verdict
_ALIKE = 0.8
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Control:
    """How an attack ends once what stops it is taken away.

    Attributes:
        without: the weakenings, by their names in `tests.support.weakened`.
        verdict: what one of its runs ends with.
        message: a pattern that is found in that run's message.
    """

    without: tuple[str, ...]
    verdict: str
    message: str

    def is_met_by(self, outcome: RunOutcome) -> bool:
        """Say whether a run ended so."""
        return outcome.verdict == self.verdict and bool(re.search(self.message, outcome.message))


@dataclass(frozen=True)
class Case:
    """One folder of the corpus.

    Attributes:
        name: of the folder.
        attack_class: "honest" for a submission that attacks nothing, "fault" for one that merely fails.
        state, verdict, message: how the walk ends; the pattern matches the message from its start.
        refused: in their place, a pattern of the upload's refusal.
        canary: what a hidden phase must not give back, and one that shows logs does.
        control: None for what is no attack.
    """

    name: str
    attack_class: str
    state: str
    verdict: str
    message: str
    refused: str | None
    canary: str | None
    control: Control | None

    @classmethod
    def read(cls, name: str) -> "Case":
        """Read `expected.json` of a folder."""
        expected = json.loads((FOLDER / name / "expected.json").read_text())
        control = expected.get("control")
        return cls(
            name=name,
            attack_class=expected["class"],
            state=expected.get("state", ""),
            verdict=expected.get("verdict", ""),
            message=expected.get("message", ""),
            refused=expected.get("refused"),
            canary=expected.get("canary"),
            control=control and Control(tuple(control["without"]), control["verdict"], control["message"]),
        )

    def upload(self) -> tuple[str, bytes]:
        """Return the name and the bytes of the file that a participant uploads."""
        folder = FOLDER / self.name
        for name in ("submission.py", "submission.ipynb"):
            if (folder / name).exists():
                return name, (folder / name).read_bytes()
        if (folder / "files").exists():
            return "submission.zip", zip_of_folder(folder / "files")
        spec = importlib.util.spec_from_file_location(f"corpus_{self.name}", folder / "build.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        built: tuple[str, bytes] = module.build()
        return built


def read_cases() -> list[Case]:
    """Read all folders, in the order of their names."""
    return [Case.read(path.parent.name) for path in sorted(FOLDER.glob("*/expected.json"))]


@dataclass(frozen=True)
class Footprint:
    """What an installation takes from its host, in bytes.

    Attributes:
        disk: the home folder without the storage's objects, and the temporary folder.
        memory: private to the worker's processes.
    """

    disk: int
    memory: int


class Host:
    """The view from the host on all that one installation's sandboxes may leave behind."""

    def __init__(self, installation: Installation, temporary: Path) -> None:
        """Watch an installation whose TMPDIR is `temporary`."""
        self._installation = installation
        self._temporary = temporary
        self._started_at = int(time.time())
        self._workers = set(installation.pids("-m", "worker"))
        self._owner = f"local:{installation.home}"

    def footprint(self) -> Footprint:
        """Measure what the installation takes now."""
        storage = self._installation.home / "storage"
        files = [*_files(self._installation.home, but=storage), *_files(self._temporary, but=storage)]
        return Footprint(disk=sum(map(_size, files)), memory=sum(map(_private_bytes, self._workers)))

    def slots_are_alike(self) -> bool:
        """Say whether both slots of the worker take about the same memory: have loaded the same."""
        smaller, larger = sorted(map(_private_bytes, self._workers))[-2:]
        return smaller > _ALIKE * larger

    def leftovers(self) -> list[str]:
        """Name what sandboxes left, once it has had the time to go; nothing else of theirs may run."""
        deadline = time.monotonic() + _GONE_S
        while (found := [*self._containers(), *self._cgroups(), *self._processes()]) and (
            time.monotonic() < deadline
        ):
            time.sleep(0.1)
        return found

    def _containers(self) -> Iterator[str]:
        for container in _containers(self._owner):
            yield f"container {container}"

    def _marks(self) -> list[str]:
        """Return what stands in the names of the cgroups of all sandboxes there were."""
        started = _containers_started(self._owner, since=self._started_at)
        return [f"lethe-{pid}-" for pid in self._workers] + started

    def _cgroups(self) -> Iterator[str]:
        marks = self._marks()
        for pattern in ("*", "*/*", "*/*/*"):
            for folder in _CGROUPS.glob(pattern):
                if any(mark in folder.name for mark in marks):
                    yield f"cgroup {folder}"

    def _processes(self) -> Iterator[str]:
        marks = self._marks()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                groups, command = (process / "cgroup").read_text(), (process / "cmdline").read_bytes()
                status = (process / "status").read_text()
            except OSError:
                continue
            parent = int(status.partition("\nPPid:\t")[2].split("\n")[0])
            is_sandbox = parent in self._workers and b"bwrap" in command
            if is_sandbox or any(mark in groups for mark in marks):
                yield f"process {process.name}: {command!r}"


def _containers(owner: str) -> list[str]:
    try:
        with closing(docker.from_env()) as client:
            found = client.containers.list(all=True, filters={"label": f"{OWNER_LABEL}={owner}"})
            return [str(container.id) for container in found]
    except DockerException:  # bubblewrap needs no engine
        return []


def _containers_started(owner: str, *, since: int) -> list[str]:
    filters = {"type": "container", "event": "create", "label": f"{OWNER_LABEL}={owner}"}
    try:
        with closing(docker.from_env()) as client:
            events = client.api.events(since=since, until=time.time(), filters=filters, decode=True)
            return [str(event["id"]) for event in events]
    except DockerException:
        return []


def _files(folder: Path, *, but: Path) -> Iterator[Path]:
    for where, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if Path(where, name) != but]
        yield from (Path(where, name) for name in names)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
