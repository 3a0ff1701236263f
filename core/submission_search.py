"""The submissions of a competition as organizers look through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from core import paging
from core.lifecycle import ENDED, SubmissionState, Verdict
from core.models import Phase, Score, Submission, Team, User
from core.paging import Listed, Page


@dataclass(frozen=True)
class SubmissionFilter:
    """Which submissions are wanted; None and "" ask for nothing.

    Attributes:
        phase: slug of the phase.
        team: letters in the team's name.
        state: where they stand.
        verdict: how they ended.
        disqualified: whether they are.
        superseded: whether a rerun has taken their place.
        since: uploaded then or later.
        until: uploaded before.
        text: letters in the name of the file or of who uploaded it.
    """

    phase: str | None = None
    team: str = ""
    state: SubmissionState | None = None
    verdict: Verdict | None = None
    disqualified: bool | None = None
    superseded: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


@dataclass(frozen=True)
class Found:
    """A submission with its user, team and phase, and the score that counts, once there is one."""

    submission: Submission
    score: Score | None


def search(session: Session, competition_id: UUID, wanted: SubmissionFilter, page: Page) -> Listed[Found]:
    """Return one page of the submissions that are wanted, newest first."""
    query = _query(select(Submission), competition_id, wanted).options(
        joinedload(Submission.user),
        joinedload(Submission.team),
        joinedload(Submission.phase).joinedload(Phase.competition),
    )
    listed = paging.fetch(session, query, page, by=(Submission.created_at, Submission.id))
    scores = _scores(session, listed.rows)
    return Listed([Found(row, scores.get(row.id)) for row in listed.rows], listed.next_cursor)


def search_ids(session: Session, competition_id: UUID, wanted: SubmissionFilter) -> list[UUID]:
    """Return the ids of all submissions that are wanted, oldest first."""
    query = _query(select(Submission.id), competition_id, wanted)
    return list(session.scalars(query.order_by(Submission.created_at, Submission.id)))


def count_under_way(session: Session, phase_id: UUID) -> int:
    """Return how many submissions of a phase have not ended yet."""
    under_way = select(func.count()).where(Submission.phase_id == phase_id, Submission.state.not_in(ENDED))
    return session.scalars(under_way).one()


def _query(query: Select[Any], competition_id: UUID, wanted: SubmissionFilter) -> Select[Any]:
    query = query.join(Submission.phase).where(Phase.competition_id == competition_id)
    same = {
        Phase.slug: wanted.phase,
        Submission.state: wanted.state,
        Submission.verdict: wanted.verdict,
    }
    for column, value in same.items():
        if value is not None:
            query = query.where(column == value)
    for moment, is_wanted in (
        (Submission.disqualified_at, wanted.disqualified),
        (Submission.superseded_at, wanted.superseded),
    ):
        if is_wanted is not None:
            query = query.where(moment.is_not(None) if is_wanted else moment.is_(None))
    if wanted.since is not None:
        query = query.where(Submission.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Submission.created_at < wanted.until)
    if wanted.team:
        named = Team.name_key.contains(wanted.team.casefold(), autoescape=True)
        query = query.join(Submission.team).where(named)
    if wanted.text:
        in_file = Submission.filename.icontains(wanted.text, autoescape=True)
        in_user = User.name_key.contains(wanted.text.casefold(), autoescape=True)
        query = query.join(Submission.user).where(or_(in_file, in_user))
    return query


def _scores(session: Session, found: Sequence[Submission]) -> dict[UUID, Score]:
    query = (
        select(Score)
        .join(Submission, Score.submission_id == Submission.id)
        .join(Submission.phase)
        .where(Score.submission_id.in_([row.id for row in found]))
        .where(Score.scoring_version == Phase.scoring_version)
    )
    return {score.submission_id: score for score in session.scalars(query)}
