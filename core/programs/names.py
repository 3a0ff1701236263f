"""The top-level names that a statement binds, changes and uses, as Python's own compiler sees them."""

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeGuard

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_BRANCHING = (ast.If, ast.Try, ast.TryStar)
_READING_METHODS = frozenset({
    *("copy", "debug", "error", "eval", "format", "get", "info", "items", "join", "keys", "lower"),
    *("named_parameters", "parameters", "split", "state_dict"),
    *("strip", "to", "train", "upper", "values", "warning"),
})  # fmt: skip
_FILLING_FUNCTIONS = frozenset({"delattr", "heapify", "heappush", "insort", "setattr", "shuffle"})


class Handed(NamedTuple):
    """A name that a call hands to a function: the argument's position or its keyword."""

    function: str
    slot: int | str
    name: str


@dataclass(frozen=True)
class Names:
    """What a top-level statement does with top-level names, the functions inside it included.

    Attributes:
        binds: it assigns, imports, defines or deletes them.
        uses: it, or a function in it once that is called, looks them up.
        changes: it assigns to an attribute or an item of theirs.
        asks: it is a call of a method of theirs, or is decorated with one, which may change them.
        fills: somewhere in it a method of theirs is called that may change them, or a function that does.
        runs: it calls them, or decorates with them, or derives from them.
        handed: what its calls hand to functions.
        effects: of a definition, what calling it, or anything in it, may change.
        filled: of a function, the parameters that it may change.
        parameters: of a function, by position.
        passed: of a function, what calls in it hand on.
    """

    binds: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    fills: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()
    handed: frozenset[Handed] = frozenset()
    effects: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    passed: frozenset[Handed] = frozenset()


def names_of(statement: ast.stmt, text: str) -> Names:
    """Return what a top-level statement, or an `if` or `try` without its branches, does with top-level names.

    Args:
        statement: of the top level, or in a branch there.
        text: it alone.

    Raises:
        SyntaxError: Python does not allow the statement there.
        RecursionError: it is nested too deeply.
    """
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
        return Names(binds=frozenset(names - {"*"}))
    table = symtable.symtable(text, "submission.py", "exec")
    symbols = table.get_symbols()
    inside = set(_used_inside(table))
    found = _Found()
    found.look(statement)
    bound = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    used = {symbol.get_name() for symbol in symbols if symbol.is_referenced()} | inside
    own = Names(
        binds=frozenset(bound | found.walrus),
        uses=frozenset(used),
        changes=frozenset(found.changes & used),
        asks=frozenset((_receiver(statement) | found.decorators) & used),
        fills=frozenset(found.fills & used),
        runs=frozenset(found.runs & used),
        handed=frozenset(handed for handed in found.handed if handed.name in used),
    )
    return _with_inside(own, statement, inside) if _is_definition(statement) else own


def _with_inside(names: Names, definition: Definition, used: set[str]) -> Names:
    """Add what calling a definition may change."""
    found = _Found()
    declared: set[str] = set()
    for node in ast.walk(definition):
        if isinstance(node, ast.Global):
            declared.update(node.names)
        else:
            found.note(node)
    parameters: tuple[str, ...] = ()
    others: list[str] = []
    if not isinstance(definition, ast.ClassDef):
        arguments = definition.args
        parameters = tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args))
        others = [argument.arg for argument in arguments.kwonlyargs]
    own = {*parameters, *others}
    return replace(
        names,
        effects=frozenset((found.changes | found.asks | found.fills | declared) & used),
        filled=frozenset((found.changes | found.fills) & own),
        parameters=parameters,
        passed=frozenset(handed for handed in found.handed if handed.name in own | used),
    )


@dataclass
class _Found:
    changes: set[str] = field(default_factory=set)
    asks: set[str] = field(default_factory=set)
    fills: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    walrus: set[str] = field(default_factory=set)
    decorators: set[str] = field(default_factory=set)
    handed: set[Handed] = field(default_factory=set)

    def look(self, statement: ast.stmt) -> None:
        """Note what runs when the statement does: neither the bodies of functions nor branches."""
        waiting: list[ast.AST] = [statement]
        while waiting:
            node = waiting.pop()
            self.note(node)
            if isinstance(node, _OWN_SCOPE):
                arguments = node.args
                waiting += [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
                waiting += getattr(node, "decorator_list", [])
            elif node is statement and isinstance(node, _BRANCHING):
                waiting += _looked_at(node)
            else:
                waiting += ast.iter_child_nodes(node)

    def note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            self.changes |= _root(node)
        elif isinstance(node, ast.Call):
            self._note_call(node)
        elif isinstance(node, ast.NamedExpr):
            self.walrus |= _root(node.target)
        if _is_definition(node):
            for executed in (*node.decorator_list, *getattr(node, "bases", ())):
                self.runs |= _root(executed, through_calls=True)
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                self.decorators |= _root(called) if isinstance(called, ast.Attribute) else set()

    def _note_call(self, call: ast.Call) -> None:
        if isinstance(call.func, ast.Name):
            name = call.func.id
            self.runs.add(name)
            self.handed |= {Handed(name, k, root) for k, part in enumerate(call.args) for root in _root(part)}
            self.handed |= {
                Handed(name, part.arg, root)
                for part in call.keywords
                if part.arg
                for root in _root(part.value)
            }
        else:
            asked = _root(call.func)
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            self.asks |= asked
            self.fills |= asked if name not in _READING_METHODS else set()
        if name in _FILLING_FUNCTIONS or (name.endswith("_") and not name.endswith("__")):
            self.fills |= {root for argument in call.args for root in _root(argument)}


def _looked_at(statement: ast.If | ast.Try | ast.TryStar) -> list[ast.expr]:
    if isinstance(statement, ast.If):
        return [statement.test]
    return [handler.type for handler in statement.handlers if handler.type]


def _is_definition(node: ast.AST) -> TypeGuard[Definition]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _receiver(statement: ast.stmt) -> set[str]:
    """Return `a` of a statement `a.b.c(...)`, `a.b().c()`."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute() as called)):
            return _root(called, through_calls=True)
    return set()


def _root(node: ast.expr, *, through_calls: bool = False) -> set[str]:
    """Return the name at the left end of `a.b[c].d`, if it is one."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call) and through_calls:
            node = node.func
        else:
            return set()
    return {node.id}


def _used_inside(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the top-level names that the scopes inside a scope look up."""
    waiting = list(table.get_children())
    while waiting:
        inner = waiting.pop()
        # A class body looks a name up at the top level where it has not bound it yet.
        in_class = inner.get_type() == "class"
        for symbol in inner.get_symbols():
            if symbol.is_global() or (in_class and symbol.is_referenced()):
                yield symbol.get_name()
        waiting += inner.get_children()
