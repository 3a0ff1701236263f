"""The partial folder: pictures that an import has decoded so far, whole up to its last complete record."""

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from faces.canvas import SIZE
from faces.importers.listing import ImporterError

IMAGE_BYTES = 3 * SIZE * SIZE

Outcome = NDArray[np.uint8] | str


class Partial:
    """Outcomes of one listing, in its order: for each entry a picture, or the reason why there is none.

    `images` holds the pictures one after another; `progress.jsonl` says in its first line which listing they
    are of, and in each further one what a batch added. A line is written when its pictures are on the disk;
    whatever lies behind the last whole line is cut off and made again.

    Attributes:
        position: how many entries have an outcome.
        n_images: how many of them are pictures.
        faults: the reasons of the others, by the place of the entry.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Open the folder, or make it; what it holds of another listing is discarded.

        Raises:
            ImporterError: another process writes to it.
            OSError: it cannot be written.
        """
        self._folder = folder
        self.position = 0
        self.n_images = 0
        self.faults: dict[int, str] = {}
        folder.mkdir(mode=0o700, exist_ok=True)
        self._progress = (folder / "progress.jsonl").open("a+b", buffering=0)
        try:
            self._lock()
            self._images = (folder / "images").open("ab", buffering=0)
            self._resume(fingerprint)
        except BaseException:
            self._progress.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._images.close()
        self._progress.close()

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Add the outcomes of the next entries; after an error the folder can be opened again.

        Raises:
            OSError: they cannot be written, for one because the disk is full.
        """
        pictures = [outcome for outcome in outcomes if not isinstance(outcome, str)]
        faults = {
            self.position + i: outcome for i, outcome in enumerate(outcomes) if isinstance(outcome, str)
        }
        _write(self._images, b"".join(picture.tobytes() for picture in pictures))
        self._record({"n": len(outcomes), "faults": list(faults.items())})
        self.position += len(outcomes)
        self.n_images += len(pictures)
        self.faults |= faults

    def images(self) -> NDArray[np.uint8]:
        """Return the pictures, uint8 [n_images, 3, 32, 32], mapped from the disk and read-only."""
        shape = (self.n_images, 3, SIZE, SIZE)
        return np.memmap(self._folder / "images", np.uint8, mode="r", shape=shape)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._progress, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ImporterError(f"another import writes to {self._folder}; wait for it or end it") from error

    def _resume(self, fingerprint: str) -> None:
        self._progress.seek(0)
        lines = [line for line in self._progress.read().splitlines(keepends=True) if line.endswith(b"\n")]
        header, *records = _parsed(lines) or [None]
        position = sum(record["n"] for record in records)
        faults = {place: reason for record in records for place, reason in record["faults"]}
        n_bytes = (position - len(faults)) * IMAGE_BYTES
        if header != {"listing": fingerprint} or self._images.seek(0, os.SEEK_END) < n_bytes:
            self._progress.truncate(0)
            self._images.truncate(0)
            self._record({"listing": fingerprint})
            return
        self._progress.truncate(sum(map(len, lines)))
        self._images.truncate(n_bytes)
        self.position, self.n_images, self.faults = position, position - len(faults), faults

    def _record(self, record: dict[str, object]) -> None:
        _write(self._progress, json.dumps(record).encode() + b"\n")


def _parsed(lines: list[bytes]) -> list[Any]:
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        return []


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of it to the disk; a raw file may take less at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())
