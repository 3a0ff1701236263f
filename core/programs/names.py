"""The top-level names that a statement binds, changes and uses, as Python's own compiler sees them."""

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Names:
    """What a top-level statement does with top-level names, the functions inside it included.

    Attributes:
        binds: it assigns, imports, defines or deletes them.
        uses: it, or a function in it once that is called, looks them up.
        changes: it assigns to an attribute or an item of theirs.
        asks: it is a call of a method of theirs, and of nothing else, which may change them.
        runs: it calls them, or decorates with them, or derives from them.
    """

    binds: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()


def names_of(statement: ast.stmt) -> Names:
    """Return what a top-level statement does with top-level names.

    Raises:
        SyntaxError: Python does not allow the statement there.
        RecursionError: it is nested too deeply.
    """
    table = symtable.symtable(ast.unparse(statement), "submission.py", "exec")
    symbols = table.get_symbols()
    found = _Found()
    found.look(statement)
    bound = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    used = {symbol.get_name() for symbol in symbols if symbol.is_referenced()} | set(_used_inside(table))
    return Names(
        binds=frozenset(bound | found.walrus),
        uses=frozenset(used),
        changes=frozenset(found.changes & used),
        asks=frozenset(_receiver(statement) & used),
        runs=frozenset(found.runs & used),
    )


def changed_inside(definition: Definition) -> frozenset[str]:
    """Return the top-level names that calling a function, or anything in a class, may change."""
    table = symtable.symtable(ast.unparse(definition), "submission.py", "exec")
    found = _Found()
    declared: set[str] = set()
    for node in ast.walk(definition):
        if isinstance(node, ast.Global):
            declared.update(node.names)
        else:
            found.note(node)
    return frozenset((found.changes | found.asks | declared) & set(_used_inside(table)))


@dataclass
class _Found:
    changes: set[str] = field(default_factory=set)
    asks: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    walrus: set[str] = field(default_factory=set)

    def look(self, statement: ast.stmt) -> None:
        """Note what runs when the statement does: not the bodies of functions."""
        waiting: list[ast.AST] = [statement]
        while waiting:
            node = waiting.pop()
            self.note(node)
            if isinstance(node, _OWN_SCOPE):
                arguments = node.args
                waiting += [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
                waiting += getattr(node, "decorator_list", [])
            else:
                waiting += ast.iter_child_nodes(node)

    def note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            self.changes |= _root(node)
        elif isinstance(node, ast.Call):
            (self.runs if isinstance(node.func, ast.Name) else self.asks).update(_root(node.func))
        elif isinstance(node, ast.NamedExpr):
            self.walrus |= _root(node.target)
        if _is_definition(node):
            for executed in (*node.decorator_list, *getattr(node, "bases", ())):
                self.runs |= _root(executed)


def _is_definition(node: ast.AST) -> TypeGuard[Definition]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _receiver(statement: ast.stmt) -> set[str]:
    """Return `a` of a statement `a.b.c(...)`."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute() as called)):
            return _root(called)
    return set()


def _root(node: ast.expr) -> set[str]:
    """Return the name at the left end of `a.b[c].d(...)`, if it is one."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return set()
    return {node.id}


def _used_inside(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the top-level names that the scopes inside a scope look up."""
    for inner in table.get_children():
        # A class body looks a name up at the top level where it has not bound it yet.
        in_class = inner.get_type() == "class"
        for symbol in inner.get_symbols():
            if symbol.is_global() or (in_class and symbol.is_referenced()):
                yield symbol.get_name()
        yield from _used_inside(inner)
