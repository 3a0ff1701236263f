"""Paths of a submission's files: which are allowed, which are junk, and which hide a library."""

import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping

from core.errors import InvalidSubmissionError
from core.programs.program import ENTRY_FILE

MAX_PATH_CHARACTERS = 200
_MAX_DEPTH = 10
_DRIVE = re.compile(r"[A-Za-z]:")
_JUNK_FOLDERS = frozenset({"__MACOSX", "__pycache__", ".ipynb_checkpoints", ".git"})
_JUNK_FILES = frozenset({".DS_Store", "Thumbs.db"})
_MODULE_ENDINGS = (".py", ".pyc", ".so")

LIBRARY_MODULES = frozenset(
    {"numpy", "pandas", "safetensors", "scipy", "sklearn", "torch", "torchvision", "tqdm"}
)
"""What a sandbox has to import beside the standard library; torchvision only where it fits its torch."""


def problem_of_path(path: str) -> str | None:
    """Return what is wrong with the path of a file or, with a `/` at its end, of a folder, or None."""
    parts = path.removesuffix("/").split("/")
    too_long = f"is longer than {MAX_PATH_CHARACTERS} characters or deeper than {_MAX_DEPTH} folders"
    problems = {
        too_long: len(path) > MAX_PATH_CHARACTERS or len(parts) > _MAX_DEPTH,
        "holds characters that cannot be printed": not path.isprintable(),
        "holds a backslash; make the archive with `/` between folders": "\\" in path,
        "is absolute; it must be relative": path.startswith("/") or _DRIVE.match(path) is not None,
        "leads out of the archive by `..`": ".." in parts,
        "has an empty part": "" in parts or "." in parts,
    }
    return next((problem for problem, is_there in problems.items() if is_there), None)


def check_distinct(paths: Iterable[str]) -> None:
    """Refuse two files that some system or tool takes for one, and a file where a folder must be.

    Raises:
        InvalidSubmissionError: there are such files; the message names them.
    """
    seen: dict[str, str] = {}
    for path in paths:
        key = unicodedata.normalize("NFKC", path).casefold()
        if key in seen:
            raise InvalidSubmissionError(f"The archive holds {seen[key]!r} and {path!r}; rename one of them.")
        seen[key] = path
    for key, path in seen.items():
        parts = key.split("/")
        for depth in range(1, len(parts)):
            if (file := seen.get("/".join(parts[:depth]))) is not None:
                raise InvalidSubmissionError(f"The archive holds {path!r}, though {file!r} is a file.")


def check_hides_nothing(paths: Iterable[str]) -> None:
    """Refuse a module or package that an import would find in place of Python's own or of a library.

    Raises:
        InvalidSubmissionError: there is one; the message names it.
    """
    for path in paths:
        name = path.split("/")[0].split(".")[0]
        if not path.endswith(_MODULE_ENDINGS) or f"{name}.py" == ENTRY_FILE:
            continue
        if name in sys.stdlib_module_names or name == "submissions_sandbox":
            raise InvalidSubmissionError(
                f"{path!r} in the archive has the name of a module of Python's or Lethe's own; rename it."
            )
        if name in LIBRARY_MODULES:
            raise InvalidSubmissionError(
                f"{path!r} in the archive would hide the library `{name}`, which Lethe brings; leave it out, "
                "or rename it."
            )


def is_junk(path: str) -> bool:
    """Say whether this is a file that systems and editors leave in archives."""
    *folders, name = path.split("/")
    return name in _JUNK_FILES or not _JUNK_FOLDERS.isdisjoint(folders)


def without_wrapping_folder(
    files: Mapping[str, bytes], entries: Iterable[str]
) -> tuple[dict[str, bytes], str]:
    """Return the files of a folder that holds everything, if an entry file lies right in it, and its name.

    Archives are often made of a folder, not of what is in it. Others come back as they are, with "".
    """
    tops = {path.split("/")[0] for path in files}
    folder = next(iter(tops)) if len(tops) == 1 else ""
    if not any(f"{folder}/{entry}" in files for entry in entries):
        return dict(files), ""
    return {path.removeprefix(f"{folder}/"): content for path, content in files.items()}, folder
