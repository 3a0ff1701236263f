"""A submission's top level taken apart: what of it is kept or dropped as one."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.errors import InvalidSubmissionError
from core.programs.folding import UNKNOWN, flags_of, value_of
from core.programs.names import Names, names_of
from core.programs.segments import Segments

MAX_PIECES = 5_000
BLOCKS = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Match)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(eq=False)
class Piece:
    """A statement that is kept or dropped whole, or an `if` or `try` around such; of that, its conditions."""

    node: ast.stmt
    names: Names
    parent: "Piece | None" = None
    branches: list[list["Piece"]] = field(default_factory=list)
    kept: bool = False


class Pieces:
    """The pieces of a top level.

    Attributes:
        top: those that lie in no other.
        all: all of them, in order.
        bound: the names that any of them binds.
        imported: those that an import binds.
        computed: those that something else than imports and definitions binds.
    """

    def __init__(self, module: ast.Module, text: str, *, as_script: bool) -> None:
        self._segments = Segments(text)
        self._flags = flags_of(module.body, as_script=as_script)
        self.all: list[Piece] = []
        self.top = self._take_apart(module.body, None)
        self.bound = {name for piece in self.all for name in piece.names.binds}
        self.imported = {
            n for piece in self.all if isinstance(piece.node, IMPORTS) for n in piece.names.binds
        }
        defining = (*IMPORTS, *DEFINITIONS)
        self.computed = {n for p in self.all if not isinstance(p.node, defining) for n in p.names.binds}

    def _take_apart(self, statements: list[ast.stmt], parent: Piece | None) -> list[Piece]:
        pieces = []
        for statement in statements:
            if isinstance(statement, ast.If):
                value = value_of(statement.test, self._flags)
                if value is not UNKNOWN:
                    pieces += self._take_apart(statement.body if value else statement.orelse, parent)
                    continue
            for part in _parts(statement):
                piece = Piece(part, self._names_of(part), parent)
                self.all.append(piece)
                if len(self.all) > MAX_PIECES:
                    raise InvalidSubmissionError(
                        f"The file has more than {MAX_PIECES:,} statements at its top level. Move data into "
                        "files of their own, in a `.zip`."
                    )
                piece.branches = [self._take_apart(branch, piece) for branch in _branches(part)]
                pieces.append(piece)
        return pieces

    def _names_of(self, statement: ast.stmt) -> Names:
        try:
            return names_of(statement, self._segments.alone(statement))
        except SyntaxError as error:
            error.lineno = statement.lineno  # it has counted from the statement's own first line
            raise


def _parts(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield a statement, or an import name by name."""
    if isinstance(statement, IMPORTS) and len(statement.names) > 1:
        for alias in statement.names:
            part = copy.copy(statement)
            part.names = [alias]
            yield part
    else:
        yield statement


def _branches(statement: ast.stmt) -> list[list[ast.stmt]]:
    if isinstance(statement, ast.If):
        return [statement.body, statement.orelse]
    if isinstance(statement, ast.Try | ast.TryStar):
        handlers = [handler.body for handler in statement.handlers]
        return [statement.body, *handlers, statement.orelse, statement.finalbody]
    return []


def put_together(pieces: list[Piece], dropped: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of the kept pieces, and add the others to `dropped`."""
    statements = []
    for piece in pieces:
        if not piece.kept:
            dropped += [piece.node] if not _is_idle(piece.node) else []
            continue
        branches = [put_together(branch, dropped) for branch in piece.branches]
        whole = branches == _branches(piece.node)
        statements.append(piece.node if whole else _with_branches(piece.node, branches))
    return statements


def _with_branches(statement: ast.stmt, branches: list[list[ast.stmt]]) -> ast.stmt:
    pruned = copy.copy(statement)
    if isinstance(pruned, ast.If):
        body, pruned.orelse = branches
        pruned.body = body or [ast.Pass()]
    elif isinstance(pruned, ast.Try | ast.TryStar):
        body, *handled, pruned.orelse, final = branches
        pruned.body = body or [ast.Pass()]
        pruned.handlers = [copy.copy(handler) for handler in pruned.handlers]
        for handler, statements in zip(pruned.handlers, handled, strict=True):
            handler.body = statements or [ast.Pass()]
        pruned.finalbody = final or ([] if pruned.handlers else [ast.Pass()])
    return pruned


def _is_idle(statement: ast.stmt) -> bool:
    """Say whether it does nothing: a `pass`, or a text that stands for itself."""
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass) or is_constant
