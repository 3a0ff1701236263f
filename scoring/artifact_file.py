"""The bytes of an artifact: named arrays and JSON facts in one safetensors file, each with its sha256.

The only metadata of the file, `lethe_artifact`, is canonical JSON: the format's version, the facts, and the
sha256 of every array's bytes and of every fact's canonical JSON.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

FORMAT_VERSION = 1

_METADATA = "lethe_artifact"  # one entry only: safetensors writes several in random order
_MAX_HEADER_BYTES = 1 << 24  # 512 models need 50 kB
_DTYPES = ("F32", "F64", "I64")


class ArtifactError(ValueError):
    """The content, or the bytes, are not those of an artifact; the message names what is wrong."""


class Content(NamedTuple):
    """What a file holds: arrays (float32, float64 or int64) and JSON values, by name."""

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]


def write(content: Content) -> bytes:
    """Return the file; equal contents give equal bytes.

    Raises:
        ArtifactError: a fact cannot be written as JSON.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in content.arrays.items()}
    metadata = {
        "format_version": FORMAT_VERSION,
        "facts": content.facts,
        "sha256": _sha256s(Content(arrays, content.facts)),
    }
    return save(arrays, metadata={_METADATA: canonical("the metadata", metadata)})


def read(data: bytes) -> Content:
    """Return the content of a file that `write` wrote.

    Raises:
        ArtifactError: it is anything else, cut short, damaged, or of another version.
    """
    header = _read_header(data)
    metadata = _read_metadata(header.get("__metadata__"))
    content = Content(_read_arrays(data), metadata["facts"])
    _check_sha256s(_sha256s(content), metadata["sha256"])
    return content


def canonical(what: str, value: object) -> str:
    """Return a value as JSON, the same for equal values.

    Args:
        what: names the value in errors.
        value: of what JSON knows.

    Raises:
        ArtifactError: it holds something else, or NaN or infinity.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{what} cannot be written as JSON: {error}") from error


def _sha256s(content: Content) -> dict[str, str]:
    contents: dict[str, bytes | memoryview] = {name: array.data for name, array in content.arrays.items()}
    contents |= {name: canonical(name, fact).encode() for name, fact in content.facts.items()}
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}


def _check_sha256s(found: Mapping[str, str], stated: Mapping[str, object]) -> None:
    for name, sha256 in found.items():
        if name not in stated:
            raise ArtifactError(f"the metadata states no sha256 of {name:.100}")
        if sha256 != stated[name]:
            raise ArtifactError(f"{name:.100} is damaged: its sha256 is {sha256}, not {stated[name]!r:.100}")
    if missing := sorted(set(stated) - set(found)):
        raise ArtifactError(f"{missing[0]:.100} is missing, though the metadata states its sha256")


def _read_header(data: bytes) -> dict[str, Any]:
    """Return the header, having checked that the file is as long as that says."""
    length = int.from_bytes(data[:8], "little")
    if length > _MAX_HEADER_BYTES:
        raise ArtifactError(f"the header would have {length} bytes, over {_MAX_HEADER_BYTES}")
    start = 8 + length
    if len(data) < start:
        raise ArtifactError(f"the file is cut short: its header ends at {start}, it has {len(data)} bytes")
    header = _parse("the header", data[8:start])
    ends = [_end(name, entry) for name, entry in header.items() if name != "__metadata__"]
    size = start + max(ends, default=0)
    if len(data) != size:
        raise ArtifactError(f"the file has {len(data)} bytes, but its header says {size}")
    return header


def _end(name: str, entry: object) -> int:
    """Return where an array's data end, counted from the end of the header, having checked its type."""
    match entry:
        case {"dtype": dtype, "data_offsets": [int(), int(end)]}:
            if dtype not in _DTYPES:
                raise ArtifactError(f"{name} is of type {dtype!r:.100}, not one of {', '.join(_DTYPES)}")
            return end
    raise ArtifactError(f"the header does not say where {name!r:.100} lies")


def _read_metadata(metadata: object) -> dict[str, Any]:
    """Return format version, facts and sha256, the first known, the others objects."""
    text = metadata.get(_METADATA) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ArtifactError(f"the file is not an artifact: it has no metadata `{_METADATA}`")
    parsed = _parse("the metadata", text)
    if (version := parsed.get("format_version")) != FORMAT_VERSION:
        raise ArtifactError(f"the format version is {version!r:.100}; only {FORMAT_VERSION} is known")
    # Else a flipped bit could hide in an escape: \u00eb and \u00Eb are one letter.
    if canonical("the metadata", parsed) != text:
        raise ArtifactError("the metadata is not canonical JSON")
    match parsed:
        case {"facts": dict(), "sha256": dict()} if len(parsed) == 3:
            return parsed
    raise ArtifactError("the metadata must state exactly format_version, facts and sha256")


def _parse(what: str, text: bytes | str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:  # deep nesting overflows the parser
        raise ArtifactError(f"{what} cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise ArtifactError(f"{what} is not a JSON object")
    return value


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):  # safetensors would take the last
        raise ValueError("a key stands twice")
    return value


def _read_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        return load(data)
    except SafetensorError as error:
        raise ArtifactError(f"the arrays do not lie as the header says: {error}") from error
