"""The bundle folder: a bundle on disk, there as a whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from faces.bundle import Bundle, InvalidBundleError, PackedBundle, pack, unpack

_PARTS = ("participant.safetensors", "secret.safetensors", "manifest.json")  # in PackedBundle's order
_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class BundleFolderError(ValueError):
    """A folder that cannot be written, or is none of a bundle; the message says which and why."""


def write(bundle: Bundle, path: Path, *, beside: Mapping[str, bytes] = _NOTHING) -> None:
    """Write a bundle to a new folder that only its owner may read, since the test set is secret.

    The folder has its name only when all of it is on the disk; a failure leaves nothing of it.

    Args:
        bundle: what to write, as manifest.json, participant.safetensors and secret.safetensors.
        path: a name that is still free, in a folder that exists.
        beside: further files by name, which reading ignores.

    Raises:
        BundleFolderError: something of that name is there, or the disk does not take it.
    """
    packed = pack(bundle)
    with _new_folder(path) as folder:
        for name, content in {**dict(zip(_PARTS, packed, strict=True)), **beside}.items():
            _write_through(folder / name, content)


class BundleFolder(NamedTuple):
    """What `read_with_files` found: the bundle, and the three files that it is made of."""

    bundle: Bundle
    files: PackedBundle


def check_free(path: Path) -> None:
    """Raise `BundleFolderError` if something of this name is there, or no folder to put it in."""
    if not path.parent.is_dir():
        raise BundleFolderError(f"{path} cannot be written: there is no folder {path.parent}; make it first")
    if os.path.lexists(path):
        raise BundleFolderError(f"{path} exists already; nothing is overwritten")


def read(path: Path) -> Bundle:
    """Return the bundle of a folder; see `read_with_files`."""
    return read_with_files(path).bundle


def read_with_files(path: Path) -> BundleFolder:
    """Read a bundle folder and check it against its manifest.

    Raises:
        BundleFolderError: the folder or one of its three files is missing or unreadable.
        InvalidBundleError: a part is not the one that the manifest was written for, or not in the format.
    """
    if not path.is_dir():
        raise BundleFolderError(f"{path} is no folder; a bundle is one with {', '.join(_PARTS)}")
    missing = [name for name in _PARTS if not (path / name).is_file()]
    if missing:
        raise BundleFolderError(f"{path} is no whole bundle: {', '.join(missing)} is missing")
    try:
        files = PackedBundle(*((path / name).read_bytes() for name in _PARTS))
        return BundleFolder(unpack(*files), files)
    except OSError as error:
        raise BundleFolderError(f"{path} cannot be read: {error.strerror}") from error
    except InvalidBundleError as error:
        raise InvalidBundleError(f"{path}: {error}") from error


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that gets the name `path` when the block ends well, and goes when it does not."""
    check_free(path)
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield folder
        _sync(folder)
        folder.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise BundleFolderError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)  # nothing is there any more after the renaming


def _write_through(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
