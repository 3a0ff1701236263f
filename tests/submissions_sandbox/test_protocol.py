import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lifecycle import Verdict
from submissions_sandbox.protocol import (
    HEADER,
    EndOfStreamError,
    Failure,
    Frame,
    Kind,
    ProtocolError,
    ReadInto,
    pack_header,
    pack_json,
    read_frame,
    unpack_json,
)


def _stream(data: bytes, chunk_bytes: int = 1 << 20) -> ReadInto:
    stream = io.BytesIO(data)

    def read_into(buffer: memoryview) -> int:
        return stream.readinto(buffer[:chunk_bytes])

    return read_into


@given(payload=st.binary(max_size=300), chunk_bytes=st.integers(1, 20), kind=st.sampled_from(Kind))
def test_frame_survives_the_stream_in_any_pieces(payload: bytes, chunk_bytes: int, kind: Kind) -> None:
    read_into = _stream(pack_header(kind, len(payload)) + payload, chunk_bytes)
    assert read_frame(read_into, {kind: len(payload)}) == Frame(kind, payload)


def test_frames_follow_each_other() -> None:
    read_into = _stream(pack_header(Kind.LOG, 2) + b"ab" + pack_json(Kind.RUN, {"seed": 2**64 - 1}))
    assert read_frame(read_into, {Kind.LOG: 2}).payload == b"ab"
    assert unpack_json(read_frame(read_into, {Kind.RUN: 100}).payload) == {"seed": 2**64 - 1}


def test_payload_over_its_maximum_is_refused_before_it_is_read() -> None:
    read_into = _stream(pack_header(Kind.LOG, 2**63))
    with pytest.raises(ProtocolError, match="at most 10 may come"):
        read_frame(read_into, {Kind.LOG: 10, Kind.WEIGHTS: 2**63})


def test_kind_that_may_not_come_is_refused() -> None:
    with pytest.raises(ProtocolError, match="kind 18"):
        read_frame(_stream(pack_header(Kind.WEIGHTS, 0)), {Kind.LOG: 10})


@pytest.mark.parametrize("length", range(HEADER.size + 3))
def test_stream_that_ends_early_is_an_end_of_stream(length: int) -> None:
    data = (pack_header(Kind.LOG, 3) + b"abc")[:length]
    with pytest.raises(EndOfStreamError):
        read_frame(_stream(data), {Kind.LOG: 10})


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000, b'"text"'])
def test_payload_that_is_no_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpack_json(payload)


def test_every_failure_is_a_verdict() -> None:
    assert {failure.value for failure in Failure} < {verdict.value for verdict in Verdict}
