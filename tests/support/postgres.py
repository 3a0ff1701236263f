"""A real PostgreSQL server of the test session's own, and an empty database in it for each test."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support.requirements import find_program

_START_TIMEOUT_S = 30.0


@contextmanager
def running_server() -> Iterator[str]:
    """Yield the socket folder of a running server; it keeps nothing and listens on no port."""
    # Not in pytest's folder: the server's user must be able to enter, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="lethe-pg-"))
    options: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    initdb, postgres = find_program("initdb"), find_program("postgres")
    assert initdb is not None
    assert postgres is not None
    data = str(folder / "data")
    create = [initdb, "-D", data, "-U", "lethe", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    subprocess.run(create, check=True, capture_output=True, cwd=folder, **options)
    server = subprocess.Popen(
        [postgres, "-D", data, "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        **options,
    )
    try:
        _wait_until_ready(folder, server)
        yield str(folder)
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """Yield the SQLAlchemy URL of an empty database."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(host=server, user="lethe", dbname="postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"postgresql+psycopg://lethe@/{name}?host={server}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Socket folder of a running server; it keeps nothing and listens on no port."""
    with running_server() as folder:
        yield folder


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty database."""
    with empty_database(postgres_server) as url:
        yield url


def _wait_until_ready(folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "PostgreSQL did not start"
        try:
            psycopg.connect(host=str(folder), user="lethe", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("PostgreSQL does not answer")
