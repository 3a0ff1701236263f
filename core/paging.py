"""Lists in pages: a cursor says behind which row the next page begins, whatever is added meanwhile."""

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.errors import InvalidCursorError

Row = TypeVar("Row")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_CURSOR_CHARACTERS = 1024
_INTEGERS = range(-(2**63), 2**63)
_NOT_OURS = "This cursor is not one that this list gave. Leave it out to begin with the first page."


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted.

    Attributes:
        limit: the most rows, 1 … `MAX_LIMIT`.
        cursor: the `next_cursor` of the page before; None: the first page.
    """

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True)
class Listed(Generic[Row]):
    """A part of a list; the next one begins at `next_cursor`, None after the last."""

    rows: list[Row]
    next_cursor: str | None


def fetch(
    session: Session,
    query: Select[Any],
    page: Page,
    *,
    by: Sequence[InstrumentedAttribute[Any]],
    newest_first: bool = True,
) -> Listed[Any]:
    """Return one page of the entities that a query selects.

    Args:
        session: where to read.
        query: selects one entity, without order or limit.
        page: which part.
        by: the columns of this entity that order the list; none is null, and together they are unique,
            for example `(Submission.created_at, Submission.id)`.
        newest_first: whether they fall.

    Raises:
        InvalidCursorError: the cursor is not one of this list's.
    """
    if page.cursor is not None:
        position = decode(page.cursor, [column.type.python_type for column in by])
        here = tuple_(*by)
        query = query.where(here < position if newest_first else here > position)
    query = query.order_by(*(column.desc() if newest_first else column.asc() for column in by))
    rows = list(session.scalars(query.limit(page.limit + 1)))
    return cut(rows, page, [column.key for column in by])


def cut(rows: Sequence[Row], page: Page, names: Sequence[str]) -> Listed[Row]:
    """Return at most `page.limit` rows; if there are more, with a cursor to these attributes of the last."""
    shown = list(rows[: page.limit])
    more = len(rows) > page.limit
    return Listed(shown, encode(*(getattr(shown[-1], name) for name in names)) if more else None)


def encode(*position: datetime | UUID | str | int | float) -> str:
    """Return a cursor to a row, by the values that order the list there."""
    values = [_written(value) for value in position]
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type]) -> tuple[Any, ...]:
    """Return the values in a cursor, which are of these kinds: datetime, UUID, str, int or float.

    A cursor is no secret and needs no signature: it only says where to go on in a list that its reader may
    read anyway. But whatever is in it is checked.

    Raises:
        InvalidCursorError: it holds anything else.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(cursor) > MAX_CURSOR_CHARACTERS:
            raise InvalidCursorError(_NOT_OURS)
        return tuple(_read(value, kind) for value, kind in zip(values, kinds, strict=True))
    except (ValueError, OverflowError, RecursionError, binascii.Error) as error:
        raise InvalidCursorError(_NOT_OURS) from error


def _written(value: datetime | UUID | str | int | float) -> str | int | float:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, UUID) else value


def _read(value: object, kind: type) -> object:
    if kind is datetime and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    if kind is UUID and isinstance(value, str):
        return UUID(value)
    # What no database holds must not reach one.
    if kind is str and isinstance(value, str) and "\0" not in value.encode().decode():
        return value
    if kind is int and type(value) is int and value in _INTEGERS:
        return value
    if kind is float and type(value) in (int, float) and math.isfinite(float(str(value))):
        return float(str(value))
    raise InvalidCursorError(_NOT_OURS)
