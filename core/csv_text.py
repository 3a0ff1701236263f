"""Tables as CSV (RFC 4180) that no spreadsheet runs: a text that looks like a formula is quoted as text."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_row(values: Iterable[object]) -> bytes:
    """Return one line; None is empty, a time is ISO 8601 in UTC, a float keeps all its digits."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_cell(value) for value in values])
    return buffer.getvalue().encode()


def write(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a whole table."""
    return b"".join(write_row(row) for row in [header, *rows])


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    text = "" if value is None else str(value)
    # A number below 0 is no formula; only what people wrote can be one.
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULAS) else text
