"""Content-addressed storage: bytes under their sha256, in a folder or an S3 bucket."""

import hashlib
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlparse

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from core.errors import StorageError
from core.settings import get_settings

_STORE_ERRORS = (BaseError, OSError)


class Storage:
    """Immutable objects named by what they hold, so that writing one twice is harmless."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, data: bytes) -> str:
        """Store `data` and return its sha256 in hex."""
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            self._store.put(_path(sha256), data)
        except _STORE_ERRORS as error:
            raise StorageError(f"object {sha256} cannot be written: {error}") from error
        return sha256

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
            raise StorageError(f"object {sha256} is damaged: its bytes do not match its name")
        return data


def _path(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256}"


@lru_cache
def storage() -> Storage:
    """Return the storage that the settings name."""
    url = get_settings().resolved_storage_url()
    if url.startswith("file://"):
        return Storage(LocalStore(Path(unquote(urlparse(url).path)), mkdir=True))
    return Storage(from_url(url))
