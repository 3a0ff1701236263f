"""What a list is asked for in its address: filters, checked, as the core takes them."""

import re
from typing import Annotated, Any

from fastapi import Depends, Query, status
from pydantic import AwareDatetime, BeforeValidator, StringConstraints

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


def _none_if_empty(value: object) -> object:
    """A form sends a field that was left alone as an empty one."""
    return None if value == "" else value


def _beginning_of_day(value: object) -> object:
    """A form sends a day, which here is one of UTC."""
    is_day = isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)
    return f"{value}T00:00:00Z" if is_day else _none_if_empty(value)


_Moment = Annotated[
    AwareDatetime | None,
    BeforeValidator(_beginning_of_day),
    Query(description="`2026-01-31T12:00:00Z`, with a zone, or a day of UTC."),
]
_Flag = Annotated[bool | None, BeforeValidator(_none_if_empty), Query()]
_Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
_Phase = Annotated[_Slug | None, BeforeValidator(_none_if_empty), Query()]
_Standing = Annotated[ParticipantState | None, BeforeValidator(_none_if_empty), Query()]
_State = Annotated[SubmissionState | None, BeforeValidator(_none_if_empty), Query()]
_Verdict = Annotated[Verdict | None, BeforeValidator(_none_if_empty), Query()]


def _participants(state: _Standing = None, name: Letters = "", team: Letters = "") -> ParticipantFilter:
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
    phase: _Phase = None,
    team: Letters = "",
    state: _State = None,
    verdict: _Verdict = None,
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
