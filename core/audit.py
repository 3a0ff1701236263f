"""The audit log: who did what to a competition, before and after. It is only added to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core import paging
from core.models import AuditEvent, User
from core.paging import Listed, Page

_MAX_TARGET_CHARACTERS = 200
_EXPORT_CHUNK = 500


@dataclass(frozen=True)
class AuditFilter:
    """Which events are wanted: these letters in the actor's name, action, target; since, and before until."""

    actor: str = ""
    action: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None


def record(  # noqa: PLR0913  # one column each, all by keyword
    session: Session,
    *,
    actor: User | None,
    action: str,
    competition_id: UUID | None = None,
    target: str = "",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write one action down, in the transaction that carries it out.

    Args:
        session: that transaction.
        actor: who acts; None is the platform itself.
        action: what, as `noun.verb` of at most 64 characters, for example `participant.ban`.
        competition_id: whose organizers may read it; None: admins alone.
        target: what it was done to, as people say it: a name, or `submission <id>`.
        reason: the one that the actor gave.
        before: what the action changed, as it was; None where there was nothing.
        after: the same, as it is now. Both may hold times, ids and words of ours; never a secret.
    """
    session.add(
        AuditEvent(
            actor_id=None if actor is None else actor.id,
            actor_name="" if actor is None else actor.name,
            competition_id=competition_id,
            action=action,
            target=target[:_MAX_TARGET_CHARACTERS],
            reason=reason,
            before=to_jsonable_python(before),
            after=to_jsonable_python(after),
        )
    )


def list_events(
    session: Session, competition_id: UUID | None, wanted: AuditFilter, page: Page
) -> Listed[AuditEvent]:
    """Return what was done to one competition, or everything, newest first."""
    query = _query(competition_id, wanted)
    return paging.fetch(session, query, page, by=(AuditEvent.at, AuditEvent.id))


def export(session: Session, competition_id: UUID | None, wanted: AuditFilter) -> Iterator[AuditEvent]:
    """Yield what was done to one competition, or everything, oldest first, however much that is."""
    query = _query(competition_id, wanted).order_by(AuditEvent.at, AuditEvent.id)
    yield from session.scalars(query, execution_options={"yield_per": _EXPORT_CHUNK})


def _query(competition_id: UUID | None, wanted: AuditFilter) -> Select[AuditEvent]:
    query = select(AuditEvent)
    if competition_id is not None:
        query = query.where(AuditEvent.competition_id == competition_id)
    for column, letters in (
        (AuditEvent.actor_name, wanted.actor),
        (AuditEvent.action, wanted.action),
        (AuditEvent.target, wanted.target),
    ):
        if letters:
            query = query.where(column.icontains(letters, autoescape=True))
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    return query
