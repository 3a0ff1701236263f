import json
import struct
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from submissions_sandbox.architectures import Architecture, TensorSpec, build, tensor_specs
from worker.validation import InvalidOutputError, check_weights, max_weights_bytes

_SPECS = {"a": TensorSpec((2, 3), "F32"), "b": TensorSpec((), "I64"), "c": TensorSpec((1,), "F32")}
_STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7), "c": torch.tensor([1.5])}

Header = dict[str, Any]


def _parts() -> tuple[Header, bytes]:
    frame = save(_STATE)
    length = int.from_bytes(frame[:8], "little")
    return json.loads(frame[8 : 8 + length]), frame[8 + length :]


def _frame(header: Header | bytes, data: bytes) -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


def _changed(change: Callable[[Header], object]) -> bytes:
    header, data = _parts()
    change(header)
    return _frame(header, data)


def _refusal(frame: bytes) -> str:
    with pytest.raises(InvalidOutputError) as refused:
        check_weights(frame, _SPECS)
    return str(refused.value)


def test_safetensors_own_output_passes() -> None:
    check_weights(save(_STATE), _SPECS)


def test_full_resnet_passes_and_is_under_its_maximum() -> None:
    specs = tensor_specs(Architecture())
    frame = save(build(Architecture()).state_dict())
    check_weights(frame, specs)
    assert len(frame) <= max_weights_bytes(specs) < len(frame) + 2**21


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("position", [0, 5])
def test_value_that_is_not_finite_is_refused_by_name(value: float, position: int) -> None:
    state = {**_STATE, "a": _STATE["a"].clone()}
    state["a"].view(-1)[position] = value
    assert _refusal(save(state)) == "a holds a NaN or an infinite value"


def test_finite_values_whose_sum_overflows_pass() -> None:
    check_weights(save({**_STATE, "a": torch.full((2, 3), 3e38)}), _SPECS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h.pop("a"), "lack a"),
        (lambda h: h.update(d=h["c"]), "have 'd'"),
        (lambda h: h.update(__metadata__={"k": "v"}), "have '__metadata__'"),
        (lambda h: h["a"].update(dtype="F64"), "a has the dtype F64, not F32"),
        (lambda h: h["a"].update(dtype=["F32"]), "dtype"),
        (lambda h: h["a"].update(shape=[3, 2]), "a has the shape [3, 2], not [2, 3]"),
        (lambda h: h["a"].update(shape=[2.0, 3]), "shape"),
        (lambda h: h["c"].update(shape=[True]), "shape"),
        (lambda h: h["a"].update(shape="23"), "shape"),
        (lambda h: h["a"].update(data_offsets=[0, 0]), "0 bytes, not 24"),
        (lambda h: h["a"].update(data_offsets=[-24, 0]), "JSON"),
        (lambda h: h["a"].update(data_offsets=[0.0, 24.0]), "no place"),
        (lambda h: h["a"].update(data_offsets=[0, 12, 24]), "no place"),
        (lambda h: h["a"].update(data_offsets={"0": 24}), "no place"),
        (lambda h: h["a"].update(data_offsets=[100, 124]), "gap"),
        (lambda h: h["a"].update(extra=1), "header of a"),
        (lambda h: h["a"].pop("dtype"), "header of a"),
        (lambda h: h.update(a=3), "header of a"),
    ],
)
def test_wrong_header_is_refused(change: Callable[[Header], object], words: str) -> None:
    assert words in _refusal(_changed(change))


def test_overlap_that_fills_the_size_is_refused() -> None:
    header, data = _parts()
    start = header["a"]["data_offsets"][0]
    header["c"]["data_offsets"] = [start, start + 4]
    assert "overlap" in _refusal(_frame(header, data))


@pytest.mark.parametrize("extra", [b"x", bytes(8)])
def test_bytes_after_the_last_tensor_are_refused(extra: bytes) -> None:
    header, data = _parts()
    assert "bytes where their header promises" in _refusal(_frame(header, data + extra))


def test_missing_bytes_are_refused() -> None:
    header, data = _parts()
    assert "bytes where their header promises" in _refusal(_frame(header, data[:-1]))


def test_key_that_stands_twice_is_refused() -> None:
    header, data = _parts()
    text = json.dumps(header)
    twice = f'{text[:-1]}, "a": {json.dumps(header["a"])}}}'
    assert "JSON" in _refusal(_frame(twice.encode(), data))


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{}x",
        b'"a"',
        b"{" * 4000,
        b'{"a":' * 4000,
        b"\xff\xfe{}",
        b" {}",
        "{}".encode("utf-16"),
        bytes(2),
    ],
)
def test_header_that_is_no_json_object_is_refused(header: bytes) -> None:
    assert "JSON" in _refusal(_frame(header, b""))


@pytest.mark.parametrize(
    "frame", [b"", b"\x00" * 7, bytes(8), struct.pack("<Q", 2**63) + b"{}", b"\xff" * 64]
)
def test_frame_without_a_header_is_refused(frame: bytes) -> None:
    assert "safetensors header" in _refusal(frame)


def test_header_over_a_mebibyte_is_refused() -> None:
    header, data = _parts()
    padded = json.dumps(header).encode() + b" " * 2**20
    assert "safetensors header" in _refusal(_frame(padded, data))


def _assert_refused_or_read_as_specified(frame: bytes) -> None:
    try:
        check_weights(frame, _SPECS)
    except InvalidOutputError:
        return
    tensors = load(frame)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        name: spec.shape for name, spec in _SPECS.items()
    }
    assert all(np.isfinite(tensor.numpy()).all() for tensor in tensors.values())


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_frame_with_another_byte_is_refused_or_read_as_specified(position: int, value: int) -> None:
    frame = bytearray(save(_STATE))
    frame[position % len(frame)] = value
    _assert_refused_or_read_as_specified(bytes(frame))


_HEADER_TEXT = json.dumps(_parts()[0])
_TOKENS = [
    *("-0", "0", "-1", "00", "1e0", "24.0", "NaN", "-Infinity", "true", "null", "9" * 4301, "-" + "9" * 4300),
    *(
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        '"',
        " ",
        "\n",
        "\0",
        "\f",
        "\ufeff",
        "\u2028",
        "[]",
        "{}",
        '"a"',
        "\\u0061",
    ),
    *(
        '"\\ud800"',
        '"\\u0000"',
        "[" * 500 + "]" * 500,
        '"__metadata__": {},',
        '"a": 1,',
        "// \n",
        "-0, 24",
        "F16",
    ),
]


@given(st.lists(st.tuples(st.integers(0, len(_HEADER_TEXT)), st.integers(0, 4), st.sampled_from(_TOKENS))))
def test_header_with_other_tokens_is_refused_or_read_as_specified(edits: list[tuple[int, int, str]]) -> None:
    text = _HEADER_TEXT
    for position, n_replaced, token in edits:
        text = text[:position] + token + text[position + n_replaced :]
    _assert_refused_or_read_as_specified(_frame(text.encode(), _parts()[1]))


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*_SPECS, "F32"])
)
_JSON = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(
    name=st.sampled_from([*_SPECS]),
    field=st.sampled_from(["dtype", "shape", "data_offsets", ""]),
    value=_JSON,
)
def test_header_with_any_other_value_is_refused_or_read_as_specified(
    name: str, field: str, value: object
) -> None:
    header, data = _parts()
    if field:
        header[name][field] = value
    else:
        header[name] = value
    _assert_refused_or_read_as_specified(_frame(header, data))


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(frame: bytes) -> None:
    _refusal(frame)


@pytest.mark.parametrize(
    "number", ["-0", "-" + "9" * 4300, "9" * 4300, "9" * 20, "1e1", "24.0", "NaN", "Infinity"]
)
def test_number_that_safetensors_does_not_read_is_refused(number: str) -> None:
    header, data = _parts()
    header["b"]["data_offsets"] = "HERE"
    text = json.dumps(header)
    for place in (f"[{number}, 8]", f"[0, {number}]", f"[{number}, {number}]", f"[{'9' * 4300}, {number}]"):
        _refusal(_frame(text.replace('"HERE"', place).encode(), data))


@pytest.mark.parametrize(
    "bomb",
    [
        b'{"a":' + b"[],".join([b"["] + [b""] * 349_000) + b"0]}",
        b'{"a":{' + b",".join(b'"%x":{}' % k for k in range(90_000)) + b"}}",
        b"{" + b",".join(b'"%x":1' % k for k in range(100_000)) + b"}",
        b"{" + b",".join(b'"a":1' for _ in range(150_000)) + b"}",
        b'{"a":[' + b",".join([b"9" * 4300] * 240) + b"]}",
        b'{"a":[' + b",".join([b"9" * 19] * 50_000) + b"]}",
        b'{"a":"' + b"\\u00e9" * 170_000 + b'"}',
        b'{"' + b"n" * 1_000_000 + b'":1}',
        b'{"a":{"dtype":"' + b"F" * 1_000_000 + b'","shape":[],"data_offsets":[]}}',
        b'{"a":' * 200_000,
        b" " * 1_000_000,
    ],
    ids=lambda bomb: bomb[:16].decode(),
)
def test_header_bomb_is_refused_in_little_time_and_memory(bomb: bytes) -> None:
    assert len(bomb) < 2**20
    frame = _frame(bomb, b"")
    tracemalloc.start()
    try:
        message = _refusal(frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20
    assert len(message) < 1000
    started = time.process_time()
    _refusal(frame)
    # Of the processor. A third is usual; at the end of a long run of tests the garbage collector takes more.
    assert time.process_time() - started < 5.0
