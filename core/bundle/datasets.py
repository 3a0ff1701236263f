"""The faces that a bundle brings or names: checked, put into storage, and named by their hashes."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from core.bundle.files import ReadFile
from core.bundle.plan import PARTS, BundledFaces
from core.errors import DamagedObjectError, InvalidCompetitionError
from core.storage import storage
from faces.bundle import InvalidBundleError, PackedBundle, unpack

FILES = {
    "participant": "participant.safetensors",
    "secret": "secret.safetensors",
    "manifest": "manifest.json",
}
"""The files of a dataset folder by what they are."""


class Faces(NamedTuple):
    """The faces of a phase.

    Attributes:
        dataset: what the phase says of them from now on.
        n_retain: how many images its models are retrained on; None if nobody has looked yet.
    """

    dataset: dict[str, Any]
    n_retain: int | None


TakeFaces = Callable[[BundledFaces], Faces]
"""Takes the dataset that a competition.yaml names, or raises `InvalidCompetitionError`."""


def left_alone(named: BundledFaces) -> Faces:
    """Return a dataset as it was named, without a look at it."""
    return Faces(said(named), None)


def said(named: BundledFaces) -> dict[str, Any]:
    """Return a dataset as a phase keeps it."""
    return named.model_dump(exclude_none=True)


def from_folders(read: ReadFile, put: Callable[[bytes], str]) -> TakeFaces:
    """Return what takes a dataset folder.

    Args:
        read: reads the files of a dataset.
        put: keeps the content of a file, and returns its sha256 in hex.
    """

    def take(named: BundledFaces) -> Faces:
        assert named.path is not None
        folder = named.path.rstrip("/")
        files = PackedBundle(*(read(f"{folder}/{FILES[part]}") for part in PARTS))
        n_retain = _n_retain(files)
        hashes = {part: put(content) for part, content in zip(PARTS, files, strict=True)}
        return Faces({"kind": "bundle", **hashes}, n_retain)

    return take


def into_storage(read: ReadFile) -> TakeFaces:
    """Return what puts a dataset folder into storage, or finds there what is named by its hashes."""
    take = from_folders(read, lambda content: storage().put(content))
    return lambda named: _stored(named) if named.path is None else take(named)


def _stored(named: BundledFaces) -> Faces:
    dataset = said(named)
    for part in PARTS:
        if not storage().has(dataset[part]):
            raise InvalidCompetitionError(
                f"there is no dataset whose {part} part is {dataset[part]!r} here; put its folder beside "
                "competition.yaml and name it by `dataset: {kind: bundle, path: ...}`"
            )
    return Faces(dataset, _n_retain_of_stored(*(dataset[part] for part in PARTS)))


@lru_cache(maxsize=256)
def _n_retain_of_stored(*hashes: str) -> int:
    # Kept, as what has a hash never changes: who mends a text need not wait for the faces of every phase.
    try:
        files = PackedBundle(*map(storage().get, hashes))
    except DamagedObjectError as error:
        raise InvalidCompetitionError(f"{error}; put the dataset's folder into the bundle again") from error
    return _n_retain(files)


def _n_retain(files: PackedBundle) -> int:
    """Return how many images are retained of a dataset that a phase can use."""
    try:
        bundle = unpack(*files)
    except InvalidBundleError as error:
        raise InvalidCompetitionError(f"the dataset is not valid: {error}") from error
    if not bundle.is_labelled:
        raise InvalidCompetitionError("the dataset is unlabelled; `lethe dataset label` gives it age groups")
    return len(bundle.retain)
