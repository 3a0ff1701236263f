"""What organizers decide about a submission: that it is run again, disqualified, or restored."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, competitions, results, submissions, teams
from core.errors import RerunRefusedError
from core.lifecycle import ENDED, PhaseState, SubmissionState
from core.models import Submission, User, utc_now


def rerun(session: Session, submission_id: UUID, *, actor: User, reason: str = "") -> Submission:
    """Run a submission that has ended once more, under new seeds; return the new submission.

    The rerun costs its team no quota. When it has ended, well or by a fault of its own, it takes the place of
    the old one (`core.succession`); if it is cancelled, or the platform fails, all stays as it was.

    Raises:
        RerunRefusedError: the submission has not ended, was run again already, or its phase is not ready.
        ResultsPublishedError: the results of its phase are published.
    """
    _hold_unpublished(session, submission_id)
    teams.lock_owner(session, submission_id)
    before = submissions.lock(session, submission_id)
    _check_may_rerun(session, before)
    again = Submission(
        phase=before.phase,
        team_id=before.team_id,
        user_id=before.user_id,
        rerun_of_id=before.id,
        filename=before.filename,
        source_sha256=before.source_sha256,
        size_bytes=before.size_bytes,
        warnings=before.warnings,
        state=SubmissionState.UPLOADED,
        # Its team made it when it made the first: that decides between equal scores, and which is the last.
        created_at=before.created_at,
    )
    submissions.add(session, again)
    audit.record(
        session,
        actor=actor,
        action="submission.rerun",
        competition_id=before.phase.competition_id,
        target=f"submission {before.id}",
        reason=reason,
        after={"rerun": again.id},
    )
    return again


def _check_may_rerun(session: Session, submission: Submission) -> None:
    if submission.state not in ENDED:
        raise RerunRefusedError(
            f"The submission is {submission.state}; wait until it has ended, or cancel it."
        )
    if submission.superseded_at is not None:
        raise RerunRefusedError("The submission was run again already; run the one that took its place.")
    under_way = select(Submission.id).where(
        Submission.rerun_of_id == submission.id, Submission.state.not_in(ENDED)
    )
    if session.scalars(under_way).first() is not None:
        raise RerunRefusedError("The submission is being run again already.")
    if submission.phase.state is not PhaseState.READY:
        raise RerunRefusedError(f"{submission.phase.title} is {submission.phase.state}; nothing runs there.")


def disqualify(session: Session, submission_id: UUID, *, actor: User, reason: str) -> Submission:
    """Take a submission out of the ranking and of what migrates; its owner sees the reason.

    One that is disqualified already gets the new reason.

    Raises:
        ResultsPublishedError: the results of its phase are published.
    """
    _hold_unpublished(session, submission_id)
    submission = submissions.lock(session, submission_id)
    before = _ruling(submission)
    submission.disqualified_at = submission.disqualified_at or utc_now()
    submission.disqualified_reason = reason
    _record_ruling(session, submission, "submission.disqualify", actor=actor, reason=reason, before=before)
    return submission


def restore(session: Session, submission_id: UUID, *, actor: User, reason: str = "") -> Submission:
    """Take a disqualification back; without one nothing happens.

    Raises:
        ResultsPublishedError: the results of its phase are published.
    """
    _hold_unpublished(session, submission_id)
    submission = submissions.lock(session, submission_id)
    if submission.disqualified_at is None:
        return submission
    before = _ruling(submission)
    submission.disqualified_at, submission.disqualified_reason = None, ""
    _record_ruling(session, submission, "submission.restore", actor=actor, reason=reason, before=before)
    return submission


def _hold_unpublished(session: Session, submission_id: UUID) -> None:
    """Let nobody publish the results of a submission's phase before this transaction has ended."""
    phase = competitions.hold(session, session.get_one(Submission, submission_id).phase_id)
    results.check_unpublished(phase)


def _ruling(submission: Submission) -> dict[str, object]:
    return {"disqualified_at": submission.disqualified_at, "reason": submission.disqualified_reason}


def _record_ruling(
    session: Session,
    submission: Submission,
    action: str,
    *,
    actor: User,
    reason: str,
    before: dict[str, object],
) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        competition_id=submission.phase.competition_id,
        target=f"submission {submission.id}",
        reason=reason,
        before=before,
        after=_ruling(submission),
    )
