"""What has happened in a phase already, on which depends what may still change."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.lifecycle import ParticipantState
from core.models import Baseline, Participant, Phase, Shard, Submission, Work, utc_now


class PhaseFacts(NamedTuple):
    """What has happened in a phase.

    Attributes:
        submissions: how many it has, whatever became of them.
        first_at: when the first came; None without any.
        last_at: when the last came.
        has_models: whether its original model is trained, and reference models may be.
        is_being_prepared: whether a worker makes its original model this moment.
        has_baselines: whether the ceiling and the floor are scored.
        has_taken: whether it has taken what was selected in the phase before it.
        has_gone_on: whether what was selected in it has gone on to the next phase.
        is_published: whether its results are.
    """

    submissions: int
    first_at: datetime | None
    last_at: datetime | None
    has_models: bool
    is_being_prepared: bool
    has_baselines: bool
    has_taken: bool
    has_gone_on: bool
    is_published: bool


def facts_of(session: Session, phase: Phase) -> PhaseFacts:
    """Return what has happened in a phase; of the next one it knows nothing, so `has_gone_on` is False."""
    times = select(func.count(), func.min(Submission.created_at), func.max(Submission.created_at))
    count, first_at, last_at = session.execute(times.where(Submission.phase_id == phase.id)).one()
    preparing = select(Shard.id).where(
        Shard.phase_id == phase.id,
        Shard.work == Work.PREPARATION,
        Shard.done.is_(False),
        Shard.lease_expires_at > utc_now(),
    )
    baseline = select(Baseline.id).where(Baseline.phase_id == phase.id)
    return PhaseFacts(
        submissions=count,
        first_at=first_at,
        last_at=last_at,
        has_models=phase.reference_key is not None,
        is_being_prepared=session.scalars(preparing).first() is not None,
        has_baselines=session.scalars(baseline).first() is not None,
        has_taken=phase.migrated_at is not None,
        has_gone_on=False,
        is_published=phase.published_at is not None,
    )


def largest_team(session: Session, competition_id: UUID) -> int:
    """Return how many people, none of them banned, the largest team of a competition has."""
    sizes = (
        select(func.count().label("size"))
        .where(Participant.competition_id == competition_id, Participant.state != ParticipantState.BANNED)
        .group_by(Participant.team_id)
        .subquery()
    )
    return session.scalar(select(func.max(sizes.c.size))) or 0
