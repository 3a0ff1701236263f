"""The folders that a run may write to, emptied before the next."""

import itertools
import os
import secrets
import stat

FOLDER = "/tmp"  # noqa: S108  # inside the sandbox it is the run's own, and its working directory
SHARED_MEMORY = "/dev/shm"  # noqa: S108
MAX_FILES = 65536
"""How many files and folders each of them may hold."""


def wipe() -> None:
    """Delete everything that a run can have written.

    Raises:
        OSError: something could not be deleted.
    """
    for folder in (FOLDER, SHARED_MEMORY):
        empty(folder)


def empty(folder: str) -> None:
    """Delete everything in `folder`, however deep, whatever its modes, without recursion.

    Raises:
        OSError: something could not be deleted.
    """
    prefix, count = f"{folder}/{secrets.token_hex(8)}-", itertools.count()
    while entries := _entries(folder):
        for path, is_folder in entries:
            if not is_folder:
                os.unlink(path)
                continue
            # A path may be longer than the kernel takes, so inner folders come up here first.
            for inner, inner_is_folder in _entries(path):
                if inner_is_folder:
                    os.rename(inner, f"{prefix}{next(count)}")
                else:
                    os.unlink(inner)
            os.rmdir(path)


def _entries(folder: str) -> list[tuple[str, bool]]:
    """List a folder, first making every folder in it ours to change."""
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder and stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode) & 0o700 != 0o700:
                os.chmod(entry.path, 0o700)
            entries.append((entry.path, is_folder))
    return entries
