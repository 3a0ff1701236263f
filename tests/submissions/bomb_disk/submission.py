"""Fills every folder but those of scratch, which are `bomb_scratch`'s."""

import contextlib
import os
import shutil

ENOUGH = 3 * 32 * 2**20
FOLDERS = ("/srv", "/dev", "/run", "/", "/runtime", "/etc", "/proc", "/sys")
CHUNK = bytes(2**20)


def fill(folder):
    """Return how many bytes went in, over many files, so that no limit of one file decides."""
    taken, place = 0, f"{folder}/bomb"
    with contextlib.suppress(OSError):
        os.mkdir(place)
        while taken < ENOUGH:
            with open(f"{place}/{taken}", "wb") as file:
                for _ in range(8):
                    taken += file.write(CHUNK)
    shutil.rmtree(place, ignore_errors=True)
    return taken


def allocate(folder):
    place = f"{folder}/allocated"
    taken = 0
    with contextlib.suppress(OSError):
        file = os.open(place, os.O_CREAT | os.O_WRONLY, 0o600)
        os.posix_fallocate(file, 0, ENOUGH)
        taken = ENOUGH
    with contextlib.suppress(OSError):
        os.unlink(place)
    return taken


def unlearning(net, retain, forget, val):
    taken = {folder: max(fill(folder), allocate(folder)) for folder in FOLDERS}
    print(taken)
    found = [folder for folder, size in taken.items() if size >= ENOUGH]
    raise RuntimeError(f"BREACH: {', '.join(found)}" if found else f"held: {taken}")
