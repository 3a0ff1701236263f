"""Content-addressed storage: what comes out is what went in, or an error."""

import hashlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def _files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let the disk be full, for this process, as soon as a file is this long."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_put_on_a_disk_that_gets_full_leaves_nothing_under_the_name(home: Path) -> None:
    data = os.urandom(2**20)
    sha256 = hashlib.sha256(data).hexdigest()
    storage()
    with _files_of_at_most(2**19), pytest.raises(StorageError, match="cannot be written"):
        storage().put(data)
    assert not _object(home, sha256).exists()
    with pytest.raises(StorageError, match="cannot be read"):
        storage().get(sha256)
    assert storage().put(data) == sha256
    assert storage().get(sha256) == data


def test_put_waits_for_the_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    path = _object(home, storage().put(b"faces"))
    assert synced == list(map(str, (path, *path.parents[:3])))


def test_put_leaves_an_object_that_is_there_in_its_place(home: Path) -> None:
    path = _object(home, storage().put(b"faces"))
    before = path.stat().st_ino
    storage().put(b"faces")
    assert path.stat().st_ino == before


def test_put_repairs_an_object_that_was_damaged(home: Path) -> None:
    sha256 = storage().put(b"faces")
    _object(home, sha256).write_bytes(b"")
    assert storage().put(b"faces") == sha256
    assert storage().get(sha256) == b"faces"
