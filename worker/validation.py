"""The check of what came out of a sandbox: safetensors bytes with exactly the weights asked for."""

import json
import math
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.errors import ParticipantError
from submissions_sandbox.architectures import TensorSpec

MAX_HEADER_BYTES = 1 << 20  # a ResNet-18 needs 12 kB

_MAX_DIGITS = 19  # of 2**63

_ITEM_BYTES = {"F32": 4, "I64": 8}


class InvalidOutputError(ParticipantError):
    """The returned weights are not those of the competition's network."""

    title = "The submission returned weights that do not fit"
    status = 422


def max_weights_bytes(specs: Mapping[str, TensorSpec]) -> int:
    """Return the size, in bytes, over which a frame cannot hold exactly the tensors of `specs`."""
    return 8 + MAX_HEADER_BYTES + sum(_n_bytes(spec) for spec in specs.values())


def check_weights(frame: bytes, specs: Mapping[str, TensorSpec]) -> None:
    """Check that `frame` holds exactly the tensors of `specs`, every value finite.

    Once it is checked, `safetensors` may read it.

    Raises:
        InvalidOutputError: it does not; the message names the tensor and may be shown to participants.
    """
    header, data = _split(frame)
    for name in specs:
        if name not in header:
            raise InvalidOutputError(f"the weights lack {name}")
    for name in header:
        if name not in specs:
            raise InvalidOutputError(f"the weights have {name[:100]!r}, which the original has not")
    spans = {name: _span(name, header[name], spec) for name, spec in specs.items()}
    end = 0
    for span in sorted(spans.values()):
        if span.start != end:
            raise InvalidOutputError("the tensors overlap, or leave a gap between them")
        end = span.end
    if end != len(data):
        raise InvalidOutputError(f"the weights have {len(data)} bytes where their header promises {end}")
    for name, spec in specs.items():
        if spec.dtype == "F32" and not _is_finite(np.frombuffer(data[slice(*spans[name])], "<f4")):
            raise InvalidOutputError(f"{name} holds a NaN or an infinite value")


class _Span(NamedTuple):
    start: int
    end: int


def _split(frame: bytes) -> tuple[dict[str, object], memoryview]:
    view = memoryview(frame)
    length = int.from_bytes(view[:8], "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, len(view) - 8):
        raise InvalidOutputError("the weights do not begin with a safetensors header")
    try:
        # safetensors' own reader takes nothing before the brace, and no encoding but UTF-8
        text = bytes(view[8 : 8 + length]).decode()
        parse = partial(json.loads, object_pairs_hook=_without_duplicates, parse_int=_natural)
        header = parse(text) if text[0] == "{" else None
    except (ValueError, RecursionError):  # deep nesting overflows the parser
        header = None
    if not isinstance(header, dict):
        raise InvalidOutputError("the header of the weights is not the JSON of safetensors")
    return header, view[8 + length :]


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key stands twice")
    return content


def _natural(digits: str) -> int:
    """Read a number of a header; -0 is none to safetensors' own reader, and a long one is slow to show."""
    if not digits.isdecimal() or len(digits) > _MAX_DIGITS:
        raise ValueError("a number is negative or huge")
    return int(digits)


def _span(name: str, entry: object, spec: TensorSpec) -> _Span:
    """Return where the data of a tensor lie, having checked that its header entry fits `spec`."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise InvalidOutputError(f"the header of {name} is not that of a tensor")
    if entry["dtype"] != spec.dtype:
        raise InvalidOutputError(f"{name} has the dtype {str(entry['dtype'])[:20]}, not {spec.dtype}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _are_integers(shape) or shape != list(spec.shape):
        raise InvalidOutputError(f"{name} has the shape {str(shape)[:100]}, not {list(spec.shape)}")
    if not _are_integers(offsets) or len(offsets) != 2:
        raise InvalidOutputError(f"the header of {name} has no place for its data")
    if offsets[1] - offsets[0] != _n_bytes(spec):
        raise InvalidOutputError(f"{name} has {offsets[1] - offsets[0]} bytes, not {_n_bytes(spec)}")
    return _Span(*offsets)


def _are_integers(values: object) -> bool:
    """Say whether this is a list of integers; True and 1.0 equal 1 and are none."""
    return isinstance(values, list) and all(type(value) is int for value in values)


def _n_bytes(spec: TensorSpec) -> int:
    return math.prod(spec.shape) * _ITEM_BYTES[spec.dtype]


def _is_finite(values: npt.NDArray[np.float32]) -> bool:
    with np.errstate(all="ignore"):
        # A sum is finite only if every term is, and is several times faster than looking at each.
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())
