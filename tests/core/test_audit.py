"""The audit log keeps what was done, and nobody changes it afterwards."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from core import accounts, audit, db
from core.lifecycle import ParticipantState
from core.models import AuditEvent, User


def _make_user(name: str) -> User:
    with db.transaction() as session:
        return accounts.create_user(session, name).user


def test_record_keeps_who_what_before_and_after(installation: Path) -> None:
    olga, competition_id, target_id = _make_user("olga"), uuid4(), uuid4()
    with db.transaction() as session:
        audit.record(
            session,
            actor=olga,
            action="participant.ban",
            competition_id=competition_id,
            target="x" * 300,
            reason="two accounts",
            before={"state": ParticipantState.APPROVED, "id": target_id},
            after={"state": ParticipantState.BANNED, "at": datetime(2026, 1, 2, tzinfo=UTC)},
        )
        audit.record(session, actor=None, action="phase.open")
    with db.reading() as session:
        one = session.scalars(select(AuditEvent).where(AuditEvent.actor_id == olga.id)).one()
        platform = session.scalars(select(AuditEvent).where(AuditEvent.actor_id.is_(None))).one()
    assert (one.actor_name, one.competition_id, one.target) == ("olga", competition_id, "x" * 200)
    assert one.before == {"state": "approved", "id": str(target_id)}
    assert one.after == {"state": "banned", "at": "2026-01-02T00:00:00Z"}
    assert (platform.actor_name, platform.before, platform.after) == ("", None, None)


@pytest.mark.parametrize(
    "change", [update(AuditEvent).values(reason="forged"), delete(AuditEvent)], ids=["update", "delete"]
)
def test_change_of_the_log_is_refused_by_the_database(installation: Path, change: object) -> None:
    with db.transaction() as session:
        audit.record(session, actor=None, action="phase.open")
    with pytest.raises(DBAPIError, match="only added to"), db.transaction() as session:
        session.execute(change)  # type: ignore[call-overload]
    with db.reading() as session:
        assert session.scalars(select(AuditEvent.reason)).all() == [""]


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
def test_truncation_of_the_log_is_refused_by_postgresql(installation: Path) -> None:
    with pytest.raises(DBAPIError, match="only added to"), db.transaction() as session:
        session.execute(text("TRUNCATE audit_event"))
