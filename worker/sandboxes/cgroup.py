"""A cgroup of a bubblewrap sandbox: one limit for the memory and the processes of all that runs in it."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_REMOVAL_S = 2.0  # the kernel lets go of a killed process shortly after it is reaped


@dataclass(frozen=True)
class Cgroup:
    """One folder under version 2 of the kernel's interface, two under version 1.

    Attributes:
        memory: the folder that limits memory.
        pids: the folder that limits processes; under version 2 the same one.
        mount_point: where a zygote looks for the counters of `memory`.
    """

    memory: Path
    pids: Path
    mount_point: Path

    @classmethod
    def create(cls, *, memory_bytes: int, processes: int) -> Self | None:
        """Make a cgroup for a sandbox; None where this process has no right to make one."""
        name = f"lethe-{os.getpid()}-{secrets.token_hex(4)}"
        for memory, pids, mount_point in _places():
            _remove_abandoned(memory)
            _remove_abandoned(pids)
            cgroup = cls(memory / name, pids / name, mount_point)
            try:
                cgroup._make(memory_bytes, processes)
            except OSError:
                cgroup.remove()
            else:
                return cgroup
        return None

    def add(self, pid: int) -> bool:
        """Move a process in, so that what it forks from now on is in too; False if that is not allowed."""
        try:
            for folder in {self.memory, self.pids}:
                (folder / "cgroup.procs").write_text(str(pid))
        except OSError:
            return False
        return True

    def out_of_memory_kills(self) -> int:
        """Return how many of its processes the kernel has killed for memory."""
        counters = self.memory / "memory.events"
        if not counters.exists():
            counters = self.memory / "memory.oom_control"
        pairs = (line.split() for line in counters.read_text().splitlines())
        return next((int(pair[1]) for pair in pairs if pair[0] == "oom_kill"), 0)

    def remove(self) -> None:
        """Remove it, once its last process is gone; a process that does not die leaves it behind."""
        deadline = time.monotonic() + _REMOVAL_S
        for folder in {self.memory, self.pids}:
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
        if swap.exists():  # a kernel may be built or started without accounting for swap
            swap.write_text(str(swap_bytes))
        (self.pids / "pids.max").write_text(str(processes))


def _places() -> Iterator[tuple[Path, Path, Path]]:
    """Yield the folders in which a new cgroup may be made, best first, and the zygote's mount point."""
    own = {}
    with contextlib.suppress(OSError):
        for line in _OWN.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            own.update(dict.fromkeys(controllers.split(","), path.strip("/")))
    if "memory" in own and "pids" in own:
        yield _ROOT / "memory" / own["memory"], _ROOT / "pids" / own["pids"], _ROOT / "memory"
    elif "" in own:  # version 2 sets no limits below a group that holds processes itself, but for the root
        for folder in ((_ROOT / own[""]).parent if own[""] else _ROOT, _ROOT):
            yield folder, folder, _ROOT


def _remove_abandoned(parent: Path) -> None:
    """Remove what a worker that was killed could not."""
    for folder in parent.glob("lethe-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            with contextlib.suppress(OSError):  # its last processes are just dying
                folder.rmdir()
