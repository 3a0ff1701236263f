"""The slice of a submission's top level that `unlearning` needs; see docs/decisions/0010."""

import ast
import builtins
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from core.programs.driver import reaches_out
from core.programs.effects import Effects
from core.programs.pieces import BLOCKS, DEFINITIONS, IMPORTS, Piece, Pieces, put_together
from core.programs.source import function_of, required_extras

_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete)
DEFINING = (*IMPORTS, *DEFINITIONS, *_ASSIGNMENTS)
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


def slice_module(
    module: ast.Module, text: str, *, entry: str, as_script: bool, own_modules: Collection[str]
) -> Slice:
    """Keep what `entry` needs of a module, transitively.

    Args:
        module: a whole submission; it is not changed.
        text: what it was parsed from.
        entry: the name that is called.
        as_script: the text was written to be run, not imported: `__name__` is "__main__".
        own_modules: the modules that lie beside it.

    Raises:
        InvalidSubmissionError: it has too many statements.
        SyntaxError: Python does not allow a statement at the top level.
        RecursionError: a statement is nested too deeply.
    """
    slicer = _Slicer(Pieces(module, text, as_script=as_script), entry=entry, own_modules=own_modules)
    slicer.keep_needed()
    return slicer.result()


class _Slicer:
    """Follows needs from name to name; each name, and each use of one, is looked at once."""

    def __init__(self, pieces: Pieces, *, entry: str, own_modules: Collection[str]) -> None:
        self._pieces = pieces
        self._entry = entry
        self._effects = Effects(pieces.all, imported=pieces.imported)
        self._drivers = self._spread(
            {entry}, [p for p in pieces.all if isinstance(p.node, DEFINITIONS) and entry not in p.names.binds]
        )
        self._doubtful = self._spread(*self._doubtful_from(own_modules))
        self._needed: set[str] = set()
        self._fresh: list[str] = []
        self._changing: set[Piece] = set()
        self._missing: dict[Piece, set[str]] = {}
        self._binders: dict[str, list[Piece]] = defaultdict(list)
        self._changers: dict[str, list[Piece]] = defaultdict(list)
        self._callers: dict[str, list[Piece]] = defaultdict(list)
        self._waiting: dict[str, list[Piece]] = defaultdict(list)
        self._stars = [piece for piece in pieces.all if _is_star_import(piece.node)]
        for piece in self._without_late_deletions():
            self._enter(piece)

    def _without_late_deletions(self) -> list[Piece]:
        """Return the pieces but for those that take names away from an entry point that is there already."""
        pieces = self._pieces.all
        last = max((k for k, piece in enumerate(pieces) if self._entry in piece.names.binds), default=0)
        return [piece for k, piece in enumerate(pieces) if k <= last or not _is_deletion(piece.node)]

    def _spread(self, names: set[str], pieces: list[Piece]) -> set[str]:
        """Return the names, and what pieces make of them, be it through others."""
        users: dict[str, list[Piece]] = defaultdict(list)
        for piece in pieces:
            for name in piece.names.uses:
                users[name].append(piece)
        found, waiting = set(names), list(names)
        while waiting:
            for piece in users.pop(waiting.pop(), []):
                new = self._made_by(piece) - found
                found |= new
                waiting += new
        return found

    def _made_by(self, piece: Piece) -> set[str]:
        if isinstance(piece.node, DEFINITIONS):
            return set(piece.names.binds)
        changed = piece.names.changes - self._pieces.imported
        return {*piece.names.binds, *changed, *self._effects.changed_by(piece)}

    def _doubtful_from(self, own_modules: Collection[str]) -> tuple[set[str], list[Piece]]:
        """Return where names come from that may not be there, or come from outside, and where they spread."""
        pieces = [piece for piece in self._pieces.all if self._entry not in piece.names.binds]
        names = {name for piece in pieces for name in piece.names.uses}
        doubtful = self._drivers.union(*(
            self._made_by(piece)
            for piece in pieces
            if not piece.branches and reaches_out(piece.node, own_modules=own_modules)
        ))  # fmt: skip
        return doubtful | self._undefined(names), pieces

    def _enter(self, piece: Piece) -> None:
        """Note for each name what it means to a piece that the name is needed."""
        names = piece.names
        if _is_future(piece.node):
            self._mark(piece)
        if self._drives(piece):
            return
        changes = names.changes if isinstance(piece.node, DEFINING) else frozenset()
        if isinstance(piece.node, BLOCKS):
            changes = names.changes - self._pieces.imported
        for name in names.binds | changes:
            self._binders[name].append(piece)
        if isinstance(piece.node, (*BLOCKS, *DEFINITIONS, ast.Expr)):
            self._enter_change(piece)

    def _enter_change(self, piece: Piece) -> None:
        names = piece.names
        for name in self._effects.changed_by(piece):
            self._changers[name].append(piece)
        for name in names.runs:
            self._callers[name].append(piece)
        doubtful = self._doubtful & (names.uses - names.binds)
        if not isinstance(piece.node, BLOCKS):  # what a function does when it is called is its own affair
            doubtful &= self._pieces.computed
        self._missing[piece] = doubtful
        for name in doubtful:
            self._waiting[name].append(piece)
        if _extends_import_path(piece.node):
            self._change(piece)

    def _drives(self, piece: Piece) -> bool:
        """Say whether it calls the entry point, be it through others, and does not make it."""
        if self._entry in piece.names.binds:
            return False
        if isinstance(piece.node, BLOCKS):
            return not self._drivers.isdisjoint(piece.names.uses)
        return not isinstance(piece.node, DEFINING) and not self._drivers.isdisjoint(piece.names.runs)

    def keep_needed(self) -> None:
        """Mark the pieces until nothing more is needed."""
        entries = [piece for piece in self._pieces.all if self._entry in piece.names.binds]
        functions = [function_of(piece.node) for piece in entries]
        extras = {name for function in functions if function for name in required_extras(function)}
        self._need({self._entry, *(extras & self._pieces.bound)})
        while self._fresh:
            name = self._fresh.pop()
            for piece in self._binders[name]:
                self._mark(piece)
            for piece in self._changers[name]:
                self._change(piece)
            for piece in self._waiting[name]:
                self._missing[piece].discard(name)
                if piece in self._changing:
                    self._change(piece)
            for function in self._effects.newly_changing(name):
                for piece in self._callers[function]:
                    self._change(piece)
            if self._undefined({name}):
                while self._stars:
                    self._mark(self._stars.pop())

    def _need(self, names: Collection[str]) -> None:
        self._fresh += [name for name in names if name not in self._needed]
        self._needed.update(names)

    def _change(self, piece: Piece) -> None:
        """Keep a piece that changes what is needed, once nothing is missing that may not be there."""
        self._changing.add(piece)
        if not self._missing[piece]:
            self._mark(piece)

    def _mark(self, piece: Piece | None) -> None:
        while piece is not None and not piece.kept:
            piece.kept = True
            self._need(piece.names.uses)
            for child in (child for branch in piece.branches for child in branch):
                if isinstance(child.node, ast.Raise):  # in an `if` that stays, it says why a name is missing
                    self._mark(child)
            piece = piece.parent

    def _undefined(self, names: set[str]) -> set[str]:
        return names - self._pieces.bound - _BUILTINS

    def result(self) -> Slice:
        """Return the pieces put together again."""
        dropped: list[ast.stmt] = []
        pieces = self._pieces.all
        kept = put_together(self._pieces.top, dropped)
        stars = any(_is_star_import(piece.node) for piece in pieces)
        return Slice(
            kept,
            dropped,
            [piece.node for piece in pieces if piece.kept and self._entry in piece.names.binds],
            bound=self._pieces.bound,
            kept_names={name for piece in pieces if piece.kept for name in piece.names.binds},
            undefined=[] if stars else sorted(self._undefined(self._needed)),
            has_star_import=stars,
        )


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _is_star_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"


def _is_deletion(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Delete) and all(isinstance(part, ast.Name) for part in statement.targets)


def _extends_import_path(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="sys"), attr="path")))
        ):
            return True
    return False
