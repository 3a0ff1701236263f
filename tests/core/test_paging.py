"""Cursors: what goes in comes out, nothing else gets in, and no row is shown twice or left out."""

import base64
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core import db, paging
from core.errors import InvalidCursorError
from core.models import Mail
from core.paging import Listed, Page

NOON = datetime(2023, 7, 1, 12, tzinfo=UTC)
_ID = "00000000-0000-4000-8000-000000000007"


def _mails(times):
    with db.transaction() as session:
        session.add_all(Mail(to="a@b", subject=str(n), body="", created_at=at) for n, at in enumerate(times))


def _read(page, *, newest_first=True):
    with db.reading() as session:
        order = (Mail.created_at, Mail.id)
        return paging.fetch(session, select(Mail), page, by=order, newest_first=newest_first)


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_show_every_row_once_though_times_are_equal(installation, newest_first):
    _mails([NOON, NOON, NOON, NOON + timedelta(microseconds=1), NOON - timedelta(days=1)])
    seen, page = [], Page(limit=2)
    while True:
        part = _read(page, newest_first=newest_first)
        seen += part.rows
        if part.next_cursor is None:
            break
        page = Page(limit=2, cursor=part.next_cursor)
    assert len(seen) == 5
    ordered = sorted(seen, key=lambda mail: (mail.created_at, mail.id), reverse=newest_first)
    assert [mail.id for mail in seen] == [mail.id for mail in ordered]


def test_rows_that_come_meanwhile_shift_no_page(installation):
    _mails([NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=2)])
    first = _read(Page(limit=2))
    _mails([NOON + timedelta(hours=3)])
    rest = _read(Page(limit=2, cursor=first.next_cursor))
    assert ([mail.subject for mail in rest.rows], rest.next_cursor) == (["0"], None)


def test_page_that_is_just_full_is_the_last():
    rows = [SimpleNamespace(id=1), SimpleNamespace(id=2)]
    assert paging.cut(rows, Page(limit=2), ["id"]) == Listed(rows, None)


def test_empty_list_is_one_page():
    assert paging.cut([], Page(), ["id"]) == Listed([], None)


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
    st.text(st.characters(categories=["L", "N"]), max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_cursor_gives_back_what_went_in(at, key, text, number, score):
    position = (at, key, text, number, score)
    assert paging.decode(paging.encode(*position), [datetime, UUID, str, int, float]) == position


def _cursor(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "a",
        "ä",
        "not base64!",
        "AAAA",
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        _cursor(None),
        _cursor({"0": 1, "1": 2}),
        _cursor([]),
        _cursor([NOON.isoformat()]),
        _cursor([NOON.isoformat(), _ID, 3]),
        _cursor(["2023-07-01T12:00:00", _ID]),
        _cursor(["0001-01-01T00:00:00+14:00", _ID]),
        _cursor(["never", _ID]),
        _cursor([NOON.isoformat(), "x"]),
        _cursor([NOON.isoformat(), None]),
        _cursor([1, 2]),
    ],
)
def test_cursor_of_another_making_is_refused(home, cursor):
    with pytest.raises(InvalidCursorError, match="Leave it out"):
        _read(Page(cursor=cursor))


@pytest.mark.parametrize(
    ("kind", "value"),
    [(int, 2**63), (int, True), (int, 1.0), (str, "a\0"), (str, 1), (float, "1"), (float, 1e400)],
)
def test_value_that_no_column_holds_is_refused(kind, value):
    with pytest.raises(InvalidCursorError):
        paging.decode(_cursor([value]), [kind])
