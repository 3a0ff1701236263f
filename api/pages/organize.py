"""The organizers' pages of who takes part and what they submitted: overview, people, submissions, teams."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import Form, Query, Request, Response, status
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, RedirectResponse

from api.dependencies import (
    CurrentUser,
    NamedCompetition,
    NamedPhase,
    NamedSubmission,
    NamedTeam,
    ReadingSession,
    WritingSession,
)
from api.filters import Letters, WantedParticipants, WantedSubmissions
from api.pages.organizing import back, show
from api.paging import Paging
from api.routing import Router
from core import (
    admission,
    competitions,
    organizers,
    references,
    reruns,
    results,
    submission_search,
    submissions,
    team_quotas,
)
from core.admission import ParticipantFilter
from core.errors import InvalidRequestError
from core.lifecycle import ENDED, ParticipantState, SubmissionState, Verdict
from core.models import Phase, utc_now
from core.paging import Page
from core.quotas import MAX_QUOTA, Quotas
from core.references import References

router = Router(
    prefix="/competitions/{competition}/organize",
    include_in_schema=False,
    default_response_class=HTMLResponse,
)

_Reason = Annotated[str, Form(max_length=20_000, pattern=r"^[^\x00]*$")]
_Quota = Annotated[str, Field(max_length=7, pattern=r"^[0-9]*$")]
_MANY = 200


@dataclass(frozen=True)
class PhaseLine:
    """A phase as the overview shows it."""

    phase: Phase
    references: References
    n_waiting: int
    has_closed: bool


class QuotaForm(BaseModel):
    """What an organizer wrote into the fields of a team's quotas."""

    per_day: _Quota = ""
    total: _Quota = ""
    concurrent: _Quota = ""


class Admission(StrEnum):
    """What the page of participants does to one of them."""

    APPROVE = "approve"
    BAN = "ban"
    UNBAN = "unban"


class Ruling(StrEnum):
    """What the page of submissions does to one of them."""

    RERUN = "rerun"
    CANCEL = "cancel"
    DISQUALIFY = "disqualify"
    RESTORE = "restore"


@router.get("")
def show_overview(request: Request, competition: NamedCompetition, session: ReadingSession) -> Response:
    """Show how far each phase is, who waits to be let in, and who else organizes."""
    lines = [
        PhaseLine(
            phase,
            references.current(session, phase),
            submission_search.count_under_way(session, phase.id),
            competitions.has_closed(phase, utc_now()),
        )
        for phase in competition.phases
    ]
    pending = ParticipantFilter(state=ParticipantState.PENDING)
    waiting = admission.list_participants(session, competition.id, pending, Page(limit=_MANY))
    found = organizers.list_all(session, competition)
    return show(
        request, "organize.html", competition, lines=lines, n_pending=len(waiting.rows), organizers=found
    )


@router.post("/phases/{phase}/references")
def build_references(phase: NamedPhase, user: CurrentUser, session: WritingSession) -> Response:
    """Have the reference models made that a phase lacks."""
    references.request(session, phase.id, actor=user)
    return back(phase.competition, "", done="building")


@router.post("/phases/{phase}/publish")
def publish_results(phase: NamedPhase, user: CurrentUser, session: WritingSession) -> Response:
    """Publish the results of a phase."""
    results.publish(session, phase.id, actor=user)
    return back(phase.competition, "", done="published")


@router.post("/organizers")
def add_organizer(
    competition: NamedCompetition,
    user: CurrentUser,
    session: WritingSession,
    name: Annotated[str, Form(min_length=1, max_length=64, pattern=r"^[^\x00]*$")],
) -> Response:
    """Make somebody an organizer."""
    organizers.add(session, user, competition, name.strip())
    return back(competition, "", done="organizer")


@router.post("/organizers/{user_id}/remove")
def remove_organizer(
    competition: NamedCompetition, user_id: UUID, user: CurrentUser, session: WritingSession
) -> Response:
    """Unmake an organizer."""
    organizers.remove(session, user, competition, user_id)
    # Who has just removed themselves may not come back here.
    address = f"/competitions/{competition.slug}" if user_id == user.id else None
    return RedirectResponse(address, status.HTTP_303_SEE_OTHER) if address else back(competition, "")


@router.get("/participants")
def show_participants(
    request: Request,
    competition: NamedCompetition,
    session: ReadingSession,
    wanted: WantedParticipants,
    page: Paging,
) -> Response:
    """Show who takes part and who waits to be let in."""
    listed = admission.list_participants(session, competition.id, wanted, page)
    return show(
        request,
        "organize_participants.html",
        competition,
        listed=listed,
        wanted=wanted,
        states=list(ParticipantState),
    )


@router.post("/participants/{participant_id}/{action}")
def decide_participant(
    competition: NamedCompetition,
    participant_id: UUID,
    action: Admission,
    user: CurrentUser,
    session: WritingSession,
    reason: _Reason = "",
) -> Response:
    """Let somebody in, shut them out, or let them in again."""
    if action is Admission.APPROVE:
        admission.approve(session, user, competition, participant_id)
    elif action is Admission.UNBAN:
        admission.unban(session, user, competition.id, participant_id)
    else:
        reason = _needed(reason)
        admission.ban(session, user, competition.id, participant_id, reason=reason)
    return back(competition, "/participants", done=action)


@router.get("/submissions")
def show_submissions(
    request: Request,
    competition: NamedCompetition,
    session: ReadingSession,
    wanted: WantedSubmissions,
    page: Paging,
) -> Response:
    """Show the submissions of all teams."""
    listed = submission_search.search(session, competition.id, wanted, page)
    return show(
        request,
        "organize_submissions.html",
        competition,
        listed=listed,
        wanted=wanted,
        states=list(SubmissionState),
        verdicts=list(Verdict),
        ended=ENDED,
    )


@router.post("/submissions/{submission_id}/{action}")
def decide_submission(
    competition: NamedCompetition,
    submission: NamedSubmission,
    action: Ruling,
    user: CurrentUser,
    session: WritingSession,
    reason: _Reason = "",
) -> Response:
    """Run a submission again, cancel it, disqualify it, or take that back."""
    if action is Ruling.RERUN:
        reruns.rerun(session, submission.id, actor=user, reason=reason)
    elif action is Ruling.CANCEL:
        submissions.cancel(session, submission.id, actor=user, reason=reason)
    elif action is Ruling.RESTORE:
        reruns.restore(session, submission.id, actor=user, reason=reason)
    else:
        reruns.disqualify(session, submission.id, actor=user, reason=_needed(reason))
    return back(competition, "/submissions", done=action)


@router.get("/teams")
def show_teams(
    request: Request,
    competition: NamedCompetition,
    session: ReadingSession,
    page: Paging,
    phase: Annotated[str, Query(max_length=64)] = "",
    name: Letters = "",
) -> Response:
    """Show what the teams have used of their quotas in one phase."""
    shown = next((one for one in competition.phases if one.slug == phase), competition.phases[0])
    listed = team_quotas.list_usage(session, shown, page, name=name)
    return show(request, "organize_teams.html", competition, listed=listed, shown=shown, name=name)


@router.post("/phases/{phase}/quotas/{team_id}")
def set_quota(
    phase: NamedPhase,
    team: NamedTeam,
    sent: Annotated[QuotaForm, Form()],
    user: CurrentUser,
    session: WritingSession,
) -> Response:
    """Give one team quotas of its own; with every field left empty, those of the phase again."""
    wanted = Quotas(**{kind: _number(text) for kind, text in sent.model_dump().items()})
    if wanted == Quotas():
        team_quotas.reset(session, phase, team.id, actor=user)
    else:
        team_quotas.allow(session, phase, team.id, wanted, actor=user)
    return back(phase.competition, "/teams", done="quota", phase=phase.slug)


def _number(text: str) -> int | None:
    return min(int(text), MAX_QUOTA) if text else None


def _needed(reason: str) -> str:
    if not reason.strip():
        raise InvalidRequestError("Give a reason: those concerned will read it.")
    return reason.strip()
