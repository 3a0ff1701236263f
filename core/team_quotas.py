"""What organizers allow single teams instead of a phase's quotas, and what all teams have used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit, paging, quotas, teams
from core.errors import NotFoundError
from core.lifecycle import ENDED
from core.models import Phase, Submission, Team, TeamQuota, User, utc_now
from core.paging import Listed, Page
from core.quotas import Quotas


@dataclass(frozen=True)
class TeamUsage:
    """One team in one phase.

    Attributes:
        team: the team.
        own: what organizers allow it; None in it: as the phase says.
        quotas: what that comes to.
        today: submissions of this UTC day that count.
        total: all that count.
        under_way: those of them that have not ended.
    """

    team: Team
    own: Quotas
    quotas: Quotas
    today: int
    total: int
    under_way: int


def list_usage(session: Session, phase: Phase, page: Page, *, name: str = "") -> Listed[TeamUsage]:
    """Return the teams of a phase's competition whose names hold these letters, in the order of the names."""
    query = select(Team).where(Team.competition_id == phase.competition_id, Team.merged_into_id.is_(None))
    if name:
        query = query.where(Team.name_key.contains(name.casefold(), autoescape=True))
    listed = paging.fetch(session, query, page, by=(Team.name_key, Team.id), newest_first=False)
    return Listed(_usages(session, phase, listed.rows), listed.next_cursor)


def allow(session: Session, phase: Phase, team_id: UUID, wanted: Quotas, *, actor: User) -> TeamUsage:
    """Give one team other quotas in a phase; what is None in them stays as the phase says.

    Raises:
        NotFoundError: the competition has no such team.
    """
    team = _lock(session, phase, team_id)
    stored = _find(session, phase, team_id)
    before = _described(stored)
    if stored is None:
        stored = TeamQuota(phase_id=phase.id, team_id=team_id)
        session.add(stored)
    for kind, value in wanted.model_dump().items():
        setattr(stored, kind, value)
    session.flush()
    _record(session, phase, team, "quota.allow", actor=actor, before=before, after=_described(stored))
    return _usages(session, phase, [team])[0]


def reset(session: Session, phase: Phase, team_id: UUID, *, actor: User) -> TeamUsage:
    """Give a team the quotas of the phase again.

    Raises:
        NotFoundError: the competition has no such team.
    """
    team = _lock(session, phase, team_id)
    stored = _find(session, phase, team_id)
    if stored is not None:
        _record(session, phase, team, "quota.reset", actor=actor, before=_described(stored), after=None)
        session.delete(stored)
        session.flush()
    return _usages(session, phase, [team])[0]


def _usages(session: Session, phase: Phase, listed: Sequence[Team]) -> list[TeamUsage]:
    ids = [team.id for team in listed]
    stored = select(TeamQuota).where(TeamQuota.phase_id == phase.id, TeamQuota.team_id.in_(ids))
    own = {row.team_id: row for row in session.scalars(stored)}
    of_today = func.count().filter(Submission.created_at >= quotas.start_of_day(utc_now()))
    under_way = func.count().filter(Submission.state.not_in(ENDED))
    counts = (
        select(Submission.team_id, of_today, func.count(), under_way)
        .where(Submission.phase_id == phase.id, Submission.team_id.in_(ids), *quotas.counted())
        .group_by(Submission.team_id)
    )
    used = {row[0]: row[1:] for row in session.execute(counts)}
    usages = []
    for team in listed:
        allowed = Quotas.model_validate(_described(own.get(team.id)) or {})
        combined = Quotas.model_validate(phase.quotas).model_copy(
            update=allowed.model_dump(exclude_none=True)
        )
        usages.append(TeamUsage(team, allowed, combined, *used.get(team.id, (0, 0, 0))))
    return usages


def _lock(session: Session, phase: Phase, team_id: UUID) -> Team:
    """Return a team that nobody submits for meanwhile: an upload sees the old quotas or the new ones."""
    there = select(Team.id).where(Team.id == team_id, Team.competition_id == phase.competition_id)
    if session.scalar(there) is None:
        raise NotFoundError(f"There is no team {team_id}.")
    return teams.lock(session, team_id)


def _find(session: Session, phase: Phase, team_id: UUID) -> TeamQuota | None:
    query = select(TeamQuota).where(TeamQuota.phase_id == phase.id, TeamQuota.team_id == team_id)
    return session.scalar(query)


def _described(stored: TeamQuota | None) -> dict[str, Any] | None:
    return None if stored is None else {kind: getattr(stored, kind) for kind in Quotas.model_fields}


def _record(  # noqa: PLR0913  # those of an event, by keyword
    session: Session,
    phase: Phase,
    team: Team,
    action: str,
    *,
    actor: User,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        competition_id=phase.competition_id,
        target=f"{team.name} in {phase.slug}",
        before=before,
        after=after,
    )
