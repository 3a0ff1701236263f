"""The page of one's team in a competition: its name, its members, and invitations."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response, status
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse, RedirectResponse

from api.dependencies import CurrentUser, NamedCompetition
from api.pages.rendering import render
from core import access, invitations, teams
from core.db import reading, transaction
from core.errors import ParticipantError
from core.models import Competition, User, utc_now

router = APIRouter(
    prefix="/competitions/{competition}/team", include_in_schema=False, default_response_class=HTMLResponse
)

_Line = Annotated[str, Form(max_length=200)]


@router.get("")
def show_team_page(request: Request, competition: NamedCompetition, user: CurrentUser) -> Response:
    """Show one's team, and what it may do now."""
    return _page(request, competition, user)


@router.post("")
def name_team(request: Request, competition: NamedCompetition, user: CurrentUser, name: _Line) -> Response:
    """Name the team: a first time, which makes it one, or anew."""

    def change(session: Session) -> None:
        part = teams.admit(session, competition, user)
        if part.team.is_solo:
            teams.create(session, competition, user, name)
        else:
            teams.rename(session, competition, part.team_id, user, name)

    return _carry_out(request, competition, user, change)


@router.post("/invitations")
def invite_on_page(
    request: Request, competition: NamedCompetition, user: CurrentUser, participant: _Line
) -> Response:
    """Invite somebody, with all of their team."""

    def change(session: Session) -> None:
        team_id = teams.admit(session, competition, user).team_id
        invitations.invite(session, competition, team_id, user, participant.strip())

    return _carry_out(request, competition, user, change)


@router.post("/invitations/{invitation_id}/accept")
def accept_on_page(
    request: Request, competition: NamedCompetition, user: CurrentUser, invitation_id: UUID
) -> Response:
    """Become part of a team, for good."""
    return _carry_out(
        request,
        competition,
        user,
        lambda session: invitations.accept(session, competition, invitation_id, user),
    )


@router.post("/invitations/{invitation_id}/decline")
def decline_on_page(
    request: Request, competition: NamedCompetition, user: CurrentUser, invitation_id: UUID
) -> Response:
    """Decline an invitation."""
    return _carry_out(
        request,
        competition,
        user,
        lambda session: invitations.decline(session, competition, invitation_id, user),
    )


@router.post("/invitations/{invitation_id}/withdraw")
def withdraw_on_page(
    request: Request, competition: NamedCompetition, user: CurrentUser, invitation_id: UUID
) -> Response:
    """Take an invitation back."""
    return _carry_out(
        request,
        competition,
        user,
        lambda session: invitations.withdraw(session, competition, invitation_id, user),
    )


@router.post("/leave")
def leave_on_page(
    request: Request, competition: NamedCompetition, user: CurrentUser, member: _Line
) -> Response:
    """Leave the team, or as its captain remove somebody."""

    def change(session: Session) -> None:
        team_id = teams.admit(session, competition, user).team_id
        teams.leave(session, competition, team_id, member, user)

    return _carry_out(request, competition, user, change)


def _carry_out(
    request: Request, competition: Competition, user: User, change: Callable[[Session], object]
) -> Response:
    """Make a change and show the page anew; what is refused is said on the page."""
    try:
        with transaction() as session:
            change(session)
    except ParticipantError as error:
        return _page(request, competition, user, problem=error)
    return RedirectResponse(f"/competitions/{competition.slug}/team", status.HTTP_303_SEE_OTHER)


def _page(
    request: Request, competition: Competition, user: User, *, problem: ParticipantError | None = None
) -> Response:
    with reading() as session:
        part = access.find_participant(session, user.id, competition.id)
        roster = None if part is None else teams.roster(session, part.team)
        received = invitations.list_received(session, competition, user)
        sent = [] if part is None else invitations.list_sent(session, part.team_id)
    deadline = competition.team_deadline
    return render(
        request,
        "team.html",
        status=200 if problem is None else problem.status,
        headers={"Cache-Control": "no-store"},
        competition=competition,
        part=part,
        roster=roster,
        received=received,
        sent=sent,
        leads=roster is not None and roster.team.captain_id == user.id,
        may_change=deadline is None or utc_now() < deadline,
        problem=problem,
        message="",
    )
