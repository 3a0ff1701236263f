"""Fills the folders of scratch past their sizes: with many files, and with one allocated at once."""

import contextlib
import os
import shutil

SIZES = {"/tmp": 32 * 2**20, "/dev/shm": 256 * 2**20}  # the phase's, and that of every phase
CHUNK = bytes(2**20)


def fill(folder, enough):
    """Return how many bytes went in, over many files, so that no limit of one file decides."""
    taken, place = 0, f"{folder}/bomb"
    with contextlib.suppress(OSError):
        os.mkdir(place)
        while taken < enough:
            with open(f"{place}/{taken}", "wb") as file:
                for _ in range(8):
                    taken += file.write(CHUNK)
    shutil.rmtree(place, ignore_errors=True)
    return taken


def allocate(folder, enough):
    place = f"{folder}/allocated"
    taken = 0
    with contextlib.suppress(OSError):
        file = os.open(place, os.O_CREAT | os.O_WRONLY, 0o600)
        os.posix_fallocate(file, 0, enough)
        taken = enough
    with contextlib.suppress(OSError):
        os.unlink(place)
    return taken


def unlearning(net, retain, forget, val):
    found, taken = [], {}
    for folder, size in SIZES.items():
        enough = size + 2**25
        taken[folder] = max(fill(folder, enough), allocate(folder, enough))
        if taken[folder] >= enough:
            found.append(folder)
    raise RuntimeError(f"BREACH: {' and '.join(found)}" if found else f"held: {taken}")
