"""The scoring of a whole phase under another version of the metric, for organizers."""

from fastapi import Request, Response, status
from sqlalchemy.orm import Session

from api import problems
from api.dependencies import CurrentUser, NamedPhase, ReadingSession, WritingSession
from api.rescoring_schemas import RescoringAnswer, RescoringRequest
from api.routing import Router
from core import rescoring
from core.errors import (
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    RescoringRefusedError,
    UnknownScoringVersionError,
)
from core.models import Phase

router = Router(
    prefix="/competitions/{competition}/phases/{phase}/rescore",
    tags=["rescoring"],
)


@router.post(
    "",
    summary="Score a phase under another version",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems.document(
        NotAuthenticatedError,
        NotAllowedError,
        NotFoundError,
        RescoringRefusedError,
        UnknownScoringVersionError,
    ),
)
def request_rescoring(
    phase: NamedPhase,
    wanted: RescoringRequest,
    user: CurrentUser,
    session: WritingSession,
    request: Request,
    response: Response,
) -> RescoringAnswer:
    """Enqueue the scores that the phase lacks under that version; it ranks once none is missing.

    Old scores stay. Asking again while it is under way changes nothing; after a failure it retries.
    """
    response.headers["Location"] = request.url.path
    rescoring.request(session, phase.id, wanted.scoring_version, actor=user)
    return _answer(session, session.get_one(Phase, phase.id))


@router.get(
    "",
    summary="Follow a rescoring",
    responses=problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError),
)
def show_rescoring(phase: NamedPhase, session: ReadingSession) -> RescoringAnswer:
    """Return under which version the phase is scored, and how far a rescoring is, or what of it failed."""
    return _answer(session, phase)


def _answer(session: Session, phase: Phase) -> RescoringAnswer:
    return RescoringAnswer.of(phase, rescoring.current(session, phase))
