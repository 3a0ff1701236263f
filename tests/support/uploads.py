"""Uploads put together for tests: archives, honest and broken, and notebooks."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HONEST = "def unlearning(net, retain, forget, val):\n    return net\n"


def zip_of(files: Mapping[str, str | bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def zip_of_folder(folder: Path) -> bytes:
    """Return an archive of all files in a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return zip_of({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})


def notebook_of(*cells: str | Sequence[str], **changes: Any) -> bytes:
    """Return a notebook of format 4 with these code cells."""
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "cells": [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in cells],
    }
    return json.dumps(content | changes).encode()
