"""A competition.yaml of this machine with the faces that its phases name, stored or packed."""

import hashlib
from pathlib import Path

from core.bundle import datasets, files, reading, writing
from core.bundle.datasets import Faces
from core.bundle.files import ReadFile
from core.bundle.plan import PARTS, BundledFaces
from core.bundle.spec import CompetitionSpec
from core.errors import InvalidCompetitionError


def stored(path: Path) -> CompetitionSpec:
    """Return the competition with the hashes of stored datasets in the place of their paths.

    Args:
        path: its competition.yaml; the paths of datasets are relative to the folder that it lies in.

    Raises:
        InvalidCompetitionError: a key or value is wrong, or a phase could never be prepared.
    """
    return reading.read_spec(path, take=datasets.into_storage(_reader(path.parent)))


def packed(path: Path) -> bytes:
    """Return a ZIP of the competition with all that it names, the faces of its phases too.

    Args:
        path: as `stored` takes it.

    Raises:
        InvalidCompetitionError: as `stored`, but for faces named by the hashes of what an installation has.
    """
    held: dict[str, bytes] = {}
    parts: dict[str, bytes] = {}

    def hold(content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        held[sha256] = content
        return sha256

    read = datasets.from_folders(_reader(path.parent), hold)

    def take(named: BundledFaces) -> Faces:
        if named.path is None:
            return datasets.left_alone(named)
        hashes, n_retain = read(named)
        folder = f"datasets/{hashes['manifest'][:16]}"  # phases over the same faces share a folder
        parts.update({f"{folder}/{datasets.FILES[part]}": held[hashes[part]] for part in PARTS})
        return Faces({"kind": "bundle", "path": folder}, n_retain)

    spec = reading.read_spec(path, take=take)
    return files.pack(writing.files_of(spec) | parts)


def _reader(beside: Path) -> ReadFile:
    """Return what reads the files of datasets: large ones too, and from anywhere on this machine."""

    def read(path: str) -> bytes:
        try:
            return (beside / path).read_bytes()
        except OSError as error:
            raise InvalidCompetitionError(f"{beside / path} cannot be read: {error.strerror}") from error

    return read
