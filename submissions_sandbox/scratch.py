"""The folders that a run may write to, emptied before the next."""

import itertools
import os
import secrets
import stat
import time

FOLDER = "/tmp"  # noqa: S108  # inside the sandbox it is the run's own, and its working directory
SHARED_MEMORY = "/dev/shm"  # noqa: S108
MAX_FILES = 16384
"""How many files and folders each of them may hold."""


def wipe(*, deadline: float) -> None:
    """Delete everything that a run can have written; arguments and errors as for `empty`."""
    for folder in (FOLDER, SHARED_MEMORY):
        empty(folder, deadline=deadline)


def empty(folder: str, *, deadline: float) -> None:
    """Delete everything in `folder`, however deep, whatever its modes, without recursion.

    The folder itself, where it is ours, gets back its mode, and loses its attributes and times.

    Args:
        folder: the folder that stays.
        deadline: when to give up, a time of `time.monotonic()`.

    Raises:
        OSError: something could not be deleted.
        TimeoutError: not everything could be deleted before the deadline.
    """
    _reset(folder)
    prefix, count = f"{folder}/{secrets.token_hex(8)}-", itertools.count()
    while entries := _entries(folder):
        for path, is_folder in entries:
            # A path may be longer than the kernel takes, so inner folders come up here first.
            for inner, inner_is_folder in _entries(path) if is_folder else ():
                _check(deadline)
                if inner_is_folder:
                    os.rename(inner, f"{prefix}{next(count)}")
                else:
                    os.unlink(inner)
            _check(deadline)
            (os.rmdir if is_folder else os.unlink)(path)


def _reset(folder: str) -> None:
    if os.stat(folder).st_uid != os.getuid():
        return  # nothing of it but its content can be changed by a run
    os.chmod(folder, 0o1777)  # noqa: S103  # as any folder for temporary files
    for name in os.listxattr(folder):
        os.removexattr(folder, name)
    os.utime(folder)


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("there is too much of it")


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
