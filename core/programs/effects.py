"""Which top-level names running a piece may change, through the functions that it calls."""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from core.programs.names import Handed, Names
from core.programs.pieces import BLOCKS, DEFINITIONS, Piece


class Effects:
    """What functions of a submission change, followed from what is changed to who calls."""

    def __init__(self, pieces: Sequence[Piece], *, imported: Collection[str]) -> None:
        self._imported = imported
        self._definitions = [piece for piece in pieces if isinstance(piece.node, DEFINITIONS)]
        self._parameters = {name: p.names for p in self._definitions for name in p.names.binds}
        self._filled = self._find_filled()
        self._changing: dict[str, list[Piece]] = defaultdict(list)
        self._callers: dict[str, list[Piece]] = defaultdict(list)
        for piece in self._definitions:
            for name in {*piece.names.effects, *self._handed(piece.names.passed)} - {*imported}:
                self._changing[name].append(piece)
            for name in piece.names.uses - piece.names.binds:
                self._callers[name].append(piece)
        self._active: set[str] = set()

    def changed_by(self, piece: Piece) -> set[str]:
        """Return the names that a statement changes, but for what the functions that it calls know."""
        names = piece.names
        asked = names.asks | names.fills if isinstance(piece.node, (*BLOCKS, ast.Expr)) else names.asks
        return {*asked, *self._handed(names.handed)} - {*self._imported}

    def newly_changing(self, name: str) -> list[str]:
        """Return the functions and classes that change a name, now needed, and have changed none before."""
        waiting = list(self._changing.pop(name, []))
        found: list[str] = []
        while waiting:
            piece = waiting.pop()
            for function in piece.names.binds - self._active:
                self._active.add(function)
                found.append(function)
                waiting += self._callers.pop(function, [])
        return found

    def _handed(self, handed: Iterable[Handed]) -> Iterator[str]:
        for function, slot, name in handed:
            if (function, _parameter(self._parameters.get(function), slot)) in self._filled:
                yield name

    def _find_filled(self) -> set[tuple[str, str]]:
        """Return the functions and those parameters of theirs that they change, be it through others."""
        handing: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        waiting: list[tuple[str, str]] = []
        for own, names in self._parameters.items():
            waiting += [(own, parameter) for parameter in names.filled]
            for function, slot, name in names.passed:
                if parameter := _parameter(self._parameters.get(function), slot):
                    handing[function, parameter].append((own, name))
        filled: set[tuple[str, str]] = set()
        while waiting:
            if (key := waiting.pop()) not in filled:
                filled.add(key)
                waiting += handing.get(key, [])
        return filled


def _parameter(function: Names | None, slot: int | str) -> str:
    if function is None or isinstance(slot, str):
        return slot if isinstance(slot, str) else ""
    return function.parameters[slot] if slot < len(function.parameters) else ""
