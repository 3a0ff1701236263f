"""The processes of an embedded installation, and what each is told."""

import socket
from pathlib import Path

import pytest

from cli import supervisor
from cli.supervisor import InstallationError, Service, Supervisor
from core import db, nodes
from core.settings import Settings


def _services(home: Path, gpus: tuple[str, ...]) -> dict[str, Service]:
    settings = Settings(home=home, broker_url="redis://nobody", sandbox_gpus=gpus)
    return {service.name: service for service in supervisor._services(settings, port=1)}


def test_host_with_gpus_has_a_second_worker_for_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETHE_SANDBOX_GPUS", "0,1")
    assert set(_services(home, ())) == {"api", "worker", "sweeper", "courier"}
    services = _services(home, ("0", "1"))
    assert set(services) == {"api", "worker", "sweeper", "courier", "gpu-worker"}
    worker, on_gpus = services["worker"], services["gpu-worker"]
    assert worker.command == on_gpus.command
    assert (worker.environment["LETHE_SANDBOX_GPUS"], worker.environment.get("LETHE_NODE_NAME")) == ("", None)
    assert on_gpus.environment["LETHE_SANDBOX_GPUS"] == "0,1"
    assert on_gpus.environment["LETHE_NODE_NAME"] == "local-gpu"


def test_refusals_are_told_apart_by_worker(home: Path) -> None:
    running = Supervisor(port=1)
    with db.transaction() as session:
        nodes.begin(session, "local", slots=1)
        nodes.begin(session, "local-gpu", slots=1, gpus=("0",))
    assert running.refusals() == {}
    with db.transaction() as session:
        nodes.refuse(session, "local-gpu", "GPU 0 has 700 MiB in use")
    assert running.refusals() == {"gpu-worker": "GPU 0 has 700 MiB in use"}


def test_address_is_known_to_other_commands_while_it_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LETHE_PUBLIC_URL", raising=False)
    monkeypatch.setattr(supervisor, "_services", lambda *_, **__: [])
    monkeypatch.setattr(Supervisor, "_wait_until_ready", lambda _: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with Supervisor(port=taken.getsockname()[1]) as running:
            assert running.url != f"http://127.0.0.1:{taken.getsockname()[1]}"
            assert Settings(home=home).public_url == running.url
            with pytest.raises(InstallationError):
                Supervisor(port=1).__enter__()
            assert Settings(home=home).public_url == running.url
            monkeypatch.setenv("LETHE_PUBLIC_URL", "https://lethe.example")
            assert Settings(home=home).public_url == "https://lethe.example"
            monkeypatch.delenv("LETHE_PUBLIC_URL")
    assert Settings(home=home).public_url == "http://127.0.0.1:8000"
