"""What the courier sends, mails and deliveries to webhooks: claimed, then sent, tried again, or given up.

Each arrives at least once: who has claimed a row and dies before it says how that went leaves it to the next.
"""

from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.models import Mail, WebhookDelivery, utc_now

MAX_RETRIES = 8
"""How often what did not arrive is tried again before it is given up."""

_FIRST_DELAY = timedelta(seconds=30)
_FACTOR = 3  # 30 s, 90 s, … 18 h: 27 h in all
_CLAIM = timedelta(minutes=5)  # longer than one attempt takes
_MAX_PROBLEM = 500

Row = TypeVar("Row", Mail, WebhookDelivery)


def claim(session: Session, kind: type[Row], *, limit: int) -> list[Row]:
    """Return what is due, first what waits longest; for some minutes no other courier gets it."""
    now = utc_now()
    due: Any = select(kind).where(kind.next_attempt_at <= now).order_by(kind.next_attempt_at, kind.id)
    rows = list(session.scalars(due.limit(limit).with_for_update(skip_locked=True, of=kind)))
    for row in rows:
        row.attempts += 1
        row.next_attempt_at = now + _CLAIM
    return rows


def find_claimed(session: Session, kind: type[Row], row_id: UUID, *, attempt: int) -> Row | None:
    """Return a row, locked, to say how an attempt at it went; None if that is no longer of interest.

    It is not once another attempt has begun, or the row has been deleted or given up.
    """
    mine: Any = select(kind).where(
        kind.id == row_id, kind.attempts == attempt, kind.next_attempt_at.is_not(None)
    )
    found: Row | None = session.scalar(mine.with_for_update(of=kind))
    return found


def note_sent(row: Mail | WebhookDelivery) -> None:
    """Note that an attempt succeeded: it was the last."""
    row.sent_at, row.next_attempt_at, row.problem = utc_now(), None, ""


def note_failed(row: Mail | WebhookDelivery, problem: str) -> None:
    """Note that an attempt failed; the next is later than that after the one before, if there is another."""
    row.problem = problem[:_MAX_PROBLEM]
    row.next_attempt_at = None
    if row.attempts <= MAX_RETRIES:
        row.next_attempt_at = utc_now() + _FIRST_DELAY * _FACTOR ** (row.attempts - 1)


def forget(session: Session, kind: type[Row], *, before: datetime, limit: int) -> int:
    """Delete what was sent, or was made and given up, before a time, and return how many rows went.

    What waits to be sent stays, however old it is. No more than `limit` go at once: nobody waits for long.
    """
    ended_at = func.coalesce(kind.sent_at, kind.created_at)
    old: Any = select(kind.id).where(kind.next_attempt_at.is_(None), ended_at < before)
    # What somebody has sent again this moment is locked, and no longer old.
    ids = list(session.scalars(old.limit(limit).with_for_update(skip_locked=True, of=kind)))
    session.execute(delete(kind).where(kind.id.in_(ids)))
    return len(ids)
