"""What becomes of a submission when its rerun has ended: the rerun takes its place."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.models import Submission, utc_now


def take_over(session: Session, rerun: Submission) -> None:
    """Let a submission that has ended, if it is a rerun, stand for the one that it repeats.

    The selection, a disqualification and the name of a baseline move along. Call it only for an end that is
    the submission's own: a rerun that was cancelled, or that the platform failed at, changes nothing.
    """
    if rerun.rerun_of_id is None:
        return
    # A rerun is locked before what it repeats, here as everywhere.
    locked = select(Submission).where(Submission.id == rerun.rerun_of_id).with_for_update(of=Submission)
    before = session.scalars(locked.execution_options(populate_existing=True)).one()
    before.superseded_at = utc_now()
    rerun.selected_at, before.selected_at = before.selected_at, None
    if before.disqualified_at is not None:
        rerun.disqualified_at, rerun.disqualified_reason = before.disqualified_at, before.disqualified_reason
    if before.baseline_name is not None:
        name, before.baseline_name = before.baseline_name, None
        session.flush()  # a phase has each name once, at every moment
        rerun.baseline_name = name
