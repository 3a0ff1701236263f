"""Selection: which of its submissions a team sends into the next phase, or wants to be ranked by.

A team may select in a phase whose next one takes what was selected, as many as that one takes of a team;
else in a phase that ranks what was selected, as many as it says itself; and until the phase ends.
"""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import competitions, standings, submissions, teams
from core.errors import SelectionRefusedError
from core.lifecycle import BoardRule, SubmissionState
from core.models import Phase, Submission, utc_now


def most_selected(session: Session, phase: Phase) -> int:
    """Return how many submissions a team may select in a phase; 0 where a selection would mean nothing."""
    following = next_phase(session, phase)
    if following is not None and following.auto_migrate:
        return following.max_selected
    return phase.max_selected if phase.board_rule is BoardRule.SELECTED else 0


def next_phase(session: Session, phase: Phase) -> Phase | None:
    """Return the phase that comes after this one in its competition."""
    later = select(Phase).where(Phase.competition_id == phase.competition_id, Phase.position > phase.position)
    return session.scalars(later.order_by(Phase.position).limit(1)).first()


def select_submission(session: Session, submission_id: UUID) -> Submission:
    """Select a submission of a team; one that is selected already stays so.

    Raises:
        SelectionRefusedError: it has not finished, was disqualified or run again, there are as many already
            as may be, or the phase has ended.
    """
    submission = _lock(session, submission_id)
    if submission.selected_at is not None:
        return submission
    if submission.state is not SubmissionState.FINISHED:
        raise SelectionRefusedError("Only a submission that has finished can be selected.")
    if submission.superseded_at is not None:
        raise SelectionRefusedError("This submission was run again; select the one that took its place.")
    if submission.disqualified_at is not None:
        raise SelectionRefusedError("This submission is disqualified.")
    most = most_selected(session, submission.phase)
    if most == 0:
        raise SelectionRefusedError(f"Nothing is selected in {submission.phase.title}.")
    if count_selected(session, submission.phase_id, submission.team_id) >= most:
        raise SelectionRefusedError(
            f"Your team has selected {most} already, as many as it may. Deselect one."
        )
    submission.selected_at = utc_now()
    return submission


def deselect(session: Session, submission_id: UUID) -> Submission:
    """Take the selection of a submission back.

    Raises:
        SelectionRefusedError: the phase has ended.
    """
    submission = _lock(session, submission_id)
    submission.selected_at = None
    return submission


def count_selected(session: Session, phase_id: UUID, team_id: UUID | None) -> int:
    """Return how many submissions of a team are selected in a phase and could still be sent on."""
    query = select(func.count()).where(
        Submission.phase_id == phase_id, Submission.team_id == team_id, Submission.selected_at.is_not(None)
    )
    return session.scalar(query.where(*standings.counts())) or 0


def _lock(session: Session, submission_id: UUID) -> Submission:
    """Return a submission whose phase goes on, with its team locked: two selections are counted in turn."""
    found = submissions.find(session, submission_id)
    phase = competitions.hold(session, found.phase_id)
    if competitions.has_closed(phase, utc_now()):
        raise SelectionRefusedError(f"{phase.title} has ended; its selection stays as it is.")
    teams.lock_owner(session, submission_id)
    return submissions.lock(session, submission_id)
