"""Kept statements as text again, each on the line that it came from, as far as that can be."""

import ast
import sys
from collections.abc import Collection, Sequence

from core.programs.segments import Segments


def lay_out(kept: Sequence[ast.stmt], *, module: ast.Module, text: str) -> str:
    """Return Python text of the kept statements alone.

    Args:
        kept: statements of `module`, or pruned copies of such, in order.
        module: the tree of `text`.
        text: what was written. Its lines stay where they were, so that a traceback shows them.
    """
    lines = text.encode().split(b"\n")
    alone = _alone(module.body)
    whole = {id(statement) for statement in module.body}
    segments = Segments(text)
    output: list[bytes] = []
    before: ast.stmt | None = None
    for statement in kept:
        start = _first_line(statement) - 1
        if before is not None and before.lineno == statement.lineno and _is_simple(before, statement):
            output[-1] += b"; " + _written(statement, whole, segments)
            continue
        output += [b""] * (start - len(output))
        if id(statement) in alone:
            output += lines[start : statement.end_lineno]
        else:
            output += _written(statement, whole, segments).split(b"\n")
        before = statement
    return b"\n".join([*output, b""]).decode()


def _written(statement: ast.stmt, whole: Collection[int], segments: Segments) -> bytes:
    """Return a statement as it was written, or anew if it is a part of one or lies in one."""
    text = segments.of(statement) if id(statement) in whole else ast.unparse(statement)
    return text.encode()


def _alone(statements: Sequence[ast.stmt]) -> set[int]:
    """Return the ids of the statements that share no line with another."""
    ends = [0, *(statement.end_lineno or 0 for statement in statements)]
    starts = [*(_first_line(statement) for statement in statements), sys.maxsize]
    return {
        id(statement)
        for k, statement in enumerate(statements)
        if ends[k] < starts[k] and ends[k + 1] < starts[k + 1]
    }


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _is_simple(*statements: ast.stmt) -> bool:
    return not any(hasattr(statement, "body") for statement in statements)
