"""What every sandbox offers: limits that it keeps, and a channel to the zygote inside it."""

from dataclasses import dataclass
from typing import Protocol

from core.errors import PlatformError
from submissions_sandbox.system_calls import Device

MIB = 1024 * 1024

_ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # a fork faults its memory in anew: in large pages, if it can
    "HOME": "/tmp",  # noqa: S108  # the sandbox's own
    "LANG": "C.UTF-8",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",  # the same seed gives the same run on every worker
    "TMPDIR": "/tmp",  # noqa: S108
    "TORCHDYNAMO_DISABLE": "1",  # there is no compiler inside: what asks torch.compile runs as it is
    "USER": "sandbox",  # getpass asks for it; there need be no passwd file
}
_HIDDEN_GPUS = {
    "CUDA_VISIBLE_DEVICES": "",
    "NVIDIA_VISIBLE_DEVICES": "void",  # NVIDIA's runtime would otherwise do as the image says
}


def environment(device: Device) -> dict[str, str]:
    """Return all that a zygote's environment holds, but for where its Python lies."""
    return _ENVIRONMENT if device == "cuda" else _ENVIRONMENT | _HIDDEN_GPUS


class ChannelClosedError(PlatformError):
    """The sandbox at the other end is gone."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        run_s: seconds per run.
        start_s: seconds from opening the sandbox until it has read its inputs.
        grace_s: seconds after `run_s` until the worker, which sees only bytes, ends the sandbox.
        memory_bytes: memory of the whole sandbox, its scratch files included.
        processes: processes and threads at one time, PID 1 included.
        cpus: processors' worth of time, where the sandbox can hold it to that.
        scratch_bytes: files in the scratch folder.
        shared_memory_bytes: files in /dev/shm, through which a DataLoader's workers hand on batches.
        open_files: open file descriptors of each process.
        log_bytes: what one run may print.
        device: what the runs compute on; GPUs are hidden from those on "cpu".
    """

    run_s: float = 60.0
    start_s: float = 120.0
    grace_s: float = 10.0
    memory_bytes: int = 4096 * MIB
    processes: int = 64
    cpus: float = 1.0
    scratch_bytes: int = 1024 * MIB
    shared_memory_bytes: int = 256 * MIB
    open_files: int = 1024
    log_bytes: int = 64 * 1024
    device: Device = "cpu"


class Channel(Protocol):
    """The byte stream to the zygote of one open sandbox; everything that comes out of it is hostile.

    Deadlines are times of `time.monotonic()`.
    """

    @property
    def identity(self) -> str:
        """What runs the zygote: the sandbox's word, and its image where it has one."""

    @property
    def limits_together(self) -> bool:
        """Whether memory is limited for all processes together, not only for each."""

    def send(self, data: bytes, *, deadline: float) -> None:
        """Write all of `data`.

        Raises:
            ChannelClosedError: the sandbox is gone.
            TimeoutError: the deadline passed.
        """

    def receive_into(self, buffer: memoryview, *, deadline: float) -> int:
        """Fill the front of `buffer` and return how many bytes; 0 if the sandbox is gone.

        Raises:
            TimeoutError: the deadline passed; nothing is lost, and it may be called again.
        """

    def out_of_memory(self) -> bool:
        """Say whether a sandbox that is gone was ended by the kernel for its memory.

        Raises:
            SandboxUnavailableError: it is not the sandbox that ended but the engine around it.
        """

    def complaint(self) -> str:
        """Return the last lines that the zygote, or what starts it, wrote to its standard error."""

    def close(self) -> None:
        """End the sandbox with everything in it and free what it held; harmless when repeated."""


class Sandbox(Protocol):
    """A way to run a zygote where it can do no harm."""

    @property
    def name(self) -> str:
        """The sandbox's word in settings and health pages."""

    def open(self, limits: Limits) -> Channel:
        """Start a zygote and return the channel to it.

        Raises:
            SandboxUnavailableError: it cannot be started; the message says what to install or mend.
        """
