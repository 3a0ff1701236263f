"""What comes out of a container's attached stream, in whatever pieces and however late."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from worker.sandboxes.docker import DockerChannel


@pytest.fixture
def ends() -> Iterator[tuple[DockerChannel, socket.socket]]:
    """A channel, and the end to which the engine writes."""
    ours, engines = socket.socketpair()
    with ours, engines:
        yield DockerChannel("c", ours, ExitStack(), None, identity="docker"), engines


def _frame(stream: int, content: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(content)) + content


def _receive(channel: DockerChannel) -> bytes | None:
    """Return what is there for now, or None."""
    buffer = memoryview(bytearray(100))
    try:
        return bytes(buffer[: channel.receive_into(buffer, deadline=time.monotonic() + 0.01)])
    except TimeoutError:
        return None


def test_deadline_that_passes_in_the_middle_of_a_frame_loses_nothing(
    ends: tuple[DockerChannel, socket.socket],
) -> None:
    channel, engine = ends
    received = b""
    for byte in _frame(2, b"oh dear") + _frame(1, b"abc") + _frame(2, b"!") + _frame(1, b"de"):
        engine.sendall(bytes([byte]))
        received += _receive(channel) or b""
    assert received == b"abcde"
    assert channel.complaint() == "oh dear!"
    assert _receive(channel) is None
    engine.close()
    assert _receive(channel) == b""
