"""Competitions and their phases."""

from fastapi import APIRouter

from api import problems
from api.dependencies import ReadingSession, Slug
from api.schemas import CompetitionAnswer, CompetitionList, PhaseAnswer
from core import competitions, references
from core.errors import NotFoundError, PhaseClosedError
from core.models import Phase

router = APIRouter(prefix="/competitions", tags=["competitions"])


@router.get("", summary="List the competitions", responses=problems.document())
def list_competitions(session: ReadingSession) -> CompetitionList:
    """Return all competitions with their phases, newest first."""
    found = competitions.list_competitions(session)
    return CompetitionList(competitions=[CompetitionAnswer.of(one) for one in found])


@router.get("/{competition}", summary="Show a competition", responses=problems.document(NotFoundError))
def show_competition(competition: Slug, session: ReadingSession) -> CompetitionAnswer:
    """Return one competition with its phases."""
    return CompetitionAnswer.of(competitions.find_competition(session, competition))


@router.get(
    "/{competition}/phases/{phase}", summary="Show a phase", responses=problems.document(NotFoundError)
)
def show_phase(competition: Slug, phase: Slug, session: ReadingSession) -> PhaseAnswer:
    """Return one phase: its limits, how far it is prepared, and whether it takes submissions now."""
    found = competitions.find_phase(session, competition, phase)
    progress = references.preparation_progress(session, found)
    return PhaseAnswer.of(found, progress=progress, closed_because=_why_closed(found))


def _why_closed(phase: Phase) -> str | None:
    try:
        competitions.check_open(phase)
    except PhaseClosedError as error:
        return str(error)
    return None
