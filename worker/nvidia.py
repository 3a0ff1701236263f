"""What NVIDIA's own program says of this host: which GPUs there are, and who holds their memory."""

import subprocess
from typing import NamedTuple

from core.errors import GpuUnavailableError

_PROGRAM = "nvidia-smi"
_TIMEOUT_S = 30.0
_FORMAT = "--format=csv,noheader,nounits"
_REMEDY = (
    "install NVIDIA's driver, give a worker that runs in a container its GPUs, "
    "or leave LETHE_SANDBOX_GPUS empty for a worker without any"
)


class Gpu(NamedTuple):
    """A GPU of this host.

    Attributes:
        number: by the order on the bus; it may change when the host starts anew.
        uuid: its name for ever, which CUDA and container engines know too.
        name: the product's.
        used_mib: memory in use.
    """

    number: str
    uuid: str
    name: str
    used_mib: int

    def __str__(self) -> str:
        return f"{self.number} ({self.name}, {self.uuid})"


def list_gpus() -> list[Gpu]:
    """Return the GPUs of this host, in the order of their numbers.

    Raises:
        GpuUnavailableError: the program is missing, fails, or does not know how much memory is in use.
    """
    found = []
    for line in _query("--query-gpu=index,uuid,memory.used,name"):
        number, uuid, used, name = line.split(", ", maxsplit=3)
        if not used.isdigit():  # "[N/A]" where the driver does not account for it
            raise GpuUnavailableError(
                f"{_PROGRAM} does not say how much memory of GPU {number} ({name}) is in use, but {used}: "
                "submissions cannot be kept apart on it"
            )
        found.append(Gpu(number, uuid, name, int(used)))
    return found


def list_processes(uuid: str) -> list[str]:
    """Return, in words, the processes that compute on a GPU.

    A worker in a container sees the host's numbers of them, and no names.

    Raises:
        GpuUnavailableError: the program is missing or fails.
    """
    found = []
    for line in _query("--query-compute-apps=gpu_uuid,pid,used_memory,process_name"):
        where, pid, used, name = line.split(", ", maxsplit=3)
        if where == uuid:
            found.append(f"{name} (process {pid}, {used} MiB)")
    return found


def _query(what: str) -> list[str]:
    try:
        ended = subprocess.run(
            [_PROGRAM, what, _FORMAT], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except OSError as error:
        raise GpuUnavailableError(f"{_PROGRAM} cannot be run ({error.strerror}): {_REMEDY}") from None
    except subprocess.TimeoutExpired:
        raise GpuUnavailableError(
            f"{_PROGRAM} does not answer within {_TIMEOUT_S:.0f} s: a GPU hangs; reset it or restart the host"
        ) from None
    if ended.returncode:
        said = " ".join((ended.stdout + ended.stderr).split())
        raise GpuUnavailableError(f"{_PROGRAM} fails with status {ended.returncode}: {said}; {_REMEDY}")
    return [line for line in ended.stdout.splitlines() if line]
