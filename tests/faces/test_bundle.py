import dataclasses
import hashlib
import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from faces.bundle import Bundle, InvalidBundleError, Split, pack, unpack


def split(n, first_id):
    ids = np.arange(first_id, first_id + n)
    images = np.random.default_rng(first_id).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
    return Split(images=images, age=ids % 100, age_group=ids % 100 // 10, person_id=ids // 2, image_id=ids)


@pytest.fixture
def bundle():
    return Bundle(
        retain=split(6, 0),
        forget=split(4, 100),
        val=split(3, 200),
        test=split(5, 300),
        manifest={"licence": "CC0-1.0", "provenance": {"kind": "test", "by": "Zoë"}},
    )


def rehashed(packed, *, participant=None, secret=None, **facts):
    """The same files with other contents, under a manifest that agrees with them."""
    participant, secret = participant or packed.participant, secret or packed.secret
    manifest = json.loads(packed.manifest)
    manifest["sha256"] = {
        "participant": hashlib.sha256(participant).hexdigest(),
        "secret": hashlib.sha256(secret).hexdigest(),
    }
    return participant, secret, json.dumps(manifest | facts).encode()


def test_unpack_returns_what_was_packed(bundle):
    packed = pack(bundle)
    read = unpack(*packed)
    for name in ("retain", "forget", "val", "test"):
        for field in dataclasses.fields(Split):
            one, other = (getattr(getattr(b, name), field.name) for b in (bundle, read))
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
    assert pack(read) == packed


def test_secret_part_alone_holds_the_test_set(bundle):
    packed = pack(bundle)
    assert {key.split("/")[0] for key in load(packed.participant)} == {"retain", "forget", "val"}
    assert {key.split("/")[0] for key in load(packed.secret)} == {"test"}


def test_manifest_states_hashes_counts_licence_and_provenance_canonically(bundle):
    packed = pack(bundle)
    manifest = json.loads(packed.manifest)
    assert manifest == {
        "format_version": 1,
        "licence": "CC0-1.0",
        "provenance": {"kind": "test", "by": "Zoë"},
        "counts": {"retain": 6, "forget": 4, "val": 3, "test": 5},
        "sha256": {
            "participant": hashlib.sha256(packed.participant).hexdigest(),
            "secret": hashlib.sha256(packed.secret).hexdigest(),
        },
    }
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert packed.manifest == canonical.encode()


@pytest.mark.parametrize("part", ["participant", "secret"])
def test_part_with_one_changed_byte_is_refused(bundle, part):
    packed = pack(bundle)
    changed = bytearray(getattr(packed, part))
    changed[-1] ^= 1
    with pytest.raises(InvalidBundleError, match=f"the {part} part is not the one"):
        unpack(*packed._replace(**{part: bytes(changed)}))


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not of bundle format version 1"),
        (b'{"format_version":2}', "not of bundle format version 1"),
        (b'{"format_version":1}', "must state counts of exactly retain, forget, val, test"),
        (
            b'{"format_version":1,"counts":{"retain":6,"forget":4,"val":3,"test":5},"sha256":{"secret":"0"}}',
            "must state sha256 of exactly participant, secret",
        ),
    ],
)
def test_manifest_that_says_too_little_is_refused(bundle, manifest, message):
    with pytest.raises(InvalidBundleError, match=message):
        unpack(*pack(bundle)._replace(manifest=manifest))


def changed_part(bundle, **changes):
    arrays = load(pack(bundle).secret)
    for key, value in changes.items():
        arrays[f"test/{key}"] = value
    return save({key: value for key, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"age": None}, "must hold exactly"),
        ({"name": np.zeros(5)}, "must hold exactly"),
        ({"images": np.zeros((5, 3, 32, 31), np.uint8)}, r"images must be uint8 \[5, 3, 32, 32\]"),
        ({"images": np.zeros((5, 3, 32, 32), np.float32)}, "not float32"),
        ({"images": np.zeros((), np.uint8)}, r"images must be uint8 \[0, 3, 32, 32\], not uint8 \[\]"),
        ({"age": np.zeros(4, np.int64)}, r"age must be int64 \[5\], not int64 \[4\]"),
        ({"person_id": np.zeros(5, np.int32)}, "person_id must be int64"),
        ({"age_group": np.array([0, 0, 0, 0, 10])}, "age group is outside 0..9"),
        ({"age_group": np.array([0, 0, 0, 0, -1])}, "age group is outside 0..9"),
        ({"image_id": np.array([300, 301, 302, 303, 0])}, "image_id occurs twice"),
    ],
)
def test_part_out_of_the_format_is_refused(bundle, changes, message):
    with pytest.raises(InvalidBundleError, match=message):
        unpack(*rehashed(pack(bundle), secret=changed_part(bundle, **changes)))


def test_part_that_is_not_safetensors_is_refused(bundle):
    with pytest.raises(InvalidBundleError, match="is not safetensors"):
        unpack(*rehashed(pack(bundle), participant=b"PK\x03\x04 a zip file"))


def test_part_with_a_dtype_that_numpy_lacks_is_refused(bundle):
    header = json.dumps({"test/images": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    part = len(header).to_bytes(8, "little") + header + b"\0\0"
    with pytest.raises(InvalidBundleError, match="is not safetensors"):
        unpack(*rehashed(pack(bundle), secret=part))


def test_counts_that_disagree_with_the_parts_are_refused(bundle):
    counts = {"retain": 6, "forget": 4, "val": 3, "test": 6}
    with pytest.raises(InvalidBundleError, match="the manifest counts"):
        unpack(*rehashed(pack(bundle), counts=counts))


@pytest.mark.parametrize("missing", ["licence", "provenance"])
def test_bundle_without_licence_or_provenance_is_refused(bundle, missing):
    manifest = {key: value for key, value in bundle.manifest.items() if key != missing}
    with pytest.raises(InvalidBundleError, match=missing):
        dataclasses.replace(bundle, manifest=manifest)


def test_empty_split_is_refused():
    with pytest.raises(InvalidBundleError, match="no images"):
        split(0, 0)


def without_labels(one):
    none = np.full(len(one), -1)
    return dataclasses.replace(one, age=none, age_group=none)


def relabelled(bundle, labels, **changes):
    splits = bundle.splits | changes
    return Bundle(**splits, manifest=bundle.manifest | {"labels": labels})


def test_unlabelled_bundle_is_packed_and_says_so(bundle):
    none = {name: without_labels(one) for name, one in bundle.splits.items()}
    read = unpack(*pack(relabelled(bundle, {"kind": "none"}, **none)))
    assert not read.is_labelled
    assert (read.test.age_group == -1).all()


def test_bundle_without_a_word_on_labels_has_measured_ages(bundle):
    assert bundle.is_labelled
    assert bundle.labels == {"kind": "ages"}


def confidence(bundle):
    return {name: [0.5] * len(one) for name, one in bundle.splits.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: relabelled(b, {"kind": "guesses"}), "must be one of none, ages, model, not 'guesses'"),
        (lambda b: relabelled(b, "ages"), "must be one of none, ages, model, not None"),
        (lambda b: relabelled(b, {"kind": "none"}), "labels of kind 'none', but retain has age groups"),
        (lambda b: dataclasses.replace(b, test=without_labels(b.test)), "'ages', but test has no age groups"),
        (
            lambda b: dataclasses.replace(b, val=dataclasses.replace(b.val, age=np.array([1, 2, -1]))),
            "'ages': ages in val disagree",
        ),
        (
            lambda b: relabelled(b, {"kind": "model", "confidence": confidence(b)}),
            "'model': ages in retain disagree",
        ),
        *[
            (
                lambda b, stated=stated: relabelled(
                    b,
                    {"kind": "model", "confidence": stated(b)},
                    **{
                        name: dataclasses.replace(one, age=np.full(len(one), -1))
                        for name, one in b.splits.items()
                    },
                ),
                f"no confidence for each image of {name}",
            )
            for stated, name in (
                (lambda b: confidence(b) | {"val": [0.5]}, "val"),
                (lambda b: confidence(b) | {"val": 3}, "val"),
                (lambda _: [0.5], "retain"),
            )
        ],
    ],
)
def test_labels_that_the_manifest_does_not_state_are_refused(bundle, change, message):
    with pytest.raises(InvalidBundleError, match=message):
        change(bundle)
