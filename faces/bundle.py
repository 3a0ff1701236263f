"""The bundle: one content-addressed set of faces in a participant part and a secret part."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

FORMAT_VERSION = 1
N_AGE_GROUPS = 10
BATCH_SIZE = 64
"""Of the loaders that a submission gets."""

PARTICIPANT_SPLITS = ("retain", "forget", "val")
SECRET_SPLITS = ("test",)
SPLITS = PARTICIPANT_SPLITS + SECRET_SPLITS

LABEL_KINDS = ("none", "ages", "model")

_LABELS = ("age", "age_group", "person_id", "image_id")


class InvalidBundleError(ValueError):
    """The parts of a bundle are not what its manifest, or the format, says."""


@dataclass(frozen=True)
class Split:
    """Faces that are used together.

    Attributes:
        images: uint8 [n, 3, 32, 32], RGB.
        age: int64 [n], years; -1 where no age was measured.
        age_group: int64 [n], 0..9; -1 in all of an unlabelled bundle.
        person_id: int64 [n].
        image_id: int64 [n], unique in the bundle.

    Raises:
        InvalidBundleError: a wrong shape or dtype, an age group out of range, or only some without one.
    """

    images: NDArray[np.uint8]
    age: NDArray[np.int64]
    age_group: NDArray[np.int64]
    person_id: NDArray[np.int64]
    image_id: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.images) if self.images.ndim else 0
        _check_array("images", self.images, (n, 3, 32, 32), np.uint8)
        for label in _LABELS:
            _check_array(label, getattr(self, label), (n,), np.int64)
        if n == 0:
            raise InvalidBundleError("a split has no images")
        if self.is_labelled and (self.age_group.min() < 0 or self.age_group.max() >= N_AGE_GROUPS):
            raise InvalidBundleError(f"an age group is outside 0..{N_AGE_GROUPS - 1}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def is_labelled(self) -> bool:
        """Whether the faces have age groups: some, or all, since a mixture is refused."""
        return bool((self.age_group != -1).any())


@dataclass(frozen=True)
class Bundle:
    """The four splits and what is known about them.

    Attributes:
        retain, forget: what the original model is trained on; references see only retain.
        val: for the participant's own use; no model is trained on it.
        test: secret.
        manifest: JSON-able; "licence" and "provenance" say where the faces come from, "labels" where the age
            groups do: {"kind": "ages"} from measured ages (so too if it is missing), {"kind": "model", ...}
            from a model, {"kind": "none"} if there are none. `pack` adds the format version, the counts and
            the hashes.

    Raises:
        InvalidBundleError: an image_id occurs twice, the licence or provenance is missing, or the splits are
            not labelled as the manifest says.
    """

    retain: Split
    forget: Split
    val: Split
    test: Split
    manifest: Mapping[str, Any]

    def __post_init__(self) -> None:
        image_ids = np.concatenate([split.image_id for split in self.splits.values()])
        if len(np.unique(image_ids)) != len(image_ids):
            raise InvalidBundleError("an image_id occurs twice in the bundle")
        for key in ("licence", "provenance"):
            if key not in self.manifest:
                raise InvalidBundleError(f"the manifest does not state the {key}")
        _check_labels(self)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name, in the order in which they are listed everywhere."""
        return {name: getattr(self, name) for name in SPLITS}

    @property
    def labels(self) -> Mapping[str, Any]:
        """Where the age groups come from, as the manifest says."""
        stated: Mapping[str, Any] = self.manifest.get("labels", {"kind": "ages"})
        return stated

    @property
    def is_labelled(self) -> bool:
        """Whether the faces have age groups; a phase needs them."""
        return bool(self.labels["kind"] != "none")


class PackedBundle(NamedTuple):
    """A bundle as three files: safetensors, safetensors, canonical JSON."""

    participant: bytes
    secret: bytes
    manifest: bytes


def pack(bundle: Bundle) -> PackedBundle:
    """Write a bundle; equal bundles give equal bytes.

    The participant part holds retain, forget and val, the secret part test: "<split>/images", uint8
    [n, 3, 32, 32], and "<split>/age", "/age_group", "/person_id", "/image_id", int64 [n].
    """
    participant = _pack_splits(bundle, PARTICIPANT_SPLITS)
    secret = _pack_splits(bundle, SECRET_SPLITS)
    manifest = {
        **bundle.manifest,
        "format_version": FORMAT_VERSION,
        "counts": {name: len(split) for name, split in bundle.splits.items()},
        "sha256": {"participant": _sha256(participant), "secret": _sha256(secret)},
    }
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return PackedBundle(participant, secret, text.encode())


def unpack(participant: bytes, secret: bytes, manifest: bytes) -> Bundle:
    """Read what `pack` wrote.

    Raises:
        InvalidBundleError: a part whose sha256 is not the manifest's, or that is not in the format.
    """
    facts = _read_manifest(manifest)
    for name, part in (("participant", participant), ("secret", secret)):
        if _sha256(part) != facts["sha256"][name]:
            raise InvalidBundleError(f"the {name} part is not the one that the manifest was written for")
    splits = _unpack_splits(participant, PARTICIPANT_SPLITS) | _unpack_splits(secret, SECRET_SPLITS)
    counts = {name: len(split) for name, split in splits.items()}
    if counts != facts["counts"]:
        raise InvalidBundleError(f"the manifest counts {facts['counts']} images, the parts hold {counts}")
    return Bundle(**splits, manifest=facts)


def _check_array(name: str, array: NDArray[Any], shape: tuple[int, ...], dtype: type) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise InvalidBundleError(
            f"{name} must be {np.dtype(dtype)} {list(shape)}, not {array.dtype} {list(array.shape)}"
        )


def _check_labels(bundle: Bundle) -> None:
    labels = bundle.labels
    kind = labels.get("kind") if isinstance(labels, Mapping) else None
    if kind not in LABEL_KINDS:
        raise InvalidBundleError(f"the kind of labels must be one of {', '.join(LABEL_KINDS)}, not {kind!r}")
    for name, split in bundle.splits.items():
        if split.is_labelled != (kind != "none"):
            found = "has age groups" if split.is_labelled else "has no age groups"
            raise InvalidBundleError(f"the manifest says labels of kind {kind!r}, but {name} {found}")
        if (split.age < 0 if kind == "ages" else split.age != -1).any():
            raise InvalidBundleError(f"the manifest says labels of kind {kind!r}: ages in {name} disagree")
        if kind == "model" and not _states_each(labels.get("confidence"), name, len(split)):
            raise InvalidBundleError(f"the manifest states no confidence for each image of {name}")


def _states_each(confidence: object, name: str, n: int) -> bool:
    stated = confidence.get(name) if isinstance(confidence, Mapping) else None
    return isinstance(stated, Sequence) and len(stated) == n


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _pack_splits(bundle: Bundle, names: tuple[str, ...]) -> bytes:
    arrays = {
        f"{name}/{field}": np.ascontiguousarray(getattr(getattr(bundle, name), field))
        for name in names
        for field in ("images", *_LABELS)
    }
    return save(arrays)


def _unpack_splits(part: bytes, names: tuple[str, ...]) -> dict[str, Split]:
    try:
        arrays = load(part)
    except (SafetensorError, KeyError) as error:  # of a dtype that NumPy does not have
        raise InvalidBundleError(
            f"the part that holds {', '.join(names)} is not safetensors: {error}"
        ) from error
    expected = {f"{name}/{field}" for name in names for field in ("images", *_LABELS)}
    if set(arrays) != expected:
        raise InvalidBundleError(f"a part must hold exactly {sorted(expected)}, not {sorted(arrays)}")
    return {
        name: Split(**{field: arrays[f"{name}/{field}"] for field in ("images", *_LABELS)}) for name in names
    }


def _read_manifest(manifest: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(manifest)
    except (ValueError, RecursionError) as error:  # of lists in lists in lists
        raise InvalidBundleError(f"the manifest is not JSON: {error}") from error
    if not isinstance(facts, dict) or facts.get("format_version") != FORMAT_VERSION:
        raise InvalidBundleError(f"the manifest is not of bundle format version {FORMAT_VERSION}")
    for key, names in (("counts", SPLITS), ("sha256", ("participant", "secret"))):
        if not isinstance(facts.get(key), dict) or set(facts[key]) != set(names):
            raise InvalidBundleError(f"the manifest must state {key} of exactly {', '.join(names)}")
    return facts
