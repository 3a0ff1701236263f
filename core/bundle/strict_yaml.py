"""YAML without its traps: what JSON can say and no more, and every fault named by its line."""

import math
import unicodedata
from typing import Any

import yaml

from core.errors import InvalidCompetitionError

MAX_BYTES = 2**20
_MAX_DEPTH = 20
_JSON_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
_JSON_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in _JSON_KINDS)


class _Loader(yaml.SafeLoader):
    """Builds mappings, sequences and scalars of JSON; a date is a text, for whoever knows what it means."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse what makes a small file large, or deep, before it is built."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise _fault("anchors and aliases are not allowed", mark)
        if self._depth == _MAX_DEPTH:
            raise _fault(f"deeper than {_MAX_DEPTH} levels", mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice, of which YAML would take the last, and one that is no text."""
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _fault("a key must be a text", key.start_mark)
            if key.value in seen:
                raise _fault(f"the key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Refuse kinds that JSON does not have, and characters that a database does not hold."""
        if node.tag not in _JSON_TAGS:
            raise _fault(
                f"a value of the kind {node.tag.removeprefix('tag:yaml.org,2002:')!r} is not allowed",
                node.start_mark,
            )
        if isinstance(node, yaml.ScalarNode) and not is_storable(node.value):
            raise _fault("there is a character that cannot be shown", node.start_mark)
        value = super().construct_object(node, deep)
        if isinstance(value, float) and not math.isfinite(value):
            raise _fault(f"{node.value} is no finite number", node.start_mark)
        return value


def _fault(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


# Dates would otherwise come as objects, those without a zone too, and `2026-02-30` as an error of Python.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def is_storable(text: str) -> bool:
    """Return whether a text holds no control characters but tabs and line ends, and no halves of pairs."""
    return all(one in "\t\n\r" or unicodedata.category(one) not in {"Cc", "Cs"} for one in text)


def load(content: bytes, *, name: str) -> Any:
    """Return what a file says, of nothing but JSON's types.

    Args:
        content: the file, in UTF-8.
        name: what messages call it.

    Raises:
        InvalidCompetitionError: it is too large, no YAML, or uses of YAML what is not allowed here.
    """
    if len(content) > MAX_BYTES:
        raise InvalidCompetitionError(f"{name} is larger than {MAX_BYTES:,} bytes.")
    try:
        loader = _Loader(content.decode())
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        raise InvalidCompetitionError(
            f"{name} is not YAML that Lethe reads{where}: {error.problem}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # of bytes that are no text, and of numbers without end
        raise InvalidCompetitionError(f"{name} is not YAML that Lethe reads: {error}") from error


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and names no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write a value again where it stands again."""
        return True


def dump(content: dict[str, Any]) -> bytes:
    """Return a file that `load` reads as the same content; keys keep their order."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100).encode()
