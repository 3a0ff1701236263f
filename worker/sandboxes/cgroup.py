"""A cgroup of a bubblewrap sandbox: one limit each for its memory, processes and processors."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_PERIOD_US = 100_000  # the kernel's own default: a sandbox may use its processors' worth of it
_SWAP_LIMITS = ("memory.swap.max", "memory.memsw.limit_in_bytes")
_REMOVAL_S = 2.0  # the kernel lets go of a killed process shortly after it is reaped


@dataclass(frozen=True)
class Cgroup:
    """One folder under version 2 of the kernel's interface, three under version 1.

    Attributes:
        memory: the folder that limits memory.
        pids: the folder that limits processes; under version 2 the same one.
        cpu: the folder that limits processor time, likewise; None where that cannot be limited.
        mount_point: where a zygote looks for the counters of `memory`.
    """

    memory: Path
    pids: Path
    cpu: Path | None
    mount_point: Path

    @classmethod
    def create(cls, *, memory_bytes: int, processes: int, cpus: float) -> Self | None:
        """Make a cgroup for a sandbox; None where this process has no right to limit memory and processes."""
        name = f"lethe-{os.getpid()}-{secrets.token_hex(4)}"
        for memory, pids, cpu, mount_point in _places():
            for parent in {memory, pids, cpu}:
                _remove_abandoned(parent)
            cgroup = cls(memory / name, pids / name, cpu / name, mount_point)
            try:
                cgroup._make(memory_bytes, processes)
            except OSError:
                cgroup.remove()
                continue
            return cgroup if cgroup._limit_cpus(cpus) else replace(cgroup, cpu=None)
        return None

    def add(self, pid: int) -> None:
        """Move a process in, so that what it forks from now on is in too.

        Raises:
            OSError: this process may not move it.
        """
        for folder in self._folders():
            (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory_kills(self) -> int:
        """Return how many of its processes the kernel has killed for memory."""
        counters = self.memory / "memory.events"
        if not counters.exists():
            counters = self.memory / "memory.oom_control"
        pairs = (line.split() for line in counters.read_text().splitlines())
        return next((int(pair[1]) for pair in pairs if pair[0] == "oom_kill"), 0)

    def limits_swap(self) -> bool:
        """Say whether what it swaps out counts; a kernel may be built or started without that."""
        return any((self.memory / name).exists() for name in _SWAP_LIMITS)

    def remove(self) -> None:
        """Remove it, once its last process is gone; a process that does not die leaves it behind."""
        deadline = time.monotonic() + _REMOVAL_S
        for folder in self._folders():
            while folder.exists() and time.monotonic() < deadline:
                try:
                    folder.rmdir()
                except OSError:
                    time.sleep(0.01)

    def _make(self, memory_bytes: int, processes: int) -> None:
        for folder in {self.memory, self.pids}:
            folder.mkdir()
        if self.memory == self.pids:
            (self.memory / "memory.max").write_text(str(memory_bytes))
            swap, swap_bytes = self.memory / "memory.swap.max", 0
        else:
            (self.memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
            swap, swap_bytes = self.memory / "memory.memsw.limit_in_bytes", memory_bytes
        if swap.exists():
            swap.write_text(str(swap_bytes))
        (self.pids / "pids.max").write_text(str(processes))

    def _limit_cpus(self, cpus: float) -> bool:
        assert self.cpu is not None
        quota_us = round(cpus * _PERIOD_US)
        try:
            if self.cpu == self.memory:
                (self.cpu / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}")
            else:
                self.cpu.mkdir()
                (self.cpu / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
                (self.cpu / "cpu.cfs_quota_us").write_text(str(quota_us))
        except OSError:
            if self.cpu != self.memory and self.cpu.exists():
                self.cpu.rmdir()
            return False
        return True

    def _folders(self) -> set[Path]:
        return {folder for folder in (self.memory, self.pids, self.cpu) if folder is not None}


class _Place(NamedTuple):
    """Folders in which a new cgroup may be made, and the zygote's mount point."""

    memory: Path
    pids: Path
    cpu: Path
    mount_point: Path


def _places() -> Iterator[_Place]:
    """Yield the places to try, best first."""
    own = {}
    with contextlib.suppress(OSError):
        for line in _OWN.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            own.update(dict.fromkeys(controllers.split(","), path.strip("/")))
    if "memory" in own and "pids" in own:
        memory, pids, cpu = (_ROOT / name / own.get(name, "") for name in ("memory", "pids", "cpu"))
        yield _Place(memory, pids, cpu, mount_point=_ROOT / "memory")
    elif "" in own:  # version 2 sets no limits below a group that holds processes itself, but for the root
        for folder in ((_ROOT / own[""]).parent if own[""] else _ROOT, _ROOT):
            yield _Place(folder, folder, folder, _ROOT)


def _remove_abandoned(parent: Path) -> None:
    """Remove what a worker that was killed could not."""
    for folder in parent.glob("lethe-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            with contextlib.suppress(OSError):  # its last processes are just dying
                folder.rmdir()
