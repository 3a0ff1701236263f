"""The runs of a submission: those that have ended, and the seed that each one gets."""

import hashlib
import hmac
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from core.lifecycle import Verdict
from core.models import Run


def list_runs(session: Session, submission_id: UUID, *, with_logs: bool = False) -> list[Run]:
    """Return the runs that have ended, in order of their index."""
    query = select(Run).where(Run.submission_id == submission_id).order_by(Run.run_index)
    return list(session.scalars(query.options(undefer(Run.log)) if with_logs else query))


def find_failed_run(session: Session, submission_id: UUID) -> Run | None:
    """Return the run that failed the submission, if one did."""
    failed = select(Run).where(Run.submission_id == submission_id, Run.verdict != Verdict.OK)
    return session.scalars(failed).first()


def count_runs(session: Session, submission_id: UUID) -> int:
    """Return how many runs of a submission have ended."""
    return session.scalar(select(func.count()).where(Run.submission_id == submission_id)) or 0


def seconds_spent(session: Session, submission_id: UUID) -> float:
    """Return the seconds that the stored runs of a submission took together."""
    return session.scalar(select(func.sum(Run.seconds)).where(Run.submission_id == submission_id)) or 0.0


def run_seed(secret: bytes, submission_id: UUID, run_index: int) -> int:
    """Return the seed of a run, in 0 … 2⁶³-1: the same after a resume, and nobody's to guess."""
    digest = hmac.digest(secret, f"{submission_id}:{run_index}".encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") >> 1
