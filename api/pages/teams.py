"""The page of one's team in a competition: its name, its members, and invitations."""

from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response, status
from starlette.responses import HTMLResponse, RedirectResponse

from api.dependencies import CurrentUser, NamedCompetition, ReadingSession, WritingSession
from api.pages.rendering import render
from api.routing import Router
from core import access, invitations, teams
from core.models import Competition, utc_now

router = Router(
    prefix="/competitions/{competition}/team", include_in_schema=False, default_response_class=HTMLResponse
)

_Line = Annotated[str, Form(max_length=200)]


@router.get("")
def show_team_page(
    request: Request, competition: NamedCompetition, user: CurrentUser, session: ReadingSession
) -> Response:
    """Show one's team, and what it may do now."""
    part = access.find_participant(session, user.id, competition.id)
    roster = None if part is None else teams.roster(session, part.team)
    deadline = competition.team_deadline
    return render(
        request,
        "team.html",
        headers={"Cache-Control": "no-store"},
        competition=competition,
        part=part,
        roster=roster,
        received=invitations.list_received(session, competition, user),
        sent=[] if part is None else invitations.list_sent(session, part.team_id),
        leads=roster is not None and roster.team.captain_id == user.id,
        may_change=deadline is None or utc_now() < deadline,
    )


@router.post("")
def name_team(
    competition: NamedCompetition, user: CurrentUser, session: WritingSession, name: _Line
) -> Response:
    """Name the team: a first time, which makes it one, or anew."""
    part = teams.admit(session, competition, user)
    if part.team.is_solo:
        teams.create(session, competition, user, name)
    else:
        teams.rename(session, competition, part.team_id, user, name)
    return _back(competition)


@router.post("/invitations")
def invite_on_page(
    competition: NamedCompetition, user: CurrentUser, session: WritingSession, participant: _Line
) -> Response:
    """Invite somebody, with all of their team."""
    team_id = teams.admit(session, competition, user).team_id
    invitations.invite(session, competition, team_id, user, participant.strip())
    return _back(competition)


@router.post("/invitations/{invitation_id}/accept")
def accept_on_page(
    competition: NamedCompetition, user: CurrentUser, session: WritingSession, invitation_id: UUID
) -> Response:
    """Become part of a team, for good."""
    invitations.accept(session, competition, invitation_id, user)
    return _back(competition)


@router.post("/invitations/{invitation_id}/decline")
def decline_on_page(
    competition: NamedCompetition, user: CurrentUser, session: WritingSession, invitation_id: UUID
) -> Response:
    """Decline an invitation."""
    invitations.decline(session, competition, invitation_id, user)
    return _back(competition)


@router.post("/invitations/{invitation_id}/withdraw")
def withdraw_on_page(
    competition: NamedCompetition, user: CurrentUser, session: WritingSession, invitation_id: UUID
) -> Response:
    """Take an invitation back."""
    invitations.withdraw(session, competition, invitation_id, user)
    return _back(competition)


@router.post("/leave")
def leave_on_page(
    competition: NamedCompetition, user: CurrentUser, session: WritingSession, member: _Line
) -> Response:
    """Leave the team, or as its captain remove somebody."""
    team_id = teams.admit(session, competition, user).team_id
    teams.leave(session, competition, team_id, member, user)
    return _back(competition)


def _back(competition: Competition) -> Response:
    return RedirectResponse(f"/competitions/{competition.slug}/team", status.HTTP_303_SEE_OTHER)
