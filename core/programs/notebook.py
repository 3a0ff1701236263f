"""A Jupyter notebook, of format 3 or 4, as the Python text of its code cells."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from core.errors import InvalidSubmissionError
from core.programs import paths
from core.programs.program import ENTRY_FILE
from core.programs.source import MAX_SOURCE_BYTES, TOKEN, Source

_MAX_VALUES = 500_000
_MAX_CELLS = 2_000
_SHOWN_CHARACTERS = 60
_RUN_CELL_MAGICS = frozenset({"%%time", "%%capture", "%%prun"})
_MAGIC_LINE = re.compile(r"(?P<indent>[ \t]*)(?:[%!?]|[\w.*]+\?|[\w.]+(?:, *[\w.]+)* *= *[%!])")
_WRITTEN_FILE = re.compile(r"%%(?:writefile|file)\s+(?P<append>-a\s+)?(?P<path>\S+)\s*")
_WORKING_FOLDER = "/kaggle/working/"


class NotebookContent(NamedTuple):
    """What a notebook holds.

    Attributes:
        source: the Python of its code cells, one after another, without magics.
        files: the files that its cells write by `%%writefile`: path -> content.
        magics: the magics that were left out, each with its place.
    """

    source: Source
    files: dict[str, bytes]
    magics: list[str]


def read_notebook(data: bytes) -> NotebookContent:
    """Return what a notebook holds.

    Raises:
        InvalidSubmissionError: it is no notebook, or not one for Python; the message says why.
    """
    reader = _Reader()
    for cell in _code_cells(_load(data)):
        reader.add(cell)
    return reader.content()


class _Reader:
    """Puts cells together, line by line."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._starts: list[int] = []
        self._files: dict[str, bytes] = {}
        self._dropped: list[str] = []

    def add(self, cell: str) -> None:
        self._starts.append(len(self._lines) + 1)
        lines = cell.split("\n")
        first = next((k for k, line in enumerate(lines) if line.strip()), 0)
        if not lines[first].startswith("%%"):
            self._lines += self._without_magics(lines)
            return
        self._drop(first, lines[first])
        written = _WRITTEN_FILE.fullmatch(lines[first])
        path = written["path"].removeprefix(_WORKING_FOLDER).removeprefix("./") if written else ""
        if path == ENTRY_FILE or lines[first].split()[0] in _RUN_CELL_MAGICS:
            self._lines += self._without_magics([*[""] * (first + 1), *lines[first + 1 :]])
        elif written and paths.problem_of_path(path) is None:
            before = self._files.get(path, b"") if written["append"] else b""
            self._files[path] = before + "\n".join([*lines[first + 1 :], ""]).encode(errors="replace")

    def _without_magics(self, lines: list[str]) -> list[str]:
        if not any(map(_MAGIC_LINE.match, lines)) or _is_python("\n".join(lines)):
            return lines
        for magic in _find_magics("\n".join(lines)):
            self._drop(magic.start, lines[magic.start])
            indent = _MAGIC_LINE.match(lines[magic.start])["indent"]  # type: ignore[index]
            lines[magic.start : magic.stop] = [f"{indent}pass", *[""] * (len(magic) - 1)]
        return lines

    def _drop(self, line: int, text: str) -> None:
        shown = "".join(c for c in text.strip() if c.isprintable())[:_SHOWN_CHARACTERS]
        self._dropped.append(f"code cell {len(self._starts)}, line {line + 1} `{shown}`")

    def content(self) -> NotebookContent:
        source = Source("\n".join([*self._lines, ""]), cells=tuple(self._starts))
        return NotebookContent(source, self._files, self._dropped)


def _load(data: bytes) -> dict[str, Any]:
    if data.count(b",") + data.count(b"[") + data.count(b"{") > _MAX_VALUES:
        raise InvalidSubmissionError(
            "The notebook is too large to read; clear its outputs and save it again."
        )
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidSubmissionError(
            "The file is not a notebook: it is not JSON; save it in Jupyter, or upload a `.py`."
        ) from None
    if not isinstance(notebook, dict) or notebook.get("nbformat") not in (3, 4):
        raise InvalidSubmissionError(
            "The file is not a notebook of format 3 or 4; save it in a newer Jupyter."
        )
    return notebook


def _code_cells(notebook: dict[str, Any]) -> Iterator[str]:
    _check_language(notebook)
    cells = notebook.get("cells")
    if notebook["nbformat"] == 3:
        sheets = notebook.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in _list(sheet.get("cells"))]
    cells = _list(cells)
    if len(cells) > _MAX_CELLS:
        raise InvalidSubmissionError(
            f"The notebook has {len(cells)} cells; at most {_MAX_CELLS} may be in it."
        )
    n_bytes = 0
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        text = _text(cell.get("source", cell.get("input")), number)
        n_bytes += len(text)
        if n_bytes > MAX_SOURCE_BYTES:
            raise InvalidSubmissionError(
                f"The notebook's cells hold more than {MAX_SOURCE_BYTES:,} characters of Python."
            )
        yield text


def _check_language(notebook: dict[str, Any]) -> None:
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        language = metadata[section].get(key) if isinstance(metadata.get(section), dict) else None
        if isinstance(language, str) and "python" not in language.lower():
            raise InvalidSubmissionError(f"The notebook is for {language[:40]!r}; Lethe runs Python.")


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidSubmissionError("The notebook is damaged: it has no list of cells.")
    return value


def _text(source: object, number: int) -> str:
    text = "".join(source) if isinstance(source, list) and all(isinstance(s, str) for s in source) else source
    if not isinstance(text, str):
        raise InvalidSubmissionError(f"The notebook is damaged: cell {number} holds no text.")
    # Python ends a line at these; a carriage return alone would move the lines that messages name.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_python(text: str) -> bool:
    try:
        Source(text).parse()
    except InvalidSubmissionError:
        return False
    return True


def _find_magics(text: str) -> Iterator[range]:
    """Yield the lines, from 0, of each magic or shell command: they begin outside of strings and brackets."""
    place, line, depth, at_start = 0, 0, 0, True
    while place < len(text):
        if at_start and depth == 0 and _MAGIC_LINE.match(text, place):
            first = line
            while (end := text.find("\n", place)) > 0 and text[end - 1] == "\\":  # it goes on below
                place, line = end + 1, line + 1
            yield range(first, line + 1)
            place, line = (end + 1 if end >= 0 else len(text)), line + 1
            continue
        token = TOKEN.match(text, place)
        assert token is not None
        place, line, at_start = token.end(), line + token[0].count("\n"), token[0] == "\n"
        depth += (token[0] in "([{") - (token[0] in ")]}")
