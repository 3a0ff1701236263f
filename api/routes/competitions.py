"""Competitions and their phases."""

from fastapi import APIRouter

from api import problems
from api.dependencies import NamedCompetition, NamedPhase, ReadingSession
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
def show_competition(competition: NamedCompetition) -> CompetitionAnswer:
    """Return one competition with its phases."""
    return CompetitionAnswer.of(competition)


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
