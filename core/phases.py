"""The clock of phases: their openings and closings are noted once each, and what is due then is done.

Whether a phase takes uploads is not decided here but at each upload (`core.competitions.check_open`): nothing
waits for this clock, and nothing is open because it is late.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from core import advancing, audit, competitions, events
from core.models import Phase


def advance(session: Session, now: datetime) -> None:
    """Note what has opened and closed until `now`, and migrate submissions into the phases that wait.

    Any number of processes may call it, at any time and again after a crash: everything is done once. A clock
    that is set back undoes nothing.
    """
    for phase_id in session.scalars(_due(now)).all():
        _note(session, phase_id, now)
    for phase_id in session.scalars(advancing.due()).all():
        advancing.migrate_when_due(session, phase_id, now)


def _due(now: datetime) -> Select[UUID]:
    opened = and_(Phase.opens_at <= now, Phase.opened_noted_at.is_distinct_from(Phase.opens_at))
    closed = and_(Phase.closes_at <= now, Phase.closed_noted_at.is_distinct_from(Phase.closes_at))
    return select(Phase.id).where(or_(opened, closed)).order_by(Phase.competition_id, Phase.position)


def _note(session: Session, phase_id: UUID, now: datetime) -> None:
    phase = competitions.lock(session, phase_id)
    if phase.opens_at <= now and phase.opened_noted_at != phase.opens_at:
        phase.opened_noted_at = phase.opens_at
        _tell(session, phase, "phase.opened", phase.opens_at)
    if phase.closes_at is not None and phase.closes_at <= now and phase.closed_noted_at != phase.closes_at:
        phase.closed_noted_at = phase.closes_at
        _tell(session, phase, "phase.closed", phase.closes_at)


def _tell(session: Session, phase: Phase, event: str, at: datetime) -> None:
    audit.record(
        session,
        actor=None,
        action=event,
        competition_id=phase.competition_id,
        target=f"phase {phase.slug}",
        after={"at": at},
    )
    events.emit(session, phase.competition_id, event, {"phase": phase.slug, "at": at})
