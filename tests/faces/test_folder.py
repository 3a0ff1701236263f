"""Bundle folders: what is written is read; half of one is never seen, and a changed one is refused."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faces import folder
from faces.bundle import InvalidBundleError, pack
from faces.folder import BundleFolderError
from tests.support.bundles import make_bundle, write_bundle

PARTS = ["manifest.json", "participant.safetensors", "secret.safetensors"]


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Let the kernel refuse what would make a file larger, in the middle of the writing."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_read_returns_what_was_written(tmp_path: Path) -> None:
    bundle = make_bundle()
    path = write_bundle(bundle, tmp_path / "faces")
    assert sorted(part.name for part in path.iterdir()) == PARTS
    assert list(tmp_path.iterdir()) == [path]
    assert pack(folder.read(path)) == pack(bundle) == folder.read_with_files(path).files


def test_write_lets_only_the_owner_read(tmp_path: Path) -> None:
    assert write_bundle(make_bundle(), tmp_path / "faces").stat().st_mode & 0o777 == 0o700


def test_write_puts_further_files_beside(tmp_path: Path) -> None:
    folder.write(make_bundle(), tmp_path / "faces", beside={"model.safetensors": b"weights"})
    assert (tmp_path / "faces" / "model.safetensors").read_bytes() == b"weights"
    folder.read(tmp_path / "faces")


@pytest.mark.parametrize("kind", ["file", "folder", "full folder", "dangling link"])
def test_write_overwrites_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "faces"
    if kind == "file":
        path.write_text("precious")
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
        if kind == "full folder":
            (path / "precious").touch()
    with pytest.raises(BundleFolderError, match="exists already; nothing is overwritten"):
        folder.write(make_bundle(), path)
    assert list(tmp_path.iterdir()) == [path]


def test_write_with_a_name_that_is_taken_meanwhile_leaves_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, fsync = tmp_path / "faces", os.fsync

    def take(descriptor: int) -> None:
        fsync(descriptor)
        path.mkdir(exist_ok=True)
        (path / "precious").touch()

    monkeypatch.setattr(os, "fsync", take)
    with pytest.raises(BundleFolderError, match="Directory not empty"):
        folder.write(make_bundle(), path)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["faces", "precious"]


def test_write_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with largest_file(100_000), pytest.raises(BundleFolderError, match="cannot be written: File too large"):
        folder.write(make_bundle(), tmp_path / "faces")
    assert list(tmp_path.iterdir()) == []


def test_write_to_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BundleFolderError, match="faces cannot be written: No space left on device"):
        folder.write(make_bundle(), tmp_path / "faces")
    assert list(tmp_path.iterdir()) == []


def test_write_to_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleFolderError, match=r"cannot be written: there is no folder .*; make it first"):
        folder.write(make_bundle(), tmp_path / "no" / "faces")


@pytest.mark.parametrize("part", PARTS)
def test_read_without_a_part_names_it(tmp_path: Path, part: str) -> None:
    path = write_bundle(make_bundle(), tmp_path / "faces")
    (path / part).unlink()
    with pytest.raises(BundleFolderError, match=f"faces is no whole bundle: {part} is missing"):
        folder.read(path)


@pytest.mark.parametrize("part", ["participant", "secret"])
def test_read_part_with_one_changed_byte_is_refused(tmp_path: Path, part: str) -> None:
    path = write_bundle(make_bundle(), tmp_path / "faces")
    file = path / f"{part}.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(InvalidBundleError, match=f"faces: the {part} part is not the one that the manifest"):
        folder.read(path)


def test_read_what_is_no_folder_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(BundleFolderError, match="no is no folder; a bundle is one with participant"):
        folder.read(tmp_path / "no")
