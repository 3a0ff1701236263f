"""The submissions of a team in a phase, as its members look through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from core.lifecycle import Verdict
from core.models import Phase, Run, Score, Submission
from core.paging import Listed, Page, fetch


@dataclass(frozen=True)
class Entry:
    """A submission, how many of its runs have ended, the one that failed it, and the score that counts."""

    submission: Submission
    n_ended: int
    failed_run: Run | None
    score: Score | None


def list_entries(session: Session, phase: Phase, team_id: UUID, page: Page) -> Listed[Entry]:
    """Return the submissions of a team in a phase, newest first; the number of queries is constant."""
    query = select(Submission).where(Submission.phase_id == phase.id, Submission.team_id == team_id)
    query = query.options(
        joinedload(Submission.user),
        joinedload(Submission.team),
        joinedload(Submission.phase).joinedload(Phase.competition),
    )
    listed = fetch(session, query, page, by=(Submission.created_at, Submission.id))
    return Listed(_entries(session, phase, listed.rows), listed.next_cursor)


def _entries(session: Session, phase: Phase, rows: Sequence[Submission]) -> list[Entry]:
    ids = [row.id for row in rows]
    counted = select(Run.submission_id, func.count()).where(Run.submission_id.in_(ids))
    n_ended = dict(session.execute(counted.group_by(Run.submission_id)).all())
    failed = select(Run).where(Run.submission_id.in_(ids), Run.verdict != Verdict.OK)
    failed_runs = {run.submission_id: run for run in session.scalars(failed)}
    scored = select(Score).where(Score.submission_id.in_(ids), Score.scoring_version == phase.scoring_version)
    scores = {score.submission_id: score for score in session.scalars(scored)}
    return [Entry(row, n_ended.get(row.id, 0), failed_runs.get(row.id), scores.get(row.id)) for row in rows]
