"""What is planted on the host for hostile submissions to find: canaries in files, processes and services."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from submissions_sandbox.confinement import USER_ID

SERVICE_PORT = 47163
"""Where the planted services listen on the host's loopback; the attacks know it."""

_AT_START = """\
import os
if os.environ.get("{variable}"):
    memory_canary = "-".join(["LETHE", "CANARY", "memory", "{token}"])
    os.set_inheritable(os.open("{file}", os.O_RDONLY), True)
"""


class Plants:
    """Canaries all over the host. Use as a context manager.

    A canary is a line that an attack recognizes without holding it: LETHE-CANARY-<where>-<32 hex digits>.

    Attributes:
        folder: holds files with canaries, sockets, and the home folder `home` of an installation.
        environment: what an installation's environment must hold besides: a canary, and a Python start-up
            file that leaves a canary in each process's memory and an inheritable descriptor on one.
    """

    def __init__(self) -> None:
        self._token = secrets.token_hex(16)
        self._at_end = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="lethe-plants-", dir="/tmp"))  # short, for sockets
        self.home = self.folder / "home"
        self.environment = {
            "LETHE_CANARY": self.canary("environment"),
            "PYTHONPATH": os.pathsep.join([str(self.folder / "start"), str(Path(__file__).parents[2])]),
        }

    def __enter__(self) -> Self:
        self._at_end.callback(shutil.rmtree, self.folder)
        self.home.mkdir()
        self.folder.chmod(0o755)
        for path in (self.folder / "lethe-canary-beside.txt", self.home / "lethe-canary-home.txt"):
            path.write_text(self.canary("file"))
        (self.folder / "writable").mkdir()
        (self.folder / "writable").chmod(0o777)
        start = self.folder / "start" / "sitecustomize.py"
        start.parent.mkdir()
        start.write_text(
            _AT_START.format(
                variable="LETHE_CANARY",
                token=self._token,
                file=self.folder / "lethe-canary-beside.txt",
            )
        )
        self._start_services()
        self._start_process()
        return self

    def __exit__(self, *_: object) -> None:
        self._at_end.close()

    def canary(self, where: str) -> str:
        """Return the canary of this place."""
        return f"LETHE-CANARY-{where}-{self._token}"

    @property
    def token(self) -> str:
        """What every canary holds, and nothing else on this machine does."""
        return self._token

    def _start_services(self) -> None:
        abstract = f"\0lethe-canary-{self._token}"
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", SERVICE_PORT)),
            (socket.AF_INET6, ("::1", SERVICE_PORT)),
            (socket.AF_UNIX, abstract),
            (socket.AF_UNIX, str(self.folder / "plain.sock")),
            (socket.AF_UNIX, str(self.folder / "engine.sock")),
        ):
            self._serve(family, socket.SOCK_STREAM, address)
            if family != socket.AF_UNIX:
                self._serve(family, socket.SOCK_DGRAM, address)
        for path in self.folder.glob("*.sock"):
            path.chmod(0o777)

    def _serve(self, family: int, kind: int, address: object) -> None:
        service = socket.socket(family, kind)
        if family != socket.AF_UNIX:
            service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # two runs of the tests
        service.bind(address)
        if kind == socket.SOCK_STREAM:
            service.listen()
        answer = _answer_streams if kind == socket.SOCK_STREAM else _answer_datagrams
        thread = threading.Thread(target=answer, args=(service, self.canary("service").encode()), daemon=True)
        thread.start()

        def end() -> None:
            with suppress(OSError):
                service.shutdown(socket.SHUT_RDWR)
            service.close()
            thread.join(5)

        self._at_end.callback(end)

    def _start_process(self) -> None:
        """Start a process of the sandbox's own user, which a sandbox must not see either."""
        process = subprocess.Popen(
            ["/bin/sleep", "10000"],  # our own Python may lie where that user cannot go
            env={"LETHE_CANARY": self.canary("process")},
            cwd="/",
            **({"user": USER_ID, "group": USER_ID, "extra_groups": []} if os.getuid() == 0 else {}),
        )

        def end() -> None:
            process.kill()
            process.wait()

        self._at_end.callback(end)


def _answer_streams(service: socket.socket, canary: bytes) -> None:
    with suppress(OSError):  # it was closed
        while True:
            connection, _ = service.accept()
            with connection, suppress(ConnectionError):
                connection.sendall(canary)


def _answer_datagrams(service: socket.socket, canary: bytes) -> None:
    while (address := service.recvfrom(64)[1]) is not None:  # None: it was shut down
        service.sendto(canary, address)
