"""Many submissions of a phase run again: all of it, or what an organizer picks out."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from core import reruns, submission_search
from core.errors import RerunRefusedError
from core.lifecycle import SubmissionState
from core.models import Phase, Submission, User
from core.submission_search import SubmissionFilter


@dataclass(frozen=True)
class BulkRerun:
    """How many submissions run again, and how many of those asked for cannot."""

    started: int
    skipped: int


def rerun_all(
    session: Session, phase: Phase, wanted: SubmissionFilter, *, actor: User, reason: str
) -> BulkRerun:
    """Run the submissions of a phase again that are wanted; each is written down as `reruns.rerun` does.

    Those that have not ended, are run again already, or have been, are skipped; so are cancelled ones, whose
    owners did not want them, unless the filter asks for just these.
    """
    here = replace(wanted, phase=phase.slug, superseded=False)
    started = skipped = 0
    for submission_id in submission_search.search_ids(session, phase.competition_id, here):
        state = session.get_one(Submission, submission_id).state
        if state is SubmissionState.CANCELLED is not wanted.state:
            skipped += 1
            continue
        try:
            reruns.rerun(session, submission_id, actor=actor, reason=reason)
            started += 1
        except RerunRefusedError:
            skipped += 1
    return BulkRerun(started, skipped)
