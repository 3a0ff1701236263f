"""Taking part in a competition."""

from fastapi import Response, status

from api import problems
from api.dependencies import CurrentUser, NamedCompetition, ReadingSession, WritingSession
from api.routing import Router
from api.team_schemas import JoinRequest, ParticipantAnswer
from core import access, teams
from core.errors import NotAuthenticatedError, NotFoundError, TermsNotAcceptedError

router = Router(prefix="/competitions/{competition}/participants", tags=["teams"])


@router.post(
    "",
    summary="Join a competition",
    responses={
        status.HTTP_202_ACCEPTED: {
            "model": ParticipantAnswer,
            "description": "An organizer has to approve first",
        },
        **problems.document(NotAuthenticatedError, NotFoundError, TermsNotAcceptedError),
    },
)
def join_competition(
    competition: NamedCompetition,
    user: CurrentUser,
    wish: JoinRequest,
    session: WritingSession,
    response: Response,
) -> ParticipantAnswer:
    """Take part, as a team of one; whoever does already stays as they are."""
    part = teams.join(session, competition, user, accepts_terms=wish.accept_terms)
    if part.state is part.state.PENDING:
        response.status_code = status.HTTP_202_ACCEPTED
        response.headers["Location"] = f"/api/v1/competitions/{competition.slug}/participants/me"
    return ParticipantAnswer.of(competition.slug, part, teams.roster(session, part.team))


@router.get(
    "/me",
    summary="See your part in a competition",
    responses=problems.document(NotAuthenticatedError, NotFoundError),
)
def show_own_part(
    competition: NamedCompetition, user: CurrentUser, session: ReadingSession
) -> ParticipantAnswer:
    """Return whether you take part, and in which team."""
    part = access.find_participant(session, user.id, competition.id)
    if part is None:
        raise NotFoundError(f"You do not take part in {competition.title}.")
    return ParticipantAnswer.of(competition.slug, part, teams.roster(session, part.team))
