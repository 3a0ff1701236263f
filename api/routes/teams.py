"""Teams: who is in them, how they are called, and how they grow."""

from uuid import UUID

from fastapi import Request, Response, status

from api import paging, problems
from api.authorization import CurrentAccess
from api.dependencies import CurrentUser, NamedCompetition, NamedTeam, ReadingSession, WritingSession
from api.paging import Paging
from api.routing import Router
from api.team_schemas import (
    InvitationAnswer,
    InvitationList,
    InvitationRequest,
    ParticipantAnswer,
    TeamAnswer,
    TeamList,
    TeamRequest,
)
from core import invitations, teams
from core.errors import (
    InvalidCursorError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    NotParticipantError,
    TeamRefusedError,
)
from core.models import Invitation

router = Router(tags=["teams"])

_OF_COMPETITION = "/competitions/{competition}"
_REFUSALS = problems.document(
    NotAuthenticatedError, NotAllowedError, NotParticipantError, NotFoundError, TeamRefusedError
)


@router.get(
    f"{_OF_COMPETITION}/teams",
    summary="List teams",
    responses={200: paging.LINKED, **problems.document(NotFoundError, InvalidCursorError)},
)
def list_teams(
    competition: NamedCompetition, page: Paging, session: ReadingSession, request: Request, response: Response
) -> TeamList:
    """Return the teams of a competition and their members, newest first."""
    listed = teams.list_teams(session, competition, page)
    paging.link(request, response, listed.next_cursor)
    return TeamList(teams=[TeamAnswer.of(one) for one in listed.rows])


@router.post(
    f"{_OF_COMPETITION}/teams",
    summary="Create a team",
    status_code=status.HTTP_201_CREATED,
    responses=_REFUSALS,
)
def create_team(
    competition: NamedCompetition, user: CurrentUser, wanted: TeamRequest, session: WritingSession
) -> TeamAnswer:
    """Make a team of what was you alone, and give it a name; your submissions stay with it."""
    team = teams.create(session, competition, user, wanted.name)
    return TeamAnswer.of(teams.roster(session, team))


@router.get("/teams/{team_id}", summary="See a team", responses=_REFUSALS)
def show_team(team: NamedTeam, session: ReadingSession) -> TeamAnswer:
    """Return a team that you are in."""
    return TeamAnswer.of(teams.roster(session, team))


@router.patch("/teams/{team_id}", summary="Rename a team", responses=_REFUSALS)
def rename_team(
    team: NamedTeam, access: CurrentAccess, user: CurrentUser, wanted: TeamRequest, session: WritingSession
) -> TeamAnswer:
    """Give a team that you lead another name."""
    assert access.competition is not None
    renamed = teams.rename(session, access.competition, team.id, user, wanted.name)
    return TeamAnswer.of(teams.roster(session, renamed))


@router.delete(
    "/teams/{team_id}/members/{member}",
    summary="Leave a team",
    responses=_REFUSALS,
)
def leave_team(
    team: NamedTeam, member: str, access: CurrentAccess, user: CurrentUser, session: WritingSession
) -> ParticipantAnswer:
    """Leave a team, or as its captain remove somebody, into a team of one; only before it has submitted."""
    assert access.competition is not None
    part = teams.leave(session, access.competition, team.id, member, user)
    return ParticipantAnswer.of(access.competition.slug, part, teams.roster(session, part.team))


@router.post(
    "/teams/{team_id}/invitations",
    summary="Invite another team",
    status_code=status.HTTP_201_CREATED,
    responses=_REFUSALS,
)
def invite(
    team: NamedTeam,
    access: CurrentAccess,
    user: CurrentUser,
    wanted: InvitationRequest,
    session: WritingSession,
) -> InvitationAnswer:
    """Ask somebody, with all of their team, to become part of the team that you lead."""
    assert access.competition is not None
    invitation = invitations.invite(session, access.competition, team.id, user, wanted.participant)
    return InvitationAnswer.of(invitation)


@router.get("/teams/{team_id}/invitations", summary="List invitations that were sent", responses=_REFUSALS)
def list_sent_invitations(team: NamedTeam, session: ReadingSession) -> InvitationList:
    """Return the open invitations of a team that you are in."""
    return _list(invitations.list_sent(session, team.id))


@router.get(f"{_OF_COMPETITION}/invitations", summary="List your invitations", responses=_REFUSALS)
def list_invitations(
    competition: NamedCompetition, user: CurrentUser, session: ReadingSession
) -> InvitationList:
    """Return the open invitations that you, as the captain of your team, may accept or decline."""
    return _list(invitations.list_received(session, competition, user))


@router.post(
    f"{_OF_COMPETITION}/invitations/{{invitation_id}}/accept",
    summary="Accept an invitation",
    responses=_REFUSALS,
)
def accept_invitation(
    competition: NamedCompetition, invitation_id: UUID, user: CurrentUser, session: WritingSession
) -> TeamAnswer:
    """Make your team part of the one that invited it, for good: members, submissions, and what they used."""
    team = invitations.accept(session, competition, invitation_id, user)
    return TeamAnswer.of(teams.roster(session, team))


@router.post(
    f"{_OF_COMPETITION}/invitations/{{invitation_id}}/decline",
    summary="Decline an invitation",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_REFUSALS,
)
def decline_invitation(
    competition: NamedCompetition, invitation_id: UUID, user: CurrentUser, session: WritingSession
) -> None:
    """End an invitation of your team."""
    invitations.decline(session, competition, invitation_id, user)


@router.delete(
    f"{_OF_COMPETITION}/invitations/{{invitation_id}}",
    summary="Withdraw an invitation",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_REFUSALS,
)
def withdraw_invitation(
    competition: NamedCompetition, invitation_id: UUID, user: CurrentUser, session: WritingSession
) -> None:
    """End an invitation that the team which you lead has sent."""
    invitations.withdraw(session, competition, invitation_id, user)


def _list(found: list[Invitation]) -> InvitationList:
    return InvitationList(invitations=[InvitationAnswer.of(one) for one in found])
