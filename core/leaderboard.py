"""The leaderboard of a phase: the best submission of each participant, and the phase's own baselines."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.lifecycle import SubmissionState
from core.models import Baseline, Phase, Run, Score, Submission, User


@dataclass(frozen=True)
class Row:
    """One participant's place."""

    rank: int
    participant: str
    submission: Submission
    score: Score
    mean_run_seconds: float


@dataclass(frozen=True)
class Leaderboard:
    """Ranked rows, and apart from the ranking the ceiling and the floor."""

    rows: list[Row]
    baselines: list[Baseline]
    n_waiting: int


def leaderboard(session: Session, phase: Phase) -> Leaderboard:
    """Return the leaderboard of a phase.

    The higher `final_score` ranks first; on a tie, the earlier submission. Only finished submissions rank.
    """
    seconds = (
        select(Run.submission_id, func.avg(Run.seconds).label("mean")).group_by(Run.submission_id).subquery()
    )
    query = (
        select(Score, Submission, User.name, seconds.c.mean)
        .join(Submission, Score.submission_id == Submission.id)
        .join(User, Submission.user_id == User.id)
        .join(seconds, seconds.c.submission_id == Submission.id)
        .where(Submission.phase_id == phase.id, Submission.state == SubmissionState.FINISHED)
        .order_by(Score.final_score.desc(), Submission.created_at, Submission.id)
    )
    rows: list[Row] = []
    seen = set()
    for score, submission, participant, mean_seconds in session.execute(query):
        if submission.user_id not in seen:
            seen.add(submission.user_id)
            rows.append(Row(len(rows) + 1, participant, submission, score, mean_seconds))
    baselines = session.scalars(
        select(Baseline).where(Baseline.phase_id == phase.id).order_by(Baseline.final_score.desc())
    )
    return Leaderboard(rows, list(baselines), _count_waiting(session, phase))


def _count_waiting(session: Session, phase: Phase) -> int:
    waiting = (SubmissionState.QUEUED, SubmissionState.RUNNING, SubmissionState.SCORING)
    query = select(func.count()).where(Submission.phase_id == phase.id, Submission.state.in_(waiting))
    return session.scalar(query) or 0
