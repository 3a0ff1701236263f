"""Competitions and their phases."""

from fastapi import Response

from api import problems
from api.authorization import CurrentAccess
from api.dependencies import NamedCompetition, NamedPhase, ReadingSession
from api.routing import Router
from api.schemas import CompetitionAnswer, CompetitionDetail, CompetitionList, PhaseAnswer
from core import competitions, references
from core.errors import NotFoundError, PhaseClosedError
from core.models import Phase
from core.storage import storage

router = Router(prefix="/competitions", tags=["competitions"])


@router.get("", summary="List the competitions", responses=problems.document())
def list_competitions(session: ReadingSession, access: CurrentAccess) -> CompetitionList:
    """Return all competitions with their phases, newest first; unpublished ones to their organizers."""
    viewer = None if access.principal is None else access.principal.user
    found = competitions.list_competitions(session, viewer)
    return CompetitionList(competitions=[CompetitionAnswer.of(one) for one in found])


@router.get("/{competition}", summary="Show a competition", responses=problems.document(NotFoundError))
def show_competition(competition: NamedCompetition) -> CompetitionDetail:
    """Return one competition with its phases and pages."""
    return CompetitionDetail.of(competition)


@router.get(
    "/{competition}/logo",
    summary="Show the logo of a competition",
    response_class=Response,
    responses=problems.document(NotFoundError),
)
def show_logo(competition: NamedCompetition) -> Response:
    """Return the picture, if the competition has one."""
    if competition.image_sha256 is None:
        raise NotFoundError(f"{competition.title} has no logo.")
    return Response(
        storage().get(competition.image_sha256),
        media_type=competition.image_type,
        # Nothing in the file may ever act, whatever a browser takes it for.
        headers={"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "max-age=300"},
    )


@router.get(
    "/{competition}/phases/{phase}", summary="Show a phase", responses=problems.document(NotFoundError)
)
def show_phase(phase: NamedPhase, session: ReadingSession) -> PhaseAnswer:
    """Return one phase: its limits, how far it is prepared, and whether it takes submissions now."""
    progress = references.preparation_progress(session, phase)
    return PhaseAnswer.of(phase, progress=progress, closed_because=_why_closed(phase))


def _why_closed(phase: Phase) -> str | None:
    try:
        competitions.check_open(phase)
    except PhaseClosedError as error:
        return str(error)
    return None
