"""Quotas: how much a team may submit in a phase, what of that it has used, and when it may submit again.

An upload counts unless it was cancelled, failed by a fault of the platform, or could not be loaded. What
organizers do counts nowhere: reruns, and submissions that were migrated into the phase. A day is one of UTC.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from core.errors import QuotaExceededError
from core.lifecycle import ENDED, SubmissionState, Verdict
from core.models import Phase, Submission, TeamQuota, utc_now

MAX_QUOTA = 1_000_000
_TRY_AGAIN_S = 60
"""When to ask again while others of the team's submissions are under way: nobody knows how long they take."""


class Quotas(BaseModel):
    """How many submissions of a team count at most; None: any number.

    `per_day` is of one UTC day, `total` of the whole phase, `concurrent` of those that have not ended yet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_day: int | None = Field(default=None, ge=0, le=MAX_QUOTA)
    total: int | None = Field(default=None, ge=0, le=MAX_QUOTA)
    concurrent: int | None = Field(default=None, ge=0, le=MAX_QUOTA)


@dataclass(frozen=True)
class Allowance:
    """One quota of a team.

    Attributes:
        limit: None: any number.
        used: how many submissions count now; more than the limit where it was lowered, or teams merged.
        resets_at: when `used` begins at 0 again; None: never, or not by the clock.
    """

    limit: int | None
    used: int
    resets_at: datetime | None = None

    @property
    def left(self) -> int | None:
        """How many more may be submitted now; None: any number."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True)
class Usage:
    """What a team has used of each of its quotas in a phase."""

    per_day: Allowance
    total: Allowance
    concurrent: Allowance


def counted() -> list[ColumnElement[bool]]:
    """Return what is true of the submissions that count against quotas."""
    return [
        Submission.origin_id.is_(None),
        Submission.rerun_of_id.is_(None),
        Submission.state != SubmissionState.CANCELLED,
        or_(
            Submission.verdict.is_(None),
            Submission.verdict.not_in((Verdict.PLATFORM_ERROR, Verdict.INVALID_SUBMISSION)),
        ),
    ]


def quotas_of(session: Session, phase: Phase, team_id: UUID | None) -> Quotas:
    """Return the quotas of a team: those of the phase, but for what organizers allow this team instead."""
    own = session.scalar(
        select(TeamQuota).where(TeamQuota.phase_id == phase.id, TeamQuota.team_id == team_id)
    )
    quotas = Quotas.model_validate(phase.quotas)
    if own is None:
        return quotas
    changed = {name: getattr(own, name) for name in Quotas.model_fields if getattr(own, name) is not None}
    return quotas.model_copy(update=changed)


def usage(session: Session, phase: Phase, team_id: UUID | None, *, now: datetime | None = None) -> Usage:
    """Return what a team has used of its quotas in a phase, now unless another moment is given.

    None is the team of somebody who does not take part yet: nothing is used.
    """
    today = start_of_day(now or utc_now())
    quotas = quotas_of(session, phase, team_id)
    # Without an upper end: a clock that was set back gives nobody another day.
    of_today = func.count().filter(Submission.created_at >= today)
    under_way = func.count().filter(Submission.state.not_in(ENDED))
    row = session.execute(
        select(of_today, func.count(), under_way).where(
            Submission.phase_id == phase.id, Submission.team_id == team_id, *counted()
        )
    ).one()
    return Usage(
        per_day=Allowance(quotas.per_day, row[0], resets_at=today + timedelta(days=1)),
        total=Allowance(quotas.total, row[1]),
        concurrent=Allowance(quotas.concurrent, row[2]),
    )


def check(session: Session, phase: Phase, team_id: UUID, *, now: datetime) -> None:
    """Raise `QuotaExceededError` unless the team may submit once more.

    Two uploads at the same instant are told apart only under the team's lock.
    """
    used = usage(session, phase, team_id, now=now)
    if used.total.left == 0:
        raise QuotaExceededError(
            f"Your team has used its {used.total.limit} submissions of {phase.title}: the total quota, "
            "which does not reset."
        )
    if used.per_day.left == 0:
        resets_at = used.per_day.resets_at
        assert resets_at is not None
        raise QuotaExceededError(
            f"Your team has used its {used.per_day.limit} submissions a day in {phase.title}. "
            f"The daily quota resets at {resets_at:%Y-%m-%d %H:%M:%S} UTC.",
            retry_after_s=math.ceil((resets_at - now).total_seconds()),
        )
    if used.concurrent.left == 0:
        raise QuotaExceededError(
            f"Your team has {used.concurrent.used} submissions under way in {phase.title}; its concurrent "
            f"quota is {used.concurrent.limit}. There is room again when one has ended; you may cancel one.",
            retry_after_s=_TRY_AGAIN_S,
        )


def most_by_now(phase: Phase, quotas: Quotas, *, now: datetime) -> int | None:
    """Return how many counted submissions one team can have made in a phase so far; None: any number.

    That is the daily quota for every UTC day on which the phase was open so far, and at most the total.
    """
    last = now if phase.closes_at is None else min(now, phase.closes_at - timedelta(microseconds=1))
    n_days = max(0, (start_of_day(last) - start_of_day(phase.opens_at)).days + 1)
    by_day = None if quotas.per_day is None else quotas.per_day * n_days
    bounds = [bound for bound in (by_day, quotas.total) if bound is not None]
    return min(bounds, default=None)


def start_of_day(moment: datetime) -> datetime:
    """Return when the UTC day of a moment begins."""
    return datetime.combine(moment.astimezone(UTC).date(), time(), tzinfo=UTC)
