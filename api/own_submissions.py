"""The submissions of the asker's team in a phase, for the API and for the page."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from api.schemas import SubmissionAnswer
from api.team_schemas import OwnSubmissions, SelectionAnswer, UsageAnswer
from core import access, quotas, selection, team_submissions
from core.models import Phase
from core.paging import Listed, Page
from core.team_submissions import Entry
from core.visibility import Viewer


class OwnPage(NamedTuple):
    """One page of them, and where the next one begins; None after the last."""

    answer: OwnSubmissions
    next_cursor: str | None


def read_own(session: Session, phase: Phase, viewer: Viewer, page: Page) -> OwnPage:
    """Return the submissions of the viewer's team in a phase; none for who has no team, or is banned."""
    team_id = session.scalar(access.own_team(viewer.user_id, phase.competition_id))
    listed: Listed[Entry] = Listed([], None)
    if team_id is not None:
        listed = team_submissions.list_entries(session, phase, team_id, page)
    answers = [
        SubmissionAnswer.of(
            entry.submission,
            viewer=viewer,
            n_ended=entry.n_ended,
            failed_run=entry.failed_run,
            score=entry.score,
        )
        for entry in listed.rows
    ]
    selected = SelectionAnswer(
        selected=selection.count_selected(session, phase.id, team_id),
        most=selection.most_selected(session, phase),
    )
    usage = UsageAnswer.of(quotas.usage(session, phase, team_id))
    return OwnPage(OwnSubmissions(submissions=answers, usage=usage, selection=selected), listed.next_cursor)
