"""What a worker's self-test looks for from inside a sandbox, as a submission would."""

import hashlib
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from submissions_sandbox import scratch
from submissions_sandbox.confinement import USER_ID

_NO_RIGHTS = ("CapInh", "CapPrm", "CapEff", "CapAmb")
_CONFINED = {"NoNewPrivs": "1", "Seccomp": "2"}


class LeakError(Exception):
    """The sandbox does not hold what it must hold; the message lists how."""


def digest() -> str:
    """Return a hash of this package's code: worker and sandbox must hold the same."""
    folder = Path(__file__).parent
    code = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        code.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return code.hexdigest()


def check(*, worker_digest: str, hidden: Iterable[str]) -> None:
    """Look for every leak that can be seen from here.

    Args:
        worker_digest: `digest()` of the worker.
        hidden: paths on the host of which nothing may show.

    Raises:
        LeakError: there is one.
    """
    if digest() != worker_digest:
        raise LeakError("it holds another version of submissions_sandbox: build the image anew")
    found = [*_identity(), *_network(), *_visible(hidden), *_writable()]
    if found:
        raise LeakError("; ".join(found))


def _identity() -> Iterator[str]:
    if {*os.getresuid(), *os.getresgid()} != {USER_ID}:
        yield f"it runs as user {os.getresuid()}, group {os.getresgid()}"
    if 0 in os.getgroups():
        yield "it is in the group of root"
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    for name in _NO_RIGHTS:
        if int(status[name], 16) != 0:
            yield f"{name} is {status[name]}"
    for name, value in _CONFINED.items():
        if status[name] != value:
            yield f"{name} is {status[name]}"
    if os.access("/proc/1/mem", os.R_OK):
        yield "the memory of PID 1 can be read"


def _network() -> Iterator[str]:
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
        try:
            socket.socket(family, socket.SOCK_DGRAM).close()
        except OSError:
            continue
        yield f"a socket of family {family.name} opens"
    interfaces = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    if interfaces not in ([], ["lo"]):
        yield f"the network interfaces {interfaces} are there"


def _visible(hidden: Iterable[str]) -> Iterator[str]:
    for path in hidden:
        try:
            content = os.listdir(path)
        except OSError:
            continue
        if content:
            yield f"{path} can be seen"


def _writable() -> Iterator[str]:
    allowed = (scratch.FOLDER, scratch.SHARED_MEMORY, "/proc", "/sys")
    for folder, inner, _ in os.walk("/"):
        inner[:] = [name for name in inner if os.path.join(folder, name) not in allowed]
        if os.access(folder, os.W_OK):
            yield f"{folder} can be written to"
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory"):
        if os.access(path, os.W_OK):
            yield f"{path} can be written to"
