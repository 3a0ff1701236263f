"""Files that a command writes: whole or not at all, and never over another."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from core.errors import LetheError


class FileError(LetheError):
    """A file that cannot be written; the message says which and why."""


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that appears under `path`, readable for its owner alone, when the block ends well.

    Raises:
        FileError: something of that name is there, or its folder cannot be written.
    """
    try:
        if path.exists():
            raise FileExistsError
        with NamedTemporaryFile(dir=path.parent) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, path)  # unlike a rename, this replaces nothing that came meanwhile
    except FileExistsError as error:
        raise FileError(f"{path} exists already; nothing is overwritten") from error
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error
