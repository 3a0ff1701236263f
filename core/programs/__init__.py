"""Uploads read into programs without being run: a Python file, a notebook, or an archive of either."""

from core.programs.archive import MAX_UPLOAD_BYTES
from core.programs.program import ENTRY_FILE, Program
from core.programs.reading import check, read

__all__ = ["ENTRY_FILE", "MAX_UPLOAD_BYTES", "Program", "check", "read"]
