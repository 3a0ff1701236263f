"""Python text of a submission: parsed, never run, and what its entry point says of itself."""

import ast
import io
import re
import threading
import tokenize
import warnings
from bisect import bisect_right
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import InvalidSubmissionError

ENTRY_POINT = "unlearning"
MAX_SOURCE_BYTES = 256 * 2**10  # a dense file takes several hundred times its size in memory as a tree

# A string that does not end is taken to where it must end: given up, it would be tried from each quote anew.
TOKEN = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?(?:\"{3}|\\?\Z)|'{3}(?:\\.|[^\\])*?(?:'{3}|\\?\Z)"""
    r"""|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?"""
    r"|\#[^\n]*|\\\n|[^\"'\#\[\](){}\\\n]+|.",
    re.DOTALL,
)
"""A string, a comment, a line that goes on, a bracket, or what stands between such, in Python's text."""

_MAX_FIELDS = 2_000  # Python reads an f-string anew for each
_PARAMETERS = ("net", "retain", "forget", "val")
_SIGNATURE = f"{ENTRY_POINT}({', '.join(_PARAMETERS)})"
_PARSING = threading.Lock()  # Python's switch for warnings is one for all threads

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Source:
    """Python text, and where a participant finds its lines.

    Attributes:
        text: the text, its lines ended by line feeds alone.
        cells: for each code cell of a notebook the number of its first line in the text; empty for a file.
    """

    text: str
    cells: tuple[int, ...] = ()

    def place(self, line: int | None) -> str:
        """Return the words for a line of the text."""
        if line is None:
            return "the file"
        number = bisect_right(self.cells, line)
        if number == 0:
            return f"line {line}"
        return f"code cell {number}, line {line - self.cells[number - 1] + 1}"

    def parse(self) -> ast.Module:
        """Return the text as a tree.

        Raises:
            InvalidSubmissionError: it is too long, or is not Python; the message says where.
        """
        if len(self.text) > MAX_SOURCE_BYTES:
            raise InvalidSubmissionError(
                f"The file holds {len(self.text):,} characters of Python; at most {MAX_SOURCE_BYTES:,} "
                "may be in it. Move data into files of their own, in a `.zip`."
            )
        for token in TOKEN.finditer(self.text):
            if (
                token[0].count("{") > _MAX_FIELDS
                and "f" in self.text[max(token.start() - 2, 0) : token.start()].lower()
            ):
                line = self.text.count("\n", 0, token.start()) + 1
                raise InvalidSubmissionError(
                    f"The f-string in {self.place(line)} has more than {_MAX_FIELDS:,} fields."
                )
        try:
            with quietly():
                return ast.parse(self.text, filename="submission.py")
        except SyntaxError as error:
            raise InvalidSubmissionError(
                f"Syntax error in {self.place(error.lineno)}: {error.msg}."
            ) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise InvalidSubmissionError("The file cannot be parsed as Python source code.") from error

    def check_compiles(self) -> None:
        """Refuse what Python refuses only once it has the whole tree: a `return` outside a function.

        Raises:
            InvalidSubmissionError: Python would not run the text; the message says where.
        """
        try:
            with quietly():
                compile(self.text, "submission.py", "exec", dont_inherit=True)
        except SyntaxError as error:
            raise InvalidSubmissionError(
                f"Syntax error in {self.place(error.lineno)}: {error.msg}."
            ) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise InvalidSubmissionError("The file cannot be compiled as Python source code.") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Keep back what Python warns of in a text that it reads here."""
    with _PARSING, warnings.catch_warnings(action="ignore"):
        yield


def decode(data: bytes) -> str:
    """Return the text of a Python file in the encoding that it declares, its lines ended by line feeds alone.

    Raises:
        InvalidSubmissionError: it is not text.
    """
    if b"\0" in data:
        raise InvalidSubmissionError("The file contains null bytes: it is not Python source code.")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeError) as error:
        raise InvalidSubmissionError(
            "Syntax error: the file is not text in the encoding that it declares; save it as UTF-8."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def function_of(statement: ast.stmt) -> Function | None:
    """Return the function that a statement binds the entry point to, if its signature can be read there.

    A decorator, or a call such as `functools.partial`, may give it another.
    """
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not statement.decorator_list:
        return statement
    if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Lambda):
        return statement.value
    return None


def required_extras(function: Function) -> list[str]:
    """Return the parameters without default beyond the four, in order."""
    arguments = function.args
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    required = positional[: len(positional) - len(arguments.defaults)]
    keyword_only = [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    return required[len(_PARAMETERS) :] + keyword_only


def check_function(function: Function, *, defined: Collection[str]) -> list[str]:
    """Refuse an entry point that cannot be called as Lethe calls it, and return what looks doubtful.

    Args:
        function: where the entry point is defined.
        defined: the top-level names of the submission, which fill further parameters.

    Raises:
        InvalidSubmissionError: it is async or a generator, or takes another number of arguments.
    """
    if isinstance(function, ast.AsyncFunctionDef):
        raise InvalidSubmissionError(f"`{ENTRY_POINT}` is an async function; write it as a plain `def`.")
    if isinstance(function, ast.FunctionDef) and _yields(function):
        raise InvalidSubmissionError(
            f"`{ENTRY_POINT}` has a `yield` in it, so a call runs none of it; return the network instead."
        )
    extra = [name for name in required_extras(function) if name != "device" and name not in defined]
    if extra:
        raise InvalidSubmissionError(
            f"`{ENTRY_POINT}` requires {_listed(extra)} beyond the four arguments of {_SIGNATURE}; "
            "give a default value, or define a top-level name like it."
        )
    arguments = function.args
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    if len(positional) < len(_PARAMETERS) and arguments.vararg is None:
        raise InvalidSubmissionError(
            f"`{ENTRY_POINT}` takes {len(positional)} arguments; Lethe calls {_SIGNATURE} with four."
        )
    return _doubts(positional)


def refusal_of_missing(found: list[str]) -> InvalidSubmissionError:
    """Return the refusal of a submission that binds the entry point nowhere; `found` are names it binds."""
    hint = f" It defines {_listed(found[:5])}." if found else ""
    return InvalidSubmissionError(
        f"The file defines no function `{ENTRY_POINT}` at its top level; Lethe calls {_SIGNATURE}.{hint}"
    )


def _doubts(positional: list[str]) -> list[str]:
    second, third = (name.lower() for name in [*positional, "", "", ""][1:3])
    if "forget" not in second and "retain" not in third:
        return []
    return [
        f"The parameters look swapped: Lethe calls {_SIGNATURE}, by position. Its second parameter gets the "
        "retain loader and its third the forget loader; nothing was reordered.",
    ]


def _yields(function: ast.FunctionDef) -> bool:
    """Say whether the function itself, not one inside it, is a generator."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
    return False


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
