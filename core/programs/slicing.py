"""The slice of a submission's top level that `unlearning` needs; see docs/decisions/0010."""

import ast
import builtins
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from core.programs.folding import UNKNOWN, flags_of, value_of
from core.programs.names import Names, changed_inside, names_of
from core.programs.source import function_of, required_extras

_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
_BLOCKS = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Match)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete)
DEFINING = (*_IMPORTS, *_DEFINITIONS, *_ASSIGNMENTS)
"""The kinds of statements that bind names and do little else."""


@dataclass(frozen=True)
class Slice:
    """A top level taken apart.

    Attributes:
        kept: the statements that are needed, in order; `if` and `try` hold what is needed inside of them.
        dropped: the statements that are not, but for those that do nothing.
        entries: those of `kept`, or inside of them, that bind the entry point.
        bound: the top-level names that anything binds, needed or not.
        kept_names: those of them that a kept statement binds.
        undefined: the names that are needed and that nothing binds, in order; empty where an `import *` may.
        has_star_import: there is an `import *`.
    """

    kept: list[ast.stmt]
    dropped: list[ast.stmt]
    entries: list[ast.stmt]
    bound: set[str]
    kept_names: set[str]
    undefined: list[str]
    has_star_import: bool


def slice_module(module: ast.Module, *, entry: str, as_script: bool) -> Slice:
    """Keep what `entry` needs of a module, transitively.

    Args:
        module: a whole submission; it is not changed.
        entry: the name that is called.
        as_script: the text was written to be run, not imported: `__name__` is "__main__".

    Raises:
        SyntaxError: Python does not allow a statement at the top level.
        RecursionError: a statement is nested too deeply.
    """
    slicer = _Slicer(module, entry=entry, as_script=as_script)
    slicer.keep_needed()
    return slicer.result()


@dataclass(eq=False)
class _Piece:
    """A statement that is kept or dropped whole, or an `if` or `try` around such; of that, its conditions."""

    node: ast.stmt
    names: Names
    parent: "_Piece | None" = None
    branches: list[list["_Piece"]] = field(default_factory=list)
    kept: bool = False


class _Slicer:
    def __init__(self, module: ast.Module, *, entry: str, as_script: bool) -> None:
        self._entry = entry
        self._flags = flags_of(module.body, as_script=as_script)
        self._pieces: list[_Piece] = []
        self._top = self._take_apart(module.body, None)
        self._bound = {name for piece in self._pieces for name in piece.names.binds}
        self._imported = self._bound_by(_IMPORTS)
        self._unstable = self._bound - self._bound_only_by((*_IMPORTS, *_DEFINITIONS))
        self._effects: dict[str, frozenset[str]] = {}
        self._needed = {entry, *self._filled_parameters()}

    def _take_apart(self, statements: list[ast.stmt], parent: _Piece | None) -> list[_Piece]:
        pieces = []
        for statement in statements:
            if isinstance(statement, ast.If):
                value = value_of(statement.test, self._flags)
                if value is not UNKNOWN:
                    pieces += self._take_apart(statement.body if value else statement.orelse, parent)
                    continue
            for part in _parts(statement):
                piece = _Piece(part, _names_of(part), parent)
                piece.branches = [self._take_apart(branch, piece) for branch in _branches(part)]
                pieces.append(piece)
                self._pieces.append(piece)
        return pieces

    def _bound_by(self, kinds: tuple[type[ast.stmt], ...]) -> set[str]:
        return {name for piece in self._pieces if isinstance(piece.node, kinds) for name in piece.names.binds}

    def _bound_only_by(self, kinds: tuple[type[ast.stmt], ...]) -> set[str]:
        others = {
            name for piece in self._pieces if not isinstance(piece.node, kinds) for name in piece.names.binds
        }
        return self._bound_by(kinds) - others

    def _filled_parameters(self) -> set[str]:
        functions = [function_of(piece.node) for piece in self._pieces if self._entry in piece.names.binds]
        return {
            name for function in functions if function for name in required_extras(function)
        } & self._bound

    def keep_needed(self) -> None:
        """Mark the pieces until nothing more is needed."""
        while (
            self._keep(self._is_bound_for) or self._keep(self._is_registration) or self._keep(self._is_star)
        ):
            pass

    def _keep(self, is_wanted: Callable[[_Piece], bool]) -> bool:
        found = [piece for piece in self._pieces if not piece.kept and is_wanted(piece)]
        for piece in found:
            self._mark(piece)
        return bool(found)

    def _mark(self, piece: _Piece | None) -> None:
        while piece is not None and not piece.kept:
            piece.kept = True
            self._needed |= piece.names.uses
            for child in (child for branch in piece.branches for child in branch):
                if isinstance(child.node, ast.Raise):  # in an `if` that stays, it says why a name is missing
                    self._mark(child)
            piece = piece.parent

    def _is_bound_for(self, piece: _Piece) -> bool:
        """Say whether it imports, defines or assigns what is needed."""
        names = piece.names
        if isinstance(piece.node, DEFINING):
            return not self._needed.isdisjoint(names.binds | names.changes) or _is_future(piece.node)
        if isinstance(piece.node, _BLOCKS):
            drives = self._entry in names.uses and self._entry not in names.binds
            return not drives and not self._needed.isdisjoint(names.binds | (names.changes - self._imported))
        return False

    def _is_registration(self, piece: _Piece) -> bool:
        """Say whether it runs what changes a needed name, and itself needs nothing that must be computed."""
        names = piece.names
        if not isinstance(piece.node, (ast.Expr, *_DEFINITIONS)) or self._entry in names.runs:
            return False
        changed = names.asks.union(*map(self._effects_of, names.runs)) - self._imported
        if self._needed.isdisjoint(changed) and not _extends_import_path(piece.node):
            return False
        return (names.uses - self._needed).isdisjoint(self._unstable)

    def _is_star(self, piece: _Piece) -> bool:
        return _is_star_import(piece.node) and bool(self._undefined())

    def _undefined(self) -> set[str]:
        return self._needed - self._bound - _BUILTINS

    def _effects_of(self, name: str) -> frozenset[str]:
        """Return the top-level names that calling a function or class of the submission may change."""
        if name not in self._effects:
            self._effects[name] = frozenset()  # where functions call each other in a circle
            for piece in self._pieces:
                if isinstance(piece.node, _DEFINITIONS) and name in piece.names.binds:
                    called = piece.names.uses - {name}
                    effects = changed_inside(piece.node).union(*map(self._effects_of, called))
                    self._effects[name] |= effects
        return self._effects[name]

    def result(self) -> Slice:
        """Return the pieces put together again."""
        dropped: list[ast.stmt] = []
        kept = _put_together(self._top, dropped)
        entries = [piece.node for piece in self._pieces if piece.kept and self._entry in piece.names.binds]
        stars = any(_is_star_import(piece.node) for piece in self._pieces)
        return Slice(
            kept,
            dropped,
            entries,
            bound=self._bound,
            kept_names={name for piece in self._pieces if piece.kept for name in piece.names.binds},
            undefined=[] if stars else sorted(self._undefined()),
            has_star_import=stars,
        )


def _parts(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield a statement, or an import name by name."""
    if isinstance(statement, _IMPORTS) and len(statement.names) > 1:
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


def _names_of(statement: ast.stmt) -> Names:
    try:
        return names_of(_conditions(statement))
    except SyntaxError as error:
        error.lineno = statement.lineno  # it has counted from the statement's own first line
        raise


def _conditions(statement: ast.stmt) -> ast.stmt:
    """Return what of an `if` or `try` is looked at beside its branches; other statements as they are."""
    if isinstance(statement, ast.If):
        return ast.Expr(statement.test)
    if isinstance(statement, ast.Try | ast.TryStar):
        return ast.Expr(
            ast.Tuple([handler.type for handler in statement.handlers if handler.type], ast.Load())
        )
    return statement


def _put_together(pieces: list[_Piece], dropped: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of the kept pieces, and add the others to `dropped`."""
    statements = []
    for piece in pieces:
        if not piece.kept:
            dropped += [piece.node] if not _is_idle(piece.node) else []
            continue
        branches = [_put_together(branch, dropped) for branch in piece.branches]
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


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _is_star_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"


def _extends_import_path(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("sys.path.")
