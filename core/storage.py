"""Content-addressed storage: bytes under their sha256, in a folder or an S3 bucket."""

import hashlib
import io
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlparse

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from core.errors import DamagedObjectError, StorageError
from core.settings import get_settings

_STORE_ERRORS = (BaseError, OSError)
_PIECE_BYTES = 2**20
_PART_BYTES = 5 * 2**20  # S3 takes no smaller parts


class Storage:
    """Immutable objects named by what they hold, so that writing one twice is harmless."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        """Use an object store; `folder` is where it keeps its objects, if that is a folder of this host."""
        self._store = store
        self._folder = folder

    def put(self, data: bytes | BinaryIO) -> str:
        """Store bytes, or a file from its start, and return its sha256 in hex: then it is whole and durable.

        Of a file a few MiB at a time are in memory.

        Raises:
            StorageError: it cannot be written; nothing then has its name.
        """
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        sha256 = _hash(file)
        try:
            if self._folder is None:
                self._put(sha256, file)
            else:
                self._put_in_folder(self._folder, sha256, file)
        except _STORE_ERRORS as error:
            raise StorageError(f"object {sha256} cannot be written: {error}") from error
        return sha256

    def _put(self, sha256: str, file: BinaryIO) -> None:
        file.seek(0)
        self._store.put(_path(sha256), file, chunk_size=_PART_BYTES, max_concurrency=1)

    def _put_in_folder(self, folder: Path, sha256: str, data: BinaryIO) -> None:
        """Store an object, and wait until it and its name are on the disk, as the store itself does not.

        One that is there stays: a new file in its place would not be on the disk yet.
        """
        path = Path(_path(sha256))
        if not _holds(folder / path, sha256):
            self._put(sha256, data)
        for one in (path, *path.parents):
            _sync(folder / one)

    def has(self, sha256: str) -> bool:
        """Return whether there is an object of this name, whatever its bytes are now.

        Raises:
            StorageError: the store does not answer.
        """
        try:
            self._store.head(_path(sha256))
        except FileNotFoundError:
            return False
        except _STORE_ERRORS as error:
            raise StorageError(f"object {sha256} cannot be looked for: {error}") from error
        return True

    def get(self, sha256: str) -> bytes:
        """Return the object with this hash.

        Raises:
            StorageError: it is missing, unreadable, or its bytes do not match the hash.
        """
        try:
            data = bytes(self._store.get(_path(sha256)).bytes())
        except _STORE_ERRORS as error:
            raise StorageError(f"object {sha256} cannot be read: {error}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DamagedObjectError(sha256)
        return data

    def read_in_pieces(self, sha256: str) -> Iterator[bytes]:
        """Yield the object with this hash in pieces of some MiB; only after the last is it known to match.

        Raises:
            StorageError: it is missing, unreadable, or, at its end, its bytes do not match the hash.
        """
        seen = hashlib.sha256()
        try:
            for piece in self._store.get(_path(sha256)).stream(min_chunk_size=_PIECE_BYTES):
                seen.update(piece)
                yield bytes(piece)
        except _STORE_ERRORS as error:
            raise StorageError(f"object {sha256} cannot be read: {error}") from error
        if seen.hexdigest() != sha256:
            raise DamagedObjectError(sha256)


def _path(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256}"


def _hash(file: BinaryIO) -> str:
    file.seek(0)
    seen = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        seen.update(piece)
    return seen.hexdigest()


def _holds(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _hash(file) == sha256


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@lru_cache
def storage() -> Storage:
    """Return the storage that the settings name."""
    url = get_settings().resolved_storage_url()
    if url.startswith("file://"):
        folder = Path(unquote(urlparse(url).path))
        return Storage(LocalStore(folder, mkdir=True), folder)
    return Storage(from_url(url))
