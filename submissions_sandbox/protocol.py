"""The wire format between worker and sandbox: typed, length-prefixed frames on a byte stream."""

import io
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

HEADER = struct.Struct(">BQ")  # kind, payload length in bytes

ReadInto = Callable[[memoryview], int]
"""Fills the front of a buffer and returns how many bytes; 0 only at the end of the stream."""


class Kind(IntEnum):
    """What a frame carries."""

    SETUP = 1  # worker to sandbox: JSON of `Setup`
    ORIGINAL = 2  # worker to sandbox: the original model, safetensors
    DATA = 3  # worker to sandbox: the participant part of a bundle, safetensors
    SOURCE = 4  # worker to sandbox: the submission's program, a zip archive
    RUN = 5  # worker to sandbox: JSON {"seed"}
    READY = 16  # sandbox to worker: empty
    LOG = 17  # sandbox to worker: what the run printed, raw bytes
    WEIGHTS = 18  # sandbox to worker: the unlearned model, safetensors
    FAILED = 19  # sandbox to worker: JSON {"failure", "message"}


class Failure(StrEnum):
    """Why a run returned no weights; the values are those of the worker's verdicts."""

    INVALID_SUBMISSION = "invalid_submission"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    NONZERO_EXIT = "nonzero_exit"
    INVALID_OUTPUT = "invalid_output"
    LOG_LIMIT = "log_limit"


@dataclass(frozen=True)
class Setup:
    """What the zygote is told before its inputs.

    Attributes:
        architecture: `Architecture.to_dict()` of the network.
        run_s: seconds that one run may take.
        memory_bytes: private memory of each of a run's processes.
        file_bytes: the largest file a run may write.
        open_files: open file descriptors of each process.
        log_bytes: how much a run may print.
        output_bytes: the largest WEIGHTS payload.
        device: where a run finds its net: "cpu" or "cuda".
    """

    architecture: dict[str, object]
    run_s: float
    memory_bytes: int
    file_bytes: int
    open_files: int
    log_bytes: int
    output_bytes: int
    device: str


class ProtocolError(Exception):
    """The other side sent something that is not the protocol."""


class EndOfStreamError(Exception):
    """The other side closed the stream."""


class Header(NamedTuple):
    """What stands before a payload of `length` bytes."""

    kind: int
    length: int


class Frame(NamedTuple):
    """One message."""

    kind: int
    payload: bytes


def pack_header(kind: int, length: int) -> bytes:
    """Return the 9 bytes that stand before a payload of `length` bytes."""
    return HEADER.pack(kind, length)


def pack_json(kind: int, content: Mapping[str, object]) -> bytes:
    """Return a whole frame whose payload is `content` as JSON."""
    payload = json.dumps(content).encode()
    return pack_header(kind, len(payload)) + payload


def read_frame(read_into: ReadInto, max_bytes: Mapping[int, int]) -> Frame:
    """Read the next frame; see `read_header`."""
    header = read_header(read_into, max_bytes)
    return Frame(header.kind, read_payload(read_into, header.length))


def read_header(read_into: ReadInto, max_bytes: Mapping[int, int]) -> Header:
    """Read what stands before the next payload, which `read_payload` reads.

    Args:
        read_into: the stream.
        max_bytes: the largest payload, in bytes, of each kind that may come now.

    Raises:
        ProtocolError: a kind that may not come now, or a payload over its maximum.
        EndOfStreamError: the stream ended before or inside the header.
    """
    header = Header(*HEADER.unpack(read_payload(read_into, HEADER.size)))
    if header.kind not in max_bytes:
        raise ProtocolError(f"a frame of kind {header.kind} came where one of {sorted(max_bytes)} may come")
    if header.length > max_bytes[header.kind]:
        raise ProtocolError(
            f"a frame of kind {header.kind} has {header.length} bytes; "
            f"at most {max_bytes[header.kind]} may come"
        )
    return header


def unpack_json(payload: bytes) -> dict[str, object]:
    """Return the JSON object in a payload; anything else is a `ProtocolError`."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError) as error:  # deep nesting overflows the parser
        raise ProtocolError(f"a payload is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ProtocolError("a payload is not a JSON object")
    return content


def read_payload(read_into: ReadInto, length: int) -> bytes:
    """Read `length` bytes; `EndOfStreamError` if the stream ends before them."""
    if length == 0:
        return b""
    buffer = io.BytesIO()  # its value is handed out uncopied: weights are large
    buffer.seek(length - 1)
    buffer.write(b"\0")
    with buffer.getbuffer() as whole:
        filled = 0
        while filled < length:
            count = read_into(whole[filled:])
            if count == 0:
                raise EndOfStreamError("the stream ended")
            filled += count
    return buffer.getvalue()
