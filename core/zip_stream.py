"""A ZIP archive that is written while it is read, so that none of it has to be in memory or on the disk."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Member(NamedTuple):
    """A file of the archive: its name, time and method, and its content in pieces."""

    info: zipfile.ZipInfo
    pieces: Iterable[bytes]


class _Outbox(io.RawIOBase):
    """What `zipfile` writes to: it keeps bytes until they are taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def stream(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the archive of some files, in pieces about as large as theirs; each file may be over 4 GiB."""
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w") as archive:
        for member in members:
            with archive.open(member.info, "w", force_zip64=True) as file:
                for piece in member.pieces:
                    file.write(piece)
                    yield outbox.take()
            yield outbox.take()
    yield outbox.take()
