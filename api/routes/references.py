"""The reference models of a phase, for organizers."""

from fastapi import Request, Response, status
from sqlalchemy.orm import Session

from api import problems
from api.dependencies import CurrentUser, NamedPhase, ReadingSession, WritingSession
from api.reference_schemas import ReferencesAnswer
from api.routing import Router
from core import references
from core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from core.models import Phase

router = Router(
    prefix="/competitions/{competition}/phases/{phase}/references",
    tags=["references"],
    responses=problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError),
)


@router.post("", summary="Build the missing reference models", status_code=status.HTTP_202_ACCEPTED)
def request_references(
    phase: NamedPhase, user: CurrentUser, session: WritingSession, request: Request, response: Response
) -> ReferencesAnswer:
    """Enqueue what the phase lacks to open: its original model, reference models, baselines.

    What is stored, or under way, is not made again. A phase that broke is in preparation again.
    """
    response.headers["Location"] = request.url.path
    references.request(session, phase.id, actor=user)
    return _answer(session, session.get_one(Phase, phase.id))


@router.get("", summary="Follow the reference models")
def show_references(phase: NamedPhase, session: ReadingSession) -> ReferencesAnswer:
    """Return how many reference models there are, what one takes, and how long the others will take."""
    return _answer(session, phase)


def _answer(session: Session, phase: Phase) -> ReferencesAnswer:
    return ReferencesAnswer.of(phase, references.current(session, phase))
