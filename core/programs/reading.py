"""The way from an upload to a program: unpack, look inside, leave out what is not needed."""

import ast
import io
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO

from core.errors import InvalidSubmissionError
from core.programs import paths
from core.programs.archive import read_archive
from core.programs.driver import does_work
from core.programs.layout import lay_out
from core.programs.notebook import read_notebook
from core.programs.program import ENTRY_FILE, ENTRY_NOTEBOOK, Program
from core.programs.segments import Segments
from core.programs.slicing import DEFINING, Slice, slice_module
from core.programs.source import (
    ENTRY_POINT,
    Source,
    check_function,
    decode,
    function_of,
    quietly,
    refusal_of_missing,
)

_SHOWN = 12
_SHOWN_CHARACTERS = 60


def read(filename: str, data: bytes) -> Program:
    """Read an upload; nothing of it is run, and the same upload always gives the same program.

    Args:
        filename: its name; the ending says what it is.
        data: its bytes.

    Raises:
        InvalidSubmissionError: it can never work; the message says what was wrong and what to do.
    """
    return _read(filename, io.BytesIO(data), wanted=lambda _: True)


def check(filename: str, file: BinaryIO) -> tuple[str, ...]:
    """Return what the owner of an upload should know; of an archive only the entry file is held in memory.

    Raises:
        InvalidSubmissionError: as `read`.
    """
    return _read(filename, file, wanted=_may_be_entry).warnings


def _may_be_entry(path: str) -> bool:
    return PurePosixPath(path).name in (ENTRY_FILE, ENTRY_NOTEBOOK)


def _read(filename: str, file: BinaryIO, *, wanted: Callable[[str], bool]) -> Program:
    ending = PurePosixPath(filename).suffix.lower()
    file.seek(0)
    if ending == ".zip":
        return _read_files(read_archive(file, wanted=wanted))
    if ending == ".ipynb":
        return _read_entry({}, file.read(), is_notebook=True)
    if ending == ".py":
        return _read_entry({}, file.read(), is_notebook=False)
    raise InvalidSubmissionError(
        "Upload a Python file (its name ends in `.py`), a notebook (`.ipynb`), or an archive of "
        "`submission.py` and what it imports (`.zip`)."
    )


def _read_files(unpacked: Mapping[str, bytes]) -> Program:
    files, folder = paths.without_wrapping_folder(unpacked, (ENTRY_FILE, ENTRY_NOTEBOOK))
    warnings = (
        [f"Everything in the archive lies in the folder `{folder}`; that is its root here."] if folder else []
    )
    if ENTRY_FILE not in files and ENTRY_NOTEBOOK not in files:
        raise InvalidSubmissionError(
            f"The archive holds neither `{ENTRY_FILE}` nor `{ENTRY_NOTEBOOK}` at its root; it holds "
            f"{_listed(sorted(files)[:5]) or 'no file'}."
        )
    if ENTRY_FILE in files and ENTRY_NOTEBOOK in files:
        warnings.append(f"The archive holds `{ENTRY_FILE}`, so `{ENTRY_NOTEBOOK}` is not used.")
    paths.check_hides_nothing(files)
    is_notebook = ENTRY_FILE not in files
    entry = files.pop(ENTRY_NOTEBOOK if is_notebook else ENTRY_FILE)
    program = _read_entry(files, entry, is_notebook=is_notebook)
    return Program(program.files, (*warnings, *program.warnings))


def _read_entry(files: dict[str, bytes], entry: bytes, *, is_notebook: bool) -> Program:
    """Put the entry file, sliced where it must be, beside the other files."""
    try:
        return _put_entry(files, entry, is_notebook=is_notebook)
    except (ValueError, RecursionError, MemoryError):  # a number too long to be written, a text too deep
        raise InvalidSubmissionError(
            "The file cannot be looked into: something in it is nested too deeply, or a number is too long."
        ) from None


def _put_entry(files: dict[str, bytes], entry: bytes, *, is_notebook: bool) -> Program:
    if is_notebook:
        content = read_notebook(entry)
        files = {**files, **content.files}
        paths.check_distinct([*files, ENTRY_FILE])
        source, magics = content.source, content.magics
    else:
        source, magics = Source(decode(entry)), []
    module = source.parse()
    own_modules = {path.split("/")[0].removesuffix(".py") for path in files}
    sliced = _slice(module, source, is_notebook=is_notebook, own_modules=own_modules)
    warnings = _check_entry(sliced)
    if is_notebook or any(does_work(statement, own_modules=own_modules) for statement in sliced.dropped):
        warnings += _describe(sliced, source, magics)
        text = lay_out(sliced.kept, module=module, text=source.text)
        source, entry = Source(text, source.cells), text.encode()
    source.check_compiles()
    return Program({**files, ENTRY_FILE: entry}, tuple(warnings))


def _slice(module: ast.Module, source: Source, *, is_notebook: bool, own_modules: Collection[str]) -> Slice:
    try:
        with quietly():
            return slice_module(
                module, source.text, entry=ENTRY_POINT, as_script=is_notebook, own_modules=own_modules
            )
    except SyntaxError as error:
        raise InvalidSubmissionError(f"Syntax error in {source.place(error.lineno)}: {error.msg}.") from None


def _check_entry(sliced: Slice) -> list[str]:
    """Refuse an entry point that cannot be called, and return what looks doubtful."""
    if not sliced.entries and not sliced.has_star_import:
        raise refusal_of_missing(sorted(sliced.bound))
    function = function_of(sliced.entries[-1]) if sliced.entries else None
    doubts = [] if function is None else check_function(function, defined=sliced.bound)
    if sliced.undefined:
        doubts.append(f"Nothing defines {_listed(sliced.undefined[:_SHOWN])}, which `{ENTRY_POINT}` may use.")
    return doubts


def _describe(sliced: Slice, source: Source, magics: list[str]) -> list[str]:
    """Tell the participant what is run and what is not."""
    names = sorted({name for name in sliced.kept_names if name != ENTRY_POINT})
    kept = f"Only what `{ENTRY_POINT}` needs is run: {_listed(names) or 'nothing else'}."
    # What does something says more than what only defines.
    dropped = sorted(sliced.dropped, key=lambda statement: isinstance(statement, DEFINING))
    segments = Segments(source.text)
    places = [*magics[:_SHOWN], *(_shown(statement, source, segments) for statement in dropped[:_SHOWN])]
    if not places:
        return [kept]
    n_more = len(magics) + len(dropped) - _SHOWN
    more = f"; and {n_more} more" if n_more > 0 else ""
    return [kept, f"Left out: {'; '.join(places[:_SHOWN])}{more}."]


def _shown(statement: ast.stmt, source: Source, segments: Segments) -> str:
    is_import = isinstance(statement, ast.Import | ast.ImportFrom)  # one name of several that were written
    text = (ast.unparse(statement) if is_import else segments.of(statement)).partition("\n")[0]
    text = "".join(character for character in text if character.isprintable())
    return f"{source.place(statement.lineno)} `{text[:_SHOWN_CHARACTERS]}`"


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name[:_SHOWN_CHARACTERS]}`" for name in names[: 2 * _SHOWN])
    return shown if len(names) <= 2 * _SHOWN else f"{shown} and {len(names) - 2 * _SHOWN} more"
