"""The GPUs of this worker: each is lent to one shard at a time, and only with its memory free."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.errors import GpuUnavailableError
from core.settings import get_settings
from worker import nvidia
from worker.nvidia import Gpu

_TOLERANCE_MIB = 64
_PATIENCE_S = 20.0  # the driver takes seconds to free what a killed process held
_POLL_S = 0.25
_ASK_TORCH = "import torch; raise SystemExit(not torch.cuda.is_available())"


@dataclass(frozen=True)
class Loan:
    """A GPU that a shard has for itself.

    Attributes:
        gpu: which one.
        lock: the open file that holds it; whoever inherits its descriptor holds the GPU too.
    """

    gpu: Gpu
    lock: IO[str]

    def environment(self) -> Mapping[str, str]:
        """Return the variables with which a process, and its sandboxes, see this GPU and no other."""
        return {"CUDA_VISIBLE_DEVICES": self.gpu.uuid, "LETHE_SANDBOX_GPUS": self.gpu.uuid}


def find(ids: Sequence[str]) -> list[Gpu]:
    """Return the GPUs with these numbers or UUIDs.

    Raises:
        GpuUnavailableError: there is no such GPU, one is named twice, or nvidia-smi fails.
    """
    if not ids:
        return []
    there = nvidia.list_gpus()
    found = []
    for one in ids:
        gpu = next((gpu for gpu in there if one in (gpu.number, gpu.uuid)), None)
        if gpu is None:
            known = "; ".join(map(str, there)) or "none"
            raise GpuUnavailableError(f"LETHE_SANDBOX_GPUS: there is no GPU {one} here, but {known}")
        if gpu in found:
            raise GpuUnavailableError(f"LETHE_SANDBOX_GPUS names GPU {gpu} twice")
        found.append(gpu)
    return found


def prove() -> list[Gpu]:
    """Return this worker's GPUs, all of them there, free, and lent to nobody; note what they use when idle.

    Raises:
        GpuUnavailableError: one is not; the message says why.
    """
    found = find(get_settings().sandbox_gpus)
    for gpu in found:
        with _locked([gpu]) as loan:
            _await_baseline(loan)
    return found


def find_with_torch(gpu: Gpu) -> None:
    """See that torch in a process of this worker finds a GPU; in this very one it might keep memory there.

    Raises:
        GpuUnavailableError: it finds none.
    """
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": gpu.uuid}
    ended = subprocess.run([sys.executable, "-c", _ASK_TORCH], env=environment, check=False)
    if ended.returncode:
        raise GpuUnavailableError(
            f"torch in this worker does not find GPU {gpu}: install a build for CUDA that fits the driver"
        )


@contextmanager
def lend() -> Iterator[Loan]:
    """Lend one of this worker's GPUs that nobody has, its memory free before and after.

    The kernel takes it back when the last process that holds it ends, however it ends.

    Raises:
        GpuUnavailableError: none is free, or memory is still in use some seconds after the work.
    """
    with _locked(find(get_settings().sandbox_gpus)) as loan:
        _await_baseline(loan)
        yield loan
        _await_baseline(loan)


@contextmanager
def _locked(gpus: Sequence[Gpu]) -> Iterator[Loan]:
    """Hold the first GPU that is free, once one is."""
    folder = get_settings().home / "gpus"
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for gpu in gpus:
            with (folder / gpu.uuid).open("a+") as lock:
                if _try_lock(lock):
                    yield Loan(gpu, lock)
                    return
        time.sleep(_POLL_S)
    raise GpuUnavailableError(
        f"GPU {' and '.join(map(str, gpus))}: another process holds the lock in {folder}; "
        "one worker at a time may have a GPU"
    )


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _await_baseline(loan: Loan) -> None:
    """Wait until a GPU uses no more memory than it ever did when idle, but for a tolerance.

    The least that was ever in use stands in the lock's file, so that a worker that starts anew does not
    take what a leak holds for idle.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        (gpu,) = find([loan.gpu.uuid])
        baseline = _read_baseline(loan.lock)
        if baseline is None:
            _refuse_company(gpu)
        if baseline is None or gpu.used_mib < baseline:
            _write_baseline(loan.lock, gpu.used_mib)
            return
        if gpu.used_mib <= baseline + _TOLERANCE_MIB:
            return
        if time.monotonic() > deadline:
            raise GpuUnavailableError(_not_free(gpu, baseline, Path(loan.lock.name)))
        time.sleep(_POLL_S)


def _refuse_company(gpu: Gpu) -> None:
    processes = nvidia.list_processes(gpu.uuid)
    if processes:
        raise GpuUnavailableError(
            f"GPU {gpu} is used by {'; '.join(processes)}: end them, submissions have a GPU for themselves"
        )


def _not_free(gpu: Gpu, baseline: int, file: Path) -> str:
    processes = "; ".join(nvidia.list_processes(gpu.uuid)) or "no process that nvidia-smi can see"
    return (
        f"GPU {gpu} has {gpu.used_mib} MiB in use, {gpu.used_mib - baseline} MiB more than when idle, and "
        f"does not free them within {_PATIENCE_S:.0f} s; held by {processes}. End what holds them or reset "
        f"the GPU; if its driver or screen is to keep them, remove {file}"
    )


def _read_baseline(file: IO[str]) -> int | None:
    file.seek(0)
    text = file.read()
    return int(text) if text else None


def _write_baseline(file: IO[str], used_mib: int) -> None:
    file.truncate(0)
    file.write(str(used_mib))
    file.flush()
    os.fsync(file.fileno())
