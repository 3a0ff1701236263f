"""Which top-level statements are a driver's: work that a file must not do when it is imported."""

import ast
import sys
from collections.abc import Collection

from core.programs.paths import LIBRARY_MODULES
from core.programs.source import ENTRY_POINT

_WORK = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Raise, ast.Assert)
_OUTSIDE_MODULES = frozenset(
    {"ftplib", "http", "shutil", "socket", "subprocess", "tarfile", "urllib", "zipfile"}
)
_OUTSIDE_CALLS = frozenset({
    *("download_url_to_file", "get_ipython", "input", "listdir", "load"),
    *("load_state_dict_from_url", "loadtxt", "open", "popen", "read_bytes", "read_csv", "read_text"),
    "system",
})  # fmt: skip


def does_work(statement: ast.stmt, *, own_modules: Collection[str]) -> bool:
    """Say whether a statement does more than define: loops, raises, calls the entry point, reaches out.

    Args:
        statement: of the top level of a file.
        own_modules: the modules that lie beside the file.
    """
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _WORK) or (isinstance(node, ast.Call) and _reaches_out(node)):
            return True
        if isinstance(node, ast.Import | ast.ImportFrom) and not _is_there(node, own_modules):
            return True
        if isinstance(node, ast.Try):  # an import that may fail, and is made ready for it
            waiting += [part for part in node.body if not isinstance(part, ast.Import | ast.ImportFrom)]
            waiting += [*node.handlers, *node.orelse, *node.finalbody]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return False


def reaches_out(statement: ast.stmt, *, own_modules: Collection[str]) -> bool:
    """Say whether a statement or a function in it reads, downloads, or imports what may not be there."""
    return any(
        _reaches_out(node)
        if isinstance(node, ast.Call)
        else isinstance(node, ast.Import | ast.ImportFrom) and not _is_there(node, own_modules)
        for node in ast.walk(statement)
    )


def _reaches_out(call: ast.Call) -> bool:
    path: list[str] = []
    called = call.func
    while isinstance(called, ast.Attribute):
        path.insert(0, called.attr)
        called = called.value
    path.insert(0, called.id if isinstance(called, ast.Name) else "")
    if ENTRY_POINT in path or path[0] in _OUTSIDE_MODULES or path[-1] in _OUTSIDE_CALLS or "hub" in path:
        return True
    return any(keyword.arg == "download" for keyword in call.keywords)


def _is_there(node: ast.Import | ast.ImportFrom, own_modules: Collection[str]) -> bool:
    if isinstance(node, ast.ImportFrom) and node.level:
        return True
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    certain = LIBRARY_MODULES - {"torchvision"}
    tops = {name.split(".")[0] for name in names}
    return tops <= {*sys.stdlib_module_names, *certain, *own_modules}
