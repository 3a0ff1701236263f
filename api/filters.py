"""What a list is asked for in its address: filters, checked, as the core takes them."""

from typing import Annotated, Any

from fastapi import Depends, Query, status
from pydantic import AwareDatetime

from api import paging, problems
from core.admission import ParticipantFilter
from core.audit import AuditFilter
from core.errors import InvalidCursorError
from core.lifecycle import ParticipantState, SubmissionState, Verdict
from core.submission_search import SubmissionFilter

LISTED: dict[int | str, dict[str, Any]] = {
    status.HTTP_200_OK: paging.LINKED,
    **problems.document(InvalidCursorError),
}
"""What OpenAPI says of a list that comes in pages."""

# No database holds the character 0.
Letters = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]
_Moment = Annotated[AwareDatetime | None, Query(description="With a zone: `2026-01-31T12:00:00Z`.")]
_Flag = Annotated[bool | None, Query()]


def _participants(
    state: ParticipantState | None = None, name: Letters = "", team: Letters = ""
) -> ParticipantFilter:
    return ParticipantFilter(state, name, team)


def _events(
    actor: Letters = "",
    action: Letters = "",
    target: Letters = "",
    since: _Moment = None,
    until: _Moment = None,
) -> AuditFilter:
    return AuditFilter(actor, action, target, since, until)


def _submissions(  # noqa: PLR0913  # one parameter for each filter
    *,
    phase: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,64}$")] = None,
    team: Letters = "",
    state: SubmissionState | None = None,
    verdict: Verdict | None = None,
    disqualified: _Flag = None,
    superseded: _Flag = None,
    since: _Moment = None,
    until: _Moment = None,
    text: Letters = "",
) -> SubmissionFilter:
    return SubmissionFilter(phase, team, state, verdict, disqualified, superseded, since, until, text)


WantedParticipants = Annotated[ParticipantFilter, Depends(_participants)]
WantedEvents = Annotated[AuditFilter, Depends(_events)]
WantedSubmissions = Annotated[SubmissionFilter, Depends(_submissions)]
