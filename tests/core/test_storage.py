"""Content-addressed storage: what comes out is what went in, or an error."""

import hashlib
from pathlib import Path

import pytest

from core.errors import StorageError
from core.storage import storage


def _object(home: Path, sha256: str) -> Path:
    return home / "storage" / "sha256" / sha256[:2] / sha256


def test_put_returns_the_hash_and_get_the_bytes(home: Path) -> None:
    sha256 = storage().put(b"faces")
    assert sha256 == hashlib.sha256(b"faces").hexdigest()
    assert storage().get(sha256) == b"faces"
    assert storage().put(b"faces") == sha256


def test_get_missing_object_raises(home: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        storage().get("0" * 64)


def test_get_damaged_object_raises(home: Path) -> None:
    sha256 = storage().put(b"faces")
    _object(home, sha256).write_bytes(b"traces")
    with pytest.raises(StorageError, match="damaged"):
        storage().get(sha256)
