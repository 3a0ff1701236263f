"""A look inside an uploaded Python file, without running it."""

import ast

from core.errors import InvalidSubmissionError

ENTRY_POINT = "unlearning"
_PARAMETERS = ("net", "retain", "forget", "val")
_SIGNATURE = f"{ENTRY_POINT}({', '.join(_PARAMETERS)})"


def check_source(source: bytes) -> None:
    """Refuse a file that cannot define the entry point.

    Args:
        source: the bytes of a Python file.

    Raises:
        InvalidSubmissionError: it is not Python, or has no function that takes the four arguments.
    """
    entry = _find_entry(_parse(source))
    if isinstance(entry, ast.AsyncFunctionDef):
        raise InvalidSubmissionError(f"`{ENTRY_POINT}` is an async function; write it as a plain `def`.")
    if isinstance(entry, ast.FunctionDef):
        _check_parameters(entry)


def _parse(source: bytes) -> ast.Module:
    if b"\0" in source:
        raise InvalidSubmissionError("The file contains null bytes: it is not Python source code.")
    try:
        return ast.parse(source, filename="submission.py")
    except SyntaxError as error:
        where = f"line {error.lineno}" if error.lineno else "the file"
        raise InvalidSubmissionError(f"Syntax error in {where}: {error.msg}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidSubmissionError("The file cannot be parsed as Python source code.") from error


def _find_entry(module: ast.Module) -> ast.stmt:
    found: ast.stmt | None = None
    for statement in module.body:
        if ENTRY_POINT in _names_bound_by(statement):
            found = statement
    if found is None:
        raise InvalidSubmissionError(
            f"The file defines no function `{ENTRY_POINT}` at its top level; Lethe calls {_SIGNATURE}."
        )
    return found


def _names_bound_by(statement: ast.stmt) -> set[str]:
    """Return the names that a top-level statement may bind, looking into `if`, `try` and `with`."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    stored = {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    nested = {
        node.name for node in ast.walk(statement) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return stored | nested


def _check_parameters(entry: ast.FunctionDef) -> None:
    arguments = entry.args
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    required = positional[: len(positional) - len(arguments.defaults)]
    keyword_only = [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    extra = required[len(_PARAMETERS) :] + keyword_only
    if extra:
        raise InvalidSubmissionError(
            f"`{ENTRY_POINT}` requires {_listed(extra)} beyond the four arguments of {_SIGNATURE}; "
            "give a default value."
        )
    if len(positional) < len(_PARAMETERS) and arguments.vararg is None:
        raise InvalidSubmissionError(
            f"`{ENTRY_POINT}` takes {len(positional)} arguments; Lethe calls {_SIGNATURE} with four."
        )


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
