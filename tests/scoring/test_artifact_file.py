"""The bytes of an artifact: what was written is read, and everything else is refused in words."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.artifact_file import ArtifactError, Content, read, write

CONTENT = Content(
    arrays={
        "floats": np.array([[1.5, -0.0], [np.finfo(np.float32).smallest_subnormal, 3e38]], np.float32),
        "doubles": np.array([1 / 3, 2.0]),
        "counts": np.array([7, -(2**62)]),
    },
    facts={"who": {"name": "Zoë", "parts": [1, 2.5, None]}, "seeds": ["ab", "cd"]},
)
DATA = write(CONTENT)
HEADER_END = 8 + int.from_bytes(DATA[:8], "little")


def parts():
    return json.loads(DATA[8:HEADER_END]), DATA[HEADER_END:]


def join(header, body):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def with_header(change):
    """The file after a change to its header."""
    header, body = parts()
    change(header)
    return join(header, body)


def with_metadata(change):
    """The file after a change to its metadata."""
    header, body = parts()
    metadata = json.loads(header["__metadata__"]["lethe_artifact"])
    change(metadata)
    text = json.dumps(metadata, sort_keys=True, separators=(",", ":"))
    header["__metadata__"]["lethe_artifact"] = text
    return join(header, body)


def refusal(data):
    with pytest.raises(ArtifactError) as refused:
        read(data)
    return str(refused.value)


def test_what_was_written_is_read_bit_for_bit():
    content = read(DATA)
    assert content.facts == CONTENT.facts
    assert content.arrays.keys() == CONTENT.arrays.keys()
    for name, array in CONTENT.arrays.items():
        assert content.arrays[name].dtype == array.dtype
        assert content.arrays[name].shape == array.shape
        assert content.arrays[name].tobytes() == array.tobytes()


def test_equal_contents_give_equal_bytes_whatever_their_order():
    backwards = Content(*(dict(reversed(part.items())) for part in CONTENT))
    assert {write(backwards) for _ in range(10)} == {DATA}


def test_strided_array_is_written_in_its_order():
    strided = {"floats": np.asfortranarray(CONTENT.arrays["floats"]), "counts": np.arange(10)[::3]}
    content = read(write(Content(strided, {})))
    for name, array in strided.items():
        np.testing.assert_array_equal(content.arrays[name], array)


def test_file_cut_short_anywhere_names_both_lengths():
    for length in range(8, len(DATA)):
        message = refusal(DATA[:length])
        assert f"has {length} bytes" in message
        assert str(HEADER_END if length < HEADER_END else len(DATA)) in message


@pytest.mark.parametrize("length", range(8))
def test_file_shorter_than_the_length_of_its_header_names_its_length(length):
    assert f"has {length} bytes" in refusal(DATA[:length])


def test_bytes_after_the_last_array_are_refused_with_both_lengths():
    assert f"has {len(DATA) + 3} bytes, but its header says {len(DATA)}" in refusal(DATA + b"abc")


def test_flipped_bit_anywhere_is_refused():
    for position in range(8 * len(DATA)):
        damaged = bytearray(DATA)
        damaged[position // 8] ^= 1 << position % 8
        refusal(bytes(damaged))


@pytest.mark.parametrize("name", CONTENT.arrays)
@pytest.mark.parametrize("place", [0, -1])
def test_flipped_bit_of_an_array_is_found_and_named(name, place):
    header, body = parts()
    damaged = bytearray(body)
    damaged[range(*header[name]["data_offsets"])[place]] ^= 64
    assert f"{name} is damaged: its sha256 is" in refusal(join(header, bytes(damaged)))


@pytest.mark.parametrize(("name", "text"), [("who", b"2.5"), ("seeds", b"cd")])
def test_flipped_bit_of_a_fact_is_found_and_named(name, text):
    damaged = DATA.replace(text, bytes([text[0] ^ 1]) + text[1:], 1)
    assert f"{name} is damaged: its sha256 is" in refusal(damaged)


@given(st.binary())
def test_bytes_of_any_other_kind_are_refused(data):
    refusal(data)


@given(st.data())
def test_header_edited_anywhere_is_refused_or_says_the_same(data):
    start = data.draw(st.integers(8, HEADER_END))
    stop = data.draw(st.integers(start, min(start + 4, HEADER_END)))
    inserted = data.draw(st.text('0123456789{}[]",:\\ \nutrfalse-.', max_size=4)).encode()
    header = DATA[8:start] + inserted + DATA[stop:HEADER_END]
    try:
        content = read(join(header, DATA[HEADER_END:]))
    except ArtifactError:
        return
    assert write(content) == DATA


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"", "cannot be read as JSON"),
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe{}", "cannot be read as JSON"),
        (b'{"a":' * 100_000, "cannot be read as JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "cannot be read as JSON"),
        (b"[]", "not a JSON object"),
        (b'"a"', "not a JSON object"),
        (b"{}", "not an artifact"),
        ("{}".encode("utf-16"), "not an artifact"),
    ],
)
def test_header_of_another_kind_is_refused(header, words):
    assert words in refusal(join(header, b""))


def test_header_over_the_limit_is_refused_before_it_is_read():
    assert f"would have {2**63} bytes" in refusal(struct.pack("<Q", 2**63) + DATA[8:])


def test_array_that_stands_twice_in_the_header_is_refused():
    header, body = parts()
    text = json.dumps(header)
    twice = f'{text[:-1]}, "doubles": {json.dumps(header["doubles"])}}}'
    assert "a key stands twice" in refusal(join(twice.encode(), body))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        # Every array has 16 bytes, and `floats` is the last.
        (lambda h: h["counts"].update(data_offsets=h["doubles"]["data_offsets"]), "do not lie as the header"),
        (lambda h: h["counts"].update(data_offsets=[0, 24]), "do not lie as the header says"),
        (lambda h: h["floats"].update(data_offsets=[-16, 48]), "do not lie as the header says"),
        (lambda h: h["floats"].update(data_offsets=[32, 47]), "bytes, but its header says"),
        (lambda h: h["floats"].update(shape=[2, 3]), "do not lie as the header says"),
        (lambda h: h["floats"].update(shape=[2**62, 2**62]), "do not lie as the header says"),
        (lambda h: h["floats"].update(shape=[-2, -2]), "do not lie as the header says"),
        (lambda h: h["floats"].update(shape=[2.0, 2]), "do not lie as the header says"),
        (lambda h: h["floats"].pop("shape"), "do not lie as the header says"),
        (lambda h: h["floats"].update(dtype="F16", shape=[8]), "floats is of type 'F16', not one of F32"),
        (lambda h: h["floats"].update(dtype="BF16", shape=[8]), "floats is of type 'BF16'"),
        (lambda h: h["floats"].update(dtype=["F32"]), "floats is of type"),
        (lambda h: h["floats"].pop("dtype"), "where 'floats' lies"),
        (lambda h: h["floats"].update(data_offsets=["0", "16"]), "where 'floats' lies"),
        (lambda h: h["floats"].update(data_offsets=[0]), "where 'floats' lies"),
        (lambda h: h.update(floats=None), "where 'floats' lies"),
        (lambda h: h.update(flaots=h.pop("floats")), "states no sha256 of flaots"),
        (lambda h: h.pop("__metadata__"), "no metadata `lethe_artifact`"),
        (lambda h: h.update(__metadata__=None), "no metadata `lethe_artifact`"),
        (lambda h: h.update(__metadata__=["lethe_artifact"]), "no metadata `lethe_artifact`"),
        (lambda h: h.update(__metadata__={"format": "pt"}), "no metadata `lethe_artifact`"),
        (lambda h: h.update(__metadata__={"lethe_artifact": 1}), "no metadata `lethe_artifact`"),
        (lambda h: h.update(__metadata__={"lethe_artifact": "{"}), "the metadata cannot be read as JSON"),
        (lambda h: h.update(__metadata__={"lethe_artifact": "[]"}), "the metadata is not a JSON object"),
        (lambda h: h.update(__metadata__={"lethe_artifact": "{}"}), "format version is None"),
    ],
)
def test_wrong_header_is_refused_in_words(change, words):
    assert words in refusal(with_header(change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(format_version=2), "format version is 2; only 1 is known"),
        (lambda m: m.update(format_version="1"), "format version is '1'"),
        (lambda m: m.pop("facts"), "must state exactly format_version, facts and sha256"),
        (lambda m: m.pop("sha256"), "must state exactly"),
        (lambda m: m.update(facts=[]), "must state exactly"),
        (lambda m: m.update(sha256="0" * 64), "must state exactly"),
        (lambda m: m.update(more=1), "must state exactly"),
        (lambda m: m["facts"].update(more=1), "states no sha256 of more"),
        (lambda m: m["facts"].update(who=float("nan")), "the metadata cannot be written as JSON"),
        (lambda m: m["facts"].pop("who"), "who is missing"),
        (lambda m: m["sha256"].pop("counts"), "states no sha256 of counts"),
        (lambda m: m["sha256"].update(counts=[1]), "counts is damaged"),
        (lambda m: m["sha256"].update(more="0" * 64), "more is missing"),
    ],
)
def test_wrong_metadata_is_refused_in_words(change, words):
    assert words in refusal(with_metadata(change))


@pytest.mark.parametrize("bad", [np.nan, {1, 2}, {1: 2, "1": 3}, np.float32(1)])
def test_fact_that_json_does_not_know_is_not_written(bad):
    with pytest.raises(ArtifactError, match="who cannot be written as JSON"):
        write(Content({"counts": np.arange(3)}, {"who": bad}))
