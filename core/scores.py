"""The scores of submissions, and what they were computed from, looked up."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.models import Score, Submission


def find_score(session: Session, submission: Submission) -> Score | None:
    """Return the score that counts, the one under the version of the phase, once there is one."""
    query = select(Score).where(
        Score.submission_id == submission.id, Score.scoring_version == submission.phase.scoring_version
    )
    return session.scalars(query).first()


def find_artifact_sha256(session: Session, submission_id: UUID) -> str | None:
    """Return the hash of the artifact that a submission was scored from, if it has one."""
    query = select(Score.artifact_sha256).where(
        Score.submission_id == submission_id, Score.artifact_sha256.is_not(None)
    )
    return session.scalars(query.order_by(Score.created_at)).first()
