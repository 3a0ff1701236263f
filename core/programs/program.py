"""A submission as the sandbox gets it: files by path, one of them the entry file."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

ENTRY_FILE = "submission.py"
ENTRY_NOTEBOOK = "submission.ipynb"


@dataclass(frozen=True)
class Program:
    """What a submission's runs start from.

    Attributes:
        files: path in the run's folder, with `/` between its parts -> content; `submission.py` is one.
        warnings: what its owner should know, a sentence or a few each.
    """

    files: Mapping[str, bytes]
    warnings: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the files as a zip archive without compression: the same bytes for the same files."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path in sorted(self.files):
                archive.writestr(zipfile.ZipInfo(path), self.files[path])
        return buffer.getvalue()
