"""Constant flags of a submission's top level: which branch of an `if` is taken, where the text tells."""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Final

MODULE_NAME = "submission"
"""What `__name__` is where a submission runs."""


class _Unknown:
    pass


UNKNOWN: Final = _Unknown()
"""The value of an expression that only running can tell."""

_COMPARISONS: dict[type[ast.cmpop], Callable[[object, object], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


def flags_of(statements: Iterable[ast.stmt], *, as_script: bool) -> dict[str, object]:
    """Return the names that hold one and the same constant wherever the submission looks them up.

    Args:
        statements: the top level of the submission.
        as_script: `__name__` is "__main__", as in a notebook.
    """
    constants: dict[str, object] = {
        "__name__": "__main__" if as_script else MODULE_NAME,
        "TYPE_CHECKING": False,
    }
    bindings: dict[str, int] = {}
    for statement in statements:
        for node in ast.walk(statement):
            for name in _bound_by(node):
                bindings[name] = bindings.get(name, 0) + 1
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Constant):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            constants.update({t.id: statement.value.value for t in targets if isinstance(t, ast.Name)})
    return {name: value for name, value in constants.items() if bindings.get(name, 0) <= 1}


def _bound_by(node: ast.AST) -> list[str]:
    """Return the names that a node binds, in whatever scope: one that is bound twice is no flag."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.alias):
        return [] if node.name.endswith("TYPE_CHECKING") else [(node.asname or node.name).split(".")[0]]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    return []


def value_of(node: ast.expr, flags: Mapping[str, object]) -> object:
    """Return the value of an expression of constants and flags, or `UNKNOWN`."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return flags.get(node.id, UNKNOWN)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        value = value_of(node.operand, flags)
        return UNKNOWN if value is UNKNOWN else not value
    if isinstance(node, ast.BoolOp):
        return _value_of_logic(node, flags)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
        sides = [value_of(side, flags) for side in (node.left, node.comparators[0])]
        return UNKNOWN if UNKNOWN in sides else _COMPARISONS[type(node.ops[0])](*sides)
    return UNKNOWN


def _value_of_logic(node: ast.BoolOp, flags: Mapping[str, object]) -> object:
    """Return the value of `and` or `or`: one side may decide it though the others are unknown."""
    deciding = isinstance(node.op, ast.Or)
    values = [value_of(side, flags) for side in node.values]
    if any(value is not UNKNOWN and bool(value) is deciding for value in values):
        return deciding
    return UNKNOWN if UNKNOWN in values else not deciding
