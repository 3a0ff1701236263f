"""Baselines that organizers add: submissions with a name, shown beside the ranking and never in it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, competitions, results, submissions
from core.board_rows import OWN_BASELINES
from core.errors import BaselineRefusedError
from core.models import Submission, User


def mark(session: Session, submission_id: UUID, *, name: str, actor: User) -> Submission:
    """Have a submission stand beside the ranking under a name, for example `fine-tuning`.

    Raises:
        BaselineRefusedError: the phase's own models, or another submission of the phase, have this name; or
            a rerun has taken its place.
        ResultsPublishedError: the results of the phase are published.
    """
    submission = _find(session, submission_id)
    if submission.superseded_at is not None:
        raise BaselineRefusedError("A rerun has taken the place of this submission; name that one.")
    same = select(Submission.id).where(
        Submission.phase_id == submission.phase_id,
        Submission.baseline_name == name,
        Submission.id != submission.id,
    )
    if name.casefold() in OWN_BASELINES or session.scalar(same) is not None:
        raise BaselineRefusedError(
            f"`{name}` is another baseline of {submission.phase.title}; choose a name."
        )
    _change(session, submission, name, actor)
    return submission


def unmark(session: Session, submission_id: UUID, *, actor: User) -> Submission:
    """Have a submission rank again, if it was a baseline.

    Raises:
        ResultsPublishedError: the results of the phase are published.
    """
    submission = _find(session, submission_id)
    _change(session, submission, None, actor)
    return submission


def _find(session: Session, submission_id: UUID) -> Submission:
    """Return a submission whose phase nobody else changes: two marks at once see each other."""
    submission = submissions.find(session, submission_id)
    results.check_unpublished(competitions.lock(session, submission.phase_id))
    return submission


def _change(session: Session, submission: Submission, name: str | None, actor: User) -> None:
    if submission.baseline_name == name:
        return
    before, submission.baseline_name = submission.baseline_name, name
    audit.record(
        session,
        actor=actor,
        action="submission.baseline",
        competition_id=submission.phase.competition_id,
        target=f"submission {submission.id}",
        before={"baseline_name": before},
        after={"baseline_name": name},
    )
